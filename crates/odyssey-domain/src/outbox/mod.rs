//! The outbox: events leave the platform from here, after the commit that caused them.
//!
//! Owns: `outbox`. Promises: an event exists exactly when its change does. Emits: events for webhooks.
//! Never: carries anything personal; ids, codes and counts only.

use serde_json::Value;

use crate::db::{DbError, VendorTx};

/// Writes an event into the transaction of the change.
pub async fn emit(tx: &mut VendorTx, event: &'static str, payload: Value) -> Result<(), DbError> {
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
