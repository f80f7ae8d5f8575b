//! All SQL on former versions of products.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use odyssey_types::{JobId, ProductId};
use uuid::Uuid;

use crate::catalog::store::{ProductRow, to_products};
use crate::catalog::{CatalogError, Product};
use crate::db::{Database, DbError, SystemTx, VendorTx};
use crate::retention::Holds;

/// Versions deleted in one transaction.
const VERSIONS_A_TURN: i64 = 10_000;

/// Keeps the rows of the given products as they stand, which are about to change.
pub(in crate::catalog) async fn keep_versions(
    tx: &mut VendorTx,
    ids: &[ProductId],
    job_id: Option<JobId>,
) -> Result<(), CatalogError> {
    if ids.is_empty() {
        return Ok(());
    }
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    sqlx::query!(
        "INSERT INTO product_versions (vendor_id, product_id, row_version, replaced_at, job_id, former)
         SELECT $1, p.id, p.row_version, $3, $4, to_jsonb(p) - ARRAY['vendor_id', 'id']
         FROM products p WHERE p.vendor_id = $1 AND p.id = ANY($2)",
        vendor_id,
        &ids,
        now,
        job_id.map(JobId::as_uuid),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// One column list for the statements that read rows as they were.
macro_rules! former {
    ($tail:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            ProductRow,
            r#"SELECT v.product_id AS id, p.external_id AS "external_id!", p.gtin, p.name, p.brand, p.description, p.category_id,
                    p.sub_category_id, p.cuisine, p.market, p.price::text AS price, p.currency, p.status AS "status!",
                    p.ingredients, p.nutrition, p.serving_size, p.package_weight_mg, p.package_text, p.dietary_tags,
                    p.allergens, p.certifications, p.regulatory_codes, p.images, p.source_url,
                    p.label_jurisdiction AS "label_jurisdiction!", p.label_as_of, p.allergen_data AS "allergen_data!",
                    p.attestation, p.lineage AS "lineage!", v.row_version, p.created_at AS "created_at!",
                    p.updated_at AS "updated_at!", p.edited_at, p.deleted_at
             FROM product_versions v CROSS JOIN LATERAL jsonb_populate_record(NULL::odyssey.products, v.former) p "# + $tail,
            $($argument),+
        )
    };
}

/// Former rows of a product up to a version, newest first.
pub(super) async fn former_versions(
    tx: &mut VendorTx,
    id: ProductId,
    upto: i64,
    most: i64,
) -> Result<Vec<Product>, CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = former!(
        "WHERE v.vendor_id = $1 AND v.product_id = $2 AND v.row_version <= $3 ORDER BY v.row_version DESC LIMIT $4",
        vendor_id,
        id.as_uuid(),
        upto,
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    to_products(rows)
}

/// A product that an import changed, as it was before.
#[derive(Debug, Clone)]
pub struct Replaced {
    pub former: Product,
    /// The row of a file that it came from; empty for none.
    pub source_hash: Vec<u8>,
    pub source_mapping: Vec<u8>,
}

/// Products that an import changed, as they were, by id behind `after`.
pub async fn replaced_by_import(
    tx: &mut VendorTx,
    job_id: JobId,
    after: Option<ProductId>,
    most: i64,
) -> Result<Vec<Replaced>, CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids = sqlx::query_scalar!(
        "SELECT product_id FROM product_versions
         WHERE vendor_id = $1 AND job_id = $2 AND ($3::uuid IS NULL OR product_id > $3)
         ORDER BY product_id LIMIT $4",
        vendor_id,
        job_id.as_uuid(),
        after.map(ProductId::as_uuid),
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    let ids: Vec<ProductId> = ids.into_iter().map(ProductId::from_uuid).collect();
    replaced_products(tx, job_id, &ids).await
}

/// Those of the given products that an import changed, as they were, by id.
pub async fn replaced_products(
    tx: &mut VendorTx,
    job_id: JobId,
    ids: &[ProductId],
) -> Result<Vec<Replaced>, CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = former!(
        "WHERE v.vendor_id = $1 AND v.job_id = $2 AND v.product_id = ANY($3) ORDER BY v.product_id",
        vendor_id,
        job_id.as_uuid(),
        &ids,
    )
    .fetch_all(tx.connection())
    .await?;
    let former = to_products(rows)?;
    let sources = sqlx::query!(
        r#"SELECT v.product_id, coalesce(p.source_hash, '') AS "hash!", coalesce(p.source_mapping, '') AS "mapping!"
           FROM product_versions v CROSS JOIN LATERAL jsonb_populate_record(NULL::odyssey.products, v.former) p
           WHERE v.vendor_id = $1 AND v.job_id = $2 AND v.product_id = ANY($3)"#,
        vendor_id,
        job_id.as_uuid(),
        &ids,
    )
    .fetch_all(tx.connection())
    .await?;
    let mut sources: HashMap<Uuid, (Vec<u8>, Vec<u8>)> =
        sources.into_iter().map(|row| (row.product_id, (row.hash, row.mapping))).collect();
    let with_source = |former: Product| {
        let (source_hash, source_mapping) = sources.remove(&former.id.as_uuid()).unwrap_or_default();
        Replaced { former, source_hash, source_mapping }
    };
    Ok(former.into_iter().map(with_source).collect())
}

