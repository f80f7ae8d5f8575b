//! Lanes that somebody paused or scaled.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use odyssey_jobs::{
    DEFAULT_LANE, DeadFilter, JobState, LaneControl, LaneFigures, lane_dead_letters, lane_figures, lock_lane,
    redrive_lane, write_lane,
};
use tokio_util::sync::CancellationToken;

use crate::harness::*;

/// Writes what is decided about the lane, as the platform does.
async fn decide(db: &Db, change: impl FnOnce(&mut LaneControl)) -> LaneControl {
    let mut tx = db.platform_tx().await;
    let mut control = lock_lane(&mut tx, DEFAULT_LANE, noon()).await.unwrap();
    change(&mut control);
    let written = write_lane(&mut tx, DEFAULT_LANE, &control, noon()).await.unwrap();
    tx.commit().await.unwrap();
    written
}

fn pause(control: &mut LaneControl) {
    (control.paused_at, control.pause_reason) = (Some(noon()), Some("a repair".to_owned()));
}

fn resume(control: &mut LaneControl) {
    (control.paused_at, control.pause_reason) = (None, None);
}

async fn figures(db: &Db) -> LaneFigures {
    let mut tx = db.platform_tx().await;
    let now = odyssey_types::Clock::now(&odyssey_types::SystemClock);
    let mut all = lane_figures(&mut tx, &[DEFAULT_LANE], now).await.unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[tokio::test]
async fn a_paused_lane_starts_nothing_until_it_is_resumed_whatever_process_asks() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (_, clock) = fixed_clock();
    let job = db.enqueue(vendor(0), &Work::new(1, Act::Succeed), clock.now()).await;
    assert_eq!(decide(&db, pause).await.row_version, 1);
    // A process that starts after the decision, as after a restart of all.
    let after = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
    assert_eq!(after.run_until_empty().await.unwrap().completed, 0);
    assert_eq!(db.job(vendor(0), job.id).await.state, JobState::Queued);
    assert_eq!(decide(&db, resume).await.row_version, 2);
    assert_eq!(after.run_until_empty().await.unwrap().completed, 1);
    db.drop().await;
}

#[tokio::test]
async fn a_pause_lets_what_runs_end_and_the_next_wait_in_a_process_that_is_running() {
    let db = Db::new().await;
    let probe = Probe::new();
    let cancel = CancellationToken::new();
    let worker = dispatcher(&db, &probe, system_clock(), options(1, 4, 5));
    let run = tokio::spawn({
        let cancel = cancel.clone();
        async move { worker.run(cancel).await }
    });
    let now = system_clock().now();
    let first = db.enqueue(vendor(0), &Work::new(1, Act::Gate), now).await;
    probe.wait_started(1).await;
    decide(&db, pause).await;
    let second = db.enqueue(vendor(0), &Work::new(2, Act::Succeed), now).await;
    probe.gate.add_permits(1);
    eventually("the first ends", async || db.job(vendor(0), first.id).await.state == JobState::Completed)
        .await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(db.job(vendor(0), second.id).await.state, JobState::Queued, "nothing new starts");
    decide(&db, resume).await;
    eventually("the second ends", async || db.job(vendor(0), second.id).await.state == JobState::Completed)
        .await;
    cancel.cancel();
    run.await.unwrap();
    db.drop().await;
}

#[tokio::test]
async fn a_running_process_takes_over_how_many_jobs_it_may_run_and_says_so() {
    let db = Db::new().await;
    let probe = Probe::new();
    let cancel = CancellationToken::new();
    let worker = dispatcher(&db, &probe, system_clock(), options(1, 8, 5));
    let run = tokio::spawn({
        let cancel = cancel.clone();
        async move { worker.run(cancel).await }
    });
    let now = system_clock().now();
    for n in 0..4 {
        db.enqueue(vendor(0), &Work::new(n, Act::Gate), now).await;
    }
    probe.wait_started(1).await;
    decide(&db, |control| control.workers = Some(3)).await;
    probe.wait_started(2).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(probe.order().len(), 3, "and no more");
    eventually("the process reports", async || figures(&db).await.workers == 3).await;
    let told = figures(&db).await;
    assert_eq!((told.nodes, told.running + told.waiting), (1, 4));
    decide(&db, |control| control.workers = None).await;
    probe.gate.add_permits(4);
    eventually("all end", async || db.unfinished().await == 0).await;
    eventually("the process reports that they ended", async || {
        let told = figures(&db).await;
        (told.workers, told.ended_per_minute) == (1, 4)
    })
    .await;
    cancel.cancel();
    run.await.unwrap();
    assert_eq!(figures(&db).await.nodes, 0, "a process that ends is counted no more");
    db.drop().await;
}

