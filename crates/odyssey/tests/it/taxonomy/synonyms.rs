use odyssey_testkit::TestApp;
use serde_json::{Value, json};

fn header() -> Value {
    json!({ "kind": "header", "domain": "products", "synonym": "artikelnummer", "target": "external_id",
            "transform": "trim" })
}

#[tokio::test]
async fn a_synonym_is_created_read_changed_and_deleted() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let created = admin.post("/api/v1/synonyms", header()).await.expect(201);
    let path = format!("/api/v1/synonyms/{}", created["id"].as_str().expect("an id"));
    assert_eq!(admin.post("/api/v1/synonyms", header()).await.problem(), "409 taxonomy-conflict");
    let mut body = header();
    body["synonym"] = json!("art-nr");
    assert_eq!(admin.put(&path, body).await.expect(200)["synonym"], "art-nr");
    let listed = admin.get("/api/v1/synonyms?kind=header&domain=products").await.expect(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    let rival = app.vendor("rival").admin().await;
    assert_eq!(rival.get(&path).await.problem(), "404 synonym-not-found");
    assert_eq!(rival.delete(&path).await.problem(), "404 synonym-not-found");
    assert_eq!(admin.delete(&path).await.status.as_u16(), 204);
    assert_eq!(admin.get(&path).await.problem(), "404 synonym-not-found");
}

#[tokio::test]
async fn a_synonym_of_the_platform_is_read_by_all_and_changed_by_no_vendor() {
    let app = TestApp::start().await;
    let (root, admin) = (app.superadmin().await, app.vendor("acme").admin().await);
    let written = root.post("/api/v1/platform/synonyms", header()).await.expect(200);
    let id = written["id"].as_str().expect("an id");
    let path = format!("/api/v1/synonyms/{id}");
    assert_eq!(admin.get(&path).await.expect(200)["owner"], "platform");
    assert_eq!(admin.put(&path, header()).await.problem(), "409 taxonomy-not-writable");
    assert_eq!(admin.delete(&path).await.problem(), "409 taxonomy-not-writable");
    admin.post("/api/v1/synonyms", header()).await.expect(201);
    let listed = admin.get("/api/v1/synonyms?kind=header").await.expect(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["items"][0]["overrides_platform"], true);
    let named = "kind=header&domain=products&synonym=artikelnummer";
    let gone = root.delete(&format!("/api/v1/platform/synonyms?{named}")).await;
    assert_eq!(gone.status.as_u16(), 204);
}

#[tokio::test]
async fn what_cannot_be_evidence_is_refused_with_field_and_remedy() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let evidence = json!({ "kind": "value", "domain": "allergens", "synonym": "zorgle", "target": "milk" });
    for (field, value) in [
        ("target", json!("zorgleberry")),
        ("synonym", json!("12 g")),
        ("synonym", json!("contains")),
        ("transform", json!("trim")),
    ] {
        let mut wrong = evidence.clone();
        wrong[field] = value;
        let refused = admin.post("/api/v1/synonyms", wrong).await;
        assert_eq!(refused.problem(), "422 validation-error");
        assert!(refused.text().contains(&format!("#/{field}")), "{}", refused.text());
    }
    let mut search = header();
    search["certainty"] = json!("likely");
    assert_eq!(admin.post("/api/v1/synonyms", search).await.problem(), "422 validation-error");
}

#[tokio::test]
async fn a_search_synonym_finds_by_the_other_word_too() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    admin.create_product("cola", json!({ "name": "Cola soft drink" })).await;
    let found =
        async || admin.get("/api/v1/products?q=soda").await.expect(200)["items"].as_array().map(Vec::len);
    assert_eq!(found().await, Some(0));
    let synonym = json!({ "kind": "search", "domain": "en", "synonym": "soda", "target": "soft drinks" });
    admin.post("/api/v1/synonyms", synonym).await.expect(201);
    assert_eq!(found().await, Some(1));
}
