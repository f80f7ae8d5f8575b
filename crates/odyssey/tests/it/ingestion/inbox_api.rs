//! Objects of a vendor's inbox, through HTTP and on a disk.

use std::path::PathBuf;

use http::Method;
use odyssey_testkit::{Actor, TestApp, TestResponse};
use odyssey_types::VendorId;
use serde_json::{Value, json};

const CSV: &str = "external_id,name\np1,Oat bar\np2,Rye bread\n,Nameless\n";
const PRODUCTS: &str = "/api/v1/ingest/csv?mode=products";
/// A name that is a person's.
const NAME: &str = "2026/ada_lovelace.csv";

/// What the vendor's own systems do.
fn put(app: &TestApp, vendor: VendorId, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = app.spool.path().join("inbox").join(vendor.to_string()).join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(&path, bytes).expect("written");
    path
}

async fn start(actor: &Actor<'_>, path: &str, name: &str) -> TestResponse {
    actor.post(path, json!({ "object_path": name })).await
}

async fn start_with_key(actor: &Actor<'_>, path: &str, key: &str, body: &Value) -> TestResponse {
    actor.send(Method::POST, path, &[("idempotency-key", key)], Some(body.clone())).await
}

/// All that the database holds in words, but for what the test gave to it on purpose.
async fn everything_told(app: &TestApp) -> String {
    let mut connection = app.test.superuser_connection().await;
    let mut told = String::new();
    for table in ["jobs", "job_ready", "job_log", "uploads", "imports", "audit_events", "outbox"] {
        let statement =
            format!("SELECT coalesce(string_agg(to_jsonb(t)::text, E'\\n'), '') FROM odyssey.{table} t");
        let rows: String = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .fetch_one(&mut connection)
            .await
            .expect("a table");
        told.push_str(&rows);
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_of_the_inbox_is_fetched_imported_and_gone_from_it_under_one_job() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let object = put(&app, acme.id(), NAME, CSV);
    let accepted = start(&operator, PRODUCTS, NAME).await;
    let location = accepted.header("location").map(str::to_owned);
    let accepted = accepted.expect(202);
    assert_eq!(location.as_deref(), accepted["status_url"].as_str());
    assert_eq!((&accepted["byte_count"], &accepted["sha256"]), (&json!(CSV.len()), &json!(null)));
    let url = location.expect("where the job is");
    assert_eq!(operator.get(&url).await.expect(200)["status"], "queued");
    assert!(object.exists(), "it is theirs until it is sealed");
    let upload = format!("/api/v1/uploads/{}", accepted["upload_id"].as_str().expect("an upload"));
    let told = operator.get(&upload).await.expect(200);
    assert_eq!((&told["byte_offset"], &told["byte_length"]), (&json!(0), &json!(CSV.len())));
    let bytes = Some(("application/offset+octet-stream", b"more".to_vec()));
    let headers = [("tus-resumable", "1.0.0"), ("upload-offset", "0")];
    let sent = operator.send_bytes(Method::PATCH, &upload, &headers, bytes).await;
    assert_eq!(sent.problem(), "404 upload-not-found", "nobody sends what is fetched");

    app.run_jobs().await;
    let job = operator.get(&url).await.expect(200);
    assert_eq!(
        (&job["status"], &job["totals"]["created"], &job["progress_pct"], &job["mode"]),
        (&json!("completed_with_errors"), &json!(2), &json!(100.0), &json!("products")),
        "{job}"
    );
    assert_eq!(job["steps"][0]["name"], "fetching", "{job}");
    assert!(!object.exists(), "what is sealed lies in the clear nowhere");
    let jobs = operator.get("/api/v1/jobs").await.expect(200);
    assert_eq!(jobs["items"].as_array().map(Vec::len), Some(1), "{jobs}");
    let errors = operator.get(job["error_url"].as_str().expect("errors")).await;
    assert!(errors.text().contains("\n,Nameless,3,identity_missing,"), "{}", errors.text());
    let admin = acme.admin().await;
    for action in ["import.start", "import.fetch", "inbox.remove", "import.finish"] {
        let trail = admin.get(&format!("/api/v1/audit?action={action}")).await.expect(200);
        assert_eq!(trail["items"][0]["entity_id"], accepted["job_id"], "{action}: {trail}");
    }
    let told = format!("{job} {jobs} {}", everything_told(&app).await);
    assert!(!told.contains("lovelace") && !told.contains("2026/"), "the name is told to nobody: {told}");
    let again = start(&operator, PRODUCTS, NAME).await;
    assert_eq!(again.problem(), "422 validation-error", "it is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_repeated_with_its_key_starts_one_import_also_when_the_object_is_gone() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let body = json!({ "object_path": "products.csv" });
    let unkeyed = operator.send(Method::POST, PRODUCTS, &[], Some(body.clone())).await;
    assert_eq!(unkeyed.problem(), "400 idempotency-key-missing");
    let early = start_with_key(&operator, PRODUCTS, "k1", &body).await;
    assert_eq!(early.problem(), "422 validation-error");
    let error = &early.json()["errors"][0];
    assert_eq!((&error["pointer"], &error["code"]), (&json!("#/object_path"), &json!("not_found")));
    let remedy = error["detail"].as_str().expect("a remedy");
    assert!(remedy.contains(&format!("`inbox/{}/`", acme.id())), "{remedy}");

    put(&app, acme.id(), "products.csv", CSV);
    let first = start_with_key(&operator, PRODUCTS, "k1", &body).await.expect(202);
    let other = start_with_key(&operator, PRODUCTS, "k1", &json!({ "object_path": "other.csv" })).await;
    assert_eq!(other.problem(), "422 idempotency-key-reused");
    app.run_jobs().await;
    let again = start_with_key(&operator, PRODUCTS, "k1", &body).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.expect(202), first);
    app.run_jobs().await;
    let jobs = operator.get("/api/v1/jobs").await.expect(200);
    assert_eq!(jobs["items"].as_array().map(Vec::len), Some(1), "{jobs}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_names_nothing_but_what_lies_in_its_own_inbox() {
    let app = TestApp::start().await;
    let (acme, rival) = (app.vendor("acme"), app.vendor("rival"));
    let operator = acme.operator().await;
    let theirs = put(&app, rival.id(), "rival.csv", CSV);
    let own = put(&app, acme.id(), "own.csv", CSV);
    std::fs::write(app.spool.path().join("outside.csv"), CSV).expect("written");
    std::os::unix::fs::symlink(&theirs, own.with_file_name("link.csv")).expect("a link");
    std::os::unix::fs::symlink(theirs.parent().expect("a folder"), own.with_file_name("folder"))
        .expect("a link");
    let rivals_path = format!("../{}/rival.csv", rival.id());
    let absolute = theirs.display().to_string();
    for (name, code) in [
        ("", "invalid"),
        ("..", "invalid"),
        (&rivals_path, "invalid"),
        ("../../outside.csv", "invalid"),
        ("a/../own.csv", "invalid"),
        (&absolute, "invalid"),
        ("/own.csv", "invalid"),
        ("own.csv/", "invalid"),
        ("a//own.csv", "invalid"),
        (".own.csv", "invalid"),
        ("own%2ecsv", "invalid"),
        ("own csv", "invalid"),
        ("öwn.csv", "invalid"),
        (&"x".repeat(600), "invalid"),
        ("rival.csv", "not_found"),
        ("link.csv", "not_found"),
        ("folder/rival.csv", "not_found"),
        ("none.csv", "not_found"),
        ("own.csv/x", "not_found"),
    ] {
        let refused = start(&operator, PRODUCTS, name).await;
        assert_eq!(refused.problem(), "422 validation-error", "{name:?}");
        let error = &refused.json()["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!("#/object_path"), &json!(code)), "{name:?}");
        assert!(!refused.text().contains(&rival.id().to_string()), "{}", refused.text());
    }
    // One answer, whether somebody else has such a file or nobody.
    let [absent, rivals] =
        [start(&operator, PRODUCTS, "none.csv").await, start(&operator, PRODUCTS, "rival.csv").await];
    assert_eq!(absent.json()["errors"], rivals.json()["errors"]);
    assert_eq!(start(&acme.viewer().await, PRODUCTS, "own.csv").await.problem(), "403 forbidden");
    let stranger = rival.admin().await.at(acme.id());
    assert_eq!(start(&stranger, PRODUCTS, "own.csv").await.problem(), "404 vendor-not-found");
    assert!(theirs.exists() && own.exists());

    for about in [json!({ "file_name": "x.csv" }), json!({ "byte_length": 5 })] {
        let mut body = about;
        body["object_path"] = json!("own.csv");
        let both = operator.post(PRODUCTS, body).await;
        assert_eq!(both.json()["errors"][0]["code"], "exclusive", "{}", both.text());
    }
    put(&app, acme.id(), "empty.csv", "");
    assert_eq!(start(&operator, PRODUCTS, "empty.csv").await.problem(), "415 unsupported-file");
    let attests = format!("{PRODUCTS}&consent=attested");
    assert_eq!(start(&operator, &attests, "own.csv").await.problem(), "422 validation-error");
    assert_eq!(operator.get("/api/v1/jobs").await.expect(200)["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn customers_of_an_object_are_imported_as_those_of_a_body() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let admin = acme.admin().await;
    let object = put(&app, acme.id(), "people.csv", "external_id,name,weight_kg\nc1,Ada,60\nc2,Bea,heavy\n");
    let path = "/api/v1/ingest/csv?mode=customers&consent=attested";
    let accepted = start(&admin, path, "people.csv").await.expect(202);
    app.run_jobs().await;
    let job = admin.get(accepted["status_url"].as_str().expect("a job")).await.expect(200);
    assert_eq!((&job["totals"]["created"], &job["totals"]["rejected"]), (&json!(1), &json!(1)), "{job}");
    assert!(!object.exists());
    let found = admin.post("/api/v1/customers/search", json!({ "external_id": "c1" })).await.expect(200);
    assert_eq!(found["items"][0]["name"], "Ada", "{found}");
    assert!(!everything_told(&app).await.contains("Ada"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_waits_can_be_canceled_and_retried_or_its_upload_given_up() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let object = put(&app, acme.id(), "products.csv", CSV);
    let started = start(&operator, PRODUCTS, "products.csv").await.expect(202);
    let url = started["status_url"].as_str().expect("a job").to_owned();
    operator.post(&format!("{url}/cancel"), json!({})).await.expect(202);
    app.run_jobs().await;
    assert_eq!(operator.get(&url).await.expect(200)["status"], "canceled");
    assert!(object.exists(), "what was not sealed is theirs still");
    operator.post(&format!("{url}/retry"), json!({})).await.expect(202);
    app.run_jobs().await;
    assert_eq!(operator.get(&url).await.expect(200)["totals"]["created"], 2);
    assert!(!object.exists());

    let object = put(&app, acme.id(), "products.csv", CSV);
    let started = start(&operator, PRODUCTS, "products.csv").await.expect(202);
    let url = started["status_url"].as_str().expect("a job").to_owned();
    let upload = format!("/api/v1/uploads/{}", started["upload_id"].as_str().expect("an upload"));
    assert_eq!(operator.delete(&upload).await.status.as_u16(), 204);
    app.run_jobs().await;
    assert_eq!(operator.get(&url).await.expect(200)["status"], "canceled");
    assert_eq!(operator.post(&format!("{url}/retry"), json!({})).await.problem(), "409 job-not-retryable");
    assert!(object.exists());
}
