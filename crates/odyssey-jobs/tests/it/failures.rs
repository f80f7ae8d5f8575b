//! Kills, lost leases, retries, dead letters.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;
use odyssey_jobs::{
    Dispatcher, JobContext, JobError, JobOutcome, JobState, Options, Registry, dead_letters, redrive,
};
use sqlx::{Executor, PgPool};
use tokio_util::sync::CancellationToken;

use crate::harness::*;

#[tokio::test]
async fn a_failing_job_waits_longer_each_time_and_ends_in_the_dead_letters() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (hands, clock) = fixed_clock();
    let job = db.enqueue(vendor(0), &Work::new(1, Act::RetryTimes(99)), clock.now()).await;
    let dispatcher = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
    for (attempt, ceiling_ms) in [(1_i16, 100), (2, 200)] {
        assert_eq!(dispatcher.run_until_empty().await.unwrap().retried, 1);
        let record = db.job(vendor(0), job.id).await;
        assert_eq!((record.state, record.attempt), (JobState::Queued, attempt));
        assert_eq!(record.error_code.as_deref(), Some("away"));
        assert_eq!(record.error_detail.as_deref(), Some("try later"));
        let wait_ms = (record.run_at.unwrap() - clock.now()).num_milliseconds();
        assert!((ceiling_ms / 2..=ceiling_ms).contains(&wait_ms), "attempt {attempt} waits {wait_ms} ms");
        assert_eq!(dispatcher.run_until_empty().await.unwrap().retried, 0, "not before its time");
        hands.advance(TimeDelta::milliseconds(wait_ms));
    }
    assert_eq!(dispatcher.run_until_empty().await.unwrap().failed, 1);
    let record = db.job(vendor(0), job.id).await;
    assert_eq!((record.state, record.attempt), (JobState::Failed, 3));
    let mut tx = db.vendor_tx(vendor(0)).await;
    let letters = dead_letters(&mut tx, vendor(0), 10).await.unwrap();
    assert_eq!((letters.len(), letters[0].job_id, letters[0].attempt), (1, job.id, 3));
    assert_eq!(letters[0].error_code, "away");
    drop(tx);
    assert_eq!(db.unfinished().await, 0);
    db.drop().await;
}

#[tokio::test]
async fn a_redriven_dead_letter_runs_again_with_all_its_attempts() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (_, clock) = fixed_clock();
    let job = db.enqueue(vendor(0), &Work::new(1, Act::Fail), clock.now()).await;
    let dispatcher = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
    assert_eq!(dispatcher.run_until_empty().await.unwrap().failed, 1);
    assert_eq!(probe.order().len(), 1, "an error that never heals is not tried again");
    let mut tx = db.vendor_tx(vendor(0)).await;
    assert_eq!(redrive(&mut tx, vendor(1), job.id, clock.now()).await.unwrap(), None);
    assert!(redrive(&mut tx, vendor(0), job.id, clock.now()).await.unwrap().is_some());
    tx.commit().await.unwrap();
    let record = db.job(vendor(0), job.id).await;
    assert_eq!((record.state, record.attempt, record.finished_at), (JobState::Queued, 0, None));
    assert_eq!(dispatcher.run_until_empty().await.unwrap().failed, 1);
    assert_eq!(probe.starts.lock().unwrap()[1].attempt, 1);
    db.drop().await;
}

#[tokio::test]
async fn a_panic_and_an_overlong_run_are_failures_like_others() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (_, clock) = fixed_clock();
    let panics = db.enqueue(vendor(0), &Work::new(1, Act::Panic), clock.now()).await;
    let hangs = db.enqueue(vendor(0), &Brief::new(2, Act::Hang), clock.now()).await;
    let report =
        dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5)).run_until_empty().await.unwrap();
    assert_eq!(report.retried, 2);
    assert_eq!(db.job(vendor(0), panics.id).await.error_code.as_deref(), Some("panicked"));
    assert_eq!(db.job(vendor(0), hangs.id).await.error_code.as_deref(), Some("timed_out"));
    db.drop().await;
}

