//! Whatever dies while an import runs, it ends as if nothing had.

use chrono::TimeDelta;
use odyssey_domain::ingestion::{self, ImportMode, ImportParameters};
use odyssey_domain::jobs::{self, WorkerSettings};
use odyssey_domain::tenancy;
use odyssey_types::JobId;
use tokio_util::sync::CancellationToken;

use super::harness::line;
use super::{Files, gtin};

/// Rows that are refused, that move barcodes, that are unchanged and that are new.
pub(super) fn second_file(rows: u64) -> String {
    let mut file = String::from("external_id,name,gtin,fat_g\n");
    for row in 1..=rows {
        let id = if row % 90 == 0 { String::new() } else { format!("p{row}") };
        // Each pair of neighbours swaps its codes, once in a while.
        let code = match row % 200 {
            50 => gtin(row + 1),
            51 => gtin(row - 1),
            _ => gtin(row),
        };
        let name = if row % 3 == 0 { "Changed" } else { "Same" };
        let fat = if row % 70 == 0 { "-1" } else { "2" };
        file.push_str(&format!("{id},{name} {row},{},{fat}\n", if id.is_empty() { "" } else { &code }));
    }
    file
}

pub(super) fn first_file(rows: u64) -> String {
    let mut file = String::from("external_id,name,gtin,fat_g\n");
    for row in 1..=rows {
        file.push_str(&format!("p{row},Same {row},{},2\n", gtin(row)));
    }
    file
}

pub(super) const FIRST: u64 = 700;
pub(super) const SECOND: u64 = 1_000;
const MODE: ImportMode = ImportMode::Products;

async fn undisturbed() -> (String, String) {
    let files = Files::start().await;
    files.import(MODE, first_file(FIRST)).await;
    let job = files.import(MODE, second_file(SECOND)).await;
    (line(&job), files.catalog_digest().await)
}

