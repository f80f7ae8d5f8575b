//! Statements on corrections of refused rows.

use odyssey_types::{JobId, UserId};
use uuid::Uuid;

use crate::db::{DbError, SystemTx, VendorTx};

/// A correction as it is stored.
#[derive(Debug)]
pub(in crate::ingestion) struct CorrectionRow {
    pub row_number: i64,
    pub column_index: i32,
    pub value_sealed: Vec<u8>,
}

/// A fault that stands, and the job that found it.
#[derive(Debug)]
pub(in crate::ingestion) struct StandingFault {
    pub job_id: Uuid,
    pub row_number: i64,
    pub ordinal: i32,
    pub column_name: Option<String>,
    pub value_sealed: Option<Vec<u8>>,
}

/// The corrections of some rows.
pub(in crate::ingestion) async fn find_corrections(
    tx: &mut VendorTx,
    parent: JobId,
    rows: &[i64],
) -> Result<Vec<CorrectionRow>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let corrections = sqlx::query_as!(
        CorrectionRow,
        "SELECT row_number, column_index, value_sealed FROM row_corrections
         WHERE vendor_id = $1 AND job_id = $2 AND row_number = ANY ($3)
         ORDER BY row_number, column_index",
        vendor_id,
        parent.as_uuid(),
        rows,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(corrections)
}

/// The faults with this code of rows that are still refused and that no rerun has in hand, each as the job that
/// looked last found it; in the order of the file, behind the given place.
pub(in crate::ingestion) async fn standing_faults(
    tx: &mut VendorTx,
    parent: JobId,
    code: &str,
    after: (i64, i32),
    most: i64,
) -> Result<Vec<StandingFault>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let faults = sqlx::query_as!(
        StandingFault,
        r#"SELECT e.job_id AS "job_id!", e.row_number AS "row_number!", e.ordinal AS "ordinal!", e.column_name, e.value_sealed
           FROM (SELECT job_id, coalesce(rerun_turn, 0) AS turn FROM imports
                 WHERE vendor_id = $1 AND (job_id = $2 OR parent_job_id = $2)) family
           JOIN row_errors e ON e.vendor_id = $1 AND e.job_id = family.job_id
           WHERE e.code = $3 AND e.severity = 'error' AND (e.row_number, e.ordinal) > ($4, $5)
             AND NOT EXISTS (SELECT FROM rerun_rows r LEFT JOIN jobs j ON j.vendor_id = $1 AND j.id = r.job_id
                             WHERE r.vendor_id = $1 AND r.parent_job_id = $2 AND r.row_number = e.row_number
                               AND (r.outcome = 'taken' OR (r.outcome = 'refused' AND r.turn > family.turn)
                                    OR (j.id IS NOT NULL AND j.finished_at IS NULL)))
           ORDER BY e.row_number, e.ordinal
           LIMIT $6"#,
        vendor_id,
        parent.as_uuid(),
        code,
        after.0,
        after.1,
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(faults)
}

/// Stores corrections; one of the same cell is replaced.
pub(in crate::ingestion) async fn upsert_corrections(
    tx: &mut VendorTx,
    parent: JobId,
    corrections: Vec<CorrectionRow>,
) -> Result<(), DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let corrected_by = tx.actor().user_id.map(UserId::as_uuid);
    let (mut rows, mut columns, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for correction in corrections {
        rows.push(correction.row_number);
        columns.push(correction.column_index);
        values.push(correction.value_sealed);
    }
    sqlx::query!(
        "INSERT INTO row_corrections (vendor_id, job_id, row_number, column_index, value_sealed, corrected_by, corrected_at)
         SELECT $1, $2, c.row_number, c.column_index, c.value_sealed, $6, $7
         FROM unnest($3::bigint[], $4::integer[], $5::bytea[]) AS c (row_number, column_index, value_sealed)
         ON CONFLICT (vendor_id, job_id, row_number, column_index) DO UPDATE
         SET value_sealed = excluded.value_sealed, corrected_by = excluded.corrected_by,
             corrected_at = excluded.corrected_at, taken_by = NULL",
        vendor_id,
        parent.as_uuid(),
        &rows,
        &columns,
        &values,
        corrected_by,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Rows that are still refused and have corrections which no rerun has tried.
pub(in crate::ingestion) async fn count_waiting(tx: &mut VendorTx, parent: JobId) -> Result<i64, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let count = sqlx::query_scalar!(
        r#"SELECT count(DISTINCT c.row_number) AS "count!" FROM row_corrections c
           WHERE c.vendor_id = $1 AND c.job_id = $2
             AND NOT EXISTS (SELECT FROM rerun_rows r
                             WHERE r.vendor_id = $1 AND r.parent_job_id = $2 AND r.row_number = c.row_number
                               AND (r.outcome = 'taken' OR (r.job_id = c.taken_by AND r.outcome IS NOT NULL)))"#,
        vendor_id,
        parent.as_uuid(),
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(count)
}

/// Deletes corrections, and what became of rows, of imports older than `before`; says how many.
pub(in crate::ingestion) async fn delete_corrections(
    tx: &mut SystemTx,
    before: JobId,
    kept: &[Uuid],
) -> Result<u64, DbError> {
    let corrections = sqlx::query!(
        "DELETE FROM row_corrections WHERE job_id < $1 AND vendor_id <> ALL ($2)",
        before.as_uuid(),
        kept,
    )
    .execute(tx.connection())
    .await?;
    let rows = sqlx::query!(
        "DELETE FROM rerun_rows WHERE parent_job_id < $1 AND vendor_id <> ALL ($2)",
        before.as_uuid(),
        kept,
    )
    .execute(tx.connection())
    .await?;
    Ok(corrections.rows_affected() + rows.rows_affected())
}
