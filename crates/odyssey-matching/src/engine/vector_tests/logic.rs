//! Three-valued logic where the engine has it: AND over the diets of a profile, OR over the keys of a group,
//! NOT of a class in a diet.

use serde_json::{Map, Value, json};

use super::verdicts::{profile_of, tier_and_verdict};
use super::{Faults, differ, strings, text};
use crate::engine::testing::{clean, flag, policy_of};
use crate::label::{Label, Tables, derive};
use crate::{Diet, EvidenceKey, Flag, KeySet, ListState, Truth};

pub(super) fn operation_case(given: &Value, expected: &Map<String, Value>) -> Faults {
    let of = strings(&given["of"]);
    let of: Vec<&str> = of.iter().map(String::as_str).collect();
    let found = match (text(given, "op"), of.as_slice()) {
        ("and", [a, b]) => and(a, b),
        ("or", [a, b]) => or(a, b),
        ("not", [a]) => not(a),
        (op, _) => panic!("`{op}` is no operation of {}", of.len()),
    };
    let wanted: Value = Value::from(expected.clone());
    differ("is", &json!({ "is": found }), &wanted).into_iter().collect()
}

/// Both diets are wanted.
fn and(a: &str, b: &str) -> &'static str {
    let policy = policy_of(&profile_of(&json!({ "diets": [
        { "diet": "vegan", "kind": "ethical" }, { "diet": "no_pork", "kind": "ethical" },
    ] })));
    let mut facts = clean();
    for (diet, truth) in [(Diet::Vegan, a), (Diet::NoPork, b)] {
        facts.diets[diet as usize].truth = match truth {
            "yes" => Truth::Yes,
            "no" => Truth::No,
            _ => Truth::Unknown,
        };
    }
    match tier_and_verdict(&policy, facts, true).0.as_str() {
        Some("1") => "yes",
        Some("3") => "unknown",
        Some("X") => "no",
        other => panic!("{other:?}"),
    }
}

/// Whether a product contains any of a group.
fn or(a: &str, b: &str) -> &'static str {
    let policy = policy_of(&profile_of(&json!({ "allergies": [
        { "allergen": "shellfish", "severity": "intolerance" },
    ] })));
    let mut facts = clean();
    // Enough for an intolerance; not enough for what no law makes the label name.
    facts.coverage_permille = 960;
    facts.mandatory = KeySet::EMPTY;
    for (key, truth) in [(EvidenceKey::Crustacean, a), (EvidenceKey::Mollusc, b)] {
        match truth {
            "yes" => flag(&mut facts, key, Flag::Contains),
            "no" => facts.mandatory.insert(key),
            _ => {}
        }
        if truth == "yes" {
            facts.mandatory.insert(key);
        }
    }
    match tier_and_verdict(&policy, facts, true).0.as_str() {
        Some("1") => "no",
        Some("3") => "unknown",
        Some("X") => "yes",
        other => panic!("{other:?}"),
    }
}

/// A vegan food holds no meat.
fn not(meat: &str) -> &'static str {
    let list = match meat {
        "yes" => "corn, beef",
        "no" => "corn, salt",
        _ => "corn, natural flavor",
    };
    let fields = super::labels::fields_of(&json!({ "ingredients": list }));
    let facts = derive(&Label { fields: &fields, holds: &[] }, Tables::embedded()).facts;
    match facts.diets[Diet::Vegan as usize].truth {
        Truth::Yes => "yes",
        Truth::No => "no",
        Truth::Unknown => "unknown",
    }
}

pub(super) fn incomplete_case(given: &Value, expected: &Map<String, Value>) -> Faults {
    let is = |field: &str| given[field].as_bool().unwrap_or_else(|| panic!("`{field}` in {given}"));
    let permille = |field: &str| {
        given[field].as_u64().and_then(|v| u16::try_from(v).ok()).unwrap_or_else(|| panic!("`{field}`"))
    };
    let key = if is("is_allergen") { EvidenceKey::Milk } else { EvidenceKey::Pork };
    let mut facts = clean();
    let state: ListState = serde_json::from_value(given["list_state"].clone()).expect("a state");
    facts.list_state = state;
    facts.coverage_permille = permille("coverage_permille");
    facts.mandatory = if is("mandatory") { KeySet::of(&[key]) } else { KeySet::EMPTY };
    facts.attested = is("attested");
    facts.container_term = is("container_term");
    if is("certified_free") {
        flag(&mut facts, key, Flag::CertifiedFree);
    }
    let found = json!({ "is_incomplete": facts.is_incomplete(key, permille("coverage_limit_permille")) });
    differ("is_incomplete", &found, &Value::from(expected.clone())).into_iter().collect()
}
