//! Writing what was decided: rows, barcodes, facts, holds and documents, and the version last.

use std::collections::HashMap;

use odyssey_matching::{EvidenceKey, Flag};
use odyssey_types::{ProductId, ProductStatus};

use super::BatchOptions;
use super::plan::{Changed, Plan};
use crate::catalog::document::document_of;
use crate::catalog::facts::{FactsRecord, derive_product_by};
use crate::catalog::label_changes::{self, Turned};
use crate::catalog::store::{self, ProductRecord};
use crate::catalog::versions::keep_versions;
use crate::catalog::{CatalogError, Lineage, Product, holds};
use crate::db::{Notice, VendorTx};
use crate::outbox;

pub(super) async fn apply(
    tx: &mut VendorTx,
    plan: &Plan<'_>,
    stored: &HashMap<ProductId, Product>,
    options: &BatchOptions,
) -> Result<i64, CatalogError> {
    let batch_id = store::next_batch(tx).await?;
    let mut changed: Vec<&Changed> = plan.changed.iter().collect();
    changed.sort_unstable_by_key(|c| c.id);
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
            source_mapping: c.source_mapping.as_deref().map(bytea),
            edited_at: c.edited_at,
            deleted_at: c.deleted.then_some(plan.now),
        })
        .collect();
    let replaced: Vec<ProductId> =
        changed.iter().map(|c| c.id).filter(|id| stored.contains_key(id)).collect();
    keep_versions(tx, &replaced, options.import.as_ref().map(|import| import.job_id)).await?;
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
    let tables = crate::catalog::tables(tx).await?;
    let mut vanished: Vec<(ProductId, EvidenceKey, Lineage)> = Vec::new();
    let mut turned = Turned::default();
    for change in changed {
        // A deleted row counts as well: going away and coming back must not lose an allergen.
        let Some(before) = stored.get(&change.id) else { continue };
        let was_offered = before.deleted_at.is_none() && before.fields.status == ProductStatus::Active;
        let is_offered = !change.deleted && change.fields.status == ProductStatus::Active;
        match (was_offered, is_offered) {
            (true, false) => turned.away.push(before),
            (false, true) => turned.back.push(change.id),
            _ => {}
        }
        if !change.deleted {
            // Both sides by the tables of today, so that only the data can make a difference.
            let (was, is) = (
                derive_product_by(&tables, &before.fields, &[]).facts,
                derive_product_by(&tables, &change.fields, &[]).facts,
            );
            if was_offered && is_offered && is.may_turn_away(&was) {
                turned.changed.push(before);
            }
            for key in EvidenceKey::ALL.iter().copied().filter(|k| k.is_allergen()) {
                if was.flags_of(key).has(Flag::Contains) && !is.flags_of(key).has(Flag::Contains) {
                    vanished.push((change.id, key, change.lineage.clone()));
                }
            }
        }
    }
    label_changes::note(tx, &turned).await?;
    if !vanished.is_empty() {
        holds::open_holds(tx, &vanished).await?;
    }
    let ids: Vec<ProductId> = changed.iter().map(|c| c.id).collect();
    let held = holds::open_holds_by_product(tx, &ids).await?;
    let (mut facts, mut documents, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    let now = tx.now();
    for change in changed {
        let holds = held.get(&change.id).map(Vec::as_slice).unwrap_or_default();
        let derivation = derive_product_by(&tables, &change.fields, holds);
        facts.push(FactsRecord::new(&tables, change.id, &change.fields, change.deleted, now, derivation));
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

fn bytea(bytes: &[u8]) -> String {
    format!("\\x{}", hex::encode(bytes))
}
