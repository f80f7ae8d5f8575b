//! What people do to the queue: jobs of a vendor retried, canceled and deleted, one or many at a time; lanes paused,
//! resumed, scaled and redriven by the platform.
//!
//! Owns: no table (the queue's are `odyssey_jobs`'s). Promises: a job takes a step only where its state allows it, and
//! is in the queue once however often it is retried; one call changes at most [`CHANGED_MAX`] jobs and is one event in
//! the trail; a deletion takes what hangs on the job and nothing of the trail, and none is made under a legal hold.
//! Emits: nothing. Never: runs a job, or shows a payload.

mod error;
mod lanes;
mod vendor;

pub use error::QueuesError;
pub use lanes::{
    DeadLetters, DeadQuery, LANES, PAUSE_REASON_MAX, Queue, RUNNING_MAX, Redriven, WORKERS_MAX, find_queue,
    list_dead_letters, list_queues, lock_queue, pause_queue, redrive_queue, resume_queue, scale_queue,
};
pub use vendor::{CHANGED_MAX, Changed, JobChange, JobsFilter, Revived, change_jobs, retry_job};

pub use odyssey_jobs::{Enqueued, JobAct, LaneDeadLetter};