#[tokio::test]
async fn a_bound_over_all_processes_holds_between_two_of_them() {
    let db = Db::new().await;
    let probe = Probe::new();
    decide(&db, |control| control.running_max = Some(2)).await;
    let cancel = CancellationToken::new();
    let runs: Vec<_> = (0..2)
        .map(|_| {
            let (worker, cancel) =
                (dispatcher(&db, &probe, system_clock(), options(4, 8, 5)), cancel.clone());
            tokio::spawn(async move { worker.run(cancel).await })
        })
        .collect();
    let now = system_clock().now();
    for n in 0..9 {
        db.enqueue(vendor(0), &Work::new(n, Act::Sleep(20)), now).await;
    }
    eventually("all end", async || db.unfinished().await == 0).await;
    cancel.cancel();
    for run in runs {
        run.await.unwrap();
    }
    assert_eq!(probe.order().len(), 9);
    assert!(probe.most_running.lock().unwrap()[&vendor(0)] <= 2, "two at once, wherever they run");
    db.drop().await;
}

#[tokio::test]
async fn figures_tell_what_waits_retries_stands_still_and_died() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (hands, clock) = fixed_clock();
    db.enqueue(vendor(0), &Work::new(1, Act::Fail), clock.now()).await;
    db.enqueue(vendor(0), &Quiet::new(2, Act::Fail), clock.now()).await;
    let worker = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
    worker.run_until_empty().await.unwrap();
    hands.advance(TimeDelta::hours(30));
    db.enqueue(vendor(1), &Work::new(3, Act::Fail), clock.now()).await;
    db.enqueue(vendor(1), &Work::new(4, Act::RetryTimes(1)), clock.now()).await;
    db.enqueue(vendor(1), &Work::new(5, Act::PauseOnce), clock.now()).await;
    worker.run_until_empty().await.unwrap();
    db.enqueue(vendor(1), &Work::new(6, Act::Succeed), clock.now()).await;
    let mut tx = db.platform_tx().await;
    let told = lane_figures(&mut tx, &[DEFAULT_LANE, "other"], clock.now()).await.unwrap();
    let names: Vec<_> = told.iter().map(|lane| lane.lane.as_str()).collect();
    assert_eq!(names, [DEFAULT_LANE, "other"]);
    let lane = &told[0];
    assert_eq!((lane.waiting, lane.running, lane.retrying, lane.scheduled), (1, 0, 1, 0));
    assert_eq!((lane.dead, lane.failed_24h), (3, 1));
    assert_eq!(lane.oldest_waiting_at, Some(clock.now()));
    let all = lane_dead_letters(&mut tx, DEFAULT_LANE, DeadFilter::default(), None, 2).await.unwrap();
    assert_eq!((all.len(), all[0].vendor_id, all[0].error_code.as_str()), (2, vendor(1), "no_such_thing"));
    let last = Some((all[1].died_at, all[1].job_id));
    assert_eq!(
        lane_dead_letters(&mut tx, DEFAULT_LANE, DeadFilter::default(), last, 9).await.unwrap().len(),
        1
    );
    drop(tx);
    db.drop().await;
}

#[tokio::test]
async fn a_redrive_of_a_lane_puts_back_the_oldest_letters_first_and_only_those_that_are_meant() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (hands, clock) = fixed_clock();
    let worker = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
    let mut followed = Vec::new();
    for n in 0..2 {
        followed.push(db.enqueue(vendor(0), &Work::new(n, Act::Fail), clock.now()).await.id);
        worker.run_until_empty().await.unwrap();
        hands.advance(TimeDelta::seconds(1));
    }
    db.enqueue(vendor(0), &Quiet::new(2, Act::Fail), clock.now()).await;
    db.enqueue(vendor(1), &Work::new(3, Act::Fail), clock.now()).await;
    worker.run_until_empty().await.unwrap();
    let mut tx = db.platform_tx().await;
    let only = DeadFilter { vendor_id: Some(vendor(0)), kind: Some("work") };
    let one = redrive_lane(&mut tx, DEFAULT_LANE, only, 1, clock.now()).await.unwrap();
    assert_eq!(one.iter().map(|it| it.id).collect::<Vec<_>>(), [followed[0]]);
    let none = redrive_lane(&mut tx, "other", DeadFilter::default(), 9, clock.now()).await.unwrap();
    assert!(none.is_empty());
    tx.commit().await.unwrap();
    assert_eq!(db.job(vendor(0), followed[0]).await.state, JobState::Queued);
    assert_eq!(db.job(vendor(0), followed[1]).await.state, JobState::Failed);
    assert_eq!(worker.run_until_empty().await.unwrap().failed, 1, "it has its attempts again");
    db.drop().await;
}
