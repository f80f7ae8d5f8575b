//! The process's side of the queue: claims, runs and settles jobs until it is told to stop.
//!
//! Owns: nothing that outlives the process. Promises: see the crate. One loop for each lane, and beside them the
//! keeper's tasks (heartbeats, stops, upkeep, listening), all of which end with [`Dispatcher::run`].

mod claim;
mod hints;
mod intake;
mod keeper;
mod lane;
mod lanes;
mod ledger;
mod runner;
mod settle;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use odyssey_types::Clock;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::context::{Lease, Stop};
use crate::schedule::{self, Schedule};
use crate::{Backoff, DEFAULT_LANE, QueueError, Registry, Wake};
use lane::Lane;
use lanes::{LaneStats, Limits};

/// The workers of one lane in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneOptions {
    pub name: &'static str,
    /// Jobs that run at once in this process.
    pub workers: usize,
    /// Jobs of one vendor that may be claimed at once, over all processes.
    pub vendor_cap: usize,
    /// The most jobs of one claim. More are claimed than workers are free only while jobs take milliseconds.
    pub claim_batch: usize,
    /// Another length of lease than [`Options::lease_seconds`]: a lane of long work wants a short one, since it
    /// says how long a crash keeps the work waiting.
    pub lease_seconds: Option<u32>,
}

/// How a process works the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub lanes: Vec<LaneOptions>,
    /// How long a claim stays valid without a heartbeat; heartbeats come three times as often as the shortest
    /// lease of any lane asks for. Clocks of processes may differ by a third of it.
    pub lease_seconds: u32,
    /// How often an idle lane looks at the tables, and how often delayed jobs, schedules and leases are seen to.
    pub poll_interval: Duration,
    /// How often a busy lane looks for what its hints hide.
    pub sweep_interval: Duration,
    /// How long a running job may go on after it was asked to stop (cancel, pause, shutdown).
    pub drain: Duration,
    /// Seed of the jitter; `None` takes one from the system.
    pub rng_seed: Option<u64>,
    /// Whether to hear other processes (keeps one connection of the pool).
    pub listen: bool,
}

impl Default for Options {
    /// One lane of eight workers; lease 60 s, poll 1 s, sweep 10 s, drain 20 s.
    fn default() -> Self {
        Self {
            lanes: vec![LaneOptions {
                name: DEFAULT_LANE,
                workers: 8,
                vendor_cap: 4,
                claim_batch: 50,
                lease_seconds: None,
            }],
            lease_seconds: 60,
            poll_interval: Duration::from_secs(1),
            sweep_interval: Duration::from_secs(10),
            drain: Duration::from_secs(20),
            rng_seed: None,
            listen: true,
        }
    }
}

impl Options {
    /// Of a claim in this lane.
    fn lease_length(&self, lane: &LaneOptions) -> TimeDelta {
        TimeDelta::seconds(i64::from(lane.lease_seconds.unwrap_or(self.lease_seconds)))
    }

    /// Between two heartbeats.
    fn heartbeat_interval(&self) -> Duration {
        let leases = self.lanes.iter().map(|lane| lane.lease_seconds.unwrap_or(self.lease_seconds));
        Duration::from_secs(u64::from(leases.min().unwrap_or(self.lease_seconds))) / 3
    }
}

/// What became of the jobs that a dispatcher ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunReport {
    pub completed: u64,
    pub canceled: u64,
    pub retried: u64,
    /// Became dead letters.
    pub failed: u64,
    /// Wait: requeued or paused.
    pub waiting: u64,
    /// Handed back unfinished.
    pub released: u64,
    /// Ended without a lease, so without a record.
    pub lost: u64,
}

impl RunReport {
    fn add(&mut self, other: Self) {
        self.completed += other.completed;
        self.canceled += other.canceled;
        self.retried += other.retried;
        self.failed += other.failed;
        self.waiting += other.waiting;
        self.released += other.released;
        self.lost += other.lost;
    }
}

/// Runs the kinds of a registry.
pub struct Dispatcher<C> {
    shared: Arc<Shared<C>>,
}

