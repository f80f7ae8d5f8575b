//! Undoing an import: what it changed is as before, what it made is deleted, what changed again since is left alone.
//!
//! Undoing is a job in the lane of imports, so that it runs beside none. It works through the former versions that the
//! import left, in batches of their own; one that dies goes on where it was, since what is set back is told from
//! what is not by its row. Nothing that was erased comes back: its versions went with it. Consents that the import
//! granted end with it, and what was withdrawn stays withdrawn.

mod customers;
mod products;
mod store;

use std::time::Duration;

use chrono::{DateTime, Utc};
use odyssey_jobs::{Backoff, Job, JobContext, JobError, JobOutcome, JobVerdict};
use odyssey_tabular::Mode;
use odyssey_types::{CustomerId, JobId, ProductId, UserId, VendorId};
use serde::{Deserialize, Serialize};

use super::IngestionError;
use super::import::IMPORT_LANE;
use crate::audit::{self, AuditEvent};
use crate::db::{Database, Notice, VendorTx};
use crate::quality;
use crate::retention;
use crate::tenancy::{self, Actor, PAUSED_BY_SUSPENSION, Purpose, TenancyError};

/// Items that an answer names which stay as they are.
pub const LATER_CHANGES_MAX: i64 = 1_000;

/// Undoes an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoImport {
    /// The job of the import.
    pub job_id: JobId,
}

impl Job for UndoImport {
    const KIND: &'static str = "undo_import";
    const LANE: &'static str = IMPORT_LANE;
    const ATTEMPTS_MAX: i16 = 50;
    const TIMEOUT: Duration = Duration::from_hours(12);
    const BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_mins(1) };
}

/// Why an import cannot be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotUndoable {
    /// It waits or runs; cancel it first.
    Running,
    /// It ended longer ago than former versions are kept.
    TooLate,
    /// Somebody asked for it already.
    Asked,
    /// A dry run wrote nothing.
    DryRun,
}

/// How an import stands towards its undoing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoView {
    /// `None`: it can be undone.
    pub refusal: Option<NotUndoable>,
    /// Until when it can be; `None` while it has not ended.
    pub until: Option<DateTime<Utc>>,
    pub undo_job_id: Option<JobId>,
    pub undone_at: Option<DateTime<Utc>>,
    /// What became of what the import wrote, once it is undone.
    pub undone: Option<Undone>,
    /// Items that the import wrote and something changed since: they stay as they are. The first
    /// [`LATER_CHANGES_MAX`].
    pub later_changes: Vec<LaterChange>,
}

/// An item that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaterChange {
    Product {
        product_id: ProductId,
        external_id: String,
        row_version: i64,
    },
    /// What the vendor calls a customer is sealed, and not told here.
    Customer {
        customer_id: CustomerId,
        row_version: i64,
    },
}

/// An import's part in being undone, as its row says.
#[derive(Debug, Clone)]
struct Standing {
    mode: Mode,
    finished_at: Option<DateTime<Utc>>,
    undo_job_id: Option<JobId>,
    undone_at: Option<DateTime<Utc>>,
    /// The job that undoes it waits or runs.
    is_being_undone: bool,
    is_dry: bool,
}

impl Standing {
    fn until(&self) -> Option<DateTime<Utc>> {
        self.finished_at.map(|at| at + retention::FORMER_VERSIONS)
    }

    fn refusal(&self, now: DateTime<Utc>) -> Option<NotUndoable> {
        if self.is_dry {
            return Some(NotUndoable::DryRun);
        }
        // An undoing that was canceled or failed may be asked for again: it goes on with what is not set back yet.
        if self.undone_at.is_some() || self.is_being_undone {
            return Some(NotUndoable::Asked);
        }
        match self.until() {
            None => Some(NotUndoable::Running),
            Some(until) if until <= now => Some(NotUndoable::TooLate),
            Some(_) => None,
        }
    }
}

/// Whether somebody asked for the undoing of an import.
pub(super) async fn is_asked_for(tx: &mut VendorTx, job_id: JobId) -> Result<bool, IngestionError> {
    let standing = store::standing(tx, job_id, false).await?;
    Ok(standing.is_some_and(|standing| standing.undo_job_id.is_some()))
}

/// Whether an import can be undone, and what would stay as it is.
pub async fn undo_view(tx: &mut VendorTx, job_id: JobId) -> Result<UndoView, IngestionError> {
    let standing = store::standing(tx, job_id, false).await?.ok_or(IngestionError::JobNotFound)?;
    let vendor_id = tx.vendor_id().as_uuid();
    let undone = match standing.undo_job_id {
        Some(id) => {
            odyssey_jobs::get(tx.connection(), vendor_id, id.as_uuid()).await?.and_then(|job| job.totals)
        }
        None => None,
    };
    let later_changes = match standing.mode {
        Mode::Products => store::later_changes(tx, job_id, LATER_CHANGES_MAX).await?,
        Mode::Customers => customers::later_changes(tx, job_id, LATER_CHANGES_MAX).await?,
    };
    Ok(UndoView {
        undone: undone.and_then(|totals| serde_json::from_value(totals).ok()),
        refusal: standing.refusal(tx.now()),
        until: standing.until(),
        undo_job_id: standing.undo_job_id,
        undone_at: standing.undone_at,
        later_changes,
    })
}

