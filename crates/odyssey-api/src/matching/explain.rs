//! `GET /api/v1/matches/{customer_id}/products/{product_id}`.

use odyssey_domain::matching;
use odyssey_types::{CustomerId, ProductId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::dto::{
    BlockedDto, InteractionCheckDto, MatchDto, NotConsideredDto, NoticeDto, ProvenanceDto, SmallestChangeDto,
    checked_dtos,
};
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::{Json, Path, PathParameters};
use crate::problem::{Problem, ProblemCode};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ExplainPath {
    #[param(value_type = Uuid)]
    pub(super) customer_id: CustomerId,
    #[param(value_type = Uuid)]
    pub(super) product_id: ProductId,
}

impl PathParameters for ExplainPath {
    const NOT_FOUND: ProblemCode = ProblemCode::CustomerNotFound;
}

/// The verdict on one product: why, or why not.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExplanationDto {
    #[serde(flatten)]
    verdict: MatchDto,
    /// The one thing that would make the product fit; never "remove the allergy".
    #[serde(skip_serializing_if = "Option::is_none")]
    smallest_change: Option<SmallestChangeDto>,
    blocked: Vec<BlockedDto>,
    not_considered: Vec<NotConsideredDto>,
    /// Contradictions of the profile, and advice that concerns every product.
    notices: Vec<NoticeDto>,
    /// The known interactions that were checked for the drugs on record; there may be others.
    interactions_checked: Vec<InteractionCheckDto>,
    provenance: ProvenanceDto,
}

/// Why one product suits one customer, or why not.
#[utoipa::path(get, path = "/api/v1/matches/{customer_id}/products/{product_id}", tag = "matching", params(ExplainPath),
    responses((status = 200, description = "The verdict, with every gate and its evidence", body = ExplanationDto)))]
pub(super) async fn explain_match(
    caller: Authorized<permission::MatchesRead>,
    Path(path): Path<ExplainPath>,
) -> Result<Json<ExplanationDto>, Problem> {
    let mut tx = caller.begin().await?;
    let explained = matching::explain(&mut tx, path.customer_id, path.product_id).await?;
    tx.commit().await?;
    context::count_rows_read(2);
    let mut verdict = explained.verdict;
    let smallest_change = verdict.smallest_change.take().map(SmallestChangeDto::from);
    let blocked = std::mem::take(&mut verdict.blocked).into_iter().map(BlockedDto::from).collect();
    Ok(Json(ExplanationDto {
        verdict: MatchDto { product: explained.product.into(), verdict: verdict.into() },
        smallest_change,
        blocked,
        not_considered: explained.not_considered.into_iter().map(NotConsideredDto::from).collect(),
        notices: explained.notices.into_iter().map(NoticeDto::from).collect(),
        interactions_checked: checked_dtos(explained.interactions_checked),
        provenance: explained.provenance.into(),
    }))
}
