//! The job queue: transactional enqueue, fair claims, leases, retries, dead letters, schedules.
//!
//! Owns: the tables `jobs`, `job_steps`, `job_log`, `job_ready`, `job_leases`, `job_delayed`, `job_unique`,
//! `job_dead`, `job_paused`, `job_schedules`, `job_lanes`, `job_nodes` and the functions `job_*` (migrations
//! `0040_jobs.sql`, `0097_queue_operations.sql`).
//! Promises: a job enqueued in a transaction exists exactly when that transaction commits; a job is run by one
//! worker at a time; whoever lost its lease cannot record a result; every job ends (attempts, run time and
//! backoff are bounded); no vendor runs more jobs at once than the cap of a lane, and no vendor waits behind
//! another's backlog. Delivery is at least once: a handler's own effects are exactly once when it writes them in
//! a transaction that passed [`JobContext::fence`].
//! Emits: notifications on the channel `odyssey_jobs`, at most one each 20 ms for each process.
//! Never: knows what a job does, opens a pool, reads the machine's clock, or stores more of an error than its
//! code and the detail that the handler chose to publish.

mod backoff;
mod context;
mod dispatcher;
mod enqueue;
mod error;
mod job;
mod model;
mod operations;
mod platform;
mod registry;
mod schedule;
mod wake;

pub use backoff::Backoff;
pub use context::{JobContext, StopReason};
pub use dispatcher::{Dispatcher, LaneOptions, Options, RunReport};
pub use enqueue::{enqueue, enqueue_job, enqueue_job_at, enqueue_many, enqueue_received, open_receiving};
pub use error::QueueError;
pub use job::{DEFAULT_LANE, Job, JobError, JobOutcome, JobVerdict, UniqueUntil};
pub use model::{
    DeadLetter, Enqueued, JobFilter, JobRecord, JobState, LogLevel, LogLine, NewJob, PLATFORM_VENDOR,
    Priority, ReadyKey, StateCount, StepRecord, Unique,
};
pub use operations::{
    ActFilter, CancelOutcome, Chosen, DeadFilter, Depth, JobAct, LaneControl, LaneDeadLetter, LaneFigures,
    Purged, cancel, cancel_many, count_dead, count_for, counts, dead_letters, delete_many, depth, find_for,
    get, is_vendor_paused, lane_controls, lane_dead_letters, lane_figures, list, lock_for, lock_lane,
    log_lines, pause_job, pause_vendor, purge, redrive, redrive_lane, resume_job, resume_paused,
    resume_vendor, revive_many, steps, vendors_paused_for, write_lane,
};
pub use registry::Registry;
pub use wake::{NOTIFY_CHANNEL, Wake, run_notifier};