/// A product that an import made.
#[derive(Debug)]
pub struct Made {
    pub id: ProductId,
    pub external_id: String,
    pub row_version: i64,
}

/// Products that an import made and that stand as it made them, by id behind `after`: nothing has changed them since, or
/// what did was undone.
pub async fn untouched_since_import(
    tx: &mut VendorTx,
    job_id: JobId,
    after: Option<ProductId>,
    most: i64,
) -> Result<Vec<Made>, CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        "SELECT id, external_id, row_version FROM products p
         WHERE vendor_id = $1 AND deleted_at IS NULL AND ($3::uuid IS NULL OR id > $3)
           AND (row_version = 1 AND lineage->>'source' = 'import' AND lineage->>'job_id' = $2
                OR lineage->>'restored_job_id' = $2
                   AND NOT EXISTS (SELECT FROM product_versions v
                                   WHERE v.vendor_id = $1 AND v.product_id = p.id AND v.job_id = $5))
         ORDER BY id LIMIT $4",
        vendor_id,
        job_id.to_string(),
        after.map(ProductId::as_uuid),
        most,
        job_id.as_uuid(),
    )
    .fetch_all(tx.connection())
    .await?;
    let made = |id: Uuid, external_id, row_version| Made { id: id.into(), external_id, row_version };
    Ok(rows.into_iter().map(|row| made(row.id, row.external_id, row.row_version)).collect())
}

/// Deletes versions that were replaced longer ago than they are kept; says how many.
pub async fn purge_versions(database: &Database, kept: TimeDelta) -> Result<u64, DbError> {
    let mut deleted = 0;
    loop {
        let mut tx = SystemTx::begin(database).await?;
        let holds = Holds::read(&mut tx).await?;
        if holds.cover_everything() {
            tx.roll_back().await?;
            return Ok(deleted);
        }
        let before: DateTime<Utc> = tx.now() - kept;
        let turn = sqlx::query!(
            "DELETE FROM product_versions v USING (
                 SELECT vendor_id, product_id, row_version FROM product_versions
                 WHERE replaced_at < $1 AND vendor_id <> ALL ($2) LIMIT $3) gone
             WHERE v.vendor_id = gone.vendor_id AND v.product_id = gone.product_id AND v.row_version = gone.row_version",
            before,
            holds.vendors(),
            VERSIONS_A_TURN,
        )
        .execute(tx.connection())
        .await?
        .rows_affected();
        tx.commit().await?;
        if turn == 0 {
            return Ok(deleted);
        }
        deleted += turn;
    }
}
