//! A file that is the whole catalog: what it does not have goes, and nothing else.

use chrono::TimeDelta;
use odyssey_domain::catalog::{self, Change, ProductWrite};
use odyssey_domain::ingestion::{self, ImportMode, ImportParameters, JobView, Totals};
use odyssey_domain::tenancy::Role;
use odyssey_types::JobId;

use super::Files;

const MODE: ImportMode = ImportMode::Products;

fn full() -> ImportParameters {
    ImportParameters { full: true, ..ImportParameters::default() }
}

fn file(numbers: impl Iterator<Item = u32>) -> String {
    let rows: String = numbers.map(|number| format!("p{number},Bar {number}\n")).collect();
    format!("external_id,name\n{rows}")
}

fn totals(job: &JobView) -> Totals {
    job.import.as_ref().expect("an import").totals
}

async fn live(files: &Files) -> Vec<String> {
    let mut connection = files.superuser().await;
    sqlx::query_scalar(
        "SELECT external_id FROM odyssey.products WHERE deleted_at IS NULL ORDER BY external_id",
    )
    .fetch_all(&mut connection)
    .await
    .expect("ids")
}

#[tokio::test]
async fn what_the_whole_catalog_does_not_have_goes_and_comes_back_with_a_later_file() {
    let files = Files::start().await;
    files.import(MODE, file(1..=100)).await;
    let before = files.catalog_digest().await;
    let second = files.import_with(MODE, file(6..=101), full()).await;
    let found = totals(&second);
    assert_eq!((found.read, found.created, found.unchanged, found.deleted), (96, 1, 95, 5));
    assert!(found.reconciles());
    assert_eq!(live(&files).await.len(), 96);

    // The same rows are news for those that went; nothing is deleted by a file that is not the whole.
    let third = files.import(MODE, file(1..=5)).await;
    assert_eq!((totals(&third).created, totals(&third).deleted), (5, 0));

    // And an undo brings them back.
    let fourth = files.import_with(MODE, file(6..=101), full()).await;
    assert_eq!(totals(&fourth).deleted, 5);
    for job in [&fourth, &second] {
        let mut tx = files.begin(Role::VendorOperator).await;
        ingestion::start_undo(&mut tx, JobId::from_uuid(job.record.id)).await.expect("it can be undone");
        tx.commit().await.expect("it commits");
        files.run().await;
    }
    assert_eq!(files.catalog_digest().await, before);
}

#[tokio::test]
async fn a_file_that_would_delete_much_writes_nothing_until_somebody_says_so() {
    let files = Files::start().await;
    files.import(MODE, file(1..=100)).await;
    let cut = files.import_with(MODE, file(1..=50), full()).await;
    assert_eq!(cut.record.error_code.as_deref(), Some("full_deletes_unconfirmed"));
    assert_eq!((live(&files).await.len(), totals(&cut)), (100, Totals::default()));
    let meant = ImportParameters { allow_deletes: true, ..full() };
    assert_eq!(totals(&files.import_with(MODE, file(1..=50), meant).await).deleted, 50);
}

#[tokio::test]
async fn refused_rows_keep_their_products_and_rows_without_a_name_keep_all() {
    let files = Files::start().await;
    files.import(MODE, "external_id,name,fat_g\na,A,1\nb,B,1\nc,C,1\n").await;
    let refused = files.import_with(MODE, "external_id,name,fat_g\na,A,1\nb,B,-7\n", full()).await;
    assert_eq!((totals(&refused).rejected, totals(&refused).deleted), (1, 1));
    assert_eq!(live(&files).await, ["a", "b"]);
    let unnamed = files.import_with(MODE, "external_id,name,fat_g\na,A,2\n,Nobody,1\n", full()).await;
    assert_eq!((totals(&unnamed).rejected, totals(&unnamed).deleted), (1, 0));
    assert_eq!(live(&files).await, ["a", "b"]);
}

