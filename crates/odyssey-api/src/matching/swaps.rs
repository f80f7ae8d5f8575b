//! `GET /api/v1/matches/{customer_id}/products/{product_id}/swaps`.

use axum::extract::State;
use odyssey_domain::matching::{self, SWAPS_DEFAULT, SWAPS_MAX, SameKind};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::dto::{MatchDto, NoticeDto, ProvenanceDto};
use super::explain::ExplainPath;
use super::matches::between_one_and;
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::{Json, Path, Query};
use crate::problem::Problem;
use crate::state::ApiState;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SwapFilters {
    /// 1 to 50; 10 when left out.
    limit: Option<usize>,
}

/// What makes products the same kind.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SameKindDto {
    /// They have the product's category.
    Category,
    /// The product has no category: nothing is known to be of its kind, so there are no swaps.
    Unknown,
}

/// Better products of the same kind.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SwapListDto {
    /// The product to be replaced, and the verdict on it.
    replaces: MatchDto,
    #[schema(inline)]
    same_kind: SameKindDto,
    /// Fit, and better than the product; best first.
    items: Vec<MatchDto>,
    /// Contradictions of the profile, what is not on record, and advice that concerns every product.
    notices: Vec<NoticeDto>,
    provenance: ProvenanceDto,
}

/// Products of the same kind that fit the customer and are better: a better verdict, or the same with a
/// higher score.
#[utoipa::path(get, path = "/api/v1/matches/{customer_id}/products/{product_id}/swaps", tag = "matching",
    params(ExplainPath, SwapFilters),
    responses((status = 200, description = "The swaps, best first", body = SwapListDto)))]
pub(super) async fn list_swaps(
    caller: Authorized<permission::MatchesRead>,
    State(state): State<ApiState>,
    Path(path): Path<ExplainPath>,
    Query(filters): Query<SwapFilters>,
) -> Result<Json<SwapListDto>, Problem> {
    let limit = between_one_and("limit", filters.limit, SWAPS_MAX)?.unwrap_or(SWAPS_DEFAULT);
    let found =
        matching::find_swaps(&caller, state.snapshots(), path.customer_id, path.product_id, limit).await?;
    context::count_rows_read(found.swaps.len() as u64 + 2);
    Ok(Json(SwapListDto {
        replaces: found.product.into(),
        same_kind: match found.same_kind {
            SameKind::Category => SameKindDto::Category,
            SameKind::Unknown => SameKindDto::Unknown,
        },
        items: found.swaps.into_iter().map(MatchDto::from).collect(),
        notices: found.notices.into_iter().map(NoticeDto::from).collect(),
        provenance: found.provenance.into(),
    }))
}
