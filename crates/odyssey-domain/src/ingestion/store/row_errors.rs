//! Statements on `row_errors`.

use odyssey_types::JobId;
use uuid::Uuid;

use crate::db::{DbError, SystemTx, VendorTx};
use crate::ingestion::row_errors::MERGE_ORDINAL;

/// A fault as it is stored.
#[derive(Debug, Clone)]
pub(in crate::ingestion) struct RowErrorRow {
    pub row_number: i64,
    pub ordinal: i32,
    pub line_number: i64,
    pub severity: String,
    pub column_name: Option<String>,
    pub code: String,
    pub remedy: String,
    pub value_sealed: Option<Vec<u8>>,
    pub original_sealed: Option<Vec<u8>>,
}

/// Adds faults; one that an earlier attempt has written is the same fault.
pub(in crate::ingestion) async fn insert_row_errors(
    tx: &mut VendorTx,
    job_id: JobId,
    rows: Vec<RowErrorRow>,
) -> Result<(), DbError> {
    if rows.is_empty() {
        return Ok(());
    }
    let vendor_id = tx.vendor_id().as_uuid();
    let mut numbers = Vec::with_capacity(rows.len());
    let (mut ordinals, mut lines, mut severities, mut columns) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut codes, mut remedies, mut values, mut originals) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        numbers.push(row.row_number);
        ordinals.push(row.ordinal);
        lines.push(row.line_number);
        severities.push(row.severity);
        columns.push(row.column_name);
        codes.push(row.code);
        remedies.push(row.remedy);
        values.push(row.value_sealed);
        originals.push(row.original_sealed);
    }
    sqlx::query!(
        "INSERT INTO row_errors (vendor_id, job_id, row_number, ordinal, line_number, severity, column_name, code, remedy,
                                 value_sealed, original_sealed)
         SELECT $1, $2, e.*
         FROM unnest($3::bigint[], $4::integer[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bytea[],
                     $11::bytea[]) AS e
         ON CONFLICT (vendor_id, job_id, row_number, ordinal) DO NOTHING",
        vendor_id,
        job_id.as_uuid(),
        &numbers,
        &ordinals,
        &lines,
        &severities,
        &columns as &[Option<String>],
        &codes,
        &remedies,
        &values as &[Option<Vec<u8>>],
        &originals as &[Option<Vec<u8>>],
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Faults in the order of the file, behind the given place; of one severity, or all.
pub(in crate::ingestion) async fn list_row_errors(
    tx: &mut VendorTx,
    job_id: JobId,
    after: Option<(i64, i32)>,
    most: i64,
    severity: Option<&str>,
) -> Result<Vec<RowErrorRow>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let (row, ordinal) = after.unwrap_or((-1, -1));
    let rows = sqlx::query_as!(
        RowErrorRow,
        "SELECT row_number, ordinal, line_number, severity, column_name, code, remedy, value_sealed, original_sealed
         FROM row_errors
         WHERE vendor_id = $1 AND job_id = $2 AND (row_number, ordinal) > ($3, $4)
           AND ($6::text IS NULL OR severity = $6)
         ORDER BY row_number, ordinal
         LIMIT $5",
        vendor_id,
        job_id.as_uuid(),
        row,
        ordinal,
        most,
        severity,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

/// Rows refused while merging whose cells have not been fetched yet, in the order of the file.
pub(in crate::ingestion) async fn faults_without_original(
    tx: &mut VendorTx,
    job_id: JobId,
    most: i64,
) -> Result<Vec<(i64, i32)>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        "SELECT row_number, ordinal FROM row_errors
         WHERE vendor_id = $1 AND job_id = $2 AND ordinal = $3 AND severity = 'error' AND original_sealed IS NULL
         ORDER BY row_number
         LIMIT $4",
        vendor_id,
        job_id.as_uuid(),
        MERGE_ORDINAL,
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| (row.row_number, row.ordinal)).collect())
}

pub(in crate::ingestion) async fn set_original(
    tx: &mut VendorTx,
    job_id: JobId,
    row: i64,
    ordinal: i32,
    sealed: &[u8],
) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "UPDATE row_errors SET original_sealed = $5 WHERE vendor_id = $1 AND job_id = $2 AND row_number = $3 AND ordinal = $4",
        vendor_id,
        job_id.as_uuid(),
        row,
        ordinal,
        sealed,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Deletes the faults of jobs older than `before`, of all vendors; says how many.
pub(in crate::ingestion) async fn delete_row_errors(
    tx: &mut SystemTx,
    before: JobId,
    kept: &[Uuid],
    most_imports: i64,
) -> Result<u64, DbError> {
    // Ids of jobs are in the order of their creation. Import by import, since the key begins with vendor and job.
    let done = sqlx::query!(
        "WITH old AS (
             SELECT i.vendor_id, i.job_id FROM imports i
             WHERE i.job_id < $1 AND i.vendor_id <> ALL ($2)
               AND EXISTS (SELECT FROM row_errors e WHERE e.vendor_id = i.vendor_id AND e.job_id = i.job_id)
             LIMIT $3
         )
         DELETE FROM row_errors e USING old WHERE e.vendor_id = old.vendor_id AND e.job_id = old.job_id",
        before.as_uuid(),
        kept,
        most_imports,
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected())
}
