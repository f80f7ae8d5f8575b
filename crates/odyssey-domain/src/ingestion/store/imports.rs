//! Statements on `imports`.

use chrono::{DateTime, Utc};
use odyssey_tabular::Mode;
use odyssey_types::{JobId, UploadId, UserId};
use serde_json::Value;
use uuid::Uuid;

use super::uploads::mode_of;
use crate::db::{DbError, SystemTx, VendorTx};
use crate::ingestion::Estimate;
use crate::ingestion::Totals;
use crate::ingestion::ledger::{Codes, Ledger};
use crate::ingestion::progress::Advance;
use crate::retention;

/// One import as it stands.
#[derive(Debug)]
pub(in crate::ingestion) struct ImportRow {
    pub job_id: Uuid,
    pub upload_id: Uuid,
    /// The import whose refused rows this one takes.
    pub parent_job_id: Option<Uuid>,
    pub mode: Mode,
    pub mapping: Option<Value>,
    pub detected: Option<Value>,
    pub mapping_digest: Option<Vec<u8>>,
    /// The headers as the file writes them, where `mapping` does not show them.
    pub headers_sealed: Option<Vec<u8>>,
    /// What headers and values mean, where anything beside our own tables does; set with the mapping.
    pub words: Option<Value>,
    /// The checkpoint.
    pub records_merged: u64,
    pub records_total: Option<u64>,
    /// Of the file as it was sent; none of a rerun.
    pub bytes_total: Option<u64>,
    /// By the present attempt.
    pub bytes_read: u64,
    pub rows_read: u64,
    pub estimate: Option<Estimate>,
    pub moved_records: Vec<i64>,
    pub totals: Totals,
    pub parse_codes: Codes,
    pub merge_codes: Codes,
    /// How many oddities of taken rows there are under each code.
    pub warning_codes: Codes,
    pub parameters: Value,
    pub started_by: Option<Uuid>,
    pub created_at: DateTime<Utc>,
}

struct Stored {
    job_id: Uuid,
    upload_id: Uuid,
    parent_job_id: Option<Uuid>,
    mode: String,
    mapping: Option<Value>,
    detected: Option<Value>,
    mapping_digest: Option<Vec<u8>>,
    headers_sealed: Option<Vec<u8>>,
    words: Option<Value>,
    records_merged: i64,
    records_total: Option<i64>,
    bytes_total: Option<i64>,
    bytes_read: i64,
    rows_read: i64,
    finish_estimated_at: Option<DateTime<Utc>>,
    finish_error_seconds: Option<i64>,
    moved_records: Vec<i64>,
    read_count: i64,
    created_count: i64,
    updated_count: i64,
    unchanged_count: i64,
    kept_count: i64,
    rejected_count: i64,
    warning_count: i64,
    deleted_count: i64,
    parse_codes: Value,
    merge_codes: Value,
    warning_codes: Value,
    parameters: Value,
    started_by: Option<Uuid>,
    created_at: DateTime<Utc>,
}

impl TryFrom<Stored> for ImportRow {
    type Error = DbError;

    fn try_from(row: Stored) -> Result<Self, DbError> {
        let codes = |value| {
            serde_json::from_value::<Codes>(value)
                .map_err(|_| DbError::inconsistent(format!("import {} has unreadable codes", row.job_id)))
        };
        Ok(Self {
            job_id: row.job_id,
            upload_id: row.upload_id,
            parent_job_id: row.parent_job_id,
            mode: mode_of(&row.mode)?,
            mapping: row.mapping,
            detected: row.detected,
            mapping_digest: row.mapping_digest,
            headers_sealed: row.headers_sealed,
            words: row.words,
            records_merged: row.records_merged.unsigned_abs(),
            records_total: row.records_total.map(i64::unsigned_abs),
            bytes_total: row.bytes_total.filter(|bytes| *bytes > 0).map(i64::unsigned_abs),
            bytes_read: row.bytes_read.unsigned_abs(),
            rows_read: row.rows_read.unsigned_abs(),
            estimate: row
                .finish_estimated_at
                .zip(row.finish_error_seconds)
                .map(|(finishes_at, error_seconds)| Estimate { finishes_at, error_seconds }),
            moved_records: row.moved_records,
            totals: Totals {
                read: row.read_count,
                created: row.created_count,
                updated: row.updated_count,
                unchanged: row.unchanged_count,
                kept: row.kept_count,
                rejected: row.rejected_count,
                deleted: row.deleted_count,
                warnings: row.warning_count,
            },
            parse_codes: codes(row.parse_codes)?,
            merge_codes: codes(row.merge_codes)?,
            warning_codes: codes(row.warning_codes)?,
            parameters: row.parameters,
            started_by: row.started_by,
            created_at: row.created_at,
        })
    }
}