/// Works until the import has got as far as `rows`, then dies without a word.
async fn die_after(files: &Files, id: JobId, rows: i64) {
    let dispatcher = jobs::dispatcher(files.work.clone(), &WorkerSettings::default()).expect("a dispatcher");
    let worker = tokio::spawn(async move { dispatcher.run(CancellationToken::new()).await });
    let mut connection = files.superuser().await;
    for _ in 0..2_000 {
        let merged: i64 = sqlx::query_scalar(
            "SELECT CASE WHEN $2 = 0 THEN (CASE WHEN mapping_digest IS NULL THEN -1 ELSE 0 END) ELSE records_merged END
             FROM odyssey.imports WHERE job_id = $1",
        )
        .bind(id.as_uuid())
        .bind(rows)
        .fetch_one(&mut connection)
        .await
        .expect("the import");
        if merged >= rows {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    worker.abort();
    worker.await.expect_err("it was aborted");
    // What was sent before the end still arrives; the server needs a moment to roll the rest back.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
}

async fn crash_of_the_database(files: &Files) {
    let mut connection = files.superuser().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'odyssey_staging' AND c.relkind = 'r'",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the staging tables");
    for table in tables {
        // What a crash leaves of an unlogged table.
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("TRUNCATE {table}")))
            .execute(&mut connection)
            .await
            .expect("empty");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_killed_at_three_points_ends_like_an_undisturbed_one() {
    let (expected_line, expected_digest) = undisturbed().await;
    let files = Files::start().await;
    files.import(MODE, first_file(FIRST)).await;
    let id = files.upload(MODE, second_file(SECOND), ImportParameters::default()).await;
    for rows in [0, 100, 400] {
        die_after(&files, id, rows).await;
        crash_of_the_database(&files).await;
        // The lease of the dead worker runs out.
        files.test.clock.advance(TimeDelta::seconds(20));
    }
    files.run().await;
    // The last attempt may have to wait for its backoff.
    files.test.clock.advance(TimeDelta::minutes(3));
    files.run().await;
    let job = files.job(id).await;
    assert_eq!(line(&job), expected_line);
    assert_eq!(files.catalog_digest().await, expected_digest);
    assert!(job.record.attempt > 1, "it was killed at least once: attempt {}", job.record.attempt);
    let attempts: Vec<i16> = job.steps.iter().map(|step| step.attempt).collect();
    assert!(
        attempts.is_sorted() && attempts.contains(&1) && attempts.contains(&job.record.attempt),
        "{attempts:?}"
    );
    assert!(job.steps.iter().all(|step| step.finished_at.is_some()), "{:?}", job.steps);
    let last = job.log.last().expect("later attempts say where they go on");
    assert!(last.fields["records_merged"].as_i64().is_some_and(|merged| merged >= 400), "{last:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn customers_too_are_counted_once_whatever_dies() {
    let mut file = String::from("external_id,name,weight_kg\n");
    for row in 1..=400 {
        let id = if row % 50 == 0 { String::new() } else { format!("c{row}") };
        file.push_str(&format!("{id},Person {row},{}\n", 50 + row % 40));
    }
    let files = Files::start().await;
    let id = files.upload(ImportMode::Customers, &file, ImportParameters::default()).await;
    for rows in [20, 200] {
        die_after(&files, id, rows).await;
        files.test.clock.advance(TimeDelta::minutes(3));
    }
    files.run().await;
    files.test.clock.advance(TimeDelta::minutes(3));
    files.run().await;
    assert_eq!(line(&files.job(id).await), "completed_with_errors 400 = 392 + 0 + 0 + 0 + 8");
    let again = files.import(ImportMode::Customers, &file).await;
    assert_eq!(line(&again), "completed_with_errors 400 = 0 + 0 + 392 + 0 + 8");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canceled_import_keeps_what_is_merged_and_says_so() {
    let files = Files::start().await;
    let id = files.upload(MODE, first_file(2_000), ImportParameters::default()).await;
    let stop = CancellationToken::new();
    let dispatcher = jobs::dispatcher(files.work.clone(), &WorkerSettings::default()).expect("a dispatcher");
    let worker = tokio::spawn({
        let stop = stop.clone();
        async move { dispatcher.run(stop).await }
    });
    loop {
        let totals = files.job(id).await.import.expect("an import").totals;
        if totals.created > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let mut tx = files.begin(odyssey_domain::tenancy::Role::VendorOperator).await;
    odyssey_domain::ingestion::cancel_job(&mut tx, id).await.expect("it can be canceled");
    tx.commit().await.expect("it commits");
    files.work.ingestion.wake.stop_requested();
    let job = loop {
        let job = files.job(id).await;
        if job.record.state.is_finished() {
            break job;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    stop.cancel();
    worker.await.expect("the worker ends");
    assert_eq!(job.record.state.as_str(), "canceled");
    let totals = job.import.as_ref().expect("an import").totals;
    assert!(totals.created > 0 && totals.created < 2_000, "{totals:?}");
    let mut connection = files.superuser().await;
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM odyssey.products")
        .fetch_one(&mut connection)
        .await
        .expect("a count");
    assert_eq!(stored, totals.created, "what is counted is what is there: {}", line(&job));
    assert_eq!(staging_tables(&files).await, 0, "the job's tables are gone");
}

async fn state_of(files: &Files, id: JobId) -> (String, Option<String>) {
    let mut connection = files.superuser().await;
    sqlx::query_as("SELECT state, error_code FROM odyssey.jobs WHERE id = $1")
        .bind(id.as_uuid())
        .fetch_one(&mut connection)
        .await
        .expect("the job")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_of_a_suspended_vendor_is_paused_and_goes_on_when_that_ends() {
    let files = Files::start().await;
    let id = files.upload(MODE, first_file(3), ImportParameters::default()).await;
    let parked = files.upload(MODE, first_file(3), ImportParameters::default()).await;
    let actor = tenancy::Actor::command_line();
    let (database, vendor_id) = (&files.test.database, files.test.vendor("acme").id);
    tenancy::suspend_vendor(database, &actor, vendor_id).await.expect("suspended");
    files.run().await;
    let paused = ("paused".to_owned(), Some("vendor_suspended".to_owned()));
    assert_eq!(state_of(&files, id).await, paused);
    // However long it lasts, and it costs no attempt.
    files.test.clock.advance(TimeDelta::days(40));
    files.run().await;
    assert_eq!(state_of(&files, id).await, paused);
    // What a person paused is a person's to resume.
    let mut connection = files.superuser().await;
    sqlx::query("UPDATE odyssey.jobs SET error_code = NULL WHERE id = $1")
        .bind(parked.as_uuid())
        .execute(&mut connection)
        .await
        .expect("as a person's pause leaves it");
    tenancy::unsuspend_vendor(database, &actor, vendor_id).await.expect("back");
    assert_eq!(state_of(&files, id).await, ("queued".to_owned(), None));
    files.run().await;
    let job = files.job(id).await;
    assert_eq!(line(&job), "completed 3 = 3 + 0 + 0 + 0 + 0");
    assert_eq!(job.record.attempt, 1);
    assert_eq!(state_of(&files, parked).await.0, "paused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_pauses_just_after_the_suspension_ended_is_found() {
    let files = Files::start().await;
    let id = files.upload(MODE, first_file(3), ImportParameters::default()).await;
    let actor = tenancy::Actor::command_line();
    let (database, vendor_id) = (&files.test.database, files.test.vendor("acme").id);
    tenancy::suspend_vendor(database, &actor, vendor_id).await.expect("suspended");
    files.run().await;
    assert_eq!(tenancy::resume_paused_jobs(database).await.expect("a look"), 0, "it is suspended still");
    let mut connection = files.superuser().await;
    // The end of the suspension as a job sees it that had asked a moment before.
    sqlx::raw_sql("UPDATE odyssey.vendors SET suspended_at = NULL")
        .execute(&mut connection)
        .await
        .expect("back, and no job resumed");
    assert_eq!(tenancy::resume_paused_jobs(database).await.expect("a look"), 1);
    files.run().await;
    assert_eq!(line(&files.job(id).await), "completed 3 = 3 + 0 + 0 + 0 + 0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_import_staged_that_is_canceled_while_it_waits_is_purged() {
    let files = Files::start().await;
    let id = files.upload(MODE, first_file(700), ImportParameters::default()).await;
    die_after(&files, id, 100).await;
    assert_eq!(staging_tables(&files).await, 2);
    let purge = || ingestion::purge_staging(&files.test.database);
    assert_eq!(purge().await.expect("a purge"), 0, "the job has not ended");
    files.test.clock.advance(TimeDelta::minutes(3));
    let dispatcher = jobs::dispatcher(files.work.clone(), &WorkerSettings::default()).expect("a dispatcher");
    assert_eq!(dispatcher.reap_expired().await.expect("a look"), 1, "it waits for its next attempt");
    let mut tx = files.begin(tenancy::Role::VendorOperator).await;
    ingestion::cancel_job(&mut tx, id).await.expect("it can be canceled");
    tx.commit().await.expect("it commits");
    let job = files.job(id).await;
    assert_eq!(job.record.state.as_str(), "canceled");
    assert!(job.import.expect("an import").totals.created >= 100, "what was merged is counted");
    assert_eq!(purge().await.expect("a purge"), 1);
    assert_eq!(staging_tables(&files).await, 0);
    files.run().await;
    assert_eq!(files.job(id).await.record.state.as_str(), "canceled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_costs_an_import_a_quarter_of_a_minute() {
    let files = Files::start().await;
    let id = files.upload(MODE, first_file(700), ImportParameters::default()).await;
    die_after(&files, id, 100).await;
    let dispatcher = jobs::dispatcher(files.work.clone(), &WorkerSettings::default()).expect("a dispatcher");
    files.test.clock.advance(TimeDelta::seconds(14));
    assert_eq!(dispatcher.reap_expired().await.expect("a look"), 0, "the lease lasts");
    files.test.clock.advance(TimeDelta::seconds(2));
    assert_eq!(dispatcher.reap_expired().await.expect("a look"), 1);
}

async fn staging_tables(files: &Files) -> i64 {
    let mut connection = files.superuser().await;
    sqlx::query_scalar(
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'odyssey_staging' AND c.relkind = 'r'",
    )
    .fetch_one(&mut connection)
    .await
    .expect("a count")
}
