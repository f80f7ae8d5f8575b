//! Rules tried before they are published.

use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

const PREVIEW: &str = "/api/v1/rules/preview";

/// A US label, attested, with so much sodium in 40 g.
async fn soup(actor: &Actor<'_>, id: &str, sodium_mg_per_100g: u32) {
    let label = json!({
        "name": id, "ingredients": "Rice, water, salt.", "allergen_data": "complete", "label_jurisdiction": "US",
        "label_as_of": "2025-06-01", "serving_size": { "amount_g": 40 },
        "nutrition": { "basis": "per_100g", "amounts": {
            "energy_kcal": 350, "fat_g": 5, "saturated_fat_g": 1, "carbohydrate_g": 70, "sugars_g": 10,
            "added_sugars_g": 2, "fiber_g": 5, "protein_g": 6, "sodium_mg": sodium_mg_per_100g, "potassium_mg": 150 } },
    });
    actor.create_product(id, label).await;
}

async fn person(actor: &Actor<'_>, id: &str, profile: Value, consents: bool) -> String {
    let consents =
        if consents { json!([{ "purpose": "health_data", "state": "granted" }]) } else { json!([]) };
    let record =
        json!({ "external_id": id, "birth_date": "1985-12-10", "profile": profile, "consents": consents });
    let created = actor.post("/api/v1/customers", record).await.expect(201);
    created["id"].as_str().expect("an id").to_owned()
}

fn hypertension() -> Value {
    json!({ "conditions": [{ "system": "icd10cm", "code": "I10" }] })
}

async fn fits(actor: &Actor<'_>, customer: &str) -> i64 {
    let answer = actor.get(&format!("/api/v1/matches/{customer}")).await.expect(200);
    answer["fits_total"].as_i64().expect("a count")
}

#[tokio::test]
async fn a_preview_says_what_publishing_then_does() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let (admin, operator) = (acme.admin().await, acme.operator().await);
    for (at, sodium) in [50, 200, 900, 1_400, 1_900, 2_400].into_iter().enumerate() {
        soup(&operator, &format!("soup-{at}"), sodium).await;
    }
    let mut people = Vec::new();
    for number in 0..12 {
        people.push(person(&operator, &format!("p{number}"), hypertension(), true).await);
    }
    person(&operator, "healthy", json!({ "weight_kg": 70 }), true).await;
    person(&operator, "silent", hypertension(), false).await;

    let changes = json!([{ "change": "set_cap", "rule": "htn.sodium", "amount": "1000" }, { "change": "harden", "rule": "htn.sodium" }]);
    let tried = operator.post(PREVIEW, json!({ "changes": changes })).await.expect(200);
    assert_eq!(
        (&tried["population"], &tried["looked_at"], &tried["complete"]),
        (&json!(13), &json!(13), &json!(true)),
        "{tried}"
    );
    assert_eq!((&tried["affected"], &tried["gaining"]), (&json!(12), &json!(0)), "{tried}");
    let rules = admin.get("/api/v1/rules").await.expect(200);
    assert_eq!(rules["published"], Value::Null, "nothing was stored: {rules}");

    let before = fits(&operator, &people[0]).await;
    let draft = admin.put("/api/v1/rules/draft", json!({ "changes": changes })).await.expect(200);
    let by_draft = operator.post(PREVIEW, json!({ "draft": true })).await.expect(200);
    assert_eq!(by_draft["lost"], tried["lost"], "{by_draft}");
    admin.post("/api/v1/rules/publish", json!({ "version": draft["version"] })).await.expect(200);
    let after = fits(&operator, &people[0]).await;
    assert!(after < before, "a hard cap of 1,000 mg keeps something out: {before} to {after}");
    assert_eq!(tried["lost"], json!((before - after) * 12), "{tried}");
    let named = tried["products_lost"].as_array().expect("products");
    assert_eq!(named.len() as i64, before - after);
    assert_eq!(named[0]["customers"], 12);
    let losers = tried["customers"].as_array().expect("customers");
    assert!(losers.iter().all(|c| people.iter().any(|id| c["customer_id"] == id.as_str())), "{tried}");

    let named = losers[0]["customer_id"].as_str().expect("an id");
    let trail = admin.get(&format!("/api/v1/audit?customer_id={named}")).await.expect(200);
    let events = trail["items"].as_array().expect("events");
    assert!(
        events.iter().any(|event| event["action"] == "rules.preview"),
        "who is named is disclosed: {trail}"
    );

    // What is in force already changes nothing.
    let again = operator.post(PREVIEW, json!({ "version": draft["version"] })).await.expect(200);
    assert_eq!((&again["affected"], &again["lost"]), (&json!(0), &json!(0)), "{again}");
}

#[tokio::test]
async fn a_preview_is_refused_to_whom_matches_are_and_where_it_says_two_things() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    soup(&operator, "soup", 500).await;
    let few = person(&operator, "ada", hypertension(), true).await;
    let changes = json!([{ "change": "set_cap", "rule": "htn.sodium", "amount": "1000" }, { "change": "harden", "rule": "htn.sodium" }]);
    let tried = operator.post(PREVIEW, json!({ "changes": changes })).await.expect(200);
    assert_eq!(tried["affected"], Value::Null, "one is a small cell: {tried}");
    assert!(!tried["products_lost"].to_string().contains(&few));
    let viewer = acme.viewer().await;
    assert_eq!(viewer.post(PREVIEW, json!({ "draft": true })).await.problem(), "403 forbidden");
    for (body, problem) in [
        (json!({ "draft": true, "version": 1 }), "422 validation-error"),
        (json!({}), "422 validation-error"),
        (json!({ "draft": true }), "404 rules-not-found"),
        (json!({ "changes": changes, "customers": 0 }), "422 validation-error"),
        (json!({ "changes": [{ "change": "harden", "rule": "no.such" }] }), "422 validation-error"),
    ] {
        assert_eq!(operator.post(PREVIEW, body.clone()).await.problem(), problem, "{body}");
    }
}
