//! Importing refused rows once more: a job of its own, by the mapping and the parameters of the import that the rows
//! are from.
//!
//! Its rows keep the numbers that they have in their file. The totals of the import stay as they were; what is still
//! refused of it is its refused rows less those that a rerun has taken.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use odyssey_jobs::{Backoff, Job, JobContext, JobError, JobOutcome, NewJob};
use odyssey_tabular::Mapping;
use odyssey_types::{JobId, UserId, VendorId};
use serde::{Deserialize, Serialize};

use super::corrections::{Family, restore, wanted};
use super::import::{self, IMPORT_LANE};
use super::pace::Pace;
use super::parameters::StoredParameters;
use super::progress::Run;
use super::row_errors::Sealing;
use super::store::{self, NewRerun, Wanted};
use super::words::Words;
use super::{Ingestion, IngestionError};
use crate::audit::{self, AuditEvent};
use crate::db::{Database, Notice, VendorTx};
use crate::matching::Audiences;
use crate::tenancy::Purpose;

/// Imports refused rows of an import once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RerunErrors {
    pub parent_job_id: JobId,
}

impl Job for RerunErrors {
    const KIND: &'static str = "rerun_errors";
    const LANE: &'static str = IMPORT_LANE;
    /// As an import's.
    const ATTEMPTS_MAX: i16 = 50;
    const TIMEOUT: Duration = Duration::from_hours(12);
    const BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_mins(1) };
}

/// Which of the refused rows are run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RerunRows {
    /// Those with corrections that no rerun has tried.
    Corrected,
    /// All that are still refused and can be read.
    All,
}

/// A rerun that is queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartedRerun {
    pub job_id: JobId,
    pub parent_job_id: JobId,
    pub rows: u64,
}

/// Queues a job that imports refused rows of an import once more, with their corrections; the caller commits. A row whose
/// product a later import has changed since is kept, unless it is to be overwritten.
pub async fn start_rerun(
    tx: &mut VendorTx,
    job_id: JobId,
    rows: RerunRows,
    overwrite_newer: bool,
    may_read_health: bool,
) -> Result<StartedRerun, IngestionError> {
    let Family { parent, mode, row, .. } = Family::lock(tx, job_id, may_read_health).await?;
    if row.under_way {
        return Err(IngestionError::NotCorrectable("A rerun has not ended yet; wait for it to end."));
    }
    let parameters = parameters_of(row.parameters, parent, overwrite_newer)?;
    let chosen = choose(tx, parent, rows).await?;
    if chosen.is_empty() {
        return Err(IngestionError::NotCorrectable(match rows {
            RerunRows::Corrected => "No refused row has a correction that was not tried.",
            RerunRows::All => "No row is refused any more that could be run again.",
        }));
    }
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let created_by = tx.actor().user_id.map(UserId::as_uuid);
    let mut job = NewJob::of(vendor_id, created_by, &RerunErrors { parent_job_id: parent }, now)?;
    job.parent_job_id = Some(parent.as_uuid());
    let job_id = JobId::from_uuid(odyssey_jobs::enqueue(tx.connection(), job).await?.id);
    let rerun = NewRerun {
        job_id,
        parent,
        upload_id: row.upload_id,
        mode,
        turn: i32::try_from(row.turns).unwrap_or(i32::MAX).saturating_add(1),
        parameters: &parameters,
        rows: &chosen,
    };
    store::insert_rerun(tx, &rerun).await?;
    let event = AuditEvent::new("import.rerun", "job", Purpose::Operations)
        .entity(job_id)
        .count(chosen.len() as i64)
        .detail("mode", mode.as_str())
        .detail("parent_job_id", parent.to_string());
    audit::record(tx, event).await?;
    tx.notify_after_commit(Notice::JobsWaiting);
    Ok(StartedRerun { job_id, parent_job_id: parent, rows: chosen.len() as u64 })
}

