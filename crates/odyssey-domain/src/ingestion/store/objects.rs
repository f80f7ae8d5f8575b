//! Statements on uploads that are fetched from the vendor's inbox.

use odyssey_types::{JobId, UploadId, VendorId};
use uuid::Uuid;

use crate::db::{DbError, SystemTx, VendorTx};
use crate::retention;

/// An upload that is fetched, as its job needs it.
#[derive(Debug)]
pub(in crate::ingestion) struct FetchRow {
    /// Its bytes may still come.
    pub receiving: bool,
    /// All of it was sealed here, whatever became of it since.
    pub whole: bool,
    /// Given up.
    pub failed: bool,
    pub spool_path: String,
    /// Bytes that lie here.
    pub offset: u64,
    /// Name and version of the object; none once nothing of it lies in the inbox.
    pub source_sealed: Option<Vec<u8>>,
}

/// An object that is sealed here and lies in the inbox still.
#[derive(Debug)]
pub(in crate::ingestion) struct LeftObject {
    pub vendor_id: VendorId,
    pub upload_id: UploadId,
    pub job_id: JobId,
    pub source_sealed: Vec<u8>,
}

/// Makes of an upload one that is fetched, in pieces.
pub(in crate::ingestion) async fn mark_fetched(
    tx: &mut VendorTx,
    id: UploadId,
    length: u64,
    source_sealed: &[u8],
) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "UPDATE uploads SET fetched = true, resumable = true, byte_length = $3, source_sealed = $4
         WHERE vendor_id = $1 AND id = $2",
        vendor_id,
        id.as_uuid(),
        length.cast_signed(),
        source_sealed,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(in crate::ingestion) async fn find_fetch(
    tx: &mut VendorTx,
    id: UploadId,
) -> Result<Option<FetchRow>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = sqlx::query!(
        r#"SELECT state = 'receiving' AS "receiving!", finished_at IS NOT NULL AS "whole!",
                  failed_code IS NOT NULL AS "failed!", spool_path, byte_count, source_sealed
           FROM uploads WHERE vendor_id = $1 AND id = $2 AND fetched"#,
        vendor_id,
        id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| FetchRow {
        receiving: row.receiving,
        whole: row.whole,
        failed: row.failed,
        spool_path: row.spool_path,
        offset: row.byte_count.unsigned_abs(),
        source_sealed: row.source_sealed,
    }))
}

/// Lets what was fetched lie for as long as an upload that broke off: whoever retries the job goes on behind it. False:
/// the upload is whole, or gone.
pub(in crate::ingestion) async fn keep_unfinished(tx: &mut VendorTx, id: UploadId) -> Result<bool, DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let kept = sqlx::query!(
        "UPDATE uploads SET expires_at = $3 WHERE vendor_id = $1 AND id = $2 AND fetched AND state = 'receiving'",
        vendor_id,
        id.as_uuid(),
        now + retention::UNFINISHED_UPLOADS,
    )
    .execute(tx.connection())
    .await?;
    Ok(kept.rows_affected() == 1)
}

/// Notes that nothing of the object lies in the inbox any more. False: somebody else has noted it.
pub(in crate::ingestion) async fn forget_object(tx: &mut VendorTx, id: UploadId) -> Result<bool, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let forgotten = sqlx::query!(
        "UPDATE uploads SET source_sealed = NULL WHERE vendor_id = $1 AND id = $2 AND source_sealed IS NOT NULL",
        vendor_id,
        id.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(forgotten.rows_affected() == 1)
}

/// The same, for the platform.
pub(in crate::ingestion) async fn forget_left_object(
    tx: &mut SystemTx,
    object: &LeftObject,
) -> Result<bool, DbError> {
    let forgotten = sqlx::query!(
        "UPDATE uploads SET source_sealed = NULL WHERE vendor_id = $1 AND id = $2 AND source_sealed IS NOT NULL",
        object.vendor_id.as_uuid(),
        object.upload_id.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(forgotten.rows_affected() == 1)
}

/// Objects of all vendors that are sealed here and lie in their inboxes still, in the order of vendor and upload.
pub(in crate::ingestion) async fn left_objects(
    tx: &mut SystemTx,
    after: (Uuid, Uuid),
    most: i64,
) -> Result<Vec<LeftObject>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT vendor_id, id, job_id, source_sealed AS "source_sealed!" FROM uploads
           WHERE source_sealed IS NOT NULL AND state <> 'receiving' AND finished_at IS NOT NULL
             AND (vendor_id, id) > ($1, $2)
           ORDER BY vendor_id, id
           LIMIT $3"#,
        after.0,
        after.1,
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| LeftObject {
            vendor_id: row.vendor_id.into(),
            upload_id: row.id.into(),
            job_id: row.job_id.into(),
            source_sealed: row.source_sealed,
        })
        .collect())
}
