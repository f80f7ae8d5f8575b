//! All SQL on `legal_holds`.

use odyssey_types::VendorId;
use uuid::Uuid;

use super::LegalHold;
use crate::db::{DbError, SystemTx};

/// The vendors under a hold that lasts; the nil id where everything is.
pub(super) async fn held_vendors(tx: &mut SystemTx) -> Result<Vec<Uuid>, DbError> {
    let held = sqlx::query_scalar!(
        "SELECT DISTINCT vendor_id FROM legal_holds WHERE lifted_at IS NULL ORDER BY vendor_id"
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(held)
}

pub(super) async fn insert_hold(tx: &mut SystemTx, hold: &LegalHold) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO legal_holds (vendor_id, id, reason, placed_at) VALUES ($1, $2, $3, $4)",
        hold.vendor_id.map_or_else(Uuid::nil, VendorId::as_uuid),
        hold.id,
        hold.reason,
        hold.placed_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Whose hold was lifted; `None` where none of this id lasts.
pub(super) async fn lift_hold(tx: &mut SystemTx, id: Uuid) -> Result<Option<Option<VendorId>>, DbError> {
    let now = tx.now();
    let vendor_id = sqlx::query_scalar!(
        "UPDATE legal_holds SET lifted_at = $2 WHERE id = $1 AND lifted_at IS NULL RETURNING vendor_id",
        id,
        now,
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(vendor_id.map(vendor_of))
}

pub(super) async fn list_holds(tx: &mut SystemTx) -> Result<Vec<LegalHold>, DbError> {
    let rows = sqlx::query!(
        "SELECT vendor_id, id, reason, placed_at, lifted_at FROM legal_holds ORDER BY placed_at DESC, id DESC"
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| LegalHold {
            id: row.id,
            vendor_id: vendor_of(row.vendor_id),
            reason: row.reason,
            placed_at: row.placed_at,
            lifted_at: row.lifted_at,
        })
        .collect())
}

fn vendor_of(id: Uuid) -> Option<VendorId> {
    (!id.is_nil()).then(|| VendorId::from_uuid(id))
}
