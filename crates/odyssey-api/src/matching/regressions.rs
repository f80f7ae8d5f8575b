//! `/api/v1/safety-regressions`: labels that changed so that a product conflicts with somebody whom it fitted.

use chrono::{DateTime, Utc};
use odyssey_domain::matching::{self, Regression, cell};
use odyssey_types::{CustomerId, Page, ProductId, RegressionId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::audience::AudienceCustomerDto;
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::{Json, Path, PathParameters, Query};
use crate::paging::{Limit, PageDto, read_cursor, write_cursor};
use crate::problem::{Problem, ProblemCode};

const LIST: &str = "list_safety_regressions";
const CUSTOMERS: &str = "list_regression_customers";

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct RegressionPath {
    #[param(value_type = Uuid)]
    regression_id: RegressionId,
}

impl PathParameters for RegressionPath {
    const NOT_FOUND: ProblemCode = ProblemCode::RegressionNotFound;
}

/// Which of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RegressionFilters {
    #[param(value_type = Option<Uuid>)]
    product_id: Option<ProductId>,
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

/// A change of a label by which somebody lost the product. A count of 1 to 10 is not told (null).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RegressionDto {
    #[schema(value_type = Uuid)]
    id: RegressionId,
    #[schema(value_type = Uuid)]
    product_id: ProductId,
    detected_at: DateTime<Utc>,
    /// The catalog version at which it was found.
    catalog_version: i64,
    /// Customers it fitted and conflicts with now: at least one.
    to_conflict: Option<u64>,
    /// Customers it fitted and for whom it can no longer be verified.
    to_cannot_verify: Option<u64>,
}

/// Labels that turned against somebody, newest first. Found in the background within seconds of the change, and told
/// as the event `product.safety_regressed`.
#[utoipa::path(get, path = "/api/v1/safety-regressions", tag = "matching", params(RegressionFilters),
    responses((status = 200, description = "A page of them", body = PageDto<RegressionDto>)))]
pub(super) async fn list_safety_regressions(
    caller: Authorized<permission::MatchesRead>,
    Query(filters): Query<RegressionFilters>,
) -> Result<Json<PageDto<RegressionDto>>, Problem> {
    let before: Option<RegressionId> =
        filters.cursor.as_deref().map(|cursor| read_cursor(LIST, cursor)).transpose()?;
    let mut read = caller.begin_read().await?;
    let page = matching::list_regressions(read.tx(), filters.product_id, before, filters.limit.get()).await?;
    read.finish().await?;
    context::count_rows_read(page.items.len() as u64);
    let next_cursor = page.items.last().filter(|_| page.next_cursor.is_some());
    let next_cursor = next_cursor.map(|last| write_cursor(LIST, &last.id)).transpose()?;
    let items = page.items.into_iter().map(RegressionDto::from).collect();
    Ok(Json(PageDto::new(Page { items, next_cursor })))
}

/// Of whom.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CustomerFilters {
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

/// The customers whom the product fitted and conflicts with now, by id; the first 100,000, those who still consent.
/// Tells what their health allows, so each of them is recorded as disclosed.
#[utoipa::path(get, path = "/api/v1/safety-regressions/{regression_id}/customers", tag = "matching",
    params(RegressionPath, CustomerFilters),
    responses((status = 200, description = "A page of customers", body = PageDto<AudienceCustomerDto>)))]
pub(super) async fn list_regression_customers(
    caller: Authorized<permission::HealthRead>,
    Path(path): Path<RegressionPath>,
    Query(filters): Query<CustomerFilters>,
) -> Result<Json<PageDto<AudienceCustomerDto>>, Problem> {
    let after: Option<CustomerId> =
        filters.cursor.as_deref().map(|cursor| read_cursor(CUSTOMERS, cursor)).transpose()?;
    let mut tx = caller.begin().await?;
    let limit = filters.limit.get() as usize;
    let page = matching::regression_customers(&mut tx, path.regression_id, after, limit).await?;
    tx.commit().await?;
    context::count_rows_read(page.items.len() as u64);
    let next_cursor = page.next_cursor.map(|last| write_cursor(CUSTOMERS, &last)).transpose()?;
    let items = page.items.into_iter().map(AudienceCustomerDto::from).collect();
    Ok(Json(PageDto::new(Page { items, next_cursor })))
}

impl From<Regression> for RegressionDto {
    fn from(found: Regression) -> Self {
        Self {
            id: found.id,
            product_id: found.product_id,
            detected_at: found.detected_at,
            catalog_version: found.catalog_version,
            to_conflict: cell(found.conflict_count.unsigned_abs()),
            to_cannot_verify: cell(found.unverified_count.unsigned_abs()),
        }
    }
}
