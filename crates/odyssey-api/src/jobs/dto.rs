//! What goes out about jobs and their errors.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use odyssey_domain::ingestion::{Estimate, ImportMode, ImportView, JobView, RowFault, Totals, Undone};
use odyssey_domain::jobs::{JobState, LogLine, StepRecord};
use odyssey_types::{JobId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ingestion::UndoneDto;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum JobStatus {
    /// The file is still arriving.
    Receiving,
    Queued,
    Running,
    Paused,
    /// Every row was taken.
    Completed,
    /// Some rows were refused.
    CompletedWithErrors,
    /// Not one row was taken.
    CompletedNothingWritten,
    /// Stopped by somebody; what was merged before stays.
    Canceled,
    Failed,
}

/// Both ways, so that a state added to either list does not compile without the other.
impl From<JobState> for JobStatus {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Receiving => Self::Receiving,
            JobState::Queued => Self::Queued,
            JobState::Running => Self::Running,
            JobState::Paused => Self::Paused,
            JobState::Completed => Self::Completed,
            JobState::CompletedWithErrors => Self::CompletedWithErrors,
            JobState::CompletedNothingWritten => Self::CompletedNothingWritten,
            JobState::Canceled => Self::Canceled,
            JobState::Failed => Self::Failed,
        }
    }
}

impl From<JobStatus> for JobState {
    fn from(status: JobStatus) -> Self {
        match status {
            JobStatus::Receiving => Self::Receiving,
            JobStatus::Queued => Self::Queued,
            JobStatus::Running => Self::Running,
            JobStatus::Paused => Self::Paused,
            JobStatus::Completed => Self::Completed,
            JobStatus::CompletedWithErrors => Self::CompletedWithErrors,
            JobStatus::CompletedNothingWritten => Self::CompletedNothingWritten,
            JobStatus::Canceled => Self::Canceled,
            JobStatus::Failed => Self::Failed,
        }
    }
}

/// What became of the rows so far: `read` is the sum of the five that follow. Of an undo: of what the import wrote.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TotalsDto {
    read: i64,
    created: i64,
    /// Of an undo: set back to what was before.
    updated: i64,
    unchanged: i64,
    /// A person's edit stands. Of an undo: changed again since, and left.
    kept: i64,
    /// Of an undo: what was before is not possible any more.
    rejected: i64,
    /// Products that a file of the whole catalog (`load=full`) does not have, or what an undone import had made: deleted,
    /// and no part of `read`.
    deleted: i64,
    /// Oddities of rows that were taken.
    warnings: i64,
}

impl From<Totals> for TotalsDto {
    fn from(totals: Totals) -> Self {
        let Totals { read, created, updated, unchanged, kept, rejected, deleted, warnings } = totals;
        Self { read, created, updated, unchanged, kept, rejected, deleted, warnings }
    }
}

impl From<Undone> for TotalsDto {
    fn from(undone: Undone) -> Self {
        let Undone { restored: updated, deleted, left: kept, refused: rejected } = undone;
        let read = updated + kept + rejected;
        Self { read, created: 0, updated, unchanged: 0, kept, rejected, deleted, warnings: 0 }
    }
}

