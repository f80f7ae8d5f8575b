//! `/api/v1/products/{product_id}/versions`, `/api/v1/products/{product_id}/restore`.

use axum::response::Response;
use chrono::{DateTime, Utc};
use http::StatusCode;
use odyssey_domain::catalog::{self, Difference, Lineage, Product, ProductVersion};
use odyssey_types::{Page, ProductId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::dto::ProductDto;
use super::products::{ProductPath, versions};
use crate::authorized::{Authorized, permission};
use crate::conditional::IfMatch;
use crate::context;
use crate::extract::{Json, Path, PathParameters, Query};
use crate::idempotency::{Answer, Idempotency};
use crate::paging::{Limit, PageDto, read_cursor, write_cursor};
use crate::problem::{Problem, ProblemCode};

const LIST: &str = "list_product_versions";

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct VersionsQuery {
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

/// A value that differs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DifferenceDto {
    /// JSON pointer into the product: `/nutrition/amounts/sodium_mg`.
    pointer: String,
    /// Absent: unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

impl From<Difference> for DifferenceDto {
    fn from(difference: Difference) -> Self {
        let Difference { pointer, before, after } = difference;
        Self { pointer, before, after }
    }
}

/// A version of a product: who made it, when, and what it changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProductVersionDto {
    row_version: i64,
    made_at: DateTime<Utc>,
    /// What made it: `user`, `import` with its job and row, `undo` with its jobs, or `system`.
    #[schema(value_type = Object)]
    lineage: Value,
    /// The product was deleted by it.
    deleted: bool,
    /// When the next version took its place; absent for the present one.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_at: Option<DateTime<Utc>>,
    /// What differs from the version before; absent where that one is not kept, or there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<DifferenceDto>>,
}

fn lineage_of(lineage: &Lineage) -> Value {
    // A lineage is made of ids and numbers: it is always JSON.
    serde_json::to_value(lineage).unwrap_or_default()
}

impl From<ProductVersion> for ProductVersionDto {
    fn from(version: ProductVersion) -> Self {
        let ProductVersion { product, replaced_at, changes } = version;
        Self {
            row_version: product.row_version,
            made_at: product.updated_at,
            lineage: lineage_of(&product.lineage),
            deleted: product.deleted_at.is_some(),
            replaced_at,
            changes: changes.map(|changes| changes.into_iter().map(DifferenceDto::from).collect()),
        }
    }
}

/// Versions of a product, the present one first. Former ones are kept for 30 days; a deleted product has them too.
#[utoipa::path(get, path = "/api/v1/products/{product_id}/versions", tag = "catalog",
    params(ProductPath, VersionsQuery),
    responses((status = 200, description = "A page of versions", body = PageDto<ProductVersionDto>)))]
pub(super) async fn list_product_versions(
    caller: Authorized<permission::ProductsRead>,
    Path(path): Path<ProductPath>,
    Query(query): Query<VersionsQuery>,
) -> Result<Json<PageDto<ProductVersionDto>>, Problem> {
    let before: Option<String> =
        query.cursor.as_deref().map(|cursor| read_cursor(LIST, cursor)).transpose()?;
    let mut read = caller.begin_read().await?;
    let page =
        catalog::list_versions(read.tx(), path.product_id, before.as_deref(), query.limit.get()).await?;
    read.finish().await?;
    let Page { items, next_cursor } = page;
    let next_cursor = next_cursor.map(|at| write_cursor(LIST, &at)).transpose()?;
    let items: Vec<ProductVersionDto> = items.into_iter().map(ProductVersionDto::from).collect();
    Ok(Json(PageDto::new(Page { items, next_cursor })))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct VersionPath {
    #[param(value_type = Uuid)]
    product_id: ProductId,
    /// As in the list of versions.
    row_version: i64,
}

impl PathParameters for VersionPath {
    const NOT_FOUND: ProblemCode = ProblemCode::ProductNotFound;
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AgainstQuery {
    /// The version to compare with; the present one when nothing is said.
    against: Option<i64>,
}

/// A product as it was, and what differs from another version.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FormerProductDto {
    #[serde(flatten)]
    product: ProductDto,
    /// It was deleted.
    deleted: bool,
    /// The version compared with.
    against: i64,
    /// From this version (`before`) to that one (`after`).
    differences: Vec<DifferenceDto>,
}

/// A product as it was at one of its versions, with what differs from another.
#[utoipa::path(get, path = "/api/v1/products/{product_id}/versions/{row_version}", tag = "catalog",
    params(VersionPath, AgainstQuery),
    responses((status = 200, description = "The product as it was", body = FormerProductDto)))]
pub(super) async fn get_product_version(
    caller: Authorized<permission::ProductsRead>,
    Path(path): Path<VersionPath>,
    Query(query): Query<AgainstQuery>,
) -> Result<Json<FormerProductDto>, Problem> {
    let mut read = caller.begin_read().await?;
    let was = catalog::get_version(read.tx(), path.product_id, path.row_version).await?;
    let other = catalog::get_version_or_present(read.tx(), path.product_id, query.against).await?;
    read.finish().await?;
    context::count_rows_read(2);
    let differences = catalog::differences(&was, &other).into_iter().map(DifferenceDto::from).collect();
    let deleted = was.deleted_at.is_some();
    Ok(Json(FormerProductDto { product: was.into(), deleted, against: other.row_version, differences }))
}

/// Which version is to be the present one again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RestoreProduct {
    /// As in the list of versions; not one at which the product was deleted.
    row_version: i64,
}

/// Sets a product back to a former version, a deleted one too. It is a write like any other: an allergen that goes away
/// by it is held, and what stood before becomes a version.
#[utoipa::path(post, path = "/api/v1/products/{product_id}/restore", tag = "catalog", params(ProductPath),
    request_body = RestoreProduct, responses((status = 200, description = "The product", body = ProductDto)))]
pub(super) async fn restore_product(
    caller: Authorized<permission::ProductsWrite>,
    idempotency: Idempotency,
    Path(path): Path<ProductPath>,
    if_match: Option<IfMatch>,
    Json(body): Json<RestoreProduct>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let (id, if_versions) = (path.product_id, versions(if_match));
    catalog::restore_version(&mut tx, id, body.row_version, if_versions).await?;
    let product: Product = catalog::get_product(&mut tx, id).await?;
    context::count_rows_written(1);
    let row_version = product.row_version;
    let answer = Answer::json(StatusCode::OK, &ProductDto::from(product)).etag(row_version);
    idempotency.commit(tx, answer).await
}