/// What was said of the file, less what concerns it as a whole: a few rows are never the whole catalog, and one that a
/// dry run flagged is meant once somebody runs it again.
fn parameters_of(
    stored: serde_json::Value,
    parent: JobId,
    overwrite_newer: bool,
) -> Result<serde_json::Value, IngestionError> {
    let broken = |_| IngestionError::inconsistent(format!("import {parent} has unreadable parameters"));
    let mut parameters: StoredParameters = serde_json::from_value(stored).map_err(broken)?;
    if parameters.requested.dry_run {
        return Err(IngestionError::NotCorrectable("It was a dry run: apply it first, or correct the file."));
    }
    (parameters.requested.full, parameters.requested.allow_deletes) = (false, false);
    parameters.except_flagged_of = None;
    parameters.overwrite_newer = overwrite_newer;
    serde_json::to_value(&parameters).map_err(broken)
}

/// The rows to run again, in the order of the file.
async fn choose(tx: &mut VendorTx, parent: JobId, rows: RerunRows) -> Result<Vec<i64>, IngestionError> {
    let mut chosen = Vec::new();
    let mut page = wanted(parent);
    loop {
        let refused = store::refused_rows(tx, page).await?;
        let Some(last) = refused.last() else { return Ok(chosen) };
        page = Wanted { after: last.row_number, ..page };
        let wanted = refused.iter().filter(|row| {
            !row.whole_row && !row.taken && !row.under_way && (rows == RerunRows::All || row.waiting)
        });
        chosen.extend(wanted.map(|row| row.row_number));
    }
}

/// Runs one attempt, from the checkpoint of the one before.
pub async fn run_rerun(
    ingestion: &Ingestion,
    database: &Database,
    audiences: &Audiences,
    context: JobContext,
    _: RerunErrors,
) -> Result<JobOutcome, JobError> {
    import::run(ingestion, database, audiences, context, None).await
}

/// What a rerun takes up again.
#[derive(Debug)]
pub(super) struct Rerun {
    pub parent: JobId,
    /// Of its rows in their file, in their order.
    pub numbers: Arc<[u64]>,
    pub mapping: Mapping,
}

/// Loads what a rerun needs besides its own import: that of its parent, and the parent's upload, which may be gone.
pub(super) async fn load<'a>(
    ingestion: &'a Ingestion,
    database: &'a Database,
    context: JobContext,
    mut tx: VendorTx,
    mut import: store::ImportRow,
) -> Result<Run<'a>, IngestionError> {
    let (vendor_id, job_id) = (VendorId::from_uuid(context.vendor_id()), JobId::from_uuid(context.job_id()));
    let gone = || IngestionError::import("originals_purged", "The refused rows are no longer kept.");
    let parent = import.parent_job_id.map(JobId::from_uuid).ok_or_else(gone)?;
    let of = store::find_import(&mut tx, parent).await?.ok_or_else(gone)?;
    let upload = store::find_upload(&mut tx, of.upload_id.into()).await?.ok_or_else(gone)?;
    let sealed = store::find_reading(&mut tx, parent).await?.ok_or_else(gone)?;
    let mapping = restore(Sealing::of(&tx, parent)?.open_reading(&sealed)?)?;
    let rows = store::find_rerun_rows(&mut tx, job_id).await?;
    let overtaken = store::is_overtaken(&mut tx, import.mode, parent, of.created_at).await?;
    tx.roll_back().await?;
    let parameters = serde_json::from_value(import.parameters.clone())
        .map_err(|_| IngestionError::inconsistent(format!("import {job_id} has unreadable parameters")))?;
    // What a person did since the file arrived goes before its rows, and ages are counted to that day.
    import.created_at = of.created_at;
    // Shown of a rerun as of its parent: the same file was read.
    (import.mapping, import.detected) = (of.mapping, of.detected);
    let numbers = rows.into_iter().map(i64::unsigned_abs).collect();
    let rerun = Some(Rerun { parent, numbers, mapping });
    let mode = import.mode;
    let audiences = None;
    Ok(Run {
        ingestion,
        database,
        context,
        vendor_id,
        job_id,
        mode,
        upload,
        parameters,
        import,
        audiences,
        rerun,
        // They are in the recorded mapping.
        words: Words::default(),
        server_run: OnceLock::new(),
        pace: Pace::default(),
        overtaken,
    })
}

/// The number of a row, counted from 1, in the file that it is from.
pub(super) fn number_in(numbers: &[u64], row: u64) -> u64 {
    let at = usize::try_from(row).unwrap_or(0).checked_sub(1);
    at.and_then(|at| numbers.get(at)).copied().unwrap_or(row)
}
