use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

use super::{consenting, hypertension, in_order, label, plain, with};

async fn swaps(actor: &Actor<'_>, customer: &str, product: &str) -> Value {
    actor.get(&format!("/api/v1/matches/{customer}/products/{product}/swaps")).await.expect(200)
}

fn snack(sodium_mg: u32) -> Value {
    let over = json!({ "category_id": "crisps", "nutrition": { "amounts": { "sodium_mg": sodium_mg } } });
    with(plain(), over)
}

#[tokio::test]
async fn swaps_are_of_the_same_kind_fit_and_are_better() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let salty = operator.create_product("salty", snack(900)).await;
    let mild = operator.create_product("mild", snack(300)).await;
    operator.create_product("plain", snack(20)).await;
    operator.create_product("peanut", with(snack(10), label("Peanuts."))).await;
    operator.create_product("bread", with(snack(10), json!({ "category_id": "bread" }))).await;
    let profile = json!({ "conditions": hypertension()["conditions"],
                          "allergies": [{ "allergen": "peanut", "severity": "anaphylaxis" }] });
    let ada = consenting(&operator, "ada", profile).await;
    let found = swaps(&operator, &ada, &salty).await;
    assert_eq!(in_order(&found, "items"), ["plain", "mild"]);
    assert_eq!(
        (&found["same_kind"], &found["replaces"]["product"]["external_id"]),
        (&json!("category"), &json!("salty"))
    );
    assert_eq!(in_order(&swaps(&operator, &ada, &mild).await, "items"), ["plain"]);
}

#[tokio::test]
async fn without_a_category_nothing_is_said_to_be_of_the_same_kind() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let bar = operator.create_product("bar", plain()).await;
    operator.create_product("other", plain()).await;
    let ada = consenting(&operator, "ada", json!({})).await;
    let found = swaps(&operator, &ada, &bar).await;
    assert_eq!((&found["same_kind"], &found["items"]), (&json!("unknown"), &json!([])));
    let missing = uuid::Uuid::now_v7();
    let answer = operator.get(&format!("/api/v1/matches/{ada}/products/{missing}/swaps")).await;
    assert_eq!(answer.problem(), "404 product-not-found");
}
