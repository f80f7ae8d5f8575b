//! All SQL on `outbox`.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::db::{DbError, SystemTx, VendorTx};

pub(super) async fn insert_event(
    tx: &mut VendorTx,
    event: &'static str,
    payload: Value,
) -> Result<(), DbError> {
    let now = tx.now();
    let (vendor_id, id) = (tx.vendor_id().as_uuid(), odyssey_types::AuditEventId::generate(now).as_uuid());
    sqlx::query!(
        "INSERT INTO outbox (vendor_id, id, event, payload, created_at) VALUES ($1, $2, $3, $4, $5)",
        vendor_id,
        id,
        event,
        payload,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Oldest first, but for those of the vendors in `kept`.
pub(super) async fn delete_events(
    tx: &mut SystemTx,
    before: DateTime<Utc>,
    kept: &[Uuid],
    most: i64,
) -> Result<u64, DbError> {
    let done = sqlx::query!(
        "WITH old AS (
             SELECT vendor_id, id FROM outbox
             WHERE created_at < $1 AND vendor_id <> ALL ($2)
             ORDER BY created_at
             LIMIT $3
         )
         DELETE FROM outbox o USING old WHERE o.vendor_id = old.vendor_id AND o.id = old.id",
        before,
        kept,
        most,
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected())
}
