//! Writing products: one path for the API and for imports.
//!
//! Order of locks, everywhere: product rows sorted by id, then barcodes, then the version row.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use odyssey_matching::{EvidenceKey, Flag};
use odyssey_types::{AllergenData, ProductFields, ProductId, UserId};
use odyssey_vault::product_id;
use serde_json::{Map, Value};

use super::document::document_of;
use super::facts::{FactsRecord, derive_product};
use super::holds;
use super::store::{self, ProductRecord};
use super::validate::validate_fields;
use super::{Attestation, CatalogError, FieldError, Lineage, Product, WriteRefusal};
use crate::audit::{self, AuditEvent};
use crate::db::{DbError, Notice, VendorTx};
use crate::json;
use crate::outbox;
use crate::tenancy::Purpose;

/// What one record wants to become.
#[derive(Debug, Clone)]
pub enum Change {
    /// PUT: exactly these fields.
    Replace(Box<ProductFields>),
    /// PATCH and upsert (RFC 7396): absent keeps, null is unknown.
    Merge(Map<String, Value>),
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
        }
    }
}

/// Which file row a record is, and its hash.
#[derive(Debug, Clone)]
pub struct ImportMark {
    pub row: u64,
    pub source_hash: Vec<u8>,
}

/// What holds for a whole batch.
#[derive(Debug, Clone, Default)]
pub struct BatchOptions {
    /// Set for imports.
    pub import: Option<ImportOptions>,
}

/// What an import says about its batches.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    pub job_id: odyssey_types::JobId,
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
    let catalog_version =
        if plan.changed.is_empty() { None } else { Some(apply(tx, &plan, &stored, options).await?) };
    if !plan.marks.is_empty() {
        store::mark_sources(tx, &plan.marks).await?;
    }
    let event = AuditEvent::new("product.write", "product", Purpose::Operations)
        .count(plan.changed.len() as i64)
        .detail("records", writes.len())
        .detail("refused", plan.results.iter().filter(|r| r.is_err()).count());
    let event = if let [only] = ids.as_slice() { event.entity(*only) } else { event };
    audit::record(tx, event).await?;
    Ok(BatchOutcome { results: plan.results, catalog_version })
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

/// A row that will be written.
struct Changed {
    at: usize,
    id: ProductId,
    external_id: String,
    fields: ProductFields,
    attestation: Option<Attestation>,
    lineage: Lineage,
    source_hash: Option<Vec<u8>>,
    edited_at: Option<DateTime<Utc>>,
    deleted: bool,
}

struct Plan<'a> {
    now: DateTime<Utc>,
    user_id: Option<UserId>,
    options: &'a BatchOptions,
    seen: HashSet<ProductId>,
    results: Vec<Result<WriteResult, WriteRefusal>>,
    changed: Vec<Changed>,
    /// Source rows to remember for products whose content stays.
    marks: Vec<(ProductId, Vec<u8>, Vec<u8>)>,
}

impl<'a> Plan<'a> {
    fn new(now: DateTime<Utc>, user_id: Option<UserId>, options: &'a BatchOptions) -> Self {
        Self {
            now,
            user_id,
            options,
            seen: HashSet::new(),
            results: Vec::new(),
            changed: Vec::new(),
            marks: Vec::new(),
        }
    }

    fn consider(&mut self, at: usize, id: ProductId, write: &ProductWrite, stored: Option<&Product>) {
        let result = self.decide(at, id, write, stored);
        self.results.push(result);
    }

