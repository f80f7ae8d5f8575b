//! Files that arrive in several requests.

use http::Method;
use odyssey_domain::ingestion::{self, Appending, ImportMode, ImportParameters, IngestionError};
use odyssey_domain::tenancy::Role;
use odyssey_testkit::{Actor, TestApp, TestResponse};
use odyssey_types::UploadId;
use serde_json::json;

use super::harness::Files;

const CSV: &[u8] = b"external_id,name\np1,Oat bar\np2,Rye bread\n,Nameless\n";
const TUS: (&str, &str) = ("tus-resumable", "1.0.0");
const BYTES: &str = "application/offset+octet-stream";

async fn begin(actor: &Actor<'_>, headers: &[(&str, &str)]) -> TestResponse {
    let mut all = vec![TUS];
    all.extend_from_slice(headers);
    actor.send_bytes(Method::POST, "/api/v1/uploads?mode=products", &all, None).await
}

async fn append(
    actor: &Actor<'_>,
    url: &str,
    offset: usize,
    more: &[(&str, &str)],
    bytes: &[u8],
) -> TestResponse {
    let offset = offset.to_string();
    let mut headers = vec![TUS, ("upload-offset", offset.as_str())];
    headers.extend_from_slice(more);
    actor.send_bytes(Method::PATCH, url, &headers, Some((BYTES, bytes.to_vec()))).await
}

async fn head(actor: &Actor<'_>, url: &str) -> TestResponse {
    actor.send_bytes(Method::HEAD, url, &[TUS], None).await
}

fn location(begun: &TestResponse) -> String {
    assert_eq!(begun.status.as_u16(), 201, "{}", begun.text());
    begun.header("location").expect("a location").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_arrives_in_parts_is_imported_once_with_its_last_byte() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let length = CSV.len().to_string();
    // "products.csv" in Base64.
    let metadata = ("upload-metadata", "filename cHJvZHVjdHMuY3N2");
    let begun = begin(&operator, &[("upload-length", &length), metadata]).await;
    let url = location(&begun);
    assert!(begun.header("upload-expires").is_some(), "unfinished uploads have an end");
    let job = begun.json()["status_url"].as_str().expect("a job").to_owned();
    let empty = head(&operator, &url).await;
    assert_eq!(
        (empty.status.as_u16(), empty.header("upload-offset"), empty.header("upload-length")),
        (200, Some("0"), Some(length.as_str()))
    );
    assert_eq!(
        (empty.header(metadata.0), empty.header("cache-control")),
        (Some(metadata.1), Some("no-store"))
    );

    let first = append(&operator, &url, 0, &[], &CSV[..20]).await;
    assert_eq!((first.status.as_u16(), first.header("upload-offset")), (204, Some("20")), "{}", first.text());
    let elsewhere = append(&operator, &url, 10, &[], &CSV[10..]).await;
    assert_eq!(elsewhere.problem(), "409 upload-offset-mismatch");
    let too_much = [&CSV[20..], b"more"].concat();
    assert_eq!(append(&operator, &url, 20, &[], &too_much).await.problem(), "413 upload-too-large");
    let half = operator.get(&url).await.expect(200);
    assert_eq!((&half["byte_offset"], &half["complete"]), (&json!(20), &json!(false)));
    app.run_jobs().await;
    assert_eq!(operator.get(&job).await.expect(200)["status"], "receiving");

    let last = append(&operator, &url, 20, &[], &CSV[20..]).await;
    assert_eq!((last.status.as_u16(), last.header("upload-offset")), (204, Some(length.as_str())));
    // A client that did not hear the answer asks once more.
    assert_eq!(append(&operator, &url, CSV.len(), &[], b"").await.status.as_u16(), 204);
    app.run_jobs().await;
    let done = operator.get(&job).await.expect(200);
    assert_eq!(
        (&done["status"], &done["totals"]["created"]),
        (&json!("completed_with_errors"), &json!(2)),
        "{done}"
    );
    let errors = operator.get(done["error_url"].as_str().expect("errors")).await;
    assert!(errors.text().contains("\n,Nameless,3,identity_missing,"), "{}", errors.text());
}

#[tokio::test]
async fn bytes_that_are_not_those_of_the_checksum_are_not_kept() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let length = CSV.len().to_string();
    let url = location(&begin(&operator, &[("upload-length", &length)]).await);
    // SHA-1 of "hello world" in Base64.
    let checksum = ("upload-checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=");
    let wrong = append(&operator, &url, 0, &[checksum], &CSV[..11]).await;
    assert_eq!(wrong.problem(), "460 upload-checksum-mismatch");
    assert_eq!(head(&operator, &url).await.header("upload-offset"), Some("0"));
    let right = append(&operator, &url, 0, &[checksum], b"hello world").await;
    assert_eq!(right.header("upload-offset"), Some("11"), "{}", right.text());
    let unknown = append(&operator, &url, 11, &[("upload-checksum", "md4 AAAA")], &CSV[..11]).await;
    assert_eq!(unknown.problem(), "400 malformed-request");
}

