//! What a handler may do while it runs, and which kinds are run at all.

use std::sync::Arc;

use odyssey_jobs::{
    Dispatcher, Job, JobContext, JobError, JobOutcome, JobState, JobVerdict, LogLevel, NewJob, QueueError,
    Registry, dead_letters, enqueue, log_lines, steps,
};
use serde_json::json;

use crate::harness::*;

async fn report_progress(_: Arc<()>, context: JobContext, _: Work) -> Result<JobOutcome, JobError> {
    context.step("reading").await?;
    context.progress(250, Some(json!({ "read": 10 }))).await?;
    context.step("writing").await?;
    context.log(LogLevel::Warn, "One row was refused", json!({ "row": 7 })).await?;
    context.progress(5000, None).await?;
    context.heartbeat().await?;
    Ok(JobOutcome::new(JobVerdict::CompletedWithErrors))
}

#[tokio::test]
async fn progress_steps_and_log_of_a_run_can_be_followed() {
    let db = Db::new().await;
    let (_, clock) = fixed_clock();
    let job = db.enqueue(vendor(0), &Work::new(1, Act::Succeed), clock.now()).await;
    let registry = Registry::new().register(report_progress);
    let (pool, wake) = (db.pool.clone(), db.wake.clone());
    let dispatcher = Dispatcher::new(pool, Arc::new(()), registry, wake, clock, options(1, 4, 5)).unwrap();
    assert_eq!(dispatcher.run_until_empty().await.unwrap().completed, 1);
    let record = db.job(vendor(0), job.id).await;
    assert_eq!((record.state, record.progress_permille), (JobState::CompletedWithErrors, 1000));
    assert_eq!(record.totals, Some(json!({ "read": 10 })));
    assert_eq!((record.started_at, record.finished_at), (Some(noon()), Some(noon())));
    let mut tx = db.vendor_tx(vendor(0)).await;
    let steps = steps(&mut tx, vendor(0), job.id).await.unwrap();
    let told: Vec<_> = steps.iter().map(|step| (step.name.as_str(), step.finished_at.is_some())).collect();
    assert_eq!(told, [("reading", true), ("writing", true)]);
    let lines = log_lines(&mut tx, vendor(0), job.id, 0, 10).await.unwrap();
    assert_eq!((lines.len(), lines[0].level, &lines[0].fields), (1, LogLevel::Warn, &json!({ "row": 7 })));
    drop(tx);
    db.drop().await;
}

#[tokio::test]
async fn a_malformed_payload_goes_straight_to_the_dead_letters() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (_, clock) = fixed_clock();
    let mut job = NewJob::of(vendor(0), None, &Work::new(1, Act::Succeed), clock.now()).unwrap();
    job.payload = json!({ "n": "not a number" });
    let mut tx = db.vendor_tx(vendor(0)).await;
    enqueue(&mut tx, job).await.unwrap();
    tx.commit().await.unwrap();
    let report = dispatcher(&db, &probe, clock, options(1, 4, 5)).run_until_empty().await.unwrap();
    assert_eq!((report.failed, report.retried), (1, 0));
    let mut tx = db.vendor_tx(vendor(0)).await;
    assert_eq!(dead_letters(&mut tx, vendor(0), 1).await.unwrap()[0].error_code, "malformed_payload");
    drop(tx);
    db.drop().await;
}

#[tokio::test]
async fn kinds_of_a_newer_program_are_left_alone_and_kinds_of_an_older_one_are_drained() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (_, clock) = fixed_clock();
    let kind = |kind, n| NewJob {
        kind,
        ..NewJob::of(vendor(0), None, &Work::new(n, Act::Succeed), noon()).unwrap()
    };
    let mut tx = db.vendor_tx(vendor(0)).await;
    let newer = enqueue(&mut tx, kind("from-the-future", 1)).await.unwrap();
    enqueue(&mut tx, kind("old-name", 2)).await.unwrap();
    let gone = enqueue(&mut tx, kind("gone", 3)).await.unwrap();
    tx.commit().await.unwrap();
    let registry = registry()
        .register_former_name("old-name", |probe, context, job: Work| act(probe, context, job.n, job.act))
        .register_deprecated("gone", Work::LANE);
    let (pool, wake) = (db.pool.clone(), db.wake.clone());
    let dispatcher =
        Dispatcher::new(pool, Arc::clone(&probe), registry, wake, clock, options(1, 4, 5)).unwrap();
    assert_eq!(dispatcher.run_until_empty().await.unwrap().completed, 2);
    assert_eq!(probe.order(), [2]);
    assert_eq!(db.job(vendor(0), newer.id).await.state, JobState::Queued);
    assert_eq!(db.job(vendor(0), gone.id).await.state, JobState::CompletedNothingWritten);
    db.drop().await;
}

#[tokio::test]
async fn a_kind_whose_lane_has_no_workers_is_refused_at_the_start() {
    let db = Db::new().await;
    let (_, clock) = fixed_clock();
    let registry = Registry::<Probe>::new().register_deprecated("imports", "import");
    let (pool, wake) = (db.pool.clone(), db.wake.clone());
    let refused = Dispatcher::new(pool, Probe::new(), registry, wake, clock, options(1, 4, 5)).unwrap_err();
    assert!(matches!(refused, QueueError::LaneWithoutWorkers { kind: "imports", lane: "import" }));
    db.drop().await;
}
