//! Derivations kept in memory, so that the products that win again and again are read once.
//!
//! Promises: one is found only under everything it was derived from (vendor, row version, tables, open holds), so
//! that a change of any of them is read anew. Never: keeps anything of a person; a label is a product's.

use std::sync::{Arc, OnceLock};

use moka::sync::Cache;
use odyssey_matching::label::Tables;
use odyssey_matching::{Derivation, EvidenceKey, Flag};
use odyssey_types::{ProductId, VendorId};

use super::{Product, derive_product_by};

/// Bytes of derivations kept, by estimate.
const KEPT_BYTES_MAX: u64 = 96 * 1024 * 1024;
/// What one weighs beside its evidence: facts, key, the cache's own.
const DERIVATION_BYTES: usize = 3 * 1024;
/// What a piece of evidence or a finding weighs.
const EVIDENCE_BYTES: usize = 200;

/// Everything a derivation depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    vendor_id: VendorId,
    product_id: ProductId,
    row_version: i64,
    tables_version: u32,
    holds: Vec<(EvidenceKey, Flag)>,
}

fn kept() -> &'static Cache<Key, Arc<Derivation>> {
    static KEPT: OnceLock<Cache<Key, Arc<Derivation>>> = OnceLock::new();
    KEPT.get_or_init(|| {
        let weigh = |_: &Key, derivation: &Arc<Derivation>| {
            let pieces = derivation.evidence.len() + derivation.issues.len();
            u32::try_from(DERIVATION_BYTES + pieces * EVIDENCE_BYTES).unwrap_or(u32::MAX)
        };
        Cache::builder().max_capacity(KEPT_BYTES_MAX).weigher(weigh).build()
    })
}

/// What a product's label amounts to, from memory where exactly this label was read before.
pub fn derivation_of(
    vendor_id: VendorId,
    tables: &Tables,
    product: &Product,
    holds: &[(EvidenceKey, Flag)],
) -> Arc<Derivation> {
    let key = Key {
        vendor_id,
        product_id: product.id,
        row_version: product.row_version,
        tables_version: tables.version(),
        holds: holds.to_vec(),
    };
    kept().get_with(key, || Arc::new(derive_product_by(tables, &product.fields, holds)))
}
