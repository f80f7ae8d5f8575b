use odyssey_types::HealthProfile;

use super::validate_profile;
use crate::engine::RulePack;

/// Pointers and codes of the faults of a profile written in JSON.
fn check(profile: &str, expected: &[&str]) {
    let profile: HealthProfile = serde_json::from_str(profile).expect("a profile");
    let found: Vec<String> = validate_profile(&profile, RulePack::embedded())
        .into_iter()
        .map(|e| format!("{} {}", e.pointer, e.code))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn strictness_of_anaphylaxis_is_never_loosened() {
    let allergy = |severity: &str, strictness: &str| {
        format!(
            r#"{{"allergies":[{{"allergen":"peanut","severity":"{severity}","strictness":"{strictness}"}}]}}"#
        )
    };
    check(&allergy("anaphylaxis", "contains"), &["/allergies/0/strictness strictness_loosened"]);
    check(&allergy("anaphylaxis", "may_contain"), &["/allergies/0/strictness strictness_loosened"]);
    check(&allergy("anaphylaxis", "confirmed_free"), &[]);
    check(&allergy("allergy", "contains"), &[]);
}

#[test]
fn wanted_shares_of_energy_add_up_to_a_hundred() {
    let shares =
        |p: &str| format!(r#"{{"macro_targets":{{"protein_pct":{p},"fat_pct":30,"carbohydrate_pct":50}}}}"#);
    check(&shares("20"), &[]);
    check(&shares("22"), &[]);
    check(&shares("18"), &[]);
    check(&shares("22.1"), &["/macro_targets macro_sum"]);
    check(&shares("17.9"), &["/macro_targets macro_sum"]);
}

#[test]
fn figures_outside_their_ranges_are_refused() {
    check(r#"{"height_cm":89.9}"#, &["/height_cm out_of_range"]);
    check(r#"{"height_cm":89.9,"age_years":3}"#, &[]);
    check(r#"{"weight_kg":500.001}"#, &["/weight_kg out_of_range"]);
    check(r#"{"height_cm":200,"weight_kg":30}"#, &["/weight_kg out_of_range"]);
    check(r#"{"energy_target_kcal":799}"#, &["/energy_target_kcal out_of_range"]);
    check(r#"{"gestation_weeks":45}"#, &["/gestation_weeks out_of_range"]);
    check(r#"{"age_years":121}"#, &["/age_years out_of_range"]);
}

#[test]
fn codes_that_nobody_knows_are_refused_and_text_is_kept() {
    check(r#"{"allergies":[{"allergen":"class.pork"}]}"#, &["/allergies/0/allergen unknown_allergen"]);
    check(r#"{"allergies":[{"text":"the green ones"}]}"#, &[]);
    check(r#"{"allergies":[{}]}"#, &["/allergies/0/allergen missing"]);
    check(r#"{"diets":[{"diet":"breatharian"}]}"#, &["/diets/0/diet unknown_diet"]);
    check(
        r#"{"conditions":[{"system":"template","code":"dragon_pox"}]}"#,
        &["/conditions/0/code unknown_condition"],
    );
    check(r#"{"medications":[{}]}"#, &["/medications/0 missing"]);
}

#[test]
fn an_override_names_a_rule_that_may_be_overridden_and_who_decided_why() {
    let entry = |rule: &str, by: &str| {
        format!(r#"{{"overrides":[{{"rule":"{rule}","by":"{by}","reason":"stable","on":"2026-01-02"}}]}}"#)
    };
    for rule in [
        "htn.sodium",
        "ncgs.gluten",
        "celiac.gluten.traces",
        "pku.protein",
        "food_allergy.group",
        "cross_reaction.crustacean",
    ] {
        check(&entry(rule, "Dr A"), &[]);
    }
    for rule in [
        "celiac.gluten",
        "pregnancy.alcohol",
        "maoi_tyramine.tyramine",
        "allergy.decision",
        "pku.phenylalanine",
        "nonsense",
    ] {
        check(&entry(rule, "Dr A"), &["/overrides/0/rule override_refused"]);
    }
    check(&entry("htn.sodium", " "), &["/overrides/0/by missing"]);
}

#[test]
fn limits_of_a_day_have_their_ranges() {
    let sodium =
        |max: &str| format!(r#"{{"limits":[{{"nutrient":"sodium_mg","max":{max},"period":"day"}}]}}"#);
    check(&sodium("499"), &["/limits/0/max out_of_range"]);
    check(&sodium("500"), &[]);
    check(&sodium("10001"), &["/limits/0/max out_of_range"]);
    let protein = |max: &str| {
        format!(r#"{{"weight_kg":80,"limits":[{{"nutrient":"protein_g","max":{max},"period":"day"}}]}}"#)
    };
    check(&protein("19"), &["/limits/0/max out_of_range"]);
    check(&protein("20"), &[]);
    check(&protein("321"), &["/limits/0/max out_of_range"]);
}

#[test]
fn an_allergy_to_what_is_no_food_is_taken() {
    check(r#"{"allergies":[{"allergen":"latex"},{"allergen":"birch_pollen"}]}"#, &[]);
}
