//! Uploads in every kind of store: a disk, one that speaks S3, Supabase's own. Those across the network are doubles.

use chrono::TimeDelta;
use odyssey_domain::ingestion::{self, ImportMode, ImportParameters, IngestionError};
use odyssey_domain::tenancy::Role;
use odyssey_store::testing::{S3Double, S3Fault, SupabaseDouble, silent};
use odyssey_store::{S3Settings, Store, StorePath, StoreSettings};
use odyssey_types::Clock as _;

use super::harness::line;
use super::{Files, gtin};

const MODE: ImportMode = ImportMode::Products;
/// Bytes of a cell that is not read.
const PADDING: usize = 16 << 10;

fn csv() -> String {
    let rows: String = (0..120).map(|row| format!("p{row},Bar {row},{}\n", gtin(row))).collect();
    format!("external_id,name,barcode\n{rows}")
}

/// Over one piece of a resumable upload (16 MiB), and over two parts of a multipart upload.
fn large_csv() -> String {
    let padding = "x".repeat(PADDING);
    let rows: String = (0..1_280).map(|row| format!("q{row},Bar {row},{padding}\n")).collect();
    format!("external_id,name,unread_column\n{rows}")
}

async fn append(files: &Files, bytes: &[u8]) -> odyssey_types::JobId {
    let work = &files.work.ingestion;
    let tx = files.begin(Role::VendorOperator).await;
    let parameters = ImportParameters::default();
    let begun =
        ingestion::begin_resumable(work, tx, MODE, parameters, Some(bytes.len() as u64), None, false).await;
    let upload = begun.expect("it begins");
    let tx = files.begin(Role::VendorOperator).await;
    let mut appending = ingestion::append_to(work, tx, upload.id, None, false).await.expect("it is open");
    for piece in bytes.chunks(1 << 16) {
        appending.write(piece.to_vec().into()).await.expect("it is taken");
    }
    appending.end(true).await.expect("it is whole").job_id
}

/// The bytes that lie under a name.
async fn stored(store: &Store, name: &str) -> Vec<u8> {
    let path = StorePath::parse(name).expect("a path");
    let mut reader = store.open(&path).await.expect("it is there");
    let mut bytes = Vec::new();
    while let Some(chunk) = reader.chunk().await.expect("it is read") {
        bytes.extend_from_slice(&chunk);
    }
    bytes
}

