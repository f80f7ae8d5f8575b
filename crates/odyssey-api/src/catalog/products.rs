//! `/api/v1/products`.

use axum::response::Response;
use chrono::{DateTime, Utc};
use http::StatusCode;
use odyssey_domain::catalog::{
    self, BATCH_ROWS_MAX, BatchOptions, Change, ProductQuery, ProductSort, ProductWrite, derive_product,
};
use odyssey_matching::ReferenceSource;
use odyssey_types::{Fixed, Page, ProductFields, ProductId};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::dto::{
    ComputedNutritionDto, ProductDetailDto, ProductDto, UpsertProducts, UpsertResults, WriteModeDto,
};
use crate::authorized::{Authorized, permission};
use crate::conditional::{IfMatch, Versioned};
use crate::context;
use crate::extract::{Json, MergePatch, Path, PathParameters, Query};
use crate::idempotency::{Answer, Idempotency};
use crate::paging::{Limit, PageDto, read_cursor, write_cursor};
use crate::problem::{Problem, ProblemCode};

const LIST: &str = "list_products";

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ProductPath {
    #[param(value_type = Uuid)]
    pub product_id: ProductId,
}

impl PathParameters for ProductPath {
    const NOT_FOUND: ProblemCode = ProblemCode::ProductNotFound;
}

/// Which products; filters are joined by "and".
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProductFilters {
    /// Words that must all occur in name, brand, category, tags, ingredients, external id or barcode; the
    /// last may be unfinished.
    q: Option<String>,
    brand: Option<String>,
    category_id: Option<String>,
    /// Any of these dietary tags, separated by commas.
    #[serde(rename = "tags.any")]
    tags_any: Option<String>,
    /// None of these allergens, separated by commas; a product that does not state one of them is left out.
    #[serde(rename = "allergens.none")]
    allergens_none: Option<String>,
    updated_after: Option<DateTime<Utc>>,
    /// `-updated_at` (the default), `updated_at`, or `relevance` together with `q`.
    #[param(inline)]
    sort: Option<SortDto>,
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
pub(crate) enum SortDto {
    #[serde(rename = "-updated_at")]
    NewestFirst,
    #[serde(rename = "updated_at")]
    OldestFirst,
    #[serde(rename = "relevance")]
    Relevance,
}

impl ProductFilters {
    /// The domain's query; `sort` is the order when the request names none.
    pub(crate) fn into_query(self, list: &str, sort: ProductSort) -> Result<ProductQuery, Problem> {
        let split = |text: String| -> Vec<String> {
            text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
        };
        Ok(ProductQuery {
            q: self.q,
            brand: self.brand,
            category_id: self.category_id,
            tags_any: self.tags_any.map(split),
            allergens_none: self.allergens_none.map(split).unwrap_or_default(),
            updated_after: self.updated_after,
            sort: match self.sort {
                None => sort,
                Some(SortDto::NewestFirst) => ProductSort::UpdatedAtDescending,
                Some(SortDto::OldestFirst) => ProductSort::UpdatedAtAscending,
                Some(SortDto::Relevance) => ProductSort::Relevance,
            },
            cursor: self.cursor.as_deref().map(|cursor| read_cursor(list, cursor)).transpose()?,
            limit: self.limit.get(),
        })
    }

    pub(crate) const fn has_text(&self) -> bool {
        self.q.is_some()
    }
}

/// Products, newest change first.
#[utoipa::path(get, path = "/api/v1/products", tag = "catalog", params(ProductFilters),
    responses((status = 200, description = "A page of products", body = PageDto<ProductDto>)))]
pub(super) async fn list_products(
    caller: Authorized<permission::ProductsRead>,
    Query(filters): Query<ProductFilters>,
) -> Result<Json<PageDto<ProductDto>>, Problem> {
    let query = filters.into_query(LIST, ProductSort::UpdatedAtDescending)?;
    let mut read = caller.begin_read().await?;
    let Page { items, next_cursor } = catalog::list_products(read.tx(), &query).await?;
    read.finish().await?;
    let next_cursor = next_cursor.map(|at| write_cursor(LIST, &at)).transpose()?;
    Ok(Json(PageDto::new(Page { items, next_cursor })))
}

/// Creates or updates up to 10,000 products; each record has a result of its own.
#[utoipa::path(post, path = "/api/v1/products", tag = "catalog", request_body = UpsertProducts,
    responses((status = 207, description = "A result per record", body = UpsertResults)))]
pub(super) async fn upsert_products(
    caller: Authorized<permission::ProductsWrite>,
    idempotency: Idempotency,
    Json(body): Json<UpsertProducts>,
) -> Result<Response, Problem> {
    if body.products.is_empty() || body.products.len() > BATCH_ROWS_MAX {
        return Err(Problem::invalid(
            "#/products",
            "count",
            format!("send between 1 and {BATCH_ROWS_MAX} records"),
        ));
    }
    let writes = body
        .products
        .into_iter()
        .enumerate()
        .map(|(index, record)| write_of(index, record, body.mode))
        .collect::<Result<Vec<_>, _>>()?;
    let mut tx = caller.begin().await?;
    let outcome = catalog::write_products(&mut tx, &writes, &BatchOptions::default()).await?;
    let results = UpsertResults::new(outcome.results);
    context::count_rows_written((results.created + results.updated) as u64);
    idempotency.commit(tx, Answer::json(StatusCode::MULTI_STATUS, &results)).await
}

