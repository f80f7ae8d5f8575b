use chrono::TimeDelta;
use odyssey_testkit::TestApp;
use serde_json::{Value, json};

use super::{
    consenting, hypertension, label, listed, matches, peanut_anaphylaxis, plain, removed, set, with,
};

#[tokio::test]
async fn an_edit_of_a_product_counts_from_the_next_answer_on() {
    let app = TestApp::start().await;
    let (operator, admin) = (app.vendor("acme").operator().await, app.vendor("acme").admin().await);
    let bar = operator.create_product("bar", plain()).await;
    let path = format!("/api/v1/products/{bar}");
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let before = matches(&operator, &ada, "").await;
    assert_eq!(listed(&before, "items"), set(&["bar"]));
    operator.patch(&path, json!({ "ingredients": "Rice, peanuts, salt." })).await.expect(200);
    let after = matches(&operator, &ada, "").await;
    assert_eq!(listed(&after, "items"), set(&[]));
    let version = |answer: &Value| answer["provenance"]["catalog_version"].as_i64().expect("a version");
    assert_eq!(version(&after), version(&before) + 1);
    // The allergen that vanishes again is held until a second person looks.
    operator.patch(&path, json!({ "ingredients": "Rice, water, salt." })).await.expect(200);
    assert_eq!(listed(&matches(&operator, &ada, "").await, "items"), set(&[]));
    let holds = admin.get("/api/v1/allergen-holds").await.expect(200);
    let hold = holds["items"][0]["id"].as_str().expect("a hold").to_owned();
    admin.post(&format!("/api/v1/allergen-holds/{hold}/release"), json!({})).await.expect(200);
    assert_eq!(listed(&matches(&operator, &ada, "").await, "items"), set(&["bar"]));
}

#[tokio::test]
async fn an_attestation_that_is_taken_back_takes_the_product_back() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let bar = operator.create_product("bar", plain()).await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    assert_eq!(listed(&matches(&operator, &ada, "").await, "items"), set(&["bar"]));
    operator
        .patch(&format!("/api/v1/products/{bar}"), json!({ "allergen_data": "unknown" }))
        .await
        .expect(200);
    let answer = matches(&operator, &ada, "").await;
    assert_eq!((listed(&answer, "items"), removed(&answer, "HX_ALLERGEN_UNKNOWN", "peanut")), (set(&[]), 1));
}

#[tokio::test]
async fn an_edit_of_the_profile_counts_from_the_next_answer_on() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("rice", plain()).await;
    operator.create_product("satay", label("Rice, peanuts, salt.")).await;
    let salty =
        json!({ "nutrition": { "amounts": { "sodium_mg": 1800 } }, "serving_size": { "amount_g": 100 } });
    operator.create_product("salty", with(plain(), salty)).await;
    let ada = consenting(&operator, "ada", json!({})).await;
    let health = format!("/api/v1/customers/{ada}/health");
    let first = matches(&operator, &ada, "").await;
    assert_eq!(listed(&first, "items"), set(&["rice", "satay", "salty"]));
    operator.patch(&health, peanut_anaphylaxis()).await.expect(200);
    let second = matches(&operator, &ada, "").await;
    assert_eq!(listed(&second, "items"), set(&["rice", "salty"]));
    operator.patch(&health, hypertension()).await.expect(200);
    assert_eq!(listed(&matches(&operator, &ada, "").await, "items"), set(&["rice"]));
    operator.put(&health, json!({})).await.expect(200);
    let last = matches(&operator, &ada, "").await;
    assert_eq!(last["items"], first["items"], "the same profile gives the same answer");
    assert_ne!(first["provenance"]["policy_digest"], second["provenance"]["policy_digest"]);
    assert_eq!(first["provenance"]["policy_digest"], last["provenance"]["policy_digest"]);
}

#[tokio::test]
async fn a_birthday_counts_on_the_day() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("rice", plain()).await;
    let record = json!({ "external_id": "ada", "birth_date": "2024-01-16",
                         "consents": [{ "purpose": "health_data", "state": "granted" }] });
    let created = operator.post("/api/v1/customers", record).await.expect(201);
    let ada = created["id"].as_str().expect("an id").to_owned();
    let infant = matches(&operator, &ada, "").await;
    assert_eq!((listed(&infant, "items"), &infant["blocked"][0]["code"]), (set(&[]), &json!("HX_AGE")));
    app.clock().advance(TimeDelta::days(1));
    let today = matches(&operator, &ada, "").await;
    assert_eq!((listed(&today, "items"), &today["blocked"]), (set(&["rice"]), &json!([])));
}

#[tokio::test]
async fn without_consent_there_is_no_match_and_the_answer_says_so() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let rice = operator.create_product("rice", plain()).await;
    let created = operator.post("/api/v1/customers", json!({ "external_id": "ada" })).await.expect(201);
    let ada = created["id"].as_str().expect("an id").to_owned();
    let (list, one) = (format!("/api/v1/matches/{ada}"), format!("/api/v1/matches/{ada}/products/{rice}"));
    let consents = format!("/api/v1/customers/{ada}/consents");
    let say = |state: &str| json!({ "purpose": "health_data", "state": state });
    for path in [&list, &one] {
        assert_eq!(operator.get(path).await.problem(), "403 consent-missing");
    }
    operator.post(&consents, json!({ "purpose": "marketing", "state": "granted" })).await.expect(201);
    assert_eq!(operator.get(&list).await.problem(), "403 consent-missing", "another purpose");
    operator.post(&consents, say("granted")).await.expect(201);
    assert_eq!(listed(&operator.get(&list).await.expect(200), "items"), set(&["rice"]));
    operator.post(&consents, say("withdrawn")).await.expect(201);
    for path in [&list, &one] {
        assert_eq!(operator.get(path).await.problem(), "403 consent-missing", "a withdrawal counts at once");
    }
}

#[tokio::test]
async fn a_product_that_is_deleted_or_put_away_is_gone_from_the_next_answer() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("rice", plain()).await;
    let oats = operator.create_product("oats", plain()).await;
    let away = operator.create_product("away", plain()).await;
    let ada = consenting(&operator, "ada", json!({})).await;
    assert_eq!(listed(&matches(&operator, &ada, "").await, "items"), set(&["rice", "oats", "away"]));
    assert_eq!(operator.delete(&format!("/api/v1/products/{oats}")).await.status.as_u16(), 204);
    operator.patch(&format!("/api/v1/products/{away}"), json!({ "status": "inactive" })).await.expect(200);
    let answer = matches(&operator, &ada, "").await;
    assert_eq!(listed(&answer, "items"), set(&["rice"]));
    assert!(removed(&answer, "HX_INACTIVE", "inactive") >= 1, "{answer}");
    let gone = operator.get(&format!("/api/v1/matches/{ada}/products/{oats}")).await;
    assert_eq!(gone.problem(), "404 product-not-found");
    // And comes back with the next write.
    operator.create_product("oats", plain()).await;
    assert_eq!(listed(&matches(&operator, &ada, "").await, "items"), set(&["rice", "oats"]));
}

#[tokio::test]
async fn a_deleted_customer_has_no_matches() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let rice = operator.create_product("rice", plain()).await;
    let ada = consenting(&operator, "ada", json!({})).await;
    matches(&operator, &ada, "").await;
    operator.delete(&format!("/api/v1/customers/{ada}")).await;
    for path in [format!("/api/v1/matches/{ada}"), format!("/api/v1/matches/{ada}/products/{rice}")] {
        assert_eq!(operator.get(&path).await.problem(), "404 customer-not-found");
    }
}
