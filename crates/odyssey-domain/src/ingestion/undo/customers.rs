//! Customers: set back those that the import changed, delete those that it made. Who was erased since is not there any
//! more, and neither are their versions.

use odyssey_types::JobId;

use super::{LaterChange, Run, Undone};
use crate::customers::{self, ChangedSince, UndoOptions, UndoneCustomers};
use crate::db::VendorTx;
use crate::ingestion::IngestionError;

/// Customers of one transaction; each is opened in memory.
const BATCH: i64 = 1_000;

pub(super) async fn undo(run: &Run<'_>) -> Result<(), IngestionError> {
    run.context.step("restoring").await?;
    let undo =
        UndoOptions { job_id: run.job_id, undone_job_id: run.undone_job_id, started_by: run.started_by };
    let mut after = None;
    loop {
        run.check_stop()?;
        let mut tx = run.begin().await?;
        after = customers::undo_batch(&mut tx, undo, after, BATCH).await?;
        if after.is_none() {
            tx.roll_back().await?;
            return Ok(());
        }
        tx.commit().await?;
    }
}

/// Customers that the import wrote and something changed since.
pub(super) async fn later_changes(
    tx: &mut VendorTx,
    job_id: JobId,
    most: i64,
) -> Result<Vec<LaterChange>, IngestionError> {
    let (changed, _) = customers::changed_since_import(tx, job_id, most).await?;
    let later =
        |ChangedSince { customer_id, row_version }| LaterChange::Customer { customer_id, row_version };
    Ok(changed.into_iter().map(later).collect())
}

pub(super) async fn count(tx: &mut VendorTx, job_id: JobId) -> Result<Undone, IngestionError> {
    let UndoneCustomers { restored, deleted } = customers::count_undone(tx, job_id).await?;
    let (_, left) = customers::changed_since_import(tx, job_id, 1).await?;
    Ok(Undone { restored, deleted, left, refused: 0 })
}
