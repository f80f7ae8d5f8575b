//! What a vendor's transaction can and cannot do with the queue.

use std::sync::Arc;

use odyssey_jobs::{JobFilter, enqueue_job, get, list};

use crate::harness::*;

#[tokio::test]
async fn a_vendors_transaction_enqueues_and_sees_its_own_jobs_only() {
    let db = Db::new().await;
    let (_, clock) = fixed_clock();
    let mine = db.enqueue(vendor(0), &Work::new(1, Act::Succeed), clock.now()).await;
    let theirs = db.enqueue(vendor(1), &Work::new(2, Act::Succeed), clock.now()).await;
    let mut tx = db.vendor_tx(vendor(0)).await;
    let listed = list(&mut tx, vendor(0), JobFilter::default(), 10).await.unwrap();
    assert_eq!(listed.iter().map(|job| job.id).collect::<Vec<_>>(), [mine.id]);
    assert!(
        get(&mut tx, vendor(1), theirs.id).await.unwrap().is_none(),
        "asking for the other vendor finds nothing"
    );
    let forged = enqueue_job(&mut tx, vendor(1), None, &Work::new(3, Act::Succeed), clock.now()).await;
    assert!(forged.unwrap_err().to_string().contains("statement failed"));
    drop(tx);
    for table in ["job_ready", "job_log", "job_dead", "job_delayed", "job_unique", "job_paused", "job_steps"]
    {
        let mut tx = db.vendor_tx(vendor(5)).await;
        let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let seen: i64 = sqlx::query_scalar(sql).fetch_one(&mut *tx).await.unwrap();
        assert_eq!(seen, 0, "{table}");
    }
    db.drop().await;
}

#[tokio::test]
async fn leases_schedules_and_the_queues_functions_are_closed_to_vendors() {
    let db = Db::new().await;
    for sql in [
        "SELECT count(*) FROM job_leases",
        "SELECT count(*) FROM job_schedules",
        "SELECT count(*) FROM job_sweep('default')",
        "SELECT count(*) FROM job_promote(now(), 1)",
        "UPDATE job_ready SET attempt = 9",
        "DELETE FROM job_log",
        "SELECT count(*) FROM job_lanes",
        "SELECT count(*) FROM job_nodes",
    ] {
        let mut tx = db.vendor_tx(vendor(0)).await;
        let refused = sqlx::query(sql).execute(&mut *tx).await.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
        assert_eq!(code.as_deref(), Some("42501"), "{sql}");
    }
    db.drop().await;
}

#[tokio::test]
async fn a_login_that_took_no_role_sees_nothing_of_the_queue() {
    let db = Db::new().await;
    let mut connection = db.pool.acquire().await.unwrap();
    assert!(sqlx::query("SELECT 1 FROM jobs").execute(&mut *connection).await.is_err());
    drop(connection);
    db.drop().await;
}

#[tokio::test]
async fn every_table_of_the_queue_has_forced_row_level_security() {
    let db = Db::new().await;
    let open = db
        .number(
            "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = 'odyssey' AND c.relkind = 'r' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)",
        )
        .await;
    assert_eq!(open, 0);
    db.drop().await;
}

#[tokio::test]
async fn an_enqueue_that_is_rolled_back_leaves_nothing() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (_, clock) = fixed_clock();
    let mut tx = db.vendor_tx(vendor(0)).await;
    let enqueued =
        enqueue_job(&mut tx, vendor(0), None, &OnlyOne::new(1, Act::Succeed), clock.now()).await.unwrap();
    tx.rollback().await.unwrap();
    db.wake.enqueued(&enqueued);
    let report =
        dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5)).run_until_empty().await.unwrap();
    assert_eq!(report, odyssey_jobs::RunReport::default());
    assert_eq!(db.number("SELECT count(*) FROM jobs").await + db.unfinished().await, 0);
    db.drop().await;
}
