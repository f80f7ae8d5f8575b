//! The words of the queue: what is enqueued, what is read back.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::QueueError;

/// The vendor id of work that belongs to no vendor.
pub const PLATFORM_VENDOR: Uuid = Uuid::nil();

/// Which of a vendor's waiting jobs goes first. Between vendors turns decide, not priorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// Somebody waits at a screen.
    Urgent,
    High,
    #[default]
    Normal,
    /// Nobody notices an hour.
    Low,
}

impl Priority {
    pub(crate) const ALL: [Self; 4] = [Self::Urgent, Self::High, Self::Normal, Self::Low];

    /// The column value; lower goes first.
    pub const fn rank(self) -> i16 {
        match self {
            Self::Urgent => 0,
            Self::High => 10,
            Self::Normal => 20,
            Self::Low => 30,
        }
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal, { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$variant_doc])* $variant),+
        }

        impl $name {
            /// Every value, in the order of the declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in the table and in the API.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            pub(crate) fn parse(word: &str) -> Result<Self, QueueError> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    other => Err(QueueError::Inconsistent { what: $what, value: other.to_owned() }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// Where a followed job stands.
    JobState, "a job state", {
        /// Its input is still arriving; it is not in the queue yet.
        Receiving = "receiving",
        Queued = "queued",
        Running = "running",
        Paused = "paused",
        Completed = "completed",
        CompletedWithErrors = "completed_with_errors",
        CompletedNothingWritten = "completed_nothing_written",
        Canceled = "canceled",
        Failed = "failed",
    }
}

impl JobState {
    /// Nothing happens to the job any more, save a redrive of a failed one.
    pub const fn is_finished(self) -> bool {
        match self {
            Self::Receiving | Self::Queued | Self::Running | Self::Paused => false,
            Self::Completed
            | Self::CompletedWithErrors
            | Self::CompletedNothingWritten
            | Self::Canceled
            | Self::Failed => true,
        }
    }
}

words! {
    /// How loud a line of a job's log is.
    LogLevel, "a log level", {
        Debug = "debug",
        Info = "info",
        Warn = "warn",
        Error = "error",
    }
}

/// A key of which the queue holds at most one job for each vendor and kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unique {
    pub key: String,
    pub until: crate::UniqueUntil,
}

/// One job to enqueue.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Whose job it is; [`PLATFORM_VENDOR`] when nobody's.
    pub vendor_id: Uuid,
    pub kind: &'static str,
    pub lane: &'static str,
    /// Ids and parameters. Never personal or health data.
    pub payload: Value,
    pub priority: Priority,
    pub unique: Option<Unique>,
    /// Not before this instant; `None` is at once.
    pub run_at: Option<DateTime<Utc>>,
    /// How often the job may start before it becomes a dead letter, 1 to 1000.
    pub attempts_max: i16,
    /// Whether it has a record in `jobs` that a caller can follow, pause and cancel.
    pub followed: bool,
    pub parent_job_id: Option<Uuid>,
    /// Who asked for it: a person's or key's id.
    pub created_by: Option<Uuid>,
    pub now: DateTime<Utc>,
}

/// Where a ready row stands in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyKey {
    pub lane: Cow<'static, str>,
    pub vendor_id: Uuid,
    pub prio: i16,
    pub ready_id: i64,
}

/// The answer of an enqueue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enqueued {
    /// The new job, or the one that already holds the unique key.
    pub id: Uuid,
    /// True when the key was held: nothing was added.
    pub existing: bool,
    /// Present when the job may run at once; give it to [`crate::Wake::enqueued`] after the commit.
    pub ready: Option<ReadyKey>,
}

/// A followed job as callers see it. Times in UTC; progress 0 to 1000.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRecord {
    pub id: Uuid,
    pub vendor_id: Uuid,
    pub kind: String,
    pub lane: String,
    pub state: JobState,
    /// See [`Priority::rank`].
    pub priority: i16,
    pub payload: Value,
    pub progress_permille: i16,
    pub totals: Option<Value>,
    pub step: Option<String>,
    /// The present or last attempt; 0 before the first.
    pub attempt: i16,
    pub attempts_max: i16,
    pub parent_job_id: Option<Uuid>,
    pub created_by: Option<Uuid>,
    pub created_at: DateTime<Utc>,
    /// When it runs (again), while it waits for a time.
    pub run_at: Option<DateTime<Utc>>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub cancel_requested_at: Option<DateTime<Utc>>,
    pub pause_requested_at: Option<DateTime<Utc>>,
    pub error_code: Option<String>,
    pub error_detail: Option<String>,
}

/// What a list of jobs is narrowed by.
#[derive(Debug, Clone, Copy, Default)]
pub struct JobFilter<'a> {
    pub state: Option<JobState>,
    pub kind: Option<&'a str>,
    /// Keyset: only jobs older than this one.
    pub before: Option<Uuid>,
}

/// One line of a job's log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    pub id: i64,
    pub at: DateTime<Utc>,
    pub level: LogLevel,
    pub message: String,
    pub fields: Value,
}

/// One step of a job's run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRecord {
    pub position: i32,
    pub name: String,
    pub attempt: i16,
    pub started_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

/// A job that used up its attempts or can never succeed.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    pub job_id: Uuid,
    pub vendor_id: Uuid,
    pub kind: String,
    pub payload: Value,
    pub attempt: i16,
    pub error_code: String,
    pub error_detail: Option<String>,
    pub died_at: DateTime<Utc>,
}

/// How many followed jobs of a vendor are in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateCount {
    pub vendor_id: Uuid,
    pub state: JobState,
    pub count: i64,
}
