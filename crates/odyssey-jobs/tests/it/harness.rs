//! One kind of work whose behaviour the test chooses, and what became of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use odyssey_jobs::{
    Backoff, Dispatcher, Job, JobContext, JobError, JobOutcome, JobVerdict, LaneOptions, Options, Priority,
    Registry, UniqueUntil,
};
use odyssey_types::{Clock, FixedClock};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use uuid::Uuid;

pub use crate::support::{Db, system_clock};

/// What a run does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    Succeed,
    Sleep(u64),
    /// Waits for [`Probe::gate`], deaf to requests to stop.
    Gate,
    /// The same in the first attempt; later ones succeed.
    GateFirst,
    /// Waits to be asked to stop, then says so.
    UntilStopped,
    /// Fails this many times, worth a retry each.
    RetryTimes(i16),
    Fail,
    Panic,
    /// Never returns.
    Hang,
    PauseOnce,
    PauseOnceFor,
    RequeueOnce,
}

macro_rules! kinds {
    ($($name:ident, $kind:literal, { $($item:tt)* })+) => {$(
        #[derive(Debug, Clone, Serialize, Deserialize)]
        pub struct $name {
            pub n: u32,
            pub act: Act,
        }
        impl Job for $name {
            const KIND: &'static str = $kind;
            const ATTEMPTS_MAX: i16 = 3;
            const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), max: Duration::from_millis(400) };
            $($item)*
        }
        impl $name {
            pub fn new(n: u32, act: Act) -> Self {
                Self { n, act }
            }
        }
    )+};
}

kinds! {
    Work, "work", {}
    Quiet, "quiet", { const FOLLOWED: bool = false; }
    Urgent, "urgent", { const PRIORITY: Priority = Priority::Urgent; }
    High, "high", { const PRIORITY: Priority = Priority::High; }
    Low, "low", { const PRIORITY: Priority = Priority::Low; }
    Once, "once", {
        const UNIQUE: bool = true;
        fn unique_key(&self) -> Option<String> { Some(self.n.to_string()) }
    }
    OnlyOne, "only-one", {
        const UNIQUE: bool = true;
        const UNIQUE_UNTIL: UniqueUntil = UniqueUntil::Finished;
        fn unique_key(&self) -> Option<String> { Some(self.n.to_string()) }
    }
    Brief, "brief", { const TIMEOUT: Duration = Duration::from_millis(50); }
}

/// One start of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    pub n: u32,
    pub vendor_id: Uuid,
    pub attempt: i16,
}

/// What handlers work with in these tests.
#[derive(Debug)]
pub struct Probe {
    pub starts: Mutex<Vec<Start>>,
    pub successes: Mutex<HashMap<Uuid, u32>>,
    now_running: Mutex<HashMap<Uuid, usize>>,
    pub most_running: Mutex<HashMap<Uuid, usize>>,
    pub gate: Semaphore,
    /// Every run hangs, as in a process that is about to be killed.
    pub hang: AtomicBool,
    pub started: Semaphore,
}

impl Probe {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            starts: Mutex::default(),
            successes: Mutex::default(),
            now_running: Mutex::default(),
            most_running: Mutex::default(),
            gate: Semaphore::new(0),
            hang: AtomicBool::new(false),
            started: Semaphore::new(0),
        })
    }

    pub fn order(&self) -> Vec<u32> {
        self.starts.lock().unwrap().iter().map(|start| start.n).collect()
    }

    /// Resolves when as many runs have started since the last call.
    pub async fn wait_started(&self, count: u32) {
        let wait = self.started.acquire_many(count);
        tokio::time::timeout(Duration::from_secs(10), wait)
            .await
            .expect("runs start in time")
            .unwrap()
            .forget();
    }

    fn enter(&self, context: &JobContext, n: u32) {
        let start = Start { n, vendor_id: context.vendor_id(), attempt: context.attempt() };
        self.starts.lock().unwrap().push(start);
        let mut running = self.now_running.lock().unwrap();
        let here = running.entry(context.vendor_id()).or_default();
        *here += 1;
        let mut most = self.most_running.lock().unwrap();
        let most = most.entry(context.vendor_id()).or_default();
        *most = (*most).max(*here);
        self.started.add_permits(1);
    }
}

