//! Statements on the jobs that import refused rows once more.

use odyssey_types::{JobId, UserId};
use serde_json::Value;
use uuid::Uuid;

use crate::db::{DbError, VendorTx};
use crate::ingestion::ImportMode;

/// An import whose rows are to be corrected, locked against others who do the same.
#[derive(Debug)]
pub(in crate::ingestion) struct Parent {
    pub upload_id: Uuid,
    pub reading_sealed: Option<Vec<u8>>,
    pub parameters: Value,
    /// Reruns there have been.
    pub turns: i64,
    /// One of them has not ended.
    pub under_way: bool,
}

/// Which refused rows of an import are asked for, in the order of the file.
#[derive(Debug, Clone, Copy)]
pub(in crate::ingestion) struct Wanted<'a> {
    pub parent: JobId,
    /// What this rerun itself has done does not count.
    pub seen_by: Option<JobId>,
    pub after: i64,
    pub most: i64,
    pub only: Option<&'a [i64]>,
    /// Codes of faults that no correction of a cell mends.
    pub whole_row: &'a [&'a str],
    pub repetition: &'a str,
}

/// A refused row whose cells are kept.
#[derive(Debug)]
pub(in crate::ingestion) struct RefusedRow {
    pub row_number: i64,
    /// Where its cells are sealed.
    pub ordinal: i32,
    pub line_number: i64,
    pub original_sealed: Vec<u8>,
    /// The fault is of the row as a whole.
    pub whole_row: bool,
    /// A rerun has taken it.
    pub taken: bool,
    /// A rerun that has not ended has it.
    pub under_way: bool,
    /// It has a correction that no rerun has tried.
    pub waiting: bool,
    pub repetition_ordinal: Option<i32>,
    pub repetition_sealed: Option<Vec<u8>>,
}

/// How an import and its reruns belong together.
#[derive(Debug)]
pub(in crate::ingestion) struct RerunLink {
    pub job_id: Uuid,
    pub parent_job_id: Uuid,
}

/// The import that a job belongs to: itself, or the one whose rows it took.
pub(in crate::ingestion) async fn find_parent(
    tx: &mut VendorTx,
    job_id: JobId,
) -> Result<Option<JobId>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let parent = sqlx::query_scalar!(
        r#"SELECT coalesce(parent_job_id, job_id) AS "parent!" FROM imports WHERE vendor_id = $1 AND job_id = $2"#,
        vendor_id,
        job_id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(parent.map(JobId::from_uuid))
}

/// Locks an import: who corrects its rows and who runs them again take turns.
pub(in crate::ingestion) async fn lock_parent(
    tx: &mut VendorTx,
    parent: JobId,
) -> Result<Option<Parent>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = sqlx::query_as!(
        Parent,
        r#"SELECT i.upload_id, i.reading_sealed, i.parameters,
                  (SELECT count(*) FROM imports c WHERE c.vendor_id = $1 AND c.parent_job_id = $2) AS "turns!",
                  EXISTS (SELECT FROM imports c JOIN jobs j ON j.vendor_id = $1 AND j.id = c.job_id
                          WHERE c.vendor_id = $1 AND c.parent_job_id = $2 AND j.finished_at IS NULL) AS "under_way!"
           FROM imports i
           WHERE i.vendor_id = $1 AND i.job_id = $2
           FOR UPDATE OF i"#,
        vendor_id,
        parent.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row)
}

/// The sealed mapping of an import.
pub(in crate::ingestion) async fn find_reading(
    tx: &mut VendorTx,
    job_id: JobId,
) -> Result<Option<Vec<u8>>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let sealed = sqlx::query_scalar!(
        "SELECT reading_sealed FROM imports WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(sealed.flatten())
}

