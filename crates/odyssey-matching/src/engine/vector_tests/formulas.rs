//! Formulas and indices, each by one function of the program.

use std::collections::BTreeMap;

use odyssey_types::{HealthProfile, Jurisdiction, Nutrient, Nutrients, ProductId, parse_fixed, render_fixed};
use serde_json::{Map, Value, json};

use super::{Faults, differ, text};
use crate::engine::curves;
use crate::engine::rank::Best;
use crate::engine::testing::id;
use crate::engine::{Candidate, RulePack, Tier, VerdictKind};
use crate::fhir::{Bundle, Change, KnownPerson, ProposalInput, propose};
use crate::label::{Label, Tables, derive, net_carbohydrate};
use crate::{FoodKind, NpmInput, NutriInput, nutri_score, uk_npm};

fn whole(found: Value, expected: &Map<String, Value>) -> Faults {
    differ("all", &found, &Value::from(expected.clone())).into_iter().collect()
}

/// `energy_kj` and the nutrients by their fields, all as decimal text.
fn amounts_of(given: &Value) -> Nutrients {
    let mut amounts = Nutrients::default();
    for (field, value) in given.as_object().into_iter().flatten() {
        let Some(value) = value.as_str() else { continue };
        if field == "energy_kj" {
            amounts.set(Nutrient::Energy, Some(parse_fixed(value, 3).expect("kJ")));
        } else if let Some(nutrient) = Nutrient::from_field(field) {
            let (stored, exact) = nutrient.parse_rounding(value).expect("an amount");
            assert!(exact, "{value} is finer than {field} is kept");
            amounts.set(nutrient, Some(stored));
        }
    }
    amounts
}

fn fruit_of(given: &Value) -> Option<u16> {
    let percent = given["fruit_percent"].as_str()?;
    Some(u16::try_from(parse_fixed(percent, 1).expect("percent")).expect("at most 100 %"))
}

pub(super) fn nutri_score_case(given: &Value, expected: &Map<String, Value>) -> Faults {
    let fruit_permille = fruit_of(given);
    let points = nutri_score(&NutriInput {
        kind: FoodKind::from_code(text(given, "kind")).expect("a kind of food"),
        amounts: amounts_of(given),
        fruit_permille,
        fruit_is_exact: fruit_permille.is_some(),
        sweetener: given["sweetener"] == true,
    });
    let found = match points {
        Some(p) => json!({ "negative": p.negative, "score": p.score, "grade": p.grade }),
        None => json!({ "grade": null }),
    };
    whole(found, expected)
}

pub(super) fn uk_npm_case(given: &Value, expected: &Map<String, Value>) -> Faults {
    let input = NpmInput {
        is_drink: given["is_drink"] == true,
        amounts: amounts_of(given),
        fruit_permille: fruit_of(given),
    };
    let found = match uk_npm(&input) {
        Some(model) => json!({ "score": model.score, "less_healthy": model.less_healthy }),
        None => json!({ "score": null }),
    };
    whole(found, expected)
}

pub(super) fn net_carbohydrate_case(given: &Value, expected: &Map<String, Value>) -> Faults {
    let label = Jurisdiction::parse(text(given, "label_jurisdiction")).expect("a jurisdiction");
    let net = net_carbohydrate(&amounts_of(given), label).and_then(|net| i64::try_from(net).ok());
    whole(json!({ "net_carbohydrate_g": net.map(|n| render_fixed(n, 6)) }), expected)
}

pub(super) fn unit_case(given: &Value, expected: &Map<String, Value>) -> Faults {
    let value = text(given, "value");
    let (to, found) = match text(given, "from") {
        "energy_kcal" => {
            let (joules, _) = Nutrient::Energy.parse_rounding(value).expect("energy");
            ("J", Some(joules.to_string()))
        }
        "salt_g" => {
            let fields = super::labels::fields_of(&json!({
                "label_jurisdiction": given["label_jurisdiction"],
                "nutrition": { "basis": "per_100g", "amounts": { "salt_g": number(value) } },
            }));
            let facts = derive(&Label { fields: &fields, holds: &[] }, Tables::embedded()).facts;
            ("sodium_mg", facts.per_100.get(Nutrient::Sodium).map(|n| Nutrient::Sodium.render(n)))
        }
        unit @ ("[in_i]" | "[ft_i]" | "cm" | "m") => ("height_cm", measured("8302-2", unit, value)),
        unit => ("weight_kg", measured("29463-7", unit, value)),
    };
    whole(json!({ "to": to, "value": found }), expected)
}

