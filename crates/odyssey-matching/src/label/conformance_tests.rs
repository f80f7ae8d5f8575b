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
const ALLERGEN_DIFFERENCES: &[(&str, &str)] = &[
    (
        "allergens_tags-012",
        "theirs: the text says mussels; their case asserts that an inflected word is not found",
    ),
    (
        "allergens_tags-014",
        "theirs: scallops, likewise; ours, on the safe side: the Finnish for `no` is the German for `egg`",
    ),
];

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

#[derive(Debug, Deserialize)]
struct ParseCase {
    id: String,
    ingredients_text: String,
    ingredients: Vec<Expected>,
}

#[derive(Debug, Deserialize)]
struct Expected {
    text: String,
    percent: Option<f64>,
    origins: Option<String>,
    #[serde(default)]
    ingredients: Vec<Expected>,
}

/// Trees that differ from ours, and why. `docs/benchmarks/allergens.md` tells it at length.
const PARSE_DIFFERENCES: &[(&str, &str)] = &[
    (
        "de-tomatenmark-2-fach-konzentriert",
        "representation: we keep the label's name and list the processing beside it",
    ),
    ("en-origin-ingredient-from-origin", "input: the origins come from a field that the case does not hold"),
    ("en-vegetal-ingredients", "representation: the name keeps `non-animal`, the quality is listed as well"),
    (
        "fi-additives-percents",
        "theirs: only the first additive behind the class name, and shares that exceed their whole dropped",
    ),
    ("fr-epices-irradiees", "representation: we keep the label's name and list the processing beside it"),
    ("fr-label-and-multiple-origins", "theirs: a quality and two countries taken for ingredients"),
    (
        "fr-marmelade",
        "representation: they spread `graisses v\u{e9}g\u{e9}tales` over its bracket, keep a phrase of two together and drop \
         the equivalents in brackets; we keep all as written",
    ),
    (
        "fr-origin-ingredient-origin-and-origin",
        "input: the origins come from a field that the case does not hold",
    ),
    (
        "fr-percents-origins-2",
        "representation: they join `l\u{e9}cithines` and its bracket; we keep the bracket",
    ),
    ("fr-truncated-puree", "representation: they drop `pur`"),
    ("fr-viande-porcine-francaise", "input: the origins come from a field that the case does not hold"),
    (
        "single-letters",
        "ours: letters that join words in some language are read so; theirs: ten numbers taken for five decimals",
    ),
];

/// A tree in lines: depth, name, stated share, origins.
fn lines(expected: &[Expected], depth: usize, lines: &mut Vec<String>) {
    for one in expected {
        let share = one.percent.map_or(String::new(), |p| format!(" {}", (p * 10_000.0).round() as u32));
        let origins: Vec<String> = one
            .origins
            .iter()
            .flat_map(|o| o.split(','))
            .map(|o| o.trim().trim_start_matches("en:").replace('-', "_"))
            .collect();
        let origins = if origins.is_empty() { String::new() } else { format!(" from {}", origins.join(" ")) };
        lines.push(format!("{}{}{share}{origins}", "  ".repeat(depth), normal(&one.text)));
        self::lines(&one.ingredients, depth + 1, lines);
    }
}

fn normal(name: &str) -> String {
    super::text::term_words(name).join(" ")
}

#[test]
fn trees_agree_with_open_food_facts_or_say_why_not() {
    let Some(cases) = cases::<ParseCase>("conformance/off_ingredients_parse_dev.jsonl") else {
        println!("skipped: shared data not present");
        return;
    };
    let mut faults = Vec::new();
    let mut agreed = 0;
    for case in &cases {
        let mut expected = Vec::new();
        lines(&case.ingredients, 0, &mut expected);
        let tree = super::parse(&case.ingredients_text);
        let ours: Vec<String> = tree
            .walk()
            .map(|(depth, i)| {
                let share = i.share.map_or(String::new(), |s| format!(" {}", s.ppm));
                let origins = if i.origins.is_empty() {
                    String::new()
                } else {
                    format!(" from {}", i.origins.join(" "))
                };
                format!("{}{}{share}{origins}", "  ".repeat(depth), normal(&i.name))
            })
            .collect();
        let differs = ours != expected;
        agreed += usize::from(!differs);
        if differs != PARSE_DIFFERENCES.iter().any(|(id, _)| *id == case.id) {
            let only = |a: &[String], b: &[String]| {
                a.iter().filter(|l| !b.contains(l)).cloned().collect::<Vec<_>>().join("\n    ")
            };
            faults.push(format!(
                "{}: differs {differs}\n  theirs only:\n    {}\n  ours only:\n    {}",
                case.id,
                only(&expected, &ours),
                only(&ours, &expected)
            ));
        }
    }
    println!("{agreed} of {} trees agree", cases.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
