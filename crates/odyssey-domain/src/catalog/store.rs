//! All SQL on the catalog's tables.

use chrono::{DateTime, NaiveDate, Utc};
use odyssey_types::{AllergenData, Fixed, Gtin, Jurisdiction, ProductFields, ProductId, ProductStatus};
use serde_json::Value;
use uuid::Uuid;

use super::exporting::ProductsToExport;
use super::facts::{FactsRecord, FactsRow};
use super::list::Position;
use super::records::{DocumentRecord, ProductRecord};
use super::{Attestation, CatalogError, Product, ProductQuery, ProductSort, StoredFacts};
use crate::db::{DbError, VendorTx};

/// A row of `products`, whole.
#[derive(Debug)]
pub(super) struct ProductRow {
    pub id: Uuid,
    pub external_id: String,
    pub gtin: Option<String>,
    pub name: Option<String>,
    pub brand: Option<String>,
    pub description: Option<String>,
    pub category_id: Option<String>,
    pub sub_category_id: Option<String>,
    pub cuisine: Option<String>,
    pub market: Option<String>,
    pub price: Option<String>,
    pub currency: Option<String>,
    pub status: String,
    pub ingredients: Option<String>,
    pub nutrition: Option<Value>,
    pub serving_size: Option<Value>,
    pub package_weight_mg: Option<i64>,
    pub package_text: Option<String>,
    pub dietary_tags: Option<Vec<String>>,
    pub allergens: Option<Value>,
    pub certifications: Option<Vec<String>>,
    pub regulatory_codes: Option<Vec<String>>,
    pub images: Option<Vec<String>>,
    pub source_url: Option<String>,
    pub label_jurisdiction: String,
    pub label_as_of: Option<NaiveDate>,
    pub allergen_data: String,
    pub attestation: Option<Value>,
    pub lineage: Value,
    pub row_version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub edited_at: Option<DateTime<Utc>>,
    pub deleted_at: Option<DateTime<Utc>>,
}

impl TryFrom<ProductRow> for Product {
    type Error = DbError;

    fn try_from(row: ProductRow) -> Result<Self, DbError> {
        let id = row.id;
        let broken = |what: &str| DbError::inconsistent(format!("product {id} has an unreadable {what}"));
        let gtin = row.gtin.map(|gtin| Gtin::parse(&gtin).map_err(|_| broken("gtin"))).transpose()?;
        Ok(Self {
            id: id.into(),
            external_id: row.external_id,
            fields: ProductFields {
                gtin,
                name: row.name,
                brand: row.brand,
                description: row.description,
                category_id: row.category_id,
                sub_category_id: row.sub_category_id,
                cuisine: row.cuisine,
                market: row.market,
                price: row.price,
                currency: row.currency,
                status: ProductStatus::parse(&row.status).ok_or_else(|| broken("status"))?,
                ingredients: row.ingredients,
                nutrition: read(row.nutrition).map_err(|_| broken("nutrition"))?,
                serving_size: read(row.serving_size).map_err(|_| broken("serving size"))?,
                package_weight_g: row.package_weight_mg.map(Fixed),
                package_text: row.package_text,
                dietary_tags: row.dietary_tags,
                allergens: read(row.allergens).map_err(|_| broken("allergen declaration"))?,
                certifications: row.certifications,
                regulatory_codes: row.regulatory_codes,
                images: row.images,
                source_url: row.source_url,
                label_jurisdiction: Jurisdiction::parse(&row.label_jurisdiction)
                    .ok_or_else(|| broken("jurisdiction"))?,
                label_as_of: row.label_as_of,
                allergen_data: AllergenData::parse(&row.allergen_data)
                    .ok_or_else(|| broken("allergen data"))?,
            },
            attestation: read::<Attestation>(row.attestation).map_err(|_| broken("attestation"))?,
            lineage: serde_json::from_value(row.lineage).map_err(|_| broken("lineage"))?,
            row_version: row.row_version,
            created_at: row.created_at,
            updated_at: row.updated_at,
            edited_at: row.edited_at,
            deleted_at: row.deleted_at,
        })
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Option<Value>) -> Result<Option<T>, serde_json::Error> {
    value.map(serde_json::from_value).transpose()
}

pub(super) fn to_products(rows: Vec<ProductRow>) -> Result<Vec<Product>, CatalogError> {
    Ok(rows.into_iter().map(Product::try_from).collect::<Result<_, DbError>>()?)
}

/// One column list for every statement that reads whole products.
macro_rules! products {
    ($tail:literal, $($argument:expr),+ $(,)?) => {
        products!(from "FROM products p ", $tail, $($argument),+)
    };
    (from $from:literal, $tail:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            ProductRow,
            "SELECT id, external_id, gtin, name, brand, description, category_id, sub_category_id, cuisine, market,
                    price::text AS price, currency, status, ingredients, nutrition, serving_size, package_weight_mg,
                    package_text, dietary_tags, allergens, certifications, regulatory_codes, images, source_url,
                    label_jurisdiction, label_as_of, allergen_data, attestation, lineage, row_version, created_at,
                    updated_at, edited_at, deleted_at " + $from + $tail,
            $($argument),+
        )
    };
}

