//! What holds for every text and every term.

use odyssey_types::{DeclaredAllergens, ProductFields};
use proptest::prelude::*;

use super::{Label, Tables, derive, tables};
use crate::facts::{EvidenceKey, Facts, Flag};

fn facts_of(text: &str) -> Facts {
    let fields = ProductFields { ingredients: Some(text.to_owned()), ..ProductFields::default() };
    derive(&Label { fields: &fields, holds: &[] }, Tables::embedded()).facts
}

/// (key, term) of all rows of a status, of the allergen and class tables.
fn rows(status: &str) -> Vec<(EvidenceKey, &'static str)> {
    let files = tables::FILES.iter().filter(|(n, _)| n.starts_with("terms/") && !n.contains("foreign"));
    let lines = files.flat_map(|(_, content)| content.lines()).filter(|l| !l.starts_with('#'));
    let fields = lines.map(|l| l.split('\t').collect::<Vec<_>>()).filter(|f| f.len() == 4 && f[1] == status);
    fields.filter_map(|f| Some((EvidenceKey::from_code(f[0])?, f[2]))).collect()
}

#[test]
fn every_false_friend_alone_names_nothing() {
    let faults: Vec<String> = rows("X")
        .into_iter()
        .filter(|(key, term)| {
            let flags = facts_of(term).flags_of(*key);
            flags.has(Flag::Contains) || flags.has(Flag::Ambiguous)
        })
        .map(|(key, term)| format!("{}: {term}", key.code()))
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn every_definite_term_is_found() {
    let faults: Vec<String> = rows("C")
        .into_iter()
        .filter(|(key, term)| !facts_of(&format!("water, {term}, salt")).flags_of(*key).has(Flag::Contains))
        .map(|(key, term)| format!("{}: {term}", key.code()))
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
}

/// Quadratic reading of these would take many minutes.
#[test]
fn hostile_texts_are_read_in_linear_time() {
    for phrase in [
        "may contain milk, zorgle, ",
        "no milk ",
        "made in a facility that milk, zorgle, ",
        "free of milk, ",
        "(milk ",
    ] {
        let text = phrase.repeat(40_000);
        assert!(facts_of(&text).flags_of(EvidenceKey::Milk).0 > 0, "{phrase}");
    }
}

const FILLERS: &[&str] = &["water", "salt", "palm oil", "citric acid", "red 40", "tomato paste", "vinegar"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_definite_term_is_found_in_any_sentence(
        seed in any::<prop::sample::Index>(),
        before in prop::collection::vec(prop::sample::select(FILLERS), 0..4),
        after in prop::collection::vec(prop::sample::select(FILLERS), 0..4),
        bracket in any::<bool>(),
    ) {
        let definite = rows("C");
        // Sixteen terms a case: all are met in the budget of 256 cases many times over.
        let start = seed.index(definite.len());
        for (key, term) in definite.iter().cycle().skip(start).take(16) {
            let mut items: Vec<String> = before.iter().map(|s| (*s).to_owned()).collect();
            items.push(if bracket { format!("blend ({term})") } else { (*term).to_owned() });
            items.extend(after.iter().map(|s| (*s).to_owned()));
            let text = items.join(", ");
            prop_assert!(facts_of(&text).flags_of(*key).has(Flag::Contains), "{} in {text}", key.code());
        }
    }

    #[test]
    fn case_accents_and_spacing_change_nothing(
        items in prop::collection::vec(prop::sample::select(vec![
            "milk", "cocoa butter", "wheat flour", "soy lecithin", "natural flavor", "creme fraiche", "mono and diglycerides",
            "may contain peanuts", "egg white", "spices", "zorgle",
        ]), 1..8),
    ) {
        let plain = items.join(", ");
        let loud = plain.to_uppercase().replace(' ', "  ").replace('E', "\u{c9}");
        let hyphened = items.iter().map(|i| i.replace(' ', "-")).collect::<Vec<_>>().join(" ,  ");
        let expected = facts_of(&plain);
        prop_assert_eq!(&facts_of(&loud), &expected);
        prop_assert_eq!(&facts_of(&hyphened), &expected);
    }

    #[test]
    fn text_never_removes_a_declared_flag(text in "\\PC{0,120}", key in prop::sample::select(EvidenceKey::ALL)) {
        prop_assume!(key.is_allergen());
        let allergens = DeclaredAllergens {
            contains: vec![key.code().to_owned()],
            may_contain: vec!["mustard".to_owned()],
            ..DeclaredAllergens::default()
        };
        let fields = ProductFields { allergens: Some(allergens), ingredients: Some(text), ..ProductFields::default() };
        let facts = derive(&Label { fields: &fields, holds: &[] }, Tables::embedded()).facts;
        prop_assert!(facts.flags_of(key).has(Flag::Contains));
        prop_assert!(facts.flags_of(EvidenceKey::Mustard).has(Flag::Pal));
    }

    #[test]
    fn no_text_makes_the_deriver_panic(text in "\\PC{0,300}", noise in "[ a-z(),.;:\\[\\]&<>#0-9%_'\u{153}\u{df}\u{130}\n-]{0,300}") {
        for text in [text, noise] {
            let fields = ProductFields {
                name: Some(text.clone()),
                description: Some(text.clone()),
                ingredients: Some(text.clone()),
                ..ProductFields::default()
            };
            let derivation = derive(&Label { fields: &fields, holds: &[] }, Tables::embedded());
            for evidence in &derivation.evidence {
                prop_assert_eq!(&text[evidence.offset as usize..][..evidence.matched.len()], &evidence.matched);
            }
            prop_assert!(derivation.facts.coverage_permille <= 1000);
        }
    }
}
