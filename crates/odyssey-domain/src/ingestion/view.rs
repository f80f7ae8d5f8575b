//! Jobs as callers follow them.

use std::collections::HashMap;

use odyssey_jobs::{Job, JobFilter, JobRecord, JobState, LogLine, StepRecord};
use odyssey_tabular::Mode;
use odyssey_types::{JobId, Page};
use serde_json::Value;
use uuid::Uuid;

use super::ledger::Codes;
use super::store::{self, ImportRow};
use super::{Estimate, ImportParameters, IngestionError, Totals, UndoImport, Undone};
use crate::db::{DbError, VendorTx};
use crate::ingestion::parameters::StoredParameters;

/// A job, and what it imports where it is an import.
#[derive(Debug, Clone, PartialEq)]
pub struct JobView {
    pub record: JobRecord,
    pub import: Option<ImportView>,
    /// What an undo did, once it has ended.
    pub undone: Option<Undone>,
    /// What it did, in its order, over all attempts; empty in lists.
    pub steps: Vec<StepRecord>,
    /// What it said of itself, the first [`LOG_LINES_MAX`] lines; empty in lists. Counts and codes only.
    pub log: Vec<LogLine>,
}

/// Lines of a job's log that are shown: a job that says more than this says too much.
const LOG_LINES_MAX: i64 = 100;

/// What an import says of itself. Holds counts, codes and headers; no value of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportView {
    pub mode: Mode,
    pub totals: Totals,
    /// Data rows of the file, once it has been read to its end.
    pub rows_total: Option<u64>,
    /// Bytes of the file as it was sent; `None` of a rerun.
    pub bytes_total: Option<u64>,
    /// Read by the present attempt, or the last: bytes of the file as it was sent, and rows of it, refused ones included.
    pub bytes_read: u64,
    pub rows_read: u64,
    /// While it runs, and once enough batches were written to tell.
    pub estimate: Option<Estimate>,
    /// How many rows were refused under each code.
    pub codes: Codes,
    /// How many oddities of rows that were taken there are under each code; of each code and column the first
    /// hundred are listed.
    pub warning_codes: Codes,
    /// What was mapped, ignored, ambiguous; absent until the file is opened.
    pub mapping: Option<Value>,
    /// Encoding, delimiter, compression; absent until the file is opened.
    pub detected: Option<Value>,
    pub parameters: ImportParameters,
    /// Why the upload broke off.
    pub upload_failed: Option<String>,
    pub has_errors: bool,
    /// The import whose refused rows this job takes.
    pub parent_job_id: Option<JobId>,
    /// The jobs that took refused rows of this import, in their order.
    pub rerun_job_ids: Vec<JobId>,
    /// Rows of the import, or of the one it is a rerun of, that are refused still: its refused rows less those that
    /// a rerun has taken.
    pub still_rejected: i64,
}

/// One job of the vendor.
pub async fn find_job(tx: &mut VendorTx, job_id: JobId) -> Result<Option<JobView>, IngestionError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let record = odyssey_jobs::get(tx.connection(), vendor_id, job_id.as_uuid()).await?;
    match record {
        Some(record) => {
            let Some(mut view) = with_imports(tx, vec![record]).await?.pop() else { return Ok(None) };
            view.steps = odyssey_jobs::steps(tx.connection(), vendor_id, job_id.as_uuid()).await?;
            view.log =
                odyssey_jobs::log_lines(tx.connection(), vendor_id, job_id.as_uuid(), 0, LOG_LINES_MAX)
                    .await?;
            Ok(Some(view))
        }
        None => Ok(None),
    }
}

/// One job of the vendor, or [`IngestionError::JobNotFound`].
pub async fn get_job(tx: &mut VendorTx, job_id: JobId) -> Result<JobView, IngestionError> {
    find_job(tx, job_id).await?.ok_or(IngestionError::JobNotFound)
}

/// The vendor's jobs, newest first; the cursor is the id of the last one.
pub async fn list_jobs(
    tx: &mut VendorTx,
    state: Option<JobState>,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<JobView>, IngestionError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let before = cursor.map(|c| Uuid::try_parse(c).map_err(|_| IngestionError::CursorInvalid)).transpose()?;
    let filter = JobFilter { state, kind: None, before };
    let mut records = odyssey_jobs::list(tx.connection(), vendor_id, filter, i64::from(limit) + 1).await?;
    let more = records.len() > limit as usize;
    records.truncate(limit as usize);
    let next_cursor = records.last().filter(|_| more).map(|record| record.id.to_string());
    Ok(Page { items: with_imports(tx, records).await?, next_cursor })
}