/// Counts a run out however it ends.
struct Inside<'a>(&'a Probe, Uuid);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        *self.0.now_running.lock().unwrap().get_mut(&self.1).unwrap() -= 1;
    }
}

pub async fn act(probe: Arc<Probe>, context: JobContext, n: u32, act: Act) -> Result<JobOutcome, JobError> {
    probe.enter(&context, n);
    let _inside = Inside(&probe, context.vendor_id());
    if probe.hang.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    match act {
        Act::Succeed => {}
        Act::Sleep(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Act::GateFirst if context.attempt() > 1 => {}
        Act::Gate | Act::GateFirst => probe.gate.acquire().await.unwrap().forget(),
        Act::UntilStopped => {
            context.stopped().await;
            return Err(JobError::stopped());
        }
        Act::RetryTimes(times) if context.attempt() <= times => {
            return Err(JobError::retry("the other side is away").code("away").detail("try later"));
        }
        Act::RetryTimes(_) => {}
        Act::Fail => return Err(JobError::fail("there is no such thing").code("no_such_thing")),
        Act::Panic => panic!("on purpose"),
        Act::Hang => std::future::pending().await,
        Act::PauseOnce if probe.starts.lock().unwrap().len() == 1 => return Ok(JobOutcome::PAUSED),
        Act::PauseOnceFor if probe.starts.lock().unwrap().len() == 1 => {
            return Ok(JobOutcome::paused_for("weather"));
        }
        Act::RequeueOnce if probe.starts.lock().unwrap().len() == 1 => {
            return Ok(JobOutcome::new(JobVerdict::Requeue(TimeDelta::seconds(30))));
        }
        Act::PauseOnce | Act::PauseOnceFor | Act::RequeueOnce => {}
    }
    *probe.successes.lock().unwrap().entry(context.job_id()).or_default() += 1;
    Ok(JobOutcome::COMPLETED.with_totals(serde_json::json!({ "attempt": context.attempt() })))
}

pub fn registry() -> Registry<Probe> {
    Registry::new()
        .register(|probe, context, job: Work| act(probe, context, job.n, job.act))
        .register(|probe, context, job: Quiet| act(probe, context, job.n, job.act))
        .register(|probe, context, job: Urgent| act(probe, context, job.n, job.act))
        .register(|probe, context, job: High| act(probe, context, job.n, job.act))
        .register(|probe, context, job: Low| act(probe, context, job.n, job.act))
        .register(|probe, context, job: Once| act(probe, context, job.n, job.act))
        .register(|probe, context, job: OnlyOne| act(probe, context, job.n, job.act))
        .register(|probe, context, job: Brief| act(probe, context, job.n, job.act))
}

pub fn options(workers: usize, vendor_cap: usize, claim_batch: usize) -> Options {
    Options {
        lanes: vec![LaneOptions { name: "default", workers, vendor_cap, claim_batch, lease_seconds: None }],
        poll_interval: Duration::from_millis(100),
        drain: Duration::from_millis(300),
        rng_seed: Some(1),
        listen: false,
        ..Options::default()
    }
}

pub fn dispatcher(
    db: &Db,
    probe: &Arc<Probe>,
    clock: Arc<dyn Clock>,
    options: Options,
) -> Arc<Dispatcher<Probe>> {
    let pool = db.pool.clone();
    let dispatcher = Dispatcher::new(pool, Arc::clone(probe), registry(), db.wake.clone(), clock, options);
    Arc::new(dispatcher.expect("the options are sound"))
}

pub fn fixed_clock() -> (FixedClock, Arc<dyn Clock>) {
    let clock = FixedClock::at(noon());
    (clock.clone(), Arc::new(clock))
}

pub fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 2, 12, 0, 0).unwrap()
}

pub fn vendor(n: u128) -> Uuid {
    Uuid::from_u128(n + 1)
}

/// Waits until the condition holds, ten seconds at most.
pub async fn eventually<F, Fut>(what: &str, mut condition: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    for _ in 0..1000 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within ten seconds: {what}");
}
