use odyssey_testkit::TestApp;
use serde_json::{Value, json};

use super::{
    codes, consenting, explain, in_order, label, listed, matches, peanut_anaphylaxis, plain, removed, set,
    with,
};

#[tokio::test]
async fn a_product_never_to_show_is_gone_and_says_so() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("rice", plain()).await;
    let oats = operator.create_product("oats", plain()).await;
    let ada = consenting(&operator, "ada", json!({})).await;
    assert_eq!(listed(&matches(&operator, &ada, "").await, "items"), set(&["rice", "oats"]));
    let entry = format!("/api/v1/customers/{ada}/lists/{oats}");
    operator.put(&entry, json!({ "list": "never_show" })).await.expect(200);
    let answer = matches(&operator, &ada, "").await;
    assert_eq!(listed(&answer, "items"), set(&["rice"]));
    assert_eq!(removed(&answer, "HX_LIST_NEVER", "never_list"), 1);
    assert_eq!(codes(&explain(&operator, &ada, &oats).await), ["HX_LIST_NEVER"]);
    operator.delete(&entry).await;
    assert_eq!(listed(&matches(&operator, &ada, "").await, "items"), set(&["rice", "oats"]));
}

#[tokio::test]
async fn always_allow_lifts_a_preference_and_no_allergy() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let cheese = operator.create_product("cheese", label("Rice, cheese, salt.")).await;
    let satay = operator.create_product("satay", label("Peanuts, salt.")).await;
    let profile = with(
        peanut_anaphylaxis(),
        json!({ "diets": [{ "diet": "vegan", "kind": "preference", "never": true }] }),
    );
    let ada = consenting(&operator, "ada", profile).await;
    assert_eq!(listed(&matches(&operator, &ada, "").await, "items"), set(&[]));
    for product in [&cheese, &satay] {
        let entry = format!("/api/v1/customers/{ada}/lists/{product}");
        operator.put(&entry, json!({ "list": "always_allow" })).await.expect(200);
    }
    let answer = matches(&operator, &ada, "?include=cannot_verify").await;
    assert_eq!(listed(&answer, "items"), set(&["cheese"]));
    assert_eq!(explain(&operator, &ada, &satay).await["verdict"], "conflict");
}

#[tokio::test]
async fn a_brand_that_is_liked_comes_first_among_equals() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    for brand in ["Plain", "Liked", "Disliked"] {
        operator.create_product(brand, with(plain(), json!({ "brand": brand }))).await;
    }
    let ada =
        consenting(&operator, "ada", json!({ "liked_brands": ["Liked"], "disliked_brands": ["Disliked"] }))
            .await;
    assert_eq!(in_order(&matches(&operator, &ada, "").await, "items"), ["Liked", "Plain", "Disliked"]);
}

#[tokio::test]
async fn a_short_list_does_not_cap_a_longer_one_and_is_its_beginning() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let products: Vec<Value> = (0..30)
        .map(|at| {
            let over = json!({ "external_id": format!("p{at:02}"), "nutrition": { "amounts": { "sodium_mg": at * 20 } } });
            with(plain(), over)
        })
        .collect();
    operator.post("/api/v1/products", json!({ "products": products })).await.expect(207);
    let ada = consenting(&operator, "ada", json!({})).await;
    let mut longer = in_order(&matches(&operator, &ada, "?k=1000").await, "items");
    assert_eq!(longer.len(), 30);
    for k in [5, 20, 1] {
        let answer = matches(&operator, &ada, &format!("?k={k}")).await;
        assert_eq!(in_order(&answer, "items"), longer[..k], "k = {k}");
        assert_eq!(answer["fits_total"], 30);
    }
    longer.truncate(20);
    assert_eq!(in_order(&matches(&operator, &ada, "").await, "items"), longer, "twenty when nobody says");
    for k in ["0", "1001", "-1", "many"] {
        let refused = operator.get(&format!("/api/v1/matches/{ada}?k={k}")).await;
        assert!(matches!(refused.status.as_u16(), 400 | 422), "k = {k}: {}", refused.text());
    }
}
