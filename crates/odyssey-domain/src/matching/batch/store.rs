//! All SQL on `match_batches` and `match_batch_parts`. The answers pass here sealed.

use chrono::{DateTime, Utc};
use odyssey_types::{CustomerId, JobId};
use uuid::Uuid;

use crate::db::{DbError, SystemTx, VendorTx};
use crate::matching::MatchQuery;

/// A batch as stored.
#[derive(Debug)]
pub(super) struct BatchRow {
    pub query: MatchQuery,
    /// Whom, ascending; `None`: everybody.
    pub customers: Option<Vec<CustomerId>>,
    pub last_customer: Option<CustomerId>,
    pub part_count: i32,
    pub customers_done: i64,
    /// Counted with the first part.
    pub customers_total: Option<i64>,
    pub finished: bool,
}

/// A part as it is written.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub number: i32,
    pub last: CustomerId,
    pub lines_sealed: &'a [u8],
    /// Customers answered with it, and of how many.
    pub done: i64,
    pub total: i64,
}

pub(super) async fn insert_batch(
    tx: &mut VendorTx,
    job_id: JobId,
    query: &MatchQuery,
    customers: Option<&[CustomerId]>,
) -> Result<(), DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let query = serde_json::to_value(query)
        .map_err(|error| DbError::inconsistent(format!("a query cannot be written as JSON: {error}")))?;
    let customers: Option<Vec<Uuid>> = customers.map(|ids| ids.iter().map(|id| id.as_uuid()).collect());
    sqlx::query!(
        "INSERT INTO match_batches (vendor_id, job_id, query, customers, created_at) VALUES ($1, $2, $3, $4, $5)",
        vendor_id,
        job_id.as_uuid(),
        query,
        customers.as_deref(),
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn find_batch(tx: &mut VendorTx, job_id: JobId) -> Result<Option<BatchRow>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = sqlx::query!(
        "SELECT query, customers, last_customer, part_count, customers_done, customers_total, finished_at
         FROM match_batches WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(BatchRow {
        query: serde_json::from_value(row.query)
            .map_err(|_| DbError::inconsistent(format!("the query of batch {job_id} cannot be read")))?,
        customers: row.customers.map(|ids| ids.into_iter().map(CustomerId::from_uuid).collect()),
        last_customer: row.last_customer.map(CustomerId::from_uuid),
        part_count: row.part_count,
        customers_done: row.customers_done,
        customers_total: row.customers_total,
        finished: row.finished_at.is_some(),
    }))
}

/// Writes a part and moves the place where the next one begins.
pub(super) async fn insert_part(tx: &mut VendorTx, job_id: JobId, part: Part<'_>) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "INSERT INTO match_batch_parts (vendor_id, job_id, part, lines_sealed) VALUES ($1, $2, $3, $4)",
        vendor_id,
        job_id.as_uuid(),
        part.number,
        part.lines_sealed,
    )
    .execute(tx.connection())
    .await?;
    sqlx::query!(
        "UPDATE match_batches SET last_customer = $3, part_count = $4, customers_done = $5, customers_total = $6
         WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
        part.last.as_uuid(),
        part.number + 1,
        part.done,
        part.total,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn finish_batch(tx: &mut VendorTx, job_id: JobId) -> Result<(), DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!(
        "UPDATE match_batches SET finished_at = $3 WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
        now,
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
        "SELECT lines_sealed FROM match_batch_parts WHERE vendor_id = $1 AND job_id = $2 AND part = $3",
        vendor_id,
        job_id.as_uuid(),
        part,
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(sealed)
}

/// Deletes what is older, but for the vendors that are held.
pub(super) async fn purge_before(
    tx: &mut SystemTx,
    before: DateTime<Utc>,
    held: &[Uuid],
) -> Result<u64, DbError> {
    let parts = sqlx::query!(
        "DELETE FROM match_batch_parts p USING match_batches b
         WHERE b.vendor_id = p.vendor_id AND b.job_id = p.job_id AND b.created_at < $1 AND b.vendor_id <> ALL ($2)",
        before,
        held,
    )
    .execute(tx.connection())
    .await?;
    let batches = sqlx::query!(
        "DELETE FROM match_batches WHERE created_at < $1 AND vendor_id <> ALL ($2)",
        before,
        held
    )
    .execute(tx.connection())
    .await?;
    Ok(parts.rows_affected() + batches.rows_affected())
}

/// Those of the given jobs that are batches which are still kept.
pub(super) async fn kept_batches(tx: &mut VendorTx, jobs: &[Uuid]) -> Result<Vec<Uuid>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let kept = sqlx::query_scalar!(
        "SELECT job_id FROM match_batches WHERE vendor_id = $1 AND job_id = ANY ($2)",
        vendor_id,
        jobs,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(kept)
}

pub(super) async fn delete_batches(tx: &mut VendorTx, jobs: &[Uuid]) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!("DELETE FROM match_batch_parts WHERE vendor_id = $1 AND job_id = ANY ($2)", vendor_id, jobs)
        .execute(tx.connection())
        .await?;
    sqlx::query!("DELETE FROM match_batches WHERE vendor_id = $1 AND job_id = ANY ($2)", vendor_id, jobs)
        .execute(tx.connection())
        .await?;
    Ok(())
}