/// Queues the undoing of an import; says which job does it. Audited.
pub async fn start_undo(tx: &mut VendorTx, job_id: JobId) -> Result<JobId, IngestionError> {
    let standing = store::standing(tx, job_id, true).await?.ok_or(IngestionError::JobNotFound)?;
    let now = tx.now();
    if let Some(refusal) = standing.refusal(now) {
        return Err(IngestionError::NotUndoable(refusal));
    }
    let (vendor_id, created_by) = (tx.vendor_id().as_uuid(), tx.actor().user_id.map(UserId::as_uuid));
    let queued =
        odyssey_jobs::enqueue_job(tx.connection(), vendor_id, created_by, &UndoImport { job_id }, now)
            .await?;
    let undo_job_id = JobId::from_uuid(queued.id);
    store::note_undo(tx, job_id, undo_job_id).await?;
    tx.notify_after_commit(Notice::JobsWaiting);
    let event = AuditEvent::new("import.undo", "job", Purpose::Operations)
        .entity(job_id)
        .detail("undo_job_id", undo_job_id.to_string());
    audit::record(tx, event).await?;
    Ok(undo_job_id)
}

/// What became of what the import wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// As before the import.
    pub restored: i64,
    /// Made by the import, and deleted.
    pub deleted: i64,
    /// Changed again since: left as it is.
    pub left: i64,
    /// As before is not possible any more: its barcode is another product's now.
    pub refused: i64,
}

impl Undone {
    fn totals(&self) -> serde_json::Value {
        let Self { restored, deleted, left, refused } = self;
        serde_json::json!({ "restored": restored, "deleted": deleted, "left": left, "refused": refused })
    }

    const fn verdict(&self) -> JobVerdict {
        if self.refused > 0 {
            JobVerdict::CompletedWithErrors
        } else if self.restored + self.deleted == 0 {
            JobVerdict::CompletedNothingWritten
        } else {
            JobVerdict::Completed
        }
    }
}

/// One attempt.
struct Run<'a> {
    database: &'a Database,
    context: &'a JobContext,
    vendor_id: VendorId,
    job_id: JobId,
    undone_job_id: JobId,
    started_by: Option<UserId>,
}

impl Run<'_> {
    /// Begins a transaction that nobody but this attempt can commit.
    async fn begin(&self) -> Result<VendorTx, IngestionError> {
        let scope = tenancy::scope_for_job(self.database, self.vendor_id).await?;
        let mut tx = VendorTx::begin(self.database, scope, Actor::job(self.job_id)).await?;
        self.context.fence(tx.connection()).await?;
        Ok(tx)
    }

    fn check_stop(&self) -> Result<(), IngestionError> {
        match self.context.stop_reason() {
            None => Ok(()),
            Some(_) => Err(IngestionError::Job(JobError::stopped())),
        }
    }
}

/// Runs one attempt.
pub async fn run_undo_import(
    database: &Database,
    context: &JobContext,
    job: UndoImport,
) -> Result<JobOutcome, JobError> {
    match attempt(database, context, job).await {
        Ok(undone) => Ok(JobOutcome::new(undone.verdict()).with_totals(undone.totals())),
        Err(IngestionError::Tenancy(TenancyError::VendorSuspended)) => {
            Ok(JobOutcome::paused_for(PAUSED_BY_SUSPENSION))
        }
        Err(error) => Err(error.into()),
    }
}

async fn attempt(
    database: &Database,
    context: &JobContext,
    job: UndoImport,
) -> Result<Undone, IngestionError> {
    let mut run = Run {
        database,
        context,
        vendor_id: VendorId::from_uuid(context.vendor_id()),
        job_id: JobId::from_uuid(context.job_id()),
        undone_job_id: job.job_id,
        started_by: None,
    };
    let mut tx = run.begin().await?;
    let (vendor_id, job_id) = (run.vendor_id.as_uuid(), run.job_id.as_uuid());
    let record = odyssey_jobs::get(tx.connection(), vendor_id, job_id).await?;
    let standing = store::standing(&mut tx, run.undone_job_id, false).await?;
    tx.roll_back().await?;
    run.started_by = record.and_then(|record| record.created_by).map(UserId::from_uuid);
    let mode =
        standing.ok_or_else(|| IngestionError::inconsistent("an import that is undone has gone"))?.mode;
    match mode {
        Mode::Products => products::undo(&run).await?,
        Mode::Customers => customers::undo(&run).await?,
    }
    let mut tx = run.begin().await?;
    let undone = match mode {
        Mode::Products => store::count_undone(&mut tx, run.undone_job_id).await?,
        Mode::Customers => customers::count(&mut tx, run.undone_job_id).await?,
    };
    store::finish_undo(&mut tx, run.undone_job_id).await?;
    if mode == Mode::Products {
        quality::enqueue_summary(&mut tx).await?;
    }
    let event = AuditEvent::new("import.undone", "job", Purpose::Operations)
        .entity(run.undone_job_id)
        .count(undone.restored + undone.deleted)
        .detail("left", undone.left)
        .detail("refused", undone.refused);
    audit::record(&mut tx, event).await?;
    tx.commit().await?;
    Ok(undone)
}
