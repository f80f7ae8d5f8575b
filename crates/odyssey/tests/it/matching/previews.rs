use odyssey_testkit::TestApp;
use serde_json::{Value, json};

use super::{consenting, hypertension, label, listed, matches, peanut_anaphylaxis, plain, reconcile, set};

async fn preview(actor: &odyssey_testkit::Actor<'_>, body: Value) -> Value {
    let answer = actor.send(http::Method::POST, "/api/v1/matches/preview", &[], Some(body)).await.expect(200);
    reconcile(&answer);
    answer
}

#[tokio::test]
async fn a_profile_can_be_tried_out_without_being_stored() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("rice", plain()).await;
    operator.create_product("satay", label("Rice, peanuts, salt.")).await;
    let free = preview(&operator, json!({ "subject": { "profile": {} } })).await;
    assert_eq!(listed(&free, "items"), set(&["rice", "satay"]));
    let allergic = preview(&operator, json!({ "subject": { "profile": peanut_anaphylaxis() } })).await;
    assert_eq!(listed(&allergic, "items"), set(&["rice"]));
    let customers = operator.get("/api/v1/customers").await.expect(200);
    assert_eq!(customers["items"], json!([]), "nothing was stored");
}

#[tokio::test]
async fn a_preview_is_the_customer_with_some_fields_changed_and_leaves_the_profile_alone() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("rice", plain()).await;
    operator.create_product("satay", label("Rice, peanuts, salt.")).await;
    let ada = consenting(&operator, "ada", hypertension()).await;
    let before = operator.get(&format!("/api/v1/customers/{ada}/health")).await.expect(200);
    let subject = json!({ "customer_id": ada, "overrides": peanut_anaphylaxis() });
    let tried = preview(&operator, json!({ "subject": subject, "query": { "k": 5 } })).await;
    assert_eq!(listed(&tried, "items"), set(&["rice"]));
    let gates: Vec<&str> =
        tried["funnel"].as_array().expect("a funnel").iter().filter_map(|s| s["subject"].as_str()).collect();
    assert_eq!(gates, ["peanut"]);
    let without = preview(&operator, json!({ "subject": { "customer_id": ada } })).await;
    assert_eq!(without["items"], matches(&operator, &ada, "").await["items"], "no override, no difference");
    assert_eq!(operator.get(&format!("/api/v1/customers/{ada}/health")).await.expect(200), before);
}

#[tokio::test]
async fn a_preview_of_a_customer_needs_consent_and_a_customer_of_ones_own() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let created = operator.post("/api/v1/customers", json!({ "external_id": "ada" })).await.expect(201);
    let send = async |actor: &odyssey_testkit::Actor<'_>, body: Value| {
        let answer = actor.send(http::Method::POST, "/api/v1/matches/preview", &[], Some(body)).await;
        answer.problem()
    };
    let subject = json!({ "subject": { "customer_id": created["id"] } });
    assert_eq!(send(&operator, subject.clone()).await, "403 consent-missing");
    let rival = app.vendor("rival").operator().await;
    assert_eq!(send(&rival, subject).await, "404 customer-not-found");
    let both = json!({ "subject": { "customer_id": created["id"], "profile": {} } });
    assert_eq!(send(&operator, both).await, "422 validation-error");
    let broken = json!({ "subject": { "profile": { "weight_kg": 5000 } } });
    assert_eq!(send(&operator, broken).await, "422 validation-error");
    let viewer = app.vendor("acme").viewer().await;
    assert_eq!(send(&viewer, json!({ "subject": { "profile": {} } })).await, "403 forbidden");
}
