//! Statements on rows that were refused because another product holds their barcode.

use uuid::Uuid;

use crate::db::{DbError, VendorTx};

/// Such a row, as the job that looked last found it.
#[derive(Debug)]
pub(in crate::ingestion) struct ClaimRow {
    pub job_id: Uuid,
    /// The import whose file the row is in.
    pub parent_job_id: Uuid,
    pub row_number: i64,
    pub ordinal: i32,
    pub value_sealed: Option<Vec<u8>>,
    pub original_sealed: Option<Vec<u8>>,
}

/// Claims that stand, newest import first, behind the given place.
pub(in crate::ingestion) async fn barcode_claims(
    tx: &mut VendorTx,
    after: Option<(Uuid, i64)>,
    most: i64,
) -> Result<Vec<ClaimRow>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let (job_id, row) = after.unwrap_or((Uuid::max(), i64::MAX));
    let rows = sqlx::query_as!(
        ClaimRow,
        r#"SELECT e.job_id, coalesce(i.parent_job_id, i.job_id) AS "parent_job_id!", e.row_number, e.ordinal,
                  e.value_sealed, e.original_sealed
           FROM row_errors e
           JOIN imports i ON i.vendor_id = $1 AND i.job_id = e.job_id
           WHERE e.vendor_id = $1 AND e.code = 'barcode_taken' AND (e.job_id, e.row_number) < ($2, $3)
             AND NOT EXISTS (SELECT FROM rerun_rows r
                             WHERE r.vendor_id = $1 AND r.parent_job_id = coalesce(i.parent_job_id, i.job_id)
                               AND r.row_number = e.row_number
                               AND (r.outcome = 'taken' OR (r.outcome = 'refused' AND r.turn > coalesce(i.rerun_turn, 0))))
           ORDER BY e.job_id DESC, e.row_number DESC
           LIMIT $4"#,
        vendor_id,
        job_id,
        row,
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}
