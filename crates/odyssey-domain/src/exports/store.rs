//! All SQL on `exports` and `export_parts`. The rows pass here sealed.

use chrono::{DateTime, Utc};
use odyssey_tabular::export::FileFormat;
use odyssey_types::{JobId, UserId};
use uuid::Uuid;

use super::{Export, ExportOf, format_name};
use crate::db::{DbError, SystemTx, VendorTx};

/// The last row of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub id: Uuid,
    /// Of events, whose order is that of time.
    pub at: Option<DateTime<Utc>>,
}

/// An export as its job sees it.
#[derive(Debug)]
pub(super) struct ExportRow {
    pub of: ExportOf,
    pub format: FileFormat,
    pub created_at: DateTime<Utc>,
    pub place: Option<Place>,
    pub part_count: i32,
    pub row_count: i64,
    pub byte_count: i64,
    pub finished_at: Option<DateTime<Utc>>,
    pub expires_at: Option<DateTime<Utc>>,
}

/// A part as it is written.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub number: i32,
    pub lines_sealed: &'a [u8],
    pub next: Option<Place>,
    /// Of the file with this part.
    pub row_count: i64,
    pub byte_count: i64,
}

/// Lets one request at a time count what is under way.
pub(super) async fn lock_exports(tx: &mut VendorTx) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('odyssey.exports.' || $1, 0))",
        vendor_id.to_string()
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn count_under_way(tx: &mut VendorTx) -> Result<i64, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM exports e JOIN jobs j ON j.vendor_id = $1 AND j.id = e.job_id
           WHERE e.vendor_id = $1 AND e.finished_at IS NULL AND j.finished_at IS NULL"#,
        vendor_id,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(count)
}

pub(super) async fn insert_export(
    tx: &mut VendorTx,
    job_id: JobId,
    of: &ExportOf,
    format: FileFormat,
) -> Result<(), DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let created_by = tx.actor().user_id.map(UserId::as_uuid);
    let filters = serde_json::to_value(of)
        .map_err(|error| DbError::inconsistent(format!("filters cannot be written as JSON: {error}")))?;
    sqlx::query!(
        "INSERT INTO exports (vendor_id, job_id, kind, format, filters, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        vendor_id,
        job_id.as_uuid(),
        of.kind(),
        format_name(format),
        filters,
        created_by,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn find_export(tx: &mut VendorTx, job_id: JobId) -> Result<Option<ExportRow>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = sqlx::query!(
        "SELECT format, filters, created_at, last_id, last_at, part_count, row_count, byte_count, finished_at, expires_at
         FROM exports WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(ExportRow {
        of: serde_json::from_value(row.filters)
            .map_err(|_| DbError::inconsistent(format!("the filters of export {job_id} cannot be read")))?,
        format: read_format(&row.format),
        created_at: row.created_at,
        place: row.last_id.map(|id| Place { id, at: row.last_at }),
        part_count: row.part_count,
        row_count: row.row_count,
        byte_count: row.byte_count,
        finished_at: row.finished_at,
        expires_at: row.expires_at,
    }))
}

/// A constraint knows no third one.
fn read_format(format: &str) -> FileFormat {
    if format == "csv" { FileFormat::Csv } else { FileFormat::Ndjson }
}

/// One export, or a page of them and one more, newest first.
pub(super) async fn list_exports(
    tx: &mut VendorTx,
    only: Option<JobId>,
    before: Option<(DateTime<Utc>, Uuid)>,
    most: i64,
) -> Result<Vec<Export>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        r#"SELECT e.job_id, e.kind, e.format, j.state AS "state?", e.created_by, e.created_at, e.row_count, e.byte_count,
                  e.finished_at, e.expires_at
           FROM exports e LEFT JOIN jobs j ON j.vendor_id = $1 AND j.id = e.job_id
           WHERE e.vendor_id = $1
             AND ($2::uuid IS NULL OR e.job_id = $2)
             AND ($3::timestamptz IS NULL OR (e.created_at, e.job_id) < ($3, $4::uuid))
           ORDER BY e.created_at DESC, e.job_id DESC
           LIMIT $5"#,
        vendor_id,
        only.map(JobId::as_uuid),
        before.map(|before| before.0),
        before.map(|before| before.1),
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Export {
            id: JobId::from_uuid(row.job_id),
            kind: row.kind,
            format: read_format(&row.format),
            state: row.state,
            created_by: row.created_by.map(Into::into),
            created_at: row.created_at,
            row_count: row.row_count,
            byte_count: row.byte_count,
            finished_at: row.finished_at,
            expires_at: row.expires_at,
        })
        .collect())
}

