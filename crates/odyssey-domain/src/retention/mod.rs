//! How long what is kept: one table, each line with the schedule that purges it.
//!
//! A purge removes what nobody may need any more; what a legal hold covers is not purged by turning the
//! schedule off for the duration, which is the operator's act. Audit is kept six years (45 CFR
//! 164.316(b)(2)) in monthly partitions, which the owner detaches.

use chrono::TimeDelta;

/// Uploads whose bytes stopped coming, from their first byte on: no single request lasts that long.
pub const UNFINISHED_UPLOADS: TimeDelta = TimeDelta::hours(24);
/// Uploads after the end of their import: for a second look at what was sent.
pub const FINISHED_UPLOADS: TimeDelta = TimeDelta::days(7);
/// Refused rows of imports, with their values.
pub const IMPORT_ERRORS: TimeDelta = TimeDelta::days(90);
/// Ended jobs and dead letters: as long as the errors that hang on them.
pub const FINISHED_JOBS: TimeDelta = TimeDelta::days(90);
/// Sessions after their end, so that a stolen refresh token is still recognised as one.
pub const ENDED_SESSIONS: TimeDelta = TimeDelta::days(30);
/// Answers to idempotency keys; each row carries its own end.
pub const IDEMPOTENCY_KEYS: TimeDelta = TimeDelta::hours(24);
/// Monthly partitions of the audit that are made ahead.
pub const AUDIT_MONTHS_AHEAD: i32 = 3;

/// A line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub what: &'static str,
    pub kept: TimeDelta,
    /// The name of the schedule that purges it; a test holds that it exists.
    pub schedule: &'static str,
}

/// The table.
pub const TABLE: [Line; 6] = [
    Line { what: "unfinished uploads", kept: UNFINISHED_UPLOADS, schedule: "purge_uploads" },
    Line { what: "uploads of ended imports", kept: FINISHED_UPLOADS, schedule: "purge_uploads" },
    Line { what: "errors of imports", kept: IMPORT_ERRORS, schedule: "purge_row_errors" },
    Line { what: "ended jobs", kept: FINISHED_JOBS, schedule: "purge_jobs" },
    Line { what: "ended sessions", kept: ENDED_SESSIONS, schedule: "purge_sessions" },
    Line { what: "idempotency keys", kept: IDEMPOTENCY_KEYS, schedule: "purge_idempotency_keys" },
];
