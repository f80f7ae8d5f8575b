//! Cancel, pause, drain.

use std::sync::Arc;
use std::time::Duration;

use odyssey_jobs::{
    CancelOutcome, JobState, cancel, enqueue_job_at, pause_job, pause_vendor, resume_job, resume_paused,
    resume_vendor, vendors_paused_for,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::harness::*;

async fn cancel_job(db: &Db, id: Uuid) -> Option<CancelOutcome> {
    let mut tx = db.vendor_tx(vendor(0)).await;
    let outcome = cancel(&mut tx, vendor(0), id, noon()).await.unwrap();
    tx.commit().await.unwrap();
    db.wake.stop_requested();
    outcome
}

#[tokio::test]
async fn a_job_canceled_before_it_starts_never_runs() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (hands, clock) = fixed_clock();
    let ready = db.enqueue(vendor(0), &OnlyOne::new(1, Act::Succeed), clock.now()).await;
    let mut tx = db.vendor_tx(vendor(0)).await;
    let later = clock.now() + chrono::TimeDelta::hours(1);
    let delayed = enqueue_job_at(&mut tx, vendor(0), None, &Work::new(2, Act::Succeed), later, clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    for id in [ready.id, delayed.id] {
        assert_eq!(cancel_job(&db, id).await, Some(CancelOutcome::Canceled));
        assert_eq!(db.job(vendor(0), id).await.state, JobState::Canceled);
        assert_eq!(cancel_job(&db, id).await, Some(CancelOutcome::AlreadyFinished));
    }
    assert_eq!(cancel_job(&db, Uuid::from_u128(9)).await, None);
    hands.advance(chrono::TimeDelta::hours(2));
    let report = dispatcher(&db, &probe, clock, options(2, 4, 5)).run_until_empty().await.unwrap();
    assert_eq!((report.completed, report.canceled), (0, 1));
    assert_eq!(probe.order(), [0_u32; 0]);
    assert_eq!(db.unfinished().await, 0);
    db.drop().await;
}

#[tokio::test]
async fn a_job_canceled_while_it_runs_is_asked_to_stop_and_one_that_does_not_listen_is_stopped() {
    let db = Db::new().await;
    let probe = Probe::new();
    let clock = system_clock();
    let listens = db.enqueue(vendor(0), &Work::new(1, Act::UntilStopped), clock.now()).await;
    let deaf = db.enqueue(vendor(0), &Work::new(2, Act::Hang), clock.now()).await;
    let running = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
    let run = tokio::spawn(async move { running.run_until_empty().await.unwrap() });
    probe.wait_started(2).await;
    assert_eq!(cancel_job(&db, listens.id).await, Some(CancelOutcome::Requested));
    assert_eq!(cancel_job(&db, deaf.id).await, Some(CancelOutcome::Requested));
    assert_eq!(run.await.unwrap().canceled, 2);
    for id in [listens.id, deaf.id] {
        assert_eq!(db.job(vendor(0), id).await.state, JobState::Canceled);
    }
    assert_eq!(db.unfinished().await, 0);
    db.drop().await;
}

#[tokio::test]
async fn a_paused_vendor_starts_nothing_and_keeps_what_is_enqueued() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (_, clock) = fixed_clock();
    let mut tx = db.vendor_tx(vendor(0)).await;
    pause_vendor(&mut tx, vendor(0), None, clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    db.enqueue(vendor(0), &Work::new(1, Act::Succeed), clock.now()).await;
    db.enqueue(vendor(1), &Work::new(2, Act::Succeed), clock.now()).await;
    let dispatcher = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
    assert_eq!(dispatcher.run_until_empty().await.unwrap().completed, 1);
    assert_eq!(probe.order(), [2]);
    let mut tx = db.vendor_tx(vendor(0)).await;
    assert!(resume_vendor(&mut tx, vendor(0)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(dispatcher.run_until_empty().await.unwrap().completed, 1);
    db.drop().await;
}

#[tokio::test]
async fn a_paused_job_waits_wherever_it_was_until_it_is_resumed() {
    let db = Db::new().await;
    let probe = Probe::new();
    let clock = system_clock();
    let waiting = db.enqueue(vendor(0), &Work::new(1, Act::Succeed), clock.now()).await;
    let mut tx = db.vendor_tx(vendor(0)).await;
    assert!(pause_job(&mut tx, vendor(0), waiting.id, clock.now()).await.unwrap());
    tx.commit().await.unwrap();
    let running = db.enqueue(vendor(0), &Work::new(2, Act::UntilStopped), clock.now()).await;
    let dispatcher = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
    let run = {
        let dispatcher = Arc::clone(&dispatcher);
        tokio::spawn(async move { dispatcher.run_until_empty().await.unwrap() })
    };
    probe.wait_started(1).await;
    let mut tx = db.vendor_tx(vendor(0)).await;
    assert!(pause_job(&mut tx, vendor(0), running.id, clock.now()).await.unwrap());
    tx.commit().await.unwrap();
    db.wake.stop_requested();
    assert_eq!(run.await.unwrap().waiting, 2);
    for id in [waiting.id, running.id] {
        assert_eq!(db.job(vendor(0), id).await.state, JobState::Paused);
    }
    assert_eq!(dispatcher.run_until_empty().await.unwrap().waiting, 0, "paused jobs stay where they are");
    let mut tx = db.vendor_tx(vendor(0)).await;
    assert!(resume_job(&mut tx, vendor(0), waiting.id, clock.now()).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(dispatcher.run_until_empty().await.unwrap().completed, 1);
    assert_eq!(db.job(vendor(0), waiting.id).await.attempt, 1);
    db.drop().await;
}

#[tokio::test]
async fn a_job_may_pause_itself_for_a_person_to_confirm() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (_, clock) = fixed_clock();
    let job = db.enqueue(vendor(0), &Work::new(1, Act::PauseOnce), clock.now()).await;
    let dispatcher = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
    assert_eq!(dispatcher.run_until_empty().await.unwrap().waiting, 1);
    assert_eq!(db.job(vendor(0), job.id).await.state, JobState::Paused);
    let mut tx = db.vendor_tx(vendor(0)).await;
    assert!(resume_job(&mut tx, vendor(0), job.id, clock.now()).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(dispatcher.run_until_empty().await.unwrap().completed, 1);
    assert_eq!(db.job(vendor(0), job.id).await.attempt, 1, "a pause is no attempt");
    db.drop().await;
}

#[tokio::test]
async fn a_drain_gives_running_jobs_their_grace_and_hands_back_the_rest_without_an_attempt() {
    let db = Db::new().await;
    let probe = Probe::new();
    let clock = system_clock();
    let finishes = db.enqueue(vendor(0), &Work::new(1, Act::Sleep(150)), clock.now()).await;
    let stops = db.enqueue(vendor(0), &Work::new(2, Act::UntilStopped), clock.now()).await;
    let deaf = db.enqueue(vendor(0), &Work::new(3, Act::Hang), clock.now()).await;
    let waits = db.enqueue(vendor(0), &Work::new(4, Act::Succeed), clock.now()).await;
    let cancel = CancellationToken::new();
    let run = {
        let (dispatcher, cancel) =
            (dispatcher(&db, &probe, Arc::clone(&clock), options(3, 10, 10)), cancel.clone());
        tokio::spawn(async move { dispatcher.run(cancel).await })
    };
    probe.wait_started(3).await;
    cancel.cancel();
    let report = tokio::time::timeout(Duration::from_secs(5), run).await.unwrap().unwrap();
    assert_eq!((report.completed, report.retried, report.lost), (1, 0, 0));
    assert_eq!(db.job(vendor(0), finishes.id).await.state, JobState::Completed);
    for id in [stops.id, deaf.id, waits.id] {
        assert_eq!(db.job(vendor(0), id).await.state, JobState::Queued);
    }
    assert_eq!(db.number("SELECT count(*) FROM job_leases").await, 0);
    assert_eq!(db.number("SELECT count(*) FROM job_ready WHERE attempt = 1").await, 3);
    db.drop().await;
}

#[tokio::test]
async fn a_job_that_pauses_for_a_reason_goes_on_when_that_ends_and_not_for_another() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (_, clock) = fixed_clock();
    let job = db.enqueue(vendor(0), &Work::new(1, Act::PauseOnceFor), clock.now()).await;
    let dispatcher = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
    assert_eq!(dispatcher.run_until_empty().await.unwrap().waiting, 1);
    let waits = db.job(vendor(0), job.id).await;
    assert_eq!((waits.state, waits.error_code.as_deref()), (JobState::Paused, Some("weather")));
    let mut tx = db.platform_tx().await;
    assert_eq!(vendors_paused_for(&mut tx, "weather").await.unwrap(), [vendor(0)]);
    assert!(vendors_paused_for(&mut tx, "holiday").await.unwrap().is_empty());
    assert_eq!(resume_paused(&mut tx, vendor(0), "holiday", clock.now()).await.unwrap(), 0);
    assert_eq!(resume_paused(&mut tx, vendor(1), "weather", clock.now()).await.unwrap(), 0);
    assert_eq!(resume_paused(&mut tx, vendor(0), "weather", clock.now()).await.unwrap(), 1);
    assert_eq!(resume_paused(&mut tx, vendor(0), "weather", clock.now()).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert_eq!(dispatcher.run_until_empty().await.unwrap().completed, 1);
    let done = db.job(vendor(0), job.id).await;
    assert_eq!((done.state, done.error_code, done.attempt), (JobState::Completed, None, 1));
    db.drop().await;
}