    fn decide(
        &mut self,
        at: usize,
        id: ProductId,
        write: &ProductWrite,
        stored: Option<&Product>,
    ) -> Result<WriteResult, WriteRefusal> {
        if !self.seen.insert(id) {
            return Err(WriteRefusal::DuplicateInRequest);
        }
        let live = stored.filter(|p| p.deleted_at.is_none());
        if write.must_not_exist && live.is_some() {
            return Err(WriteRefusal::Exists { id });
        }
        if write.must_exist && live.is_none() {
            return Err(WriteRefusal::NotFound);
        }
        if let (Some(wanted), Some(live)) = (&write.if_versions, live)
            && !wanted.contains(&live.row_version)
        {
            return Err(WriteRefusal::VersionMismatch { current: live.row_version });
        }
        if let (Some(live), Some(import)) = (live, &self.options.import)
            && keeps_edit(live, import)
        {
            return Ok(WriteResult { id, outcome: RowOutcome::Kept, row_version: live.row_version });
        }
        let fields = match &write.change {
            Change::Replace(fields) => fields.as_ref().clone(),
            Change::Merge(patch) => merge(live.map(|p| &p.fields), patch)?,
            Change::Delete => live.map(|p| p.fields.clone()).unwrap_or_default(),
        };
        let deleted = matches!(write.change, Change::Delete);
        let errors = if deleted { Vec::new() } else { validate_fields(&write.external_id, &fields) };
        if !errors.is_empty() {
            return Err(WriteRefusal::Invalid(errors));
        }
        if let Some(live) = live
            && !deleted
            && live.fields == fields
        {
            if let (Some(mark), Some(import)) = (&write.import, &self.options.import) {
                self.marks.push((id, mark.source_hash.clone(), import.mapping_digest.clone()));
            }
            return Ok(WriteResult { id, outcome: RowOutcome::Unchanged, row_version: live.row_version });
        }
        self.changed.push(self.change_of(at, id, write, live, fields, deleted));
        let outcome = match (live, deleted) {
            (_, true) => RowOutcome::Deleted,
            (Some(_), false) => RowOutcome::Updated,
            (None, false) => RowOutcome::Created,
        };
        Ok(WriteResult { id, outcome, row_version: stored.map_or(1, |p| p.row_version + 1) })
    }

    fn change_of(
        &self,
        at: usize,
        id: ProductId,
        write: &ProductWrite,
        live: Option<&Product>,
        fields: ProductFields,
        deleted: bool,
    ) -> Changed {
        let started_by = self.options.import.as_ref().and_then(|i| i.started_by);
        let lineage = match (&self.options.import, &write.import, self.user_id) {
            (Some(import), Some(mark), _) => {
                Lineage::Import { job_id: import.job_id, row: mark.row, user_id: started_by }
            }
            (_, _, Some(user_id)) => Lineage::User { user_id },
            _ => Lineage::System,
        };
        let attestation = (fields.allergen_data == AllergenData::Complete)
            .then(|| {
                // An attestation stands until what it speaks of changes; then the writer attests anew.
                let still =
                    live.filter(|p| same_declaration(&p.fields, &fields)).and_then(|p| p.attestation.clone());
                still.or_else(|| lineage.user_id().map(|by| Attestation { by, at: self.now }))
            })
            .flatten();
        Changed {
            at,
            id,
            external_id: write.external_id.clone(),
            attestation,
            edited_at: if self.options.import.is_some() { None } else { Some(self.now) },
            source_hash: write.import.as_ref().map(|mark| mark.source_hash.clone()),
            lineage,
            fields,
            deleted,
        }
    }

    /// Refuses the records whose barcode another product holds. A code that its holder gives up in the
    /// same batch is free; of two records that want one code the first wins.
    async fn judge_barcodes(&mut self, tx: &mut VendorTx) -> Result<(), CatalogError> {
        let wanted: BTreeSet<String> = self.changed.iter().filter_map(Changed::barcode).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let wanted: Vec<String> = wanted.into_iter().collect();
        let held: BTreeMap<String, ProductId> =
            store::find_barcodes(tx, &wanted).await?.into_iter().collect();
        // Refusing one record may take back what it gave up, so go on until nothing changes.
        loop {
            let keeps: BTreeMap<ProductId, Option<String>> =
                self.changed.iter().map(|c| (c.id, c.barcode())).collect();
            let mut claimed: BTreeMap<String, ProductId> = BTreeMap::new();
            let mut refused = None;
            for (slot, change) in self.changed.iter().enumerate() {
                let Some(gtin) = change.barcode() else { continue };
                let holder = held.get(&gtin).copied().filter(|holder| {
                    *holder != change.id
                        && keeps.get(holder).is_none_or(|kept| kept.as_deref() == Some(gtin.as_str()))
                });
                let holder = holder.or_else(|| claimed.get(&gtin).copied());
                if let Some(holder) = holder {
                    refused = Some((slot, gtin, holder));
                    break;
                }
                claimed.insert(gtin, change.id);
            }
            let Some((slot, gtin, holder)) = refused else { return Ok(()) };
            let change = self.changed.remove(slot);
            if let Some(result) = self.results.get_mut(change.at) {
                *result = Err(WriteRefusal::BarcodeTaken { gtin, holder });
            }
        }
    }
}

