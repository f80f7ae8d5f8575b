//! `/api/v1/allergen-holds`: allergens that vanished from the data and wait for a second person.

use axum::response::Response;
use chrono::{DateTime, Utc};
use http::StatusCode;
use odyssey_domain::catalog::{self, Hold};
use odyssey_types::{HoldId, Page, ProductId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authorized::{Authorized, permission};
use crate::extract::{Json, Path, PathParameters, Query};
use crate::idempotency::{Answer, Idempotency};
use crate::paging::{Limit, PageDto, read_cursor, write_cursor};
use crate::problem::{Problem, ProblemCode};

const LIST: &str = "list_allergen_holds";

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HoldFilters {
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct HoldPath {
    #[param(value_type = Uuid)]
    hold_id: HoldId,
}

impl PathParameters for HoldPath {
    const NOT_FOUND: ProblemCode = ProblemCode::HoldNotFound;
}

/// An allergen that a product's data named before and names no longer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HoldDto {
    #[schema(value_type = Uuid)]
    id: HoldId,
    #[schema(value_type = Uuid)]
    product_id: ProductId,
    /// Code of the allergen: `milk`.
    allergen: String,
    since: DateTime<Utc>,
    /// What removed it: a user, or a row of an import.
    #[schema(value_type = Object)]
    lineage: serde_json::Value,
}

impl From<Hold> for HoldDto {
    fn from(hold: Hold) -> Self {
        Self {
            id: hold.id,
            product_id: hold.product_id,
            allergen: hold.allergen,
            since: hold.since,
            lineage: serde_json::to_value(&hold.lineage).unwrap_or_default(),
        }
    }
}

/// Open holds, oldest first.
#[utoipa::path(get, path = "/api/v1/allergen-holds", tag = "catalog", params(HoldFilters),
    responses((status = 200, description = "A page of holds", body = PageDto<HoldDto>)))]
pub(super) async fn list_allergen_holds(
    caller: Authorized<permission::ProductsRead>,
    Query(filters): Query<HoldFilters>,
) -> Result<Json<PageDto<HoldDto>>, Problem> {
    let cursor: Option<String> = filters.cursor.as_deref().map(|c| read_cursor(LIST, c)).transpose()?;
    let mut read = caller.begin_read().await?;
    let page = catalog::list_holds(read.tx(), cursor.as_deref(), filters.limit.get()).await?;
    read.finish().await?;
    let Page { items, next_cursor } = page;
    let next_cursor = next_cursor.map(|at| write_cursor(LIST, &at)).transpose()?;
    Ok(Json(PageDto::new(Page { items, next_cursor })))
}

/// Releases a hold: the label really no longer names the allergen. Not by the person who removed it.
#[utoipa::path(post, path = "/api/v1/allergen-holds/{hold_id}/release", tag = "catalog", params(HoldPath),
    responses((status = 200, description = "The hold that was released", body = HoldDto)))]
pub(super) async fn release_allergen_hold(
    caller: Authorized<permission::HoldsRelease>,
    idempotency: Idempotency,
    Path(path): Path<HoldPath>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let hold = catalog::release_hold(&mut tx, path.hold_id).await?;
    idempotency.commit(tx, Answer::json(StatusCode::OK, &HoldDto::from(hold))).await
}
