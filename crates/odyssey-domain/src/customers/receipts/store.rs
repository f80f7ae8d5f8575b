//! All SQL on `receipts`. They pass here sealed.

use chrono::{DateTime, Utc};
use odyssey_types::{CustomerId, ReceiptId};
use uuid::Uuid;

use crate::customers::CustomerError;
use crate::db::{DbError, SystemTx, VendorTx};

/// A receipt as stored.
#[derive(Debug)]
pub(super) struct ReceiptRow {
    pub customer_id: CustomerId,
    pub sealed: Vec<u8>,
    pub created_at: DateTime<Utc>,
}

pub(super) async fn insert_receipt(
    tx: &mut VendorTx,
    id: ReceiptId,
    customer_id: CustomerId,
    sealed: &[u8],
    expires_at: DateTime<Utc>,
) -> Result<(), CustomerError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let created_by = tx.actor().user_id.map(odyssey_types::UserId::as_uuid);
    sqlx::query!(
        "INSERT INTO receipts (vendor_id, id, customer_id, receipt_sealed, created_by, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        vendor_id,
        id.as_uuid(),
        customer_id.as_uuid(),
        sealed,
        created_by,
        now,
        expires_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn find_receipt(
    tx: &mut VendorTx,
    id: ReceiptId,
) -> Result<Option<ReceiptRow>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = sqlx::query!(
        "SELECT customer_id, receipt_sealed, created_at FROM receipts WHERE vendor_id = $1 AND id = $2",
        vendor_id,
        id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| ReceiptRow {
        customer_id: row.customer_id.into(),
        sealed: row.receipt_sealed,
        created_at: row.created_at,
    }))
}

/// Deletes what has expired, but for the vendors that are held.
pub(super) async fn purge_expired(
    tx: &mut SystemTx,
    now: DateTime<Utc>,
    held: &[Uuid],
) -> Result<u64, DbError> {
    let done =
        sqlx::query!("DELETE FROM receipts WHERE expires_at <= $1 AND vendor_id <> ALL ($2)", now, held)
            .execute(tx.connection())
            .await?;
    Ok(done.rows_affected())
}
