//! Many jobs changed at once: each by a step that its state allows.

use std::sync::Arc;

use chrono::TimeDelta;
use odyssey_jobs::{
    ActFilter, CancelOutcome, JobAct, JobState, cancel, cancel_many, count_for, delete_many, find_for, get,
    lock_for, open_receiving, revive_many,
};
use sqlx::Connection;
use uuid::Uuid;

use crate::harness::*;

async fn retry(db: &Db, id: Uuid) -> usize {
    let mut tx = db.vendor_tx(vendor(0)).await;
    let ids = lock_for(&mut tx, vendor(0), JobAct::Retry, &[id]).await.unwrap();
    let revived = revive_many(&mut tx, vendor(0), &ids, noon()).await.unwrap();
    tx.commit().await.unwrap();
    revived.iter().for_each(|it| db.wake.enqueued(it));
    revived.len()
}

async fn cancel_one(db: &Db, id: Uuid) {
    let mut tx = db.vendor_tx(vendor(0)).await;
    cancel(&mut tx, vendor(0), id, noon()).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_retry_runs_a_failed_job_again_with_all_its_attempts_and_once() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (_, clock) = fixed_clock();
    let job = db.enqueue(vendor(0), &OnlyOne::new(1, Act::Fail), clock.now()).await;
    let worker = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
    assert_eq!(worker.run_until_empty().await.unwrap().failed, 1);
    assert_eq!(retry(&db, job.id).await, 1);
    assert_eq!(retry(&db, job.id).await, 0, "it waits already");
    let record = db.job(vendor(0), job.id).await;
    assert_eq!((record.state, record.attempt, record.error_code), (JobState::Queued, 0, None));
    assert_eq!(worker.run_until_empty().await.unwrap().failed, 1);
    assert_eq!(db.number("SELECT count(*) FROM job_dead").await, 1);
    db.drop().await;
}

#[tokio::test]
async fn a_canceled_job_that_no_worker_has_dropped_yet_is_in_the_queue_once_when_it_is_retried() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (_, clock) = fixed_clock();
    let worker = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
    for dropped in [false, true] {
        let job = db.enqueue(vendor(0), &Work::new(1, Act::Succeed), clock.now()).await;
        cancel_one(&db, job.id).await;
        if dropped {
            assert_eq!(worker.run_until_empty().await.unwrap().canceled, 1);
        }
        assert_eq!(retry(&db, job.id).await, 1);
        assert_eq!(db.number("SELECT count(*) FROM job_ready").await, 1, "dropped: {dropped}");
        assert_eq!(worker.run_until_empty().await.unwrap().completed, 1);
        assert_eq!(probe.successes.lock().unwrap()[&job.id], 1);
        assert_eq!(db.unfinished().await, 0);
    }
    db.drop().await;
}

#[tokio::test]
async fn a_worker_that_was_about_to_drop_a_canceled_job_hands_it_back_when_it_was_retried() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (_, clock) = fixed_clock();
    let job = db.enqueue(vendor(0), &Work::new(1, Act::Succeed), clock.now()).await;
    cancel_one(&db, job.id).await;
    // A worker has claimed the row and seen that the job has ended.
    let mut admin = db.admin().await;
    let mut tx = admin.begin().await.unwrap();
    sqlx::query("SET LOCAL search_path = odyssey").execute(&mut *tx).await.unwrap();
    sqlx::query(
        "INSERT INTO job_leases (lane, worker, claimed_at, until, vendor_ids, prios, ready_ids)
         SELECT lane, gen_random_uuid(), ready_at, ready_at + interval '1 minute', ARRAY[vendor_id], ARRAY[prio], ARRAY[id]
         FROM job_ready",
    )
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(retry(&db, job.id).await, 1);
    let settled: bool = sqlx::query_scalar(
        "SELECT odyssey.job_settle(l.id, now(), l.vendor_ids, l.prios, l.ready_ids, ARRAY[$1::uuid], ARRAY[1::smallint],
             ARRAY['drop'], ARRAY['queued'], ARRAY[NULL::timestamptz], ARRAY[NULL::jsonb], ARRAY[NULL::text], ARRAY[NULL::text])
         FROM odyssey.job_leases l",
    )
    .bind(job.id)
    .fetch_one(&mut admin)
    .await
    .unwrap();
    assert!(settled);
    assert_eq!(db.number("SELECT count(*) FROM job_ready").await, 1, "it is still in the queue");
    let worker = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5));
    assert_eq!(worker.run_until_empty().await.unwrap().completed, 1);
    drop(admin);
    db.drop().await;
}

