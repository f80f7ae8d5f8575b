//! Who gets which job: caps, turns, priorities, hints.

use std::sync::Arc;

use odyssey_jobs::{NewJob, RunReport, enqueue_job, enqueue_many};
use tokio_util::sync::CancellationToken;

use crate::harness::*;

#[tokio::test]
async fn a_vendor_never_runs_more_jobs_at_once_than_the_cap_though_two_dispatchers_try() {
    let db = Db::new().await;
    let probe = Probe::new();
    let clock = system_clock();
    for vendor_n in 0..2 {
        for n in 0..20 {
            db.enqueue(vendor(vendor_n), &Work::new(n, Act::Sleep(15)), clock.now()).await;
        }
    }
    let cancel = CancellationToken::new();
    let mut runs = Vec::new();
    for _ in 0..2 {
        let (dispatcher, cancel) =
            (dispatcher(&db, &probe, Arc::clone(&clock), options(10, 2, 10)), cancel.clone());
        runs.push(tokio::spawn(async move { dispatcher.run(cancel).await }));
    }
    eventually("every job ends", || async { db.unfinished().await == 0 }).await;
    cancel.cancel();
    let mut report = RunReport::default();
    for run in runs {
        let part = run.await.unwrap();
        report.completed += part.completed;
    }
    assert_eq!(report.completed, 40);
    for (vendor_id, most) in probe.most_running.lock().unwrap().iter() {
        assert_eq!(*most, 2, "vendor {vendor_id} fills its cap and does not exceed it");
    }
    db.drop().await;
}

#[tokio::test]
async fn a_vendor_with_nearly_all_of_the_backlog_does_not_keep_the_others_waiting() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (_, clock) = fixed_clock();
    let mut jobs = Vec::new();
    for n in 0..950 {
        jobs.push(NewJob::of(vendor(0), None, &Quiet::new(n, Act::Succeed), clock.now()).unwrap());
    }
    for vendor_n in 1..=5 {
        for n in 0..10 {
            jobs.push(NewJob::of(vendor(vendor_n), None, &Quiet::new(n, Act::Succeed), clock.now()).unwrap());
        }
    }
    let mut tx = db.platform_tx().await;
    enqueue_many(&mut tx, jobs).await.unwrap();
    tx.commit().await.unwrap();
    let report = dispatcher(&db, &probe, clock, options(1, 4, 12)).run_until_empty().await.unwrap();
    assert_eq!(report.completed, 1000);
    let starts = probe.starts.lock().unwrap().clone();
    let last_small = starts.iter().rposition(|start| start.vendor_id != vendor(0)).unwrap();
    assert!(
        last_small < 80,
        "the 50 jobs of the small vendors all started among the first {}",
        last_small + 1
    );
    db.drop().await;
}

#[tokio::test]
async fn with_one_worker_two_vendors_take_turns() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (_, clock) = fixed_clock();
    for n in 0..6 {
        db.enqueue(vendor(0), &Urgent::new(n, Act::Succeed), clock.now()).await;
    }
    for n in 0..3 {
        db.enqueue(vendor(1), &Low::new(n, Act::Succeed), clock.now()).await;
    }
    dispatcher(&db, &probe, clock, options(1, 4, 1)).run_until_empty().await.unwrap();
    let vendors: Vec<_> = probe.starts.lock().unwrap().iter().map(|start| start.vendor_id).collect();
    let first_six: Vec<_> = vendors.windows(2).take(5).map(|pair| pair[0] != pair[1]).collect();
    assert_eq!(first_six, [true; 5], "urgent work of one vendor does not starve another's");
    db.drop().await;
}

#[tokio::test]
async fn within_a_vendor_jobs_start_in_the_order_of_priority_and_then_of_arrival() {
    for claim_batch in [1, 3, 50] {
        let db = Db::new().await;
        let probe = Probe::new();
        let (_, clock) = fixed_clock();
        let (one, now) = (vendor(0), clock.now());
        db.enqueue(one, &Low::new(30, Act::Succeed), now).await;
        db.enqueue(one, &Work::new(20, Act::Succeed), now).await;
        db.enqueue(one, &High::new(10, Act::Succeed), now).await;
        db.enqueue(one, &Low::new(31, Act::Succeed), now).await;
        db.enqueue(one, &Urgent::new(0, Act::Succeed), now).await;
        db.enqueue(one, &Work::new(21, Act::Succeed), now).await;
        db.enqueue(one, &Urgent::new(1, Act::Succeed), now).await;
        dispatcher(&db, &probe, clock, options(1, 50, claim_batch)).run_until_empty().await.unwrap();
        assert_eq!(probe.order(), [0, 1, 10, 20, 21, 30, 31], "claims of {claim_batch}");
        db.drop().await;
    }
}

