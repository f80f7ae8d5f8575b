//! Labels to facts.

use odyssey_types::{Nutrient, Nutrients, ProductFields};
use serde_json::{Map, Value};

use super::{Faults, differ, strings};
use crate::label::{Label, Tables, derive};
use crate::{Derivation, Diet, EvidenceKey, Facts, Flag, Flags, ListState, ReferenceSource, Truth};

/// What an allergy asks of a list (contract 8.1).
const ALLERGY_COVERAGE_PERMILLE: u16 = 980;

pub(super) fn fields_of(given: &Value) -> ProductFields {
    serde_json::from_value(given.clone()).unwrap_or_else(|e| panic!("{given}: {e}"))
}

fn derivation_of(given: &Value) -> Derivation {
    derive(&Label { fields: &fields_of(given), holds: &[] }, Tables::embedded())
}

pub(super) fn flag_name(flag: Flag) -> String {
    let name = serde_json::to_value(flag).expect("a flag is text");
    name.as_str().unwrap_or_default().to_owned()
}

fn names_of(flags: Flags) -> Vec<String> {
    Flag::ALL.iter().filter(|f| flags.has(**f)).map(|f| flag_name(*f)).collect()
}

pub(super) fn key_of(code: &str) -> EvidenceKey {
    EvidenceKey::from_code(code).unwrap_or_else(|| panic!("`{code}` is no key"))
}

pub(super) fn label_case(given: &Value, expected: &Map<String, Value>) -> Faults {
    let derivation = derivation_of(given);
    let facts = &derivation.facts;
    let mut faults = Faults::new();
    for (what, value) in expected {
        match what.as_str() {
            "flags" => faults.extend(flag_faults(facts, object(value))),
            "classes" => faults.extend(exact_faults(facts, object(value))),
            "clear" => faults.extend(
                strings(value)
                    .iter()
                    .filter_map(|code| differ(code, &names_of(facts.flags_of(key_of(code))), &Vec::new())),
            ),
            "list_state" => faults.extend(differ(what, &state_name(facts.list_state), value)),
            "coverage_permille" => {
                faults.extend(differ(what, &Value::from(facts.coverage_permille), value));
            }
            "diets" => {
                for (code, truth) in object(value) {
                    let diet = Diet::from_code(code).unwrap_or_else(|| panic!("`{code}` is no diet"));
                    faults.extend(differ(code, &truth_name(facts.diets[diet as usize].truth), truth));
                }
            }
            "contains_for_allergy" => {
                for (code, answer) in object(value) {
                    faults.extend(differ(code, &Value::from(contained(facts, key_of(code))), answer));
                }
            }
            "issues" => {
                let told = |code: &String| derivation.issues.iter().any(|i| i.code == *code);
                faults.extend(strings(value).iter().filter(|c| !told(c)).map(|c| format!("{c} is not told")));
            }
            _ => faults.push(format!("nobody knows what `{what}` means")),
        }
    }
    faults
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("{value} must be an object"))
}

/// The named keys exactly; of the other allergens that laws speak of, none but a doubt.
fn flag_faults(facts: &Facts, expected: &Map<String, Value>) -> Faults {
    let mut faults = exact_faults(facts, expected);
    for key in EvidenceKey::ALL.iter().filter(|k| k.is_regulated() && !expected.contains_key(k.code())) {
        let found: Vec<String> =
            names_of(facts.flags_of(*key)).into_iter().filter(|name| name != "ambiguous").collect();
        faults.extend(differ(key.code(), &found, &Vec::new()));
    }
    faults
}

fn exact_faults(facts: &Facts, expected: &Map<String, Value>) -> Faults {
    let check = |(code, flags): (&String, &Value)| {
        differ(code, &names_of(facts.flags_of(key_of(code))), &strings(flags))
    };
    expected.iter().filter_map(check).collect()
}

fn state_name(state: ListState) -> Value {
    serde_json::to_value(state).expect("a state is text")
}

fn truth_name(truth: Truth) -> Value {
    serde_json::to_value(truth).expect("a truth is text")
}

/// The reported truth of "contains" (contract 8.1).
fn contained(facts: &Facts, key: EvidenceKey) -> &'static str {
    let flags = facts.flags_of(key);
    let may = [Flag::Ambiguous, Flag::Pal, Flag::Facility, Flag::Exempt];
    if flags.has(Flag::Contains) {
        "yes"
    } else if facts.is_incomplete(key, ALLERGY_COVERAGE_PERMILLE) {
        "unknown"
    } else if may.iter().any(|f| flags.has(*f)) {
        "may"
    } else {
        "no"
    }
}

pub(super) fn reference_case(given: &Value, expected: &Map<String, Value>) -> Faults {
    let facts = derivation_of(given).facts;
    let source = match facts.reference_source {
        ReferenceSource::Serving => "serving",
        ReferenceSource::Racc => "racc",
        ReferenceSource::Assumed => "assumed",
    };
    let mut faults = Faults::new();
    for (what, value) in expected {
        let found = match what.as_str() {
            "amount" => Value::from(odyssey_types::render_fixed(facts.reference_amount, 6)),
            "unit" => Value::from(if facts.is_volume { "ml" } else { "g" }),
            "source" => Value::from(source),
            "per_100" => {
                faults.extend(amount_faults(&facts.per_100, object(value)));
                continue;
            }
            "per_reference" => {
                faults.extend(amount_faults(&facts.per_reference, object(value)));
                continue;
            }
            _ => Value::from("nobody knows what this means"),
        };
        faults.extend(differ(what, &found, value));
    }
    faults
}

fn amount_faults(amounts: &Nutrients, expected: &Map<String, Value>) -> Faults {
    let check = |(field, value): (&String, &Value)| {
        let nutrient = Nutrient::from_field(field).unwrap_or_else(|| panic!("`{field}` is no nutrient"));
        let found = amounts.get(nutrient).map_or(Value::Null, |stored| Value::from(nutrient.render(stored)));
        differ(field, &found, value)
    };
    expected.iter().filter_map(check).collect()
}
