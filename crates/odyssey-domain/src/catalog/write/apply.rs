//! Writing what was decided: rows, barcodes, facts, holds and documents, and the version last.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use odyssey_matching::label::Tables;
use odyssey_matching::{EvidenceKey, Flag};
use odyssey_types::{ProductId, ProductStatus};
use tokio::task::spawn_blocking;

use super::BatchOptions;
use super::plan::Changed;
use crate::catalog::document::document_of;
use crate::catalog::facts::{FactsRecord, derive_product_by};
use crate::catalog::label_changes::{self, Turned};
use crate::catalog::records::{DocumentRecord, ProductRecord, RowMarks};
use crate::catalog::store;
use crate::catalog::versions::keep_versions;
use crate::catalog::{CatalogError, Lineage, Product, holds};
use crate::db::{DbError, Notice, VendorTx};
use crate::outbox;

/// Writes the changed rows. What their labels amount to is derived on a thread of its own while PostgreSQL
/// takes the rows.
pub(super) async fn apply(
    tx: &mut VendorTx,
    mut changed: Vec<Changed>,
    stored: HashMap<ProductId, Product>,
    options: &BatchOptions,
) -> Result<i64, CatalogError> {
    changed.sort_unstable_by_key(|c| c.id);
    let replaced: Vec<ProductId> =
        changed.iter().map(|c| c.id).filter(|id| stored.contains_key(id)).collect();
    let deriving = Deriving {
        tables: crate::catalog::tables(tx).await?,
        // A row that is new has none.
        held: if replaced.is_empty() {
            HashMap::new()
        } else {
            holds::open_holds_by_product(tx, &replaced).await?
        },
        changed: Arc::new(changed),
        stored: Arc::new(stored),
        now: tx.now(),
    };
    let (changed, stored) = (Arc::clone(&deriving.changed), Arc::clone(&deriving.stored));
    let derived = spawn_blocking(move || deriving.derive());
    let batch_id = store::next_batch(tx).await?;
    keep_versions(tx, &replaced, options.import.as_ref().map(|import| import.job_id)).await?;
    let records: Vec<ProductRecord<'_>> = changed.iter().map(|change| record_of(change, tx.now())).collect();
    store::upsert_products(tx, batch_id, &records).await?;
    move_barcodes(tx, &changed, &stored).await?;
    let derived = derived.await.map_err(|_| DbError::inconsistent("the deriver of labels panicked"))?;
    write_derived(tx, batch_id, &stored, &derived).await?;
    outbox::emit(tx, "product.updated", serde_json::json!({ "count": changed.len(), "batch_id": batch_id }))
        .await?;
    let version = store::commit_batch(tx, batch_id).await?;
    let vendor_id = tx.vendor_id();
    tx.notify_after_commit(Notice::CatalogChanged(vendor_id));
    Ok(version)
}

fn record_of(change: &Changed, now: DateTime<Utc>) -> ProductRecord<'_> {
    let marks = RowMarks {
        attestation: change.attestation.as_ref(),
        lineage: &change.lineage,
        source_hash: change.source_hash.as_deref(),
        source_mapping: change.source_mapping.as_deref(),
        edited_at: change.edited_at,
        deleted_at: change.deleted.then_some(now),
    };
    ProductRecord::new(change.id, &change.external_id, &change.fields, &marks)
}

async fn move_barcodes(
    tx: &mut VendorTx,
    changed: &[Changed],
    stored: &HashMap<ProductId, Product>,
) -> Result<(), CatalogError> {
    let moved: Vec<&Changed> = changed
        .iter()
        .filter(|c| {
            let before = stored.get(&c.id).filter(|p| p.deleted_at.is_none());
            before.and_then(|p| p.fields.gtin).map(|g| g.to_string()) != c.barcode()
        })
        .collect();
    if moved.is_empty() {
        return Ok(());
    }
    // A product that is new has none to give up.
    let ids: Vec<ProductId> = moved.iter().map(|c| c.id).filter(|id| stored.contains_key(id)).collect();
    let claimed: Vec<(String, ProductId)> = moved.iter().filter_map(|c| Some((c.barcode()?, c.id))).collect();
    store::move_barcodes(tx, &ids, &claimed).await
}

/// What derives the labels of changed rows.
struct Deriving {
    tables: Tables,
    changed: Arc<Vec<Changed>>,
    stored: Arc<HashMap<ProductId, Product>>,
    held: HashMap<ProductId, Vec<(EvidenceKey, Flag)>>,
    now: DateTime<Utc>,
}

