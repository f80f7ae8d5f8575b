//! Statements on `uploads`.

use odyssey_tabular::Mode;
use odyssey_types::{JobId, UploadId, UserId, VendorId};
use serde_json::Value;
use uuid::Uuid;

use crate::db::{DbError, SystemTx, VendorTx};
use crate::ingestion::spool::Written;
use crate::retention;

/// An upload that begins.
#[derive(Debug)]
pub(in crate::ingestion) struct NewUpload<'a> {
    pub id: UploadId,
    pub job_id: JobId,
    pub mode: Mode,
    pub path: &'a str,
    pub file_key: &'a [u8],
}

/// An upload as an import needs it.
#[derive(Debug)]
pub(in crate::ingestion) struct UploadRow {
    pub id: UploadId,
    pub state: String,
    pub spool_path: String,
    pub file_key: Vec<u8>,
    pub byte_count: u64,
    /// Whether the path is a folder of pieces.
    pub resumable: bool,
}

/// An upload whose time is over.
#[derive(Debug)]
pub(in crate::ingestion) struct DueUpload {
    pub vendor_id: VendorId,
    pub id: UploadId,
    pub job_id: JobId,
    pub spool_path: String,
    pub received: bool,
}

pub(in crate::ingestion) async fn insert_upload(
    tx: &mut VendorTx,
    upload: &NewUpload<'_>,
    parameters: &Value,
) -> Result<(), DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let created_by = tx.actor().user_id.map(UserId::as_uuid);
    sqlx::query!(
        "INSERT INTO uploads (vendor_id, id, job_id, mode, state, spool_path, file_key, parameters, created_by, created_at, expires_at)
         VALUES ($1, $2, $3, $4, 'receiving', $5, $6, $7, $8, $9, $10)",
        vendor_id,
        upload.id.as_uuid(),
        upload.job_id.as_uuid(),
        upload.mode.as_str(),
        upload.path,
        upload.file_key,
        parameters,
        created_by,
        now,
        now + retention::UNFINISHED_UPLOADS,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Closes an upload whose bytes are all on disk. False: it was given up meanwhile.
pub(in crate::ingestion) async fn close_upload(
    tx: &mut VendorTx,
    id: UploadId,
    written: Written,
) -> Result<bool, DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let done = sqlx::query!(
        "UPDATE uploads SET state = 'finished', byte_count = $3, sha256 = $4, finished_at = $5, expires_at = $6
         WHERE vendor_id = $1 AND id = $2 AND state = 'receiving' AND failed_code IS NULL",
        vendor_id,
        id.as_uuid(),
        written.byte_count as i64,
        &written.sha256[..],
        now,
        now + retention::FINISHED_UPLOADS,
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes why an upload broke off, or why a part is not joined. It stays until its purge, which looks after its file.
pub(in crate::ingestion) async fn fail_upload(
    tx: &mut VendorTx,
    id: UploadId,
    code: &'static str,
) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "UPDATE uploads SET failed_code = $3
         WHERE vendor_id = $1 AND id = $2 AND failed_code IS NULL
           AND (state = 'receiving' OR (state = 'finished' AND concat = 'partial' AND joined_into IS NULL))",
        vendor_id,
        id.as_uuid(),
        code,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(in crate::ingestion) async fn find_upload(
    tx: &mut VendorTx,
    id: UploadId,
) -> Result<Option<UploadRow>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = sqlx::query!(
        "SELECT id, state, spool_path, file_key, byte_count, resumable FROM uploads WHERE vendor_id = $1 AND id = $2",
        vendor_id,
        id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| UploadRow {
        id: row.id.into(),
        state: row.state,
        spool_path: row.spool_path,
        file_key: row.file_key,
        byte_count: row.byte_count.unsigned_abs(),
        resumable: row.resumable,
    }))
}

