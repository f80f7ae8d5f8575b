//! Products by id, for whoever takes the whole catalog out.

use chrono::{DateTime, Utc};
use odyssey_types::{ProductId, ProductStatus};
use serde::{Deserialize, Serialize};

use super::{CatalogError, Product, store};
use crate::db::VendorTx;

/// Which products; filters are joined by "and". Deleted ones are in no export.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProductsToExport {
    pub brand: Option<String>,
    pub category_id: Option<String>,
    pub status: Option<ProductStatus>,
    pub updated_after: Option<DateTime<Utc>>,
}

/// The next products, by id.
pub async fn products_to_export(
    tx: &mut VendorTx,
    of: &ProductsToExport,
    after: Option<ProductId>,
    most: i64,
) -> Result<Vec<Product>, CatalogError> {
    store::page_by_id(tx, of, after, most).await
}
