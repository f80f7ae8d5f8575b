use http::Method;
use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

fn node(code: &str, parent: Option<&str>) -> Value {
    json!({ "kind": "category", "code": code, "label": format!("The {code}"), "parent_code": parent })
}

async fn create(actor: &Actor<'_>, code: &str, parent: Option<&str>) -> Value {
    actor.post("/api/v1/taxonomy", node(code, parent)).await.expect(201)
}

async fn codes(actor: &Actor<'_>, query: &str) -> Vec<String> {
    let page = actor.get(&format!("/api/v1/taxonomy?kind=category{query}")).await.expect(200);
    let items = page["items"].as_array().expect("items");
    items.iter().map(|n| n["code"].as_str().expect("a code").to_owned()).collect()
}

#[tokio::test]
async fn a_node_is_created_read_changed_and_deleted_and_each_change_counts() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let created = create(&admin, "snacks", None).await;
    assert_eq!((&created["owner"], &created["active"]), (&json!("vendor"), &json!(true)));
    create(&admin, "bars", Some("snacks")).await;
    assert_eq!(codes(&admin, "&parent=snacks").await, ["bars"]);

    let read = admin.get("/api/v1/taxonomy/category/bars").await;
    let etag = read.header("etag").expect("an etag").to_owned();
    let body = json!({ "label": "Bars", "parent_code": null, "active": false });
    let path = "/api/v1/taxonomy/category/bars";
    let changed = admin.keyed(Method::PUT, path, &[("if-match", &etag)], body.clone()).await.expect(200);
    assert_eq!((&changed["label"], &changed["active"]), (&json!("Bars"), &json!(false)));
    let stale = admin.keyed(Method::PUT, path, &[("if-match", &etag)], body).await;
    assert_eq!(stale.problem(), "412 precondition-failed");
    assert_eq!(codes(&admin, "&active=true").await, ["snacks"]);

    let versions = admin.get("/api/v1/taxonomy-versions").await.expect(200);
    assert_eq!((&versions["version"], &versions["platform_version"]), (&json!(3), &json!(0)));
    assert_eq!(admin.delete(path).await.status.as_u16(), 204);
    assert_eq!(admin.get(path).await.problem(), "404 taxonomy-node-not-found");
    assert_eq!(admin.delete(path).await.problem(), "404 taxonomy-node-not-found");
}

#[tokio::test]
async fn a_page_goes_on_where_the_last_one_ended() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    for code in ["a", "b", "c"] {
        create(&admin, code, None).await;
    }
    let first = admin.get("/api/v1/taxonomy?kind=category&limit=2").await.expect(200);
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    assert_eq!(codes(&admin, &format!("&limit=2&cursor={cursor}")).await, ["c"]);
}

#[tokio::test]
async fn parents_exist_and_form_no_cycle_and_nobody_is_orphaned() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let unknown = admin.post("/api/v1/taxonomy", node("bars", Some("nowhere"))).await;
    assert_eq!(unknown.problem(), "422 validation-error");
    assert!(unknown.text().contains("#/parent_code"), "{}", unknown.text());
    create(&admin, "food", None).await;
    create(&admin, "snacks", Some("food")).await;
    create(&admin, "bars", Some("snacks")).await;
    let cycle =
        admin.put("/api/v1/taxonomy/category/food", json!({ "label": "Food", "parent_code": "bars" })).await;
    assert_eq!(cycle.problem(), "422 validation-error");
    assert!(cycle.text().contains("cycle"), "{}", cycle.text());
    let above = admin.delete("/api/v1/taxonomy/category/snacks").await;
    assert_eq!(above.problem(), "409 taxonomy-not-writable");
    assert!(above.text().contains("below"), "{}", above.text());
    assert_eq!(admin.post("/api/v1/taxonomy", node("bars", None)).await.problem(), "409 taxonomy-conflict");
    assert_eq!(codes(&admin, "").await, ["bars", "food", "snacks"], "nothing of it was kept");
}

#[tokio::test]
async fn a_vendors_row_wins_over_the_platforms_at_that_vendor_alone() {
    let app = TestApp::start().await;
    let root = app.superadmin().await;
    let (acme, rival) = (app.vendor("acme").admin().await, app.vendor("rival").admin().await);
    root.post("/api/v1/platform/taxonomy", node("snacks", None)).await.expect(200);
    create(&acme, "bars", Some("snacks")).await;
    let path = "/api/v1/taxonomy/category/snacks";
    let theirs = acme.get(path).await.expect(200);
    assert_eq!((&theirs["owner"], &theirs["overrides_platform"]), (&json!("platform"), &json!(false)));
    assert_eq!(acme.delete(path).await.problem(), "409 taxonomy-not-writable");

    let own = acme.put(path, json!({ "label": "Nibbles" })).await.expect(200);
    assert_eq!((&own["owner"], &own["overrides_platform"]), (&json!("vendor"), &json!(true)));
    assert_eq!(codes(&acme, "").await, ["bars", "snacks"]);
    assert_eq!(rival.get(path).await.expect(200)["label"], "The snacks");
    assert_eq!(codes(&rival, "").await, ["snacks"]);
    assert_eq!(rival.get("/api/v1/taxonomy/category/bars").await.problem(), "404 taxonomy-node-not-found");

    // The platform's row is there again, and so is the parent of what stands below it.
    assert_eq!(acme.delete(path).await.status.as_u16(), 204);
    assert_eq!(acme.get(path).await.expect(200)["label"], "The snacks");
    assert_eq!(root.delete("/api/v1/platform/taxonomy?kind=category&code=snacks").await.status.as_u16(), 204);
    assert_eq!(acme.get(path).await.problem(), "404 taxonomy-node-not-found");
    assert_eq!(acme.post("/api/v1/platform/taxonomy", node("mine", None)).await.problem(), "403 forbidden");
}
