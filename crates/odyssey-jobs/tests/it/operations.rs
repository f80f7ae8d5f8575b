//! Following, counting, purging.

use std::sync::Arc;

use chrono::TimeDelta;
use odyssey_jobs::{
    DEFAULT_LANE, JobFilter, JobState, NewJob, counts, depth, enqueue_received, list, open_receiving, purge,
};

use crate::harness::*;

#[tokio::test]
async fn a_vendors_jobs_are_listed_newest_first_by_state_kind_and_cursor() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (hands, clock) = fixed_clock();
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(db.enqueue(vendor(0), &Work::new(n, Act::Succeed), clock.now()).await.id);
        hands.advance(TimeDelta::seconds(1));
    }
    dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5)).run_until_empty().await.unwrap();
    let urgent = db.enqueue(vendor(0), &Urgent::new(9, Act::Succeed), clock.now()).await.id;
    let mut tx = db.vendor_tx(vendor(0)).await;
    let mut page = async |filter, limit| -> Vec<_> {
        list(&mut tx, vendor(0), filter, limit).await.unwrap().into_iter().map(|job| job.id).collect()
    };
    assert_eq!(page(JobFilter::default(), 2).await, [urgent, ids[3]]);
    assert_eq!(page(JobFilter { before: Some(ids[3]), ..JobFilter::default() }, 2).await, [ids[2], ids[1]]);
    assert_eq!(page(JobFilter { state: Some(JobState::Queued), ..JobFilter::default() }, 9).await, [urgent]);
    assert_eq!(page(JobFilter { kind: Some("work"), ..JobFilter::default() }, 9).await.len(), 4);
    drop(tx);
    db.drop().await;
}

#[tokio::test]
async fn counts_and_depth_say_what_is_where() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (_, clock) = fixed_clock();
    db.enqueue(vendor(0), &Work::new(1, Act::Succeed), clock.now()).await;
    db.enqueue(vendor(0), &Work::new(2, Act::Fail), clock.now()).await;
    db.enqueue(vendor(1), &Work::new(3, Act::RetryTimes(1)), clock.now()).await;
    dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5)).run_until_empty().await.unwrap();
    db.enqueue(vendor(1), &Work::new(4, Act::Succeed), clock.now()).await;
    let mut tx = db.platform_tx().await;
    let counted: Vec<_> =
        counts(&mut tx, None).await.unwrap().iter().map(|c| (c.vendor_id, c.state, c.count)).collect();
    let expected = [
        (vendor(0), JobState::Completed, 1),
        (vendor(0), JobState::Failed, 1),
        (vendor(1), JobState::Queued, 2),
    ];
    assert_eq!(counted, expected);
    let depths = depth(&mut tx).await.unwrap();
    let told: Vec<_> = depths.iter().map(|d| (d.vendor_id, d.ready, d.leased, d.delayed, d.dead)).collect();
    assert_eq!(told, [(vendor(0), 0, 0, 0, 1), (vendor(1), 1, 0, 1, 0)]);
    drop(tx);
    db.drop().await;
}

#[tokio::test]
async fn a_job_that_is_receiving_enters_the_queue_when_its_input_is_closed() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (_, clock) = fixed_clock();
    let new = NewJob::of(vendor(0), None, &Work::new(1, Act::Succeed), clock.now()).unwrap();
    let mut tx = db.vendor_tx(vendor(0)).await;
    let opened = open_receiving(&mut tx, new).await.unwrap();
    tx.commit().await.unwrap();
    let dispatcher = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
    assert_eq!(dispatcher.run_until_empty().await.unwrap().completed, 0);
    assert_eq!(db.job(vendor(0), opened.id).await.state, JobState::Receiving);
    let mut tx = db.vendor_tx(vendor(0)).await;
    enqueue_received(&mut tx, vendor(0), opened.id, DEFAULT_LANE, clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(dispatcher.run_until_empty().await.unwrap().completed, 1);
    let mut tx = db.vendor_tx(vendor(0)).await;
    assert!(
        enqueue_received(&mut tx, vendor(0), opened.id, DEFAULT_LANE, clock.now()).await.is_err(),
        "once only"
    );
    drop(tx);
    db.drop().await;
}

#[tokio::test]
async fn a_purge_removes_what_ended_long_ago_and_nothing_that_waits() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (hands, clock) = fixed_clock();
    for n in 0..3 {
        db.enqueue(vendor(0), &Work::new(n, Act::Succeed), clock.now()).await;
    }
    db.enqueue(vendor(0), &Work::new(3, Act::Fail), clock.now()).await;
    let dispatcher = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
    let waits = db.enqueue(vendor(0), &Work::new(4, Act::RetryTimes(2)), clock.now()).await;
    dispatcher.run_until_empty().await.unwrap();
    hands.advance(TimeDelta::days(40));
    let recent = db.enqueue(vendor(0), &Low::new(5, Act::Fail), clock.now()).await;
    dispatcher.run_until_empty().await.unwrap();
    let mut tx = db.platform_tx().await;
    let kept = purge(&mut tx, clock.now() - TimeDelta::days(30), &[vendor(0)], 100).await.unwrap();
    assert_eq!((kept.jobs, kept.dead_letters), (0, 0), "a vendor that is kept");
    let first = purge(&mut tx, clock.now() - TimeDelta::days(30), &[], 2).await.unwrap();
    assert_eq!((first.jobs, first.dead_letters), (2, 1));
    let second = purge(&mut tx, clock.now() - TimeDelta::days(30), &[], 100).await.unwrap();
    assert_eq!((second.jobs, second.dead_letters), (2, 0));
    tx.commit().await.unwrap();
    assert_eq!(db.job(vendor(0), waits.id).await.state, JobState::Queued);
    assert_eq!(db.job(vendor(0), recent.id).await.state, JobState::Failed);
    db.drop().await;
}
