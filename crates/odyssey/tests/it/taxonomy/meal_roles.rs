//! How much of a meal a category's products are: set on a node, felt in the scores of its products.

use http::Method;
use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

use crate::matching::{consenting, explain, in_order, label, matches, with};

/// 320 mg of sodium a serving, in a category of the vendor's.
fn salty(category: &str, sub_category: Option<&str>) -> Value {
    let over = json!({
        "category_id": category, "sub_category_id": sub_category,
        "nutrition": { "amounts": { "sodium_mg": 800 } },
    });
    with(label("Rice, water, salt."), over)
}

async fn category(actor: &Actor<'_>, code: &str, parent: Option<&str>, role: Option<&str>) {
    let body =
        json!({ "kind": "category", "code": code, "label": code, "parent_code": parent, "meal_role": role });
    let created = actor.post("/api/v1/taxonomy", body).await.expect(201);
    assert_eq!(created["meal_role"], json!(role));
}

/// The share of the day's sodium that one serving counts as, in basis points.
async fn sodium_share(actor: &Actor<'_>, customer: &str, product: &str) -> u64 {
    let verdict = explain(actor, customer, product).await;
    let parts = verdict["parts"].as_array().expect("parts");
    let part = parts.iter().find(|part| part["code"] == "SC_CAP_sodium_mg").expect("the cap on sodium");
    part["params"]["share_bp"].as_str().expect("a share").parse().expect("a number")
}

#[tokio::test]
async fn a_meal_is_measured_as_a_meal_once_its_category_says_so() {
    let app = TestApp::start().await;
    let (operator, admin) = (app.vendor("acme").operator().await, app.vendor("acme").admin().await);
    let ada = consenting(&operator, "ada", json!({})).await;
    let chips = operator.create_product("a-chips", salty("snacks", None)).await;
    let curry = operator.create_product("b-curry", salty("frozen", Some("entrees"))).await;
    let snack = sodium_share(&operator, &ada, &curry).await;
    assert_eq!(sodium_share(&operator, &ada, &chips).await, snack);

    category(&admin, "prepared", None, Some("meal")).await;
    category(&admin, "entrees", Some("prepared"), None).await;
    app.run_jobs().await;
    assert_eq!(sodium_share(&operator, &ada, &curry).await, snack / 3);
    assert_eq!(sodium_share(&operator, &ada, &chips).await, snack);
    // The columns in memory know it as well: the list is ordered by it.
    let answer = matches(&operator, &ada, "").await;
    assert_eq!(in_order(&answer, "items"), ["b-curry", "a-chips"], "{answer}");
    assert!(answer["items"][0]["score_permille"].as_u64() > answer["items"][1]["score_permille"].as_u64());

    // What is written later has it at once; a vendor's own word for the node above takes it away again.
    let stew = operator.create_product("c-stew", salty("entrees", None)).await;
    assert_eq!(sodium_share(&operator, &ada, &stew).await, snack / 3);
    let path = "/api/v1/taxonomy/category/prepared";
    let etag = admin.get(path).await.header("etag").expect("an etag").to_owned();
    let body = json!({ "label": "Prepared", "meal_role": "main_dish" });
    admin.keyed(Method::PUT, path, &[("if-match", &etag)], body).await.expect(200);
    app.run_jobs().await;
    assert_eq!(sodium_share(&operator, &ada, &stew).await, snack / 2);
    assert_eq!(admin.delete("/api/v1/taxonomy/category/entrees").await.status.as_u16(), 204);
    app.run_jobs().await;
    assert_eq!(sodium_share(&operator, &ada, &stew).await, snack);
    assert_eq!(in_order(&matches(&operator, &ada, "").await, "items").len(), 3);
}

#[tokio::test]
async fn a_role_of_the_platform_counts_until_the_vendor_says_otherwise() {
    let app = TestApp::start().await;
    let (root, admin) = (app.superadmin().await, app.vendor("acme").admin().await);
    let operator = app.vendor("acme").operator().await;
    let ada = consenting(&operator, "ada", json!({})).await;
    let curry = operator.create_product("curry", salty("meals", None)).await;
    let snack = sodium_share(&operator, &ada, &curry).await;
    let meals = json!({ "kind": "category", "code": "meals", "label": "Meals", "meal_role": "meal" });
    root.post("/api/v1/platform/taxonomy", meals).await.expect(200);
    app.run_jobs().await;
    assert_eq!(sodium_share(&operator, &ada, &curry).await, snack / 3);
    category(&admin, "meals", None, Some("snack")).await;
    app.run_jobs().await;
    assert_eq!(sodium_share(&operator, &ada, &curry).await, snack);
}

#[tokio::test]
async fn only_a_category_has_a_role_and_only_one_that_we_know() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let tag = json!({ "kind": "tag", "code": "quick", "label": "Quick", "meal_role": "meal" });
    let refused = admin.post("/api/v1/taxonomy", tag).await;
    assert_eq!(refused.problem(), "422 validation-error");
    assert!(refused.text().contains("#/meal_role"), "{}", refused.text());
    let unknown = json!({ "kind": "category", "code": "quick", "label": "Quick", "meal_role": "dessert" });
    assert_eq!(admin.post("/api/v1/taxonomy", unknown).await.status.as_u16(), 400);
}