/// What a job's upload carries; a job without one is no import.
pub(super) async fn mode_of(tx: &mut VendorTx, job_id: JobId) -> Result<Mode, IngestionError> {
    let modes = store::find_modes(tx, &[job_id.as_uuid()]).await?;
    modes.first().map(|(_, mode, _)| *mode).ok_or(IngestionError::JobNotFound)
}

async fn with_imports(tx: &mut VendorTx, records: Vec<JobRecord>) -> Result<Vec<JobView>, IngestionError> {
    let ids: Vec<Uuid> = records.iter().map(|record| record.id).collect();
    let uploads: HashMap<Uuid, (Mode, Option<String>)> = store::find_modes(tx, &ids)
        .await?
        .into_iter()
        .map(|(id, mode, failed)| (id, (mode, failed)))
        .collect();
    let mut imports: HashMap<Uuid, ImportRow> =
        store::find_imports(tx, &ids).await?.into_iter().map(|row| (row.job_id, row)).collect();
    let links = store::find_links(tx, &ids).await?;
    let parents: Vec<Uuid> = ids.iter().copied().chain(links.iter().map(|link| link.parent_job_id)).collect();
    let still: HashMap<Uuid, i64> = store::still_rejected(tx, &parents).await?.into_iter().collect();
    let mut views = Vec::with_capacity(records.len());
    for record in records {
        let import = match uploads.get(&record.id) {
            Some((mode, failed)) => {
                let mut import = import_of(*mode, failed.clone(), imports.remove(&record.id))?;
                let parent =
                    links.iter().find(|link| link.job_id == record.id).map(|link| link.parent_job_id);
                let reruns = links.iter().filter(|link| link.parent_job_id == record.id);
                import.parent_job_id = parent.map(JobId::from_uuid);
                import.rerun_job_ids = reruns.map(|link| JobId::from_uuid(link.job_id)).collect();
                import.estimate = import.estimate.filter(|_| record.state == JobState::Running);
                import.still_rejected = still.get(&parent.unwrap_or(record.id)).copied().unwrap_or(0);
                Some(import)
            }
            None => None,
        };
        let undone = undone_of(&record)?;
        views.push(JobView { record, import, undone, steps: Vec::new(), log: Vec::new() });
    }
    Ok(views)
}

fn undone_of(record: &JobRecord) -> Result<Option<Undone>, DbError> {
    let totals = record.totals.as_ref().filter(|_| record.kind == UndoImport::KIND);
    let read = totals.map(|totals| serde_json::from_value(totals.clone())).transpose();
    read.map_err(|_| DbError::inconsistent(format!("undo {} has unreadable totals", record.id)))
}

fn import_of(
    mode: Mode,
    upload_failed: Option<String>,
    row: Option<ImportRow>,
) -> Result<ImportView, DbError> {
    let Some(row) = row else {
        return Ok(ImportView {
            mode,
            totals: Totals::default(),
            rows_total: None,
            bytes_total: None,
            bytes_read: 0,
            rows_read: 0,
            estimate: None,
            codes: Codes::new(),
            warning_codes: Codes::new(),
            mapping: None,
            detected: None,
            parameters: ImportParameters::default(),
            upload_failed,
            has_errors: false,
            parent_job_id: None,
            rerun_job_ids: Vec::new(),
            still_rejected: 0,
        });
    };
    let parameters: StoredParameters = serde_json::from_value(row.parameters)
        .map_err(|_| DbError::inconsistent(format!("import {} has unreadable parameters", row.job_id)))?;
    let mut codes = row.parse_codes;
    for (code, count) in row.merge_codes {
        *codes.entry(code).or_default() += count;
    }
    Ok(ImportView {
        mode,
        totals: row.totals,
        rows_total: row.records_total,
        bytes_total: row.bytes_total,
        bytes_read: row.bytes_read,
        rows_read: row.rows_read,
        estimate: row.estimate,
        has_errors: !codes.is_empty(),
        codes,
        warning_codes: row.warning_codes,
        mapping: row.mapping,
        detected: row.detected,
        parameters: parameters.requested,
        upload_failed,
        parent_job_id: None,
        rerun_job_ids: Vec::new(),
        still_rejected: 0,
    })
}