fn write_of(
    index: usize,
    mut record: Map<String, Value>,
    mode: WriteModeDto,
) -> Result<ProductWrite, Problem> {
    let Some(Value::String(external_id)) = record.remove("external_id") else {
        let pointer = format!("#/products/{index}/external_id");
        return Err(Problem::invalid(pointer, "required", "every record has an external_id, a text"));
    };
    let write = ProductWrite::new(external_id, Change::Merge(record));
    Ok(ProductWrite { must_not_exist: mode == WriteModeDto::Create, ..write })
}

/// One product.
#[utoipa::path(get, path = "/api/v1/products/{product_id}", tag = "catalog", params(ProductPath),
    responses((status = 200, description = "The product", body = ProductDetailDto)))]
pub(super) async fn get_product(
    caller: Authorized<permission::ProductsRead>,
    Path(path): Path<ProductPath>,
) -> Result<Versioned<Json<ProductDetailDto>>, Problem> {
    let mut read = caller.begin_read().await?;
    let product = catalog::get_product(read.tx(), path.product_id).await?;
    read.finish().await?;
    context::count_rows_read(1);
    let facts = derive_product(&product.fields, &[]).facts;
    let computed_nutrition = ComputedNutritionDto {
        per_100: facts.per_100,
        per_reference_amount: facts.per_reference,
        reference_amount: Fixed(facts.reference_amount),
        reference_source: match facts.reference_source {
            ReferenceSource::Serving => "serving",
            ReferenceSource::Racc => "racc",
            ReferenceSource::Assumed => "assumed",
        },
        is_volume: facts.is_volume,
    };
    let row_version = product.row_version;
    Ok(Versioned {
        row_version,
        body: Json(ProductDetailDto { product: product.into(), computed_nutrition }),
    })
}

/// Replaces a product: what the body leaves out becomes unknown.
#[utoipa::path(put, path = "/api/v1/products/{product_id}", tag = "catalog", params(ProductPath),
    request_body = ProductFields, responses((status = 200, description = "The product", body = ProductDto)))]
pub(super) async fn replace_product(
    caller: Authorized<permission::ProductsWrite>,
    idempotency: Idempotency,
    Path(path): Path<ProductPath>,
    if_match: IfMatch,
    Json(fields): Json<ProductFields>,
) -> Result<Response, Problem> {
    change_product(&caller, idempotency, path.product_id, Some(if_match), Change::Replace(Box::new(fields)))
        .await
}

/// Changes some fields of a product (RFC 7396): absent keeps, null is unknown.
#[utoipa::path(patch, path = "/api/v1/products/{product_id}", tag = "catalog", params(ProductPath),
    request_body(content = ProductFields, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The product", body = ProductDto)))]
pub(super) async fn update_product(
    caller: Authorized<permission::ProductsWrite>,
    idempotency: Idempotency,
    Path(path): Path<ProductPath>,
    if_match: Option<IfMatch>,
    MergePatch(patch): MergePatch<Map<String, Value>>,
) -> Result<Response, Problem> {
    change_product(&caller, idempotency, path.product_id, if_match, Change::Merge(patch)).await
}

async fn change_product(
    caller: &Authorized<permission::ProductsWrite>,
    idempotency: Idempotency,
    id: ProductId,
    if_match: Option<IfMatch>,
    change: Change,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let external_id = catalog::get_product(&mut tx, id).await?.external_id;
    let write = ProductWrite {
        must_exist: true,
        if_versions: versions(if_match),
        ..ProductWrite::new(external_id, change)
    };
    catalog::write_one(&mut tx, write).await?;
    let product = catalog::get_product(&mut tx, id).await?;
    context::count_rows_written(1);
    let row_version = product.row_version;
    let answer = Answer::json(StatusCode::OK, &ProductDto::from(product)).etag(row_version);
    idempotency.commit(tx, answer).await
}

/// Deletes a product. Its external id may be used again.
#[utoipa::path(delete, path = "/api/v1/products/{product_id}", tag = "catalog", params(ProductPath),
    responses((status = 204, description = "The product is gone")))]
pub(super) async fn delete_product(
    caller: Authorized<permission::ProductsWrite>,
    Path(path): Path<ProductPath>,
    if_match: Option<IfMatch>,
) -> Result<StatusCode, Problem> {
    let mut tx = caller.begin().await?;
    catalog::delete_product(&mut tx, path.product_id, versions(if_match)).await?;
    tx.commit().await?;
    context::count_rows_written(1);
    Ok(StatusCode::NO_CONTENT)
}

/// The versions a change may apply to; `None` for any.
pub(super) fn versions(if_match: Option<IfMatch>) -> Option<Vec<i64>> {
    match if_match {
        None | Some(IfMatch::Any) => None,
        Some(IfMatch::OneOf(versions)) => Some(versions),
    }
}
