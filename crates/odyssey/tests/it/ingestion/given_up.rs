//! Uploads that end without an import, or after one: what is left of them, and what clients are told.

use http::Method;
use odyssey_domain::ingestion::{self, Gone, ImportMode, ImportParameters, IngestionError};
use odyssey_domain::tenancy::Role;
use odyssey_testkit::{Actor, TestApp, TestResponse};
use serde_json::json;

use super::Files;

const CSV: &[u8] = b"external_id,name\np1,Oat bar\n";
const TUS: (&str, &str) = ("tus-resumable", "1.0.0");
const BYTES: &str = "application/offset+octet-stream";
const UPLOADS: &str = "/api/v1/uploads?mode=products";

async fn whole(actor: &Actor<'_>) -> TestResponse {
    let length = CSV.len().to_string();
    let headers = [TUS, ("upload-length", length.as_str())];
    let begun = actor.send_bytes(Method::POST, UPLOADS, &headers, Some((BYTES, CSV.to_vec()))).await;
    assert_eq!(begun.status.as_u16(), 201, "{}", begun.text());
    begun
}

async fn delete(actor: &Actor<'_>, url: &str) -> TestResponse {
    actor.send_bytes(Method::DELETE, url, &[TUS], None).await
}

async fn append(actor: &Actor<'_>, url: &str, offset: &str) -> TestResponse {
    let headers = [TUS, ("upload-offset", offset)];
    actor.send_bytes(Method::PATCH, url, &headers, Some((BYTES, b"x".to_vec()))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_imported_upload_that_was_let_go_is_gone_at_once() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let begun = whole(&operator).await;
    let url = begun.header("location").expect("a location").to_owned();
    let job = begun.json()["status_url"].as_str().expect("a job").to_owned();
    assert_eq!(delete(&operator, &url).await.problem(), "409 job-not-finished");
    app.run_jobs().await;
    assert_eq!(operator.send_bytes(Method::HEAD, &url, &[TUS], None).await.status.as_u16(), 200);
    assert_eq!(delete(&operator, &url).await.status.as_u16(), 204);
    for when in ["before", "after"] {
        let head = operator.send_bytes(Method::HEAD, &url, &[TUS], None).await;
        assert_eq!((head.status.as_u16(), head.header("upload-offset")), (410, None), "{when} the purge");
        for answer in [delete(&operator, &url).await, operator.get(&url).await] {
            assert_eq!(answer.problem(), "410 upload-expired", "{when} the purge");
            assert!(answer.text().contains("was given up"), "{}", answer.text());
        }
        ingestion::purge_uploads(&app.ingestion, app.database()).await.expect("it purges");
    }
    assert_eq!(operator.get(&job).await.expect(200)["status"], "completed", "the import stays");
}

#[tokio::test]
async fn what_is_gone_says_why() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let begin = || async {
        let begun = operator.send_bytes(Method::POST, UPLOADS, &[TUS, ("upload-length", "50")], None).await;
        let job = begun.json()["status_url"].as_str().expect("a job").to_owned();
        (begun.header("location").expect("a location").to_owned(), job)
    };
    let (given_up, _) = begin().await;
    assert_eq!(delete(&operator, &given_up).await.status.as_u16(), 204);
    let (canceled, job) = begin().await;
    operator.post(&format!("{job}/cancel"), json!({})).await.expect(202);
    let (expired, _) = begin().await;
    let told = append(&operator, &given_up, "0").await;
    assert!(told.text().contains("the upload was given up"), "{}", told.text());
    let told = append(&operator, &canceled, "0").await;
    assert!(told.text().contains("the job of the upload was canceled"), "{}", told.text());
    app.clock().advance(chrono::TimeDelta::days(2));
    let told = append(&operator, &expired, "0").await;
    assert_eq!(told.problem(), "410 upload-expired");
    assert!(told.text().contains("has expired"), "{}", told.text());
}

#[tokio::test]
async fn a_creation_that_is_refused_leaves_nothing_behind() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    // SHA-1 of "hello world" in Base64.
    let checksum = ("upload-checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=");
    let wrong = [TUS, ("upload-length", "3000000000"), checksum];
    let refused = operator.send_bytes(Method::POST, UPLOADS, &wrong, Some((BYTES, CSV.to_vec()))).await;
    assert_eq!(refused.problem(), "460 upload-checksum-mismatch");
    // A body that does not say how long it is, and goes past the length that was announced.
    let chunks: Vec<Result<&[u8], std::io::Error>> = vec![Ok(&CSV[..9]), Ok(&CSV[9..])];
    let body = axum::body::Body::from_stream(futures::stream::iter(chunks));
    let request = http::Request::post(UPLOADS)
        .header("authorization", format!("Bearer {}", operator.token.as_deref().expect("a token")))
        .header(TUS.0, TUS.1)
        .header("upload-length", "12")
        .header("content-type", BYTES)
        .body(body)
        .expect("a request");
    assert_eq!(app.send(request).await.problem(), "413 upload-too-large");
    // The draft says that this is all, and there is nothing.
    let draft = [("upload-draft-interop-version", "8"), ("upload-complete", "?1")];
    let empty = operator.send_bytes(Method::POST, UPLOADS, &draft, Some(("text/csv", Vec::new()))).await;
    assert_eq!(empty.status.as_u16(), 415, "{}", empty.text());

    let jobs = operator.get("/api/v1/jobs").await.expect(200);
    assert_eq!(jobs["items"], json!([]), "no job waits for bytes that never come");
    let vendors = std::fs::read_dir(app.spool.path()).expect("the spool").flatten();
    let left = vendors.flat_map(|vendor| std::fs::read_dir(vendor.path()).expect("a folder")).count();
    assert_eq!(left, 0, "no file is left");
}