#[tokio::test]
async fn a_filter_chooses_only_what_the_act_may_change_oldest_first() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (hands, clock) = fixed_clock();
    let mut ids = Vec::new();
    for act in [Act::Succeed, Act::Fail, Act::Fail] {
        ids.push(db.enqueue(vendor(0), &Work::new(0, act), clock.now()).await.id);
        hands.advance(TimeDelta::seconds(10));
    }
    db.enqueue(vendor(1), &Work::new(0, Act::Fail), clock.now()).await;
    dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5)).run_until_empty().await.unwrap();
    ids.push(db.enqueue(vendor(0), &Urgent::new(0, Act::Succeed), clock.now()).await.id);
    let mut tx = db.vendor_tx(vendor(0)).await;
    let mut chosen = async |act, filter: ActFilter<'_>| -> Vec<Uuid> {
        let found = find_for(&mut tx, vendor(0), act, filter, 100).await.unwrap();
        let count = count_for(&mut tx, vendor(0), act, filter).await.unwrap();
        assert_eq!(count as usize, found.len());
        found.into_iter().map(|job| job.id).collect()
    };
    let all = ActFilter::default();
    assert_eq!(chosen(JobAct::Redrive, all).await, ids[1..3]);
    assert_eq!(chosen(JobAct::Cancel, all).await, ids[3..]);
    assert_eq!(chosen(JobAct::Delete, all).await, ids[..3]);
    assert_eq!(chosen(JobAct::Delete, ActFilter { state: Some(JobState::Completed), ..all }).await, ids[..1]);
    assert!(chosen(JobAct::Delete, ActFilter { state: Some(JobState::Queued), ..all }).await.is_empty());
    assert_eq!(chosen(JobAct::Cancel, ActFilter { kind: Some("urgent"), ..all }).await, ids[3..]);
    assert!(chosen(JobAct::Cancel, ActFilter { lane: Some("other"), ..all }).await.is_empty());
    let early = ActFilter { created_before: Some(noon() + TimeDelta::seconds(20)), ..all };
    assert_eq!(chosen(JobAct::Redrive, early).await, ids[1..2]);
    let late = ActFilter { created_from: Some(noon() + TimeDelta::seconds(20)), ..all };
    assert_eq!(chosen(JobAct::Redrive, late).await, ids[2..3]);
    assert_eq!(chosen(JobAct::Redrive, ActFilter { after: Some(ids[1]), ..all }).await, ids[2..3]);
    assert_eq!(chosen(JobAct::Redrive, ActFilter { ids: Some(&ids[..2]), ..all }).await, ids[1..2]);
    drop(tx);
    db.drop().await;
}

