//! The reader against answers that Open Food Facts' own tests expect (ODbL 1.0), where they are present.

use std::collections::BTreeSet;

use odyssey_types::{DeclaredAllergens, ProductFields};
use serde::Deserialize;

use super::catalog_tests::shared_data;
use super::{Label, Tables, derive};
use crate::facts::{EvidenceKey, Flag};

#[derive(Debug, Deserialize)]
struct AllergenCase {
    id: String,
    ingredients_text: Option<String>,
    declared_traces: Option<String>,
    declared_allergens: Option<String>,
    expected_allergens_tags: Option<BTreeSet<String>>,
    expected_traces_tags: Option<BTreeSet<String>>,
}

/// Answers that differ from ours, and why. `docs/benchmarks/allergens.md` tells it at length.
const ALLERGEN_DIFFERENCES: &[(&str, &str)] = &[];

fn tag_of(key: EvidenceKey) -> Option<&'static str> {
    use EvidenceKey as K;
    Some(match key {
        K::Milk => "en:milk",
        K::Egg => "en:eggs",
        K::Fish => "en:fish",
        K::Crustacean => "en:crustaceans",
        K::Mollusc => "en:molluscs",
        K::Peanut => "en:peanuts",
        K::Wheat | K::GlutenCereal | K::Barley | K::Rye | K::Oats => "en:gluten",
        K::Soy => "en:soybeans",
        K::Sesame => "en:sesame-seeds",
        K::Mustard => "en:mustard",
        K::Celery => "en:celery",
        K::Lupin => "en:lupin",
        K::Sulfite => "en:sulphur-dioxide-and-sulphites",
        key if key.code().starts_with("tree_nut") => "en:nuts",
        _ => return None,
    })
}

fn tags(case: &AllergenCase, flags: &[Flag]) -> BTreeSet<String> {
    let list = |text: &Option<String>| text.iter().cloned().collect::<Vec<_>>();
    let allergens = DeclaredAllergens {
        contains: list(&case.declared_allergens),
        may_contain: list(&case.declared_traces),
        ..DeclaredAllergens::default()
    };
    let fields = ProductFields {
        ingredients: case.ingredients_text.clone(),
        allergens: Some(allergens),
        ..ProductFields::default()
    };
    let facts = derive(&Label { fields: &fields, holds: &[] }, Tables::embedded()).facts;
    let keys = EvidenceKey::ALL.iter().filter(|k| flags.iter().any(|f| facts.flags_of(**k).has(*f)));
    keys.filter_map(|k| tag_of(*k)).map(str::to_owned).collect()
}

#[test]
fn allergens_agree_with_open_food_facts_or_say_why_not() {
    let Some(cases) = cases::<AllergenCase>("conformance/off_allergens_dev.jsonl") else {
        println!("skipped: shared data not present");
        return;
    };
    let mut faults = Vec::new();
    let mut agreed = 0;
    for case in &cases {
        let contains = tags(case, &[Flag::Contains]);
        let traces = tags(case, &[Flag::Pal, Flag::Facility]);
        let differs = case.expected_allergens_tags.as_ref().is_some_and(|e| *e != contains)
            || case.expected_traces_tags.as_ref().is_some_and(|e| *e != traces);
        let explained = ALLERGEN_DIFFERENCES.iter().any(|(id, _)| *id == case.id);
        agreed += usize::from(!differs);
        if differs != explained {
            faults.push(format!(
                "{}: differs {differs}, explained {explained}\n  {:?}\n  contains {contains:?}\n  expected {:?}\n  traces {traces:?}\n  expected {:?}",
                case.id, case.ingredients_text, case.expected_allergens_tags, case.expected_traces_tags,
            ));
        }
    }
    println!("{agreed} of {} allergen cases agree", cases.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn cases<T: serde::de::DeserializeOwned>(file: &str) -> Option<Vec<T>> {
    let text = std::fs::read_to_string(shared_data().join(file)).ok()?;
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{file}: {e}")))
            .collect(),
    )
}

/// Prints the trees of the cases; run by hand with `--no-capture` to see what the parser makes of them.
#[test]
fn trees_can_be_shown() {
    #[derive(Deserialize)]
    struct Case {
        id: String,
        ingredients_text: String,
    }
    let Some(cases) = cases::<Case>("conformance/off_ingredients_parse_dev.jsonl") else { return };
    for case in cases {
        let tree = super::parse(&case.ingredients_text);
        println!("== {} {:?} {:?}", case.id, tree.language, case.ingredients_text);
        for (depth, i) in tree.walk() {
            println!(
                "{}{} | {:?} {:?} {}..{} f={:?} e={:?} p={:?} o={:?} l={:?} {}{}",
                "  ".repeat(depth + 1),
                i.name,
                i.joint,
                i.share.map(|s| (s.ppm, s.kind)),
                i.min_ppm,
                i.max_ppm,
                i.function,
                i.additive,
                i.processing,
                i.origins,
                i.labels,
                if i.emphasized { "emph " } else { "" },
                if i.minor { "minor" } else { "" },
            );
        }
        for s in &tree.statements {
            println!(
                "  # {:?} {:?} {:?}",
                s.kind,
                s.allergens,
                &case.ingredients_text[s.start as usize..s.end as usize]
            );
        }
    }
}
