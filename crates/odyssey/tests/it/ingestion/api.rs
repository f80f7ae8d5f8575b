//! The same through HTTP.

use odyssey_testkit::{Actor, TestApp, TestResponse};
use serde_json::json;

async fn post_file(actor: &Actor<'_>, query: &str, media_type: &str, file: &str) -> TestResponse {
    let path = format!("/api/v1/ingest/csv?{query}");
    actor.send_bytes(http::Method::POST, &path, &[], Some((media_type, file.as_bytes().to_vec()))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_accepted_followed_and_its_errors_come_back() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let accepted =
        post_file(&operator, "mode=products", "text/csv", "external_id,name\np1,Bar\n,Nameless\n").await;
    assert_eq!(accepted.status.as_u16(), 202, "{}", accepted.text());
    let location = accepted.header("location").expect("where the job is").to_owned();
    assert_eq!(accepted.json()["status_url"], location.as_str());
    let queued = operator.get(&location).await.expect(200);
    assert_eq!((&queued["status"], &queued["mode"]), (&json!("queued"), &json!("products")));

    app.run_jobs().await;
    let job = operator.get(&location).await.expect(200);
    assert_eq!(job["status"], "completed_with_errors", "{job}");
    assert_eq!((&job["progress_pct"], &job["attempt"]), (&json!(100.0), &json!(1)));
    assert_eq!(
        job["totals"],
        json!({ "read": 2, "created": 1, "updated": 0, "unchanged": 0, "kept": 0, "rejected": 1, "deleted": 0,
                "warnings": 0 })
    );
    assert_eq!(job["error_codes"], json!({ "identity_missing": 1 }));
    assert_eq!(job["mapping"]["columns"][0]["target"], "external_id");
    let listed = operator.get("/api/v1/jobs?status=completed_with_errors").await.expect(200);
    assert_eq!(listed["items"][0]["job_id"], job["job_id"]);
    let errors = operator.get(&format!("{location}/errors")).await.expect(200);
    assert_eq!((&errors["items"][0]["row"], &errors["masked"]), (&json!(2), &json!(false)));
    let csv = operator.get(job["error_url"].as_str().expect("a file of errors")).await;
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(csv.text().contains("\n,Nameless,2,identity_missing,"), "{}", csv.text());
    let again = operator.post(&format!("{location}/cancel"), json!({})).await;
    assert_eq!(again.problem(), "409 job-not-cancelable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_file_or_no_parameter_is_refused_before_anything_is_stored() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let file = "external_id,name\np1,Bar\n";
    for (query, media_type, body, problem) in [
        ("mode=products", "application/json", "{\"colour\": 1}", "400 malformed-request"),
        ("mode=products", "application/json", "{\"byte_length\": 0}", "415 unsupported-file"),
        ("mode=products&mapping=first", "text/csv", file, "422 validation-error"),
        ("mode=products&mapping=7", "text/csv", file, "422 validation-error"),
        ("mode=products", "text/csv", "", "415 unsupported-file"),
        ("", "text/csv", file, "400 malformed-request"),
        ("mode=recipes", "text/csv", file, "400 malformed-request"),
        ("mode=products&colour=red", "text/csv", file, "400 malformed-request"),
        ("mode=products&allergen_data=complete", "text/csv", file, "422 validation-error"),
        ("mode=products&map=Name%3Dtaste", "text/csv", file, "422 validation-error"),
        ("mode=products&encoding=klingon", "text/csv", file, "422 validation-error"),
        ("mode=products&consent=attested", "text/csv", file, "422 validation-error"),
        ("mode=customers&consent=attested", "text/csv", file, "403 forbidden"),
    ] {
        assert_eq!(
            post_file(&operator, query, media_type, body).await.problem(),
            problem,
            "{query} {media_type}"
        );
    }
    let brotli = [("content-encoding", "br")];
    let path = "/api/v1/ingest/csv?mode=products";
    let packed = Some(("text/csv", file.as_bytes().to_vec()));
    let refused = operator.send_bytes(http::Method::POST, path, &brotli, packed).await;
    assert_eq!(refused.problem(), "415 unsupported-media-type");
    let products = operator.get("/api/v1/products").await.expect(200);
    assert_eq!(products["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_follows_a_job_of_customers_and_sees_no_value_of_theirs() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let (admin, viewer, rival) = (acme.admin().await, acme.viewer().await, app.vendor("rival").admin().await);
    let file = "external_id,name,weight_kg\nc1,Ada,heavy\nc2,Bea,60\n";
    let accepted = post_file(&admin, "mode=customers", "text/csv", file).await.expect(202);
    app.run_jobs().await;
    let url = accepted["status_url"].as_str().expect("a job").to_owned();
    let job = viewer.get(&url).await.expect(200);
    assert_eq!(job["totals"]["created"], 1);
    let errors = viewer.get(&format!("{url}/errors")).await.expect(200);
    assert_eq!((&errors["masked"], &errors["items"][0]["value"]), (&json!(true), &json!(null)));
    assert_eq!(errors["items"][0]["code"], "number_unreadable");
    assert_eq!(viewer.get(&format!("{url}/errors.csv")).await.problem(), "403 forbidden");
    assert!(admin.get(&format!("{url}/errors.csv")).await.text().contains("c1,Ada,heavy,1,"));
    let trail = admin.get("/api/v1/audit?action=row_errors.export").await.expect(200);
    assert_eq!(trail["items"][0]["entity_id"], accepted["job_id"]);
    for path in [url.clone(), format!("{url}/errors"), format!("{url}/errors.csv")] {
        assert_eq!(rival.get(&path).await.problem(), "404 job-not-found");
    }
    assert_eq!(rival.post(&format!("{url}/cancel"), json!({})).await.problem(), "404 job-not-found");
}
