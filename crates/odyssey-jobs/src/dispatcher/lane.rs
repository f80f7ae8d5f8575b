//! One lane's loop: keeps its workers fed, collects how runs ended, settles them lease by lease.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use uuid::Uuid;

use super::claim::{self, ClaimRequest, SweptPair};
use super::hints::Hints;
use super::intake::{Claimed, claim_and_start};
use super::lanes::{LaneLimits, Limits};
use super::ledger::{Ledger, SETTLE_WAIT};
use super::runner::{self, Task};
use super::settle::{self, Entry, Verdict};
use super::{LaneOptions, RunReport, Shared};
use crate::context::Stop;
use crate::wake::Hint;
use crate::{JobState, Priority, QueueError, StopReason};

/// Work that is claimed ahead of free workers, as time: it keeps them busy during the next claim's round trips.
const PREFETCH: Duration = Duration::from_millis(25);

/// A claimed job that no worker took within this time is handed back.
const HAND_BACK_AFTER: Duration = Duration::from_secs(1);

/// Settlements on their way at once; beyond it nothing more is claimed.
const SETTLES_MAX: usize = 4;

/// The assumed length of a job before the first was measured: long enough that nothing is claimed ahead.
const PACE_AT_START: Duration = Duration::from_millis(50);

struct Running {
    lease_id: i64,
    vendor_id: Uuid,
    job_id: Uuid,
    since: Instant,
    stop: Arc<Stop>,
}

struct Settled {
    lease_id: i64,
    /// The vendors of the entries given to it, one for each.
    given: Vec<Uuid>,
    recorded: Vec<Entry>,
}

/// A claim's answer, with its limit and the wake-ups heard before it began.
struct ClaimAnswer {
    limit: usize,
    wakes: u64,
    result: Result<Option<Claimed>, QueueError>,
}

pub(super) struct Lane<C> {
    shared: Arc<Shared<C>>,
    options: LaneOptions,
    /// What somebody decided about the lane, and the ear for another decision.
    limits: LaneLimits,
    decided: watch::Receiver<Arc<Limits>>,
    kinds: Vec<String>,
    hints: Hints,
    /// Whether a claim may find something.
    hungry: bool,
    /// Wake-ups so far: an empty claim sates the lane only if none came while it ran.
    wakes: u64,
    buffer: VecDeque<(Task, Instant)>,
    ledger: Ledger,
    running: JoinSet<Option<Entry>>,
    runs: HashMap<Id, Running>,
    claims: JoinSet<ClaimAnswer>,
    sweeps: JoinSet<(u64, Result<Vec<SweptPair>, QueueError>)>,
    settles: JoinSet<Settled>,
    /// Moving average of a run's length, in seconds.
    pace_s: f64,
    swept_at: Instant,
    report: RunReport,
}