fn number(text: &str) -> Value {
    serde_json::from_str(text).expect("a number")
}

/// A body height or weight as an Observation states it.
fn measured(loinc: &str, unit: &str, value: &str) -> Option<String> {
    let observation = json!({
        "resourceType": "Observation",
        "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": loinc }] },
        "subject": { "reference": "Patient/ada" },
        "effectiveDateTime": "2026-10-01",
        "valueQuantity": { "value": number(value), "system": "http://unitsofmeasure.org", "code": unit },
    });
    let patient = json!({ "resourceType": "Patient", "id": "ada", "identifier": [{ "value": "M-1" }] });
    let bundle = json!({
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{ "resource": patient }, { "resource": observation }],
    });
    let bundle = Bundle::of_value(bundle).expect("a bundle");
    let known = KnownPerson { identifiers: vec!["M-1".to_owned()], birth_date: None };
    let profile = HealthProfile::default();
    let as_of = chrono::NaiveDate::from_ymd_opt(2026, 11, 26).expect("a day");
    let input = ProposalInput {
        known: &known,
        patient_confirmed: false,
        profile: &profile,
        as_of,
        pack: RulePack::embedded(),
    };
    let proposal = propose(&bundle, &input).expect("a proposal");
    proposal.lines.iter().flat_map(|l| &l.proposes).find_map(|change| match change {
        Change::HeightCm(height) => Some(render_fixed(height.0, 1)),
        Change::WeightKg(weight) => Some(render_fixed(weight.0, 3)),
        _ => None,
    })
}

pub(super) fn curve_case(given: &Value, expected: &Map<String, Value>) -> Faults {
    let integer = |field: &str| given[field].as_i64().unwrap_or_else(|| panic!("`{field}` in {given}"));
    let stored = |nutrient: Nutrient, field: &str| {
        let (stored, _) = nutrient.parse_rounding(text(given, field)).expect("an amount");
        u32::try_from(stored).expect("an amount of a serving")
    };
    let score = match text(given, "curve") {
        "cap" => curves::cap_score(integer("share_bp")),
        "target" => curves::target_score(integer("share_bp")),
        "share" => {
            let limit = stored(Nutrient::Sodium, "limit_mg");
            curves::share_bp(stored(Nutrient::Sodium, "amount_mg"), i64::from(limit), integer("role"))
        }
        "energy" => {
            curves::energy_score(u32::try_from(integer("energy_j")).expect("energy"), integer("slot_j"))
        }
        "macro" => {
            let wanted: Vec<i64> =
                given["wanted_bp"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
            let amounts = [
                stored(Nutrient::Protein, "protein_g"),
                stored(Nutrient::Fat, "fat_g"),
                stored(Nutrient::Carbohydrate, "carbohydrate_g"),
            ];
            let wanted = wanted.try_into().expect("three shares");
            curves::macro_score(stored(Nutrient::Energy, "energy_kcal"), amounts, wanted)
        }
        "preference" => curves::preference_score(integer("likes"), integer("dislikes")),
        other => panic!("`{other}` is no curve"),
    };
    whole(json!({ "score": score }), expected)
}

pub(super) fn order_case(given: &Value, expected: &Map<String, Value>) -> Faults {
    let candidates = given["candidates"].as_array().expect("candidates");
    let mut names: Vec<&str> = candidates.iter().map(|c| text(c, "id")).collect();
    names.sort_unstable();
    // Ids that sort as their letters do.
    let mut ids: Vec<ProductId> = (0..names.len() as u64).map(id).collect();
    ids.sort_unstable();
    let numbers: BTreeMap<&str, ProductId> = names.into_iter().zip(ids).collect();
    let mut best = Best::new(candidates.len());
    for candidate in candidates {
        let small = |field: &str| u16::try_from(candidate[field].as_u64().expect("a number")).expect("small");
        let tier = match text(candidate, "tier") {
            "1" => Tier::One,
            "2" => Tier::Two,
            _ => Tier::Three,
        };
        best.offer(Candidate {
            id: numbers[text(candidate, "id")],
            tier,
            verdict: VerdictKind::Fits,
            score_permille: small("score_permille"),
            confidence_permille: small("confidence_permille"),
            changed_at_seconds: u32::from(small("changed_at_seconds")),
        });
    }
    let name = |of: ProductId| numbers.iter().find(|(_, id)| **id == of).map(|(name, _)| *name);
    let order: Vec<Option<&str>> = best.into_sorted().iter().map(|c| name(c.id)).collect();
    whole(json!({ "order": order }), expected)
}
