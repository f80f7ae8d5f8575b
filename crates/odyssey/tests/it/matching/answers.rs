//! Answers are kept, and never one that has been overtaken.

use odyssey_testkit::TestApp;
use serde_json::{Value, json};

use super::{consenting, in_order, label, listed, matches, peanut_anaphylaxis, plain, set, with};

#[tokio::test]
async fn asking_again_gives_the_same_bytes_and_leaves_a_trail_each_time() {
    let app = TestApp::start().await;
    let (operator, admin) = (app.vendor("acme").operator().await, app.vendor("acme").admin().await);
    operator.create_product("rice", plain()).await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let path = format!("/api/v1/matches/{ada}");
    let first = operator.get(&path).await.expect(200);
    let second = operator.get(&path).await.expect(200);
    // All but the id, under which the trail has each of them.
    let [was, is] = [&first, &second].map(|answer| {
        let id = answer["provenance"]["answer_id"].as_str().expect("an id").to_owned();
        (answer.to_string().replace(&id, "…"), id)
    });
    assert_eq!(was.0, is.0);
    assert_ne!(was.1, is.1);
    let trail = admin.get("/api/v1/audit?action=health_profile.match").await.expect(200);
    let mut recorded: Vec<&str> =
        trail["items"].as_array().expect("events").iter().filter_map(|event| event["id"].as_str()).collect();
    recorded.sort_unstable();
    let mut answered = [was.1.as_str(), is.1.as_str()];
    answered.sort_unstable();
    assert_eq!(recorded, answered, "{trail}");
}

#[tokio::test]
async fn a_short_list_does_not_cap_a_longer_one() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    for number in 0..25 {
        operator.create_product(&format!("rice-{number}"), plain()).await;
    }
    let ada = consenting(&operator, "ada", json!({})).await;
    let five = matches(&operator, &ada, "?k=5").await;
    let twenty = matches(&operator, &ada, "?k=20").await;
    assert_eq!((in_order(&five, "items").len(), in_order(&twenty, "items").len()), (5, 20));
    assert_eq!(in_order(&twenty, "items")[..5], in_order(&five, "items"));
}

#[tokio::test]
async fn a_withdrawn_consent_counts_although_the_answer_is_kept() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("rice", plain()).await;
    let ada = consenting(&operator, "ada", json!({})).await;
    assert_eq!(listed(&matches(&operator, &ada, "").await, "items"), set(&["rice"]));
    let consents = format!("/api/v1/customers/{ada}/consents");
    operator.post(&consents, json!({ "purpose": "health_data", "state": "withdrawn" })).await;
    assert_eq!(operator.get(&format!("/api/v1/matches/{ada}")).await.problem(), "403 consent-missing");
    let preview = json!({ "subject": { "customer_id": ada } });
    let answer = operator.send(http::Method::POST, "/api/v1/matches/preview", &[], Some(preview)).await;
    assert_eq!(answer.problem(), "403 consent-missing");
}

#[tokio::test]
async fn an_edit_of_lists_product_or_profile_is_never_hidden_by_a_kept_answer() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let rice = operator.create_product("rice", plain()).await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let shown = async || listed(&matches(&operator, &ada, "").await, "items");
    assert_eq!(shown().await, set(&["rice"]));
    let entry = format!("/api/v1/customers/{ada}/lists/{rice}");
    operator.put(&entry, json!({ "list": "never_show" })).await;
    assert_eq!(shown().await, set(&[]));
    operator.delete(&entry).await;
    assert_eq!(shown().await, set(&["rice"]));
    let path = format!("/api/v1/products/{rice}");
    operator.patch(&path, json!({ "ingredients": "Rice, peanuts." })).await.expect(200);
    assert_eq!(shown().await, set(&[]));
    operator.patch(&format!("/api/v1/customers/{ada}/health"), json!({ "allergies": [] })).await.expect(200);
    assert_eq!(shown().await, set(&["rice"]));
}

fn brand(name: &str, category: &str) -> Value {
    with(label("Rice."), json!({ "brand": name, "category_id": category }))
}

#[tokio::test]
async fn a_diverse_list_holds_so_many_of_a_brand_and_says_what_it_passed_over() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    for number in 0..30 {
        operator.create_product(&format!("a-{number}"), brand("A", "rice")).await;
    }
    operator.create_product("b-0", brand("B", "rice")).await;
    operator.create_product("c-0", brand("C", "bread")).await;
    operator.create_product("none-0", label("Rice.")).await;
    operator.create_product("none-1", label("Rice.")).await;
    let ada = consenting(&operator, "ada", json!({})).await;
    let answer = matches(&operator, &ada, "?k=10&diversify.brand_max=2").await;
    let brands: Vec<String> = in_order(&answer, "items")
        .iter()
        .map(|id| id.split('-').next().unwrap_or_default().to_owned())
        .collect();
    let count = |name: &str| brands.iter().filter(|b| *b == name).count();
    assert_eq!((count("a"), count("b"), count("c"), count("none")), (2, 1, 1, 2), "{brands:?}");
    assert_eq!(answer["passed_over"], json!(28), "the list was looked for to the end");
    let both = matches(&operator, &ada, "?k=10&diversify.brand_max=2&diversify.category_max=2").await;
    assert_eq!(in_order(&both, "items").len(), 5, "two of rice, one of bread, two of no category");
    let plain_list = matches(&operator, &ada, "?k=10").await;
    assert_eq!(plain_list["passed_over"], json!(0));
    let three = matches(&operator, &ada, "?k=3&diversify.brand_max=2").await;
    assert_eq!(in_order(&answer, "items")[..3], in_order(&three, "items"), "a shorter list is the beginning");
}
