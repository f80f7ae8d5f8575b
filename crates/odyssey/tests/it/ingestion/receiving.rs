use chrono::TimeDelta;
use odyssey_domain::ingestion::{self, ImportMode, ImportParameters, IngestionError};
use odyssey_domain::tenancy::Role;

use super::Files;

const MODE: ImportMode = ImportMode::Products;

async fn files_in_spool(files: &Files) -> Vec<std::path::PathBuf> {
    // The thread of the spool ends a moment after the sink.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let Ok(folders) = std::fs::read_dir(files.spool.path().join("spool")) else { return Vec::new() };
    folders
        .flat_map(|folder| std::fs::read_dir(folder.expect("a folder").path()).expect("a folder"))
        .map(|file| file.expect("a file").path())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_sealed_on_disk_before_its_job_is_queued() {
    use std::os::unix::fs::PermissionsExt;
    let files = Files::start().await;
    let id = files.upload(MODE, "external_id,name\np1,Unmistakable\n", ImportParameters::default()).await;
    assert_eq!(files.job(id).await.record.state.as_str(), "queued");
    let spooled = files_in_spool(&files).await;
    let [file] = spooled.as_slice() else { panic!("one file: {spooled:?}") };
    assert_eq!(file.metadata().expect("a file").permissions().mode() & 0o777, 0o600);
    let bytes = std::fs::read(file).expect("readable by us");
    assert!(!bytes.windows(12).any(|w| w == b"Unmistakable"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_file_and_one_over_the_limit_are_refused_and_leave_nothing() {
    let files = Files::start_with(|settings| settings.file_bytes_max = 1_000).await;
    let empty = files.try_upload(MODE, "", ImportParameters::default(), Role::VendorOperator).await;
    assert!(matches!(empty, Err(IngestionError::Empty)));
    let large =
        files.try_upload(MODE, vec![b'x'; 1_001], ImportParameters::default(), Role::VendorOperator).await;
    assert!(matches!(large, Err(IngestionError::TooLarge { limit: 1_000 })));
    assert!(files_in_spool(&files).await.is_empty());
    let mut tx = files.begin(Role::VendorViewer).await;
    let jobs = ingestion::list_jobs(&mut tx, None, None, 50).await.expect("a page").items;
    tx.roll_back().await.expect("it ends");
    let mut reasons: Vec<_> = jobs
        .iter()
        .map(|job| (job.record.state.as_str(), job.import.as_ref().and_then(|i| i.upload_failed.as_deref())))
        .collect();
    reasons.sort_unstable();
    assert_eq!(reasons, [("canceled", Some("upload_empty")), ("canceled", Some("upload_too_large"))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_breaks_off_cancels_its_job_and_leaves_no_file() {
    let files = Files::start().await;
    let tx = files.begin(Role::VendorOperator).await;
    let mut sink = ingestion::begin_upload(&files.work.ingestion, tx, MODE, ImportParameters::default())
        .await
        .expect("it begins");
    let id = sink.job_id();
    sink.write(b"external_id,na".to_vec().into()).await.expect("it is taken");
    assert_eq!(files.job(id).await.record.state.as_str(), "receiving");
    drop(sink);
    assert!(files_in_spool(&files).await.is_empty());
    let mut job = files.job(id).await;
    for _ in 0..100 {
        if job.record.state.is_finished() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        job = files.job(id).await;
    }
    assert_eq!(job.record.state.as_str(), "canceled");
    assert_eq!(job.import.expect("an upload").upload_failed.as_deref(), Some("upload_broken_off"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_process_was_receiving_is_purged_after_a_day() {
    let files = Files::start().await;
    let tx = files.begin(Role::VendorOperator).await;
    let mut sink = ingestion::begin_upload(&files.work.ingestion, tx, MODE, ImportParameters::default())
        .await
        .expect("it begins");
    let id = sink.job_id();
    sink.write(b"external_id,na".to_vec().into()).await.expect("it is taken");
    let path = files_in_spool(&files).await.pop().expect("a file");
    drop(sink);
    while !files.job(id).await.record.state.is_finished() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    // A process that dies runs no destructor: this is what it would have left.
    std::fs::write(path, b"half").expect("half a file");
    let mut connection = files.superuser().await;
    sqlx::raw_sql(
        "UPDATE odyssey.jobs SET state = 'receiving', finished_at = NULL, cancel_requested_at = NULL;
         UPDATE odyssey.uploads SET failed_code = NULL",
    )
    .execute(&mut connection)
    .await
    .expect("as it was");
    let purge = || ingestion::purge_uploads(&files.work.ingestion, &files.test.database);
    assert_eq!(purge().await.expect("a purge").unfinished, 0);
    files.test.clock.advance(TimeDelta::hours(25));
    assert_eq!(purge().await.expect("a purge").unfinished, 1);
    assert!(files_in_spool(&files).await.is_empty());
    assert_eq!(files.job(id).await.record.state.as_str(), "canceled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_kept_for_seven_days_after_its_import_and_its_errors_for_ninety() {
    let files = Files::start().await;
    let job = files.import(MODE, "external_id,name\np1,Bar\n,Nameless\n").await;
    let purge = || ingestion::purge_uploads(&files.work.ingestion, &files.test.database);
    files.test.clock.advance(TimeDelta::days(6));
    assert_eq!(purge().await.expect("a purge").finished, 0);
    files.test.clock.advance(TimeDelta::days(2));
    assert_eq!(purge().await.expect("a purge").finished, 1);
    assert!(files_in_spool(&files).await.is_empty());
    assert_eq!(files.errors_csv(job.record.id.into()).await.lines().count(), 2);
    assert_eq!(ingestion::purge_row_errors(&files.test.database).await.expect("a purge"), 0);
    files.test.clock.advance(TimeDelta::days(90));
    assert!(ingestion::purge_row_errors(&files.test.database).await.expect("a purge") >= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_waits_for_its_turn_is_not_purged_however_long_it_waits() {
    let files = Files::start().await;
    let id = files.upload(MODE, "external_id,name\np1,Bar\n", ImportParameters::default()).await;
    files.test.clock.advance(TimeDelta::days(30));
    ingestion::purge_uploads(&files.work.ingestion, &files.test.database).await.expect("a purge");
    files.run().await;
    assert_eq!(files.job(id).await.record.state.as_str(), "completed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_upload_fails_and_is_not_half_imported() {
    let files = Files::start().await;
    let rows: String = (0..20_000).map(|n| format!("p{n},Name {n}\n")).collect();
    let id = files.upload(MODE, format!("external_id,name\n{rows}"), ImportParameters::default()).await;
    let spooled = files_in_spool(&files).await;
    let mut bytes = std::fs::read(&spooled[0]).expect("the file");
    bytes.truncate(bytes.len() - 100);
    std::fs::write(&spooled[0], bytes).expect("damage");
    files.run().await;
    let job = files.job(id).await;
    assert_eq!(job.record.state.as_str(), "failed", "{job:?}");
    assert_eq!(job.record.error_code.as_deref(), Some("upload_damaged"));
    assert_eq!(job.import.expect("an import").totals.created, 0);
}