/// The given products, deleted ones too.
pub(super) async fn find_products(
    tx: &mut VendorTx,
    ids: &[ProductId],
) -> Result<Vec<Product>, CatalogError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = products!("WHERE vendor_id = $1 AND id = ANY($2)", vendor_id, &ids)
        .fetch_all(tx.connection())
        .await?;
    to_products(rows)
}

/// The given products with their rows locked, in the order of their ids: every writer locks in that
/// order, so writers wait for each other and never deadlock. Each is looked up by its key in the one leaf that may
/// have it: a list of ids would be probed, or scanned for, in every leaf.
pub(super) async fn lock_products(
    tx: &mut VendorTx,
    ids: &[ProductId],
) -> Result<Vec<Product>, CatalogError> {
    let mut ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    ids.sort_unstable();
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = products!(
        from
        "FROM unnest($2::uuid[]) AS wanted (wanted_id)
         CROSS JOIN LATERAL (SELECT * FROM products WHERE vendor_id = $1 AND id = wanted_id OFFSET 0 FOR UPDATE) AS p",
        "",
        vendor_id,
        &ids,
    )
    .fetch_all(tx.connection())
    .await?;
    to_products(rows)
}

/// One page of the list and one more, in the query's order.
pub(super) async fn list_products(
    tx: &mut VendorTx,
    query: &ProductQuery,
    absent_keys: i64,
    after: Option<&Position>,
    most: i64,
) -> Result<Vec<Product>, CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let newest_first = query.sort != ProductSort::UpdatedAtAscending;
    // Two statements and not a CASE in ORDER BY, so that each one walks the index in its own direction.
    macro_rules! page {
        ($tail:literal) => {
            products!(
                $tail,
                vendor_id,
                query.brand,
                query.category_id,
                query.tags_any.as_deref(),
                absent_keys,
                query.updated_after,
                after.map(|p| p.updated_at),
                after.map(|p| p.id),
                most,
            )
            .fetch_all(tx.connection())
            .await?
        };
    }
    // Unknown is not no: only a plain "no" passes allergens.none.
    let rows = if newest_first {
        page!(
            "WHERE vendor_id = $1 AND deleted_at IS NULL
               AND ($2::text IS NULL OR brand = $2)
               AND ($3::text IS NULL OR category_id = $3)
               AND ($4::text[] IS NULL OR dietary_tags && $4)
               AND ($5::bigint = 0 OR EXISTS (SELECT FROM product_facts f
                                              WHERE f.vendor_id = $1 AND f.product_id = p.id AND f.absent_keys & $5 = $5))
               AND ($6::timestamptz IS NULL OR updated_at > $6)
               AND ($7::timestamptz IS NULL OR (updated_at, id) < ($7, $8::uuid))
             ORDER BY updated_at DESC, id DESC
             LIMIT $9"
        )
    } else {
        page!(
            "WHERE vendor_id = $1 AND deleted_at IS NULL
               AND ($2::text IS NULL OR brand = $2)
               AND ($3::text IS NULL OR category_id = $3)
               AND ($4::text[] IS NULL OR dietary_tags && $4)
               AND ($5::bigint = 0 OR EXISTS (SELECT FROM product_facts f
                                              WHERE f.vendor_id = $1 AND f.product_id = p.id AND f.absent_keys & $5 = $5))
               AND ($6::timestamptz IS NULL OR updated_at > $6)
               AND ($7::timestamptz IS NULL OR (updated_at, id) > ($7, $8::uuid))
             ORDER BY updated_at, id
             LIMIT $9"
        )
    };
    to_products(rows)
}

