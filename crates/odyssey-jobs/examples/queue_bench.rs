//! Measures the queue: pick-up in process, and no-op jobs a second with 100,000 waiting in 50 vendors of which one
//! holds 95 %, caps and turns on, alone and beside a transaction held open.
//!
//! `cargo run -p odyssey-jobs --example queue_bench [-- JOBS [WORKERS [CAP [BATCH]]]]`; the server is that of the tests
//! (`ODYSSEY_TEST_DATABASE_URL`, or a throw-away one without fsync).

#[path = "../tests/support/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod support;

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use odyssey_jobs::{
    Dispatcher, Job, JobContext, JobError, JobOutcome, LaneOptions, NewJob, Options, Registry, enqueue_job,
    enqueue_many,
};
use serde::{Deserialize, Serialize};
use sqlx::Executor;
use support::{Db, system_clock};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

#[derive(Debug, Serialize, Deserialize)]
struct Followed {
    n: u32,
}

impl Job for Followed {
    const KIND: &'static str = "followed";
}

#[derive(Debug, Serialize, Deserialize)]
struct Unfollowed {
    n: u32,
}

impl Job for Unfollowed {
    const KIND: &'static str = "unfollowed";
    const FOLLOWED: bool = false;
}

/// When each numbered job started.
#[derive(Debug, Default)]
struct Starts(Mutex<Vec<(u32, Instant)>>);

impl Starts {
    fn note(&self, n: u32) {
        self.0.lock().expect("no holder panics").push((n, Instant::now()));
    }

    fn count(&self) -> usize {
        self.0.lock().expect("no holder panics").len()
    }
}

async fn followed(starts: Arc<Starts>, _: JobContext, job: Followed) -> Result<JobOutcome, JobError> {
    starts.note(job.n);
    Ok(JobOutcome::COMPLETED)
}

async fn unfollowed(starts: Arc<Starts>, _: JobContext, job: Unfollowed) -> Result<JobOutcome, JobError> {
    starts.note(job.n);
    Ok(JobOutcome::COMPLETED)
}

fn dispatcher(db: &Db, starts: &Arc<Starts>, lane: LaneOptions) -> Dispatcher<Starts> {
    let registry = Registry::new().register(followed).register(unfollowed);
    let options = Options { lanes: vec![lane], listen: true, ..Options::default() };
    let (pool, wake) = (db.pool.clone(), db.wake.clone());
    Dispatcher::new(pool, Arc::clone(starts), registry, wake, system_clock(), options)
        .expect("the options are sound")
}

#[tokio::main]
async fn main() {
    let figures: Vec<usize> = std::env::args().skip(1).filter_map(|figure| figure.parse().ok()).collect();
    let figure = |place: usize, default| figures.get(place).copied().unwrap_or(default);
    let lane = LaneOptions {
        name: "default",
        workers: figure(1, 8),
        vendor_cap: figure(2, 200),
        claim_batch: figure(3, 100),
        lease_seconds: None,
    };
    println!("lane: {lane:?}");
    pick_up(lane).await;
    let jobs = figure(0, 100_000);
    for held_open in [false, true] {
        throughput::<Unfollowed>("unfollowed", jobs, held_open, lane, |n| Unfollowed { n }).await;
        throughput::<Followed>("followed", jobs, held_open, lane, |n| Followed { n }).await;
    }
}

/// From the commit of an enqueue to the first line of the handler, one job at a time on an idle queue.
async fn pick_up(lane: LaneOptions) {
    let db = Db::new().await;
    let starts = Arc::new(Starts::default());
    let cancel = CancellationToken::new();
    let dispatcher = dispatcher(&db, &starts, lane);
    let run = {
        let cancel = cancel.clone();
        tokio::spawn(async move { dispatcher.run(cancel).await })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut waits_us = Vec::new();
    for n in 0..300_u32 {
        let vendor_id = Uuid::from_u128(u128::from(n % 50) + 1);
        let mut tx = db.vendor_tx(vendor_id).await;
        let enqueued = enqueue_job(&mut tx, vendor_id, None, &Followed { n }, system_clock().now()).await;
        tx.commit().await.expect("the enqueue commits");
        let committed = Instant::now();
        db.wake.enqueued(&enqueued.expect("the job is enqueued"));
        while starts.count() <= n as usize {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let started = starts.0.lock().expect("no holder panics")[n as usize].1;
        waits_us.push(started.saturating_duration_since(committed).as_micros());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    waits_us.sort_unstable();
    let at = |share: usize| waits_us[(waits_us.len() - 1) * share / 100] as f64 / 1000.0;
    println!(
        "pick-up in process, followed job: p50 {:.2} ms, p95 {:.2} ms, max {:.2} ms",
        at(50),
        at(95),
        at(100)
    );
    cancel.cancel();
    run.await.expect("the dispatcher ends");
    db.drop().await;
}

async fn throughput<J: Job>(name: &str, jobs: usize, held_open: bool, lane: LaneOptions, make: fn(u32) -> J) {
    let db = Db::new().await;
    let now = system_clock().now();
    let all: Vec<NewJob> = (0..jobs)
        .map(|n| {
            let vendor_n = if n % 100 < 95 { 1 } else { 2 + (n / 20) % 49 };
            NewJob::of(Uuid::from_u128(vendor_n as u128), None, &make(n as u32), now)
                .expect("the payload serialises")
        })
        .collect();
    let enqueuing = Instant::now();
    for chunk in all.chunks(5000) {
        let mut tx = db.platform_tx().await;
        enqueue_many(&mut tx, chunk.to_vec()).await.expect("the jobs are enqueued");
        tx.commit().await.expect("the enqueue commits");
    }
    let enqueued_s = enqueuing.elapsed().as_secs_f64();
    let mut admin = db.admin().await;
    admin.execute("ANALYZE odyssey.job_ready").await.expect("statistics are taken");
    if held_open {
        admin
            .execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM odyssey.jobs")
            .await
            .expect("a snapshot is held");
    }
    let starts = Arc::new(Starts::default());
    let cancel = CancellationToken::new();
    let dispatcher = dispatcher(&db, &starts, lane);
    let began = Instant::now();
    let run = {
        let cancel = cancel.clone();
        tokio::spawn(async move { dispatcher.run(cancel).await })
    };
    while starts.count() < jobs {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took_s = began.elapsed().as_secs_f64();
    let halves = {
        let starts = starts.0.lock().expect("no holder panics");
        let middle = (starts[jobs / 2].1 - began).as_secs_f64();
        (jobs as f64 / 2.0 / middle, jobs as f64 / 2.0 / (took_s - middle))
    };
    cancel.cancel();
    let report = run.await.expect("the dispatcher ends");
    let beside = if held_open { "beside an open transaction" } else { "alone" };
    println!(
        "{jobs} {name} no-op jobs, {beside}: {:.0} a second (first half {:.0}, second half {:.0}); enqueued {:.0} a second; completed {}",
        jobs as f64 / took_s,
        halves.0,
        halves.1,
        jobs as f64 / enqueued_s,
        report.completed
    );
    drop(admin);
    db.drop().await;
}
