//! `/api/v1/quality/summary`, `/api/v1/quality/products`, `/api/v1/products/{product_id}/quality`.

use std::time::Duration;

use axum::extract::State;
use odyssey_domain::matching;
use odyssey_domain::quality::{self, QualityQuery};
use odyssey_domain::tenancy::{Caller, Permission};
use odyssey_types::{Page, ProductId};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::dto::{BlockedCustomers, ListedProductQualityDto, ProductQualityDetailDto, QualitySummaryDto};
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::{Json, Path, PathParameters, Query};
use crate::paging::{Limit, PageDto, read_cursor, write_cursor};
use crate::problem::{Problem, ProblemCode};
use crate::state::ApiState;

const LIST: &str = "list_product_quality";

/// The catalog's quality in figures: findings by code and severity, averages, coverage.
#[utoipa::path(get, path = "/api/v1/quality/summary", tag = "quality",
    responses((status = 200, description = "The figures of the present catalog", body = QualitySummaryDto)))]
pub(super) async fn get_quality_summary(
    caller: Authorized<permission::ProductsRead>,
) -> Result<Json<QualitySummaryDto>, Problem> {
    let mut read = caller.begin_read().await?;
    let summary = quality::summary(read.tx()).await?;
    read.finish().await?;
    Ok(Json(summary.into()))
}

/// Which products.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct QualityFilters {
    /// `worst`: lowest quality first, which is the only order.
    #[param(inline)]
    order: Option<OrderDto>,
    /// Only products with this finding: `DQ_ALLERGEN_CONFLICT`.
    code: Option<String>,
    /// Say for each product how many customers cannot be told that it suits them, because the record does not state
    /// something. All of them are asked of every product, so that a page has at most 20.
    #[serde(default)]
    blocked_customers: bool,
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

/// Products of a page with counts of customers: each is judged against all of them.
const BLOCKED_PAGE_MAX: u32 = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum OrderDto {
    #[default]
    Worst,
}

/// Active products with their findings, the worst first.
#[utoipa::path(get, path = "/api/v1/quality/products", tag = "quality", params(QualityFilters),
    responses((status = 200, description = "A page of products", body = PageDto<ListedProductQualityDto>)))]
pub(super) async fn list_product_quality(
    caller: Authorized<permission::ProductsRead>,
    State(state): State<ApiState>,
    Query(filters): Query<QualityFilters>,
) -> Result<Json<PageDto<ListedProductQualityDto>>, Problem> {
    let OrderDto::Worst = filters.order.unwrap_or_default();
    let limit = match filters.blocked_customers {
        true => filters.limit.get().min(BLOCKED_PAGE_MAX),
        false => filters.limit.get(),
    };
    let query = QualityQuery {
        code: filters.code,
        cursor: filters.cursor.as_deref().map(|cursor| read_cursor(LIST, cursor)).transpose()?,
        limit,
    };
    let mut read = caller.begin_read().await?;
    let Page { items, next_cursor } = quality::list_products(read.tx(), &query).await?;
    read.finish().await?;
    let next_cursor = next_cursor.map(|at| write_cursor(LIST, &at)).transpose()?;
    let ids: Vec<ProductId> = items.iter().map(|product| product.product_id).collect();
    let blocked = match filters.blocked_customers {
        true => Some(blocked_customers(&caller, &state, &ids).await?),
        false => None,
    };
    let listed = |product| ListedProductQualityDto::new(product, blocked.as_ref());
    let items: Vec<ListedProductQualityDto> = items.into_iter().map(listed).collect();
    Ok(Json(PageDto::new(Page { items, next_cursor })))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ProductPath {
    #[param(value_type = Uuid)]
    product_id: ProductId,
}

impl PathParameters for ProductPath {
    const NOT_FOUND: ProblemCode = ProblemCode::ProductNotFound;
}

/// How long a request waits for the customers to be compiled; the compiling goes on without it.
const AUDIENCE_PATIENCE: Duration = Duration::from_secs(2);

/// One product's findings and indices, judged at this moment, and how many customers what is missing keeps it from.
#[utoipa::path(get, path = "/api/v1/products/{product_id}/quality", tag = "quality", params(ProductPath),
    responses((status = 200, description = "Findings and indices", body = ProductQualityDetailDto)))]
pub(super) async fn get_product_quality(
    caller: Authorized<permission::ProductsRead>,
    State(state): State<ApiState>,
    Path(path): Path<ProductPath>,
) -> Result<Json<ProductQualityDetailDto>, Problem> {
    let mut read = caller.begin_read().await?;
    let product = quality::product_quality(read.tx(), path.product_id).await?;
    read.finish().await?;
    context::count_rows_read(1);
    let blocked = blocked_customers(&caller, &state, &[path.product_id]).await?;
    Ok(Json(ProductQualityDetailDto::new(product, &blocked)))
}

/// For how many customers each product cannot be verified, as far as that may be told.
async fn blocked_customers(
    caller: &Caller,
    state: &ApiState,
    ids: &[ProductId],
) -> Result<BlockedCustomers, Problem> {
    if !caller.role.may(Permission::MatchesRead) {
        return Ok(BlockedCustomers::NotPermitted);
    }
    let actor = caller.actor();
    let asked = matching::audiences_of(state.audiences(), caller.vendor_scope()?, &actor, ids);
    match tokio::time::timeout(AUDIENCE_PATIENCE, asked).await {
        Ok(counts) => Ok(BlockedCustomers::Counted(counts?)),
        Err(_) => Ok(BlockedCustomers::Building),
    }
}