impl<C: Send + Sync + 'static> Lane<C> {
    pub(super) fn new(shared: Arc<Shared<C>>, options: LaneOptions) -> Self {
        let handlers = shared.registry.handlers.values();
        let kinds =
            handlers.filter(|handler| handler.lane == options.name).map(|handler| handler.kind.to_owned());
        let mut decided = shared.limits.subscribe();
        let limits = LaneLimits::of(&decided.borrow_and_update(), options.name);
        Self {
            kinds: kinds.collect(),
            shared,
            options,
            limits,
            decided,
            hints: Hints::default(),
            hungry: false,
            wakes: 0,
            buffer: VecDeque::new(),
            ledger: Ledger::default(),
            running: JoinSet::new(),
            runs: HashMap::new(),
            claims: JoinSet::new(),
            sweeps: JoinSet::new(),
            settles: JoinSet::new(),
            pace_s: PACE_AT_START.as_secs_f64(),
            swept_at: Instant::now(),
            report: RunReport::default(),
        }
    }

    pub(super) fn report(&self) -> RunReport {
        self.report
    }

    /// Works until `cancel`, then drains.
    pub(super) async fn run(mut self, cancel: CancellationToken) -> RunReport {
        let mut hints = self.shared.wake.subscribe();
        let mut poll = interval(self.shared.options.poll_interval);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut settle_tick = interval(SETTLE_WAIT);
        settle_tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.fill_workers();
            self.claim_if_useful();
            self.tell();
            tokio::select! {
                () = cancel.cancelled() => break,
                hint = hints.recv() => {
                    self.heard(hint);
                    while let Ok(hint) = hints.try_recv() {
                        self.heard(Ok(hint));
                    }
                }
                Ok(()) = self.decided.changed() => self.obey(),
                Some(ran) = self.running.join_next_with_id(), if !self.running.is_empty() => self.ran(ran),
                Some(claimed) = self.claims.join_next(), if !self.claims.is_empty() => self.claimed(claimed),
                Some(settled) = self.settles.join_next(), if !self.settles.is_empty() => self.settled(settled),
                Some(swept) = self.sweeps.join_next(), if !self.sweeps.is_empty() => self.swept(swept),
                _ = settle_tick.tick(), if self.ledger.has_entries() => self.settle_due(),
                _ = poll.tick() => self.poll(),
            }
        }
        self.drain().await;
        self.report
    }

    /// Runs what is ready, in turns, until nothing is. Says whether anything was.
    pub(super) async fn run_until_empty(&mut self) -> Result<bool, QueueError> {
        let mut any = false;
        loop {
            let found = claim::sweep(&self.shared.pool, self.options.name).await?;
            if !self.hints.swept(self.hints.mark(), &found) {
                return Ok(any);
            }
            let Some(claimed) =
                claim_and_start(Arc::clone(&self.shared), self.request(self.options.claim_batch)).await?
            else {
                return Ok(any);
            };
            any = true;
            self.take(claimed);
            self.work_off().await;
        }
    }

    /// Asks everything to stop and waits until it has, each within its grace; hands back what did not start.
    async fn drain(&mut self) {
        while let Some(claimed) = self.claims.join_next().await {
            self.claimed(claimed);
        }
        self.hand_back();
        for running in self.runs.values() {
            running.stop.request(StopReason::Drain);
        }
        self.work_off().await;
    }

    /// Runs and settles what is claimed until nothing of it is left.
    async fn work_off(&mut self) {
        let mut settle_tick = interval(SETTLE_WAIT);
        loop {
            self.fill_workers();
            self.settle_due();
            if self.ledger.is_empty() {
                return;
            }
            tokio::select! {
                Some(ran) = self.running.join_next_with_id(), if !self.running.is_empty() => self.ran(ran),
                Some(settled) = self.settles.join_next(), if !self.settles.is_empty() => self.settled(settled),
                _ = settle_tick.tick() => {}
            }
        }
    }

    fn heard(&mut self, hint: Result<Hint, RecvError>) {
        match hint {
            Ok(Hint::Ready(ready)) if ready.lane == self.options.name => {
                self.hints.lower(ready.vendor_id, ready.prio, ready.ready_id);
            }
            Ok(Hint::Remote(Some(vendor_id))) => {
                for priority in Priority::ALL {
                    self.hints.revive(vendor_id, priority.rank());
                }
            }
            Ok(Hint::Remote(None)) | Err(RecvError::Lagged(_)) => return self.sweep(),
            Ok(Hint::Ready(_) | Hint::Stop | Hint::Lanes) | Err(RecvError::Closed) => return,
        }
        self.wakes += 1;
        self.hungry = true;
    }

    /// Takes over what was decided: a pause hands back what has not started, more room looks for work.
    fn obey(&mut self) {
        let limits = LaneLimits::of(&self.decided.borrow_and_update(), self.options.name);
        if limits != self.limits {
            self.limits = limits;
            self.sweep();
        }
    }

    /// Jobs that run at once here.
    fn workers(&self) -> usize {
        self.limits.workers.unwrap_or(self.options.workers)
    }

    fn poll(&mut self) {
        if self.buffer.front().is_some_and(|(_, since)| since.elapsed() > HAND_BACK_AFTER) {
            self.hand_back();
        }
        let idle = self.running.is_empty() && self.claims.is_empty() && self.buffer.is_empty();
        if idle || self.swept_at.elapsed() >= self.shared.options.sweep_interval || !self.hungry {
            self.sweep();
        }
    }

    fn sweep(&mut self) {
        if self.sweeps.is_empty() {
            let (pool, lane, mark) = (self.shared.pool.clone(), self.options.name, self.hints.mark());
            self.sweeps.spawn(async move { (mark, claim::sweep(&pool, lane).await) });
            self.swept_at = Instant::now();
        }
    }

    fn swept(&mut self, swept: Result<(u64, Result<Vec<SweptPair>, QueueError>), JoinError>) {
        match swept {
            Ok((mark, Ok(found))) => {
                if self.hints.swept(mark, &found) {
                    self.wakes += 1;
                    self.hungry = true;
                }
            }
            Ok((_, Err(error))) => warn!(error = %error, "The queue could not be looked at"),
            Err(error) => error!(error = %error, "A sweep panicked"),
        }
    }

    fn claim_if_useful(&mut self) {
        if !self.hungry || self.limits.paused || !self.claims.is_empty() || self.settles.len() >= SETTLES_MAX
        {
            return;
        }
        let limit = self.room();
        if limit == 0 || (limit < self.options.claim_batch / 2 && !self.buffer.is_empty()) {
            return;
        }
        let (shared, request, wakes) = (Arc::clone(&self.shared), self.request(limit), self.wakes);
        self.claims.spawn(async move {
            ClaimAnswer { limit, wakes, result: claim_and_start(shared, request).await }
        });
    }

    /// How many jobs to claim: one for each free worker, and ahead of them as many as the workers get through
    /// while the next claim is made. One long run is enough to stop claiming ahead.
    fn room(&self) -> usize {
        let longest_s = self.runs.values().map(|run| run.since.elapsed().as_secs_f64()).fold(0.0, f64::max);
        let ahead = PREFETCH.as_secs_f64() / self.pace_s.max(longest_s).max(1e-6) * self.workers() as f64;
        let target = self.workers() + (ahead as usize).min(2 * self.options.claim_batch);
        target.saturating_sub(self.running.len() + self.buffer.len()).min(self.options.claim_batch)
    }

    fn request(&self, limit: usize) -> ClaimRequest {
        let now = self.shared.clock.now();
        ClaimRequest {
            lane: self.options.name,
            worker: self.shared.worker,
            now,
            lease_length: self.shared.options.lease_length(&self.options),
            limit: limit as i32,
            vendor_cap: self.options.vendor_cap as i32,
            kinds: self.kinds.clone(),
            hints: self.hints.for_claim(),
        }
    }

    fn claimed(&mut self, answer: Result<ClaimAnswer, JoinError>) {
        let ClaimAnswer { limit, wakes, result } = match answer {
            Ok(answer) => answer,
            Err(error) => return error!(error = %error, "A claim panicked"),
        };
        let got = match result {
            Ok(claimed) => claimed.map_or(0, |claimed| self.take(claimed)),
            Err(error) => {
                // The next poll makes the lane hungry again.
                self.hungry = false;
                return warn!(error = %error, "Jobs could not be claimed");
            }
        };
        // A claim that was not filled took all there was, save what a cap holds back; that is asked for again
        // when a place under the cap comes free.
        if got < limit && self.wakes == wakes {
            self.hungry = false;
        }
    }

    /// Takes over a claim; says how many jobs it holds.
    fn take(&mut self, claimed: Claimed) -> usize {
        let Claimed { claim, lease, started } = claimed;
        self.hints.claimed(&claim.rows, claim.oldest_lease);
        self.ledger.open(&lease, &claim.rows);
        let now = Instant::now();
        let count = claim.rows.len();
        for row in claim.rows {
            let started = started.get(&row.job_id).copied();
            let task = Task { row, lease: Arc::clone(&lease), stop: Arc::new(Stop::new()), started };
            self.buffer.push_back((task, now));
        }
        count
    }

    /// A claimed job is no longer held here: a place under its vendor's cap, or the lane's, may be free.
    fn let_go(&mut self, vendor_id: Uuid) {
        let held = self.ledger.let_go(vendor_id);
        if held >= self.options.vendor_cap || self.limits.is_bounded {
            self.wakes += 1;
            self.hungry = true;
        }
    }

    fn fill_workers(&mut self) {
        if self.limits.paused && !self.buffer.is_empty() {
            self.hand_back();
        }
        while self.running.len() < self.workers() {
            let Some((task, _)) = self.buffer.pop_front() else { return };
            let run = Running {
                lease_id: task.lease.id,
                vendor_id: task.row.vendor_id,
                job_id: task.row.job_id,
                since: Instant::now(),
                stop: Arc::clone(&task.stop),
            };
            if task.row.is_followed() {
                self.shared.tasks().followed.insert(run.job_id, Arc::clone(&run.stop));
            }
            let handle = self.running.spawn(runner::run(Arc::clone(&self.shared), task));
            self.runs.insert(handle.id(), run);
        }
    }

    /// Notes what the process will say of itself.
    fn tell(&self) {
        if let Some(stats) = self.shared.stats.get(self.options.name) {
            stats.set(self.workers(), self.running.len());
        }
    }

    fn ran(&mut self, ran: Result<(Id, Option<Entry>), JoinError>) {
        let (id, entry) = match ran {
            Ok((id, entry)) => (id, entry),
            Err(error) => {
                // Not the handler, whose panics are caught. Without a result the lease runs out.
                error!(error = %error, "A run of the queue itself panicked");
                (error.id(), None)
            }
        };
        let Some(run) = self.runs.remove(&id) else { return };
        self.shared.tasks().followed.remove(&run.job_id);
        if let Some(stats) = self.shared.stats.get(self.options.name) {
            stats.ended();
        }
        self.pace_s = self.pace_s * 0.9 + run.since.elapsed().as_secs_f64() * 0.1;
        if entry.is_none() {
            self.let_go(run.vendor_id);
            self.report.lost += 1;
        }
        self.ledger.ended(run.lease_id, entry);
        self.settle_due();
    }

    /// Sends off what is due to be settled.
    fn settle_due(&mut self) {
        for (lease, entries) in self.ledger.take_due() {
            let shared = Arc::clone(&self.shared);
            self.settles.spawn(async move {
                let given = entries.iter().map(|entry| entry.vendor_id).collect();
                let clock = Arc::clone(&shared.clock);
                let recorded = settle::settle(&shared.pool, &lease, entries, move || clock.now()).await;
                Settled { lease_id: lease.id, given, recorded }
            });
        }
        for lease_id in self.ledger.close_done() {
            self.shared.tasks().leases.remove(&lease_id);
        }
    }

    fn settled(&mut self, settled: Result<Settled, JoinError>) {
        let settled = match settled {
            Ok(settled) => settled,
            Err(error) => return error!(error = %error, "A settlement panicked"),
        };
        self.ledger.settled(settled.lease_id, settled.given.len());
        self.report.lost += (settled.given.len() - settled.recorded.len()) as u64;
        for entry in &settled.recorded {
            self.count(entry);
        }
        for vendor_id in settled.given {
            self.let_go(vendor_id);
        }
        self.settle_due();
    }

    fn count(&mut self, entry: &Entry) {
        match &entry.verdict {
            Verdict::Done(JobState::Canceled, _) | Verdict::Drop => self.report.canceled += 1,
            Verdict::Done(..) => self.report.completed += 1,
            Verdict::Retry(_) => self.report.retried += 1,
            Verdict::Requeue(..) | Verdict::Pause(_) | Verdict::Park => self.report.waiting += 1,
            Verdict::Dead => self.report.failed += 1,
            Verdict::Release => {
                self.report.released += 1;
                self.hints.lower(entry.vendor_id, entry.prio, entry.ready_id);
                self.wakes += 1;
                self.hungry = true;
            }
        }
    }

    /// Gives back what was claimed and not started.
    fn hand_back(&mut self) {
        for (task, _) in std::mem::take(&mut self.buffer) {
            self.ledger.ended(task.lease.id, Some(Entry::new(&task.row, Verdict::Release)));
        }
        self.settle_due();
    }
}
