//! Added terms: they add evidence, and nothing else changes.

use odyssey_types::ProductFields;
use proptest::prelude::*;

use super::*;
use crate::facts::Flags;

fn term(text: &str, key: EvidenceKey, definite: bool) -> ExtraTerm {
    ExtraTerm { text: text.to_owned(), key, definite }
}

fn tables(terms: &[ExtraTerm]) -> Tables {
    Tables::embedded().with_terms(terms).unwrap_or_else(|e| panic!("{e}"))
}

fn of(ingredients: &str, tables: &Tables) -> Derivation {
    let fields = ProductFields { ingredients: Some(ingredients.to_owned()), ..ProductFields::default() };
    derive(&Label { fields: &fields, holds: &[] }, tables)
}

#[test]
fn an_added_term_is_evidence_and_is_quoted() {
    let tables =
        tables(&[term("Zorgle Powder", EvidenceKey::Milk, true), term("glim", EvidenceKey::Egg, false)]);
    let derivation = of("Oats, zorgle-powders (organic), glim.", &tables);
    assert!(derivation.facts.flags_of(EvidenceKey::Milk).has(Flag::Contains));
    assert!(derivation.facts.flags_of(EvidenceKey::Egg).has(Flag::Ambiguous));
    assert!(!derivation.facts.flags_of(EvidenceKey::Egg).has(Flag::Contains));
    let quoted = derivation.evidence.iter().find(|e| e.term == "Zorgle Powder").expect("the term is quoted");
    assert_eq!((quoted.key.as_str(), quoted.matched.as_str()), ("milk", "zorgle-powders"));
    assert_eq!(of("Oats.", &tables).facts, of("Oats.", Tables::embedded()).facts);
}

#[test]
fn a_precaution_stays_one_and_a_promise_is_no_evidence() {
    let tables = tables(&[term("zorgle", EvidenceKey::Milk, true)]);
    let warned = of("Oats, salt. May contain zorgle and egg.", &tables).facts.flags_of(EvidenceKey::Milk);
    assert!(warned.has(Flag::Pal) || warned.has(Flag::Contains));
    assert!(!of("Oats. Free from zorgle.", &tables).facts.flags_of(EvidenceKey::Milk).has(Flag::ClaimFree));
}

#[test]
fn a_term_is_no_reading_of_the_list_for_other_keys() {
    let tables = tables(&[term("zorgle", EvidenceKey::Milk, true)]);
    let (with, without) = (of("Oats, zorgle.", &tables).facts, of("Oats, zorgle.", Tables::embedded()).facts);
    assert_eq!(with.coverage_permille, without.coverage_permille);
    assert_eq!(with.list_state, without.list_state);
}

#[test]
fn the_version_tells_sets_apart_and_is_the_programs_where_nothing_was_added() {
    let embedded = Tables::embedded();
    let (a, b) = (term("zorgle", EvidenceKey::Milk, true), term("glim", EvidenceKey::Egg, true));
    let one = tables(&[a.clone(), b.clone()]);
    assert_eq!(one.version(), tables(&[b.clone(), a.clone()]).version());
    assert_ne!(one.version(), tables(&[a]).version());
    assert!(one.version() > embedded.version() && one.version() < Tables::next_program_version());
    assert_eq!(tables(&[]).version(), embedded.version());
    assert!(i32::try_from(Tables::next_program_version()).is_ok());
}

#[test]
fn a_term_that_says_nothing_is_refused_with_its_place() {
    let good = term("zorgle", EvidenceKey::Milk, true);
    for (text, problem) in [
        ("", TermProblem::Length),
        ("a b c d e f g h i j k l m", TermProblem::Length),
        ("contains", TermProblem::SaysNothing),
        ("12 g", TermProblem::SaysNothing),
    ] {
        let refused = Tables::embedded().with_terms(&[good.clone(), term(text, EvidenceKey::Milk, true)]);
        assert_eq!(refused.err(), Some(ExtraTermError { place: 1, problem }), "{text}");
    }
}

#[test]
fn of_two_spellings_of_one_term_the_surer_counts() {
    let twice = tables(&[term("zorgles", EvidenceKey::Milk, false), term("zorgle", EvidenceKey::Milk, true)]);
    assert!(of("Oats, zorgle.", &twice).facts.flags_of(EvidenceKey::Milk).has(Flag::Contains));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_flag_and_no_doubt_goes_away_with_added_terms(
        picked in proptest::collection::vec(
            prop_oneof![
                Just("oats"), Just("zorgle"), Just("milk chocolate"), Just("glim milk"), Just("cocoa butter"),
                Just("egg"), Just("may contain"), Just("contains"), Just("free from"), Just("soy lecithin"), Just("and"),
                Just("spices"), Just("(glim)"), Just("."), Just(","), Just("vegetable oil"),
            ],
            0..12,
        ),
        definite in any::<bool>(),
    ) {
        let text = picked.join(" ");
        let added = tables(&[
            term("zorgle", EvidenceKey::Milk, definite),
            term("glim milk", EvidenceKey::Milk, false),
            term("glim", EvidenceKey::Wheat, definite),
            term("cocoa butter", EvidenceKey::Milk, definite),
        ]);
        let (with, without) = (of(&text, &added).facts, of(&text, Tables::embedded()).facts);
        for key in EvidenceKey::ALL {
            let (before, after) = (without.flags_of(*key), with.flags_of(*key));
            prop_assert_eq!(Flags(before.0 & after.0), before, "{} in {}", key.code(), text);
        }
        prop_assert_eq!((with.coverage_permille, with.list_state), (without.coverage_permille, without.list_state));
        prop_assert_eq!(with.container_term, without.container_term);
    }
}