impl Changed {
    fn barcode(&self) -> Option<String> {
        if self.deleted { None } else { self.fields.gtin.map(|gtin| gtin.to_string()) }
    }
}

/// Whether a person's edit stands against this import's row.
fn keeps_edit(live: &Product, import: &ImportOptions) -> bool {
    match live.edited_at {
        None => false,
        // Edited after the import began: always kept.
        Some(at) if at >= import.started_at => true,
        Some(_) => false,
    }
}

/// RFC 7396 on the record's fields: absent keeps, null is unknown, objects merge.
fn merge(current: Option<&ProductFields>, patch: &Map<String, Value>) -> Result<ProductFields, WriteRefusal> {
    let refuse = |error: json::Error| {
        WriteRefusal::Invalid(vec![FieldError::new(error.pointer, "unreadable", error.detail)])
    };
    let mut target = match current {
        Some(fields) => json::to_object(fields).map_err(refuse)?,
        None => Map::new(),
    };
    json::merge_patch(&mut target, patch);
    // A null of a field that has a default (status, allergen_data) means that default.
    target.retain(|_, value| !value.is_null());
    json::from_object(target).map_err(refuse)
}

/// Whether an attestation of completeness for `before` still speaks for `after`.
fn same_declaration(before: &ProductFields, after: &ProductFields) -> bool {
    before.allergen_data == after.allergen_data
        && before.allergens == after.allergens
        && before.ingredients == after.ingredients
        && before.label_jurisdiction == after.label_jurisdiction
        && before.label_as_of == after.label_as_of
}

async fn apply(
    tx: &mut VendorTx,
    plan: &Plan<'_>,
    stored: &HashMap<ProductId, Product>,
    options: &BatchOptions,
) -> Result<i64, CatalogError> {
    let batch_id = store::next_batch(tx).await?;
    let mut changed: Vec<&Changed> = plan.changed.iter().collect();
    changed.sort_unstable_by_key(|c| c.id);
    let mapping = options.import.as_ref().map(|i| bytea(&i.mapping_digest));
    let records: Vec<ProductRecord<'_>> = changed
        .iter()
        .map(|c| ProductRecord {
            id: c.id,
            external_id: &c.external_id,
            fields: &c.fields,
            package_weight_mg: c.fields.package_weight_g.map(|w| w.0),
            attestation: c.attestation.as_ref(),
            lineage: &c.lineage,
            source_hash: c.source_hash.as_deref().map(bytea),
            source_mapping: c.source_hash.as_ref().and(mapping.clone()),
            edited_at: c.edited_at,
            deleted_at: c.deleted.then_some(plan.now),
        })
        .collect();
    store::upsert_products(tx, batch_id, &records).await?;
    move_barcodes(tx, &changed, stored).await?;
    write_facts(tx, batch_id, &changed, stored).await?;
    outbox::emit(tx, "product.updated", serde_json::json!({ "count": changed.len(), "batch_id": batch_id }))
        .await?;
    let version = store::commit_batch(tx, batch_id).await?;
    let vendor_id = tx.vendor_id();
    tx.notify_after_commit(Notice::CatalogChanged(vendor_id));
    Ok(version)
}