impl<C: Send + Sync + 'static> Dispatcher<C> {
    /// `pool` is connected as a login that may take the role `odyssey_platform`, with `search_path` at the queue's
    /// schema. It should hold two connections for each lane and three more.
    pub fn new(
        pool: PgPool,
        app: Arc<C>,
        mut registry: Registry<C>,
        wake: Wake,
        clock: Arc<dyn Clock>,
        options: Options,
    ) -> Result<Self, QueueError> {
        for handler in registry.handlers.values() {
            if !options.lanes.iter().any(|lane| lane.name == handler.lane) {
                return Err(QueueError::LaneWithoutWorkers { kind: handler.kind, lane: handler.lane });
            }
        }
        for lane in &options.lanes {
            if lane.workers == 0 || lane.vendor_cap == 0 || lane.claim_batch == 0 {
                return Err(QueueError::EmptyLane { lane: lane.name });
            }
        }
        let mut rng = options.rng_seed.map_or_else(StdRng::from_os_rng, StdRng::seed_from_u64);
        // Not from the seed: two dispatchers of one seed are still two workers.
        let worker = Uuid::from_u128(rand::rng().random());
        let schedules = Arc::new(std::mem::take(&mut registry.schedules));
        rng = StdRng::from_rng(&mut rng);
        let stats = options.lanes.iter().map(|lane| (lane.name, LaneStats::default())).collect();
        let shared = Shared {
            pool,
            app,
            registry,
            schedules,
            wake,
            clock,
            options,
            worker,
            tasks: Mutex::default(),
            rng: Mutex::new(rng),
            limits: watch::Sender::default(),
            stats,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Works until `cancel`, then drains: claims nothing more, asks what runs to stop, gives it the drain time,
    /// hands back the rest. Dropping the future instead leaves running jobs to the expiry of their leases.
    pub async fn run(&self, cancel: CancellationToken) -> RunReport {
        let keeping = CancellationToken::new();
        lanes::read_or_warn(&self.shared).await;
        let mut keepers = self.keepers(&keeping);
        let mut lanes = JoinSet::new();
        for options in &self.shared.options.lanes {
            let lane = Lane::new(Arc::clone(&self.shared), *options);
            lanes.spawn(lane.run(cancel.clone()));
        }
        let mut report = RunReport::default();
        while let Some(lane) = lanes.join_next().await {
            match lane {
                Ok(lane_report) => report.add(lane_report),
                Err(error) => tracing::error!(error = %error, "A lane of the queue ended by a panic"),
            }
        }
        // Heartbeats go on until the last job is settled.
        keeping.cancel();
        while keepers.join_next().await.is_some() {}
        report
    }

    /// Runs everything that may run now, delayed jobs that are due included, until nothing is left; for tests and
    /// one-off tools, on whatever clock the dispatcher was given. Jobs of paused vendors and those that wait for a
    /// later time stay. Schedules do not fire; see [`Dispatcher::fire_schedules`].
    pub async fn run_until_empty(&self) -> Result<RunReport, QueueError> {
        let keeping = CancellationToken::new();
        lanes::read_limits(&self.shared).await?;
        let mut keepers = JoinSet::new();
        keepers.spawn(keeper::keep_leases(Arc::clone(&self.shared), keeping.clone()));
        keepers.spawn(keeper::watch_stops(Arc::clone(&self.shared), keeping.clone()));
        let mut report = RunReport::default();
        loop {
            keeper::reap(&self.shared).await?;
            while !claim::promote(&self.shared.pool, self.shared.clock.now()).await?.is_empty() {}
            let mut ran = false;
            for options in &self.shared.options.lanes {
                let mut lane = Lane::new(Arc::clone(&self.shared), *options);
                ran |= lane.run_until_empty().await?;
                report.add(lane.report());
            }
            if !ran {
                break;
            }
        }
        keeping.cancel();
        Ok(report)
    }

    /// Enqueues the schedules that are due now; says how many.
    pub async fn fire_schedules(&self) -> Result<usize, QueueError> {
        let fired = schedule::fire_due(
            &self.shared.pool,
            Arc::clone(&self.shared.schedules),
            self.shared.clock.now(),
        )
        .await?;
        for enqueued in &fired {
            self.shared.wake.enqueued(enqueued);
        }
        Ok(fired.len())
    }

    /// Takes back the leases that have run out; says how many. [`Dispatcher::run`] does so each poll interval.
    pub async fn reap_expired(&self) -> Result<usize, QueueError> {
        keeper::reap(&self.shared).await
    }

    fn keepers(&self, cancel: &CancellationToken) -> JoinSet<()> {
        let mut keepers = JoinSet::new();
        keepers.spawn(keeper::keep_leases(Arc::clone(&self.shared), cancel.clone()));
        keepers.spawn(keeper::watch_stops(Arc::clone(&self.shared), cancel.clone()));
        keepers.spawn(keeper::upkeep(Arc::clone(&self.shared), cancel.clone()));
        keepers.spawn(lanes::watch_limits(Arc::clone(&self.shared), cancel.clone()));
        keepers.spawn(lanes::report(Arc::clone(&self.shared), cancel.clone()));
        keepers.spawn(crate::run_notifier(
            self.shared.pool.clone(),
            self.shared.wake.clone(),
            cancel.clone(),
        ));
        if self.shared.options.listen {
            keepers.spawn(keeper::listen(Arc::clone(&self.shared), cancel.clone()));
        }
        keepers
    }
}

impl<C> fmt::Debug for Dispatcher<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher").field("worker", &self.shared.worker).finish_non_exhaustive()
    }
}

/// What lanes, runs and keepers share.
struct Shared<C> {
    pool: PgPool,
    app: Arc<C>,
    registry: Registry<C>,
    schedules: Arc<Vec<Schedule>>,
    wake: Wake,
    clock: Arc<dyn Clock>,
    options: Options,
    worker: Uuid,
    tasks: Mutex<Tasks>,
    rng: Mutex<StdRng>,
    /// What somebody decided about the lanes, as read last.
    limits: watch::Sender<Arc<Limits>>,
    stats: BTreeMap<&'static str, LaneStats>,
}

/// The leases that this process holds and the jobs that run under them.
#[derive(Debug, Default)]
struct Tasks {
    leases: BTreeMap<i64, Arc<Lease>>,
    followed: HashMap<Uuid, Arc<Stop>>,
}

impl<C> Shared<C> {
    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leases(&self) -> Vec<Arc<Lease>> {
        self.tasks().leases.values().cloned().collect()
    }

    fn holds(&self, lease_id: i64) -> bool {
        self.tasks().leases.contains_key(&lease_id)
    }

    fn followed(&self) -> HashMap<Uuid, Arc<Stop>> {
        self.tasks().followed.clone()
    }

    fn wait(&self, backoff: Backoff, attempt: i16) -> TimeDelta {
        backoff.wait(attempt, &mut *self.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
