//! All SQL on `label_changes`.

use chrono::{DateTime, Utc};
use odyssey_types::ProductId;
use serde_json::Value;
use uuid::Uuid;

use crate::catalog::CatalogError;
use crate::db::VendorTx;

/// Product, former label, holds, when it changed last.
pub(super) type FormerRow = (Uuid, Value, Value, DateTime<Utc>);

/// The oldest label that was not judged stays; only the time of the change and what it waits for move on.
pub(super) async fn insert_former(
    tx: &mut VendorTx,
    ids: &[ProductId],
    former: &[Value],
    holds: &[Value],
    away: &[bool],
) -> Result<(), CatalogError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    sqlx::query!(
        "INSERT INTO label_changes AS c (vendor_id, product_id, former, holds, changed_at, state)
         SELECT $1, r.product_id, r.former, r.holds, $5, CASE WHEN r.away THEN 'away' ELSE 'changed' END
         FROM unnest($2::uuid[], $3::jsonb[], $4::jsonb[], $6::bool[]) AS r (product_id, former, holds, away)
         ORDER BY r.product_id
         ON CONFLICT (vendor_id, product_id)
         DO UPDATE SET changed_at = excluded.changed_at, state = excluded.state",
        vendor_id,
        &ids,
        former,
        holds,
        now,
        away,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// These are offered again; returns how many of them have a former label to be judged by.
pub(super) async fn call_back(tx: &mut VendorTx, ids: &[ProductId]) -> Result<u64, CatalogError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let called = sqlx::query!(
        "UPDATE label_changes SET state = 'changed', changed_at = $3 WHERE vendor_id = $1 AND product_id = ANY ($2)",
        vendor_id,
        &ids,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(called.rows_affected())
}

/// Judged, and kept: the next change is compared with the same label.
pub(super) async fn mark_unsure(
    tx: &mut VendorTx,
    judged: &[(ProductId, DateTime<Utc>)],
) -> Result<(), CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let (ids, times): (Vec<Uuid>, Vec<DateTime<Utc>>) =
        judged.iter().map(|(id, changed_at)| (id.as_uuid(), *changed_at)).unzip();
    sqlx::query!(
        "UPDATE label_changes c SET state = 'unsure'
         FROM unnest($2::uuid[], $3::timestamptz[]) AS j (product_id, changed_at)
         WHERE c.vendor_id = $1 AND c.product_id = j.product_id AND c.changed_at = j.changed_at",
        vendor_id,
        &ids,
        &times,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Until the transaction ends, nobody else judges labels of this vendor. Rows are not locked: whoever writes products
/// would wait for the judgement.
pub(super) async fn lock_judgement(tx: &mut VendorTx) -> Result<(), CatalogError> {
    let vendor_id = tx.vendor_id().to_string();
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('odyssey.label_changes.' || $1, 0))",
        vendor_id,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn find_former(tx: &mut VendorTx, most: i64) -> Result<Vec<FormerRow>, CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        "SELECT product_id, former, holds, changed_at FROM label_changes
         WHERE vendor_id = $1 AND state = 'changed' ORDER BY product_id LIMIT $2",
        vendor_id,
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| (row.product_id, row.former, row.holds, row.changed_at)).collect())
}

/// Deletes what was judged as of these changes; what has changed again stays.
pub(super) async fn delete_judged(
    tx: &mut VendorTx,
    judged: &[(ProductId, DateTime<Utc>)],
) -> Result<(), CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = judged.iter().map(|(id, _)| id.as_uuid()).collect();
    let ats: Vec<DateTime<Utc>> = judged.iter().map(|(_, at)| *at).collect();
    sqlx::query!(
        "DELETE FROM label_changes c USING unnest($2::uuid[], $3::timestamptz[]) AS r (product_id, changed_at)
         WHERE c.vendor_id = $1 AND c.product_id = r.product_id AND c.changed_at = r.changed_at",
        vendor_id,
        &ids,
        &ats,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