/// Why a job failed, or why it waits: `vendor_suspended`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobErrorDto {
    code: String,
    detail: Option<String>,
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobDto {
    job_id: Uuid,
    /// `run_import`, …
    kind: String,
    /// The queue that it waits in.
    lane: String,
    /// `products` or `customers`; null for jobs that import nothing.
    mode: Option<&'static str>,
    /// Nothing of it was kept; its totals say what would have become of the rows.
    dry_run: bool,
    status: JobStatus,
    /// 0 to 100.
    progress_pct: f64,
    /// What it is at: `reading`, `comparing`, `merging`, `finishing`.
    step: Option<String>,
    totals: Option<TotalsDto>,
    /// Of a job that undoes an import, once it has ended: what became of what the import wrote.
    undone: Option<UndoneDto>,
    /// Data rows of the file, once it has been read to its end.
    rows_total: Option<u64>,
    /// Rows read by the present attempt, or the last, refused ones included; `totals.read` are those that are settled. Null
    /// for jobs that import nothing.
    rows_read: Option<u64>,
    /// Bytes of the file as it was sent, and how many of them are read; null where no file is.
    bytes_total: Option<u64>,
    bytes_read: Option<u64>,
    /// While an import runs, once enough of its batches are written: when it will have finished.
    estimate: Option<EstimateDto>,
    /// How many rows were refused under each code.
    error_codes: BTreeMap<String, i64>,
    /// How many oddities of rows that were taken there are under each code. Of each code and column the first hundred
    /// are listed (`/errors`).
    warning_codes: BTreeMap<String, i64>,
    /// The refused rows with their reasons, as a file; null when there are none.
    error_url: Option<String>,
    /// The job whose refused rows this one imports once more.
    #[schema(value_type = Option<Uuid>)]
    parent_job_id: Option<JobId>,
    /// The jobs that imported refused rows of this one once more, in their order.
    #[schema(value_type = Vec<Uuid>)]
    rerun_job_ids: Vec<JobId>,
    /// Of the file that this job, or its parent, imported: refused rows less those that a rerun has taken. Null for
    /// jobs that import nothing.
    still_rejected: Option<i64>,
    /// The present or last attempt; 0 before the first.
    attempt: i16,
    /// Attempts before it is given up.
    attempts_max: i16,
    /// It used up its attempts, or no attempt could succeed; `error` has the code of the last one. Nothing runs it again
    /// but a retry.
    dead: bool,
    error: Option<JobErrorDto>,
    /// What each column was read as, or why it was not; null until the file is opened.
    #[schema(value_type = Option<Object>)]
    mapping: Option<serde_json::Value>,
    /// Compression, encoding, delimiter; null until the file is opened.
    #[schema(value_type = Option<Object>)]
    detected: Option<serde_json::Value>,
    #[schema(value_type = Option<Uuid>)]
    created_by: Option<UserId>,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    /// What it did, in its order, over all attempts; empty in lists.
    steps: Vec<JobStepDto>,
    /// What it said of itself: counts and codes; empty in lists.
    log: Vec<JobLogLineDto>,
}

/// When an import will have finished, by the pace of its latest batches, as the last of them foresaw it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EstimateDto {
    finishes_at: DateTime<Utc>,
    /// By how many seconds it may well be earlier or later: the batches differed by so much from each other.
    error_seconds: i64,
}

/// A step of a job.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobStepDto {
    name: String,
    attempt: i16,
    started_at: DateTime<Utc>,
    /// Null for the present one.
    finished_at: Option<DateTime<Utc>>,
}

impl From<StepRecord> for JobStepDto {
    fn from(step: StepRecord) -> Self {
        Self {
            name: step.name,
            attempt: step.attempt,
            started_at: step.started_at,
            finished_at: step.finished_at,
        }
    }
}

/// A line of a job's log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobLogLineDto {
    at: DateTime<Utc>,
    /// `debug`, `info`, `warn` or `error`.
    level: &'static str,
    message: String,
    #[schema(value_type = Object)]
    fields: serde_json::Value,
}

impl From<LogLine> for JobLogLineDto {
    fn from(line: LogLine) -> Self {
        Self { at: line.at, level: line.level.as_str(), message: line.message, fields: line.fields }
    }
}

