//! Letting go of what has been kept long enough.

use odyssey_types::JobId;

use super::{Ingestion, IngestionError, store};
use crate::db::{Database, DbError, SystemTx};
use crate::retention::{self, Holds};
use crate::tenancy;

/// Uploads looked at in one transaction.
const UPLOADS_A_TURN: i64 = 100;

/// What a purge removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PurgeCounts {
    /// Uploads whose import had ended.
    pub finished: u64,
    /// Uploads that broke off.
    pub unfinished: u64,
    /// Folders of vendors that were removed.
    pub removed_vendors: u64,
}

/// Removes the files of uploads whose time is over, and cancels the jobs that still wait for the rest of
/// one that broke off. The file goes first: a row without a file is harmless, a file without a row is lost.
pub async fn purge_uploads(
    ingestion: &Ingestion,
    database: &Database,
) -> Result<PurgeCounts, IngestionError> {
    let mut counts = PurgeCounts::default();
    loop {
        let mut tx = SystemTx::begin(database).await?;
        let holds = Holds::read(&mut tx).await?;
        if holds.cover_everything() {
            tx.roll_back().await?;
            return Ok(counts);
        }
        let due = store::due_uploads(&mut tx, holds.vendors(), UPLOADS_A_TURN).await?;
        for upload in &due {
            ingestion.spool.remove(&upload.spool_path).await?;
            store::mark_purged(&mut tx, upload).await?;
            if upload.received {
                counts.finished += 1;
            } else {
                let now = tx.now();
                let (vendor_id, job_id) = (upload.vendor_id.as_uuid(), upload.job_id.as_uuid());
                odyssey_jobs::cancel(tx.connection(), vendor_id, job_id, now).await?;
                counts.unfinished += 1;
            }
        }
        tx.commit().await?;
        if (due.len() as i64) < UPLOADS_A_TURN {
            break;
        }
    }
    counts.removed_vendors = remove_folders(ingestion, database).await?;
    Ok(counts)
}

/// Removes the folders of vendors that are no more. Their keys are gone, so nothing in them opens.
async fn remove_folders(ingestion: &Ingestion, database: &Database) -> Result<u64, IngestionError> {
    // Folders first: the vendor of a folder that is made from here on is in the list.
    let folders = ingestion.spool.vendors().await?;
    let vendors = tenancy::list_vendors(database).await?;
    let mut removed = 0;
    for folder in folders {
        if !vendors.iter().any(|vendor| vendor.id == folder) {
            ingestion.spool.remove_vendor(folder).await?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Imports whose errors are deleted in one transaction; each has up to `row_errors_max` of them.
const ERRORS_OF_IMPORTS_A_TURN: i64 = 5;
/// Imports and uploads deleted in one transaction.
const IMPORTS_A_TURN: i64 = 1_000;

/// Deletes the faults of imports that began longer ago than they are kept, and their corrections; says how many.
pub async fn purge_row_errors(database: &Database) -> Result<u64, IngestionError> {
    let mut deleted = 0;
    loop {
        let mut tx = SystemTx::begin(database).await?;
        let holds = Holds::read(&mut tx).await?;
        if holds.cover_everything() {
            tx.roll_back().await?;
            return Ok(deleted);
        }
        let before = JobId::generate(tx.now() - retention::IMPORT_ERRORS);
        let mut turn =
            store::delete_row_errors(&mut tx, before, holds.vendors(), ERRORS_OF_IMPORTS_A_TURN).await?;
        turn += store::delete_corrections(&mut tx, before, holds.vendors()).await?;
        tx.commit().await?;
        if turn == 0 {
            return Ok(deleted);
        }
        deleted += turn;
    }
}

/// Deletes what is left of imports and uploads once their jobs and errors are gone; says how many rows.
pub async fn purge_imports(database: &Database) -> Result<u64, IngestionError> {
    let mut deleted = 0;
    loop {
        let mut tx = SystemTx::begin(database).await?;
        let holds = Holds::read(&mut tx).await?;
        if holds.cover_everything() {
            tx.roll_back().await?;
            return Ok(deleted);
        }
        let before = JobId::generate(tx.now() - retention::IMPORTS);
        let turn = store::delete_imports(&mut tx, before, holds.vendors(), IMPORTS_A_TURN).await?;
        tx.commit().await?;
        if turn == 0 {
            return Ok(deleted);
        }
        deleted += turn;
    }
}

/// Drops the staging tables that ended jobs left behind: of a job that was canceled while it waited, or whose
/// last act failed. A copy of rows that are elsewhere, unlogged, and gone after any crash: no hold keeps it.
pub async fn purge_staging(database: &Database) -> Result<u64, IngestionError> {
    let mut tx = SystemTx::begin(database).await?;
    let left = store::left_staging(&mut tx).await?;
    tx.roll_back().await?;
    let mut purged = 0;
    for job_id in left {
        let mut tx = SystemTx::begin(database).await?;
        match store::purge_staging(&mut tx, job_id).await {
            Ok(()) => {
                tx.commit().await?;
                purged += 1;
            }
            // A worker that does not know yet that it lost the job holds the table: the next purge has it.
            Err(error @ DbError::Unavailable(_)) => {
                tracing::warn!(%error, job.id = %job_id, "The staging tables of job {job_id} wait for the next purge");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(purged)
}
