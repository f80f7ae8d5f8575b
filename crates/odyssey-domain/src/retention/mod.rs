//! How long what is kept: one table, each line with the schedule that purges it.
//!
//! Owns: `legal_holds`. Promises: every line has a scheduled purge; what belongs to a vendor under a legal
//! hold is not purged while it lasts, and what belongs to nobody in particular (the audit, sessions) is not
//! purged while any hold lasts. Emits: `legal_hold.place` and `legal_hold.lift` in the audit. Never: purges;
//! each area deletes its own rows.

mod holds;
mod store;

pub use holds::{Holds, LegalHold, REASON_LENGTH_MAX, is_held, lift_hold, list_holds, place_hold};

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
/// Imports and their uploads' records, once their jobs are gone.
pub const IMPORTS: TimeDelta = FINISHED_JOBS;
/// Staging tables that an import left behind: as soon as its job has ended.
pub const LEFT_STAGING: TimeDelta = TimeDelta::zero();
/// Events of the outbox, delivered or not: what nobody fetched in this time nobody waits for.
pub const OUTBOX_EVENTS: TimeDelta = TimeDelta::days(30);
/// The audit trail (45 CFR 164.316(b)(2): six years), in whole months; the two days are its leap days.
pub const AUDIT: TimeDelta = TimeDelta::days(6 * 365 + 2);
/// Answers to idempotency keys; each row carries its own end.
pub const IDEMPOTENCY_KEYS: TimeDelta = TimeDelta::hours(24);
/// Proposals made of FHIR bundles, from when they were made or decided. One that holds a food allergy which
/// nobody has decided is kept until somebody does.
pub const FHIR_PROPOSALS: TimeDelta = TimeDelta::days(7);
/// Receipts of answers: as long as the trail of the answers.
pub const RECEIPTS: TimeDelta = AUDIT;
/// Changes of labels by which somebody lost a product, with whom: to act on, not to look back at.
pub const SAFETY_REGRESSIONS: TimeDelta = TimeDelta::days(365);
/// Answers of batches: to be fetched, not to be kept.
pub const MATCH_BATCHES: TimeDelta = TimeDelta::days(7);
/// Exports from when they finish: a link to a file of people is no archive.
pub const EXPORTS: TimeDelta = TimeDelta::hours(24);
/// Exports that never finish, from their beginning: longer than any attempt takes.
pub const UNFINISHED_EXPORTS: TimeDelta = TimeDelta::days(3);
/// What products were before they changed, and what an import can be undone by.
pub const FORMER_VERSIONS: TimeDelta = TimeDelta::days(30);
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
pub const TABLE: [Line; 17] = [
    Line { what: "unfinished uploads", kept: UNFINISHED_UPLOADS, schedule: "purge_uploads" },
    Line { what: "uploads of ended imports", kept: FINISHED_UPLOADS, schedule: "purge_uploads" },
    Line { what: "errors of imports", kept: IMPORT_ERRORS, schedule: "purge_row_errors" },
    Line { what: "imports whose jobs are gone", kept: IMPORTS, schedule: "purge_imports" },
    Line { what: "staging of ended imports", kept: LEFT_STAGING, schedule: "purge_staging" },
    Line { what: "events of the outbox", kept: OUTBOX_EVENTS, schedule: "purge_outbox" },
    Line { what: "months of the audit", kept: AUDIT, schedule: "retire_audit_months" },
    Line { what: "ended jobs", kept: FINISHED_JOBS, schedule: "purge_jobs" },
    Line { what: "ended sessions", kept: ENDED_SESSIONS, schedule: "purge_sessions" },
    Line { what: "idempotency keys", kept: IDEMPOTENCY_KEYS, schedule: "purge_idempotency_keys" },
    Line { what: "FHIR proposals", kept: FHIR_PROPOSALS, schedule: "purge_fhir_proposals" },
    Line { what: "receipts", kept: RECEIPTS, schedule: "purge_receipts" },
    Line { what: "batches of matches", kept: MATCH_BATCHES, schedule: "purge_match_batches" },
    Line { what: "exports", kept: EXPORTS, schedule: "purge_exports" },
    Line { what: "unfinished exports", kept: UNFINISHED_EXPORTS, schedule: "purge_exports" },
    Line { what: "former versions", kept: FORMER_VERSIONS, schedule: "purge_versions" },
    Line { what: "safety regressions", kept: SAFETY_REGRESSIONS, schedule: "purge_regressions" },
];