#[tokio::test]
async fn other_ways_to_begin_lead_to_the_same_import() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let path = "/api/v1/uploads?mode=products";
    let length = CSV.len().to_string();
    // Everything at once.
    let whole = [TUS, ("upload-length", length.as_str())];
    let whole = operator.send_bytes(Method::POST, path, &whole, Some((BYTES, CSV.to_vec()))).await;
    assert_eq!(whole.header("upload-offset"), Some(length.as_str()), "{}", whole.text());
    assert_eq!(whole.expect(201)["complete"], true);
    // The length is told at the end; the header for metadata is there and empty, as tuspy sends it.
    let url = location(&begin(&operator, &[("upload-defer-length", "1"), ("upload-metadata", "")]).await);
    assert_eq!(head(&operator, &url).await.header("upload-defer-length"), Some("1"));
    append(&operator, &url, 0, &[], CSV).await;
    let told = append(&operator, &url, CSV.len(), &[("upload-length", &length)], b"").await;
    assert_eq!(told.status.as_u16(), 204, "{}", told.text());
    assert_eq!(operator.get(&url).await.expect(200)["complete"], true);
    // The draft, in two requests.
    let draft = ("upload-draft-interop-version", "8");
    let first = [draft, ("upload-complete", "?0")];
    let first = operator.send_bytes(Method::POST, path, &first, Some(("text/csv", CSV[..30].to_vec()))).await;
    let url = location(&first);
    let rest = [draft, ("upload-complete", "?1"), ("upload-offset", "30")];
    let partial = Some(("application/partial-upload", CSV[30..].to_vec()));
    let rest = operator.send_bytes(Method::PATCH, &url, &rest, partial).await;
    assert_eq!(rest.header("upload-complete"), Some("?1"), "{} {}", rest.status, rest.text());
    app.run_jobs().await;
    let jobs = operator.get("/api/v1/jobs").await.expect(200);
    let ended = jobs["items"].as_array().expect("jobs").iter();
    assert_eq!(ended.filter(|job| job["status"] == "completed_with_errors").count(), 3, "{jobs}");
}

#[tokio::test]
async fn an_upload_is_the_vendors_own_and_can_be_given_up() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let url = location(&begin(&operator, &[("upload-length", "50")]).await);
    let rival = app.vendor("rival").admin().await;
    assert_eq!(rival.get(&url).await.problem(), "404 upload-not-found");
    assert_eq!(append(&rival, &url, 0, &[], b"x").await.problem(), "404 upload-not-found");
    let viewer = acme.viewer().await;
    assert_eq!(append(&viewer, &url, 0, &[], b"x").await.problem(), "403 forbidden");
    let untold = operator.send_bytes(Method::POST, "/api/v1/uploads?mode=products", &[TUS], None).await;
    assert_eq!(untold.status.as_u16(), 400, "{}", untold.text());
    let unversioned = operator.send_bytes(Method::HEAD, &url, &[("tus-resumable", "0.2.2")], None).await;
    assert_eq!((unversioned.status.as_u16(), unversioned.header("tus-version")), (412, Some("1.0.0")));
    let huge = begin(&operator, &[("upload-length", "999999999999")]).await;
    assert_eq!(huge.problem(), "413 upload-too-large");
    let parts = begin(&operator, &[("upload-length", "5"), ("upload-concat", "whole")]).await;
    assert_eq!(parts.problem(), "400 malformed-request");

    append(&operator, &url, 0, &[], b"external_id").await;
    assert_eq!(operator.send_bytes(Method::DELETE, &url, &[TUS], None).await.status.as_u16(), 204);
    assert_eq!(head(&operator, &url).await.status.as_u16(), 410);
    assert_eq!(append(&operator, &url, 11, &[], b",name").await.problem(), "410 upload-expired");
}

#[tokio::test]
async fn what_is_spoken_is_told_to_anybody() {
    let app = TestApp::start().await;
    let told = app.anonymous().send_bytes(Method::OPTIONS, "/api/v1/uploads", &[], None).await;
    assert_eq!((told.status.as_u16(), told.header("tus-version")), (200, Some("1.0.0")));
    let extensions = told.header("tus-extension").expect("extensions");
    assert!(
        extensions.contains("creation-defer-length") && extensions.contains("concatenation"),
        "{extensions}"
    );
}