/// Writes a part and moves the place where the next one begins; false where the export was deleted.
pub(super) async fn insert_part(tx: &mut VendorTx, job_id: JobId, part: Part<'_>) -> Result<bool, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    // First, so that whoever deletes the export meanwhile waits and takes this part along.
    let moved = sqlx::query!(
        "UPDATE exports
         SET part_count = $3, row_count = $4, byte_count = $5, last_id = $6, last_at = $7
         WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
        part.number + 1,
        part.row_count,
        part.byte_count,
        part.next.map(|next| next.id),
        part.next.and_then(|next| next.at),
    )
    .execute(tx.connection())
    .await?;
    if moved.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!(
        "INSERT INTO export_parts (vendor_id, job_id, part, lines_sealed) VALUES ($1, $2, $3, $4)",
        vendor_id,
        job_id.as_uuid(),
        part.number,
        part.lines_sealed,
    )
    .execute(tx.connection())
    .await?;
    Ok(true)
}

/// Moves the place behind people who have no rows.
pub(super) async fn move_place(tx: &mut VendorTx, job_id: JobId, next: Option<Place>) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "UPDATE exports SET last_id = $3, last_at = $4 WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
        next.map(|next| next.id),
        next.and_then(|next| next.at),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn finish_export(
    tx: &mut VendorTx,
    job_id: JobId,
    header_bytes: i64,
    expires_at: DateTime<Utc>,
) -> Result<(), DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!(
        "UPDATE exports SET finished_at = $3, expires_at = $4, byte_count = byte_count + $5
         WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
        now,
        expires_at,
        header_bytes,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn find_part(
    tx: &mut VendorTx,
    job_id: JobId,
    part: i32,
) -> Result<Option<Vec<u8>>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let sealed = sqlx::query_scalar!(
        "SELECT lines_sealed FROM export_parts WHERE vendor_id = $1 AND job_id = $2 AND part = $3",
        vendor_id,
        job_id.as_uuid(),
        part,
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(sealed)
}

/// Those of the given jobs that are exports which are still kept.
pub(super) async fn kept_exports(tx: &mut VendorTx, jobs: &[Uuid]) -> Result<Vec<Uuid>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let kept = sqlx::query_scalar!(
        "SELECT job_id FROM exports WHERE vendor_id = $1 AND job_id = ANY ($2)",
        vendor_id,
        jobs
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(kept)
}

pub(super) async fn delete_exports(tx: &mut VendorTx, jobs: &[Uuid]) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    // The parts second: a part that was under way is there once its export could be deleted.
    sqlx::query!("DELETE FROM exports WHERE vendor_id = $1 AND job_id = ANY ($2)", vendor_id, jobs)
        .execute(tx.connection())
        .await?;
    sqlx::query!("DELETE FROM export_parts WHERE vendor_id = $1 AND job_id = ANY ($2)", vendor_id, jobs)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Deletes what has expired, and what never ended and is older, but for the vendors that are held.
pub(super) async fn purge_exports(
    tx: &mut SystemTx,
    now: DateTime<Utc>,
    begun_before: DateTime<Utc>,
    held: &[Uuid],
) -> Result<u64, DbError> {
    let parts = sqlx::query!(
        "DELETE FROM export_parts p USING exports e
         WHERE e.vendor_id = p.vendor_id AND e.job_id = p.job_id AND (e.expires_at <= $1 OR e.created_at < $2)
           AND e.vendor_id <> ALL ($3)",
        now,
        begun_before,
        held,
    )
    .execute(tx.connection())
    .await?;
    let exports = sqlx::query!(
        "DELETE FROM exports WHERE (expires_at <= $1 OR created_at < $2) AND vendor_id <> ALL ($3)",
        now,
        begun_before,
        held,
    )
    .execute(tx.connection())
    .await?;
    Ok(parts.rows_affected() + exports.rows_affected())
}