pub(in crate::ingestion) async fn insert_import(
    tx: &mut VendorTx,
    job_id: JobId,
    upload_id: UploadId,
    mode: Mode,
    byte_count: u64,
    parameters: &Value,
) -> Result<(), DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let started_by = tx.actor().user_id.map(UserId::as_uuid);
    sqlx::query!(
        "INSERT INTO imports (vendor_id, job_id, upload_id, mode, bytes_total, parameters, started_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        vendor_id,
        job_id.as_uuid(),
        upload_id.as_uuid(),
        mode.as_str(),
        byte_count as i64,
        parameters,
        started_by,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(in crate::ingestion) async fn find_import(
    tx: &mut VendorTx,
    job_id: JobId,
) -> Result<Option<ImportRow>, DbError> {
    Ok(find_imports(tx, &[job_id.as_uuid()]).await?.pop())
}

pub(in crate::ingestion) async fn find_imports(
    tx: &mut VendorTx,
    jobs: &[Uuid],
) -> Result<Vec<ImportRow>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query_as!(
        Stored,
        "SELECT job_id, upload_id, parent_job_id, mode, mapping, detected, mapping_digest, headers_sealed, words, records_merged, records_total, bytes_total,
                bytes_read, rows_read, finish_estimated_at, finish_error_seconds, moved_records, read_count,
                created_count, updated_count, unchanged_count, kept_count, rejected_count, warning_count, deleted_count,
                parse_codes,
                merge_codes, warning_codes, parameters, started_by, created_at
         FROM imports
         WHERE vendor_id = $1 AND job_id = ANY($2)",
        vendor_id,
        jobs,
    )
    .fetch_all(tx.connection())
    .await?;
    rows.into_iter().map(ImportRow::try_from).collect()
}

/// What a file is read by, from its first attempt on.
pub(in crate::ingestion) struct AcceptedMapping<'a> {
    pub mapping: &'a Value,
    pub detected: &'a Value,
    pub digest: &'a [u8],
    /// The headers as the file writes them, where the mapping does not show them.
    pub headers_sealed: Option<&'a [u8]>,
    /// The whole mapping, for rows that are read when the file is gone.
    pub reading_sealed: Option<&'a [u8]>,
    pub words: Option<&'a Value>,
}

pub(in crate::ingestion) async fn save_mapping(
    tx: &mut VendorTx,
    job_id: JobId,
    accepted: &AcceptedMapping<'_>,
) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "UPDATE imports SET mapping = $3, detected = $4, mapping_digest = $5, headers_sealed = $6, reading_sealed = $7,
                words = $8
         WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
        accepted.mapping,
        accepted.detected,
        accepted.digest,
        accepted.headers_sealed,
        accepted.reading_sealed,
        accepted.words,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Adds a batch and moves the checkpoint; `None` when that is ahead already. What reading found so far is
/// replaced and not added, since every attempt finds it anew.
pub(in crate::ingestion) async fn advance(
    tx: &mut VendorTx,
    job_id: JobId,
    ledger: &Ledger,
    batch: &Advance,
    merge_codes: &Codes,
    estimate: Option<Estimate>,
) -> Result<Option<Totals>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let add = &batch.totals;
    let row = sqlx::query!(
        "UPDATE imports SET
             records_merged = $3, moved_records = moved_records || $4, read_count = read_count + $5,
             created_count = created_count + $6, updated_count = updated_count + $7,
             unchanged_count = unchanged_count + $8, kept_count = kept_count + $9,
             rejected_count = rejected_count + $10, deleted_count = deleted_count + $14, warning_count = $11, parse_codes = $12, merge_codes = $13,
             warning_codes = $15, finish_estimated_at = $16, finish_error_seconds = $17
         WHERE vendor_id = $1 AND job_id = $2 AND records_merged <= $3
         RETURNING read_count, created_count, updated_count, unchanged_count, kept_count, rejected_count, warning_count, deleted_count",
        vendor_id,
        job_id.as_uuid(),
        batch.upto as i64,
        &batch.moved,
        add.read,
        add.created,
        add.updated,
        add.unchanged,
        add.kept,
        add.rejected,
        ledger.warnings().total().cast_signed(),
        codes_json(ledger.codes()),
        codes_json(merge_codes),
        add.deleted,
        codes_json(&ledger.warnings().codes()),
        estimate.map(|estimate| estimate.finishes_at),
        estimate.map(|estimate| estimate.error_seconds),
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| Totals {
        read: row.read_count,
        created: row.created_count,
        updated: row.updated_count,
        unchanged: row.unchanged_count,
        kept: row.kept_count,
        rejected: row.rejected_count,
        deleted: row.deleted_count,
        warnings: row.warning_count,
    }))
}

