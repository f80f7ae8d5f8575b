use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

/// A customer with every field of the identity there is.
fn everybody(external_id: &str) -> Value {
    json!({
        "external_id": external_id, "name": "Ada Lovelace", "email": "Ada@Example.org", "phone": "+1 (415) 555-0132",
        "birth_date": "1985-12-10", "address": "12 St James's Square\nLondon", "member_number": "000-77-A",
        "tags": ["vip", "émigrée"], "notes": "Calls back after five.", "status": "inactive",
    })
}

/// Creates a customer and returns its address.
pub async fn create(actor: &Actor<'_>, record: Value) -> String {
    let created = actor.post("/api/v1/customers", record).await;
    created.expect(201);
    created.header("location").expect("a created customer has an address").to_owned()
}

#[tokio::test]
async fn every_field_of_a_customer_reads_back_as_it_was_written() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let path = create(&operator, everybody("0007")).await;
    let read = operator.get(&path).await;
    for (field, written) in everybody("0007").as_object().expect("an object") {
        assert_eq!(&read.json()[field], written, "{field}");
    }
    assert_eq!(read.header("etag"), Some("\"1\""));
    assert_eq!((&read.json()["masked"], &read.json()["health_consent"]), (&json!(false), &json!("missing")));
}

#[tokio::test]
async fn put_replaces_and_patch_keeps_what_it_does_not_name() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let path = create(&operator, everybody("0007")).await;
    let patched = operator.patch(&path, json!({ "name": "Ada King", "phone": null })).await.expect(200);
    assert_eq!((&patched["name"], patched.get("phone")), (&json!("Ada King"), None));
    assert_eq!(
        (&patched["email"], &patched["tags"]),
        (&json!("Ada@Example.org"), &json!(["vip", "émigrée"]))
    );
    let replaced = operator.put(&path, json!({ "external_id": "0007", "name": "Ada" })).await.expect(200);
    assert_eq!(
        (&replaced["name"], &replaced["status"], &replaced["tags"]),
        (&json!("Ada"), &json!("active"), &json!([]))
    );
    assert_eq!((replaced.get("email"), replaced.get("notes")), (None, None));
    assert_eq!(operator.put(&path, json!({ "external_id": "0008" })).await.problem(), "422 validation-error");
}

#[tokio::test]
async fn a_change_applies_to_the_version_that_was_read_or_not_at_all() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let path = create(&operator, everybody("0007")).await;
    let put = |tag| operator.keyed(http::Method::PUT, &path, tag, json!({ "name": "Eve" }));
    assert_eq!(put(&[]).await.problem(), "428 precondition-required");
    assert_eq!(put(&[("if-match", "\"9\"")]).await.problem(), "412 precondition-failed");
    assert_eq!(operator.get(&path).await.json()["name"], "Ada Lovelace");
    assert_eq!(put(&[("if-match", "\"1\"")]).await.status.as_u16(), 200);
}

#[tokio::test]
async fn creating_somebody_who_exists_is_a_conflict_that_points_there_and_overwrites_nothing() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let path = create(&operator, everybody("0007")).await;
    let again = operator.post("/api/v1/customers", json!({ "external_id": "0007", "name": "Eve" })).await;
    assert_eq!(again.problem(), "409 customer-conflict");
    assert!(again.text().contains(&path), "{}", again.text());
    assert_eq!(operator.get(&path).await.json()["name"], "Ada Lovelace");
    let upsert = json!({ "external_id": "0007", "name": "Eve", "mode": "upsert" });
    let changed = operator.post("/api/v1/customers", upsert).await.expect(200);
    assert_eq!((&changed["name"], &changed["email"]), (&json!("Eve"), &json!("Ada@Example.org")));
}

#[tokio::test]
async fn the_same_email_under_another_external_id_overwrites_nothing() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let first = create(&operator, everybody("0007")).await;
    let mut twin = everybody("7");
    twin["name"] = json!("Eve");
    let second = create(&operator, twin).await;
    assert_ne!(first, second);
    assert_eq!(operator.get(&first).await.json()["name"], "Ada Lovelace");
    assert_eq!(operator.get(&second).await.json()["name"], "Eve");
}

