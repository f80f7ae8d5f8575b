//! What a product was before: its former versions, what differs between two, and the way back to one.
//!
//! Every change of a product's row keeps the row as it was, in the transaction of the change; see
//! [`crate::retention`] for how long. Setting back is a write like any other: it is validated, an allergen that goes
//! away is held, and it makes a version of its own.

mod differences;
mod store;

pub use differences::{differences, field_differences};
pub(super) use store::keep_versions;
pub use store::{
    Made, Replaced, purge_versions, replaced_by_import, replaced_products, untouched_since_import,
};

use chrono::{DateTime, Utc};
use odyssey_types::{Page, ProductId};

use super::write::{Change, ProductWrite, WriteResult, write_one};
use super::{CatalogError, Product, WriteRefusal};
use crate::db::VendorTx;
pub use crate::differences::Difference;
use crate::field::FieldError;

/// A product as it was, or is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductVersion {
    pub product: Product,
    /// When the next version took its place; `None` for the present one.
    pub replaced_at: Option<DateTime<Utc>>,
    /// What differs from the version before; `None` where that is not kept any more, or there is none.
    pub changes: Option<Vec<Difference>>,
}

/// Versions of a product, the present one first; the cursor is the number of the last. A deleted product has them too.
pub async fn list_versions(
    tx: &mut VendorTx,
    id: ProductId,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<ProductVersion>, CatalogError> {
    let before: Option<i64> =
        cursor.map(|cursor| cursor.parse().map_err(|_| CatalogError::CursorInvalid)).transpose()?;
    let present = present(tx, id).await?;
    let upto = before.unwrap_or(i64::MAX);
    // One more on either side: what replaced the first, and what stood before the last.
    let mut rows = store::former_versions(tx, id, upto, i64::from(limit) + 2).await?;
    if before.is_none() || present.row_version <= upto {
        rows.insert(0, present);
    }
    let first = usize::from(before.is_some());
    let more = rows.len() > first + limit as usize;
    let items: Vec<ProductVersion> = (first..rows.len().min(first + limit as usize))
        .filter_map(|at| {
            let product = rows.get(at)?.clone();
            let newer = at.checked_sub(1).and_then(|newer| rows.get(newer));
            Some(ProductVersion {
                replaced_at: newer.map(|newer| newer.updated_at),
                changes: rows.get(at + 1).map(|older| differences(older, &product)),
                product,
            })
        })
        .collect();
    let next_cursor = items.last().filter(|_| more).map(|last| last.product.row_version.to_string());
    Ok(Page { items, next_cursor })
}

/// A product as it was at a version, or is.
pub async fn get_version(
    tx: &mut VendorTx,
    id: ProductId,
    row_version: i64,
) -> Result<Product, CatalogError> {
    let present = present(tx, id).await?;
    if present.row_version == row_version {
        return Ok(present);
    }
    let found = store::former_versions(tx, id, row_version, 1).await?.pop();
    found.filter(|found| found.row_version == row_version).ok_or(CatalogError::VersionNotFound)
}

/// The product at a version, or at present.
pub async fn get_version_or_present(
    tx: &mut VendorTx,
    id: ProductId,
    row_version: Option<i64>,
) -> Result<Product, CatalogError> {
    match row_version {
        Some(row_version) => get_version(tx, id, row_version).await,
        None => present(tx, id).await,
    }
}

/// Sets a product back to a former version, as a write of the person who asks.
pub async fn restore_version(
    tx: &mut VendorTx,
    id: ProductId,
    row_version: i64,
    if_versions: Option<Vec<i64>>,
) -> Result<WriteResult, CatalogError> {
    let former = get_version(tx, id, row_version).await?;
    if former.deleted_at.is_some() {
        let detail = "the product was deleted at this version; choose one before it, or delete the product";
        let error = FieldError::new("/row_version", "deleted", detail);
        return Err(CatalogError::Refused(WriteRefusal::Invalid(vec![error])));
    }
    let change = Change::Replace(Box::new(former.fields));
    let write = ProductWrite { if_versions, ..ProductWrite::new(former.external_id, change) };
    write_one(tx, write).await
}

/// The product's row, deleted or not.
async fn present(tx: &mut VendorTx, id: ProductId) -> Result<Product, CatalogError> {
    let found = super::store::find_products(tx, &[id]).await?.pop();
    found.ok_or(CatalogError::Refused(WriteRefusal::NotFound))
}
