//! Out again: what an export wrote comes back with every row unchanged, and only to whom it may.

mod killed;
mod people;
mod products;

use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

const FORMATS: [&str; 2] = ["csv", "ndjson"];

/// Asks for a file and has it written.
async fn export(actor: &Actor<'_>, body: Value) -> String {
    let started = actor.post("/api/v1/exports", body).await.expect(202);
    assert_eq!(started["export_id"], started["job_id"]);
    actor.app().run_jobs().await;
    started["export_id"].as_str().expect("an id").to_owned()
}

/// The file from its link.
async fn fetch(actor: &Actor<'_>, export: &str) -> String {
    let shown = actor.get(&format!("/api/v1/exports/{export}")).await.expect(200);
    assert_eq!(shown["state"], "completed", "{shown}");
    let answer = actor.get(shown["download_url"].as_str().expect("a link")).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    answer.text()
}

/// Imports a file as it is; read, created, updated, unchanged, kept, rejected.
async fn import(actor: &Actor<'_>, mode: &str, file: &str) -> [i64; 6] {
    actor.app().clock().advance(chrono::TimeDelta::seconds(5));
    let path = format!("/api/v1/ingest/csv?mode={mode}");
    let body = Some(("application/octet-stream", file.as_bytes().to_vec()));
    let job = actor.send_bytes(http::Method::POST, &path, &[], body).await.expect(202);
    actor.app().run_jobs().await;
    let id = job["job_id"].as_str().expect("a job");
    let job = actor.get(&format!("/api/v1/jobs/{id}")).await.expect(200);
    assert_eq!(job["status"], "completed", "{job}");
    let errors = actor.get(&format!("/api/v1/jobs/{id}/errors")).await.text();
    let totals = &job["totals"];
    let found = ["read", "created", "updated", "unchanged", "kept", "rejected"]
        .map(|name| totals[name].as_i64().unwrap_or_else(|| panic!("no {name}: {job}")));
    assert_eq!(found[5], 0, "{errors}");
    found
}

