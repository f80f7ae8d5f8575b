//! What goes out about queues.

use chrono::{DateTime, Utc};
use odyssey_domain::queues::{LaneDeadLetter, Queue};
use odyssey_types::{UserId, VendorId};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A queue: what it holds now, and what somebody decided about it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QueueDto {
    queue: String,
    /// Jobs that may run now and have not been taken.
    waiting: i64,
    running: i64,
    /// Jobs that wait for their time and never started.
    scheduled: i64,
    /// Jobs that wait for another attempt.
    retrying: i64,
    /// Jobs that wait until somebody, or the end of a suspension, lets them go on.
    paused_jobs: i64,
    /// Dead jobs that nobody has put back: attempts used up, or none could succeed.
    dead: i64,
    /// Those of them that died in the last 24 hours.
    failed_24h: i64,
    oldest_waiting_at: Option<DateTime<Utc>>,
    oldest_waiting_s: Option<i64>,
    /// Jobs that ended in the last minute, whatever became of them.
    ended_per_minute: i64,
    /// Processes that work this queue.
    nodes: i64,
    /// Jobs that they would run at once, together.
    workers: i64,
    /// Set while it is paused: nothing starts, what runs ends.
    paused_at: Option<DateTime<Utc>>,
    #[schema(value_type = Option<Uuid>)]
    paused_by: Option<UserId>,
    pause_reason: Option<String>,
    /// Jobs at once in each process; null: as each is set up.
    workers_per_node: Option<i32>,
    /// Jobs at once over all processes; null: no bound of its own.
    running_max: Option<i32>,
    /// The version for `If-Match`.
    row_version: i64,
}

impl From<Queue> for QueueDto {
    fn from(Queue { figures, control, oldest_waiting }: Queue) -> Self {
        Self {
            queue: figures.lane,
            waiting: figures.waiting,
            running: figures.running,
            scheduled: figures.scheduled,
            retrying: figures.retrying,
            paused_jobs: figures.paused,
            dead: figures.dead,
            failed_24h: figures.failed_24h,
            oldest_waiting_at: figures.oldest_waiting_at,
            oldest_waiting_s: oldest_waiting.map(|age| age.num_seconds()),
            ended_per_minute: figures.ended_per_minute,
            nodes: figures.nodes,
            workers: figures.workers,
            paused_at: control.paused_at,
            paused_by: control.paused_by.map(UserId::from_uuid),
            pause_reason: control.pause_reason,
            workers_per_node: control.workers,
            running_max: control.running_max,
            row_version: control.row_version,
        }
    }
}

/// Every queue.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QueuesDto {
    pub items: Vec<QueueDto>,
}

/// A dead job, with the code of its last error.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeadLetterDto {
    job_id: Uuid,
    /// Null for work of the platform itself.
    #[schema(value_type = Option<Uuid>)]
    vendor_id: Option<VendorId>,
    kind: String,
    attempt: i16,
    attempts_max: i16,
    error_code: String,
    died_at: DateTime<Utc>,
}

impl From<LaneDeadLetter> for DeadLetterDto {
    fn from(letter: LaneDeadLetter) -> Self {
        Self {
            job_id: letter.job_id,
            vendor_id: (!letter.vendor_id.is_nil()).then(|| VendorId::from_uuid(letter.vendor_id)),
            kind: letter.kind,
            attempt: letter.attempt,
            attempts_max: letter.attempts_max,
            error_code: letter.error_code,
            died_at: letter.died_at,
        }
    }
}
