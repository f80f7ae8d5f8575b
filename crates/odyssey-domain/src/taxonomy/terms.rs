//! The deriver's tables as a vendor has them: those of the program, the platform's synonyms of allergens, and
//! the vendor's.

use std::sync::OnceLock;

use moka::sync::Cache;
use odyssey_matching::label::Tables;
use uuid::Uuid;

use super::{TaxonomyError, store};
use crate::db::{DbError, VendorTx};

/// Sets of tables kept in memory. One holds its added terms alone, at most a megabyte; what the program
/// carries is shared.
const TABLES_MAX: u64 = 256;

/// The states of the vendor's and of the platform's rows; none before the first change.
pub(super) type Stamps = (Option<Uuid>, Option<Uuid>);

/// The tables of this transaction's vendor, as its rows say now: one read by key, and the terms after a
/// change.
pub async fn tables(tx: &mut VendorTx) -> Result<Tables, TaxonomyError> {
    let stamps = store::stamps(tx).await?;
    if stamps == (None, None) {
        return Ok(Tables::embedded().clone());
    }
    if let Some(kept) = kept().get(&stamps) {
        return Ok(kept);
    }
    // What is read may be newer than the stamps, never older: whoever comes later reads newer stamps.
    let terms = store::evidence_terms(tx).await?;
    let tables = Tables::embedded()
        .with_terms(&terms)
        .map_err(|error| DbError::inconsistent(format!("a stored synonym cannot be used: {error}")))?;
    kept().insert(stamps, tables.clone());
    Ok(tables)
}

fn kept() -> &'static Cache<Stamps, Tables> {
    static KEPT: OnceLock<Cache<Stamps, Tables>> = OnceLock::new();
    KEPT.get_or_init(|| Cache::new(TABLES_MAX))
}