/// The lines of a file in JSON.
fn lines(file: &str) -> Vec<Value> {
    file.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[tokio::test]
async fn only_who_may_read_a_kind_asks_for_it_and_fetches_it() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let (admin, operator, viewer) = (acme.admin().await, acme.operator().await, acme.viewer().await);
    let rival = app.vendor("rival").admin().await;
    operator.create_product("bar", json!({ "name": "Bar" })).await;
    let ada = json!({ "external_id": "ada", "name": "Ada", "profile": { "weight_kg": 60 },
        "consents": [{ "purpose": "health_data", "state": "granted" }] });
    operator.post("/api/v1/customers", ada).await.expect(201);
    let body = |kind: &str| json!({ "kind": kind, "format": "csv" });
    for kind in ["customers", "profiles", "matches", "audit"] {
        assert_eq!(viewer.post("/api/v1/exports", body(kind)).await.problem(), "403 forbidden", "{kind}");
    }
    assert_eq!(operator.post("/api/v1/exports", body("audit")).await.problem(), "403 forbidden");
    let trail = admin.get("/api/v1/audit?action=access.refused").await.expect(200);
    assert_eq!(trail["items"].as_array().expect("events").len(), 5, "each refusal is on record");

    let catalog = export(&viewer, body("products")).await;
    assert!(fetch(&viewer, &catalog).await.contains("bar"));
    app.clock().advance(chrono::TimeDelta::seconds(1));
    let people = export(&operator, body("customers")).await;
    let path = format!("/api/v1/exports/{people}");
    assert!(fetch(&operator, &people).await.contains("Ada"));
    assert_eq!(viewer.get(&format!("{path}/file")).await.problem(), "403 forbidden");
    assert_eq!(viewer.delete(&path).await.problem(), "403 forbidden");
    for path in [path.clone(), format!("{path}/file")] {
        assert_eq!(rival.get(&path).await.problem(), "404 export-not-found");
    }
    assert_eq!(rival.delete(&path).await.problem(), "404 export-not-found");
    assert_eq!(rival.get("/api/v1/exports").await.expect(200)["items"], json!([]));

    let list = viewer.get("/api/v1/exports?limit=1").await.expect(200);
    assert_eq!(list["items"][0]["id"], people, "newest first: {list}");
    let next = list["next_cursor"].as_str().expect("another page");
    let list = viewer.get(&format!("/api/v1/exports?cursor={next}")).await.expect(200);
    assert_eq!((&list["items"][0]["id"], &list["next_cursor"]), (&json!(catalog), &Value::Null));

    assert_eq!(operator.delete(&path).await.status.as_u16(), 204);
    assert_eq!(operator.get(&path).await.problem(), "404 export-not-found");
    assert_eq!(operator.delete(&path).await.problem(), "404 export-not-found");
    let started = admin.get("/api/v1/audit?action=export.start").await.expect(200);
    assert_eq!(started["items"].as_array().expect("events").len(), 2);
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_named() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    for (body, problem) in [
        (json!({ "kind": "recipes", "format": "csv" }), "400 malformed-request"),
        (json!({ "kind": "products", "format": "xlsx" }), "400 malformed-request"),
        (
            json!({ "kind": "products", "format": "csv", "filters": { "colour": "red" } }),
            "400 malformed-request",
        ),
        (json!({ "kind": "products", "format": "csv", "filters": { "k": 3 } }), "422 validation-error"),
        (json!({ "kind": "audit", "format": "csv", "filters": { "brand": "A" } }), "422 validation-error"),
        (
            json!({ "kind": "customers", "format": "csv", "filters": { "status": "discontinued" } }),
            "422 validation-error",
        ),
        (json!({ "kind": "matches", "format": "csv", "filters": { "k": 101 } }), "422 validation-error"),
    ] {
        assert_eq!(admin.post("/api/v1/exports", body.clone()).await.problem(), problem, "{body}");
    }
    assert_eq!(admin.get("/api/v1/exports?cursor=nonsense").await.problem(), "400 cursor-invalid");
    let body = json!({ "kind": "products", "format": "csv" });
    let mut waiting = String::new();
    for _ in 0..5 {
        let started = admin.post("/api/v1/exports", body.clone()).await.expect(202);
        waiting = started["export_id"].as_str().expect("an id").to_owned();
    }
    assert_eq!(admin.post("/api/v1/exports", body.clone()).await.problem(), "409 exports-under-way");
    let path = format!("/api/v1/exports/{waiting}");
    let shown = admin.get(&path).await.expect(200);
    assert_eq!(shown["download_url"], Value::Null, "{shown}");
    assert_eq!(admin.get(&format!("{path}/file")).await.problem(), "409 job-not-finished");
    assert_eq!(admin.delete(&path).await.status.as_u16(), 204);
    let another = admin.post("/api/v1/exports", body).await.expect(202);
    let another = another["export_id"].as_str().expect("an id");
    admin.post(&format!("/api/v1/jobs/{another}/cancel"), json!({})).await.expect(202);
    assert_eq!(admin.get(&format!("/api/v1/exports/{another}/file")).await.problem(), "409 export-failed");
    app.run_jobs().await;
}

#[tokio::test]
async fn a_link_lasts_a_day() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    admin.create_product("bar", json!({ "name": "Bar" })).await;
    let id = export(&admin, json!({ "kind": "products", "format": "csv" })).await;
    let file = format!("/api/v1/exports/{id}/file");
    app.clock().advance(chrono::TimeDelta::minutes(24 * 60 - 1));
    assert_eq!(admin.get(&file).await.status.as_u16(), 200);
    app.clock().advance(chrono::TimeDelta::minutes(1));
    assert_eq!(admin.get(&file).await.problem(), "410 export-expired");
    let shown = admin.get(&format!("/api/v1/exports/{id}")).await.expect(200);
    assert_eq!((&shown["state"], &shown["download_url"]), (&json!("expired"), &Value::Null));
    odyssey_domain::exports::purge_exports(app.database()).await.expect("a purge");
    assert_eq!(admin.get(&file).await.problem(), "404 export-not-found");
}
