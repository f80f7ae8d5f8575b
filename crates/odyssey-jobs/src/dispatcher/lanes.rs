//! What the platform decided about lanes, as this process obeys it; and what this process says of itself.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use super::Shared;
use crate::QueueError;
use crate::operations::lane_controls;
use crate::platform::{Mode, platform_tx};
use crate::wake::Hint;

/// Between two reports. A process that misses several of them is not counted.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// Reports that make up the minute of which jobs are counted.
const REPORTS_A_MINUTE: usize = 12;

/// Rows of processes that said nothing for this long are deleted.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::hours(1);

/// By lane; a lane that is not in it runs as the process is set up.
pub(super) type Limits = HashMap<String, LaneLimits>;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LaneLimits {
    pub(super) paused: bool,
    pub(super) workers: Option<usize>,
    /// Whether the lane has a bound over all processes; the claim keeps it.
    pub(super) is_bounded: bool,
}

impl LaneLimits {
    pub(super) fn of(limits: &Limits, lane: &str) -> Self {
        limits.get(lane).copied().unwrap_or_default()
    }
}

/// What one lane of this process does, for its report.
#[derive(Debug, Default)]
pub(super) struct LaneStats {
    workers: AtomicUsize,
    running: AtomicUsize,
    ended: AtomicU64,
}

impl LaneStats {
    pub(super) fn set(&self, workers: usize, running: usize) {
        self.workers.store(workers, Ordering::Relaxed);
        self.running.store(running, Ordering::Relaxed);
    }

    pub(super) fn ended(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// Reads what was decided about the lanes.
pub(super) async fn read_limits<C: Send + Sync + 'static>(shared: &Arc<Shared<C>>) -> Result<(), QueueError> {
    let controls = platform_tx(&shared.pool, Mode::Relaxed, |connection| Box::pin(lane_controls(connection)));
    let limits: Limits = controls
        .await?
        .into_iter()
        .map(|(lane, control)| {
            let limits = LaneLimits {
                paused: control.paused_at.is_some(),
                workers: control.workers.and_then(|workers| usize::try_from(workers).ok()),
                is_bounded: control.running_max.is_some(),
            };
            (lane, limits)
        })
        .collect();
    shared.limits.send_if_modified(|held| {
        let differs = **held != limits;
        if differs {
            *held = Arc::new(limits);
        }
        differs
    });
    Ok(())
}

/// The same where the database may be away: a claim asks for itself whether its lane is paused.
pub(super) async fn read_or_warn<C: Send + Sync + 'static>(shared: &Arc<Shared<C>>) {
    if let Err(error) = read_limits(shared).await {
        warn!(error = %error, "What was decided about the lanes of the queue could not be read; it is tried again");
    }
}

/// Reads it again at each poll, and at once when told, until `cancel`.
pub(super) async fn watch_limits<C: Send + Sync + 'static>(
    shared: Arc<Shared<C>>,
    cancel: CancellationToken,
) {
    let mut hints = shared.wake.subscribe();
    let mut tick = tokio::time::interval(shared.options.poll_interval);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = tick.tick() => {}
            hint = hints.recv() => match hint {
                Ok(Hint::Lanes) | Err(RecvError::Lagged(_)) => {}
                Ok(_) => continue,
                Err(RecvError::Closed) => return,
            },
        }
        read_or_warn(&shared).await;
    }
}

/// Says every few seconds what this process works with, until `cancel`; then takes it back.
pub(super) async fn report<C: Send + Sync + 'static>(shared: Arc<Shared<C>>, cancel: CancellationToken) {
    let mut tick = tokio::time::interval(REPORT_INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut earlier: VecDeque<Vec<u64>> = VecDeque::new();
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            _ = tick.tick() => {}
        }
        let ended: Vec<u64> = shared.stats.values().map(|lane| lane.ended.load(Ordering::Relaxed)).collect();
        let minute_ago = earlier.front().unwrap_or(&ended);
        let rates = ended.iter().zip(minute_ago).map(|(now, then)| count(now - then)).collect();
        if let Err(error) = write_report(&shared, rates).await {
            warn!(error = %error, "This process could not say what it works with; it is tried again");
        }
        earlier.push_back(ended);
        if earlier.len() > REPORTS_A_MINUTE {
            earlier.pop_front();
        }
    }
    if let Err(error) = take_back(&shared).await {
        warn!(error = %error, "This process could not say that it ends; it is forgotten after a while");
    }
}

async fn write_report<C: Send + Sync + 'static>(
    shared: &Arc<Shared<C>>,
    rates: Vec<i32>,
) -> Result<(), QueueError> {
    let (worker, now) = (shared.worker, shared.clock.now());
    let figure = |pick: fn(&LaneStats) -> &AtomicUsize| -> Vec<i32> {
        shared.stats.values().map(|lane| count(pick(lane).load(Ordering::Relaxed) as u64)).collect()
    };
    let lanes: Vec<&'static str> = shared.stats.keys().copied().collect();
    let (workers, running) = (figure(|lane| &lane.workers), figure(|lane| &lane.running));
    platform_tx(&shared.pool, Mode::Relaxed, move |connection| {
        Box::pin(async move {
            sqlx::query!(
                "INSERT INTO job_nodes (worker, lane, workers, running, ended_per_minute, seen_at)
                 SELECT $1, u.lane, u.workers, u.running, u.ended, $6
                 FROM unnest($2::text[], $3::integer[], $4::integer[], $5::integer[]) AS u (lane, workers, running, ended)
                 ON CONFLICT (worker, lane) DO UPDATE
                 SET workers = excluded.workers, running = excluded.running,
                     ended_per_minute = excluded.ended_per_minute, seen_at = excluded.seen_at",
                worker,
                &lanes as &[&str],
                &workers,
                &running,
                &rates,
                now,
            )
            .execute(&mut *connection)
            .await?;
            sqlx::query!("DELETE FROM job_nodes WHERE seen_at < $1", now - FORGOTTEN_AFTER)
                .execute(connection)
                .await?;
            Ok(())
        })
    })
    .await
}

async fn take_back<C: Send + Sync + 'static>(shared: &Arc<Shared<C>>) -> Result<(), QueueError> {
    let worker: Uuid = shared.worker;
    platform_tx(&shared.pool, Mode::Relaxed, move |connection| {
        Box::pin(async move {
            sqlx::query!("DELETE FROM job_nodes WHERE worker = $1", worker).execute(connection).await?;
            Ok(())
        })
    })
    .await
}

/// As the column holds it.
fn count(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