/// The next products by id, for an export.
pub(super) async fn page_by_id(
    tx: &mut VendorTx,
    of: &ProductsToExport,
    after: Option<ProductId>,
    most: i64,
) -> Result<Vec<Product>, CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = products!(
        "WHERE vendor_id = $1 AND deleted_at IS NULL
           AND ($2::text IS NULL OR brand = $2)
           AND ($3::text IS NULL OR category_id = $3)
           AND ($4::text IS NULL OR status = $4)
           AND ($5::timestamptz IS NULL OR updated_at > $5)
           AND ($6::uuid IS NULL OR id > $6)
         ORDER BY id
         LIMIT $7",
        vendor_id,
        of.brand,
        of.category_id,
        of.status.map(|status| status.as_str()),
        of.updated_after,
        after.map(ProductId::as_uuid),
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    to_products(rows)
}

/// Of the given products those that pass the list filters.
pub(super) async fn filter_products(
    tx: &mut VendorTx,
    ids: &[Uuid],
    query: &ProductQuery,
    absent_keys: i64,
) -> Result<Vec<Uuid>, CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let kept = sqlx::query_scalar!(
        r#"SELECT id FROM products p
           WHERE vendor_id = $1 AND id = ANY($2) AND deleted_at IS NULL
             AND ($3::text IS NULL OR brand = $3)
             AND ($4::text IS NULL OR category_id = $4)
             AND ($5::text[] IS NULL OR dietary_tags && $5)
             AND ($6::bigint = 0 OR EXISTS (SELECT FROM product_facts f
                                            WHERE f.vendor_id = $1 AND f.product_id = p.id AND f.absent_keys & $6 = $6))
             AND ($7::timestamptz IS NULL OR updated_at > $7)"#,
        vendor_id,
        ids,
        query.brand,
        query.category_id,
        query.tags_any.as_deref(),
        absent_keys,
        query.updated_after,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(kept)
}

/// A hit of the full-text index.
#[derive(Debug)]
pub(super) struct Hit {
    pub product_id: Uuid,
    pub rank: f32,
    pub changed_at: DateTime<Utc>,
}