#[tokio::test]
async fn a_job_that_commits_late_under_a_lower_id_is_found_without_a_wake() {
    let db = Db::new().await;
    let probe = Probe::new();
    let clock = system_clock();
    let mut early = db.vendor_tx(vendor(0)).await;
    enqueue_job(&mut early, vendor(0), None, &Work::new(1, Act::Succeed), clock.now()).await.unwrap();
    let cancel = CancellationToken::new();
    let run = {
        let (dispatcher, cancel) =
            (dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5)), cancel.clone());
        tokio::spawn(async move { dispatcher.run(cancel).await })
    };
    db.enqueue(vendor(0), &Work::new(2, Act::Succeed), clock.now()).await;
    probe.wait_started(1).await;
    assert_eq!(probe.order(), [2]);
    early.commit().await.unwrap();
    probe.wait_started(1).await;
    assert_eq!(probe.order(), [2, 1]);
    eventually("both are settled", || async { db.unfinished().await == 0 }).await;
    cancel.cancel();
    run.await.unwrap();
    db.drop().await;
}

#[tokio::test]
async fn another_process_hears_of_a_job_by_notification() {
    let db = Db::new().await;
    let probe = Probe::new();
    let clock = system_clock();
    let cancel = CancellationToken::new();
    // Polls so seldom that only a notification can bring the job in time.
    let settings = odyssey_jobs::Options {
        poll_interval: std::time::Duration::from_mins(10),
        listen: true,
        ..options(2, 4, 5)
    };
    let theirs = odyssey_jobs::Wake::new();
    let dispatcher = odyssey_jobs::Dispatcher::new(
        db.pool.clone(),
        Arc::clone(&probe),
        registry(),
        theirs,
        Arc::clone(&clock),
        settings,
    )
    .unwrap();
    let run = {
        let cancel = cancel.clone();
        tokio::spawn(async move { dispatcher.run(cancel).await })
    };
    let notifier = tokio::spawn(odyssey_jobs::run_notifier(db.pool.clone(), db.wake.clone(), cancel.clone()));
    let mut admin = db.admin().await;
    let listens =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()";
    let mut heard: i64 = 0;
    while heard == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        heard = sqlx::query_scalar(listens).fetch_one(&mut admin).await.unwrap();
    }
    drop(admin);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    db.enqueue(vendor(3), &Work::new(1, Act::Succeed), clock.now()).await;
    probe.wait_started(1).await;
    cancel.cancel();
    run.await.unwrap();
    notifier.await.unwrap();
    db.drop().await;
}

#[tokio::test]
async fn one_long_job_does_not_hold_up_short_ones_claimed_with_it() {
    let db = Db::new().await;
    let probe = Probe::new();
    let clock = system_clock();
    db.enqueue(vendor(0), &Work::new(0, Act::Gate), clock.now()).await;
    let mut short = Vec::new();
    for n in 1..10 {
        short.push(db.enqueue(vendor(0), &Work::new(n, Act::Succeed), clock.now()).await.id);
    }
    let cancel = CancellationToken::new();
    let run = {
        let (dispatcher, cancel) =
            (dispatcher(&db, &probe, Arc::clone(&clock), options(4, 20, 20)), cancel.clone());
        tokio::spawn(async move { dispatcher.run(cancel).await })
    };
    eventually("the short jobs are recorded while the long one runs", || async {
        db.number("SELECT count(*) FROM jobs WHERE state = 'completed'").await == 9
    })
    .await;
    assert_eq!(db.number("SELECT count(*) FROM jobs WHERE state = 'running'").await, 1);
    probe.gate.add_permits(1);
    eventually("the long one ends too", || async { db.unfinished().await == 0 }).await;
    cancel.cancel();
    assert_eq!(run.await.unwrap().completed, 10);
    db.drop().await;
}
