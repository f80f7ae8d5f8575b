//! What products were before, and the way back.

use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

async fn numbers(actor: &Actor<'_>, path: &str) -> Vec<i64> {
    let page = actor.get(path).await.expect(200);
    let items = page["items"].as_array().expect("items");
    items.iter().map(|item| item["row_version"].as_i64().expect("a number")).collect()
}

#[tokio::test]
async fn every_change_leaves_the_version_before_with_who_made_it_and_what_changed() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let first = json!({ "name": "Bar", "price": "3.10", "currency": "USD", "dietary_tags": ["vegan"],
        "nutrition": { "basis": "per_100g", "amounts": { "sodium_mg": 10.5 } } });
    let id = operator.create_product("bar", first).await;
    let path = format!("/api/v1/products/{id}");
    let original = operator.get(&path).await.expect(200);
    let change = json!({ "name": "Oat bar", "nutrition": { "amounts": { "sodium_mg": 12 } } });
    operator.patch(&path, change).await.expect(200);
    // What changes nothing is no version.
    operator.patch(&path, json!({ "name": "Oat bar" })).await.expect(200);
    assert_eq!(operator.delete(&path).await.status.as_u16(), 204);

    let versions = operator.get(&format!("{path}/versions")).await.expect(200);
    let items = versions["items"].as_array().expect("items");
    let told: Vec<_> = items.iter().map(|v| (v["row_version"].clone(), v["deleted"].clone())).collect();
    assert_eq!(told, [(json!(3), json!(true)), (json!(2), json!(false)), (json!(1), json!(false))]);
    assert_eq!(items[1]["lineage"]["source"], "user");
    assert_eq!(
        items[1]["changes"],
        json!([{ "pointer": "/name", "before": "Bar", "after": "Oat bar" },
               { "pointer": "/nutrition/amounts/sodium_mg", "before": 10.5, "after": 12 }])
    );
    assert_eq!(items[2]["replaced_at"], items[1]["made_at"]);
    assert!(items[0].get("replaced_at").is_none() && items[2].get("changes").is_none(), "{versions}");

    // As it was, field by field.
    let former = operator.get(&format!("{path}/versions/1?against=2")).await.expect(200);
    for field in ["name", "price", "currency", "dietary_tags", "nutrition", "created_at", "updated_at"] {
        assert_eq!(former[field], original[field], "{field}");
    }
    assert_eq!(former["differences"].as_array().map(Vec::len), Some(2));
    assert_eq!(operator.get(&format!("{path}/versions/9")).await.problem(), "404 product-version-not-found");
    let rival = app.vendor("rival").operator().await;
    assert_eq!(rival.get(&format!("{path}/versions")).await.problem(), "404 product-not-found");
}

#[tokio::test]
async fn pages_of_versions_meet_without_a_gap() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let id = operator.create_product("bar", json!({ "name": "0" })).await;
    let path = format!("/api/v1/products/{id}");
    for name in 1..5 {
        operator.patch(&path, json!({ "name": name.to_string() })).await.expect(200);
    }
    let first = operator.get(&format!("{path}/versions?limit=2")).await.expect(200);
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    let second = operator.get(&format!("{path}/versions?limit=2&cursor={cursor}")).await.expect(200);
    let cursor = second["next_cursor"].as_str().expect("a cursor");
    assert_eq!(second["items"][0]["changes"], json!([{ "pointer": "/name", "before": "1", "after": "2" }]));
    assert_eq!(second["items"][0]["replaced_at"], first["items"][1]["made_at"]);
    let third = operator.get(&format!("{path}/versions?limit=2&cursor={cursor}")).await.expect(200);
    let all: Vec<&Value> =
        [&first, &second, &third].into_iter().flat_map(|p| p["items"].as_array().expect("items")).collect();
    assert_eq!(all.iter().map(|v| v["row_version"].as_i64()).collect::<Vec<_>>(), [5, 4, 3, 2, 1].map(Some));
    assert_eq!(third["next_cursor"], Value::Null);
}

#[tokio::test]
async fn a_version_is_restored_as_a_write_like_any_other() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let id = operator.create_product("bar", json!({ "name": "Bar", "ingredients": "Rice" })).await;
    let path = format!("/api/v1/products/{id}");
    operator.patch(&path, json!({ "name": "Nut bar", "ingredients": "Rice, peanuts" })).await.expect(200);
    let restore = format!("{path}/restore");
    let stale = operator
        .keyed(http::Method::POST, &restore, &[("if-match", "\"1\"")], json!({ "row_version": 1 }))
        .await;
    assert_eq!(stale.problem(), "412 precondition-failed");
    let restored = operator.post(&restore, json!({ "row_version": 1 })).await.expect(200);
    assert_eq!((&restored["name"], &restored["row_version"]), (&json!("Bar"), &json!(3)));
    let holds = operator.get("/api/v1/allergen-holds").await.expect(200);
    assert_eq!(holds["items"][0]["allergen"], "peanut", "{holds}");

    assert_eq!(operator.delete(&path).await.status.as_u16(), 204);
    assert_eq!(operator.post(&restore, json!({ "row_version": 4 })).await.problem(), "422 validation-error");
    assert_eq!(
        operator.post(&restore, json!({ "row_version": 9 })).await.problem(),
        "404 product-version-not-found"
    );
    operator.post(&restore, json!({ "row_version": 2 })).await.expect(200);
    assert_eq!(operator.get(&path).await.expect(200)["name"], "Nut bar");
    assert_eq!(numbers(&operator, &format!("{path}/versions")).await, [5, 4, 3, 2, 1]);
    let viewer = app.vendor("acme").viewer().await;
    assert_eq!(viewer.post(&restore, json!({ "row_version": 1 })).await.status.as_u16(), 403);
}