#[tokio::test]
async fn a_job_that_kills_its_worker_each_time_ends_in_the_dead_letters() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (hands, clock) = fixed_clock();
    let job = db.enqueue(vendor(0), &Work::new(1, Act::Hang), clock.now()).await;
    let quiet = db.enqueue(vendor(0), &Quiet::new(2, Act::Hang), clock.now()).await;
    for attempt in 1..=3 {
        let doomed = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
        let run = tokio::spawn(async move { doomed.run_until_empty().await });
        probe.wait_started(2).await;
        run.abort();
        assert!(run.await.unwrap_err().is_cancelled());
        let survivor = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
        assert_eq!(survivor.reap_expired().await.unwrap(), 0, "the lease of attempt {attempt} still holds");
        hands.advance(TimeDelta::seconds(61));
        assert_eq!(survivor.reap_expired().await.unwrap(), 1);
        hands.advance(TimeDelta::seconds(1));
    }
    let record = db.job(vendor(0), job.id).await;
    assert_eq!((record.state, record.attempt), (JobState::Failed, 3));
    assert_eq!(record.error_code.as_deref(), Some("lease_expired"));
    let mut tx = db.vendor_tx(vendor(0)).await;
    let letters = dead_letters(&mut tx, vendor(0), 10).await.unwrap();
    assert!(letters.iter().any(|letter| letter.job_id == quiet.id), "so do jobs that nobody follows");
    drop(tx);
    assert_eq!(db.unfinished().await, 0);
    db.drop().await;
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_can_neither_write_nor_complete() {
    let db = Db::new().await;
    let (hands, clock) = fixed_clock();
    let probe = Probe::new();
    let job = db.enqueue(vendor(0), &Work::new(1, Act::GateFirst), clock.now()).await;
    let (contexts, mut context_of_first) = tokio::sync::mpsc::unbounded_channel::<JobContext>();
    let handler = move |probe: Arc<Probe>, context: JobContext, job: Work| {
        let _sent = contexts.send(context.clone());
        act(probe, context, job.n, job.act)
    };
    let registry = Registry::new().register(handler);
    let (pool, wake) = (db.pool.clone(), db.wake.clone());
    let first =
        Dispatcher::new(pool, Arc::clone(&probe), registry, wake, Arc::clone(&clock), options(1, 4, 5))
            .unwrap();
    let first = tokio::spawn(async move { first.run_until_empty().await.unwrap() });
    let stale = context_of_first.recv().await.unwrap();
    probe.wait_started(1).await;
    stale.ensure_lease().unwrap();
    let mut tx = db.vendor_tx(vendor(0)).await;
    stale.fence(&mut tx).await.unwrap();

    hands.advance(TimeDelta::seconds(61));
    stale.ensure_lease().unwrap_err();
    let second = dispatcher(&db, &probe, Arc::clone(&clock), options(1, 4, 5));
    assert_eq!(
        second.reap_expired().await.unwrap(),
        0,
        "a fenced transaction that is open holds the reaper off"
    );
    tx.commit().await.unwrap();
    assert_eq!(second.reap_expired().await.unwrap(), 1);
    hands.advance(TimeDelta::seconds(1));
    let report = second.run_until_empty().await.unwrap();
    assert_eq!(report.completed, 1);

    let mut tx = db.vendor_tx(vendor(0)).await;
    assert!(stale.fence(&mut tx).await.is_err(), "the stale worker is fenced");
    assert!(stale.progress_in(&mut tx, 500, None).await.is_err());
    drop(tx);
    assert!(stale.heartbeat().await.is_err());
    probe.gate.add_permits(1);
    let first = first.await.unwrap();
    assert_eq!((first.completed, first.lost), (0, 1));
    let record = db.job(vendor(0), job.id).await;
    assert_eq!((record.state, record.attempt), (JobState::Completed, 2));
    assert_eq!(record.totals, Some(serde_json::json!({ "attempt": 2 })));
    db.drop().await;
}

