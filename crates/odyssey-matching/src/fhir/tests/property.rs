//! Random damage to a bundle: nothing panics, and no allergy is lost.

use odyssey_types::HealthProfile;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::fhir::{Decisions, settle, settle_unattended};

fn sample() -> Value {
    let mut value = bundle(&[
        allergy(json!({ "code": snomed("762952008", "Peanut"), "category": ["food"], "criticality": "high",
            "reaction": [{ "substance": { "text": "Peanut" }, "manifestation": [snomed("39579001", "Anaphylaxis")], "severity": "severe" }] })),
        allergy(json!({ "code": { "text": "moon dust" }, "type": "intolerance" })),
        allergy(json!({ "code": snomed("111088007", "Latex"), "category": ["environment"] })),
        allergy(json!({ "code": snomed("716186003", "No known allergy") })),
        json!({ "resourceType": "Condition", "subject": { "reference": "Patient/ada" }, "code": icd("I10"),
            "clinicalStatus": { "coding": [{ "code": "active" }] } }),
        json!({ "resourceType": "Observation", "status": "final", "effectiveDateTime": "2024-01-01",
            "code": { "coding": [{ "system": "http://loinc.org", "code": "8302-2" }] },
            "valueQuantity": { "value": 66.9, "code": "[in_i]", "system": "http://unitsofmeasure.org" } }),
        json!({ "resourceType": "MedicationRequest", "status": "active", "intent": "order",
            "medicationReference": { "reference": "#m" },
            "contained": [{ "resourceType": "Medication", "id": "m", "code": { "text": "warfarin" } }] }),
        json!({ "resourceType": "NutritionOrder", "status": "active",
            "allergyIntolerance": [{ "reference": "#a" }],
            "contained": [{ "resourceType": "AllergyIntolerance", "id": "a", "code": snomed("260167008", "Sesame") }],
            "excludeFoodModifier": [snomed("227493005", "Cashew")],
            "oralDiet": { "type": [snomed("160671006", "Gluten free")], "nutrient": [
                { "modifier": snomed("39972003", "Sodium"), "amount": { "value": 2, "code": "g" } }] } }),
    ]);
    value["entry"][0]["resource"]["gender"] = json!("female");
    value["entry"][0]["resource"]["birthDate"] = json!("1985-12-10");
    value
}

/// Pointers to every value, in order.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                places(inner, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), into);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                places(inner, &format!("{at}/{index}"), into);
            }
        }
        _ => {}
    }
}

/// Every AllergyIntolerance that stands where a resource may stand.
fn allergies_of(value: &Value, nesting: usize) -> usize {
    let Some(entries) = value.get("entry").and_then(Value::as_array) else { return 0 };
    if nesting > 3 {
        return 0;
    }
    let is =
        |resource: &Value| resource.get("resourceType").and_then(Value::as_str) == Some("AllergyIntolerance");
    let resources = entries.iter().filter_map(|entry| entry.get("resource")).filter(|r| r.is_object());
    resources
        .map(|resource| {
            let inner = resource
                .get("contained")
                .and_then(Value::as_array)
                .map_or(0, |c| c.iter().filter(|r| is(r)).count());
            let nested = resource.get("resourceType").and_then(Value::as_str) == Some("Bundle");
            if nested { allergies_of(resource, nesting + 1) } else { inner + usize::from(is(resource)) }
        })
        .sum()
}

#[derive(Debug, Clone)]
enum Damage {
    Replace(Value),
    Remove,
    Double,
}

fn damage() -> impl Strategy<Value = Damage> {
    let value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|f| json!(f)),
        "[ -~]{0,12}".prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        prop_oneof![
            Just("active"),
            Just("resolved"),
            Just("food"),
            Just("AllergyIntolerance"),
            Just("Bundle"),
            Just("Patient/ada"),
            Just("#a"),
            Just("762952008"),
            Just("http://snomed.info/sct"),
            Just("2024-02")
        ]
        .prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([null])),
    ];
    prop_oneof![4 => value.prop_map(Damage::Replace), 2 => Just(Damage::Remove), 1 => Just(Damage::Double)]
}

fn apply(value: &mut Value, pointer: &str, damage: Damage) {
    match damage {
        Damage::Replace(new) => {
            if let Some(slot) = value.pointer_mut(pointer) {
                *slot = new;
            }
        }
        Damage::Remove | Damage::Double => {
            let Some((parent, last)) = pointer.rsplit_once('/') else { return };
            match value.pointer_mut(parent) {
                Some(Value::Object(fields)) => {
                    fields.remove(&last.replace("~1", "/").replace("~0", "~"));
                }
                Some(Value::Array(items)) => {
                    let Ok(index) = last.parse::<usize>() else { return };
                    match damage {
                        Damage::Double => items.insert(index, items[index].clone()),
                        _ => drop(items.remove(index)),
                    }
                }
                _ => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    /// Whatever is done to a bundle: no panic, each allergy in exactly one list, and each that may be a food
    /// either a gate or a block, with and without somebody who looks.
    #[test]
    fn no_damage_loses_an_allergy(damages in prop::collection::vec((any::<prop::sample::Index>(), damage()), 1..6)) {
        let mut value = sample();
        for (at, damage) in damages {
            let mut all = Vec::new();
            places(&value, "", &mut all);
            let pointer = at.get(&all).clone();
            apply(&mut value, &pointer, damage);
        }
        let expected = allergies_of(&value, 1);
        for confirmed in [false, true] {
            let Ok(proposal) = try_propose(value.clone(), &known(), confirmed, &HealthProfile::default()) else { continue };
            // A part of an order has a line under its own pointer; whole resources have one each.
            let mut pointers: Vec<&str> = allergy_lines(&proposal).map(|line| line.pointer.as_str()).collect();
            prop_assert_eq!(pointers.len(), expected);
            pointers.sort_unstable();
            pointers.dedup();
            prop_assert_eq!(pointers.len(), expected, "an allergy stands in two lists");
            let profile = HealthProfile::default();
            let attended = settle(&proposal, &Decisions::default(), &profile, RulePack::embedded()).expect("nothing is decided");
            for settled in [attended, settle_unattended(&proposal, &profile)] {
                for line in proposal.lines.iter().filter(|l| matches!(l.status, LineStatus::Mapped | LineStatus::Unmapped)) {
                    let resource_is_allergy = line.resource == "AllergyIntolerance";
                    prop_assert!(!resource_is_allergy || line.is_food_constraint());
                    for change in &line.proposes {
                        let Change::Allergies(entry) = change else { continue };
                        let held = settled.profile.allergies.iter().any(|e| {
                            e.allergen == entry.allergen && entry.allergen.is_some() || e.text == entry.text
                        });
                        prop_assert!(held, "{} is nowhere in the profile", shown(line));
                    }
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Bundle::read(&bytes).is_err());
    }

    /// The order of a bundle does not decide what is in force.
    #[test]
    fn the_order_of_the_entries_does_not_matter(seed in any::<u64>()) {
        let value = sample();
        let mut shuffled = value.clone();
        let entries = shuffled["entry"].as_array_mut().expect("entries");
        let mut state = seed;
        for at in (1..entries.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            entries.swap(at, (state >> 33) as usize % (at + 1));
        }
        let sorted = |value: Value| {
            let proposal = try_propose(value, &known(), false, &HealthProfile::default()).expect("a proposal");
            let mut lines: Vec<String> = proposal.lines.iter().map(shown).collect();
            lines.sort();
            lines
        };
        prop_assert_eq!(sorted(value), sorted(shuffled));
    }
}
