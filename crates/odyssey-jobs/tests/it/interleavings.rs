//! Random lives of a queue: whatever happens in whatever order, every job ends, once.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;
use odyssey_jobs::{
    CancelOutcome, JobAct, JobState, cancel, enqueue_job_at, lock_for, pause_job, pause_vendor, resume_job,
    resume_vendor, revive_many,
};
use odyssey_types::Clock;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use uuid::Uuid;

use crate::harness::*;

/// One thing that happens to the queue.
#[derive(Debug, Clone)]
enum Event {
    Enqueue {
        vendor: u128,
        act: Act,
        delay_s: i64,
        urgent: bool,
    },
    /// A process claims, starts, and is killed.
    Kill,
    Run,
    Reap,
    Advance(i64),
    Cancel(prop::sample::Index),
    Retry(prop::sample::Index),
    PauseJob(prop::sample::Index),
    ResumeJob(prop::sample::Index),
    PauseVendor(u128),
    ResumeVendor(u128),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let acts = prop_oneof![
        4 => Just(Act::Succeed),
        2 => (1_i16..5).prop_map(Act::RetryTimes),
        1 => Just(Act::Fail),
        1 => Just(Act::Panic),
    ];
    let enqueue = (0_u128..3, acts, prop_oneof![3 => Just(0_i64), 1 => 1_i64..100], any::<bool>())
        .prop_map(|(vendor, act, delay_s, urgent)| Event::Enqueue { vendor, act, delay_s, urgent });
    let event = prop_oneof![
        8 => enqueue,
        2 => Just(Event::Kill),
        3 => Just(Event::Run),
        2 => Just(Event::Reap),
        3 => (1_i64..80).prop_map(Event::Advance),
        1 => any::<prop::sample::Index>().prop_map(Event::Cancel),
        1 => any::<prop::sample::Index>().prop_map(Event::Retry),
        1 => any::<prop::sample::Index>().prop_map(Event::PauseJob),
        1 => any::<prop::sample::Index>().prop_map(Event::ResumeJob),
        1 => (0_u128..3).prop_map(Event::PauseVendor),
        1 => (0_u128..3).prop_map(Event::ResumeVendor),
    ];
    prop::collection::vec(event, 5..25)
}

/// Cases of the property; each lives through up to 25 events on a database of its own.
const CASES: u32 = 24;

#[test]
fn whatever_happens_every_job_ends_exactly_once() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config =
        Config { cases: CASES, max_shrink_iters: 40, failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(&events(), |events| runtime.block_on(live(events))).unwrap();
}

