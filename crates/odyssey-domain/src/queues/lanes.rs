//! Lanes, as the platform's people see and run them.

use chrono::{DateTime, TimeDelta, Utc};
use odyssey_jobs::{DEFAULT_LANE, DeadFilter, Enqueued, LaneControl, LaneDeadLetter, LaneFigures};
use odyssey_types::{JobId, VendorId};
use uuid::Uuid;

use super::QueuesError;
use super::vendor::CHANGED_MAX;
use crate::audit::{self, AuditEvent};
use crate::db::SystemTx;
use crate::exports::EXPORT_LANE;
use crate::field::FieldError;
use crate::ingestion::IMPORT_LANE;
use crate::matching::BATCH_LANE;
use crate::tenancy::{Actor, Purpose};

/// Every lane that this program works.
pub const LANES: [&str; 4] = [DEFAULT_LANE, IMPORT_LANE, BATCH_LANE, EXPORT_LANE];

/// Jobs at once in each process, at most: each may hold a connection of the pool.
pub const WORKERS_MAX: u32 = 64;

/// Jobs at once over all processes, at most.
pub const RUNNING_MAX: u32 = 1_024;

/// Longest reason of a pause, in characters: why, not what about whom.
pub const PAUSE_REASON_MAX: usize = 500;

/// A lane: what it holds, and what somebody decided about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    pub figures: LaneFigures,
    pub control: LaneControl,
    /// How long the oldest has waited that may run now.
    pub oldest_waiting: Option<TimeDelta>,
}

/// Every lane, by name; also one that another program's jobs lie in.
pub async fn list_queues(tx: &mut SystemTx) -> Result<Vec<Queue>, QueuesError> {
    let now = tx.now();
    let figures = odyssey_jobs::lane_figures(tx.connection(), &LANES, now).await?;
    let mut controls: std::collections::HashMap<String, LaneControl> =
        odyssey_jobs::lane_controls(tx.connection()).await?.into_iter().collect();
    Ok(figures
        .into_iter()
        .map(|figures| Queue {
            control: controls.remove(&figures.lane).unwrap_or_default(),
            // Clocks of processes differ a little: nothing has waited for less than no time.
            oldest_waiting: figures.oldest_waiting_at.map(|since| (now - since).max(TimeDelta::zero())),
            figures,
        })
        .collect())
}

/// One lane, or [`QueuesError::QueueNotFound`].
pub async fn find_queue(tx: &mut SystemTx, lane: &str) -> Result<Queue, QueuesError> {
    let queues = list_queues(tx).await?;
    queues.into_iter().find(|queue| queue.figures.lane == lane).ok_or(QueuesError::QueueNotFound)
}

/// Locks what was decided about a lane, so that it can be changed.
pub async fn lock_queue(tx: &mut SystemTx, lane: &str) -> Result<LaneControl, QueuesError> {
    known(lane)?;
    let now = tx.now();
    Ok(odyssey_jobs::lock_lane(tx.connection(), lane, now).await?)
}

fn known(lane: &str) -> Result<(), QueuesError> {
    if LANES.contains(&lane) { Ok(()) } else { Err(QueuesError::QueueNotFound) }
}

/// Lets nothing of the lane start, in any process and over restarts, until it is resumed; what runs ends.
pub async fn pause_queue(
    tx: &mut SystemTx,
    actor: &Actor,
    lane: &str,
    control: LaneControl,
    reason: &str,
) -> Result<Queue, QueuesError> {
    let reason = reason.trim();
    if !(1..=PAUSE_REASON_MAX).contains(&reason.chars().count()) {
        let detail = format!("a reason has 1 to {PAUSE_REASON_MAX} characters");
        return Err(QueuesError::Invalid(FieldError::new("/reason", "length", detail)));
    }
    let control = LaneControl {
        paused_at: Some(control.paused_at.unwrap_or_else(|| tx.now())),
        paused_by: actor.user_id.map(odyssey_types::UserId::as_uuid),
        pause_reason: Some(reason.to_owned()),
        ..control
    };
    let event = event("queue.pause", lane).reason(reason);
    write(tx, actor, lane, &control, event).await
}

/// Lets the lane go on.
pub async fn resume_queue(
    tx: &mut SystemTx,
    actor: &Actor,
    lane: &str,
    control: LaneControl,
) -> Result<Queue, QueuesError> {
    let control = LaneControl { paused_at: None, paused_by: None, pause_reason: None, ..control };
    write(tx, actor, lane, &control, event("queue.resume", lane)).await
}

