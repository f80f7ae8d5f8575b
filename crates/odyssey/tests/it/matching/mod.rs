//! Who gets which product, and why: through the API from the write to the answer.

mod allergies;
mod answers;
mod audience;
mod audiences;
mod baskets;
mod batches;
mod cold_start;
mod diets;
mod edits;
mod explaining;
mod lists;
mod narrowing;
mod nutrients;
mod oracle;
mod previews;
mod receipts;
mod regressions;
mod swaps;
mod trail;
mod unrecorded;
mod unsafe_profiles;

use std::collections::BTreeSet;

use odyssey_testkit::Actor;
use serde_json::{Value, json};

/// A US label of 2025, attested as complete, with every amount that the rules ask for.
pub(super) fn label(ingredients: &str) -> Value {
    json!({
        "ingredients": ingredients, "allergen_data": "complete", "label_jurisdiction": "US",
        "label_as_of": "2025-06-01", "serving_size": { "amount_g": 40 },
        "nutrition": { "basis": "per_100g", "amounts": {
            "energy_kcal": 350, "fat_g": 5, "saturated_fat_g": 1, "carbohydrate_g": 70, "sugars_g": 10,
            "added_sugars_g": 2, "fiber_g": 5, "protein_g": 6, "sodium_mg": 100, "potassium_mg": 150 } },
    })
}

/// A label with nothing that any allergy, diet or limit of these tests minds.
pub(super) fn plain() -> Value {
    label("Rice, water, salt.")
}

/// The label with some fields put over it; objects are merged, `null` takes away.
pub(super) fn with(label: Value, over: Value) -> Value {
    match (label, over) {
        (Value::Object(mut fields), Value::Object(over)) => {
            for (name, value) in over {
                let before = fields.remove(&name).unwrap_or_default();
                if !value.is_null() {
                    fields.insert(name, with(before, value));
                }
            }
            Value::Object(fields)
        }
        (_, over) => over,
    }
}

/// Creates a customer who consents, and returns the id.
pub(super) async fn consenting(actor: &Actor<'_>, external_id: &str, profile: Value) -> String {
    let record = json!({
        "external_id": external_id, "birth_date": "1985-12-10", "profile": profile,
        "consents": [{ "purpose": "health_data", "state": "granted" }],
    });
    let created = actor.post("/api/v1/customers", record).await.expect(201);
    created["id"].as_str().expect("an id").to_owned()
}

/// The matches of a customer; `query` begins with `?` or is empty.
pub(super) async fn matches(actor: &Actor<'_>, customer: &str, query: &str) -> Value {
    actor.get(&format!("/api/v1/matches/{customer}{query}")).await.expect(200)
}

/// Why one product suits the customer, or why not.
pub(super) async fn explain(actor: &Actor<'_>, customer: &str, product: &str) -> Value {
    actor.get(&format!("/api/v1/matches/{customer}/products/{product}")).await.expect(200)
}

/// The vendor's own ids of the products in one of the answer's lists, in no order.
pub(super) fn listed(answer: &Value, list: &str) -> BTreeSet<String> {
    in_order(answer, list).into_iter().collect()
}

/// The same, best first.
pub(super) fn in_order(answer: &Value, list: &str) -> Vec<String> {
    let items = answer[list].as_array().expect("a list");
    items.iter().map(|item| item["product"]["external_id"].as_str().expect("an id").to_owned()).collect()
}

pub(super) fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

/// How many products the funnel says this gate kept out in all.
pub(super) fn removed(answer: &Value, code: &str, subject: &str) -> u64 {
    let steps = answer["funnel"].as_array().expect("a funnel");
    let step = steps.iter().find(|s| s["code"] == code && s["subject"] == subject);
    step.and_then(|s| s["total"].as_u64()).unwrap_or(0)
}

/// The codes of a verdict's reasons, worst first.
pub(super) fn codes(verdict: &Value) -> Vec<&str> {
    verdict["reasons"].as_array().expect("reasons").iter().filter_map(|r| r["code"].as_str()).collect()
}

/// What every answer must keep, whatever it lists: nothing is lost between the list and the funnel.
pub(super) fn reconcile(answer: &Value) {
    let count = |field: &str| answer[field].as_u64().expect("a count");
    let funnel: u64 =
        answer["funnel"].as_array().expect("a funnel").iter().filter_map(|s| s["first"].as_u64()).sum();
    assert_eq!(count("considered"), count("fits_total") + funnel, "{answer}");
}

pub(super) fn peanut_anaphylaxis() -> Value {
    json!({ "allergies": [{ "allergen": "peanut", "severity": "anaphylaxis" }] })
}

pub(super) fn hypertension() -> Value {
    json!({ "conditions": [{ "system": "icd10cm", "code": "I10" }] })
}
