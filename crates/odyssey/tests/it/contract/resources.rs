//! Resources of the areas beside the catalog, for the walk over foreign ids.

use odyssey_testkit::Actor;
use serde_json::json;

/// Customers, jobs and what belongs to them, by the name of their path parameter.
pub async fn more(admin: &Actor<'_>, product_id: &str) -> Vec<(&'static str, String)> {
    // Before there is a job that has to go on waiting.
    let regression = regression(admin).await;
    let batch = batch(admin).await;
    let export = export(admin).await;
    let ended_job = ended_job(admin, "").await;
    let rehearsed_job = self::ended_job(admin, "&dry_run=true").await;
    let refused_job = job(admin).await;
    admin.app().run_jobs().await;
    let customer = customer(admin, product_id).await;
    let other = admin.post("/api/v1/customers", json!({ "external_id": "same-person" })).await.expect(201);
    // While nothing about the person awaits a decision.
    let receipt = receipt(admin, &customer).await;
    let proposal = proposal(admin, &customer).await;
    let note = json!({ "text": "Rings twice." });
    let note = admin.post(&format!("/api/v1/customers/{customer}/notes"), note).await.expect(201);
    let picture = Some(("image/gif", super::samples::PICTURE.to_vec()));
    let images = format!("/api/v1/products/{product_id}/images");
    let key = [("idempotency-key", "a-picture")];
    let image = admin.send_bytes(http::Method::POST, &images, &key, picture).await.expect(201);
    vec![
        ("image_id", image["id"].as_str().expect("an id").to_owned()),
        ("note_id", note["id"].as_str().expect("an id").to_owned()),
        ("receipt_id", receipt),
        ("customer_id", customer),
        ("other_customer_id", other["id"].as_str().expect("an id").to_owned()),
        ("proposal_id", proposal),
        ("ended_job_id", ended_job),
        ("rehearsed_job_id", rehearsed_job),
        ("refused_job_id", refused_job),
        ("job_id", job(admin).await),
        ("upload_id", upload(admin).await),
        ("regression_id", regression),
        ("batch_id", batch),
        ("export_id", export),
        ("rule_set_id", rule_set(admin).await),
        ("version", rules(admin).await),
        ("row_version", "1".to_owned()),
        ("kind", "category".to_owned()),
        ("code", taxonomy_node(admin).await),
        ("synonym_id", synonym(admin).await),
        ("mode", mapping(admin).await),
        ("queue", "default".to_owned()),
    ]
}

/// A label that turned against somebody.
async fn regression(admin: &Actor<'_>) -> String {
    let complete = json!({ "ingredients": "Rice, salt.", "allergen_data": "complete", "label_jurisdiction": "US",
        "label_as_of": "2025-06-01" });
    let product = admin.create_product("turning", complete).await;
    let record = json!({ "external_id": "turned", "profile": { "allergies": [{ "allergen": "egg" }] },
        "consents": [{ "purpose": "health_data", "state": "granted" }] });
    admin.post("/api/v1/customers", record).await.expect(201);
    let change = json!({ "ingredients": "Rice, egg, salt." });
    admin.patch(&format!("/api/v1/products/{product}"), change).await.expect(200);
    admin.app().run_jobs().await;
    let found = admin.get("/api/v1/safety-regressions").await.expect(200);
    found["items"][0]["id"].as_str().expect("a regression").to_owned()
}

/// A batch of matches that has ended.
async fn batch(admin: &Actor<'_>) -> String {
    let started = admin.post("/api/v1/matches/batch", json!({})).await.expect(202);
    admin.app().run_jobs().await;
    started["job_id"].as_str().expect("a job").to_owned()
}

/// A file of somebody that has been written.
async fn export(admin: &Actor<'_>) -> String {
    let body = json!({ "kind": "customers", "format": "csv" });
    let started = admin.post("/api/v1/exports", body).await.expect(202);
    admin.app().run_jobs().await;
    started["export_id"].as_str().expect("an export").to_owned()
}

/// A version of the rules that was in force, and a draft after it.
async fn rules(admin: &Actor<'_>) -> String {
    let draft = json!({ "changes": [] });
    let first = admin.put("/api/v1/rules/draft", draft.clone()).await.expect(200);
    admin.post("/api/v1/rules/publish", json!({ "version": first["version"] })).await.expect(200);
    admin.put("/api/v1/rules/draft", draft).await.expect(200);
    first["version"].to_string()
}