#[tokio::test]
async fn a_creation_that_is_refused_takes_no_room() {
    let files = Files::start_with(|settings| settings.vendor_bytes_max = 100).await;
    let work = &files.work.ingestion;
    let begin = || async {
        let tx = files.begin(Role::VendorOperator).await;
        let parameters = ImportParameters::default();
        ingestion::begin_resumable(work, tx, ImportMode::Products, parameters, Some(90), None, false).await
    };
    let begun = begin().await.expect("there is room");
    assert!(matches!(begin().await, Err(IngestionError::QuotaExceeded { .. })));
    let tx = files.begin(Role::VendorOperator).await;
    ingestion::withdraw_resumable(work, tx, begun.id).await.expect("taken back");
    begin().await.expect("there is room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_writes_is_told_what_happened_meanwhile() {
    let files = Files::start().await;
    let work = &files.work.ingestion;
    let begin = || async {
        let tx = files.begin(Role::VendorOperator).await;
        let (mode, parameters, length) =
            (ImportMode::Products, ImportParameters::default(), CSV.len() as u64);
        let begun = ingestion::begin_resumable(work, tx, mode, parameters, Some(length), None, false).await;
        begun.expect("it begins").id
    };
    let open = |id| {
        let files = &files;
        async move {
            let tx = files.begin(Role::VendorOperator).await;
            let mut appending = ingestion::append_to(work, tx, id, None, false).await.expect("it is open");
            appending.write(CSV.to_vec().into()).await.expect("it is taken");
            appending
        }
    };
    let id = begin().await;
    let hanging = open(id).await;
    let mut tx = files.begin(Role::VendorOperator).await;
    ingestion::terminate_resumable(&mut tx, id).await.expect("given up");
    tx.commit().await.expect("committed");
    let told = hanging.end(true).await;
    assert!(matches!(told, Err(IngestionError::UploadGone(Gone::GivenUp))), "{told:?}");

    let id = begin().await;
    let (slow, fast) = (open(id).await, open(id).await);
    fast.end(true).await.expect("whole");
    let told = slow.end(true).await;
    assert!(matches!(told, Err(IngestionError::UploadCompleted)), "{told:?}");
    let tx = files.begin(Role::VendorOperator).await;
    let told = ingestion::append_to(work, tx, id, None, false).await;
    assert!(matches!(told, Err(IngestionError::UploadCompleted)), "{told:?}");
}

#[tokio::test]
async fn every_answer_below_the_path_of_uploads_names_the_version() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let viewer = app.vendor("acme").viewer().await;
    let nowhere = "/api/v1/uploads/0198c0de-7000-7000-8000-000000000000";
    let length = [TUS, ("upload-length", "9")];
    for (status, answer) in [
        (401, app.anonymous().send_bytes(Method::POST, UPLOADS, &length, None).await),
        (403, viewer.send_bytes(Method::POST, UPLOADS, &length, None).await),
        (404, operator.send_bytes(Method::HEAD, nowhere, &[TUS], None).await),
        (404, operator.send_bytes(Method::DELETE, nowhere, &[TUS], None).await),
        (405, operator.send_bytes(Method::PUT, nowhere, &[TUS], None).await),
        (412, operator.send_bytes(Method::POST, UPLOADS, &[("upload-length", "9")], None).await),
        (415, operator.send_bytes(Method::POST, UPLOADS, &[TUS, ("upload-length", "0")], None).await),
        (400, operator.send_bytes(Method::POST, "/api/v1/uploads?mode=none", &length, None).await),
    ] {
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
        assert_eq!(answer.header("tus-resumable"), Some("1.0.0"), "{status}");
        assert_eq!(answer.header("upload-draft-interop-version"), None, "{status}");
    }
    let draft = [("upload-draft-interop-version", "8"), ("upload-complete", "?1")];
    let told = app.anonymous().send_bytes(Method::POST, UPLOADS, &draft, None).await;
    assert_eq!(
        (told.header("tus-resumable"), told.header("upload-draft-interop-version")),
        (None, Some("8"))
    );
    let elsewhere = operator.get("/api/v1/jobs").await;
    assert_eq!(elsewhere.header("tus-resumable"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_have_codes_of_their_own() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let length = CSV.len().to_string();
    let partial = [TUS, ("upload-concat", "partial"), ("upload-length", length.as_str())];
    let part = operator.send_bytes(Method::POST, UPLOADS, &partial, Some((BYTES, CSV.to_vec()))).await;
    let concat = format!("final;{}", part.header("location").expect("a location"));
    let joined = operator.send_bytes(Method::POST, UPLOADS, &[TUS, ("upload-concat", &concat)], None).await;
    let url = joined.header("location").expect("a location");
    assert_eq!(append(&operator, url, &length).await.problem(), "403 upload-final");

    let beyond = format!("1{}", "0".repeat(30));
    let refused = operator.send_bytes(Method::POST, UPLOADS, &[TUS, ("upload-length", &beyond)], None).await;
    assert_eq!(refused.problem(), "413 upload-too-large");
    assert!(refused.text().contains("larger than any upload may be"), "{}", refused.text());
    assert!(refused.header("tus-max-size").is_some());
}