/// Says how many jobs of the lane run at once: in each process, and over all of them. `None` takes a decision back.
pub async fn scale_queue(
    tx: &mut SystemTx,
    actor: &Actor,
    lane: &str,
    control: LaneControl,
    workers: Option<u32>,
    running_max: Option<u32>,
) -> Result<Queue, QueuesError> {
    let workers = within("/workers_per_node", workers, WORKERS_MAX)?;
    let running_max = within("/running_max", running_max, RUNNING_MAX)?;
    let control = LaneControl { workers, running_max, ..control };
    let event = event("queue.scale", lane).detail("workers", workers).detail("running_max", running_max);
    write(tx, actor, lane, &control, event).await
}

fn within(pointer: &'static str, figure: Option<u32>, most: u32) -> Result<Option<i32>, QueuesError> {
    match figure {
        Some(figure) if !(1..=most).contains(&figure) => {
            let detail = format!("1 to {most}, or null for the setting of each process");
            Err(QueuesError::Invalid(FieldError::new(pointer, "out_of_range", detail)))
        }
        figure => Ok(figure.map(u32::cast_signed)),
    }
}

fn event(action: &'static str, lane: &str) -> AuditEvent {
    AuditEvent::new(action, "queue", Purpose::Operations).entity(lane)
}

async fn write(
    tx: &mut SystemTx,
    actor: &Actor,
    lane: &str,
    control: &LaneControl,
    event: AuditEvent,
) -> Result<Queue, QueuesError> {
    let now = tx.now();
    odyssey_jobs::write_lane(tx.connection(), lane, control, now).await?;
    audit::record_on_platform(tx, None, actor, event).await?;
    find_queue(tx, lane).await
}

/// Which dead letters of a lane.
#[derive(Debug, Clone, Default)]
pub struct DeadQuery {
    pub vendor_id: Option<VendorId>,
    pub kind: Option<String>,
    /// Where the page begins: behind this one.
    pub before: Option<(DateTime<Utc>, Uuid)>,
}

/// A page of dead letters, those that died last first.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    pub items: Vec<LaneDeadLetter>,
    pub next: Option<(DateTime<Utc>, Uuid)>,
}

/// The dead letters of a lane: jobs that used up their attempts or could never succeed, with the code of their last
/// error; those that nobody follows are here and nowhere else.
pub async fn list_dead_letters(
    tx: &mut SystemTx,
    lane: &str,
    query: &DeadQuery,
    limit: u32,
) -> Result<DeadLetters, QueuesError> {
    known(lane)?;
    let filter = filter_of(query);
    let more = i64::from(limit) + 1;
    let mut items =
        odyssey_jobs::lane_dead_letters(tx.connection(), lane, filter, query.before, more).await?;
    let has_more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| has_more).map(|letter| (letter.died_at, letter.job_id));
    Ok(DeadLetters { items, next })
}

fn filter_of(query: &DeadQuery) -> DeadFilter<'_> {
    DeadFilter { vendor_id: query.vendor_id.map(VendorId::as_uuid), kind: query.kind.as_deref() }
}

/// What a redrive did.
#[derive(Debug, Clone, Default)]
pub struct Redriven {
    /// Dead letters that were meant, at the beginning.
    pub matched: u64,
    /// To be told to the workers after the commit.
    pub revived: Vec<Enqueued>,
}

impl Redriven {
    /// The jobs that are back in the queue.
    pub fn job_ids(&self) -> impl Iterator<Item = JobId> + '_ {
        self.revived.iter().map(|revived| JobId::from_uuid(revived.id))
    }
}

/// Puts dead letters of a lane back into the queue, the oldest first, at most `limit` and at most [`CHANGED_MAX`].
pub async fn redrive_queue(
    tx: &mut SystemTx,
    actor: &Actor,
    lane: &str,
    query: &DeadQuery,
    limit: u32,
    dry_run: bool,
) -> Result<Redriven, QueuesError> {
    known(lane)?;
    let (now, filter) = (tx.now(), filter_of(query));
    let matched = odyssey_jobs::count_dead(tx.connection(), lane, filter).await?.unsigned_abs();
    let revived = if dry_run {
        Vec::new()
    } else {
        let limit = i64::from(limit.min(CHANGED_MAX));
        odyssey_jobs::redrive_lane(tx.connection(), lane, filter, limit, now).await?
    };
    let mut event = event("queue.redrive", lane)
        .count(i64::try_from(revived.len()).unwrap_or(i64::MAX))
        .detail("matched", matched)
        .detail("dry_run", dry_run);
    if let Some(kind) = &query.kind {
        event = event.detail("kind", kind.clone());
    }
    audit::record_on_platform(tx, query.vendor_id, actor, event).await?;
    Ok(Redriven { matched, revived })
}