/// Refused rows of an import whose cells are kept.
pub(in crate::ingestion) async fn refused_rows(
    tx: &mut VendorTx,
    wanted: Wanted<'_>,
) -> Result<Vec<RefusedRow>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query_as!(
        RefusedRow,
        r#"SELECT e.row_number, e.ordinal, e.line_number, e.original_sealed AS "original_sealed!",
                  EXISTS (SELECT FROM row_errors w
                          WHERE w.vendor_id = $1 AND w.job_id = $2 AND w.row_number = e.row_number AND w.code = ANY ($6))
                      AS "whole_row!",
                  EXISTS (SELECT FROM rerun_rows r
                          WHERE r.vendor_id = $1 AND r.parent_job_id = $2 AND r.row_number = e.row_number
                            AND r.outcome = 'taken' AND r.job_id IS DISTINCT FROM $7) AS "taken!",
                  EXISTS (SELECT FROM rerun_rows r JOIN jobs j ON j.vendor_id = $1 AND j.id = r.job_id
                          WHERE r.vendor_id = $1 AND r.parent_job_id = $2 AND r.row_number = e.row_number
                            AND j.finished_at IS NULL) AS "under_way!",
                  EXISTS (SELECT FROM row_corrections c
                          WHERE c.vendor_id = $1 AND c.job_id = $2 AND c.row_number = e.row_number
                            AND NOT EXISTS (SELECT FROM rerun_rows r
                                            WHERE r.vendor_id = $1 AND r.parent_job_id = $2 AND r.row_number = e.row_number
                                              AND r.job_id = c.taken_by AND r.outcome IS NOT NULL)) AS "waiting!",
                  d.ordinal AS "repetition_ordinal?", d.value_sealed AS repetition_sealed
           FROM row_errors e
           LEFT JOIN LATERAL (SELECT s.ordinal, s.value_sealed FROM row_errors s
                              WHERE s.vendor_id = $1 AND s.job_id = $2 AND s.row_number = e.row_number AND s.code = $8
                              LIMIT 1) d ON true
           WHERE e.vendor_id = $1 AND e.job_id = $2 AND e.row_number > $3 AND e.severity = 'error'
             AND e.original_sealed IS NOT NULL AND ($5::bigint[] IS NULL OR e.row_number = ANY ($5))
           ORDER BY e.row_number
           LIMIT $4"#,
        vendor_id,
        wanted.parent.as_uuid(),
        wanted.after,
        wanted.most,
        wanted.only,
        wanted.whole_row as &[&str],
        wanted.seen_by.map(JobId::as_uuid),
        wanted.repetition,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

/// A rerun that begins.
#[derive(Debug)]
pub(in crate::ingestion) struct NewRerun<'a> {
    pub job_id: JobId,
    pub parent: JobId,
    pub upload_id: Uuid,
    pub mode: ImportMode,
    pub turn: i32,
    pub parameters: &'a Value,
    /// In the order of the file.
    pub rows: &'a [i64],
}

