//! Delayed jobs and schedules, on a clock that the test owns.

use std::sync::Arc;

use chrono::TimeDelta;
use odyssey_jobs::{Dispatcher, PLATFORM_VENDOR, Registry, enqueue_job_at};

use crate::harness::*;

#[tokio::test]
async fn a_delayed_job_runs_at_its_time_and_not_before() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (hands, clock) = fixed_clock();
    let mut tx = db.vendor_tx(vendor(0)).await;
    let run_at = clock.now() + TimeDelta::hours(1);
    enqueue_job_at(&mut tx, vendor(0), None, &Work::new(1, Act::Succeed), run_at, clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    let dispatcher = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
    hands.advance(TimeDelta::minutes(59));
    assert_eq!(dispatcher.run_until_empty().await.unwrap().completed, 0);
    hands.advance(TimeDelta::minutes(1));
    assert_eq!(dispatcher.run_until_empty().await.unwrap().completed, 1);
    db.drop().await;
}

#[tokio::test]
async fn a_job_may_ask_to_run_again_later_without_using_up_an_attempt() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (hands, clock) = fixed_clock();
    db.enqueue(vendor(0), &Work::new(1, Act::RequeueOnce), clock.now()).await;
    let dispatcher = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
    assert_eq!(dispatcher.run_until_empty().await.unwrap().waiting, 1);
    hands.advance(TimeDelta::seconds(30));
    assert_eq!(dispatcher.run_until_empty().await.unwrap().completed, 1);
    let attempts: Vec<i16> = probe.starts.lock().unwrap().iter().map(|start| start.attempt).collect();
    assert_eq!(attempts, [1, 1]);
    db.drop().await;
}

#[tokio::test]
async fn a_schedule_fires_once_for_two_dispatchers_and_catches_up_once() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (hands, clock) = fixed_clock();
    let make = || {
        let registry = Registry::new()
            .register(|probe, context, job: Work| act(probe, context, job.n, job.act))
            .schedule("nightly", "17 3 * * *", |_| Work::new(1, Act::Succeed))
            .unwrap();
        let (pool, wake) = (db.pool.clone(), db.wake.clone());
        Dispatcher::new(pool, Arc::clone(&probe), registry, wake, Arc::clone(&clock), options(1, 4, 5))
            .unwrap()
    };
    let (one, two) = (make(), make());
    assert_eq!(one.fire_schedules().await.unwrap(), 0, "a new schedule starts from now");
    hands.advance(TimeDelta::hours(15) + TimeDelta::minutes(16));
    assert_eq!(one.fire_schedules().await.unwrap(), 0, "03:16 is too early");
    hands.advance(TimeDelta::minutes(1));
    let (fired_one, fired_two) = tokio::join!(one.fire_schedules(), two.fire_schedules());
    assert_eq!(fired_one.unwrap() + fired_two.unwrap(), 1);
    assert_eq!(one.fire_schedules().await.unwrap() + two.fire_schedules().await.unwrap(), 0);
    hands.advance(TimeDelta::days(5));
    assert_eq!(two.fire_schedules().await.unwrap(), 1, "five missed nights are caught up once");
    assert_eq!(one.fire_schedules().await.unwrap(), 0);
    assert_eq!(one.run_until_empty().await.unwrap().completed, 2);
    assert!(probe.starts.lock().unwrap().iter().all(|start| start.vendor_id == PLATFORM_VENDOR));
    db.drop().await;
}

#[test]
fn a_pattern_that_is_none_is_refused_with_its_name() {
    let error =
        Registry::<Probe>::new().schedule("odd", "61 * * * *", |_| Work::new(1, Act::Succeed)).unwrap_err();
    assert!(error.to_string().contains("odd") && error.to_string().contains("61 * * * *"), "{error}");
}
