//! Statements on `customer_merges`.

use std::collections::{HashMap, HashSet};

use odyssey_types::{CustomerId, UserId};
use uuid::Uuid;

use super::super::CustomerError;
use crate::db::VendorTx;

/// Notes that a customer went into another.
pub(super) async fn insert_merge(
    tx: &mut VendorTx,
    merged: CustomerId,
    into: CustomerId,
) -> Result<(), CustomerError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let merged_by = tx.actor().user_id.map(UserId::as_uuid);
    sqlx::query!(
        "INSERT INTO customer_merges (vendor_id, merged_id, into_id, merged_by, merged_at) VALUES ($1, $2, $3, $4, $5)",
        vendor_id,
        merged.as_uuid(),
        into.as_uuid(),
        merged_by,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Whom each of the given customers went into, of those who went and are somebody else now.
pub(super) async fn find_merges(
    tx: &mut VendorTx,
    ids: &[CustomerId],
) -> Result<HashMap<CustomerId, CustomerId>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = sqlx::query!(
        "SELECT merged_id, into_id FROM customer_merges
         WHERE vendor_id = $1 AND merged_id = ANY ($2) AND standing = 'merged'",
        vendor_id,
        &ids,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| (row.merged_id.into(), row.into_id.into())).collect())
}

/// Everybody who went into a customer, and into those, and so on.
pub(super) async fn find_merged_into(
    tx: &mut VendorTx,
    id: CustomerId,
) -> Result<Vec<CustomerId>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids = sqlx::query_scalar!(
        r#"WITH RECURSIVE gone AS (
               SELECT merged_id FROM customer_merges WHERE vendor_id = $1 AND into_id = $2
               UNION
               SELECT m.merged_id FROM customer_merges m JOIN gone g ON m.into_id = g.merged_id WHERE m.vendor_id = $1
           )
           SELECT merged_id AS "merged_id!" FROM gone"#,
        vendor_id,
        id.as_uuid(),
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(ids.into_iter().map(CustomerId::from_uuid).collect())
}

/// Those of the given customers who took in another one and still hold what came of it.
pub(super) async fn find_absorbing(
    tx: &mut VendorTx,
    ids: &[CustomerId],
) -> Result<HashSet<CustomerId>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let found = sqlx::query_scalar!(
        "SELECT DISTINCT into_id FROM customer_merges
         WHERE vendor_id = $1 AND into_id = ANY ($2) AND standing IN ('merged', 'erased')",
        vendor_id,
        &ids,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(found.into_iter().map(CustomerId::from_uuid).collect())
}

/// Ends the merges into customers that are deleted, and into those that went into them. One that is deleted because
/// it goes into another itself takes along who went into it.
pub(super) async fn end_merges(tx: &mut VendorTx, deleted: &[CustomerId]) -> Result<(), CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = deleted.iter().map(|id| id.as_uuid()).collect();
    sqlx::query!(
        "WITH RECURSIVE gone AS (
             SELECT m.merged_id FROM customer_merges m
             WHERE m.vendor_id = $1 AND m.into_id = ANY ($2)
               AND NOT EXISTS (SELECT FROM customer_merges k
                               WHERE k.vendor_id = $1 AND k.merged_id = m.into_id AND k.standing = 'merged')
             UNION
             SELECT m.merged_id FROM customer_merges m JOIN gone g ON m.into_id = g.merged_id WHERE m.vendor_id = $1
         )
         UPDATE customer_merges SET standing = 'ended'
         WHERE vendor_id = $1 AND merged_id IN (SELECT merged_id FROM gone)",
        vendor_id,
        &ids,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Forgets that customers went into others: somebody new has their external ids.
pub(super) async fn delete_merges_of(tx: &mut VendorTx, merged: &[CustomerId]) -> Result<(), CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = merged.iter().map(|id| id.as_uuid()).collect();
    sqlx::query!(
        "DELETE FROM customer_merges WHERE vendor_id = $1 AND merged_id = ANY ($2)",
        vendor_id,
        &ids
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Forgets the merges into customers of whom nothing is left. Where only the one that went was erased, what came of it
/// still stands in the other.
pub(super) async fn erase_merges(tx: &mut VendorTx, erased: &[CustomerId]) -> Result<(), CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = erased.iter().map(|id| id.as_uuid()).collect();
    sqlx::query!("DELETE FROM customer_merges WHERE vendor_id = $1 AND into_id = ANY ($2)", vendor_id, &ids)
        .execute(tx.connection())
        .await?;
    sqlx::query!(
        "UPDATE customer_merges SET standing = 'erased'
         WHERE vendor_id = $1 AND merged_id = ANY ($2) AND standing = 'merged'",
        vendor_id,
        &ids,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