async fn comes_through(store: Store, names: impl Fn() -> Vec<String>) {
    let files = Files::start_in(store.clone()).await;
    let id = files.upload(MODE, csv(), ImportParameters::default()).await;
    let second = append(&files, large_csv().as_bytes()).await;
    let kept = names();
    assert_eq!(kept.len(), 3, "one file, and the two pieces of the other: {kept:?}");
    for name in &kept {
        assert!(name.ends_with(".sealed"), "{name}");
        let bytes = stored(&store, name).await;
        assert!(
            !bytes.is_empty() && !bytes.windows(5).any(|w| w == b"Bar 7"),
            "{name} holds a file in clear"
        );
    }
    files.run().await;
    assert_eq!(line(&files.job(id).await), "completed 120 = 120 + 0 + 0 + 0 + 0");
    assert_eq!(line(&files.job(second).await), "completed 1280 = 1280 + 0 + 0 + 0 + 0");
    files.test.clock.advance(TimeDelta::days(8));
    let purged = ingestion::purge_uploads(&files.work.ingestion, &files.test.database).await.expect("purged");
    assert_eq!(purged.finished, 2);
    assert!(names().is_empty(), "{:?}", names());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_waits_in_a_store_that_speaks_s3_and_is_purged_there() {
    let double = S3Double::start().await;
    comes_through(double.store(), || double.names()).await;
    assert_eq!(double.unfinished(), 0, "no multipart upload is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_waits_in_supabase_storage_and_is_purged_there() {
    let double = SupabaseDouble::start().await;
    comes_through(double.store(), || double.names()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_fails_for_a_moment_is_asked_again_and_one_that_forbids_is_told_of() {
    let double = S3Double::start().await;
    let files = Files::start_in(double.store()).await;
    double.fail(S3Fault::Answer { status: 503, code: "SlowDown", times: 2 });
    let id = files.upload(MODE, csv(), ImportParameters::default()).await;
    double.fail(S3Fault::BreakRead { after_bytes: 100, times: 2 });
    files.run().await;
    assert_eq!(line(&files.job(id).await), "completed 120 = 120 + 0 + 0 + 0 + 0");

    double.fail(S3Fault::Answer { status: 403, code: "AccessDenied", times: 50 });
    let refused = files.try_upload(MODE, csv(), ImportParameters::default(), Role::VendorOperator).await;
    assert!(matches!(refused, Err(IngestionError::Store(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_keeps_a_part_of_a_file_is_no_fault_of_the_program() {
    let double = S3Double::start().await;
    let files = Files::start_in(double.store()).await;
    double.fail(S3Fault::LoseByte);
    let refused =
        files.try_upload(MODE, large_csv(), ImportParameters::default(), Role::VendorOperator).await;
    let error = refused.expect_err("nothing was taken");
    assert!(matches!(&error, IngestionError::Store(fault) if fault.may_pass()), "{error:?}");
    assert!(double.names().is_empty(), "{:?}", double.names());
    // A job that meets it is tried again; a request is told to come back (`store-unavailable`).
    let job = odyssey_jobs::JobError::from(error);
    assert!(job.is_retry() && format!("{job:?}").contains("store_unavailable"), "{job:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_server_left_at_the_store_is_ended_after_a_day() {
    let double = S3Double::start().await;
    let files = Files::start_in(double.store()).await;
    let vendor = files.test.vendor("acme").id;
    let begun_at = files.test.clock.now().to_rfc3339();
    double.leave(&format!("{vendor}/0198c0de-7000-7000-8000-000000000000/piece.sealed"), &begun_at);
    double.leave("another/0198c0de-7000-7000-8000-000000000000.sealed", &begun_at);
    let purge = || ingestion::purge_uploads(&files.work.ingestion, &files.test.database);
    files.test.clock.advance(TimeDelta::hours(24));
    assert_eq!(purge().await.expect("a purge").ended_writes, 0, "it may still be written");
    files.test.clock.advance(TimeDelta::hours(2));
    assert_eq!(purge().await.expect("a purge").ended_writes, 1);
    assert_eq!(double.unfinished(), 1, "what is not ours stays");
    assert_eq!(purge().await.expect("a purge").ended_writes, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_whose_file_is_gone_ends_with_a_reason_and_one_whose_store_is_away_waits() {
    let double = S3Double::start().await;
    let files = Files::start_in(double.store()).await;
    let lost = files.upload(MODE, csv(), ImportParameters::default()).await;
    let path = StorePath::parse(&double.names()[0]).expect("a path");
    double.store().remove(&path).await.expect("removed");
    files.run().await;
    let job = files.job(lost).await;
    assert_eq!(job.record.error_code.as_deref(), Some("upload_damaged"), "{:?}", job.record);

    let waits = files.upload(MODE, csv(), ImportParameters::default()).await;
    double.fail(S3Fault::Answer { status: 403, code: "AccessDenied", times: 1 });
    files.run().await;
    let job = files.job(waits).await;
    assert_eq!(job.record.state.as_str(), "queued", "an operator mends it, and it goes on: {:?}", job.record);
    files.test.clock.advance(TimeDelta::hours(1));
    files.run().await;
    assert_eq!(line(&files.job(waits).await), "completed 120 = 120 + 0 + 0 + 0 + 0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_does_not_answer_is_found_at_the_start() {
    let settings = S3Settings {
        endpoint: format!("http://{}", silent().await),
        region: "us-east-1".to_owned(),
        bucket: "odyssey".to_owned(),
        access_key_id: "AK".to_owned(),
        secret_access_key: "not-a-secret".to_owned().into(),
        allow_http: true,
        patience: odyssey_store::testing::hasty(),
    };
    let settings = S3Settings {
        patience: odyssey_store::Patience {
            request_max: std::time::Duration::from_millis(200),
            ..settings.patience
        },
        ..settings
    };
    let store = Store::new(&StoreSettings::S3(settings)).expect("the settings are lawful");
    let fault = ingestion::Spool::new(store).check().await.expect_err("nobody answers");
    assert!(fault.is_retryable(), "{fault}");
}