/// The receipt of an answer about the customer.
async fn receipt(admin: &Actor<'_>, customer: &str) -> String {
    let answer = admin.get(&format!("/api/v1/matches/{customer}?receipt=true")).await.expect(200);
    answer["receipt_id"].as_str().expect("an id").to_owned()
}

/// A proposal that nobody has decided.
async fn proposal(admin: &Actor<'_>, customer: &str) -> String {
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": [
        { "resource": { "resourceType": "Patient", "id": "sample" } },
        { "resource": { "resourceType": "AllergyIntolerance", "code": { "text": "moon dust" } } }] });
    let made = admin.post(&format!("/api/v1/customers/{customer}/fhir"), bundle).await.expect(201);
    made["id"].as_str().expect("an id").to_owned()
}

/// An import of products that has ended.
async fn ended_job(admin: &Actor<'_>, query: &str) -> String {
    let csv = b"external_id,name\nended,Rice\n".to_vec();
    let path = format!("/api/v1/ingest/csv?mode=products{query}");
    let started = admin.send_bytes(http::Method::POST, &path, &[], Some(("text/csv", csv))).await.expect(202);
    admin.app().run_jobs().await;
    started["job_id"].as_str().expect("an id").to_owned()
}

/// An import that waits for its turn, so that it could still be canceled.
async fn job(admin: &Actor<'_>) -> String {
    let csv = b"external_id,name\nsample-1,Ada\n,Nobody\n".to_vec();
    let path = "/api/v1/ingest/csv?mode=customers";
    let started = admin.send_bytes(http::Method::POST, path, &[], Some(("text/csv", csv))).await.expect(202);
    started["job_id"].as_str().expect("an id").to_owned()
}

/// An upload of which nothing has arrived.
async fn upload(admin: &Actor<'_>) -> String {
    let headers = [("tus-resumable", "1.0.0"), ("upload-length", "3")];
    let begun = admin.send_bytes(http::Method::POST, "/api/v1/uploads?mode=products", &headers, None).await;
    begun.expect(201)["upload_id"].as_str().expect("an id").to_owned()
}

/// A label rule set of the vendor's own.
async fn rule_set(admin: &Actor<'_>) -> String {
    let set = json!({ "id": "walk-rules", "title": "Walk", "review_on": "2030-01-01", "rules": [
        { "id": "named", "title": "Named", "kind": "stated", "field": "name", "source": "Ours" }] });
    let written = admin.post("/api/v1/quality/rule-sets", set).await.expect(200);
    written["id"].as_str().expect("an id").to_owned()
}

/// A node of the vendor's own.
async fn taxonomy_node(admin: &Actor<'_>) -> String {
    let node = json!({ "kind": "category", "code": "walk-category", "label": "Walk" });
    let written = admin.post("/api/v1/taxonomy", node).await.expect(201);
    written["code"].as_str().expect("a code").to_owned()
}

/// A synonym of the vendor's own.
async fn synonym(admin: &Actor<'_>) -> String {
    let synonym = json!({ "kind": "search", "domain": "en", "synonym": "walk", "target": "stroll" });
    let written = admin.post("/api/v1/synonyms", synonym).await.expect(201);
    written["id"].as_str().expect("an id").to_owned()
}

/// A saved mapping, by the kind of file that it is for.
async fn mapping(admin: &Actor<'_>) -> String {
    let body = json!({ "columns": [{ "header": "Titel", "fields": [{ "field": "name" }] }] });
    let path = "/api/v1/mappings/products";
    admin.keyed(http::Method::PUT, path, &[("if-match", "\"0\"")], body).await.expect(200);
    "products".to_owned()
}

/// A customer of whom everything is recorded, with the product on a list.
async fn customer(admin: &Actor<'_>, product_id: &str) -> String {
    let record = json!({
        "external_id": "sample", "name": "Ada Lovelace", "email": "ada@example.org", "birth_date": "1985-12-10",
        "profile": { "height_cm": 170, "weight_kg": 70, "allergies": [{ "allergen": "milk" }],
            "conditions": [{ "system": "icd10cm", "code": "I10" }] },
        "consents": [{ "purpose": "health_data", "state": "granted" }],
    });
    let created = admin.post("/api/v1/customers", record).await.expect(201);
    let id = created["id"].as_str().expect("an id").to_owned();
    admin
        .put(&format!("/api/v1/customers/{id}/lists/{product_id}"), json!({ "list": "never_show" }))
        .await
        .expect(200);
    id
}
