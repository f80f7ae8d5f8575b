//! All SQL on `product_images`.

use chrono::{DateTime, Utc};
use odyssey_image::Picture;
use odyssey_types::{ProductId, ProductImageId, UserId};
use uuid::Uuid;

use super::{AboutImage, ImageContent, ImageError, ImageFile, ImageSize, ProductImage};
use crate::db::VendorTx;

/// A picture as stored, without its bytes.
struct ImageRow {
    id: Uuid,
    product_id: Uuid,
    position: i32,
    alt_text: Option<String>,
    source: String,
    media_type: String,
    width: i32,
    height: i32,
    byte_count: i32,
    sha256: Vec<u8>,
    thumbnail_media_type: String,
    thumbnail_width: i32,
    thumbnail_height: i32,
    thumbnail_byte_count: i32,
    thumbnail_sha256: Vec<u8>,
    row_version: i64,
    created_by: Option<Uuid>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<ImageRow> for ProductImage {
    fn from(row: ImageRow) -> Self {
        Self {
            id: row.id.into(),
            product_id: row.product_id.into(),
            position: row.position,
            alt_text: row.alt_text,
            source: row.source,
            image: ImageFile {
                media_type: row.media_type,
                width: row.width,
                height: row.height,
                byte_count: i64::from(row.byte_count),
                sha256: row.sha256,
            },
            thumbnail: ImageFile {
                media_type: row.thumbnail_media_type,
                width: row.thumbnail_width,
                height: row.thumbnail_height,
                byte_count: i64::from(row.thumbnail_byte_count),
                sha256: row.thumbnail_sha256,
            },
            row_version: row.row_version,
            created_by: row.created_by.map(Into::into),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// The pictures of a product in their order. Their bytes are not read: where they lie, their length stands beside.
pub(super) async fn list_images(tx: &mut VendorTx, id: ProductId) -> Result<Vec<ProductImage>, ImageError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query_as!(
        ImageRow,
        r#"SELECT id, product_id, position, alt_text, source, media_type, width, height,
                  octet_length(content) AS "byte_count!", sha256, thumbnail_media_type, thumbnail_width,
                  thumbnail_height, octet_length(thumbnail_content) AS "thumbnail_byte_count!", thumbnail_sha256,
                  row_version, created_by, created_at, updated_at
           FROM product_images WHERE vendor_id = $1 AND product_id = $2 ORDER BY position, id"#,
        vendor_id,
        id.as_uuid(),
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(ProductImage::from).collect())
}

pub(super) async fn find_content(
    tx: &mut VendorTx,
    id: ProductId,
    image_id: ProductImageId,
    size: ImageSize,
) -> Result<Option<ImageContent>, ImageError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let content = sqlx::query_as!(
        ImageContent,
        r#"SELECT CASE WHEN $4 THEN thumbnail_media_type ELSE media_type END AS "media_type!",
                  CASE WHEN $4 THEN thumbnail_sha256 ELSE sha256 END AS "sha256!",
                  CASE WHEN $4 THEN thumbnail_content ELSE content END AS "bytes!"
           FROM product_images WHERE vendor_id = $1 AND product_id = $2 AND id = $3"#,
        vendor_id,
        id.as_uuid(),
        image_id.as_uuid(),
        size == ImageSize::Thumbnail,
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(content)
}

pub(super) async fn insert_image(
    tx: &mut VendorTx,
    id: ProductId,
    image_id: ProductImageId,
    position: i32,
    about: &AboutImage,
    picture: &Picture,
) -> Result<(), ImageError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let created_by = tx.actor().user_id.map(UserId::as_uuid);
    let (image, thumbnail) = (&picture.picture, &picture.thumbnail);
    sqlx::query!(
        "INSERT INTO product_images (vendor_id, product_id, id, position, alt_text, source,
                media_type, width, height, sha256, content,
                thumbnail_media_type, thumbnail_width, thumbnail_height, thumbnail_sha256, thumbnail_content,
                row_version, created_by, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 1, $17, $18, $18)",
        vendor_id,
        id.as_uuid(),
        image_id.as_uuid(),
        position,
        about.alt_text.as_deref(),
        about.source.as_str(),
        image.format.media_type(),
        image.width as i32,
        image.height as i32,
        &image.sha256[..],
        &image.bytes,
        thumbnail.format.media_type(),
        thumbnail.width as i32,
        thumbnail.height as i32,
        &thumbnail.sha256[..],
        &thumbnail.bytes,
        created_by,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn write_alt_text(
    tx: &mut VendorTx,
    id: ProductId,
    image_id: ProductImageId,
    alt_text: Option<&str>,
) -> Result<(), ImageError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!(
        "UPDATE product_images SET alt_text = $4, row_version = row_version + 1, updated_at = $5
         WHERE vendor_id = $1 AND product_id = $2 AND id = $3",
        vendor_id,
        id.as_uuid(),
        image_id.as_uuid(),
        alt_text,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Gives the pictures of a product their places: from 1, in the order of the ids. One that keeps its place keeps its
/// version.
pub(super) async fn write_order(
    tx: &mut VendorTx,
    id: ProductId,
    order: &[ProductImageId],
) -> Result<(), ImageError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let order: Vec<Uuid> = order.iter().map(|id| id.as_uuid()).collect();
    sqlx::query!(
        "UPDATE product_images i SET position = o.position::integer, row_version = i.row_version + 1, updated_at = $4
         FROM unnest($3::uuid[]) WITH ORDINALITY AS o (id, position)
         WHERE i.vendor_id = $1 AND i.product_id = $2 AND i.id = o.id AND i.position <> o.position",
        vendor_id,
        id.as_uuid(),
        &order,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn delete_image(
    tx: &mut VendorTx,
    id: ProductId,
    image_id: ProductImageId,
) -> Result<(), ImageError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "DELETE FROM product_images WHERE vendor_id = $1 AND product_id = $2 AND id = $3",
        vendor_id,
        id.as_uuid(),
        image_id.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