#[tokio::test]
async fn what_a_person_wrote_after_the_import_began_stays() {
    let files = Files::start().await;
    files.import(MODE, file(1..=3)).await;
    let job = files.upload(MODE, file(1..=1), full()).await;
    files.test.clock.advance(TimeDelta::seconds(1));
    let mut tx = files.begin(Role::VendorOperator).await;
    for external_id in ["p2", "by-hand"] {
        let fields = serde_json::json!({ "name": "By hand" });
        let change = Change::Merge(fields.as_object().expect("fields").clone());
        catalog::write_one(&mut tx, ProductWrite::new(external_id.to_owned(), change))
            .await
            .expect("written");
    }
    tx.commit().await.expect("it commits");
    files.run().await;
    assert_eq!(totals(&files.job(job).await).deleted, 1);
    assert_eq!(live(&files).await, ["by-hand", "p1", "p2"]);
}

#[tokio::test]
async fn refused_rows_that_are_run_again_are_not_the_whole_catalog() {
    let files = Files::start().await;
    files.import(MODE, "external_id,name,fat_g\na,A,1\nb,B,1\nc,C,1\n").await;
    let whole = files.import_with(MODE, "external_id,name,fat_g\na,A,1\nb,B,1\nc,C,-7\n", full()).await;
    let mut tx = files.begin(Role::VendorOperator).await;
    let job = JobId::from_uuid(whole.record.id);
    let rerun = ingestion::start_rerun(&mut tx, job, ingestion::RerunRows::All, false, true)
        .await
        .expect("it is queued");
    tx.commit().await.expect("it commits");
    files.run().await;
    assert_eq!(totals(&files.job(rerun.job_id).await).deleted, 0);
    assert_eq!(live(&files).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn most_of_a_small_catalog_needs_the_word_too_and_a_file_that_only_deletes_has_written() {
    let files = Files::start().await;
    files.import(MODE, file(1..=10)).await;
    let empty = files.import_with(MODE, "external_id,name\n", full()).await;
    assert_eq!(empty.record.error_code.as_deref(), Some("full_deletes_unconfirmed"));
    assert_eq!(live(&files).await.len(), 10);
    let meant = ImportParameters { allow_deletes: true, ..full() };
    let emptied = files.import_with(MODE, "external_id,name\n", meant).await;
    assert_eq!((emptied.record.state.as_str(), totals(&emptied).deleted), ("completed", 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_of_a_whole_catalog_asks_for_the_word_like_the_first_attempt() {
    // So many batches that the stop comes between two of them.
    let files = Files::start_with(|settings| settings.batch_rows = 2).await;
    files.import(MODE, file(1..=200)).await;
    let meant = ImportParameters { allow_deletes: true, ..full() };
    let cut = files.import_with(MODE, file(1..=100), meant).await;
    assert_eq!(totals(&cut).deleted, 100);
    // It begins while the catalog is as long as the file, and is stopped behind its first batch.
    let changed: String = (1..=100).map(|number| format!("p{number},Other {number}\n")).collect();
    let id = files.upload(MODE, format!("external_id,name\n{changed}"), full()).await;
    let dispatcher = odyssey_domain::jobs::dispatcher(
        files.work.clone(),
        &odyssey_domain::jobs::WorkerSettings::default(),
    )
    .expect("a dispatcher");
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { dispatcher.run(stop).await }
    });
    while totals(&files.job(id).await).read == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let mut tx = files.begin(Role::VendorOperator).await;
    let canceled = ingestion::cancel_job(&mut tx, id).await;
    match &canceled {
        Ok(()) => tx.commit().await.expect("it commits"),
        Err(_) => tx.roll_back().await.expect("it ends"),
    }
    while files.job(id).await.record.finished_at.is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    stop.cancel();
    running.await.expect("it ends");
    if canceled.is_err() || files.job(id).await.record.state.as_str() == "completed" {
        println!("skipped: the import was over before it could be stopped");
        return;
    }
    // The hundred come back, and with them the question.
    let mut tx = files.begin(Role::VendorOperator).await;
    ingestion::start_undo(&mut tx, JobId::from_uuid(cut.record.id)).await.expect("it can be undone");
    tx.commit().await.expect("it commits");
    files.run().await;
    assert_eq!(live(&files).await.len(), 200);
    let mut tx = files.begin(Role::VendorOperator).await;
    odyssey_domain::queues::retry_job(&mut tx, id).await.expect("it runs again");
    tx.commit().await.expect("it commits");
    files.run().await;
    assert_eq!(files.job(id).await.record.error_code.as_deref(), Some("full_deletes_unconfirmed"));
    assert_eq!(live(&files).await.len(), 200);
}