pub(super) async fn search_documents(
    tx: &mut VendorTx,
    terms: &str,
    newest_first: bool,
    after: Option<(f32, DateTime<Utc>, Uuid)>,
    most: i32,
) -> Result<Vec<Hit>, CatalogError> {
    let hits = sqlx::query_as!(
        Hit,
        r#"SELECT product_id AS "product_id!", rank AS "rank!", changed_at AS "changed_at!"
           FROM odyssey.search_products($1::text::tsquery, $2, $3, $4, $5, $6)"#,
        terms,
        newest_first,
        after.map(|a| a.0),
        after.map(|a| a.1),
        after.map(|a| a.2),
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(hits)
}

/// Takes the number of a new batch.
pub(super) async fn next_batch(tx: &mut VendorTx) -> Result<i64, CatalogError> {
    let batch = sqlx::query_scalar!(r#"SELECT nextval('odyssey.catalog_batches') AS "batch!""#)
        .fetch_one(tx.connection())
        .await?;
    Ok(batch)
}

/// Inserts or overwrites whole rows; the caller has merged them. Rows must be sorted by id.
pub(super) async fn upsert_products(
    tx: &mut VendorTx,
    batch_id: i64,
    records: &[ProductRecord<'_>],
) -> Result<(), CatalogError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!(
        r#"INSERT INTO products AS p (vendor_id, id, external_id, gtin, name, brand, description, category_id, sub_category_id,
                  cuisine, market, price, currency, status, ingredients, nutrition, serving_size, package_weight_mg,
                  package_text, dietary_tags, allergens, certifications, regulatory_codes, images, source_url,
                  label_jurisdiction, label_as_of, allergen_data, attestation, lineage, source_hash, source_mapping,
                  batch_id, row_version, created_at, updated_at, edited_at, deleted_at)
           SELECT $1, r.id, r.external_id, r.gtin, r.name, r.brand, r.description, r.category_id, r.sub_category_id,
                  r.cuisine, r.market, r.price::numeric, r.currency, r.status, r.ingredients, r.nutrition,
                  r.serving_size, r.package_weight_mg, r.package_text, r.dietary_tags,
                  r.allergens, r.certifications, r.regulatory_codes, r.images, r.source_url,
                  r.label_jurisdiction, r.label_as_of, r.allergen_data, r.attestation, r.lineage,
                  r.source_hash, r.source_mapping, $3, 1, $4, $4, r.edited_at, r.deleted_at
           FROM unnest($2::odyssey.product_record[]) AS r
           ORDER BY r.id
           ON CONFLICT (vendor_id, id) DO UPDATE SET
                  gtin = excluded.gtin, name = excluded.name, brand = excluded.brand, description = excluded.description,
                  category_id = excluded.category_id, sub_category_id = excluded.sub_category_id,
                  cuisine = excluded.cuisine, market = excluded.market, price = excluded.price,
                  currency = excluded.currency, status = excluded.status, ingredients = excluded.ingredients,
                  nutrition = excluded.nutrition, serving_size = excluded.serving_size,
                  package_weight_mg = excluded.package_weight_mg, package_text = excluded.package_text,
                  dietary_tags = excluded.dietary_tags, allergens = excluded.allergens,
                  certifications = excluded.certifications, regulatory_codes = excluded.regulatory_codes,
                  images = excluded.images, source_url = excluded.source_url,
                  label_jurisdiction = excluded.label_jurisdiction, label_as_of = excluded.label_as_of,
                  allergen_data = excluded.allergen_data, attestation = excluded.attestation, lineage = excluded.lineage,
                  source_hash = coalesce(excluded.source_hash, p.source_hash),
                  source_mapping = coalesce(excluded.source_mapping, p.source_mapping),
                  batch_id = excluded.batch_id, row_version = p.row_version + 1, updated_at = excluded.updated_at,
                  edited_at = excluded.edited_at, deleted_at = excluded.deleted_at"#,
        vendor_id,
        records as _,
        batch_id,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Remembers the source row of products whose content did not change, without touching anything else.
pub(super) async fn mark_sources(
    tx: &mut VendorTx,
    marks: &[(ProductId, Vec<u8>, Vec<u8>)],
) -> Result<(), CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = marks.iter().map(|m| m.0.as_uuid()).collect();
    let hashes: Vec<Vec<u8>> = marks.iter().map(|m| m.1.clone()).collect();
    let mappings: Vec<Vec<u8>> = marks.iter().map(|m| m.2.clone()).collect();
    sqlx::query!(
        "UPDATE products p SET source_hash = m.hash, source_mapping = m.mapping
         FROM unnest($2::uuid[], $3::bytea[], $4::bytea[]) AS m (id, hash, mapping)
         WHERE p.vendor_id = $1 AND p.id = m.id AND p.id = ANY($2)",
        vendor_id,
        &ids,
        &hashes,
        &mappings,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Inserts or overwrites facts. Rows must be sorted by id.
pub(super) async fn upsert_facts(
    tx: &mut VendorTx,
    batch_id: i64,
    records: &[FactsRecord],
) -> Result<(), CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        r#"INSERT INTO product_facts (vendor_id, product_id, batch_id, deriver_version, active, brand, category_id,
                  meal_role, dietary_tags, changed_at, evidence_keys, evidence_flags, list_state, coverage_permille, container_term,
                  mandatory_keys, attested, absent_keys, diets, per_100, per_reference, reference_amount,
                  reference_source, is_volume, issues, food_kind, nutri_score, nutri_grade, nutri_estimated, uk_npm_score,
                  uk_npm_less_healthy, nova_group, claims_yes, claims_no, fda_healthy, completeness_permille,
                  quality_permille, issue_codes, price_hundredths, currency, label_as_of)
           SELECT $1, r.product_id, $3, r.deriver_version, r.active, r.brand, r.category_id, r.meal_role,
                  r.dietary_tags, r.changed_at,
                  r.evidence_keys, r.evidence_flags, r.list_state, r.coverage_permille, r.container_term,
                  r.mandatory_keys, r.attested, r.absent_keys, r.diets, r.per_100, r.per_reference, r.reference_amount,
                  r.reference_source, r.is_volume, r.issues, r.food_kind, r.nutri_score,
                  r.nutri_grade, r.nutri_estimated, r.uk_npm_score, r.uk_npm_less_healthy,
                  r.nova_group, r.claims_yes, r.claims_no, r.fda_healthy, r.completeness_permille,
                  r.quality_permille, r.issue_codes, r.price_hundredths, r.currency, r.label_as_of
           FROM unnest($2::odyssey.product_facts_record[]) AS r
           ORDER BY r.product_id
           ON CONFLICT (vendor_id, product_id) DO UPDATE SET
                  batch_id = excluded.batch_id, deriver_version = excluded.deriver_version, active = excluded.active,
                  brand = excluded.brand, category_id = excluded.category_id, meal_role = excluded.meal_role,
                  dietary_tags = excluded.dietary_tags,
                  changed_at = excluded.changed_at, evidence_keys = excluded.evidence_keys,
                  evidence_flags = excluded.evidence_flags, list_state = excluded.list_state,
                  coverage_permille = excluded.coverage_permille, container_term = excluded.container_term,
                  mandatory_keys = excluded.mandatory_keys, attested = excluded.attested,
                  absent_keys = excluded.absent_keys, diets = excluded.diets, per_100 = excluded.per_100,
                  per_reference = excluded.per_reference, reference_amount = excluded.reference_amount,
                  reference_source = excluded.reference_source, is_volume = excluded.is_volume,
                  issues = excluded.issues, food_kind = excluded.food_kind,
                  nutri_score = excluded.nutri_score, nutri_grade = excluded.nutri_grade,
                  nutri_estimated = excluded.nutri_estimated, uk_npm_score = excluded.uk_npm_score,
                  uk_npm_less_healthy = excluded.uk_npm_less_healthy,
                  nova_group = excluded.nova_group, claims_yes = excluded.claims_yes,
                  claims_no = excluded.claims_no, fda_healthy = excluded.fda_healthy,
                  completeness_permille = excluded.completeness_permille,
                  quality_permille = excluded.quality_permille, issue_codes = excluded.issue_codes,
                  price_hundredths = excluded.price_hundredths, currency = excluded.currency,
                  label_as_of = excluded.label_as_of"#,
        vendor_id,
        records as _,
        batch_id,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Inserts or overwrites documents. Rows must be sorted by id.
pub(super) async fn upsert_documents(
    tx: &mut VendorTx,
    records: &[DocumentRecord],
    changed_at: DateTime<Utc>,
) -> Result<(), CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "INSERT INTO product_documents (vendor_id, product_id, document, changed_at)
         SELECT $1, r.product_id, r.document, $3 FROM unnest($2::odyssey.product_document_record[]) AS r
         ON CONFLICT (vendor_id, product_id) DO UPDATE SET document = excluded.document, changed_at = excluded.changed_at",
        vendor_id,
        records as _,
        changed_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn delete_documents(tx: &mut VendorTx, ids: &[ProductId]) -> Result<(), CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    sqlx::query!(
        "DELETE FROM product_documents WHERE vendor_id = $1 AND product_id = ANY($2)",
        vendor_id,
        &ids
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Who holds the given barcodes. Each is looked up by the key: a plan made while the leaf was small would go on scanning
/// it for a list of them while an import makes it large.
pub(super) async fn find_barcodes(
    tx: &mut VendorTx,
    gtins: &[String],
) -> Result<Vec<(String, ProductId)>, CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        "SELECT held.gtin, held.product_id
         FROM unnest($2::text[]) AS wanted (wanted_gtin)
         CROSS JOIN LATERAL (SELECT gtin, product_id FROM product_barcodes
                             WHERE vendor_id = $1 AND gtin = wanted_gtin OFFSET 0) AS held",
        vendor_id,
        gtins,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| (row.gtin, row.product_id.into())).collect())
}

/// Gives up the barcodes of the given products, then claims the new ones: deletes before inserts, so
/// that a code can move within one transaction.
pub(super) async fn move_barcodes(
    tx: &mut VendorTx,
    given_up_by: &[ProductId],
    claimed: &[(String, ProductId)],
) -> Result<(), CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    if !given_up_by.is_empty() {
        let ids: Vec<Uuid> = given_up_by.iter().map(|id| id.as_uuid()).collect();
        sqlx::query!(
            "DELETE FROM product_barcodes WHERE vendor_id = $1 AND product_id = ANY($2)",
            vendor_id,
            &ids
        )
        .execute(tx.connection())
        .await?;
    }
    if claimed.is_empty() {
        return Ok(());
    }
    let gtins: Vec<String> = claimed.iter().map(|c| c.0.clone()).collect();
    let owners: Vec<Uuid> = claimed.iter().map(|c| c.1.as_uuid()).collect();
    sqlx::query!(
        "INSERT INTO product_barcodes (vendor_id, gtin, product_id)
         SELECT $1, c.gtin, c.owner FROM unnest($2::text[], $3::uuid[]) AS c (gtin, owner) ORDER BY c.gtin",
        vendor_id,
        &gtins,
        &owners,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The last statement of a writing transaction: the next version of the catalog is this batch.
pub(super) async fn commit_batch(tx: &mut VendorTx, batch_id: i64) -> Result<i64, CatalogError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let version = sqlx::query_scalar!(
        "WITH bumped AS (UPDATE vendors SET catalog_version = catalog_version + 1 WHERE id = $1 RETURNING catalog_version)
         INSERT INTO catalog_commits (vendor_id, version, batch_id, committed_at)
         SELECT $1, catalog_version, $2, $3 FROM bumped
         RETURNING version",
        vendor_id,
        batch_id,
        now,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(version)
}

/// What made a version of the catalog. Two databases that went apart (one was restored from a backup) may
/// give one number to different commits; their times tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitMark {
    pub batch_id: i64,
    /// To the microsecond.
    pub committed_at: DateTime<Utc>,
}

/// The commit of a version, if there was one.
pub async fn find_commit(tx: &mut VendorTx, version: i64) -> Result<Option<CommitMark>, CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let mark = sqlx::query_as!(
        CommitMark,
        "SELECT batch_id, committed_at FROM catalog_commits WHERE vendor_id = $1 AND version = $2",
        vendor_id,
        version,
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(mark)
}

/// The vendor's catalog version as this transaction sees it.
pub async fn catalog_version(tx: &mut VendorTx) -> Result<i64, CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let version = sqlx::query_scalar!("SELECT catalog_version FROM vendors WHERE id = $1", vendor_id)
        .fetch_one(tx.connection())
        .await?;
    Ok(version)
}