/// Counts each job in a table of the test's, in a fenced transaction as the vendor.
async fn count_once(pool: Arc<PgPool>, context: JobContext, job: Work) -> Result<JobOutcome, JobError> {
    tokio::time::sleep(Duration::from_millis(u64::from(job.n % 7) * 4)).await;
    let mut tx = sqlx::Acquire::begin(&*pool).await.map_err(JobError::retry)?;
    sqlx::query("SELECT set_config('role', 'odyssey_app', true), set_config('app.vendor_id', $1, true)")
        .bind(context.vendor_id().to_string())
        .execute(&mut *tx)
        .await
        .map_err(JobError::retry)?;
    context.fence(&mut tx).await?;
    let done: Option<i32> = sqlx::query_scalar("SELECT 1 FROM effects WHERE job_id = $1")
        .bind(context.job_id())
        .fetch_optional(&mut *tx)
        .await
        .map_err(JobError::retry)?;
    if done.is_none() {
        sqlx::query("INSERT INTO effects (job_id) VALUES ($1)")
            .bind(context.job_id())
            .execute(&mut *tx)
            .await
            .map_err(JobError::retry)?;
    }
    tx.commit().await.map_err(JobError::retry)?;
    Ok(JobOutcome::COMPLETED)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_job_takes_effect_exactly_once_though_workers_are_killed_all_the_time() {
    let db = Db::with_connections(60).await;
    let clock = system_clock();
    // No unique constraint: a second effect would show.
    let mut admin = db.admin().await;
    admin
        .execute("CREATE TABLE odyssey.effects (job_id uuid NOT NULL); GRANT SELECT, INSERT ON odyssey.effects TO odyssey_app, odyssey_platform")
        .await
        .unwrap();
    for n in 0..200 {
        db.enqueue(vendor(u128::from(n % 5)), &Work::new(n, Act::Succeed), clock.now()).await;
    }
    let spawn_worker = || {
        let settings = Options { lease_seconds: 1, ..options(4, 4, 8) };
        let registry = Registry::new().register(count_once);
        let app = Arc::new(db.pool.clone());
        let (pool, wake, clock) = (db.pool.clone(), db.wake.clone(), Arc::clone(&clock));
        let dispatcher = Dispatcher::new(pool, app, registry, wake, clock, settings).unwrap();
        tokio::spawn(async move { dispatcher.run(CancellationToken::new()).await })
    };
    let mut workers: Vec<_> = (0..4).map(|_| spawn_worker()).collect();
    for round in 0..8 {
        tokio::time::sleep(Duration::from_millis(25 + round * 5)).await;
        workers.remove(0).abort();
        workers.push(spawn_worker());
    }
    eventually("every job ends", || async { db.unfinished().await == 0 }).await;
    workers.iter().for_each(tokio::task::JoinHandle::abort);
    // An attempt is used up by each kill, so a job that was hit three times may be dead: count those apart.
    let dead = db.number("SELECT count(*) FROM job_dead").await;
    assert_eq!(db.number("SELECT count(*) FROM jobs WHERE state = 'completed'").await, 200 - dead);
    assert!(db.number("SELECT count(*) FROM jobs WHERE attempt > 1").await > 0, "some kill did hit a run");
    assert_eq!(
        db.number("SELECT count(*) FROM effects").await,
        db.number("SELECT count(DISTINCT job_id) FROM effects").await
    );
    let completed_without_effect = db
        .number("SELECT count(*) FROM jobs j WHERE j.state = 'completed' AND NOT EXISTS (SELECT FROM effects e WHERE e.job_id = j.id)")
        .await;
    assert_eq!(completed_without_effect, 0);
    drop(admin);
    db.drop().await;
}

#[tokio::test]
async fn heartbeats_keep_a_lease_that_outlasts_its_length() {
    let db = Db::new().await;
    let probe = Probe::new();
    let clock = system_clock();
    db.enqueue(vendor(0), &Work::new(1, Act::Sleep(2500)), clock.now()).await;
    let settings = Options { lease_seconds: 1, ..options(1, 4, 5) };
    let holder = dispatcher(&db, &probe, Arc::clone(&clock), settings);
    let run = tokio::spawn(async move { holder.run_until_empty().await.unwrap() });
    let other = dispatcher(&db, &probe, Arc::clone(&clock), options(1, 4, 5));
    let mut reaped = 0;
    while !run.is_finished() {
        reaped += other.reap_expired().await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(reaped, 0);
    assert_eq!(run.await.unwrap().completed, 1);
    assert!(!probe.hang.load(Ordering::SeqCst));
    db.drop().await;
}

#[tokio::test]
async fn a_lane_with_a_lease_of_its_own_beats_and_expires_by_that_one() {
    let db = Db::new().await;
    let probe = Probe::new();
    let clock = system_clock();
    db.enqueue(vendor(0), &Work::new(1, Act::Sleep(2500)), clock.now()).await;
    let mut settings = options(1, 4, 5);
    assert_eq!(settings.lease_seconds, 60);
    settings.lanes[0].lease_seconds = Some(1);
    let holder = dispatcher(&db, &probe, Arc::clone(&clock), settings.clone());
    let run = tokio::spawn(async move { holder.run_until_empty().await.unwrap() });
    probe.wait_started(1).await;
    let other = dispatcher(&db, &probe, Arc::clone(&clock), options(1, 4, 5));
    let mut reaped = 0;
    while !run.is_finished() {
        reaped += other.reap_expired().await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(reaped, 0, "heartbeats come in time");
    assert_eq!(run.await.unwrap().completed, 1);
    // And a process that dies is missed after its second.
    db.enqueue(vendor(0), &Work::new(2, Act::Hang), clock.now()).await;
    let dies = dispatcher(&db, &probe, Arc::clone(&clock), settings);
    let run = tokio::spawn(async move { dies.run(CancellationToken::new()).await });
    probe.wait_started(1).await;
    run.abort();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(other.reap_expired().await.unwrap(), 1);
    db.drop().await;
}
