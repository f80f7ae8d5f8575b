use odyssey_types::{Fixed, Nutrient};

use super::{BmiClass, Derived, LimitKind, derive_profile, div_half_even};
use crate::engine::RulePack;
use crate::engine::testing::profile;

fn derived(json: &str) -> Derived {
    derive_profile(&profile(json), None, RulePack::embedded())
}

const WOMAN: &str =
    r#""height_cm":165,"weight_kg":70,"age_years":40,"sex":"female","activity_level":"moderate""#;

fn with(rest: &str) -> Derived {
    derived(&format!("{{{WOMAN}{rest}}}"))
}

fn limit(derived: &Derived, nutrient: Nutrient, kind: LimitKind) -> Option<String> {
    let found = derived.daily_limits.iter().find(|l| l.nutrient == nutrient && l.kind == kind)?;
    Some(nutrient.render(found.amount))
}

#[test]
fn body_mass_index_is_classed_before_it_is_rounded() {
    let class = |weight: &str| {
        let d = derived(&format!(r#"{{"height_cm":200,"weight_kg":{weight},"age_years":30}}"#));
        (d.bmi, d.bmi_class)
    };
    assert_eq!(class("73.999"), (Some(Fixed(185)), Some(BmiClass::Underweight)));
    assert_eq!(class("74"), (Some(Fixed(185)), Some(BmiClass::Healthy)));
    assert_eq!(class("100"), (Some(Fixed(250)), Some(BmiClass::Overweight)));
    assert_eq!(class("160"), (Some(Fixed(400)), Some(BmiClass::Obesity3)));
}

#[test]
fn a_child_gets_no_adult_class_and_the_energy_of_children() {
    let json = r#"{"height_cm":150,"weight_kg":40,"age_years":12,"sex":"male","activity_level":"light"}"#;
    let child = derived(json);
    // −447.51 + 3.68 × 12 + 13.01 × 150 + 13.15 × 40 + 25 for growth = 2099.15
    assert_eq!((child.bmi_class, child.bmr_kcal, child.tdee_kcal), (None, None, Some(2099)));
    assert_eq!(child.bmi, Some(Fixed(178)));
    assert_eq!(child.notes, ["DRV_BMI_UNKNOWN_CHILD", "DRV_EER"]);
    assert_eq!(limit(&child, Nutrient::Sodium, LimitKind::Cap).as_deref(), Some("1800"));
    // 55.59 − 22.25 × 12 + 8.43 × 150 + 17.07 × 40 + 30 = 1765.89; the mean of both is 1932.52.
    let unspecified = derived(&json.replace("\"male\"", "\"unspecified\""));
    assert_eq!(unspecified.tdee_kcal, Some(1933));
    assert!(unspecified.notes.contains(&"DRV_SEX_MEAN"));
    let toddler = derived(&json.replace("\"age_years\":12", "\"age_years\":2"));
    assert_eq!(toddler.tdee_kcal, None);
}

#[test]
fn the_estimated_energy_requirement_is_an_option_for_adults() {
    // Women, low active: 575.77 − 7.01 × 40 + 6.60 × 165 + 12.14 × 70 = 2234.17
    let woman = with(r#","energy_formula":"eer_2023""#);
    assert_eq!((woman.bmr_kcal, woman.tdee_kcal), (Some(1370), Some(2234)));
    assert_eq!(woman.notes, ["DRV_EER"]);
    let energy = woman.daily_limits.iter().find(|l| l.nutrient == Nutrient::Energy).expect("a target");
    assert!(energy.rule.citation.contains("NASEM"), "{}", energy.rule.citation);
}

#[test]
fn pregnancy_and_lactation_have_their_own_energy() {
    let pregnant = r#","reproductive_status":"pregnant","gestation_weeks":26,"pre_pregnancy_weight_kg":64"#;
    // 693.35 − 2.04 × 40 + 5.73 × 165 + 10.20 × 70 + 9.16 × 26 = 2509.36; body mass index 23.5: 200 stored.
    let woman = with(pregnant);
    assert_eq!((woman.bmi, woman.bmi_class), (Some(Fixed(235)), Some(BmiClass::Healthy)));
    assert_eq!((woman.bmr_kcal, woman.tdee_kcal), (None, Some(2709)));
    // Without the weight before, nothing is guessed; in the first trimester nothing is added.
    assert_eq!(with(r#","reproductive_status":"pregnant","gestation_weeks":26"#).tdee_kcal, None);
    assert_eq!(with(r#","reproductive_status":"pregnant","gestation_weeks":10"#).tdee_kcal, Some(2234));
    assert_eq!(with(r#","reproductive_status":"lactating""#).tdee_kcal, Some(2614));
    assert_eq!(limit(&woman, Nutrient::Iron, LimitKind::Target).as_deref(), Some("27"));
    assert_eq!(limit(&woman, Nutrient::Carbohydrate, LimitKind::Min).as_deref(), Some("175"));
    assert_eq!(limit(&woman, Nutrient::Folate, LimitKind::Target).as_deref(), Some("600"));
    assert_eq!(
        limit(&with(r#","reproductive_status":"lactating""#), Nutrient::Iron, LimitKind::Target).as_deref(),
        Some("9")
    );
}

#[test]
fn no_deficit_is_planned_where_it_would_harm() {
    for more in [
        r#","conditions":[{"system":"icd10cm","code":"F50.00"}]"#,
        r#","conditions":[{"system":"icd10cm","code":"Z99.2"}]"#,
        r#","reproductive_status":"lactating""#,
    ] {
        let derived = with(&format!(r#","goals":["weight_loss"]{more}"#));
        assert_eq!(derived.energy_target_kcal, derived.tdee_kcal, "{more}");
    }
}

#[test]
fn amounts_by_body_weight_need_one() {
    let kidney =
        |more: &str| derived(&format!(r#"{{"conditions":[{{"system":"icd10cm","code":"N18.4"}}]{more}}}"#));
    let protein = |d: &Derived, kind| limit(d, Nutrient::Protein, kind);
    // 0.6 g per kg of 70 kg.
    assert_eq!(protein(&kidney(r#","weight_kg":70"#), LimitKind::Cap).as_deref(), Some("42"));
    assert_eq!(protein(&kidney(""), LimitKind::Cap), None);
    let dialysis = derived(r#"{"weight_kg":70,"conditions":[{"system":"icd10cm","code":"Z99.2"}]}"#);
    assert_eq!(protein(&dialysis, LimitKind::Min).as_deref(), Some("70"));
    assert_eq!(protein(&dialysis, LimitKind::Cap), None);
}

#[test]
fn the_guideline_is_chosen_and_its_protein_is_never_for_kidneys() {
    let chosen = |more: &str| with(&format!(r#","guideline":"dga_2025"{more}"#));
    let new = chosen("");
    assert_eq!(limit(&new, Nutrient::AddedSugars, LimitKind::Cap).as_deref(), Some("30"));
    // 1.2 g per kg of 70 kg.
    assert_eq!(limit(&new, Nutrient::Protein, LimitKind::Target).as_deref(), Some("84"));
    for more in [
        r#","conditions":[{"system":"icd10cm","code":"N18.2"}]"#,
        r#","medications":[{"name":"lisinopril"}]"#,
        r#","conditions":[{"system":"icd10cm","code":"E70.0"}]"#,
    ] {
        assert_eq!(limit(&chosen(more), Nutrient::Protein, LimitKind::Target), None, "{more}");
    }
    assert_eq!(limit(&with(""), Nutrient::Protein, LimitKind::Target), None);
}

#[test]
fn unlikely_figures_are_taken_and_pointed_out() {
    let pointers =
        |json: &str| -> Vec<&'static str> { derived(json).warnings.iter().map(|w| w.pointer).collect() };
    assert_eq!(pointers(r#"{"height_cm":225,"weight_kg":100,"age_years":30}"#), ["/height_cm"]);
    assert_eq!(pointers(r#"{"height_cm":170,"weight_kg":40,"age_years":30}"#), ["/weight_kg"]);
    assert_eq!(pointers(r#"{"energy_target_kcal":1100}"#), ["/energy_target_kcal"]);
    assert_eq!(pointers(r#"{"limits":[{"nutrient":"sodium_mg","max":900,"period":"day"}]}"#), ["/limits"]);
    assert_eq!(
        pointers(r#"{"age_years":30,"macro_targets":{"protein_pct":40,"fat_pct":30,"carbohydrate_pct":30}}"#),
        ["/macro_targets"]
    );
    assert_eq!(pointers(&format!("{{{WOMAN}}}")), [""; 0]);
}

#[test]
fn resting_and_total_energy_follow_the_formula() {
    // 10 × 70 + 6.25 × 165 − 5 × 40 − 161 = 1370.25; × 1.55 = 2123.8875
    let woman = with("");
    assert_eq!(
        (woman.bmr_kcal, woman.tdee_kcal, woman.energy_target_kcal),
        (Some(1370), Some(2124), Some(2124))
    );
    let unspecified = derived(r#"{"height_cm":165,"weight_kg":70,"age_years":40,"sex":"unspecified"}"#);
    assert_eq!(unspecified.bmr_kcal, Some(1453));
    assert!(unspecified.notes.contains(&"DRV_SEX_MEAN"));
}

#[test]
fn what_is_missing_stays_missing() {
    let nothing = derived("{}");
    assert_eq!((nothing.bmi, nothing.bmr_kcal, nothing.energy_target_kcal), (None, None, None));
    assert!(nothing.notes.contains(&"DRV_DEFAULT_2000"));
    assert_eq!(derived(r#"{"height_cm":165,"weight_kg":70,"age_years":40}"#).bmr_kcal, None);
    assert_eq!(with(r#","reproductive_status":"pregnant""#).bmr_kcal, None);
    assert_eq!(with(r#","reproductive_status":"pregnant""#).bmi, None);
}

#[test]
fn the_birth_date_counts_before_the_age_that_was_written() {
    let written = profile(r#"{"age_years":12}"#);
    assert_eq!(derive_profile(&written, Some(40), RulePack::embedded()).age_years, Some(40));
    assert_eq!(derive_profile(&written, None, RulePack::embedded()).age_years, Some(12));
}

#[test]
fn losing_weight_never_goes_below_floor_or_resting_energy() {
    let loss = with(r#","goals":["weight_loss"]"#);
    assert_eq!(loss.energy_target_kcal, Some(1624));
    let small = derived(
        r#"{"height_cm":150,"weight_kg":60,"age_years":60,"sex":"female","activity_level":"sedentary","goals":["weight_loss"]}"#,
    );
    assert_eq!(small.energy_target_kcal, Some(1200));
    assert!(small.notes.contains(&"DRV_FLOOR"));
    let thin = derived(
        r#"{"height_cm":180,"weight_kg":55,"age_years":30,"sex":"male","activity_level":"light","goals":["weight_loss"]}"#,
    );
    assert_eq!((thin.bmi_class, thin.energy_target_kcal), (Some(BmiClass::Underweight), thin.tdee_kcal));
    assert_eq!(with(r#","goals":["weight_gain"]"#).energy_target_kcal, Some(2374));
    assert_eq!(with(r#","goals":["weight_loss"],"energy_target_kcal":1800"#).energy_target_kcal, Some(1800));
}

#[test]
fn shares_of_energy_follow_the_persons_own_energy_and_round_down() {
    let own = with(r#","energy_target_kcal":1800"#);
    // 10 % of 1,800 kcal: 45 g of sugars, 20 g of saturated fat.
    assert_eq!(limit(&own, Nutrient::AddedSugars, LimitKind::Cap).as_deref(), Some("45"));
    assert_eq!(limit(&own, Nutrient::SaturatedFat, LimitKind::Cap).as_deref(), Some("20"));
    assert_eq!(limit(&derived("{}"), Nutrient::SaturatedFat, LimitKind::Cap).as_deref(), Some("22.222222"));
}

#[test]
fn daily_limits_name_their_rule_and_the_strictest_stands() {
    let both = with(
        r#","conditions":[{"system":"icd10cm","code":"I10"},{"system":"icd10cm","code":"E11.9"}],
           "limits":[{"nutrient":"sodium_mg","max":1500,"period":"day"}]"#,
    );
    assert_eq!(limit(&both, Nutrient::Sodium, LimitKind::Cap).as_deref(), Some("1500"));
    let rule = |nutrient: Nutrient| {
        both.daily_limits.iter().find(|l| l.nutrient == nutrient).map(|l| l.rule.rule.clone())
    };
    assert_eq!(rule(Nutrient::Sodium).as_deref(), Some("customer.limit"));
    assert_eq!(rule(Nutrient::SaturatedFat).as_deref(), Some("htn.saturated_fat"));
    // 30 g of the DASH plan against 14 g per 1,000 kcal of 2,124: the higher one.
    assert_eq!(limit(&both, Nutrient::Fiber, LimitKind::Target).as_deref(), Some("30"));
    assert!(both.daily_limits.iter().all(|l| !l.rule.citation.is_empty()));
    let json = serde_json::to_value(&both.daily_limits).expect("limits are JSON");
    assert!(
        json.as_array()
            .is_some_and(|l| l.iter().any(|l| l["nutrient"] == "sodium_mg" && l["amount"] == 1500.0))
    );
}

#[test]
fn halves_are_rounded_to_even() {
    assert_eq!([25, 35, 26, 24].map(|n| div_half_even(n, 10)), [2, 4, 3, 2]);
}