/// Facts of a vendor after a product id, in id order: pages of a full load.
pub async fn load_facts(
    tx: &mut VendorTx,
    after: Option<ProductId>,
    most: i64,
) -> Result<Vec<StoredFacts>, CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query_as!(
        FactsRow,
        r#"SELECT product_id, active, brand, category_id, meal_role, dietary_tags, price_hundredths, currency, label_as_of,
                  changed_at, evidence_keys, evidence_flags,
                  list_state, coverage_permille, container_term, mandatory_keys, attested, diets,
                  per_100 AS "per_100: Vec<Option<i64>>", per_reference AS "per_reference: Vec<Option<i64>>",
                  reference_amount, reference_source, is_volume, food_kind, nutri_score, nutri_grade, nutri_estimated,
                  uk_npm_score, uk_npm_less_healthy, nova_group, claims_yes, claims_no, fda_healthy,
                  completeness_permille, quality_permille
           FROM product_facts
           WHERE vendor_id = $1 AND ($2::uuid IS NULL OR product_id > $2)
           ORDER BY product_id
           LIMIT $3"#,
        vendor_id,
        after.map(ProductId::as_uuid),
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(StoredFacts::try_from).collect::<Result<_, DbError>>()?)
}

/// Facts written by the batches that were committed after `version`, and the version they lead to. The
/// version is read first: what commits in between is seen next time and never missed.
pub async fn load_facts_of_batches(
    tx: &mut VendorTx,
    version: i64,
) -> Result<(i64, Vec<StoredFacts>), CatalogError> {
    let current = catalog_version(tx).await?;
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query_as!(
        FactsRow,
        r#"SELECT product_id, active, brand, category_id, meal_role, dietary_tags, price_hundredths, currency, label_as_of,
                  changed_at, evidence_keys, evidence_flags,
                  list_state, coverage_permille, container_term, mandatory_keys, attested, diets,
                  per_100 AS "per_100: Vec<Option<i64>>", per_reference AS "per_reference: Vec<Option<i64>>",
                  reference_amount, reference_source, is_volume, food_kind, nutri_score, nutri_grade, nutri_estimated,
                  uk_npm_score, uk_npm_less_healthy, nova_group, claims_yes, claims_no, fda_healthy,
                  completeness_permille, quality_permille
           FROM product_facts
           WHERE vendor_id = $1
             AND batch_id = ANY(ARRAY(SELECT c.batch_id FROM catalog_commits c WHERE c.vendor_id = $1 AND c.version > $2))"#,
        vendor_id,
        version,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok((current, rows.into_iter().map(StoredFacts::try_from).collect::<Result<_, DbError>>()?))
}

/// Products whose facts were not derived at the present version, nor by a later program.
pub(super) async fn stale_products(
    tx: &mut VendorTx,
    present: i32,
    next_program: i32,
    most: i64,
) -> Result<Vec<ProductId>, CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids = sqlx::query_scalar!(
        "SELECT product_id FROM product_facts
         WHERE vendor_id = $1 AND deriver_version <> $2 AND deriver_version < $3 ORDER BY product_id LIMIT $4",
        vendor_id,
        present,
        next_program,
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(ids.into_iter().map(ProductId::from_uuid).collect())
}

/// Products whose role is not that of their category: the sub-category's where it has one, else the category's, else
/// that of a snack.
pub(super) async fn products_of_another_role(
    tx: &mut VendorTx,
    codes: &[String],
    roles: &[i16],
    next_program: i32,
    most: i64,
) -> Result<Vec<ProductId>, CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids = sqlx::query_scalar!(
        "SELECT f.product_id FROM product_facts f
         JOIN products p ON p.vendor_id = f.vendor_id AND p.id = f.product_id
         LEFT JOIN unnest($2::text[], $3::smallint[]) AS s (code, role) ON s.code = p.sub_category_id
         LEFT JOIN unnest($2::text[], $3::smallint[]) AS c (code, role) ON c.code = p.category_id
         WHERE f.vendor_id = $1 AND p.vendor_id = $1 AND f.deriver_version < $4
           AND f.meal_role <> coalesce(s.role, c.role, 1)
         ORDER BY f.product_id LIMIT $5",
        vendor_id,
        codes,
        roles,
        next_program,
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(ids.into_iter().map(ProductId::from_uuid).collect())
}

/// A hold row.
#[derive(Debug)]
pub(super) struct HoldRow {
    pub id: Uuid,
    pub product_id: Uuid,
    pub allergen: String,
    pub flag: String,
    pub since: DateTime<Utc>,
    pub lineage: Value,
    pub released_at: Option<DateTime<Utc>>,
}

pub(super) async fn open_holds_of(
    tx: &mut VendorTx,
    ids: &[ProductId],
) -> Result<Vec<HoldRow>, CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = sqlx::query_as!(
        HoldRow,
        "SELECT id, product_id, allergen, flag, since, lineage, released_at FROM allergen_holds
         WHERE vendor_id = $1 AND product_id = ANY($2) AND released_at IS NULL",
        vendor_id,
        &ids,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

pub(super) async fn list_open_holds(
    tx: &mut VendorTx,
    after: Option<Uuid>,
    most: i64,
) -> Result<Vec<HoldRow>, CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query_as!(
        HoldRow,
        "SELECT id, product_id, allergen, flag, since, lineage, released_at FROM allergen_holds
         WHERE vendor_id = $1 AND released_at IS NULL AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3",
        vendor_id,
        after,
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

pub(super) async fn lock_hold(tx: &mut VendorTx, id: Uuid) -> Result<Option<HoldRow>, CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = sqlx::query_as!(
        HoldRow,
        "SELECT id, product_id, allergen, flag, since, lineage, released_at FROM allergen_holds
         WHERE vendor_id = $1 AND id = $2 FOR UPDATE",
        vendor_id,
        id,
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row)
}

pub(super) async fn insert_holds(
    tx: &mut VendorTx,
    holds: &[(Uuid, ProductId, &'static str, Value)],
) -> Result<(), CatalogError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let ids: Vec<Uuid> = holds.iter().map(|h| h.0).collect();
    let products: Vec<Uuid> = holds.iter().map(|h| h.1.as_uuid()).collect();
    let allergens: Vec<String> = holds.iter().map(|h| h.2.to_owned()).collect();
    let lineages: Vec<Value> = holds.iter().map(|h| h.3.clone()).collect();
    sqlx::query!(
        "INSERT INTO allergen_holds (vendor_id, id, product_id, allergen, flag, since, lineage)
         SELECT $1, h.id, h.product_id, h.allergen, 'contains', $6, h.lineage
         FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::jsonb[]) AS h (id, product_id, allergen, lineage)
         ON CONFLICT (vendor_id, product_id, allergen, flag) WHERE released_at IS NULL DO NOTHING",
        vendor_id,
        &ids,
        &products,
        &allergens,
        &lineages,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn release_hold(tx: &mut VendorTx, id: Uuid, by: Option<Uuid>) -> Result<(), CatalogError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!(
        "UPDATE allergen_holds SET released_at = $3, released_by = $4 WHERE vendor_id = $1 AND id = $2",
        vendor_id,
        id,
        now,
        by,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// How many people may release holds here.
pub(super) async fn count_releasers(tx: &mut VendorTx) -> Result<i64, CatalogError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM memberships
           WHERE vendor_id = $1 AND suspended_at IS NULL AND role IN ('vendor_admin', 'vendor_operator')"#,
        vendor_id,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(count)
}