impl From<JobView> for JobDto {
    fn from(JobView { record, import, undone, steps, log }: JobView) -> Self {
        let (mut totals, mut rows_total, mut mode) = (undone.map(TotalsDto::from), None, None);
        let (mut error_codes, mut mapping, mut detected) = (BTreeMap::new(), None, None);
        let mut warning_codes = BTreeMap::new();
        let (mut upload_failed, mut error_url, mut dry_run) = (None, None, false);
        let (mut parent_job_id, mut rerun_job_ids, mut still_rejected) = (None, Vec::new(), None);
        let (mut rows_read, mut bytes_total, mut bytes_read, mut estimate) = (None, None, None, None);
        if let Some(import) = import {
            let ImportView { codes, has_errors, .. } = import;
            mode = Some(match import.mode {
                ImportMode::Products => "products",
                ImportMode::Customers => "customers",
            });
            totals = Some(import.totals.into());
            rows_total = import.rows_total;
            rows_read = Some(import.rows_read);
            bytes_total = import.bytes_total;
            bytes_read = bytes_total.map(|_| import.bytes_read);
            estimate = import
                .estimate
                .map(|Estimate { finishes_at, error_seconds }| EstimateDto { finishes_at, error_seconds });
            (mapping, detected) = (import.mapping, import.detected);
            error_codes = codes;
            warning_codes = import.warning_codes;
            error_url = has_errors.then(|| format!("/api/v1/jobs/{}/errors.csv", record.id));
            upload_failed = import.upload_failed;
            dry_run = import.parameters.dry_run;
            (parent_job_id, rerun_job_ids) = (import.parent_job_id, import.rerun_job_ids);
            still_rejected = Some(import.still_rejected);
        }
        let failure = record.error_code.map(|code| JobErrorDto { code, detail: record.error_detail });
        Self {
            job_id: record.id,
            kind: record.kind,
            lane: record.lane,
            mode,
            dry_run,
            status: record.state.into(),
            progress_pct: f64::from(record.progress_permille) / 10.0,
            step: record.step,
            totals,
            undone: undone.map(UndoneDto::from),
            rows_total,
            rows_read,
            bytes_total,
            bytes_read,
            estimate,
            error_codes,
            warning_codes,
            error_url,
            parent_job_id,
            rerun_job_ids,
            still_rejected,
            attempt: record.attempt,
            attempts_max: record.attempts_max,
            dead: record.state == JobState::Failed,
            error: failure.or_else(|| upload_failed.map(|code| JobErrorDto { code, detail: None })),
            mapping,
            detected,
            created_by: record.created_by.map(UserId::from_uuid),
            created_at: record.created_at,
            started_at: record.started_at,
            finished_at: record.finished_at,
            steps: steps.into_iter().map(Into::into).collect(),
            log: log.into_iter().map(Into::into).collect(),
        }
    }
}

/// One fault of a row.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RowFaultDto {
    /// 1 is the first row below the header.
    row: u64,
    /// Line of the decoded file where the row begins; null where it is not known.
    line: Option<u64>,
    /// `error`: the row was refused; `warning`: it was taken, or kept, all the same.
    severity: String,
    column: Option<String>,
    code: String,
    remedy: String,
    /// The value as the file writes it: of a refusal, or of a warning about a product; null as well where you may not
    /// see it (`masked`).
    value: Option<String>,
    /// What would be right, where that is sure; of a warning, what was read in place of the value.
    suggestion: Option<String>,
    /// For a repetition: the row that came first.
    first_row: Option<u64>,
    /// What somebody wrote instead of the value; empty where they left the cell empty, null where nobody did or
    /// where you may not see it.
    correction: Option<String>,
    /// The rerun that has taken the row since.
    #[schema(value_type = Option<Uuid>)]
    taken_by: Option<JobId>,
}

impl From<RowFault> for RowFaultDto {
    fn from(fault: RowFault) -> Self {
        let values = fault.values.map(odyssey_types::Phi::into_exposed).unwrap_or_default();
        Self {
            row: fault.row,
            line: (fault.line > 0).then_some(fault.line),
            severity: fault.severity,
            column: fault.column,
            code: fault.code,
            remedy: fault.remedy,
            value: values.value,
            suggestion: values.suggestion,
            first_row: values.first_row,
            correction: fault.correction.map(odyssey_types::Phi::into_exposed),
            taken_by: fault.taken_by,
        }
    }
}

/// A page of faults, in the order of the file.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RowFaultsDto {
    pub items: Vec<RowFaultDto>,
    /// Send it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
    /// True where the rows carry customers and you may not see their values.
    pub masked: bool,
    /// Refused rows of the job whose faults are kept. What `totals.rejected` has more is counted only: it was beyond
    /// the limit, or its time is over.
    pub rows_kept: u64,
}
