//! `/api/v1/products/{product_id}/images`.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use odyssey_domain::catalog::{
    self, AboutImage, ImageChange, ImageFile, ImageSize, ImageSource, ProductImage,
};
use odyssey_types::{ProductId, ProductImageId, UserId};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::products::{ProductPath, versions};
use crate::authorized::{Authorized, permission};
use crate::conditional::IfMatch;
use crate::context;
use crate::extract::{FileOrJson, Json, MergePatch, Path, PathParameters, Query};
use crate::idempotency::{Answer, Idempotency};
use crate::problem::{Problem, ProblemCode};
use crate::state::ApiState;

/// How long a browser may show a picture without asking again: its bytes never change, its being there may.
const CACHE_CONTROL: &str = "private, max-age=3600";

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ImagePath {
    #[param(value_type = Uuid)]
    product_id: ProductId,
    #[param(value_type = Uuid)]
    image_id: ProductImageId,
}

impl PathParameters for ImagePath {
    // The product is looked for first, so a path that cannot be read is a product that is not there.
    const NOT_FOUND: ProblemCode = ProblemCode::ProductNotFound;
}

/// A picture in one size.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImageFileDto {
    /// Where its bytes are, for whoever may read products.
    url: String,
    /// `image/jpeg`, or `image/webp` where something is transparent.
    media_type: String,
    width_px: i32,
    height_px: i32,
    byte_count: i64,
    /// SHA-256 over the bytes, in hexadecimal.
    sha256: String,
}

impl ImageFileDto {
    fn new(url: String, file: ImageFile) -> Self {
        let ImageFile { media_type, width, height, byte_count, sha256 } = file;
        Self { url, media_type, width_px: width, height_px: height, byte_count, sha256: hex::encode(sha256) }
    }
}

/// A picture of a product.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProductImageDto {
    #[schema(value_type = Uuid)]
    id: ProductImageId,
    #[schema(value_type = Uuid)]
    product_id: ProductId,
    /// From 1, without gaps.
    position: i32,
    /// For who cannot see it; absent where nobody wrote one.
    #[serde(skip_serializing_if = "Option::is_none")]
    alt_text: Option<String>,
    /// `upload` or `url`.
    source: String,
    image: ImageFileDto,
    thumbnail: ImageFileDto,
    /// Changes with the text and with the position.
    row_version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    created_by: Option<UserId>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<ProductImage> for ProductImageDto {
    fn from(image: ProductImage) -> Self {
        let url = format!("/api/v1/products/{}/images/{}", image.product_id, image.id);
        Self {
            id: image.id,
            product_id: image.product_id,
            position: image.position,
            alt_text: image.alt_text,
            source: image.source,
            thumbnail: ImageFileDto::new(format!("{url}?size=thumbnail"), image.thumbnail),
            image: ImageFileDto::new(url, image.image),
            row_version: image.row_version,
            created_by: image.created_by,
            created_at: image.created_at,
            updated_at: image.updated_at,
        }
    }
}

/// All pictures of a product: at most 10.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProductImagesDto {
    /// In their order.
    items: Vec<ProductImageDto>,
}

/// The pictures of a product in their order.
#[utoipa::path(get, path = "/api/v1/products/{product_id}/images", tag = "catalog", params(ProductPath),
    responses((status = 200, description = "The pictures", body = ProductImagesDto)))]
pub(super) async fn list_product_images(
    caller: Authorized<permission::ProductsRead>,
    Path(path): Path<ProductPath>,
) -> Result<Json<ProductImagesDto>, Problem> {
    let mut read = caller.begin_read().await?;
    let images = catalog::list_images(read.tx(), path.product_id).await?;
    read.finish().await?;
    context::count_rows_read(images.len() as u64);
    Ok(Json(ProductImagesDto { items: images.into_iter().map(ProductImageDto::from).collect() }))
}

/// What is said about a picture whose bytes are the body.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AddImageQuery {
    /// For who cannot see it; at most 500 characters.
    alt_text: Option<String>,
    /// From 1; last where nothing is said.
    position: Option<i32>,
}

/// Where a picture is, and what is said about it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddImage {
    /// Over https, on the public internet. It is fetched once and not kept.
    url: String,
    /// For who cannot see it; at most 500 characters.
    #[serde(default)]
    alt_text: Option<String>,
    /// From 1; last where nothing is said.
    #[serde(default)]
    position: Option<i32>,
}

/// Adds a picture to a product, which has at most 10: the body is a JPEG, PNG, WebP or GIF of at most 10 MiB under a
/// content type of `image/…`, or JSON with the URL of one. It is drawn anew, upright, in sRGB, as JPEG or, where
/// something is transparent, WebP, at most 2,048 pixels a side, with a thumbnail of at most 320; nothing but pixels is
/// kept of what was sent.
#[utoipa::path(post, path = "/api/v1/products/{product_id}/images", tag = "catalog",
    params(ProductPath, AddImageQuery),
    request_body(content((String = "image/*"), (AddImage = "application/json")),
        description = "The picture, or where it is"),
    responses((status = 201, description = "The picture", body = ProductImageDto,
        headers(("Location" = String, description = "Its bytes")))))]