/// What the given jobs import, and why an upload broke off. A rerun, and an import that applies a dry run, have no upload
/// of their own.
pub(in crate::ingestion) async fn find_modes(
    tx: &mut VendorTx,
    jobs: &[Uuid],
) -> Result<Vec<(Uuid, Mode, Option<String>)>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        r#"SELECT job_id AS "job_id!", mode AS "mode!", failed_code FROM uploads
           WHERE vendor_id = $1 AND job_id = ANY($2)
           UNION ALL
           SELECT i.job_id, i.mode, NULL FROM imports i
           WHERE i.vendor_id = $1 AND i.job_id = ANY($2)
             AND NOT EXISTS (SELECT FROM uploads u WHERE u.vendor_id = $1 AND u.job_id = i.job_id)"#,
        vendor_id,
        jobs,
    )
    .fetch_all(tx.connection())
    .await?;
    rows.into_iter().map(|row| Ok((row.job_id, mode_of(&row.mode)?, row.failed_code))).collect()
}

pub(in crate::ingestion) fn mode_of(text: &str) -> Result<Mode, DbError> {
    match text {
        "products" => Ok(Mode::Products),
        "customers" => Ok(Mode::Customers),
        other => Err(DbError::inconsistent(format!("an import has the mode {other}"))),
    }
}

/// Uploads of all vendors whose time is over: those that broke off, and those whose job has ended. One that is fetched
/// breaks off with its job.
pub(in crate::ingestion) async fn due_uploads(
    tx: &mut SystemTx,
    kept: &[Uuid],
    most: i64,
) -> Result<Vec<DueUpload>, DbError> {
    let now = tx.now();
    let rows = sqlx::query!(
        r#"SELECT vendor_id, id, job_id, spool_path,
                  (state <> 'receiving' AND (concat IS DISTINCT FROM 'partial' OR joined_into IS NOT NULL)) AS "received!"
         FROM uploads u
         WHERE purged_at IS NULL AND expires_at <= $1 AND vendor_id <> ALL ($3)
           AND ((state = 'receiving' AND NOT fetched) OR concat = 'partial'
                OR NOT EXISTS (SELECT FROM jobs j WHERE j.id = u.job_id AND j.finished_at IS NULL))
           AND NOT EXISTS (SELECT FROM imports i JOIN jobs j ON j.vendor_id = i.vendor_id AND j.id = i.job_id
                           WHERE i.vendor_id = u.vendor_id AND i.upload_id = u.id AND j.finished_at IS NULL)
           AND NOT EXISTS (SELECT FROM uploads f
                           WHERE f.vendor_id = u.vendor_id AND f.id = u.joined_into AND f.purged_at IS NULL)
         ORDER BY expires_at
         LIMIT $2
         -- Whoever joins a part or lets a file go at this moment comes first; the next purge has it.
         FOR UPDATE OF u SKIP LOCKED"#,
        now,
        most,
        kept,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| DueUpload {
            vendor_id: row.vendor_id.into(),
            id: row.id.into(),
            job_id: row.job_id.into(),
            spool_path: row.spool_path,
            received: row.received,
        })
        .collect())
}

/// What was fetched in part is the vendor's still, in its inbox; what was fetched whole is to be removed from there.
pub(in crate::ingestion) async fn mark_purged(tx: &mut SystemTx, due: &DueUpload) -> Result<(), DbError> {
    let now = tx.now();
    sqlx::query!(
        "DELETE FROM upload_pieces WHERE vendor_id = $1 AND upload_id = $2",
        due.vendor_id.as_uuid(),
        due.id.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    sqlx::query!(
        "UPDATE uploads SET state = 'purged', purged_at = $3,
                source_sealed = CASE WHEN state = 'receiving' THEN NULL ELSE source_sealed END,
                failed_code = coalesce(failed_code, CASE WHEN NOT $4 THEN 'upload_broken_off' END)
         WHERE vendor_id = $1 AND id = $2",
        due.vendor_id.as_uuid(),
        due.id.as_uuid(),
        now,
        due.received,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