/// Adds a rerun with its rows, and takes their corrections.
pub(in crate::ingestion) async fn insert_rerun(
    tx: &mut VendorTx,
    rerun: &NewRerun<'_>,
) -> Result<(), DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let started_by = tx.actor().user_id.map(UserId::as_uuid);
    sqlx::query!(
        "INSERT INTO imports (vendor_id, job_id, upload_id, mode, bytes_total, parameters, started_by, created_at, parent_job_id, rerun_turn)
         VALUES ($1, $2, $3, $4, 0, $5, $6, $7, $8, $9)",
        vendor_id,
        rerun.job_id.as_uuid(),
        rerun.upload_id,
        rerun.mode.as_str(),
        rerun.parameters,
        started_by,
        now,
        rerun.parent.as_uuid(),
        rerun.turn,
    )
    .execute(tx.connection())
    .await?;
    sqlx::query!(
        "INSERT INTO rerun_rows (vendor_id, parent_job_id, row_number, turn, job_id, record)
         SELECT $1, $2, r.row_number, $3, $4, r.record FROM unnest($5::bigint[]) WITH ORDINALITY AS r (row_number, record)",
        vendor_id,
        rerun.parent.as_uuid(),
        rerun.turn,
        rerun.job_id.as_uuid(),
        rerun.rows,
    )
    .execute(tx.connection())
    .await?;
    sqlx::query!(
        "UPDATE row_corrections SET taken_by = $3 WHERE vendor_id = $1 AND job_id = $2 AND row_number = ANY ($4)",
        vendor_id,
        rerun.parent.as_uuid(),
        rerun.job_id.as_uuid(),
        rerun.rows,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The rows of a rerun, in their order.
pub(in crate::ingestion) async fn find_rerun_rows(
    tx: &mut VendorTx,
    job_id: JobId,
) -> Result<Vec<i64>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query_scalar!(
        "SELECT row_number FROM rerun_rows WHERE vendor_id = $1 AND job_id = $2 ORDER BY record",
        vendor_id,
        job_id.as_uuid(),
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

/// Notes what became of a rerun's rows: refused where there is a fault, or where what a later import or a person wrote
/// stands, so that it can be run again; taken where it was merged, and nothing where it stopped before.
pub(in crate::ingestion) async fn settle_rerun(
    tx: &mut VendorTx,
    job_id: JobId,
    merged: u64,
    moved: &[i64],
) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "UPDATE rerun_rows r
         SET outcome = CASE
             WHEN EXISTS (SELECT FROM row_errors e
                          WHERE e.vendor_id = $1 AND e.job_id = $2 AND e.row_number = r.row_number
                            AND (e.severity = 'error' OR e.code IN ('kept_newer', 'kept_edits')))
                 THEN 'refused'
             WHEN r.record <= $3 OR r.record = ANY ($4) THEN 'taken' END
         WHERE r.vendor_id = $1 AND r.job_id = $2",
        vendor_id,
        job_id.as_uuid(),
        merged.cast_signed(),
        moved,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The reruns among the given jobs, and those of the given jobs, in their order.
pub(in crate::ingestion) async fn find_links(
    tx: &mut VendorTx,
    jobs: &[Uuid],
) -> Result<Vec<RerunLink>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let links = sqlx::query_as!(
        RerunLink,
        r#"SELECT job_id, parent_job_id AS "parent_job_id!" FROM imports
           WHERE vendor_id = $1 AND parent_job_id IS NOT NULL AND (job_id = ANY ($2) OR parent_job_id = ANY ($2))
           ORDER BY parent_job_id, rerun_turn"#,
        vendor_id,
        jobs,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(links)
}

/// How many rows of each of these imports are refused still, reruns considered.
pub(in crate::ingestion) async fn still_rejected(
    tx: &mut VendorTx,
    parents: &[Uuid],
) -> Result<Vec<(Uuid, i64)>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        r#"SELECT i.job_id,
                  i.rejected_count - (SELECT count(*) FROM rerun_rows r
                                      WHERE r.vendor_id = $1 AND r.parent_job_id = i.job_id AND r.outcome = 'taken')
                      AS "still_rejected!"
           FROM imports i WHERE i.vendor_id = $1 AND i.job_id = ANY ($2)"#,
        vendor_id,
        parents,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| (row.job_id, row.still_rejected)).collect())
}

/// Rows of an import whose faults are kept.
pub(in crate::ingestion) async fn count_kept_rows(tx: &mut VendorTx, job_id: JobId) -> Result<i64, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let count = sqlx::query_scalar!(
        r#"SELECT count(DISTINCT row_number) AS "count!" FROM row_errors
           WHERE vendor_id = $1 AND job_id = $2 AND severity = 'error'"#,
        vendor_id,
        job_id.as_uuid(),
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(count)
}

/// Which of these rows of an import a rerun has taken, and which one.
pub(in crate::ingestion) async fn find_taken(
    tx: &mut VendorTx,
    parent: JobId,
    rows: &[i64],
) -> Result<Vec<(i64, Uuid)>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let taken = sqlx::query!(
        "SELECT row_number, job_id FROM rerun_rows
         WHERE vendor_id = $1 AND parent_job_id = $2 AND row_number = ANY ($3) AND outcome = 'taken'",
        vendor_id,
        parent.as_uuid(),
        rows,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(taken.into_iter().map(|row| (row.row_number, row.job_id)).collect())
}
