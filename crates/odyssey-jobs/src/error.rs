//! What can go wrong between the queue and its tables.

/// A failure of the queue itself, never of a job's work.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("the queue's statement failed")]
    Database(#[from] sqlx::Error),
    #[error("a row of the queue holds {what} that this program does not know: {value}")]
    Inconsistent { what: &'static str, value: String },
    #[error("the payload of a job of kind {kind} does not serialise")]
    Payload { kind: &'static str, source: serde_json::Error },
    #[error("a statement's task ended before its answer")]
    Aborted(#[from] tokio::task::JoinError),
    #[error("the schedule {name} has the pattern {pattern}, which is none: {reason}")]
    Schedule { name: &'static str, pattern: &'static str, reason: String },
    #[error("the kind {kind} belongs to the lane {lane}, for which no workers are configured")]
    LaneWithoutWorkers { kind: &'static str, lane: &'static str },
    #[error("a lane needs at least one worker and a claim of at least one job: {lane}")]
    EmptyLane { lane: &'static str },
    #[error("the job {0} is not in the state receiving")]
    NotReceiving(uuid::Uuid),
}

impl QueueError {
    /// A lock was not granted in time (SQLSTATE 55P03): worth another try with fewer rows at once.
    pub(crate) fn is_lock_timeout(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55P03"))
    }
}
