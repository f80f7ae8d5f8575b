//! All SQL on dry runs.

use chrono::{DateTime, Utc};
use odyssey_tabular::Mode;
use odyssey_types::{JobId, UploadId};
use serde_json::Value;

use crate::db::{DbError, VendorTx};
use crate::ingestion::store::mode_of;
use crate::retention;

pub(super) async fn keep(tx: &mut VendorTx, job_id: JobId, body: &Value) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "UPDATE imports SET rehearsal = $3 WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
        body,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Keeps what is personal of it, sealed.
pub(super) async fn keep_sealed(tx: &mut VendorTx, job_id: JobId, sealed: &[u8]) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "UPDATE imports SET rehearsal_sealed = $3 WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
        sealed,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn find_sealed(tx: &mut VendorTx, job_id: JobId) -> Result<Option<Vec<u8>>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let sealed = sqlx::query_scalar!(
        "SELECT rehearsal_sealed FROM imports WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(sealed.flatten())
}

/// When an import was asked for.
pub(super) async fn began_at(tx: &mut VendorTx, job_id: JobId) -> Result<Option<DateTime<Utc>>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let began = sqlx::query_scalar!(
        "SELECT created_at FROM imports WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(began)
}

pub(super) async fn find(tx: &mut VendorTx, job_id: JobId) -> Result<Option<Value>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let body = sqlx::query_scalar!(
        "SELECT rehearsal FROM imports WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(body.flatten())
}

/// Sets the counters of an import back to its beginning, and deletes the faults of its merge.
pub(super) async fn reset(tx: &mut VendorTx, job_id: JobId) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "UPDATE imports SET records_merged = 0, moved_records = '{}', read_count = 0, created_count = 0,
                updated_count = 0, unchanged_count = 0, kept_count = 0, rejected_count = 0, deleted_count = 0,
                merge_codes = '{}'
         WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The file of a dry run.
pub(super) struct SourceRow {
    pub mode: Mode,
    pub upload_id: UploadId,
    /// It is still in the spool.
    pub is_there: bool,
    pub byte_count: u64,
    pub parameters: Value,
}

/// The file of a dry run, kept for another while since somebody is about to import it.
pub(super) async fn lock_source(tx: &mut VendorTx, job_id: JobId) -> Result<Option<SourceRow>, DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let row = sqlx::query!(
        r#"SELECT i.mode, i.upload_id, i.bytes_total, i.parameters, u.state = 'finished' AND u.purged_at IS NULL AS "is_there!"
           FROM imports i JOIN uploads u ON u.vendor_id = $1 AND u.id = i.upload_id
           WHERE i.vendor_id = $1 AND i.job_id = $2
           FOR UPDATE OF u"#,
        vendor_id,
        job_id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    let Some(row) = row else { return Ok(None) };
    sqlx::query!(
        "UPDATE uploads SET expires_at = $3 WHERE vendor_id = $1 AND id = $2 AND purged_at IS NULL",
        vendor_id,
        row.upload_id,
        now + retention::FINISHED_UPLOADS,
    )
    .execute(tx.connection())
    .await?;
    Ok(Some(SourceRow {
        mode: mode_of(&row.mode)?,
        upload_id: row.upload_id.into(),
        is_there: row.is_there,
        byte_count: row.bytes_total.unwrap_or(0).unsigned_abs(),
        parameters: row.parameters,
    }))
}

pub(super) async fn note_source(
    tx: &mut VendorTx,
    job_id: JobId,
    rehearsed_job_id: JobId,
) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        // The file is as old as it was then: what people did since stands, and who was erased since does not come back.
        "UPDATE imports SET rehearsed_job_id = $3,
                created_at = (SELECT created_at FROM imports WHERE vendor_id = $1 AND job_id = $3)
         WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
        rehearsed_job_id.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
