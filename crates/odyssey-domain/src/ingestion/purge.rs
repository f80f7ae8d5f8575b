//! Letting go of what has been kept long enough.

use odyssey_types::JobId;

use super::{Ingestion, IngestionError, store};
use crate::db::{Database, SystemTx};
use crate::retention;

/// Uploads looked at in one transaction.
const UPLOADS_A_TURN: i64 = 100;

/// What a purge removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PurgeCounts {
    /// Uploads whose import had ended.
    pub finished: u64,
    /// Uploads that broke off.
    pub unfinished: u64,
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
        let due = store::due_uploads(&mut tx, UPLOADS_A_TURN).await?;
        for upload in &due {
            ingestion.spool.remove(&upload.spool_path)?;
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
            return Ok(counts);
        }
    }
}

/// Deletes the faults of imports that began longer ago than they are kept; says how many.
pub async fn purge_row_errors(database: &Database) -> Result<u64, IngestionError> {
    let mut tx = SystemTx::begin(database).await?;
    let before = JobId::generate(tx.now() - retention::IMPORT_ERRORS);
    let deleted = store::delete_row_errors(&mut tx, before).await?;
    tx.commit().await?;
    Ok(deleted)
}
