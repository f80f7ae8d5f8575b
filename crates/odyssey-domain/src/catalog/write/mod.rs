//! Writing products: one path for the API and for imports.
//!
//! Order of locks, everywhere: product rows sorted by id, then barcodes, then the version row.

mod apply;
mod plan;
mod row;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use odyssey_types::{JobId, ProductFields, ProductId, UserId};
use odyssey_vault::product_id;
use serde_json::{Map, Value};

pub(super) use apply::rederive;
pub use row::{RowPatch, StoredShape, fit_to_stored};

use super::store;
use super::{Attestation, CatalogError, Product, WriteRefusal};
use crate::audit::{self, AuditEvent};
use crate::db::{DbError, VendorTx};
use crate::tenancy::Purpose;
use apply::apply;
use plan::{Changed, Plan};

/// What one record wants to become.
#[derive(Debug, Clone)]
pub enum Change {
    /// PUT: exactly these fields.
    Replace(Box<ProductFields>),
    /// PATCH and upsert (RFC 7396): absent keeps, null is unknown.
    Merge(Map<String, Value>),
    /// A row of a file: a merge patch that is fitted to what is stored.
    Row(RowPatch),
    /// The product goes; its external id may come back.
    Delete,
}

/// One record of a write.
#[derive(Debug, Clone)]
pub struct ProductWrite {
    pub external_id: String,
    pub change: Change,
    /// Refuse when the product exists.
    pub must_not_exist: bool,
    /// Refuse when it does not.
    pub must_exist: bool,
    /// Refuse unless the stored row has one of these versions.
    pub if_versions: Option<Vec<i64>>,
    /// The file row it comes from, for imports.
    pub import: Option<ImportMark>,
    /// What the row is to remember of its source, where an import is undone.
    pub source: Option<Source>,
}

/// What a row remembers of where it came from.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// Of the file row and of its mapping; empty for none.
    pub hash: Vec<u8>,
    pub mapping: Vec<u8>,
    /// When a person edited it last.
    pub edited_at: Option<DateTime<Utc>>,
    /// As it stood: undoing attests nothing.
    pub attestation: Option<Attestation>,
    /// The import whose work stands again.
    pub made_by: Option<JobId>,
}

impl ProductWrite {
    pub const fn new(external_id: String, change: Change) -> Self {
        Self {
            external_id,
            change,
            must_not_exist: false,
            must_exist: false,
            if_versions: None,
            import: None,
            source: None,
        }
    }
}

/// Which file row a record is, and its hash.
#[derive(Debug, Clone)]
pub struct ImportMark {
    pub row: u64,
    pub source_hash: Vec<u8>,
    /// This very row wrote the product once, and a person edited it since: their edit stands.
    pub edited_since: bool,
}

/// What holds for a whole batch.
#[derive(Debug, Clone, Default)]
pub struct BatchOptions {
    /// Set for imports.
    pub import: Option<ImportOptions>,
    /// Set when an import is undone.
    pub undo: Option<UndoOptions>,
    /// Give back what changes, for a write that is tried and rolled back.
    pub observe: bool,
}

/// A record that changes its product.
#[derive(Debug)]
pub struct Observed {
    /// Its place among the records.
    pub at: usize,
    /// The product as it was, where there was one that was not deleted.
    pub before: Option<Box<Product>>,
    pub after: ProductFields,
}

/// What an undo says about its batches.
#[derive(Debug, Clone, Copy)]
pub struct UndoOptions {
    pub job_id: JobId,
    pub undone_job_id: JobId,
    pub started_by: Option<UserId>,
}

/// What an import says about its batches.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    pub job_id: JobId,
    pub started_by: Option<UserId>,
    pub started_at: DateTime<Utc>,
    pub mapping_digest: Vec<u8>,
    /// Overwrite what people edited before the import began.
    pub overwrite_edits: bool,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOutcome {
    Created,
    Updated,
    Unchanged,
    /// A person's edit stands; the file's row was not taken.
    Kept,
    Deleted,
}

/// A record that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteResult {
    pub id: ProductId,
    pub outcome: RowOutcome,
    pub row_version: i64,
}

/// The results, in the order of the records.
#[derive(Debug)]
pub struct BatchOutcome {
    pub results: Vec<Result<WriteResult, WriteRefusal>>,
    /// The new version of the catalog, when anything changed.
    pub catalog_version: Option<i64>,
    /// What changed, where that was asked for.
    pub observed: Vec<Observed>,
}

/// Writes up to [`super::BATCH_ROWS_MAX`] records in the caller's transaction; a refused record leaves
/// the others alone. Nothing is committed and the batch is audited as one event.
pub async fn write_products(
    tx: &mut VendorTx,
    writes: &[ProductWrite],
    options: &BatchOptions,
) -> Result<BatchOutcome, CatalogError> {
    let vendor_id = tx.vendor_id();
    let ids: Vec<ProductId> = writes.iter().map(|w| product_id(vendor_id, &w.external_id)).collect();
    let stored: HashMap<ProductId, Product> =
        store::lock_products(tx, &ids).await?.into_iter().map(|p| (p.id, p)).collect();

    let mut plan = Plan::new(tx.now(), tx.actor().user_id, options);
    for (at, (write, id)) in writes.iter().zip(&ids).enumerate() {
        plan.consider(at, *id, write, stored.get(id));
    }
    plan.judge_barcodes(tx).await?;
    let changed = std::mem::take(&mut plan.changed);
    let observed = if options.observe { observe(&changed, &stored) } else { Vec::new() };
    let count = changed.len();
    let catalog_version =
        if changed.is_empty() { None } else { Some(apply(tx, changed, stored, options).await?) };
    if !plan.marks.is_empty() {
        store::mark_sources(tx, &plan.marks).await?;
    }
    let event = AuditEvent::new("product.write", "product", Purpose::Operations)
        .count(count as i64)
        .detail("records", writes.len())
        .detail("refused", plan.results.iter().filter(|r| r.is_err()).count());
    let event = if let [only] = ids.as_slice() { event.entity(*only) } else { event };
    audit::record(tx, event).await?;
    Ok(BatchOutcome { results: plan.results, catalog_version, observed })
}

fn observe(changed: &[Changed], stored: &HashMap<ProductId, Product>) -> Vec<Observed> {
    let observed = |change: &Changed| Observed {
        at: change.at,
        before: stored.get(&change.id).filter(|p| p.deleted_at.is_none()).cloned().map(Box::new),
        after: change.fields.clone(),
    };
    changed.iter().map(observed).collect()
}

/// Writes one record; a refusal is the error.
pub async fn write_one(tx: &mut VendorTx, write: ProductWrite) -> Result<WriteResult, CatalogError> {
    let mut outcome = write_products(tx, std::slice::from_ref(&write), &BatchOptions::default()).await?;
    match outcome.results.pop() {
        Some(result) => Ok(result?),
        None => Err(DbError::inconsistent("a write of one record has no result").into()),
    }
}

/// Deletes a product; its row stays for history and its barcode becomes free.
pub async fn delete_product(
    tx: &mut VendorTx,
    id: ProductId,
    if_versions: Option<Vec<i64>>,
) -> Result<WriteResult, CatalogError> {
    let product = super::get_product(tx, id).await?;
    let write = ProductWrite {
        must_exist: true,
        if_versions,
        ..ProductWrite::new(product.external_id, Change::Delete)
    };
    write_one(tx, write).await
}
