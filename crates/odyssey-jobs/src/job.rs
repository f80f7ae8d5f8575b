//! What a kind of job says about itself, and what a handler answers.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use chrono::TimeDelta;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Backoff, JobState, Priority};

/// The lane of kinds that name none.
pub const DEFAULT_LANE: &str = "default";

/// How long a unique key is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UniqueUntil {
    /// Until the job starts: a change that arrives while it runs enqueues it once more, so none is missed.
    Started,
    /// Until the job has ended: a second one is refused while the first waits or runs.
    Finished,
}

/// A kind of job. The value is the payload: ids and parameters, never personal or health data. Its JSON is a wire
/// format, read by older and newer programs.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Unique name in the table.
    const KIND: &'static str;
    /// The group of workers that runs it. Long work in a lane of its own never keeps short work waiting.
    const LANE: &'static str = DEFAULT_LANE;
    const PRIORITY: Priority = Priority::Normal;
    /// Starts, the first included, before the job becomes a dead letter.
    const ATTEMPTS_MAX: i16 = 10;
    /// Whether [`Job::unique_key`] is asked.
    const UNIQUE: bool = false;
    const UNIQUE_UNTIL: UniqueUntil = UniqueUntil::Started;
    /// Whether a caller can follow it in `jobs`. Without a record a job is cheaper and cannot be canceled.
    const FOLLOWED: bool = true;
    /// A run longer than this is stopped and retried; nothing runs for ever.
    const TIMEOUT: Duration = Duration::from_hours(6);
    const BACKOFF: Backoff = Backoff::STANDARD;

    /// The key of which one job may wait at a time for each vendor; asked only when [`Job::UNIQUE`].
    fn unique_key(&self) -> Option<String> {
        None
    }
}

/// How a run ended well.
#[derive(Debug, Clone, PartialEq)]
pub struct JobOutcome {
    pub verdict: JobVerdict,
    /// Counts for whoever follows the job; `None` keeps those recorded last.
    pub totals: Option<Value>,
    /// Why it waits, where it paused itself: stable, machine-readable, shown as the job's error code meanwhile.
    pub reason: Option<&'static str>,
}

/// What becomes of the job after a run that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobVerdict {
    Completed,
    CompletedWithErrors,
    CompletedNothingWritten,
    Canceled,
    /// Waits until somebody resumes it; the attempt does not count.
    Paused,
    /// Runs again after this time; the attempt does not count.
    Requeue(TimeDelta),
}

impl JobVerdict {
    /// The state that ends the job, if this verdict ends it.
    pub(crate) const fn final_state(self) -> Option<JobState> {
        match self {
            Self::Completed => Some(JobState::Completed),
            Self::CompletedWithErrors => Some(JobState::CompletedWithErrors),
            Self::CompletedNothingWritten => Some(JobState::CompletedNothingWritten),
            Self::Canceled => Some(JobState::Canceled),
            Self::Paused | Self::Requeue(_) => None,
        }
    }
}

impl JobOutcome {
    pub const COMPLETED: Self = Self::new(JobVerdict::Completed);
    pub const CANCELED: Self = Self::new(JobVerdict::Canceled);
    pub const PAUSED: Self = Self::new(JobVerdict::Paused);

    pub const fn new(verdict: JobVerdict) -> Self {
        Self { verdict, totals: None, reason: None }
    }

    /// Waits for whatever the reason names to end; [`crate::resume_paused`] lets it go on.
    pub const fn paused_for(reason: &'static str) -> Self {
        Self { verdict: JobVerdict::Paused, totals: None, reason: Some(reason) }
    }

    pub fn with_totals(mut self, totals: Value) -> Self {
        self.totals = Some(totals);
        self
    }
}

/// How a run failed: worth another attempt, or never.
#[derive(Debug)]
pub struct JobError {
    pub(crate) kind: JobErrorKind,
    pub(crate) code: Cow<'static, str>,
    pub(crate) detail: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobErrorKind {
    Retry,
    Fail,
    /// The handler stopped because it was asked to.
    Stopped,
    /// The lease is gone: whatever the handler says, nothing is recorded.
    LeaseLost,
}

impl JobError {
    /// Another attempt may succeed (the network, a lock, a server away).
    pub fn retry(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: JobErrorKind::Retry, code: "failed".into(), detail: None, source: Some(error.into()) }
    }

    /// No attempt will ever succeed (a malformed payload, a missing input): straight to the dead letters.
    pub fn fail(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: JobErrorKind::Fail, code: "failed".into(), detail: None, source: Some(error.into()) }
    }

    /// The code that is stored and shown; stable and machine-readable.
    pub fn code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = code.into();
        self
    }

    /// Text that is stored and shown to whoever follows the job. The source's own text never is, since it may
    /// quote what was being worked on: put nothing personal here.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The handler stopped because [`crate::JobContext::stop_reason`] said so; what becomes of the job follows from
    /// that reason. When nobody asked, it counts as a failure worth a retry.
    pub fn stopped() -> Self {
        Self { kind: JobErrorKind::Stopped, code: "stopped".into(), detail: None, source: None }
    }

    pub fn is_retry(&self) -> bool {
        self.kind == JobErrorKind::Retry
    }

    /// Whether no further attempt follows. One that stopped because it was asked to has not failed.
    pub fn is_failure(&self) -> bool {
        self.kind == JobErrorKind::Fail
    }

    pub(crate) fn lease_lost() -> Self {
        Self { kind: JobErrorKind::LeaseLost, code: "lease_lost".into(), detail: None, source: None }
    }

    /// The chain of sources for the operator's log. A database error is given as its SQLSTATE and constraint, as
    /// its message may quote values.
    pub(crate) fn chain(&self) -> String {
        let mut text = String::new();
        let mut next: Option<&(dyn Error + 'static)> =
            self.source.as_ref().map(|s| &**s as &(dyn Error + 'static));
        while let Some(error) = next {
            if !text.is_empty() {
                text.push_str(": ");
            }
            if let Some(sqlx::Error::Database(database)) = error.downcast_ref::<sqlx::Error>() {
                text.push_str("database error ");
                text.push_str(database.code().as_deref().unwrap_or("without code"));
                if let Some(constraint) = database.constraint() {
                    text.push_str(" on ");
                    text.push_str(constraint);
                }
                break;
            }
            text.push_str(&error.to_string());
            next = error.source();
        }
        text
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            JobErrorKind::Retry => write!(f, "the job failed ({}) and may be tried again", self.code),
            JobErrorKind::Fail => write!(f, "the job failed for good ({})", self.code),
            JobErrorKind::Stopped => f.write_str("the job stopped as it was asked to"),
            JobErrorKind::LeaseLost => f.write_str("the job's lease is lost"),
        }
    }
}

impl Error for JobError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

/// Trouble with the queue's own tables is worth another attempt.
impl From<crate::QueueError> for JobError {
    fn from(error: crate::QueueError) -> Self {
        Self::retry(error).code("queue_unavailable")
    }
}