#[tokio::test]
async fn canceling_many_ends_what_waits_and_asks_what_runs() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (_, clock) = fixed_clock();
    let running = db.enqueue(vendor(0), &Work::new(0, Act::UntilStopped), clock.now()).await.id;
    let worker = dispatcher(&db, &probe, Arc::clone(&clock), options(1, 4, 1));
    let run = tokio::spawn(async move { worker.run_until_empty().await });
    probe.wait_started(1).await;
    let waiting = db.enqueue(vendor(0), &OnlyOne::new(1, Act::Succeed), clock.now()).await.id;
    let mut tx = db.vendor_tx(vendor(0)).await;
    let ids = lock_for(&mut tx, vendor(0), JobAct::Cancel, &[running, waiting]).await.unwrap();
    let mut outcomes = cancel_many(&mut tx, vendor(0), &ids, clock.now()).await.unwrap();
    outcomes.sort_by_key(|(id, _)| *id != running);
    assert_eq!(outcomes, [(running, CancelOutcome::Requested), (waiting, CancelOutcome::Canceled)]);
    let again = count_for(&mut tx, vendor(0), JobAct::Cancel, ActFilter::default()).await.unwrap();
    assert_eq!(again, 0, "what was asked already is not asked again");
    tx.commit().await.unwrap();
    db.wake.stop_requested();
    assert_eq!(run.await.unwrap().unwrap().canceled, 2);
    assert_eq!(db.unfinished().await, 0);
    db.drop().await;
}

#[tokio::test]
async fn deleting_many_takes_ended_jobs_with_their_letters_and_no_vendor_can_delete_another_job() {
    let db = Db::new().await;
    let probe = Probe::new();
    let (_, clock) = fixed_clock();
    let failed = db.enqueue(vendor(0), &Work::new(0, Act::Fail), clock.now()).await.id;
    let theirs = db.enqueue(vendor(1), &Work::new(0, Act::Fail), clock.now()).await.id;
    dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5)).run_until_empty().await.unwrap();
    let waiting = db.enqueue(vendor(0), &Work::new(1, Act::Succeed), clock.now()).await.id;
    let canceled = db.enqueue(vendor(0), &Work::new(2, Act::Succeed), clock.now()).await.id;
    cancel_one(&db, canceled).await;
    let everything = [failed, theirs, waiting, canceled];
    let mut tx = db.vendor_tx(vendor(0)).await;
    let locked = lock_for(&mut tx, vendor(0), JobAct::Delete, &everything).await.unwrap();
    let mut ended = vec![failed, canceled];
    ended.sort_unstable();
    assert_eq!(locked, ended);
    // The statement and the database's policy each keep what has not ended.
    let mut deleted = delete_many(&mut tx, vendor(0), &everything).await.unwrap();
    deleted.sort_unstable();
    assert_eq!(deleted, ended);
    let unfinished = sqlx::query("DELETE FROM jobs").execute(&mut *tx).await.unwrap();
    assert_eq!(unfinished.rows_affected(), 0);
    tx.commit().await.unwrap();
    assert_eq!(db.number("SELECT count(*) FROM job_dead").await, 1, "the other vendor's");
    // The row that the canceled one left in the queue is dropped by whoever claims it.
    let report = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 4, 5)).run_until_empty().await;
    assert_eq!(report.unwrap().completed, 1);
    assert_eq!(db.unfinished().await, 0);
    let mut tx = db.vendor_tx(vendor(0)).await;
    assert!(get(&mut tx, vendor(0), failed).await.unwrap().is_none());
    drop(tx);
    db.drop().await;
}

#[tokio::test]
async fn what_somebody_holds_is_left_out_and_waited_for_by_nobody() {
    let db = Db::new().await;
    let (_, clock) = fixed_clock();
    let new = odyssey_jobs::NewJob::of(vendor(0), None, &Work::new(1, Act::Succeed), clock.now()).unwrap();
    let mut tx = db.vendor_tx(vendor(0)).await;
    let held = open_receiving(&mut tx, new).await.unwrap().id;
    tx.commit().await.unwrap();
    let free = db.enqueue(vendor(0), &Work::new(2, Act::Succeed), clock.now()).await.id;
    let mut holder = db.vendor_tx(vendor(0)).await;
    lock_for(&mut holder, vendor(0), JobAct::Cancel, &[held]).await.unwrap();
    let mut tx = db.vendor_tx(vendor(0)).await;
    assert_eq!(lock_for(&mut tx, vendor(0), JobAct::Cancel, &[held, free]).await.unwrap(), [free]);
    drop((tx, holder));
    db.drop().await;
}
