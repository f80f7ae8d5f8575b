//! All SQL on `safety_regressions`. The customers pass here sealed.

use chrono::{DateTime, Utc};
use odyssey_types::{ProductId, RegressionId};
use uuid::Uuid;

use crate::db::{DbError, SystemTx, VendorTx};

/// A change of a label by which somebody lost a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegressionRow {
    pub id: RegressionId,
    pub product_id: ProductId,
    /// The catalog version at which it was found.
    pub catalog_version: i64,
    /// Customers it fitted and conflicts with now. Small cells are whoever shows them to suppress.
    pub conflict_count: i64,
    /// Customers it fitted and who can no longer be told.
    pub unverified_count: i64,
    pub detected_at: DateTime<Utc>,
}

struct Row {
    id: Uuid,
    product_id: Uuid,
    catalog_version: i64,
    conflict_count: i64,
    unverified_count: i64,
    detected_at: DateTime<Utc>,
}

/// What is written of one.
pub(super) struct NewRegression {
    pub id: RegressionId,
    pub product_id: ProductId,
    pub catalog_version: i64,
    pub conflict_count: i64,
    pub unverified_count: i64,
}

pub(super) async fn insert_regression(
    tx: &mut VendorTx,
    row: &NewRegression,
    customers_sealed: &[u8],
) -> Result<(), DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!(
        "INSERT INTO safety_regressions (vendor_id, id, product_id, catalog_version, conflict_count, unverified_count,
                                         customers_sealed, detected_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        vendor_id,
        row.id.as_uuid(),
        row.product_id.as_uuid(),
        row.catalog_version,
        row.conflict_count,
        row.unverified_count,
        customers_sealed,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn list_regressions(
    tx: &mut VendorTx,
    product_id: Option<ProductId>,
    before: Option<RegressionId>,
    most: i64,
) -> Result<Vec<RegressionRow>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, product_id, catalog_version, conflict_count, unverified_count, detected_at
         FROM safety_regressions
         WHERE vendor_id = $1 AND ($2::uuid IS NULL OR product_id = $2) AND ($3::uuid IS NULL OR id < $3)
         ORDER BY id DESC
         LIMIT $4",
        vendor_id,
        product_id.map(ProductId::as_uuid),
        before.map(RegressionId::as_uuid),
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    let regression = |row: Row| RegressionRow {
        id: row.id.into(),
        product_id: row.product_id.into(),
        catalog_version: row.catalog_version,
        conflict_count: row.conflict_count,
        unverified_count: row.unverified_count,
        detected_at: row.detected_at,
    };
    Ok(rows.into_iter().map(regression).collect())
}

pub(super) async fn find_customers(tx: &mut VendorTx, id: RegressionId) -> Result<Option<Vec<u8>>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let sealed = sqlx::query_scalar!(
        "SELECT customers_sealed FROM safety_regressions WHERE vendor_id = $1 AND id = $2",
        vendor_id,
        id.as_uuid(),
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
    let done = sqlx::query!(
        "DELETE FROM safety_regressions WHERE detected_at < $1 AND vendor_id <> ALL ($2)",
        before,
        held,
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected())
}