/// What was derived, ready to be written.
#[derive(Default)]
struct Derived {
    facts: Vec<FactsRecord>,
    documents: Vec<DocumentRecord>,
    gone: Vec<ProductId>,
    /// Allergens that the data does not state any more.
    vanished: Vec<(ProductId, EvidenceKey, Lineage)>,
    /// Products by what the write means for those to whom they are offered.
    turned: Vec<ProductId>,
    away: Vec<ProductId>,
    back: Vec<ProductId>,
}

impl Deriving {
    fn derive(mut self) -> Derived {
        let mut derived = Derived::default();
        let (changed, stored) = (Arc::clone(&self.changed), Arc::clone(&self.stored));
        derived.facts.reserve_exact(changed.len());
        for change in changed.iter() {
            // A deleted row counts as well: going away and coming back must not lose an allergen.
            if let Some(before) = stored.get(&change.id) {
                self.compare(before, change, &mut derived);
            }
            let holds = self.held.get(&change.id).map(Vec::as_slice).unwrap_or_default();
            let (fields, deleted) = (&change.fields, change.deleted);
            let fresh = change.fresh.as_ref().filter(|_| holds.is_empty());
            let derivation = fresh
                .and_then(|label| label.derivation(&self.tables))
                .unwrap_or_else(|| derive_product_by(&self.tables, fields, holds));
            let record = FactsRecord::new(&self.tables, change.id, fields, deleted, self.now, derivation);
            derived.facts.push(record);
            if deleted {
                derived.gone.push(change.id);
            } else {
                let document = match &change.fresh {
                    Some(label) => label.document.clone(),
                    None => document_of(&change.external_id, fields),
                };
                derived.documents.push(DocumentRecord { product_id: change.id.as_uuid(), document });
            }
        }
        derived
    }

    /// What a row loses by its change, by the tables of today on both sides, so that only the data can make a
    /// difference.
    fn compare(&mut self, before: &Product, change: &Changed, derived: &mut Derived) {
        let was_offered = before.deleted_at.is_none() && before.fields.status == ProductStatus::Active;
        let is_offered = !change.deleted && change.fields.status == ProductStatus::Active;
        match (was_offered, is_offered) {
            (true, false) => derived.away.push(change.id),
            (false, true) => derived.back.push(change.id),
            _ => {}
        }
        if change.deleted {
            return;
        }
        let was = derive_product_by(&self.tables, &before.fields, &[]).facts;
        let is = derive_product_by(&self.tables, &change.fields, &[]).facts;
        if was_offered && is_offered && is.may_turn_away(&was) {
            derived.turned.push(change.id);
        }
        let held = self.held.entry(change.id).or_default();
        for key in EvidenceKey::ALL.iter().copied().filter(|k| k.is_allergen()) {
            if was.flags_of(key).has(Flag::Contains) && !is.flags_of(key).has(Flag::Contains) {
                derived.vanished.push((change.id, key, change.lineage.clone()));
                held.push((key, Flag::Contains));
            }
        }
    }
}

/// Facts, holds and search documents of the changed rows.
async fn write_derived(
    tx: &mut VendorTx,
    batch_id: i64,
    stored: &HashMap<ProductId, Product>,
    derived: &Derived,
) -> Result<(), CatalogError> {
    let of = |ids: &[ProductId]| ids.iter().filter_map(|id| stored.get(id)).collect();
    let turned = Turned { changed: of(&derived.turned), away: of(&derived.away), back: derived.back.clone() };
    label_changes::note(tx, &turned).await?;
    if !derived.vanished.is_empty() {
        holds::open_holds(tx, &derived.vanished).await?;
    }
    store::upsert_facts(tx, batch_id, &derived.facts).await?;
    if !derived.documents.is_empty() {
        let now = tx.now();
        store::upsert_documents(tx, &derived.documents, now).await?;
    }
    if !derived.gone.is_empty() {
        store::delete_documents(tx, &derived.gone).await?;
    }
    Ok(())
}

/// Derives the given products anew (after a release of a hold, or by newer tables) as one batch.
pub(in crate::catalog) async fn rederive(tx: &mut VendorTx, ids: &[ProductId]) -> Result<i64, CatalogError> {
    let products = store::lock_products(tx, ids).await?;
    let batch_id = store::next_batch(tx).await?;
    let held = holds::open_holds_by_product(tx, ids).await?;
    let tables = crate::catalog::tables(tx).await?;
    let facts: Vec<FactsRecord> = products
        .iter()
        .map(|product| {
            let holds = held.get(&product.id).map(Vec::as_slice).unwrap_or_default();
            let derivation = derive_product_by(&tables, &product.fields, holds);
            FactsRecord::new(
                &tables,
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
