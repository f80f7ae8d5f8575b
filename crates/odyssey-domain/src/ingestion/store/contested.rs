//! Statements on a job's own tables about barcodes that several rows or products claim. Their names are made of the job's
//! id, so these statements are put together here and checked when they run.

use std::collections::HashMap;

use odyssey_types::JobId;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::staging::{allow_long_statements, staged, todo};
use crate::db::{DbError, VendorTx};

/// A row whose barcode another row of the file has won.
#[derive(Debug, sqlx::FromRow)]
pub(in crate::ingestion) struct RivalClaim {
    pub record: i64,
    pub gtin: String,
    pub winner_record: i64,
    pub winner_external_id: String,
}

/// A row that claims a barcode of another product.
#[derive(Debug, sqlx::FromRow)]
pub(in crate::ingestion) struct HeldClaim {
    pub record: i64,
    pub gtin: String,
    pub holder: Uuid,
    pub holder_external_id: String,
    /// The row of the holder in the file, whatever becomes of it.
    pub holder_row: Option<i64>,
    /// The same, where it is to be merged.
    pub holder_record: Option<i64>,
    /// That row states another barcode, or none.
    pub gives_up: bool,
}

/// Rows that claim a barcode which another row of the file has won: the row of the product that holds it
/// already, else the first.
pub(in crate::ingestion) async fn rival_claims(
    tx: &mut VendorTx,
    job_id: JobId,
    most: i64,
) -> Result<Vec<RivalClaim>, DbError> {
    let (todo, staged) = (todo(job_id), staged(job_id));
    let statement = format!(
        "SELECT record, gtin, winner_record, '' AS winner_external_id
         FROM (SELECT t.record, t.gtin,
                      first_value(t.record) OVER turns AS winner_record,
                      row_number() OVER turns AS turn
               FROM {todo} t
               LEFT JOIN product_barcodes b ON b.vendor_id = $1 AND b.gtin = t.gtin
               WHERE t.gtin IS NOT NULL AND NOT t.kept
               WINDOW turns AS (PARTITION BY t.gtin ORDER BY b.product_id IS NOT DISTINCT FROM t.id DESC, t.record)) claims
         WHERE turn > 1
         ORDER BY record
         LIMIT $2"
    );
    let mut rivals: Vec<RivalClaim> =
        fetch(tx, statement, |query, vendor_id| query.bind(vendor_id).bind(most)).await?;
    if rivals.is_empty() {
        return Ok(rivals);
    }
    // Apart, so that a file without rivals is not read once more.
    let winners: Vec<i64> = rivals.iter().map(|rival| rival.winner_record).collect();
    let names = format!(
        "SELECT record, convert_from(fields, 'UTF8')::json->>'external_id' FROM {staged} WHERE record = ANY ($1)"
    );
    let names: Vec<(i64, String)> =
        sqlx::query_as(AssertSqlSafe(names)).bind(winners).fetch_all(tx.connection()).await?;
    let names: HashMap<i64, String> = names.into_iter().collect();
    for rival in &mut rivals {
        if let Some(name) = names.get(&rival.winner_record) {
            rival.winner_external_id.clone_from(name);
        }
    }
    Ok(rivals)
}

/// Rows that claim a barcode which another product holds at this moment.
pub(in crate::ingestion) async fn held_claims(
    tx: &mut VendorTx,
    job_id: JobId,
    most: i64,
) -> Result<Vec<HeldClaim>, DbError> {
    let (todo, staged) = (todo(job_id), staged(job_id));
    let statement = format!(
        "SELECT t.record, t.gtin, b.product_id AS holder, '' AS holder_external_id, h.record AS holder_row,
                h.record AS holder_record, h.record IS NOT NULL AND h.gtin IS DISTINCT FROM t.gtin AS gives_up
         FROM {todo} t
         JOIN product_barcodes b ON b.vendor_id = $1 AND b.gtin = t.gtin AND b.product_id <> t.id
         LEFT JOIN {todo} h ON h.id = b.product_id AND NOT h.kept
         WHERE NOT t.kept
         ORDER BY t.record
         LIMIT $2"
    );
    let mut claims: Vec<HeldClaim> =
        fetch(tx, statement, |query, vendor_id| query.bind(vendor_id).bind(most)).await?;
    if claims.is_empty() {
        return Ok(claims);
    }
    // Apart, so that a file that contests nothing is not read once more.
    let holders: Vec<Uuid> = claims.iter().map(|claim| claim.holder).collect();
    let names = format!(
        "SELECT p.id, p.external_id, s.record FROM products p LEFT JOIN {staged} s ON s.id = p.id
         WHERE p.vendor_id = $1 AND p.id = ANY ($2)"
    );
    let vendor_id = tx.vendor_id().as_uuid();
    let names: Vec<(Uuid, String, Option<i64>)> =
        sqlx::query_as(AssertSqlSafe(names)).bind(vendor_id).bind(holders).fetch_all(tx.connection()).await?;
    let names: HashMap<Uuid, (String, Option<i64>)> =
        names.into_iter().map(|(id, external_id, row)| (id, (external_id, row))).collect();
    for claim in &mut claims {
        if let Some((external_id, row)) = names.get(&claim.holder) {
            claim.holder_external_id.clone_from(external_id);
            claim.holder_row = *row;
        }
    }
    Ok(claims)
}

type Claims<'q, T> = sqlx::query::QueryAs<'q, sqlx::Postgres, T, sqlx::postgres::PgArguments>;

async fn fetch<T>(
    tx: &mut VendorTx,
    statement: String,
    bind: impl FnOnce(Claims<'static, T>, Uuid) -> Claims<'static, T>,
) -> Result<Vec<T>, DbError>
where
    T: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
{
    allow_long_statements(tx).await?;
    let vendor_id = tx.vendor_id().as_uuid();
    Ok(bind(sqlx::query_as(AssertSqlSafe(statement)), vendor_id).fetch_all(tx.connection()).await?)
}
