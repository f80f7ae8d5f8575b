//! How an upload that arrives in several requests ends without an import of it, or after one.

use chrono::{DateTime, Utc};
use odyssey_types::{JobId, UploadId};

use super::resumable::Concatenation;
use super::store::{self, ResumableRow};
use super::{Ingestion, IngestionError};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::retention;
use crate::tenancy::Purpose;

/// Why an upload neither takes nor gives anything any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// Somebody let it go.
    GivenUp,
    /// The job that waited for it was canceled.
    JobCanceled,
    /// Its time is over.
    Expired,
}

const TERMINATED: &str = "upload_terminated";
/// Its first bytes were refused, and nobody was told where it is.
const REFUSED: &str = "upload_refused";

/// Whether an upload is gone, and why. Its bytes may lie here until the next purge.
pub(super) fn gone(row: &ResumableRow, now: DateTime<Utc>) -> Option<Gone> {
    // An import that has not ended needs it; of a part that was joined, the bytes are the joined upload's.
    let is_needed = row.state == "finished" && !is_open_part(row) && (!row.job_ended || is_joined(row));
    // What is fetched from the inbox waits for its job, however long that waits.
    let is_needed = is_needed || (row.state == "receiving" && row.fetched);
    let is_over = row.state == "purged" || row.expires_at <= now && !is_needed;
    match row.failed_code.as_deref() {
        Some(TERMINATED) => Some(Gone::GivenUp),
        Some(_) => Some(Gone::Expired),
        None if row.job_canceled => Some(Gone::JobCanceled),
        None if is_over && was_let_go(row) => Some(Gone::GivenUp),
        None => is_over.then_some(Gone::Expired),
    }
}

/// Of a whole file: its time was ended before it was over.
fn was_let_go(row: &ResumableRow) -> bool {
    let is_before = |finished_at| row.expires_at < finished_at + retention::FINISHED_UPLOADS;
    row.concat != Concatenation::Partial && row.finished_at.is_some_and(is_before)
}

/// A part that nothing has joined yet.
fn is_open_part(row: &ResumableRow) -> bool {
    row.concat == Concatenation::Partial && row.joined_into.is_none()
}

const fn is_joined(row: &ResumableRow) -> bool {
    row.joined_into.is_some()
}

/// Gives an upload up; what has arrived is removed by the next purge. Of one that was imported, or joined into one that
/// was, only the file goes. Audited.
pub async fn terminate_resumable(tx: &mut VendorTx, id: UploadId) -> Result<(), IngestionError> {
    // Whoever joins it, or sends its last byte, comes before this or after it.
    store::lock_uploads(tx, &[id]).await?;
    let row = store::find_resumable(tx, id).await?.ok_or(IngestionError::UploadNotFound)?;
    if let Some(gone) = gone(&row, tx.now()) {
        return Err(IngestionError::UploadGone(gone));
    }
    if row.state == "finished" && !is_open_part(&row) {
        if is_joined(&row) || !row.job_ended {
            return Err(IngestionError::UploadInUse);
        }
        store::expire_upload(tx, id).await?;
        let event = AuditEvent::new("import.let_go", "job", Purpose::Operations).entity(row.job_id);
        audit::record(tx, event).await?;
        return Ok(());
    }
    let (now, vendor_id) = (tx.now(), tx.vendor_id().as_uuid());
    store::fail_upload(tx, id, TERMINATED).await?;
    store::expire_upload(tx, id).await?;
    odyssey_jobs::cancel(tx.connection(), vendor_id, row.job_id.as_uuid(), now).await?;
    // Of one that is fetched, since its import is known before the file is there.
    store::end_import(tx, row.job_id).await?;
    audit::record(tx, abandoned(row.job_id, TERMINATED)).await?;
    Ok(())
}

/// Takes back an upload whose first bytes were refused, so that nobody knows of it: no job of it and no byte stays, and
/// its record goes with the next purge. One that is whole in spite of that is left alone. Commits the caller's
/// transaction. Audited.
pub async fn withdraw_resumable(
    ingestion: &Ingestion,
    mut tx: VendorTx,
    id: UploadId,
) -> Result<(), IngestionError> {
    let row = store::find_resumable(&mut tx, id).await?.ok_or(IngestionError::UploadNotFound)?;
    if !store::withdraw_upload(&mut tx, id, REFUSED).await? {
        tx.roll_back().await?;
        return Ok(());
    }
    drop_jobs(&mut tx, [row.job_id]).await?;
    audit::record(&mut tx, abandoned(row.job_id, REFUSED)).await?;
    tx.commit().await?;
    ingestion.spool.remove(&row.spool_path).await
}

/// Takes jobs that wait for bytes out of the list of jobs: they are no imports, and will be none.
pub(super) async fn drop_jobs(
    tx: &mut VendorTx,
    jobs: impl IntoIterator<Item = JobId>,
) -> Result<(), IngestionError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let ids: Vec<_> = jobs.into_iter().map(JobId::as_uuid).collect();
    odyssey_jobs::cancel_many(tx.connection(), vendor_id, &ids, now).await?;
    odyssey_jobs::delete_many(tx.connection(), vendor_id, &ids).await?;
    Ok(())
}

fn abandoned(job_id: JobId, code: &'static str) -> AuditEvent {
    AuditEvent::new("import.abandon", "job", Purpose::Operations).entity(job_id).detail("code", code)
}
