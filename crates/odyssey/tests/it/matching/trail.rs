use chrono::TimeDelta;
use odyssey_domain::tenancy::{self, Actor};
use odyssey_testkit::TestApp;
use serde_json::json;
use uuid::Uuid;

use super::{consenting, matches, peanut_anaphylaxis, plain};

/// Events of a disclosure to the operator, and the people they disclosed.
async fn disclosures(app: &TestApp) -> Vec<(String, Uuid, Option<Uuid>)> {
    let mut connection = app.test.superuser_connection().await;
    sqlx::query_as(
        "SELECT e.outcome, s.customer_id, e.request_id FROM odyssey.audit_events e
         JOIN odyssey.audit_subjects s ON s.event_id = e.id AND s.vendor_id = e.vendor_id
         WHERE e.action = 'health_profile.match' AND e.actor_id = $1 AND e.vendor_id = $2 ORDER BY e.occurred_at",
    )
    .bind(app.vendor("acme").seed.operator.as_uuid())
    .bind(app.vendor("acme").id().as_uuid())
    .fetch_all(&mut connection)
    .await
    .expect("the trail answers")
}

#[tokio::test]
async fn every_answer_leaves_one_event_that_names_the_person() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let rice = operator.create_product("rice", plain()).await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let bea = consenting(&operator, "bea", json!({ "medications": [{ "rxnorm": "11289" }] })).await;
    let before = disclosures(&app).await.len();
    let mut asked = Vec::new();
    for (path, person) in [
        (format!("/api/v1/matches/{ada}"), &ada),
        (format!("/api/v1/matches/{ada}"), &ada),
        (format!("/api/v1/matches/{ada}/products/{rice}"), &ada),
        (format!("/api/v1/matches/{bea}?include=cannot_verify"), &bea),
    ] {
        app.clock().advance(TimeDelta::seconds(1));
        let answer = operator.get(&path).await;
        answer.expect(200);
        let request: Uuid =
            answer.header("x-request-id").and_then(|id| id.parse().ok()).expect("a request id");
        asked.push(("allowed".to_owned(), person.parse::<Uuid>().expect("an id"), Some(request)));
    }
    // A catalog that had to load begins the request again and is still one disclosure.
    assert_eq!(disclosures(&app).await[before..], asked);
    let trail =
        app.vendor("acme").admin().await.get(&format!("/api/v1/audit?customer_id={bea}")).await.expect(200);
    assert!(
        trail["items"].as_array().expect("events").iter().any(|e| e["action"] == "health_profile.match"),
        "{trail}"
    );
}

#[tokio::test]
async fn an_answer_that_is_refused_discloses_nobody() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    operator.create_product("rice", plain()).await;
    let created = operator.post("/api/v1/customers", json!({ "external_id": "ada" })).await.expect(201);
    let ada = created["id"].as_str().expect("an id").to_owned();
    assert_eq!(operator.get(&format!("/api/v1/matches/{ada}")).await.problem(), "403 consent-missing");
    assert_eq!(acme.viewer().await.get(&format!("/api/v1/matches/{ada}")).await.problem(), "403 forbidden");
    assert_eq!(disclosures(&app).await, []);
}

#[tokio::test]
async fn a_rivals_customer_does_not_exist_and_a_rivals_product_is_no_match() {
    let app = TestApp::start().await;
    let (operator, rival) = (app.vendor("acme").operator().await, app.vendor("rival").operator().await);
    let rice = operator.create_product("rice", plain()).await;
    let foreign = rival.create_product("foreign", plain()).await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let eve = consenting(&rival, "eve", peanut_anaphylaxis()).await;
    for path in [format!("/api/v1/matches/{ada}"), format!("/api/v1/matches/{ada}/products/{rice}")] {
        assert_eq!(rival.get(&path).await.problem(), "404 customer-not-found");
    }
    let mixed = rival.get(&format!("/api/v1/matches/{eve}/products/{rice}")).await;
    assert_eq!(mixed.problem(), "404 product-not-found");
    assert_eq!(super::in_order(&matches(&rival, &eve, "").await, "items"), ["foreign"]);
    assert_eq!(super::in_order(&matches(&operator, &ada, "").await, "items"), ["rice"]);
    assert_ne!(rice, foreign);
}

#[tokio::test]
async fn a_vendor_that_is_suspended_is_refused_with_the_next_request() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    operator.create_product("rice", plain()).await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    matches(&operator, &ada, "").await;
    let path = format!("/api/v1/matches/{ada}");
    let platform = Actor::command_line();
    tenancy::suspend_vendor(app.database(), &platform, acme.id()).await.expect("it is suspended");
    assert_eq!(operator.get(&path).await.problem(), "403 vendor-suspended");
    assert_eq!(operator.get("/api/v1/products").await.problem(), "403 vendor-suspended");
    let rival = app.vendor("rival").operator().await;
    rival.get("/api/v1/products").await.expect(200);
    tenancy::unsuspend_vendor(app.database(), &platform, acme.id()).await.expect("it works again");
    operator.get(&path).await.expect(200);
}

#[tokio::test]
async fn a_member_who_is_suspended_is_refused_with_the_next_request() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let (operator, admin) = (acme.operator().await, acme.admin().await);
    let ada = consenting(&operator, "ada", json!({})).await;
    let path = format!("/api/v1/matches/{ada}");
    operator.get(&path).await.expect(200);
    let member = acme.seed.operator;
    tenancy::suspend_membership(app.database(), &Actor::command_line(), acme.id(), member)
        .await
        .expect("suspended");
    assert_eq!(operator.get(&path).await.problem(), "404 vendor-not-found", "a vendor that is not theirs");
    admin.get(&path).await.expect(200);
}
