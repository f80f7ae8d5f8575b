//! What an import needs to know before it opens anything.

use std::collections::HashMap;

use odyssey_types::CustomerId;

use super::{CustomerError, store};
use crate::db::VendorTx;

/// What has happened to a customer since a file row wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinceImport {
    /// Nothing: the row counts as unchanged.
    Untouched,
    /// A person edited it: the row counts as kept, unless the import overwrites edits.
    Edited,
}

/// Of the given rows those whose customer was last written by an equal row under an equal mapping. The
/// hash is [`VendorKeys::row_hash`] over the mapped source row; the digest covers everything else that
/// decides what the row means: the mapping and the parameters of the import, an attested consent among
/// them. Opens nothing and locks nothing.
///
/// [`VendorKeys::row_hash`]: odyssey_vault::VendorKeys::row_hash
pub async fn unchanged_customers(
    tx: &mut VendorTx,
    rows: &[(CustomerId, [u8; 32])],
    mapping_digest: &[u8],
) -> Result<HashMap<CustomerId, SinceImport>, CustomerError> {
    store::find_unchanged(tx, rows, mapping_digest).await
}
