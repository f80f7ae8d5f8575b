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
fn a_child_gets_no_adult_class_and_no_adult_energy() {
    let child =
        derived(r#"{"height_cm":150,"weight_kg":40,"age_years":12,"sex":"male","activity_level":"light"}"#);
    assert_eq!((child.bmi_class, child.bmr_kcal, child.tdee_kcal), (None, None, None));
    assert!(child.notes.contains(&"DRV_BMI_UNKNOWN_CHILD"));
    assert_eq!(limit(&child, Nutrient::Sodium, LimitKind::Cap).as_deref(), Some("1800"));
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
    // 14 g per 1,000 kcal of 2,124.
    assert_eq!(limit(&both, Nutrient::Fiber, LimitKind::Target).as_deref(), Some("29.736"));
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
