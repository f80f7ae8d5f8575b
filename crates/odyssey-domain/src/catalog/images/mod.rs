//! Pictures of products: from a file or a URL, drawn anew, in an order, with a text for who cannot see them.
//!
//! Owns: `product_images`. Promises: what is given out was drawn by us, so nothing of a stranger's bytes is in it; a
//! URL is fetched only through the guard, without a connection of the database; a product has at most
//! [`IMAGES_MAX`]; positions run from 1 without gaps. Emits: nothing, since no match depends on a picture.
//! Never: goes by a name or a content type, keeps the URL that a picture came from.

mod error;
mod fetch;
mod store;

pub use error::{ImageError, UrlRefusal};
pub use fetch::PictureFetcher;
pub use odyssey_image::Refusal as PictureRefusal;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use odyssey_image::Picture;
use odyssey_types::{ProductId, ProductImageId, UserId};
use tokio::sync::Semaphore;

use super::validate::check_text;
use super::{CatalogError, WriteRefusal, find_product, lock_products};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::field::FieldError;
use crate::tenancy::Purpose;

/// Pictures of one product at most: more than a page of a shop shows.
pub const IMAGES_MAX: usize = 10;
/// Bytes of a picture as it comes in: 10 MiB, what a camera makes.
pub const IMAGE_SENT_BYTES_MAX: usize = 10 << 20;
/// Bytes of a picture as we keep it: 4 MiB, above what photographs of our size take.
pub const IMAGE_BYTES_MAX: usize = 4 << 20;
/// Bytes of a thumbnail: 512 KiB, more than its pixels take without any compression.
pub const THUMBNAIL_BYTES_MAX: usize = 512 << 10;
/// Longest text for who cannot see a picture, in characters: readers speak it in one go.
pub const ALT_TEXT_LENGTH_MAX: usize = 500;
/// Pictures drawn at a time in this process: each may take 450 MB and a core for seconds. Others wait their turn.
const CONVERSIONS_AT_ONCE_MAX: usize = 2;
static TURNS: Semaphore = Semaphore::const_new(CONVERSIONS_AT_ONCE_MAX);

/// How a picture came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageSource {
    Upload,
    Url,
}

impl ImageSource {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Url => "url",
        }
    }
}

/// A picture in one size, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFile {
    pub media_type: String,
    /// In pixels.
    pub width: i32,
    pub height: i32,
    pub byte_count: i64,
    pub sha256: Vec<u8>,
}

/// A picture of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductImage {
    pub id: ProductImageId,
    pub product_id: ProductId,
    /// From 1.
    pub position: i32,
    pub alt_text: Option<String>,
    pub source: String,
    pub image: ImageFile,
    pub thumbnail: ImageFile,
    pub row_version: i64,
    pub created_by: Option<UserId>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// The bytes of a picture in one size.
#[derive(Debug, Clone)]
pub struct ImageContent {
    pub media_type: String,
    pub sha256: Vec<u8>,
    pub bytes: Vec<u8>,
}

/// Which size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageSize {
    Full,
    Thumbnail,
}

/// What is said about a picture that is added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AboutImage {
    pub alt_text: Option<String>,
    /// From 1; last where nothing is said.
    pub position: Option<i32>,
    pub source: ImageSource,
}

/// What of a picture changes. `None` stays; `Some(None)` takes the text away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageChange {
    pub alt_text: Option<Option<String>>,
    pub position: Option<i32>,
}

/// Draws a picture anew, off the threads that serve. Holds nothing of the database.
pub async fn draw_picture(bytes: Bytes) -> Result<Picture, ImageError> {
    if bytes.len() > IMAGE_SENT_BYTES_MAX {
        return Err(ImageError::TooLarge { bytes_max: IMAGE_SENT_BYTES_MAX });
    }
    let turn = TURNS.acquire().await.map_err(|_| ImageError::Stopped)?;
    let drawn = tokio::task::spawn_blocking(move || {
        // The turn ends with the work, also when nobody waits for it any more.
        let drawn = odyssey_image::convert(&bytes);
        drop(turn);
        drawn
    });
    let picture = drawn.await.map_err(|_| ImageError::Stopped)??;
    if picture.picture.bytes.len() > IMAGE_BYTES_MAX || picture.thumbnail.bytes.len() > THUMBNAIL_BYTES_MAX {
        return Err(ImageError::TooLargeDrawn { bytes_max: IMAGE_BYTES_MAX });
    }
    Ok(picture)
}

/// Looks whether a picture can be added, before anything is fetched or drawn for it; [`add_image`] looks again.
pub async fn check_image(tx: &mut VendorTx, id: ProductId, about: &AboutImage) -> Result<(), ImageError> {
    find_product(tx, id).await?.ok_or(CatalogError::Refused(WriteRefusal::NotFound))?;
    check(about.alt_text.as_deref(), about.position)?;
    has_room(store::list_images(tx, id).await?.len())
}

/// Adds a picture to a product; audited. The caller commits.
pub async fn add_image(
    tx: &mut VendorTx,
    id: ProductId,
    about: AboutImage,
    picture: Picture,
) -> Result<ProductImage, ImageError> {
    lock(tx, id).await?;
    check(about.alt_text.as_deref(), about.position)?;
    let mut order = ids_of(&store::list_images(tx, id).await?);
    has_room(order.len())?;
    let image_id = ProductImageId::generate(tx.now());
    let at = place(about.position, order.len());
    store::insert_image(tx, id, image_id, at as i32 + 1, &about, &picture).await?;
    // Those behind it move, and their version changes with their place.
    order.insert(at, image_id);
    store::write_order(tx, id, &order).await?;
    record(tx, "product_image.add", id, image_id).await?;
    find(tx, id, image_id).await
}

