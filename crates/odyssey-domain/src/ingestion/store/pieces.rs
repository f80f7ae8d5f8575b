//! Statements on uploads that arrive in several requests, and on their pieces.

use chrono::{DateTime, Utc};
use odyssey_types::{JobId, UploadId};
use serde_json::Value;
use uuid::Uuid;

use super::uploads::mode_of;
use crate::db::{DbError, VendorTx};
use crate::ingestion::ImportMode;
use crate::retention;

/// An upload that arrives in several requests.
#[derive(Debug)]
pub(in crate::ingestion) struct ResumableRow {
    pub id: UploadId,
    pub job_id: JobId,
    pub mode: ImportMode,
    pub state: String,
    /// Given up, or its job was canceled.
    pub failed: bool,
    pub spool_path: String,
    pub offset: u64,
    pub length: Option<u64>,
    pub parameters: Value,
    pub metadata_sealed: Option<Vec<u8>>,
    pub expires_at: DateTime<Utc>,
}

/// One piece, in its place.
#[derive(Debug, Clone)]
pub(in crate::ingestion) struct PieceRow {
    pub piece_id: UploadId,
    pub byte_from: u64,
    pub byte_count: u64,
    pub file_key: Vec<u8>,
}

/// Makes of an upload one that arrives in several requests.
pub(in crate::ingestion) async fn mark_resumable(
    tx: &mut VendorTx,
    id: UploadId,
    length: Option<u64>,
    metadata_sealed: Option<&[u8]>,
) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "UPDATE uploads SET resumable = true, byte_length = $3, metadata_sealed = $4 WHERE vendor_id = $1 AND id = $2",
        vendor_id,
        id.as_uuid(),
        length.map(u64::cast_signed),
        metadata_sealed,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(in crate::ingestion) async fn find_resumable(
    tx: &mut VendorTx,
    id: UploadId,
) -> Result<Option<ResumableRow>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = sqlx::query!(
        r#"SELECT id, job_id, mode, state, spool_path, byte_count, byte_length, parameters, metadata_sealed, expires_at,
                  (failed_code IS NOT NULL OR (state = 'receiving' AND EXISTS (
                      SELECT FROM jobs j WHERE j.vendor_id = $1 AND j.id = u.job_id AND j.finished_at IS NOT NULL)))
                      AS "failed!"
           FROM uploads u WHERE vendor_id = $1 AND id = $2 AND resumable"#,
        vendor_id,
        id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(ResumableRow {
        id: row.id.into(),
        job_id: row.job_id.into(),
        mode: mode_of(&row.mode)?,
        state: row.state,
        failed: row.failed,
        spool_path: row.spool_path,
        offset: row.byte_count.unsigned_abs(),
        length: row.byte_length.map(i64::unsigned_abs),
        parameters: row.parameters,
        metadata_sealed: row.metadata_sealed,
        expires_at: row.expires_at,
    }))
}

/// From here on this writer's bytes count and no other's.
pub(in crate::ingestion) async fn take_writer(
    tx: &mut VendorTx,
    id: UploadId,
    writer: Uuid,
) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "UPDATE uploads SET writer = $3 WHERE vendor_id = $1 AND id = $2 AND state = 'receiving'",
        vendor_id,
        id.as_uuid(),
        writer,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Moves the offset behind bytes that are on disk. False: another request writes now, or the upload was given up.
pub(in crate::ingestion) async fn advance_upload(
    tx: &mut VendorTx,
    id: UploadId,
    writer: Uuid,
    from: u64,
    to: u64,
    length: Option<u64>,
) -> Result<bool, DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let moved = sqlx::query!(
        "UPDATE uploads SET byte_count = $5, byte_length = $6, expires_at = $7
         WHERE vendor_id = $1 AND id = $2 AND writer = $3 AND byte_count = $4 AND state = 'receiving'
           AND failed_code IS NULL",
        vendor_id,
        id.as_uuid(),
        writer,
        from.cast_signed(),
        to.cast_signed(),
        length.map(u64::cast_signed),
        now + retention::UNFINISHED_UPLOADS,
    )
    .execute(tx.connection())
    .await?;
    Ok(moved.rows_affected() == 1)
}

pub(in crate::ingestion) async fn insert_piece(
    tx: &mut VendorTx,
    upload_id: UploadId,
    piece: &PieceRow,
) -> Result<(), DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!(
        "INSERT INTO upload_pieces (vendor_id, upload_id, byte_from, byte_count, piece_id, file_key, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        vendor_id,
        upload_id.as_uuid(),
        piece.byte_from.cast_signed(),
        piece.byte_count.cast_signed(),
        piece.piece_id.as_uuid(),
        piece.file_key,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The pieces of an upload, in the order of the file.
pub(in crate::ingestion) async fn find_pieces(
    tx: &mut VendorTx,
    upload_id: UploadId,
) -> Result<Vec<PieceRow>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        "SELECT piece_id, byte_from, byte_count, file_key FROM upload_pieces
         WHERE vendor_id = $1 AND upload_id = $2 ORDER BY byte_from",
        vendor_id,
        upload_id.as_uuid(),
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| PieceRow {
            piece_id: row.piece_id.into(),
            byte_from: row.byte_from.unsigned_abs(),
            byte_count: row.byte_count.unsigned_abs(),
            file_key: row.file_key,
        })
        .collect())
}

/// Ends the time of an upload that was given up, so that the next purge removes what has arrived.
pub(in crate::ingestion) async fn expire_upload(tx: &mut VendorTx, id: UploadId) -> Result<(), DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!(
        "UPDATE uploads SET expires_at = $3 WHERE vendor_id = $1 AND id = $2 AND state = 'receiving'",
        vendor_id,
        id.as_uuid(),
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Closes an upload of which every byte is there. Its digest was never computed: it arrived in parts.
pub(in crate::ingestion) async fn close_resumable(
    tx: &mut VendorTx,
    id: UploadId,
    writer: Uuid,
) -> Result<bool, DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let closed = sqlx::query!(
        "UPDATE uploads SET state = 'finished', finished_at = $4, expires_at = $5, byte_length = byte_count
         WHERE vendor_id = $1 AND id = $2 AND writer = $3 AND state = 'receiving' AND failed_code IS NULL",
        vendor_id,
        id.as_uuid(),
        writer,
        now,
        now + retention::FINISHED_UPLOADS,
    )
    .execute(tx.connection())
    .await?;
    Ok(closed.rows_affected() == 1)
}
