//! What the caller narrows the catalog to, and what the vendor lets count.

use odyssey_testkit::{Actor, TestApp};
use serde_json::json;

use super::{codes, consenting, explain, label, listed, matches, peanut_anaphylaxis, plain, set, with};

async fn limit_age(admin: &Actor<'_>, max_days: Option<u32>) {
    admin.put("/api/v1/label-age", json!({ "max_days": max_days })).await.expect(200);
}

#[tokio::test]
async fn a_limit_on_the_age_of_labels_counts_from_the_next_call_on() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let (admin, operator) = (acme.admin().await, acme.operator().await);
    let old = operator.create_product("old", with(plain(), json!({ "label_as_of": "2023-06-14" }))).await;
    operator.create_product("new", plain()).await;
    let satay = with(label("Rice, roasted peanuts."), json!({ "label_as_of": "2023-06-14" }));
    let satay = operator.create_product("satay", satay).await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    assert_eq!(listed(&matches(&operator, &ada, "").await, "items"), set(&["old", "new"]));

    limit_age(&admin, Some(900)).await;
    assert_eq!(listed(&matches(&operator, &ada, "").await, "items"), set(&["new"]));
    let explained = explain(&operator, &ada, &old).await;
    assert_eq!(explained["verdict"], "cannot_verify");
    assert!(codes(&explained).contains(&"DQ_STALE"), "{explained}");
    assert_eq!(explain(&operator, &ada, &satay).await["verdict"], "conflict", "what it contains it contains");

    limit_age(&admin, None).await;
    assert_eq!(listed(&matches(&operator, &ada, "").await, "items"), set(&["old", "new"]));
    let trail = admin.get("/api/v1/audit?action=label_age.update").await.expect(200);
    let kept = |before: serde_json::Value, after: serde_json::Value| {
        let details = json!({ "before_days": before, "after_days": after });
        trail["items"].as_array().expect("events").iter().any(|event| event["details"] == details)
    };
    assert!(kept(json!(null), json!(900)) && kept(json!(900), json!(null)), "{trail}");

    assert_eq!(
        admin.put("/api/v1/label-age", json!({ "max_days": 0 })).await.problem(),
        "422 validation-error"
    );
    let forbidden = operator.put("/api/v1/label-age", json!({ "max_days": 9 })).await;
    assert_eq!(forbidden.problem(), "403 forbidden");
}

#[tokio::test]
async fn evidence_says_of_which_day_it_is_and_who_stated_it() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let declared = json!({ "allergens": { "contains": ["peanut"] }, "allergen_data": "unknown" });
    let bar = operator.create_product("bar", with(label("Oats, peanut butter."), declared)).await;
    let explained = explain(&operator, &ada, &bar).await;
    let evidence = explained["reasons"][0]["evidence"].as_array().expect("evidence");
    let stated: Vec<_> = evidence.iter().map(|e| (&e["source"], &e["stated_by"], &e["as_of"])).collect();
    assert!(stated.contains(&(&json!("declared"), &json!("vendor"), &json!("2025-06-01"))), "{explained}");
    assert!(stated.contains(&(&json!("term"), &json!("label"), &json!("2025-06-01"))), "{explained}");
    operator
        .patch(&format!("/api/v1/products/{bar}"), json!({ "allergen_data": "complete" }))
        .await
        .expect(200);
    let explained = explain(&operator, &ada, &bar).await;
    assert_eq!(explained["reasons"][0]["evidence"][0]["stated_by"], "attested", "{explained}");
}

#[tokio::test]
async fn a_price_narrows_the_list_and_changes_no_gate() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    for (id, price, currency) in
        [("cheap", "1.50", "USD"), ("fair", "3.00", "USD"), ("dear", "3.01", "USD"), ("euro", "2.00", "EUR")]
    {
        let priced = json!({ "price": price, "currency": currency });
        operator.create_product(id, with(plain(), priced)).await;
    }
    operator.create_product("unpriced", plain()).await;
    let peanut = json!({ "price": "2.00", "currency": "USD" });
    operator.create_product("satay", with(label("Roasted peanuts, salt."), peanut)).await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    for (query, expected) in [
        ("?currency=USD&price_max=3.00", &["cheap", "fair"][..]),
        ("?currency=USD&price_min=1.51", &["fair", "dear"]),
        ("?currency=USD&price_min=1.50&price_max=1.50", &["cheap"]),
        ("?currency=EUR&price_max=99", &["euro"]),
        ("?currency=GBP&price_max=99", &[]),
    ] {
        let answer = matches(&operator, &ada, query).await;
        assert_eq!(listed(&answer, "items"), set(expected), "{query}");
    }
    let within = matches(&operator, &ada, "?currency=USD&price_max=3.00").await;
    assert_eq!(within["considered"], 3, "the satay is considered and kept out");
    for query in [
        "?currency=USD&price_max=79228162514264337593543950335",
        "?price_max=3",
        "?currency=usd&price_max=3",
        "?currency=USD",
        "?currency=USD&price_max=-1",
    ] {
        let refused = operator.get(&format!("/api/v1/matches/{ada}{query}")).await;
        assert_eq!(refused.problem(), "422 validation-error", "{query}");
    }
}