/// Notes how many rows the file has.
pub(in crate::ingestion) async fn close_reading(
    tx: &mut VendorTx,
    job_id: JobId,
    ledger: &Ledger,
) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "UPDATE imports SET records_total = $3, rows_read = $3, warning_count = $4, parse_codes = $5, warning_codes = $6,
                bytes_read = coalesce(bytes_total, 0)
         WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
        ledger.rows() as i64,
        ledger.warnings().total().cast_signed(),
        codes_json(ledger.codes()),
        codes_json(&ledger.warnings().codes()),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Ends an import. Where it had an upload of its own, the upload's time begins to run.
pub(in crate::ingestion) async fn finish_import(
    tx: &mut VendorTx,
    job_id: JobId,
    upload_id: Option<UploadId>,
) -> Result<Totals, DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!(
        "UPDATE uploads SET expires_at = $3 WHERE vendor_id = $1 AND id = $2",
        vendor_id,
        upload_id.map(UploadId::as_uuid),
        now + retention::FINISHED_UPLOADS,
    )
    .execute(tx.connection())
    .await?;
    let row = sqlx::query!(
        "UPDATE imports SET finished_at = $3 WHERE vendor_id = $1 AND job_id = $2
         RETURNING read_count, created_count, updated_count, unchanged_count, kept_count, rejected_count, warning_count, deleted_count",
        vendor_id,
        job_id.as_uuid(),
        now,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(Totals {
        read: row.read_count,
        created: row.created_count,
        updated: row.updated_count,
        unchanged: row.unchanged_count,
        kept: row.kept_count,
        rejected: row.rejected_count,
        deleted: row.deleted_count,
        warnings: row.warning_count,
    })
}

/// Notes the end of an import that ended while it waited; there is none where the file had not arrived yet.
pub(in crate::ingestion) async fn end_import(tx: &mut VendorTx, job_id: JobId) -> Result<(), DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!(
        "UPDATE imports SET finished_at = $3 WHERE vendor_id = $1 AND job_id = $2 AND finished_at IS NULL",
        vendor_id,
        job_id.as_uuid(),
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Deletes imports whose jobs are gone, and with them the records of purged uploads, but for those of the
/// vendors in `kept` and uploads whose object lies in the inbox still; says how many of both. Ids of jobs are in the order of their creation.
pub(in crate::ingestion) async fn delete_imports(
    tx: &mut SystemTx,
    before: JobId,
    kept: &[Uuid],
    most: i64,
) -> Result<u64, DbError> {
    let imports = sqlx::query!(
        "WITH gone AS (
             SELECT i.vendor_id, i.job_id FROM imports i
             WHERE i.job_id < $1 AND i.vendor_id <> ALL ($2)
               AND NOT EXISTS (SELECT FROM jobs j WHERE j.id = i.job_id)
               AND NOT EXISTS (SELECT FROM row_errors e WHERE e.vendor_id = i.vendor_id AND e.job_id = i.job_id)
             LIMIT $3
         )
         DELETE FROM imports i USING gone WHERE i.vendor_id = gone.vendor_id AND i.job_id = gone.job_id",
        before.as_uuid(),
        kept,
        most,
    )
    .execute(tx.connection())
    .await?;
    let uploads = sqlx::query!(
        "WITH gone AS (
             SELECT u.vendor_id, u.id FROM uploads u
             WHERE u.job_id < $1 AND u.purged_at IS NOT NULL AND (u.source_sealed IS NULL OR u.finished_at IS NULL) AND u.vendor_id <> ALL ($2)
               AND NOT EXISTS (SELECT FROM jobs j WHERE j.id = u.job_id)
             LIMIT $3
         )
         DELETE FROM uploads u USING gone WHERE u.vendor_id = gone.vendor_id AND u.id = gone.id",
        before.as_uuid(),
        kept,
        most,
    )
    .execute(tx.connection())
    .await?;
    Ok(imports.rows_affected() + uploads.rows_affected())
}

fn codes_json(codes: &Codes) -> Value {
    Value::Object(codes.iter().map(|(code, count)| (code.clone(), Value::from(*count))).collect())
}
