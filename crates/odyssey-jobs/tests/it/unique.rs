//! Unique jobs: one at a time, and no change missed.

use std::sync::Arc;
use std::time::Duration;

use odyssey_jobs::enqueue_job;
use tokio_util::sync::CancellationToken;

use crate::harness::*;

#[tokio::test]
async fn a_second_enqueue_of_a_waiting_key_answers_with_the_first_job() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (_, clock) = fixed_clock();
    let first = db.enqueue(vendor(0), &Once::new(7, Act::Succeed), clock.now()).await;
    let second = db.enqueue(vendor(0), &Once::new(7, Act::Succeed), clock.now()).await;
    assert_eq!((second.id, second.existing, second.ready), (first.id, true, None));
    assert!(!db.enqueue(vendor(0), &Once::new(8, Act::Succeed), clock.now()).await.existing, "another key");
    assert!(
        !db.enqueue(vendor(1), &Once::new(7, Act::Succeed), clock.now()).await.existing,
        "another vendor"
    );
    let report =
        dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5)).run_until_empty().await.unwrap();
    assert_eq!(report.completed, 3);
    assert!(
        !db.enqueue(vendor(0), &Once::new(7, Act::Succeed), clock.now()).await.existing,
        "free again after the run"
    );
    db.drop().await;
}

#[tokio::test]
async fn a_key_held_until_start_lets_a_change_during_the_run_enqueue_again_and_one_held_until_the_end_does_not()
 {
    let db = Db::new().await;
    let probe = Probe::new();
    let clock = system_clock();
    db.enqueue(vendor(0), &Once::new(1, Act::Gate), clock.now()).await;
    db.enqueue(vendor(0), &OnlyOne::new(1, Act::Gate), clock.now()).await;
    let running = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
    let cancel = CancellationToken::new();
    let run = {
        let cancel = cancel.clone();
        tokio::spawn(async move { running.run(cancel).await })
    };
    probe.wait_started(2).await;
    assert!(!db.enqueue(vendor(0), &Once::new(1, Act::Succeed), clock.now()).await.existing);
    assert!(db.enqueue(vendor(0), &OnlyOne::new(1, Act::Succeed), clock.now()).await.existing);
    probe.gate.add_permits(2);
    eventually("all ends", || async { db.unfinished().await == 0 }).await;
    assert!(!db.enqueue(vendor(0), &OnlyOne::new(1, Act::Succeed), clock.now()).await.existing);
    cancel.cancel();
    run.await.unwrap();
    db.drop().await;
}

#[tokio::test]
async fn two_transactions_that_take_one_key_at_once_make_one_job() {
    let db = Db::new().await;
    let (_, clock) = fixed_clock();
    let mut one = db.vendor_tx(vendor(0)).await;
    let first =
        enqueue_job(&mut one, vendor(0), None, &Once::new(1, Act::Succeed), clock.now()).await.unwrap();
    let mut two = db.vendor_tx(vendor(0)).await;
    let now = clock.now();
    let second = tokio::spawn(async move {
        let enqueued =
            enqueue_job(&mut two, vendor(0), None, &Once::new(1, Act::Succeed), now).await.unwrap();
        two.commit().await.unwrap();
        enqueued
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!second.is_finished(), "the second waits for the first to commit");
    one.commit().await.unwrap();
    let second = second.await.unwrap();
    assert_eq!((second.id, second.existing), (first.id, true));
    assert_eq!(db.number("SELECT count(*) FROM job_ready").await, 1);
    db.drop().await;
}

#[tokio::test]
async fn a_job_does_not_start_while_a_transaction_that_relies_on_it_is_open() {
    let db = Db::new().await;
    let probe = Probe::new();
    let clock = system_clock();
    db.enqueue(vendor(0), &Once::new(1, Act::Succeed), clock.now()).await;
    // This transaction changes something and finds the job already waiting: the run must come after the change.
    let mut change = db.vendor_tx(vendor(0)).await;
    let found =
        enqueue_job(&mut change, vendor(0), None, &Once::new(1, Act::Succeed), clock.now()).await.unwrap();
    assert!(found.existing);
    let cancel = CancellationToken::new();
    let run = {
        let (dispatcher, cancel) =
            (dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5)), cancel.clone());
        tokio::spawn(async move { dispatcher.run(cancel).await })
    };
    db.enqueue(vendor(0), &Work::new(2, Act::Succeed), clock.now()).await;
    probe.wait_started(1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(probe.order(), [2], "others run meanwhile");
    change.commit().await.unwrap();
    probe.wait_started(1).await;
    assert_eq!(probe.order(), [2, 1]);
    cancel.cancel();
    run.await.unwrap();
    db.drop().await;
}
