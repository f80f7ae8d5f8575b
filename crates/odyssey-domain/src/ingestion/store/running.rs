//! Statements of an import while it runs.

use chrono::{DateTime, Utc};
use odyssey_tabular::Mode;
use odyssey_types::JobId;

use crate::db::{DbError, VendorTx};

/// Whether rows of another file of this kind, which arrived after that moment, are merged. `family` is the import of the
/// file that asks.
pub(in crate::ingestion) async fn is_overtaken(
    tx: &mut VendorTx,
    mode: Mode,
    family: JobId,
    arrived_at: DateTime<Utc>,
) -> Result<bool, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let is_overtaken = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM imports
               WHERE vendor_id = $1 AND mode = $2 AND coalesce(parent_job_id, job_id) <> $3 AND created_at > $4
                 AND records_merged > 0) AS "is_overtaken!""#,
        vendor_id,
        mode.as_str(),
        family.as_uuid(),
        arrived_at,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(is_overtaken)
}

/// What is written from here on is tried only, until [`end_trial`].
pub(in crate::ingestion) async fn begin_trial(tx: &mut VendorTx) -> Result<(), DbError> {
    sqlx::query!("SAVEPOINT trial").execute(tx.connection()).await?;
    Ok(())
}

/// Takes back what was tried.
pub(in crate::ingestion) async fn end_trial(tx: &mut VendorTx) -> Result<(), DbError> {
    sqlx::query!("ROLLBACK TO SAVEPOINT trial").execute(tx.connection()).await?;
    sqlx::query!("RELEASE SAVEPOINT trial").execute(tx.connection()).await?;
    Ok(())
}

/// Notes how far the file is read.
pub(in crate::ingestion) async fn note_reading(
    tx: &mut VendorTx,
    job_id: JobId,
    bytes_read: u64,
    rows_read: u64,
) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "UPDATE imports SET bytes_read = $3, rows_read = $4 WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
        bytes_read.cast_signed(),
        rows_read.cast_signed(),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