pub(super) async fn add_product_image(
    caller: Authorized<permission::ProductsWrite>,
    idempotency: Idempotency,
    State(state): State<ApiState>,
    Path(path): Path<ProductPath>,
    Query(query): Query<AddImageQuery>,
    headers: HeaderMap,
    body: FileOrJson<AddImage>,
) -> Result<Response, Problem> {
    let AddImageQuery { alt_text, position } = query;
    let (origin, about) = match body {
        FileOrJson::File(bytes) => {
            expect_picture(&headers)?;
            (Origin::Bytes(bytes), AboutImage { alt_text, position, source: ImageSource::Upload })
        }
        FileOrJson::Json(body) => {
            let (alt_text, position) = (body.alt_text.or(alt_text), body.position.or(position));
            (Origin::Url(body.url), AboutImage { alt_text, position, source: ImageSource::Url })
        }
    };
    // No connection is held while a picture comes and is drawn.
    let mut read = caller.begin_read_on_primary().await?;
    catalog::check_image(read.tx(), path.product_id, &about).await?;
    read.finish().await?;
    let bytes = match origin {
        Origin::Bytes(bytes) => bytes,
        Origin::Url(url) => state.pictures().fetch(&url).await?,
    };
    let picture = catalog::draw_picture(bytes).await?;
    let mut tx = caller.begin().await?;
    let image = catalog::add_image(&mut tx, path.product_id, about, picture).await?;
    context::count_rows_written(1);
    let (row_version, image) = (image.row_version, ProductImageDto::from(image));
    let answer = Answer::json(StatusCode::CREATED, &image).etag(row_version).location(&image.image.url);
    idempotency.commit(tx, answer).await
}

/// Where the bytes of a picture come from.
enum Origin {
    Bytes(Bytes),
    Url(String),
}

/// What a picture is, is found out from its bytes; a body that does not even say to be one is a mistake.
fn expect_picture(headers: &HeaderMap) -> Result<(), Problem> {
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if named.is_some_and(|named| named.trim_start().to_ascii_lowercase().starts_with("image/")) {
        return Ok(());
    }
    let detail =
        "Send a picture as image/jpeg, image/png, image/webp or image/gif, or its URL as application/json.";
    Err(Problem::new(ProblemCode::UnsupportedMediaType).detail(detail))
}

#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SizeDto {
    /// At most 2,048 pixels a side.
    #[default]
    Full,
    /// At most 320 pixels a side.
    Thumbnail,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ImageQuery {
    /// `full` when nothing is said.
    #[serde(default)]
    #[param(inline)]
    size: SizeDto,
}

/// The bytes of a picture, with their SHA-256 as `ETag`; `304` where `If-None-Match` names it.
#[utoipa::path(get, path = "/api/v1/products/{product_id}/images/{image_id}", tag = "catalog",
    params(ImagePath, ImageQuery),
    responses((status = 200, description = "The picture, as JPEG or WebP", content_type = "image/jpeg", body = String),
        (status = 304, description = "The picture is the one that `If-None-Match` names")))]
pub(super) async fn get_product_image(
    caller: Authorized<permission::ProductsRead>,
    Path(path): Path<ImagePath>,
    Query(query): Query<ImageQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let size = match query.size {
        SizeDto::Full => ImageSize::Full,
        SizeDto::Thumbnail => ImageSize::Thumbnail,
    };
    let mut read = caller.begin_read().await?;
    let content = catalog::get_image_content(read.tx(), path.product_id, path.image_id, size).await?;
    read.finish().await?;
    context::count_rows_read(1);
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| Problem::internal(&error));
    let etag = format!("\"{}\"", hex::encode(&content.sha256));
    let kept = [
        (header::ETAG, value(&etag)?),
        (header::CACHE_CONTROL, HeaderValue::from_static(CACHE_CONTROL)),
        (header::VARY, HeaderValue::from_static("Authorization, X-Vendor-Id")),
    ];
    if is_known(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, kept).into_response());
    }
    let about = [
        (header::CONTENT_TYPE, value(&content.media_type)?),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("inline")),
    ];
    Ok((kept, about, Body::from(content.bytes)).into_response())
}

/// Whether `If-None-Match` names this version.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let tags = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = tags.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// What of a picture changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateImage {
    /// At most 500 characters; null takes the text away.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    alt_text: Option<Option<String>>,
    /// From 1; one beyond the last is the last.
    #[serde(default)]
    position: Option<i32>,
}

/// A field that is there, null or not.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Changes the text of a picture or its place; the others move.
#[utoipa::path(patch, path = "/api/v1/products/{product_id}/images/{image_id}", tag = "catalog",
    params(ImagePath), request_body(content = UpdateImage, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The picture", body = ProductImageDto)))]
pub(super) async fn update_product_image(
    caller: Authorized<permission::ProductsWrite>,
    idempotency: Idempotency,
    Path(path): Path<ImagePath>,
    if_match: Option<IfMatch>,
    MergePatch(patch): MergePatch<UpdateImage>,
) -> Result<Response, Problem> {
    let UpdateImage { alt_text, position } = patch;
    let mut tx = caller.begin().await?;
    let change = ImageChange { alt_text, position };
    let image =
        catalog::update_image(&mut tx, path.product_id, path.image_id, change, versions(if_match)).await?;
    context::count_rows_written(1);
    let row_version = image.row_version;
    idempotency
        .commit(tx, Answer::json(StatusCode::OK, &ProductImageDto::from(image)).etag(row_version))
        .await
}

/// Deletes a picture; those behind it move up.
#[utoipa::path(delete, path = "/api/v1/products/{product_id}/images/{image_id}", tag = "catalog",
    params(ImagePath), responses((status = 204, description = "The picture is gone")))]
pub(super) async fn delete_product_image(
    caller: Authorized<permission::ProductsWrite>,
    Path(path): Path<ImagePath>,
    if_match: Option<IfMatch>,
) -> Result<StatusCode, Problem> {
    let mut tx = caller.begin().await?;
    catalog::delete_image(&mut tx, path.product_id, path.image_id, versions(if_match)).await?;
    tx.commit().await?;
    context::count_rows_written(1);
    Ok(StatusCode::NO_CONTENT)
}