async fn live(events: Vec<Event>) -> Result<(), TestCaseError> {
    let db = Db::new().await;
    let probe = Probe::new();
    let (hands, clock) = fixed_clock();
    let worker = dispatcher(&db, &probe, Arc::clone(&clock), options(3, 2, 4));
    let mut jobs: Vec<(u128, Uuid, Act)> = Vec::new();
    let mut canceled: HashMap<Uuid, CancelOutcome> = HashMap::new();
    for event in events {
        let now = clock.now();
        match event {
            Event::Enqueue { vendor: n, act, delay_s, urgent } => {
                let mut tx = db.vendor_tx(vendor(n)).await;
                let run_at = now + TimeDelta::seconds(delay_s);
                let enqueued = if urgent {
                    enqueue_job_at(&mut tx, vendor(n), None, &Urgent::new(0, act.clone()), run_at, now)
                        .await
                        .unwrap()
                } else {
                    enqueue_job_at(&mut tx, vendor(n), None, &Work::new(0, act.clone()), run_at, now)
                        .await
                        .unwrap()
                };
                tx.commit().await.unwrap();
                jobs.push((n, enqueued.id, act));
            }
            Event::Kill => {
                probe.hang.store(true, Ordering::SeqCst);
                let doomed = dispatcher(&db, &probe, Arc::clone(&clock), options(2, 2, 4));
                let run = tokio::spawn(async move { doomed.run_until_empty().await });
                tokio::time::sleep(Duration::from_millis(40)).await;
                run.abort();
                let _ended = run.await;
                probe.hang.store(false, Ordering::SeqCst);
            }
            Event::Run => {
                worker.run_until_empty().await.unwrap();
            }
            Event::Reap => {
                worker.reap_expired().await.unwrap();
            }
            Event::Advance(seconds) => hands.advance(TimeDelta::seconds(seconds)),
            Event::PauseVendor(n) => {
                let mut tx = db.vendor_tx(vendor(n)).await;
                pause_vendor(&mut tx, vendor(n), None, now).await.unwrap();
                tx.commit().await.unwrap();
            }
            Event::ResumeVendor(n) => {
                let mut tx = db.vendor_tx(vendor(n)).await;
                resume_vendor(&mut tx, vendor(n)).await.unwrap();
                tx.commit().await.unwrap();
            }
            Event::Cancel(_) | Event::Retry(_) | Event::PauseJob(_) | Event::ResumeJob(_)
                if jobs.is_empty() => {}
            Event::Cancel(index) => {
                let (n, id, _) = index.get(&jobs);
                let mut tx = db.vendor_tx(vendor(*n)).await;
                let outcome = cancel(&mut tx, vendor(*n), *id, now).await.unwrap().unwrap();
                tx.commit().await.unwrap();
                if outcome != CancelOutcome::AlreadyFinished {
                    canceled.insert(*id, outcome);
                }
            }
            Event::Retry(index) => {
                let (n, id, _) = index.get(&jobs);
                let mut tx = db.vendor_tx(vendor(*n)).await;
                let ids = lock_for(&mut tx, vendor(*n), JobAct::Retry, &[*id]).await.unwrap();
                for revived in revive_many(&mut tx, vendor(*n), &ids, now).await.unwrap() {
                    canceled.remove(&revived.id);
                }
                tx.commit().await.unwrap();
            }
            Event::PauseJob(index) => {
                let (n, id, _) = index.get(&jobs);
                let mut tx = db.vendor_tx(vendor(*n)).await;
                pause_job(&mut tx, vendor(*n), *id, now).await.unwrap();
                tx.commit().await.unwrap();
            }
            Event::ResumeJob(index) => {
                let (n, id, _) = index.get(&jobs);
                let mut tx = db.vendor_tx(vendor(*n)).await;
                resume_job(&mut tx, vendor(*n), *id, now).await.unwrap();
                tx.commit().await.unwrap();
            }
        }
    }
    settle_down(&db, &hands, &worker, &jobs).await;
    let verdict = judge(&db, &probe, &jobs, &canceled).await;
    db.drop().await;
    verdict
}

/// Resumes everything and lets time pass until nothing more happens.
async fn settle_down(
    db: &Db,
    hands: &odyssey_types::FixedClock,
    worker: &odyssey_jobs::Dispatcher<Probe>,
    jobs: &[(u128, Uuid, Act)],
) {
    for n in 0..3 {
        let mut tx = db.vendor_tx(vendor(n)).await;
        resume_vendor(&mut tx, vendor(n)).await.unwrap();
        tx.commit().await.unwrap();
    }
    for (n, id, _) in jobs {
        let mut tx = db.vendor_tx(vendor(*n)).await;
        resume_job(&mut tx, vendor(*n), *id, hands.now()).await.unwrap();
        tx.commit().await.unwrap();
    }
    for _ in 0..8 {
        hands.advance(TimeDelta::seconds(200));
        worker.run_until_empty().await.unwrap();
    }
}

async fn judge(
    db: &Db,
    probe: &Probe,
    jobs: &[(u128, Uuid, Act)],
    canceled: &HashMap<Uuid, CancelOutcome>,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(db.unfinished().await, 0, "nothing waits or runs");
    for (n, id, act) in jobs {
        let record = db.job(vendor(*n), *id).await;
        let successes = probe.successes.lock().unwrap().get(id).copied().unwrap_or(0);
        match record.state {
            JobState::Completed => prop_assert_eq!(successes, 1, "a completed job succeeded once"),
            JobState::Failed => {
                prop_assert_eq!(successes, 0);
                prop_assert!(record.attempt == record.attempts_max || *act == Act::Fail);
            }
            JobState::Canceled => {
                prop_assert!(canceled.contains_key(id));
                prop_assert_eq!(successes, 0);
            }
            other => prop_assert!(false, "a job is left in state {}", other),
        }
        if canceled.get(id) == Some(&CancelOutcome::Canceled) {
            prop_assert_eq!(record.state, JobState::Canceled, "a cancel that took effect stays");
        }
    }
    for most in probe.most_running.lock().unwrap().values() {
        prop_assert!(*most <= 2, "the cap holds");
    }
    Ok(())
}
