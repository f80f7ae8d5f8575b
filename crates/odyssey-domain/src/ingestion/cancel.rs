//! Asking a job to stop.

use odyssey_jobs::CancelOutcome;
use odyssey_types::JobId;

use super::{IngestionError, store};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::tenancy::Purpose;

/// Cancels a job: one that waits ends at once, one that runs is asked to stop and ends between two batches.
/// Batches that are merged stay, and its totals say so. After the commit, `Wake::stop_requested` lets the
/// worker of this process hear at once; others hear within a second.
pub async fn cancel_job(tx: &mut VendorTx, job_id: JobId) -> Result<(), IngestionError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let outcome = odyssey_jobs::cancel(tx.connection(), vendor_id, job_id.as_uuid(), now).await?;
    match outcome {
        None => return Err(IngestionError::JobNotFound),
        Some(CancelOutcome::AlreadyFinished) => return Err(IngestionError::JobNotCancelable),
        // Nobody runs it who could clear up: what an earlier attempt staged goes with the next purge.
        Some(CancelOutcome::Canceled) => store::end_import(tx, job_id).await?,
        Some(CancelOutcome::Requested) => {}
    }
    audit::record(tx, AuditEvent::new("job.cancel", "job", Purpose::Operations).entity(job_id)).await?;
    Ok(())
}
