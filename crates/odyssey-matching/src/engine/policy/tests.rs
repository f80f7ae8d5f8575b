use odyssey_types::HealthProfile;
use proptest::prelude::*;

use super::Policy;
use crate::engine::testing::*;
use crate::engine::{Component, Gate};

fn shuffled(profile: &HealthProfile, dice: &mut Dice) -> HealthProfile {
    fn mix<T>(list: &mut [T], dice: &mut Dice) {
        for at in (1..list.len()).rev() {
            list.swap(at, dice.below(at as u64 + 1) as usize);
        }
    }
    let mut other = profile.clone();
    mix(&mut other.allergies, dice);
    mix(&mut other.conditions, dice);
    mix(&mut other.diets, dice);
    mix(&mut other.limits, dice);
    mix(&mut other.goals, dice);
    mix(&mut other.medications, dice);
    other
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_order_of_a_profile_changes_nothing(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut profile = random_profile(&mut dice);
        profile.conditions.extend(profile.conditions.clone());
        let (one, other) = (policy_of(&profile), policy_of(&shuffled(&profile, &mut dice)));
        prop_assert_eq!(one.digest(), other.digest());
        prop_assert_eq!(one, other);
    }
}

fn conditions(codes: &[&str]) -> Policy {
    let entries: Vec<String> =
        codes.iter().map(|c| format!(r#"{{"system":"icd10cm","code":"{c}"}}"#)).collect();
    policy_of(&profile(&format!(r#"{{"conditions":[{}]}}"#, entries.join(","))))
}

fn cap_of(policy: &Policy, field: &str) -> Option<i64> {
    policy.parts.iter().find_map(|p| match &p.component {
        Component::Cap { nutrient, limit } if nutrient.field() == field => Some(*limit),
        _ => None,
    })
}

#[test]
fn the_strictest_of_two_conditions_wins_in_either_order() {
    // 6 % of 2,000 kcal from saturated fat for hypertension, 10 % for diabetes.
    for policy in [conditions(&["I10", "E11.9"]), conditions(&["E11.9", "I10"])] {
        assert_eq!(cap_of(&policy, "saturated_fat_g"), Some(13_333_333));
        assert_eq!(cap_of(&policy, "sodium_mg"), Some(2_300_000));
    }
    assert_eq!(cap_of(&conditions(&["E11.9"]), "saturated_fat_g"), Some(22_222_222));
}

#[test]
fn every_adult_has_the_general_caps_and_conditions_replace_them() {
    let policy = policy_of(&profile("{}"));
    assert_eq!(cap_of(&policy, "sodium_mg"), Some(2_300_000));
    assert_eq!(cap_of(&policy, "added_sugars_g"), Some(50_000_000));
    assert!(policy.gates.is_empty());
    let child = policy_of(&profile(r#"{"age_years":10}"#));
    assert_eq!(cap_of(&child, "sodium_mg"), Some(1_800_000));
}

#[test]
fn a_stricter_limit_of_the_customers_own_is_the_cap_that_is_scored() {
    let json = r#"{"conditions":[{"system":"template","code":"htn"}],
                   "limits":[{"nutrient":"sodium_mg","max":1500,"period":"day"}]}"#;
    let policy = policy_of(&profile(json));
    assert_eq!(cap_of(&policy, "sodium_mg"), Some(1_500_000));
    assert_eq!(policy.gates.len(), 2);
}

/// Codes of what blocks a profile and values of what is not considered.
fn check(json: &str, blocked: &[&str], not_considered: &[&str]) {
    let policy = policy_of(&profile(json));
    let codes: Vec<&str> = policy.blocked.iter().map(|b| b.code.as_str()).collect();
    let values: Vec<&str> = policy.not_considered.iter().map(|n| n.value.as_str()).collect();
    assert_eq!((codes.as_slice(), values.as_slice()), (blocked, not_considered), "{json}");
}

fn condition(system: &str, code: &str) -> String {
    format!(r#"{{"conditions":[{{"system":"{system}","code":"{code}"}}]}}"#)
}

#[test]
fn a_condition_that_no_template_claims_is_named_and_blocks_nothing() {
    check(&condition("icd10cm", "J30.1"), &[], &["J30.1"]);
    check(&condition("snomed", "195967001"), &[], &["195967001"]);
    check(&condition("snomed", "716186003"), &[], &[]);
    check(&condition("icd10cm", "i10"), &[], &[]);
}

#[test]
fn a_condition_that_cannot_be_judged_blocks() {
    check(&condition("icd10cm", "E78.6"), &[], &["E78.6"]);
    check(&condition("text", "bad kidneys"), &["DQ_PROFILE_UNSAFE"], &[]);
    check(&condition("template", "dragon_pox"), &["DQ_PROFILE_UNSAFE"], &[]);
    // A prescription and the person's own foods have to be on record.
    for code in ["E71.0", "E72.11", "E70.21", "E72.20"] {
        check(&condition("icd10cm", code), &["DQ_PROFILE_UNSAFE"], &[]);
    }
    for code in ["K20.0", "K52.21", "Z91.018", "T78.1XXA", "L27.2"] {
        check(&condition("icd10cm", code), &["DQ_ALLERGY_UNMAPPED"], &[]);
    }
    check(&condition("snomed", "414285001"), &["DQ_ALLERGY_UNMAPPED"], &[]);
    check(&condition("template", "food_allergy"), &["DQ_ALLERGY_UNMAPPED"], &[]);
}

#[test]
fn an_allergy_among_the_conditions_is_a_gate_on_the_food_that_its_code_names() {
    let gates = |system: &str, code: &str| -> Vec<(String, crate::engine::Severity)> {
        let policy = policy_of(&profile(&condition(system, code)));
        assert!(policy.blocked.is_empty() && policy.not_considered.is_empty(), "{code}");
        let keys = policy.gates.iter().filter_map(|g| if let Gate::Keys(g) = g { Some(g) } else { None });
        keys.map(|g| (g.subject.clone(), g.severity)).collect()
    };
    use crate::engine::Severity::{Allergy, Anaphylaxis};
    assert_eq!(gates("icd10cm", "Z91.010"), [("peanut".to_owned(), Allergy)]);
    assert_eq!(gates("icd10cm", "T78.01XA"), [("peanut".to_owned(), Anaphylaxis)]);
    assert_eq!(gates("snomed", "91935009"), [("peanut".to_owned(), Allergy)]);
    assert_eq!(gates("snomed", "300913006"), [("shellfish".to_owned(), Allergy)]);
    assert_eq!(gates("icd10cm", "E73.9"), [], "lactose intolerance has a template of its own");
}

#[test]
fn a_group_code_is_lifted_by_a_decision_and_only_with_an_allergy_on_record() {
    let with = |allergies: &str| {
        format!(
            r#"{{"conditions":[{{"system":"snomed","code":"414285001"}}],"allergies":[{allergies}],
                 "overrides":[{{"rule":"food_allergy.group","by":"a nurse","reason":"asked","on":"2026-01-02"}}]}}"#
        )
    };
    check(&with(r#"{"allergen":"peanut"}"#), &[], &[]);
    check(&with(""), &["DQ_ALLERGY_UNMAPPED"], &[]);
}

#[test]
fn an_allergy_that_nobody_mapped_blocks() {
    check(r#"{"allergies":[{"text":"seafood platter"}]}"#, &["DQ_ALLERGY_UNMAPPED"], &[]);
    check(r#"{"allergies":[{"allergen":"moon_dust"}]}"#, &["DQ_ALLERGY_UNMAPPED"], &[]);
}

#[test]
fn medications_are_known_by_code_or_name_and_others_are_named() {
    let code = |code: &str| format!(r#"{{"medications":[{{"rxnorm":"{code}"}}]}}"#);
    let name = |name: &str| format!(r#"{{"medications":[{{"name":"{name}"}}]}}"#);
    check(&code("8123"), &[], &[]);
    check(&code("42463"), &[], &[]);
    check(&code("1364430"), &[], &[]);
    check(&code("999999"), &[], &["999999"]);
    check(&name("Pravastatin 10 mg"), &[], &[]);
    check(&name("Vitamin gummies"), &[], &["Vitamin gummies"]);
    let checked = |json: &str| -> Vec<String> {
        let policy = policy_of(&profile(json));
        policy.interactions_checked.iter().map(|c| format!("{} {}", c.interaction, c.drug)).collect()
    };
    assert_eq!(checked(&name("Simvastatin 20 mg oral tablet")), ["gfj_statin simvastatin"]);
    assert_eq!(checked(&code("11289")), ["vitk_warfarin warfarin", "warfarin_other warfarin"]);
    assert_eq!(checked(&name("Apixaban 5 mg")), [""; 0]);
}

#[test]
fn ages_that_the_rules_do_not_cover_block() {
    check(r#"{"age_years":1}"#, &["HX_AGE"], &[]);
    check(
        r#"{"age_years":12,"conditions":[{"system":"template","code":"ckd_3_5"}]}"#,
        &["DQ_PROFILE_UNSAFE"],
        &[],
    );
    check(r#"{"age_years":12,"conditions":[{"system":"template","code":"htn"}]}"#, &[], &[]);
    check(r#"{"age_years":12}"#, &[], &[]);
}

#[test]
fn a_diet_without_rules_blocks_unless_it_is_a_mere_preference() {
    check(r#"{"diets":[{"diet":"fruitarian","kind":"religious"}]}"#, &["DQ_PROFILE_UNSAFE"], &[]);
    check(r#"{"diets":[{"diet":"fruitarian","kind":"preference"}]}"#, &[], &["fruitarian"]);
}

#[test]
fn an_unreviewed_target_raises_no_score() {
    let policy = conditions(&["E78.5"]);
    assert!(policy.parts.iter().all(|p| p.code != "SC_TARGET_fiber_g"));
    assert!(conditions(&["E11"]).parts.iter().any(|p| p.code == "SC_TARGET_fiber_g"));
}

#[test]
fn models_and_preference_never_exceed_their_share_of_the_weight() {
    let policy = policy_of(&profile(r#"{"liked_brands":["Acme"]}"#));
    let all: u32 = policy.parts.iter().map(|p| p.weight_milli).sum();
    let preference = policy.parts.iter().find(|p| p.code == "SC_PREF").expect("a preference");
    let models: u32 = policy
        .parts
        .iter()
        .filter(|p| ["SC_NUTRISCORE", "SC_NOVA"].contains(&p.code.as_str()))
        .map(|p| p.weight_milli)
        .sum();
    // 40 of caps beside 12 and 8: of a whole of which caps are three quarters, models have 15 % and
    // preference a tenth.
    assert_eq!((models, preference.weight_milli), (7_999, 5_333));
    assert!(preference.weight_milli * 10 <= all && models * 20 <= all * 3);
}

#[test]
fn an_allergen_of_a_group_gates_every_species_of_it() {
    let policy = policy_of(&profile(r#"{"allergies":[{"allergen":"nut"}]}"#));
    let Gate::Keys(gate) = &policy.gates[0] else { panic!("not a gate on keys") };
    assert_eq!(gate.keys.iter().count(), 12);
}

#[test]
fn the_lists_and_the_weights_are_part_of_the_digest() {
    let plain = profile("{}");
    let base = policy_of(&plain).digest();
    assert_ne!(base, policy_with(&plain, &[id(1)], &[]).digest());
    assert_ne!(base, policy_with(&plain, &[], &[id(1)]).digest());
    assert_eq!(
        policy_with(&plain, &[id(1), id(2)], &[]).digest(),
        policy_with(&plain, &[id(2), id(1), id(1)], &[]).digest()
    );
}