async fn move_barcodes(
    tx: &mut VendorTx,
    changed: &[&Changed],
    stored: &HashMap<ProductId, Product>,
) -> Result<(), CatalogError> {
    let moved: Vec<&&Changed> = changed
        .iter()
        .filter(|c| {
            let before = stored.get(&c.id).filter(|p| p.deleted_at.is_none());
            before.and_then(|p| p.fields.gtin).map(|g| g.to_string()) != c.barcode()
        })
        .collect();
    if moved.is_empty() {
        return Ok(());
    }
    let ids: Vec<ProductId> = moved.iter().map(|c| c.id).collect();
    let claimed: Vec<(String, ProductId)> = moved.iter().filter_map(|c| Some((c.barcode()?, c.id))).collect();
    store::move_barcodes(tx, &ids, &claimed).await
}

/// Facts, holds and search documents of the changed rows.
async fn write_facts(
    tx: &mut VendorTx,
    batch_id: i64,
    changed: &[&Changed],
    stored: &HashMap<ProductId, Product>,
) -> Result<(), CatalogError> {
    let mut vanished: Vec<(ProductId, EvidenceKey, Lineage)> = Vec::new();
    for change in changed {
        let before = stored.get(&change.id).filter(|p| p.deleted_at.is_none());
        if let Some(before) = before.filter(|_| !change.deleted) {
            // Both sides by the tables of today, so that only the data can make a difference.
            let (was, is) =
                (derive_product(&before.fields, &[]).facts, derive_product(&change.fields, &[]).facts);
            for key in EvidenceKey::ALL.iter().copied().filter(|k| k.is_allergen()) {
                if was.flags_of(key).has(Flag::Contains) && !is.flags_of(key).has(Flag::Contains) {
                    vanished.push((change.id, key, change.lineage.clone()));
                }
            }
        }
    }
    if !vanished.is_empty() {
        holds::open_holds(tx, &vanished).await?;
    }
    let ids: Vec<ProductId> = changed.iter().map(|c| c.id).collect();
    let held = holds::open_holds_by_product(tx, &ids).await?;
    let (mut facts, mut documents, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    let now = tx.now();
    for change in changed {
        let holds = held.get(&change.id).map(Vec::as_slice).unwrap_or_default();
        let derivation = derive_product(&change.fields, holds);
        facts.push(FactsRecord::new(change.id, &change.fields, change.deleted, now, derivation));
        if change.deleted {
            gone.push(change.id);
        } else {
            documents.push((change.id, document_of(&change.external_id, &change.fields)));
        }
    }
    store::upsert_facts(tx, batch_id, &facts).await?;
    if !documents.is_empty() {
        store::upsert_documents(tx, &documents, now).await?;
    }
    if !gone.is_empty() {
        store::delete_documents(tx, &gone).await?;
    }
    Ok(())
}

/// Derives the given products anew (after a release of a hold, or by newer tables) as one batch.
pub(super) async fn rederive(tx: &mut VendorTx, ids: &[ProductId]) -> Result<i64, CatalogError> {
    let products = store::lock_products(tx, ids).await?;
    let batch_id = store::next_batch(tx).await?;
    let held = holds::open_holds_by_product(tx, ids).await?;
    let facts: Vec<FactsRecord> = products
        .iter()
        .map(|product| {
            let holds = held.get(&product.id).map(Vec::as_slice).unwrap_or_default();
            let derivation = derive_product(&product.fields, holds);
            FactsRecord::new(
                product.id,
                &product.fields,
                product.deleted_at.is_some(),
                product.updated_at,
                derivation,
            )
        })
        .collect();
    store::upsert_facts(tx, batch_id, &facts).await?;
    let version = store::commit_batch(tx, batch_id).await?;
    let vendor_id = tx.vendor_id();
    tx.notify_after_commit(Notice::CatalogChanged(vendor_id));
    Ok(version)
}

fn bytea(bytes: &[u8]) -> String {
    format!("\\x{}", hex::encode(bytes))
}
