//! The job that imports an upload.

use std::sync::OnceLock;
use std::time::Duration;

use odyssey_jobs::{Backoff, Job, JobContext, JobError, JobOutcome, JobVerdict, LogLevel, StopReason};
use odyssey_tabular::Mode;
use odyssey_types::{JobId, UploadId, VendorId};
use serde::{Deserialize, Serialize};

use super::pace::Pace;
use super::parameters::StoredParameters;
use super::progress::{Run, totals_json};
use super::words::Words;
use super::{
    Ingestion, IngestionError, Totals, customers, originals, products, rehearsal, rerun, store, undo,
};
use crate::audit::{self, AuditEvent};
use crate::db::{Database, VendorTx};
use crate::matching::Audiences;
use crate::quality;
use crate::tenancy::{self, Actor, PAUSED_BY_SUSPENSION, Purpose, TenancyError};

/// The lane of imports: long work that keeps no short work waiting. Its cap per vendor is one, so that two
/// files of a vendor are merged one after the other, in the order in which they arrived.
pub const IMPORT_LANE: &str = "imports";
/// Reads an upload and merges its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunImport {
    pub upload_id: UploadId,
}

impl Job for RunImport {
    const KIND: &'static str = "run_import";
    const LANE: &'static str = IMPORT_LANE;
    /// An attempt that dies with its machine goes on at the checkpoint, so many may be needed and none is
    /// wasted.
    const ATTEMPTS_MAX: i16 = 50;
    const TIMEOUT: Duration = Duration::from_hours(12);
    const BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_mins(1) };
}

/// Runs one attempt, from the checkpoint of the one before.
pub async fn run_import(
    ingestion: &Ingestion,
    database: &Database,
    audiences: &Audiences,
    context: JobContext,
    job: RunImport,
) -> Result<JobOutcome, JobError> {
    run(ingestion, database, audiences, context, Some(job.upload_id)).await
}

/// Runs one attempt of an import of an upload, or of a rerun, which has none.
pub(super) async fn run(
    ingestion: &Ingestion,
    database: &Database,
    audiences: &Audiences,
    context: JobContext,
    upload_id: Option<UploadId>,
) -> Result<JobOutcome, JobError> {
    match attempt(ingestion, database, audiences, &context, upload_id).await {
        Ok(outcome) => Ok(outcome),
        // Suspension takes effect between two batches, and what waits goes on when it ends.
        Err(IngestionError::Tenancy(TenancyError::VendorSuspended)) => {
            Ok(JobOutcome::paused_for(PAUSED_BY_SUSPENSION))
        }
        Err(error) => {
            let error = JobError::from(error);
            if error.is_failure() {
                conclude(ingestion, database, &context, upload_id).await;
            }
            Err(error)
        }
    }
}

async fn attempt(
    ingestion: &Ingestion,
    database: &Database,
    audiences: &Audiences,
    context: &JobContext,
    upload_id: Option<UploadId>,
) -> Result<JobOutcome, IngestionError> {
    let mut run = load(ingestion, database, context.clone(), upload_id).await?;
    run.audiences = Some(audiences.clone());
    if run.is_dry() {
        rehearsal::begin_again(&mut run).await?;
    }
    if run.import.mapping_digest.is_some() {
        let fields =
            serde_json::json!({ "attempt": context.attempt(), "records_merged": run.import.records_merged });
        context.log(LogLevel::Info, "The import goes on behind the rows that are merged", fields).await?;
    }
    let merged = match run.mode {
        Mode::Products => products::import(&mut run).await,
        Mode::Customers => customers::import(&mut run).await,
    };
    match merged {
        Ok(()) => {}
        Err(IngestionError::Job(_)) if context.stop_reason() == Some(StopReason::Cancel) => {
            let totals = finish(&run, "import.cancel").await?;
            return Ok(JobOutcome::CANCELED.with_totals(totals_json(&totals)));
        }
        Err(error) => return Err(error),
    }
    originals::fill_in(&run).await?;
    let totals = run.import.totals;
    let rows = i64::try_from(run.import.records_total.unwrap_or(0)).unwrap_or(i64::MAX);
    if !totals.reconciles() || totals.read != rows {
        let detail = format!("{rows} rows, but {}", totals_json(&totals));
        return Err(IngestionError::import("totals_do_not_reconcile", detail));
    }
    let totals = finish(&run, "import.finish").await?;
    Ok(JobOutcome::new(verdict_of(&totals)).with_totals(totals_json(&totals)))
}

