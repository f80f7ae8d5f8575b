use odyssey_testkit::TestApp;
use serde_json::json;

use super::people::create;

#[tokio::test]
async fn a_product_is_on_one_list_or_on_none() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let product = operator.create_product("bar", json!({ "name": "Bar" })).await;
    let lists = format!("{}/lists", create(&operator, json!({ "external_id": "0007" })).await);
    let entry = format!("{lists}/{product}");
    let put = operator.put(&entry, json!({ "list": "always_allow" })).await.expect(200);
    assert_eq!((&put["always_allow"][0]["product_id"], &put["never_show"]), (&json!(product), &json!([])));
    let moved = operator.put(&entry, json!({ "list": "never_show" })).await;
    assert_eq!((&moved.json()["always_allow"], moved.header("etag")), (&json!([]), Some("\"2\"")));
    let stale = operator
        .keyed(http::Method::PUT, &entry, &[("if-match", "\"1\"")], json!({ "list": "never_show" }))
        .await;
    assert_eq!(stale.problem(), "412 precondition-failed");
    assert_eq!(operator.delete(&entry).await.status.as_u16(), 204);
    assert_eq!(operator.delete(&entry).await.problem(), "404 list-entry-not-found");
    assert_eq!(
        operator.get(&lists).await.json(),
        json!({ "always_allow": [], "never_show": [], "lists_version": 3 })
    );
}

#[tokio::test]
async fn only_a_product_of_the_vendor_goes_on_a_list() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let foreign = app.vendor("rival").operator().await.create_product("bar", json!({ "name": "Bar" })).await;
    let path = create(&operator, json!({ "external_id": "0007" })).await;
    let refused = operator.put(&format!("{path}/lists/{foreign}"), json!({ "list": "never_show" })).await;
    assert_eq!(refused.problem(), "404 product-not-found");
}
