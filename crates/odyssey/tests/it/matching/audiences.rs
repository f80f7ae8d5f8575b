//! One product against every customer.

use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

use super::{consenting, label, peanut_anaphylaxis};

async fn audience(actor: &Actor<'_>, product: &str) -> Value {
    actor.get(&format!("/api/v1/products/{product}/audience")).await.expect(200)
}

async fn listed(actor: &Actor<'_>, product: &str, verdict: &str) -> Vec<String> {
    let path = format!("/api/v1/products/{product}/audience/customers?verdict={verdict}");
    let answer = actor.get(&path).await.expect(200);
    let ids = answer["items"].as_array().expect("items").iter();
    ids.map(|item| item["customer_id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn an_audience_counts_every_consenting_customer_and_tells_no_small_cell() {
    let app = TestApp::start().await;
    let (operator, admin) = (app.vendor("acme").operator().await, app.vendor("acme").admin().await);
    let satay = operator.create_product("satay", label("Rice, peanuts, salt.")).await;
    for number in 0..12 {
        consenting(&operator, &format!("free-{number}"), json!({})).await;
        consenting(&operator, &format!("allergic-{number}"), peanut_anaphylaxis()).await;
    }
    let told = audience(&operator, &satay).await;
    assert_eq!(
        (&told["fits"], &told["conflict"], &told["suppressed"]),
        (&json!(12), &json!(12), &json!(false))
    );
    let few = consenting(&operator, "unmapped", json!({ "allergies": [{ "text": "a rare spice" }] })).await;
    let told = audience(&operator, &satay).await;
    assert_eq!((&told["cannot_verify"], &told["suppressed"]), (&Value::Null, &json!(true)), "{told}");
    assert_eq!(listed(&operator, &satay, "cannot_verify").await, [few.as_str()]);
    let trail = admin.get(&format!("/api/v1/audit?customer_id={few}")).await;
    assert!(trail.text().contains("audience.list"), "{}", trail.text());
}

#[tokio::test]
async fn who_withdraws_edits_or_is_deleted_counts_from_the_next_question_on() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let satay = operator.create_product("satay", label("Rice, peanuts, salt.")).await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let bea = consenting(&operator, "bea", peanut_anaphylaxis()).await;
    let mut both = vec![ada.clone(), bea.clone()];
    both.sort();
    assert_eq!(listed(&operator, &satay, "conflict").await, both);
    operator.patch(&format!("/api/v1/customers/{ada}/health"), json!({ "allergies": [] })).await.expect(200);
    assert_eq!(listed(&operator, &satay, "conflict").await, [bea.as_str()]);
    assert_eq!(listed(&operator, &satay, "fits").await, [ada.as_str()]);
    let withdrawn = json!({ "purpose": "health_data", "state": "withdrawn" });
    operator.post(&format!("/api/v1/customers/{bea}/consents"), withdrawn).await;
    assert_eq!(listed(&operator, &satay, "conflict").await, Vec::<String>::new());
    operator.delete(&format!("/api/v1/customers/{ada}")).await;
    assert_eq!(listed(&operator, &satay, "fits").await, Vec::<String>::new());
}

#[tokio::test]
async fn an_audience_is_the_vendors_own_and_its_list_needs_the_right_to_read_health() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let rice = operator.create_product("rice", label("Rice.")).await;
    let rival = app.vendor("rival").operator().await;
    let theirs = rival.get(&format!("/api/v1/products/{rice}/audience")).await;
    assert_eq!(theirs.problem(), "404 product-not-found");
    let viewer = app.vendor("acme").viewer().await;
    let list = format!("/api/v1/products/{rice}/audience/customers?verdict=fits");
    assert_eq!(viewer.get(&list).await.problem(), "403 forbidden");
}