const fn verdict_of(totals: &Totals) -> JobVerdict {
    if totals.accepted() == 0 && totals.deleted == 0 {
        JobVerdict::CompletedNothingWritten
    } else if totals.rejected > 0 {
        JobVerdict::CompletedWithErrors
    } else {
        JobVerdict::Completed
    }
}

async fn load<'a>(
    ingestion: &'a Ingestion,
    database: &'a Database,
    context: JobContext,
    upload_id: Option<UploadId>,
) -> Result<Run<'a>, IngestionError> {
    let (vendor_id, job_id) = (VendorId::from_uuid(context.vendor_id()), JobId::from_uuid(context.job_id()));
    let mut tx = begin(database, vendor_id, job_id).await?;
    // An attempt that somebody asked for after the end: it has not ended, unless it was undone meanwhile.
    store::reopen_imports(&mut tx, &[job_id.as_uuid()]).await?;
    if undo::is_asked_for(&mut tx, job_id).await? {
        let detail = "The import was undone; upload its file anew.";
        return Err(IngestionError::import("import_undone", detail));
    }
    tx.mark_audited();
    tx.commit().await?;
    let mut tx = begin(database, vendor_id, job_id).await?;
    let import = store::find_import(&mut tx, job_id).await?;
    let Some(upload_id) = upload_id else {
        let gone = || IngestionError::import("rerun_missing", "This rerun is not known.");
        return rerun::load(ingestion, database, context, tx, import.ok_or_else(gone)?).await;
    };
    let upload = store::find_upload(&mut tx, upload_id).await?;
    let (Some(upload), Some(import)) = (upload, import) else {
        return Err(IngestionError::import("upload_missing", "The upload of this job is not known."));
    };
    if upload.state != "finished" {
        return Err(IngestionError::import("upload_purged", "The upload is gone; upload the file again."));
    }
    let unreadable = |_| IngestionError::inconsistent(format!("import {job_id} has unreadable parameters"));
    let parameters: StoredParameters =
        serde_json::from_value(import.parameters.clone()).map_err(unreadable)?;
    let mode = import.mode;
    let words = match (&import.words, &import.mapping_digest) {
        (Some(words), _) => serde_json::from_value(words.clone()).map_err(unreadable)?,
        (None, Some(_)) => Words::default(),
        (None, None) => Words::load(&mut tx, mode, parameters.saved_version).await?,
    };
    let overtaken = store::is_overtaken(&mut tx, mode, job_id, import.created_at).await?;
    tx.roll_back().await?;
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
        audiences: None,
        rerun: None,
        words,
        server_run: OnceLock::new(),
        pace: Pace::default(),
        overtaken,
    })
}

/// The last act: leaves the job's tables and says in the audit trail what came of it.
async fn finish(run: &Run<'_>, action: &'static str) -> Result<Totals, IngestionError> {
    let mut tx = run.begin().await?;
    if run.mode == Mode::Products {
        store::drop_staging(&mut tx, run.job_id).await?;
        if !run.is_dry() {
            quality::enqueue_summary(&mut tx).await?;
        }
    }
    if run.rerun.is_some() {
        let (merged, moved) = (run.import.records_merged, &run.import.moved_records);
        store::settle_rerun(&mut tx, run.job_id, merged, moved).await?;
    }
    let upload_id = run.rerun.is_none().then_some(run.upload.id);
    let totals = store::finish_import(&mut tx, run.job_id, upload_id).await?;
    let event = AuditEvent::new(action, "job", Purpose::Operations)
        .entity(run.job_id)
        .count(if run.is_dry() { 0 } else { totals.written() })
        .detail("dry_run", run.is_dry())
        .detail("mode", run.mode.as_str())
        .detail("read", totals.read)
        .detail("rejected", totals.rejected);
    audit::record(&mut tx, event).await?;
    tx.commit().await?;
    Ok(totals)
}

/// After a failure for good: the same, as far as it goes.
async fn conclude(
    ingestion: &Ingestion,
    database: &Database,
    context: &JobContext,
    upload_id: Option<UploadId>,
) {
    let concluded = async {
        let run = load(ingestion, database, context.clone(), upload_id).await?;
        finish(&run, "import.fail").await
    };
    if let Err(error) = concluded.await {
        tracing::warn!(error = %error, job.id = %context.job_id(), "The tables of failed job {} wait for their purge", context.job_id());
    }
}

async fn begin(database: &Database, vendor_id: VendorId, job_id: JobId) -> Result<VendorTx, IngestionError> {
    let scope = tenancy::scope_for_job(database, vendor_id).await?;
    Ok(VendorTx::begin(database, scope, Actor::job(job_id)).await?)
}
