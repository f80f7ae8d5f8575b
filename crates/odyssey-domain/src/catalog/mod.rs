//! Products: what vendors sell, what their labels say, and what that amounts to.
//!
//! Owns: `products`, `product_versions`, `product_barcodes`, `product_facts`, `product_documents`, `catalog_commits`,
//! `allergen_holds`, `label_changes`, `product_images`. Promises: what is written reads back equal; a row that changes is kept as it was; absent is unknown; an allergen that
//! vanishes from the data stays as a hold until a second person releases it; a transaction takes one
//! catalog version, last. Emits: `product.updated` events, one a batch; [`Notice::CatalogChanged`].
//! Never: clears an allergen by silence, reuses another vendor's rows, bumps the version per row.
//!
//! [`Notice::CatalogChanged`]: crate::db::Notice::CatalogChanged

mod derived;
mod document;
mod error;
mod exporting;
mod facts;
mod holds;
mod images;
mod indices;
mod label_changes;
mod list;
mod product;
mod records;
mod store;
mod validate;
mod versions;
mod write;

pub use crate::field::FieldError;
pub use derived::derivation_of;
pub use document::{Document, document_of, search_terms};
pub use error::{CatalogError, WriteRefusal};
pub use exporting::{ProductsToExport, products_to_export};
pub use facts::{StoredFacts, derive_product, derive_product_by, hundredths};
pub use holds::{Hold, holds_of_products, list_holds, release_hold};
pub use images::{
    ALT_TEXT_LENGTH_MAX, AboutImage, IMAGE_BYTES_MAX, IMAGE_SENT_BYTES_MAX, IMAGES_MAX, ImageChange,
    ImageContent, ImageError, ImageFile, ImageSize, ImageSource, PictureFetcher, PictureRefusal,
    ProductImage, UrlRefusal, add_image, check_image, delete_image, draw_picture, get_image_content,
    list_images, update_image,
};
pub use label_changes::{
    FormerLabel, JudgeLabelChanges, claim_former_labels, forget_label_changes, keep_label_changes,
};
pub use list::{ProductQuery, ProductSort, check_text, find_by_text, list_products};
pub use product::{Attestation, Lineage, Product};
pub use validate::validate_fields;
pub use versions::{
    Difference, Made, ProductVersion, Replaced, differences, field_differences, get_version,
    get_version_or_present, list_versions, purge_versions, replaced_by_import, replaced_products,
    restore_version, untouched_since_import,
};
pub use write::{
    BatchOptions, BatchOutcome, Change, ImportMark, ImportOptions, Observed, ProductWrite, RowOutcome,
    RowPatch, Source, StoredShape, UndoOptions, WriteResult, delete_product, fit_to_stored, write_one,
    write_products,
};

use odyssey_matching::label::Tables;
use odyssey_types::ProductId;

use crate::db::VendorTx;
use crate::taxonomy;

/// Records of one request at most; also rows of one import batch.
pub const BATCH_ROWS_MAX: usize = 10_000;

/// The product, unless it is deleted or another vendor's.
pub async fn find_product(tx: &mut VendorTx, id: ProductId) -> Result<Option<Product>, CatalogError> {
    Ok(store::find_products(tx, &[id]).await?.into_iter().find(|p| p.deleted_at.is_none()))
}

/// The product, or [`WriteRefusal::NotFound`].
pub async fn get_product(tx: &mut VendorTx, id: ProductId) -> Result<Product, CatalogError> {
    find_product(tx, id).await?.ok_or(CatalogError::Refused(WriteRefusal::NotFound))
}

/// Who holds the given barcodes, of those that somebody holds.
pub async fn barcode_holders(
    tx: &mut VendorTx,
    gtins: &[String],
) -> Result<Vec<(String, ProductId)>, CatalogError> {
    store::find_barcodes(tx, gtins).await
}

/// Those of the given products that exist and are not deleted, in no particular order.
pub async fn find_products(tx: &mut VendorTx, ids: &[ProductId]) -> Result<Vec<Product>, CatalogError> {
    let mut products = store::find_products(tx, ids).await?;
    products.retain(|p| p.deleted_at.is_none());
    Ok(products)
}

/// The given products with their rows locked in the order of their ids, deleted ones too.
pub async fn lock_products(tx: &mut VendorTx, ids: &[ProductId]) -> Result<Vec<Product>, CatalogError> {
    store::lock_products(tx, ids).await
}

/// The tables by which this vendor's products are derived: those of this binary and the synonyms of allergens
/// that the platform and the vendor added.
pub async fn tables(tx: &mut VendorTx) -> Result<Tables, CatalogError> {
    Ok(taxonomy::tables(tx).await?)
}

/// Derives the given products anew with the vendor's tables, as one batch and one catalog version;
/// the caller audits.
pub async fn rederive_products(tx: &mut VendorTx, ids: &[ProductId]) -> Result<i64, CatalogError> {
    write::rederive(tx, ids).await
}

/// Products whose facts other tables than the vendor's present ones made, or whose category has another role than
/// stands beside them; those of a later program are left to it.
pub async fn stale_products(tx: &mut VendorTx, most: i64) -> Result<Vec<ProductId>, CatalogError> {
    let tables = tables(tx).await?;
    let (present, next_program) = (tables.version() as i32, Tables::next_program_version() as i32);
    let stale = store::stale_products(tx, present, next_program, most).await?;
    if !stale.is_empty() {
        return Ok(stale);
    }
    let (codes, roles): (Vec<String>, Vec<i16>) =
        tables.roles().map(|(code, role)| (code.to_owned(), role as i16)).unzip();
    store::products_of_another_role(tx, &codes, &roles, next_program, most).await
}

pub use store::{CommitMark, catalog_version, find_commit, load_facts, load_facts_of_batches};