#[tokio::test]
async fn a_canceled_job_ends_its_upload_before_more_is_sent() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let begun = begin(&operator, &[("upload-length", "50")]).await;
    let url = location(&begun);
    let job = begun.json()["status_url"].as_str().expect("a job").to_owned();
    append(&operator, &url, 0, &[], b"external_id").await;
    operator.post(&format!("{job}/cancel"), json!({})).await.expect(202);
    assert_eq!(head(&operator, &url).await.status.as_u16(), 410);
    assert_eq!(append(&operator, &url, 11, &[], b",name").await.problem(), "410 upload-expired");
}

#[tokio::test]
async fn what_was_given_up_is_removed_by_the_next_purge() {
    let files = Files::start().await;
    let id = started(&files, 64).await;
    let mut writing = appending(&files, id).await;
    writing.write(CSV[..20].to_vec().into()).await.expect("it is taken");
    writing.end(false).await.expect("kept");
    let mut tx = files.begin(Role::VendorOperator).await;
    ingestion::terminate_resumable(&mut tx, id).await.expect("given up");
    tx.commit().await.expect("committed");
    let purged =
        ingestion::purge_uploads(&files.work.ingestion, &files.test.database).await.expect("a purge");
    assert_eq!(purged.unfinished, 1);
    let vendor =
        std::fs::read_dir(files.spool.path().join("spool")).expect("a spool").next().expect("a vendor");
    assert_eq!(std::fs::read_dir(vendor.expect("a folder").path()).expect("a folder").count(), 0);
}

/// An upload of the operator's, without the API.
async fn started(files: &Files, length: u64) -> UploadId {
    let tx = files.begin(Role::VendorOperator).await;
    let (mode, parameters) = (ImportMode::Products, ImportParameters::default());
    let begun =
        ingestion::begin_resumable(&files.work.ingestion, tx, mode, parameters, Some(length), None, false)
            .await;
    begun.expect("it begins").id
}

async fn appending(files: &Files, id: UploadId) -> Appending {
    let tx = files.begin(Role::VendorOperator).await;
    ingestion::append_to(&files.work.ingestion, tx, id, None, false).await.expect("it may write")
}

async fn offset(files: &Files, id: UploadId) -> u64 {
    let mut tx = files.begin(Role::VendorOperator).await;
    let upload = ingestion::find_resumable(&mut tx, id).await.expect("an upload");
    tx.roll_back().await.expect("rolled back");
    upload.offset
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_request_writes_and_a_cut_one_keeps_what_arrived() {
    let files = Files::start().await;
    let id = started(&files, CSV.len() as u64).await;
    let mut hanging = appending(&files, id).await;
    hanging.write(CSV[..10].to_vec().into()).await.expect("it is taken");
    let mut newer = appending(&files, id).await;
    assert_eq!(newer.offset(), 0, "what is not recorded is not there");
    newer.write(CSV[..15].to_vec().into()).await.expect("it is taken");
    assert!(matches!(hanging.end(false).await, Err(IngestionError::UploadTakenOver)));
    // The line drops here.
    newer.end(false).await.expect("kept");
    assert_eq!(offset(&files, id).await, 15);
    let mut last = appending(&files, id).await;
    last.write(CSV[15..].to_vec().into()).await.expect("it is taken");
    let upload = last.end(true).await.expect("whole");
    assert!(upload.complete);
    files.run().await;
    let folder = files.spool.path().join("spool");
    let mut sealed = 0;
    for vendor in std::fs::read_dir(folder).expect("a spool") {
        for upload in std::fs::read_dir(vendor.expect("an entry").path()).expect("a folder") {
            for piece in std::fs::read_dir(upload.expect("an entry").path()).expect("a folder of pieces") {
                let bytes = std::fs::read(piece.expect("a piece").path()).expect("bytes");
                assert!(!bytes.windows(9).any(|window| window == b"Rye bread"), "nothing in the clear");
                sealed += 1;
            }
        }
    }
    assert_eq!(sealed, 2, "a piece for each request that was kept, none of the one that was cut off");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_loses_no_more_than_the_piece_in_hand() {
    const MIB: usize = 1 << 20;
    let files = Files::start().await;
    let id = started(&files, 64 * MIB as u64).await;
    let mut dying = appending(&files, id).await;
    for _ in 0..37 {
        dying.write(vec![b'x'; MIB].into()).await.expect("it is taken");
    }
    drop(dying);
    assert_eq!(offset(&files, id).await, 32 * MIB as u64, "two pieces of 16 MiB");
    assert_eq!(appending(&files, id).await.offset(), 32 * MIB as u64);
}
