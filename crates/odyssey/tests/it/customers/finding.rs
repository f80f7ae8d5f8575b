use std::collections::BTreeSet;

use chrono::TimeDelta;
use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

use super::people::create;

async fn search(actor: &Actor<'_>, by: Value) -> Vec<String> {
    let found = actor.post("/api/v1/customers/search", by).await.expect(200);
    let items = found["items"].as_array().expect("items").clone();
    items.iter().filter_map(|c| c["external_id"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn customers_are_found_by_what_identifies_them_in_any_way_of_writing_it() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let record =
        |id: &str, email: &str, phone: &str| json!({ "external_id": id, "email": email, "phone": phone });
    create(&operator, record("0007", "Ada@Example.org", "(415) 555-0132")).await;
    create(&operator, record("7", "eve@example.org", "+1 415 555 0132")).await;
    assert_eq!(search(&operator, json!({ "external_id": " 0007 " })).await, ["0007"]);
    assert_eq!(search(&operator, json!({ "email": "ADA@example.ORG" })).await, ["0007"]);
    let by_phone: BTreeSet<String> =
        search(&operator, json!({ "phone": "1-415-555-0132" })).await.into_iter().collect();
    assert_eq!(by_phone, BTreeSet::from(["0007".to_owned(), "7".to_owned()]));
    assert_eq!(search(&operator, json!({ "email": "ada@example" })).await, Vec::<String>::new());
    assert!(search(&app.vendor("rival").operator().await, json!({ "external_id": "0007" })).await.is_empty());
    for body in [json!({}), json!({ "email": "a@b.c", "phone": "55555" })] {
        assert_eq!(operator.post("/api/v1/customers/search", body).await.problem(), "422 validation-error");
    }
}

#[tokio::test]
async fn a_former_email_finds_nobody() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let path = create(&operator, json!({ "external_id": "0007", "email": "old@example.org" })).await;
    operator.patch(&path, json!({ "email": "new@example.org" })).await.expect(200);
    assert!(search(&operator, json!({ "email": "old@example.org" })).await.is_empty());
    assert_eq!(search(&operator, json!({ "email": "new@example.org" })).await, ["0007"]);
}

#[tokio::test]
async fn a_list_shows_each_customer_once_and_filters_by_what_it_knows() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    for at in 0..7 {
        let profile = if at % 2 == 0 { json!({ "height_cm": 170 }) } else { Value::Null };
        let status = if at == 3 { "inactive" } else { "active" };
        create(&operator, json!({ "external_id": format!("c{at}"), "profile": profile, "status": status }))
            .await;
        app.clock().advance(TimeDelta::seconds(1));
    }
    let count = |page: &Value| page["items"].as_array().map_or(0, Vec::len);
    for (filter, expected) in [
        ("has_profile=true", 4),
        ("has_profile=false", 3),
        ("status=inactive", 1),
        ("consent=missing", 7),
        ("consent=granted", 0),
        ("updated_after=2026-01-15T12:00:04Z", 2),
    ] {
        let page = operator.get(&format!("/api/v1/customers?{filter}")).await.expect(200);
        assert_eq!(count(&page), expected, "{filter}");
    }
    for sort in ["-updated_at", "updated_at"] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page =
                operator.get(&format!("/api/v1/customers?sort={sort}&limit=3{cursor}")).await.expect(200);
            let items = page["items"].as_array().expect("items").clone();
            seen.extend(items.iter().filter_map(|c| c["external_id"].as_str().map(str::to_owned)));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let mut expected: Vec<String> = (0..7).map(|at| format!("c{at}")).collect();
        if sort == "-updated_at" {
            expected.reverse();
        }
        assert_eq!(seen, expected, "{sort}");
    }
    assert_eq!(operator.get("/api/v1/customers?cursor=nonsense").await.problem(), "400 cursor-invalid");
    assert_eq!(operator.get("/api/v1/customers?email=x").await.problem(), "400 malformed-request");
}
