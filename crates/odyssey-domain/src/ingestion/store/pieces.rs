//! Statements on uploads that arrive in several requests, and on their pieces.

use chrono::{DateTime, Utc};
use odyssey_types::{JobId, UploadId};
use serde_json::Value;
use uuid::Uuid;

use super::uploads::mode_of;
use crate::db::{DbError, VendorTx};
use crate::ingestion::ImportMode;
use crate::ingestion::resumable::Concatenation;
use crate::retention;

/// An upload that arrives in several requests.
#[derive(Debug)]
pub(in crate::ingestion) struct ResumableRow {
    pub id: UploadId,
    pub job_id: JobId,
    pub mode: ImportMode,
    pub state: String,
    /// Why it broke off.
    pub failed_code: Option<String>,
    /// It waits for bytes, and its job waits no more.
    pub job_canceled: bool,
    pub spool_path: String,
    pub offset: u64,
    pub length: Option<u64>,
    pub parameters: Value,
    pub metadata_sealed: Option<Vec<u8>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub expires_at: DateTime<Utc>,
    pub concat: Concatenation,
    /// Of a part: what has its bytes.
    pub joined_into: Option<UploadId>,
    /// Whether its job has ended, or is gone.
    pub job_ended: bool,
    /// Whether its bytes come from the inbox.
    pub fetched: bool,
}

/// One piece, in its place.
#[derive(Debug, Clone)]
pub(in crate::ingestion) struct PieceRow {
    pub piece_id: UploadId,
    pub byte_from: u64,
    pub byte_count: u64,
    pub file_key: Vec<u8>,
    /// The part in whose folder it lies; none: its own upload's.
    pub folder_id: Option<UploadId>,
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
        r#"SELECT id, job_id, mode, state, spool_path, byte_count, byte_length, parameters, metadata_sealed, finished_at,
                  expires_at, concat, parts, joined_into, failed_code, fetched,
                  NOT EXISTS (SELECT FROM jobs j WHERE j.vendor_id = $1 AND j.id = u.job_id AND j.finished_at IS NULL)
                      AS "job_ended!",
                  (state = 'receiving' AND EXISTS (
                      SELECT FROM jobs j WHERE j.vendor_id = $1 AND j.id = u.job_id AND j.finished_at IS NOT NULL))
                      AS "job_canceled!"
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
        failed_code: row.failed_code,
        job_canceled: row.job_canceled,
        spool_path: row.spool_path,
        offset: row.byte_count.unsigned_abs(),
        length: row.byte_length.map(i64::unsigned_abs),
        parameters: row.parameters,
        metadata_sealed: row.metadata_sealed,
        finished_at: row.finished_at,
        expires_at: row.expires_at,
        concat: match (row.concat.as_deref(), row.parts) {
            (None, _) => Concatenation::None,
            (Some("partial"), _) => Concatenation::Partial,
            (Some(_), parts) => {
                Concatenation::Final(parts.unwrap_or_default().into_iter().map(UploadId::from).collect())
            }
        },
        joined_into: row.joined_into.map(UploadId::from),
        job_ended: row.job_ended,
        fetched: row.fetched,
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
        "SELECT piece_id, byte_from, byte_count, file_key, folder_id FROM upload_pieces
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
            folder_id: row.folder_id.map(UploadId::from),
        })
        .collect())
}