#[tokio::test]
async fn a_viewer_sees_the_masked_form_and_no_health_at_all() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let path = create(&acme.operator().await, everybody("0007")).await;
    let viewer = acme.viewer().await;
    let masked = viewer.get(&path).await.expect(200);
    let fields: Vec<&String> = masked.as_object().expect("an object").keys().collect();
    assert_eq!(
        fields,
        [
            "created_at",
            "has_profile",
            "health_consent",
            "id",
            "masked",
            "row_version",
            "status",
            "updated_at"
        ]
    );
    let list = viewer.get("/api/v1/customers").await.expect(200);
    assert_eq!((&list["items"][0]["masked"], list["items"][0].get("external_id")), (&json!(true), None));
    assert_eq!(viewer.get(&format!("{path}/health")).await.problem(), "403 forbidden");
    assert_eq!(viewer.get(&format!("{path}/consents")).await.problem(), "403 forbidden");
    assert_eq!(
        viewer.post("/api/v1/customers/search", json!({ "external_id": "0007" })).await.problem(),
        "403 forbidden"
    );
    assert_eq!(subjects_of(&app, "customer.list").await, 0, "nobody was disclosed");
    acme.operator().await.get("/api/v1/customers").await.expect(200);
    assert_eq!(subjects_of(&app, "customer.list").await, 1);
}

#[tokio::test]
async fn a_deleted_customer_is_gone_everywhere_and_may_come_back_as_somebody_new() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let mut record = everybody("0007");
    record["profile"] = json!({ "allergies": [{ "allergen": "peanut" }] });
    let path = create(&operator, record).await;
    assert_eq!(operator.delete(&path).await.status.as_u16(), 204);
    assert_eq!(operator.delete(&path).await.problem(), "404 customer-not-found");
    assert_eq!(operator.get(&format!("{path}/health")).await.problem(), "404 customer-not-found");
    assert_eq!(operator.get("/api/v1/customers").await.json()["items"], json!([]));
    let found =
        operator.post("/api/v1/customers/search", json!({ "email": "ada@example.org" })).await.expect(200);
    assert_eq!(found["items"], json!([]));
    let again = create(&operator, json!({ "external_id": "0007", "name": "Bea" })).await;
    assert_eq!(again, path, "the same external id is the same id");
    let read = operator.get(&path).await.json();
    assert_eq!(
        (&read["name"], &read["has_profile"], read.get("email")),
        (&json!("Bea"), &json!(false), None)
    );
    assert_eq!(operator.get(&format!("{path}/health")).await.json()["profile"]["allergies"], json!([]));
}

#[tokio::test]
async fn a_rivals_call_on_a_customer_is_not_found_and_changes_nothing() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let path = create(&operator, everybody("0007")).await;
    let health = format!("{path}/health");
    operator.put(&health, json!({ "height_cm": 170 })).await.expect(200);
    let before = (operator.get(&path).await.json(), operator.get(&health).await.json());
    let rival = app.vendor("rival").admin().await;
    for refused in [
        rival.get(&path).await,
        rival.delete(&path).await,
        rival.patch(&path, json!({ "name": "Eve" })).await,
        rival.put(&path, json!({ "name": "Eve" })).await,
        rival.put(&health, json!({})).await,
        rival.patch(&health, json!({ "height_cm": 1 })).await,
    ] {
        assert_eq!(refused.problem(), "404 customer-not-found");
    }
    assert_eq!((operator.get(&path).await.json(), operator.get(&health).await.json()), before);
    // The same external id at the rival is another person with another id.
    assert_ne!(create(&rival, everybody("0007")).await, path);
}

/// People disclosed by the acts of this name.
async fn subjects_of(app: &TestApp, action: &str) -> i64 {
    let mut connection = app.test.superuser_connection().await;
    sqlx::query_scalar(
        "SELECT count(*) FROM odyssey.audit_subjects s JOIN odyssey.audit_events e ON e.id = s.event_id WHERE e.action = $1",
    )
    .bind(action)
    .fetch_one(&mut connection)
    .await
    .expect("the trail answers")
}
