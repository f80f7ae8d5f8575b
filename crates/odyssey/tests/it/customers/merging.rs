//! Two customers who are one person become one.

use odyssey_domain::{retention, tenancy};
use odyssey_testkit::{Actor, TestApp, TestResponse};
use serde_json::{Value, json};

use super::erasure::erase;

struct Two {
    id: String,
    other: String,
}

async fn two(admin: &Actor<'_>) -> Two {
    let mut ids = Vec::new();
    for record in [
        json!({ "external_id": "c1", "name": "Ada", "email": "ada@example.org", "notes": "one",
            "profile": { "allergies": [{ "allergen": "peanut", "severity": "intolerance" }], "weight_kg": 70 },
            "consents": [{ "purpose": "health_data", "state": "granted" }, { "purpose": "marketing", "state": "granted" }] }),
        json!({ "external_id": "c2", "name": "Ada L.", "phone": "+1 212 555 0100", "notes": "two",
            "profile": { "allergies": [{ "allergen": "peanut", "severity": "anaphylaxis" }, { "allergen": "milk" }],
                "conditions": [{ "system": "icd10cm", "code": "I10" }] },
            "consents": [{ "purpose": "marketing", "state": "granted" }, { "purpose": "analytics", "state": "granted" }] }),
    ] {
        let created = admin.post("/api/v1/customers", record).await.expect(201);
        ids.push(created["id"].as_str().expect("an id").to_owned());
    }
    let marketing = json!({ "purpose": "marketing", "state": "withdrawn" });
    admin.post(&format!("/api/v1/customers/{}/consents", ids[1]), marketing).await;
    let other = ids.pop().expect("two");
    Two { id: ids.pop().expect("two"), other }
}

async fn preview(admin: &Actor<'_>, two: &Two) -> Value {
    let body = json!({ "other": two.other, "preview": true });
    admin.post(&format!("/api/v1/customers/{}/merge", two.id), body).await.expect(200)
}