/// Ends the time of an upload that was given up, so that the next purge removes what has arrived.
pub(in crate::ingestion) async fn expire_upload(tx: &mut VendorTx, id: UploadId) -> Result<(), DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!(
        "UPDATE uploads SET expires_at = $3 WHERE vendor_id = $1 AND id = $2 AND state <> 'purged'",
        vendor_id,
        id.as_uuid(),
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Takes an upload back of which nobody knows; its files go at once. False: its last byte is here.
pub(in crate::ingestion) async fn withdraw_upload(
    tx: &mut VendorTx,
    id: UploadId,
    code: &'static str,
) -> Result<bool, DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let withdrawn = sqlx::query!(
        "UPDATE uploads SET failed_code = $3, expires_at = $4, byte_count = 0
         WHERE vendor_id = $1 AND id = $2 AND state = 'receiving' AND failed_code IS NULL",
        vendor_id,
        id.as_uuid(),
        code,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(withdrawn.rows_affected() == 1)
}

/// Closes an upload of which every byte is there. Its digest was never computed: it arrived in parts.
pub(in crate::ingestion) async fn close_resumable(
    tx: &mut VendorTx,
    id: UploadId,
    writer: Uuid,
) -> Result<bool, DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let closed = sqlx::query!(
        "UPDATE uploads SET state = 'finished', finished_at = $4, byte_length = byte_count,
                            expires_at = CASE WHEN concat = 'partial' THEN $6 ELSE $5::timestamptz END
         WHERE vendor_id = $1 AND id = $2 AND writer = $3 AND state = 'receiving' AND failed_code IS NULL",
        vendor_id,
        id.as_uuid(),
        writer,
        now,
        now + retention::FINISHED_UPLOADS,
        // A part that nobody joins is an upload that broke off.
        now + retention::UNFINISHED_UPLOADS,
    )
    .execute(tx.connection())
    .await?;
    Ok(closed.rows_affected() == 1)
}

/// Makes of an upload a part of one.
pub(in crate::ingestion) async fn mark_partial(tx: &mut VendorTx, id: UploadId) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "UPDATE uploads SET concat = 'partial' WHERE vendor_id = $1 AND id = $2",
        vendor_id,
        id.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Makes of an upload one that joins these, and is whole.
pub(in crate::ingestion) async fn mark_final(
    tx: &mut VendorTx,
    id: UploadId,
    parts: &[UploadId],
    byte_count: u64,
) -> Result<(), DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let parts: Vec<Uuid> = parts.iter().map(|part| part.as_uuid()).collect();
    sqlx::query!(
        "UPDATE uploads SET concat = 'final', parts = $3, byte_count = $4, state = 'finished', finished_at = $5,
                            expires_at = $6
         WHERE vendor_id = $1 AND id = $2",
        vendor_id,
        id.as_uuid(),
        &parts[..],
        byte_count.cast_signed(),
        now,
        now + retention::FINISHED_UPLOADS,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Locks uploads in the order of their ids: two that join the same parts wait for each other.
pub(in crate::ingestion) async fn lock_uploads(tx: &mut VendorTx, ids: &[UploadId]) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    sqlx::query!(
        "SELECT id FROM uploads WHERE vendor_id = $1 AND id = ANY ($2) ORDER BY id FOR UPDATE",
        vendor_id,
        &ids[..],
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(())
}

/// Puts the pieces of a part into a joined upload, from this byte on. They stay where they lie.
pub(in crate::ingestion) async fn take_pieces(
    tx: &mut VendorTx,
    into: UploadId,
    part: UploadId,
    byte_from: u64,
) -> Result<(), DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!(
        "INSERT INTO upload_pieces (vendor_id, upload_id, byte_from, byte_count, piece_id, file_key, folder_id, created_at)
         SELECT vendor_id, $3, byte_from + $4, byte_count, piece_id, file_key, $2, $5
         FROM upload_pieces WHERE vendor_id = $1 AND upload_id = $2",
        vendor_id,
        part.as_uuid(),
        into.as_uuid(),
        byte_from.cast_signed(),
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Notes what has the bytes of parts: their files are kept as long as that.
pub(in crate::ingestion) async fn mark_joined(
    tx: &mut VendorTx,
    parts: &[UploadId],
    into: UploadId,
) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let parts: Vec<Uuid> = parts.iter().map(|part| part.as_uuid()).collect();
    sqlx::query!(
        "UPDATE uploads SET joined_into = $3 WHERE vendor_id = $1 AND id = ANY ($2)",
        vendor_id,
        &parts[..],
        into.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Bytes of a vendor's files that lie here, or were announced and may still come.
pub(in crate::ingestion) async fn bytes_held(tx: &mut VendorTx) -> Result<u64, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let held = sqlx::query_scalar!(
        r#"SELECT coalesce(sum(CASE WHEN state = 'receiving' AND failed_code IS NULL
                                    THEN greatest(byte_count, byte_length) ELSE byte_count END), 0)::bigint AS "held!"
           FROM uploads WHERE vendor_id = $1 AND purged_at IS NULL AND concat IS DISTINCT FROM 'final'"#,
        vendor_id,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(held.unsigned_abs())
}
