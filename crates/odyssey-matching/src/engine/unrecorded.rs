//! What nobody has put on record of a person: said beside every answer, since unknown is not no.
//!
//! Promises: a record without an allergy leaves a notice, unless it says itself that there is none. Never: changes a
//! verdict.

use odyssey_types::{CodeSystem, HealthProfile};

use super::RulePack;

/// A notice without its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unrecorded {
    pub code: &'static str,
    pub field: &'static str,
    pub sentence: &'static str,
}

/// Nothing that could rule a product out is on record.
const PROFILE_EMPTY: Unrecorded = Unrecorded {
    code: "DQ_PROFILE_EMPTY",
    field: "profile",
    sentence: "Nothing about this person's health that could rule a product out is on record: no allergy, \
               condition, medication, diet or limit could be looked at, and a product that fits is only one that \
               nothing is known against. Ask the person, put what they say into the health profile, and ask again.",
};

/// Something is on record, but no allergy.
const ALLERGIES_UNRECORDED: Unrecorded = Unrecorded {
    code: "DQ_ALLERGIES_UNRECORDED",
    field: "allergies",
    sentence: "No allergy of this person is on record, and whether there is none or nobody has asked is not known: no \
               product could be checked against one. Ask the person and put the allergies into the health profile; \
               where there is none, put SNOMED CT 429625007 (no known food allergy) among its conditions.",
};

/// What is to be said of a profile that says nothing of allergies. `allergies_named` counts those that stand
/// among the conditions too.
pub(super) fn unrecorded(
    profile: &HealthProfile,
    allergies_named: bool,
    pack: &RulePack,
) -> Option<Unrecorded> {
    if allergies_named || says_no_allergy(profile, pack) {
        return None;
    }
    let rules_nothing_out = profile.conditions.is_empty()
        && profile.medications.is_empty()
        && profile.diets.is_empty()
        && profile.limits.is_empty()
        && profile.reproductive_status.is_none();
    Some(if rules_nothing_out { PROFILE_EMPTY } else { ALLERGIES_UNRECORDED })
}

/// "No known allergy" among the conditions: somebody asked.
fn says_no_allergy(profile: &HealthProfile, pack: &RulePack) -> bool {
    let negates = |code: &str| pack.negations.iter().any(|negation| negation == code.trim());
    profile.conditions.iter().any(|entry| entry.system == CodeSystem::Snomed && negates(&entry.code))
}

#[cfg(test)]
mod tests {
    use super::{ALLERGIES_UNRECORDED, PROFILE_EMPTY};
    use crate::engine::testing::{clean, meta, policy_of, profile};
    use crate::engine::testing::{derivation, id};
    use crate::{RulePack, Tier, evaluate};

    const NEITHER: Option<&str> = None;

    fn check(json: &str, code: Option<&str>) {
        let policy = policy_of(&profile(json));
        let codes = policy.notices.iter().map(|notice| notice.code.as_str());
        let told: Vec<&str> =
            codes.filter(|code| [PROFILE_EMPTY.code, ALLERGIES_UNRECORDED.code].contains(code)).collect();
        assert_eq!(told, code.into_iter().collect::<Vec<_>>(), "{json}");
    }

    #[test]
    fn a_person_of_whom_nothing_is_known_gets_a_verdict_and_a_word_about_it() {
        let policy = policy_of(&profile("{}"));
        let verdict = evaluate(&policy, &derivation(clean()), &meta(id(1)));
        assert_eq!(verdict.tier, Tier::One);
        let [notice] = policy.notices.as_slice() else { panic!("{:?}", policy.notices) };
        assert_eq!(
            (notice.code.as_str(), notice.field.as_str(), notice.value.as_str()),
            ("DQ_PROFILE_EMPTY", "profile", "")
        );
        assert!(!notice.source.citation.is_empty(), "{notice:?}");
    }

    #[test]
    fn what_rules_nothing_out_is_no_word_about_health() {
        let empty = Some(PROFILE_EMPTY.code);
        check(r#"{"height_cm":170,"weight_kg":70,"age_years":40,"sex":"female"}"#, empty);
        check(r#"{"goals":["more_fiber"]}"#, empty);
        check(r#"{"liked_brands":["Acme"],"guideline":"dga_2025"}"#, empty);
        // A toddler has rules of its age, and nobody has said what it reacts to.
        check(r#"{"age_years":3}"#, empty);
    }

    #[test]
    fn a_profile_without_an_allergy_says_so_whatever_else_it_holds() {
        let unrecorded = Some(ALLERGIES_UNRECORDED.code);
        check(r#"{"conditions":[{"system":"icd10cm","code":"I10"}]}"#, unrecorded);
        check(r#"{"medications":[{"rxnorm":"36567"}]}"#, unrecorded);
        check(r#"{"diets":[{"diet":"vegan"}]}"#, unrecorded);
        check(r#"{"limits":[{"nutrient":"sodium_mg","max":600,"period":"serving"}]}"#, unrecorded);
        check(r#"{"reproductive_status":"neither"}"#, unrecorded);
        // Keto is not applied beside type 1 diabetes: it was on record all the same.
        check(
            r#"{"diets":[{"diet":"keto"}],"conditions":[{"system":"icd10cm","code":"E10.9"}]}"#,
            unrecorded,
        );
    }

    #[test]
    fn an_allergy_or_the_word_that_there_is_none_is_enough() {
        check(r#"{"allergies":[{"allergen":"peanut"}]}"#, NEITHER);
        check(r#"{"allergies":[{"text":"something red"}]}"#, NEITHER);
        // Peanut allergy among the conditions (ICD-10-CM Z91.010).
        check(r#"{"conditions":[{"system":"icd10cm","code":"Z91.010"}]}"#, NEITHER);
        for code in &RulePack::embedded().negations {
            check(&format!(r#"{{"conditions":[{{"system":"snomed","code":"{code}"}}]}}"#), NEITHER);
        }
    }

    #[test]
    fn the_remedy_that_is_named_works() {
        let code = "429625007";
        assert!(ALLERGIES_UNRECORDED.sentence.contains(code));
        assert!(RulePack::embedded().negations.iter().any(|negation| negation == code));
    }
}