/// The pictures of a product in their order.
pub async fn list_images(tx: &mut VendorTx, id: ProductId) -> Result<Vec<ProductImage>, ImageError> {
    find_product(tx, id).await?.ok_or(CatalogError::Refused(WriteRefusal::NotFound))?;
    store::list_images(tx, id).await
}

/// The bytes of a picture in one size.
pub async fn get_image_content(
    tx: &mut VendorTx,
    id: ProductId,
    image_id: ProductImageId,
    size: ImageSize,
) -> Result<ImageContent, ImageError> {
    find_product(tx, id).await?.ok_or(CatalogError::Refused(WriteRefusal::NotFound))?;
    store::find_content(tx, id, image_id, size).await?.ok_or(ImageError::NotFound)
}

/// Changes the text or the place of a picture; audited. The caller commits.
pub async fn update_image(
    tx: &mut VendorTx,
    id: ProductId,
    image_id: ProductImageId,
    change: ImageChange,
    if_versions: Option<Vec<i64>>,
) -> Result<ProductImage, ImageError> {
    check(change.alt_text.as_ref().and_then(Option::as_deref), change.position)?;
    lock(tx, id).await?;
    let images = store::list_images(tx, id).await?;
    let present = present(&images, image_id, if_versions)?;
    if let Some(alt_text) = change.alt_text.filter(|alt_text| *alt_text != present.alt_text) {
        store::write_alt_text(tx, id, image_id, alt_text.as_deref()).await?;
    }
    if change.position.is_some() {
        let mut order = ids_of(&images);
        order.retain(|other| *other != image_id);
        order.insert(place(change.position, order.len()), image_id);
        store::write_order(tx, id, &order).await?;
    }
    record(tx, "product_image.update", id, image_id).await?;
    find(tx, id, image_id).await
}

/// Deletes a picture; those behind it move up. Audited. The caller commits.
pub async fn delete_image(
    tx: &mut VendorTx,
    id: ProductId,
    image_id: ProductImageId,
    if_versions: Option<Vec<i64>>,
) -> Result<(), ImageError> {
    lock(tx, id).await?;
    let images = store::list_images(tx, id).await?;
    present(&images, image_id, if_versions)?;
    store::delete_image(tx, id, image_id).await?;
    let mut order = ids_of(&images);
    order.retain(|other| *other != image_id);
    store::write_order(tx, id, &order).await?;
    record(tx, "product_image.delete", id, image_id).await
}

/// Where an id goes among so many others.
fn place(position: Option<i32>, others: usize) -> usize {
    position.and_then(|position| usize::try_from(position - 1).ok()).unwrap_or(others).min(others)
}

fn ids_of(images: &[ProductImage]) -> Vec<ProductImageId> {
    images.iter().map(|image| image.id).collect()
}

const fn has_room(images: usize) -> Result<(), ImageError> {
    if images >= IMAGES_MAX { Err(ImageError::Full { max: IMAGES_MAX }) } else { Ok(()) }
}

fn present(
    images: &[ProductImage],
    image_id: ProductImageId,
    if_versions: Option<Vec<i64>>,
) -> Result<&ProductImage, ImageError> {
    let present = images.iter().find(|image| image.id == image_id).ok_or(ImageError::NotFound)?;
    match if_versions {
        Some(wanted) if !wanted.contains(&present.row_version) => {
            Err(refused(WriteRefusal::VersionMismatch { current: present.row_version }))
        }
        _ => Ok(present),
    }
}

async fn find(
    tx: &mut VendorTx,
    id: ProductId,
    image_id: ProductImageId,
) -> Result<ProductImage, ImageError> {
    let images = store::list_images(tx, id).await?;
    images.into_iter().find(|image| image.id == image_id).ok_or(ImageError::NotFound)
}

/// Locks the product, as every writer does: pictures of one product are counted and ordered by one at a time.
async fn lock(tx: &mut VendorTx, id: ProductId) -> Result<(), ImageError> {
    let product = lock_products(tx, &[id]).await?.pop().filter(|product| product.deleted_at.is_none());
    product.map(|_| ()).ok_or_else(|| refused(WriteRefusal::NotFound))
}

fn check(alt_text: Option<&str>, position: Option<i32>) -> Result<(), ImageError> {
    let mut errors = Vec::new();
    if let Some(text) = alt_text {
        check_text(&mut errors, "/alt_text", text, ALT_TEXT_LENGTH_MAX);
        if text.trim().is_empty() {
            errors.push(FieldError::new("/alt_text", "blank", "a text is not blank: leave it out"));
        }
    }
    if position.is_some_and(|position| !(1..=IMAGES_MAX as i32).contains(&position)) {
        let detail = format!("a position is from 1 to {IMAGES_MAX}");
        errors.push(FieldError::new("/position", "out_of_range", detail));
    }
    if errors.is_empty() { Ok(()) } else { Err(refused(WriteRefusal::Invalid(errors))) }
}

const fn refused(refusal: WriteRefusal) -> ImageError {
    ImageError::Catalog(CatalogError::Refused(refusal))
}

async fn record(
    tx: &mut VendorTx,
    action: &'static str,
    id: ProductId,
    image_id: ProductImageId,
) -> Result<(), ImageError> {
    let event = AuditEvent::new(action, "product", Purpose::Operations)
        .entity(id)
        .detail("image_id", image_id.to_string());
    audit::record(tx, event).await?;
    Ok(())
}