async fn merge(admin: &Actor<'_>, two: &Two, shown: &Value) -> TestResponse {
    let key = uuid::Uuid::now_v7().to_string();
    let version = format!("\"{}\"", shown["row_version"]);
    let headers = [("idempotency-key", key.as_str()), ("if-match", version.as_str())];
    let body = json!({ "other": two.other, "other_row_version": shown["other_row_version"] });
    let path = format!("/api/v1/customers/{}/merge", two.id);
    admin.send(http::Method::POST, &path, &headers, Some(body)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_shows_whose_word_counts_and_changes_nothing() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let two = two(&admin).await;
    let shown = preview(&admin, &two).await;
    assert_eq!(shown["record"]["name"], "Ada");
    assert_eq!(shown["record"]["phone"], "+1 212 555 0100");
    let allergies = json!([{ "allergen": "peanut", "severity": "anaphylaxis" }, { "allergen": "milk" }]);
    assert_eq!(shown["profile"]["allergies"], allergies, "{shown}");
    assert_eq!(shown["withdrawn_consents"], json!(["marketing"]), "a grant of the other is not taken over");
    let why = |field: &str| {
        let found = shown["fields"].as_array().expect("fields").iter().find(|f| f["field"] == field);
        found.map(|f| (f["side"].clone(), f["why"].clone()))
    };
    assert_eq!(why("name"), Some((json!("this"), json!("kept"))));
    assert_eq!(why("phone"), Some((json!("other"), json!("only_there"))));
    assert_eq!(why("allergies"), Some((json!("both"), json!("united"))));
    let customer = admin.get(&format!("/api/v1/customers/{}", two.id)).await.expect(200);
    assert_eq!(customer["row_version"], shown["row_version"]);
    assert_eq!(customer["phone"], Value::Null);
    admin.get(&format!("/api/v1/customers/{}", two.other)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merged_the_stricter_allergies_stand_and_the_other_says_where_it_went() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let two = two(&admin).await;
    for (external_id, here, there) in [
        ("a", "always_allow", None),
        ("b", "always_allow", Some("always_allow")),
        ("c", "always_allow", Some("never_show")),
    ] {
        let product = admin.create_product(external_id, json!({ "name": external_id })).await;
        admin
            .put(&format!("/api/v1/customers/{}/lists/{product}", two.id), json!({ "list": here }))
            .await
            .expect(200);
        if let Some(there) = there {
            admin
                .put(&format!("/api/v1/customers/{}/lists/{product}", two.other), json!({ "list": there }))
                .await
                .expect(200);
        }
    }
    let shown = preview(&admin, &two).await;
    merge(&admin, &two, &shown).await.expect(200);
    let customer = admin.get(&format!("/api/v1/customers/{}", two.id)).await.expect(200);
    assert_eq!((&customer["external_id"], &customer["notes"]), (&json!("c1"), &json!("one\n\ntwo")));
    let profile = admin.get(&format!("/api/v1/customers/{}/health", two.id)).await.expect(200);
    let severities: Vec<_> = profile["profile"]["allergies"]
        .as_array()
        .expect("allergies")
        .iter()
        .map(|a| a["allergen"].clone())
        .collect();
    assert_eq!(severities, [json!("peanut"), json!("milk")], "{profile}");
    let lists = admin.get(&format!("/api/v1/customers/{}/lists", two.id)).await.expect(200);
    let on = |list: &str| lists[list].as_array().map(Vec::len);
    assert_eq!((on("always_allow"), on("never_show")), (Some(1), Some(1)), "{lists}");

    let gone = admin.get(&format!("/api/v1/customers/{}", two.other)).await;
    assert_eq!(gone.problem(), "410 customer-merged");
    assert_eq!(gone.header("location"), Some(format!("/api/v1/customers/{}", two.id).as_str()));
    let created = admin.post("/api/v1/customers", json!({ "external_id": "c2", "mode": "upsert" })).await;
    assert_eq!(created.problem(), "410 customer-merged", "whoever went does not come back beside the other");
    let found = admin.post("/api/v1/customers/search", json!({ "external_id": "c2" })).await;
    assert_eq!(found.problem(), "410 customer-merged");
    let found =
        admin.post("/api/v1/customers/search", json!({ "phone": "+1 212 555 0100" })).await.expect(200);
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(preview_again(&admin, &two).await, "410 customer-merged");
    let trail = admin.get("/api/v1/audit?action=customer.merge").await.expect(200);
    assert_eq!(trail["items"].as_array().map(Vec::len), Some(2), "the preview and the merge");
}

async fn preview_again(admin: &Actor<'_>, two: &Two) -> String {
    let body = json!({ "other": two.other, "preview": true });
    admin.post(&format!("/api/v1/customers/{}/merge", two.id), body).await.problem()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_merged_over_another_version_without_one_or_with_itself() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let admin = acme.admin().await;
    let two = two(&admin).await;
    let path = format!("/api/v1/customers/{}/merge", two.id);
    let shown = preview(&admin, &two).await;
    assert_eq!(admin.post(&path, json!({ "other": two.other })).await.problem(), "422 validation-error");
    let without = json!({ "other": two.other, "other_row_version": shown["other_row_version"] });
    assert_eq!(admin.post(&path, without).await.problem(), "428 precondition-required");
    let itself = json!({ "other": two.id, "preview": true });
    assert_eq!(admin.post(&path, itself).await.problem(), "409 customers-not-mergeable");
    let nobody = json!({ "other": uuid::Uuid::now_v7(), "preview": true });
    assert_eq!(admin.post(&path, nobody).await.problem(), "404 customer-not-found");
    let body = json!({ "other": two.other, "preview": true });
    assert_eq!(acme.viewer().await.post(&path, body.clone()).await.problem(), "403 forbidden");
    assert_eq!(app.vendor("rival").admin().await.post(&path, body).await.problem(), "404 customer-not-found");

    admin
        .patch(&format!("/api/v1/customers/{}", two.other), json!({ "name": "Ada Lovelace" }))
        .await
        .expect(200);
    assert_eq!(merge(&admin, &two, &shown).await.problem(), "412 precondition-failed");
    admin.get(&format!("/api/v1/customers/{}", two.other)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_does_not_bring_back_who_was_merged() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let two = two(&admin).await;
    let shown = preview(&admin, &two).await;
    merge(&admin, &two, &shown).await.expect(200);
    let file = Some(("text/csv", b"external_id,name\nc2,Back\nc3,New\n".to_vec()));
    let path = "/api/v1/ingest/csv?mode=customers";
    let started = admin.send_bytes(http::Method::POST, path, &[], file).await.expect(202);
    app.run_jobs().await;
    let url = started["status_url"].as_str().expect("a job");
    let job = admin.get(url).await.expect(200);
    assert_eq!((&job["totals"]["created"], &job["totals"]["rejected"]), (&json!(1), &json!(1)), "{job}");
    let errors = admin.get(&format!("{url}/errors")).await.expect(200);
    assert_eq!((&errors["items"][0]["row"], &errors["items"][0]["code"]), (&json!(1), &json!("not_taken")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_merged_under_a_legal_hold() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let admin = acme.admin().await;
    let two = two(&admin).await;
    let shown = preview(&admin, &two).await;
    retention::place_hold(app.database(), &tenancy::Actor::command_line(), Some(acme.id()), "Case 9")
        .await
        .expect("placed");
    assert_eq!(merge(&admin, &two, &shown).await.problem(), "422 validation-error");
    admin.get(&format!("/api/v1/customers/{}", two.other)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_went_into_a_customer_is_erased_with_them() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let two = two(&admin).await;
    let shown = preview(&admin, &two).await;
    merge(&admin, &two, &shown).await.expect(200);
    erase(&app.test, two.id.parse().expect("an id")).await.expect("erased");
    let mut connection = app.test.superuser_connection().await;
    let left: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM odyssey.customers WHERE id = ANY ($1)) + (SELECT count(*) FROM odyssey.customer_merges)",
    )
    .bind([&two.id, &two.other].map(|id| id.parse::<uuid::Uuid>().expect("an id")).to_vec())
    .fetch_one(&mut connection)
    .await
    .expect("a count");
    assert_eq!(left, 0);
    assert_eq!(app.database().keys().all_erasures().expect("the ledger").len(), 2);
    assert_eq!(
        admin.get(&format!("/api/v1/customers/{}", two.other)).await.problem(),
        "404 customer-not-found"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_allergy_that_awaits_a_decision_is_decided_before_its_customer_goes() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let two = two(&admin).await;
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": [
        { "resource": { "resourceType": "Patient", "id": "c2" } },
        { "resource": { "resourceType": "AllergyIntolerance", "code": { "text": "moon dust" } } }] });
    admin.post(&format!("/api/v1/customers/{}/fhir", two.other), bundle).await.expect(201);
    let shown = preview(&admin, &two).await;
    assert_eq!(merge(&admin, &two, &shown).await.problem(), "409 customers-not-mergeable");
}
