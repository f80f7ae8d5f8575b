//! `GET /api/v1/matches/{customer_id}/products/{product_id}`.

use axum::extract::State;
use odyssey_domain::matching::{self, MatchedProduct};
use odyssey_types::{CustomerId, ProductId, ReceiptId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::dto::{
    BlockedDto, InteractionCheckDto, MatchDto, NotConsideredDto, NoticeDto, ProvenanceDto, SmallestChangeDto,
    checked_dtos,
};
use super::receipts;
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::{Json, Path, PathParameters, Query};
use crate::problem::{Problem, ProblemCode};
use crate::state::ApiState;

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

/// What to keep.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ExplainQuery {
    /// `true`: keep a signed receipt of this answer, `GET /receipts/{receipt_id}`.
    #[serde(default)]
    receipt: bool,
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
    /// Contradictions of the profile, what is not on record, and advice that concerns every product.
    notices: Vec<NoticeDto>,
    /// The known interactions that were checked for the drugs on record; there may be others.
    interactions_checked: Vec<InteractionCheckDto>,
    /// Where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    receipt_id: Option<ReceiptId>,
    provenance: ProvenanceDto,
}

/// Why one product suits one customer, or why not.
#[utoipa::path(get, path = "/api/v1/matches/{customer_id}/products/{product_id}", tag = "matching",
    params(ExplainPath, ExplainQuery),
    responses((status = 200, description = "The verdict, with every gate and its evidence", body = ExplanationDto)))]
pub(super) async fn explain_match(
    caller: Authorized<permission::MatchesRead>,
    State(state): State<ApiState>,
    Path(path): Path<ExplainPath>,
    Query(query): Query<ExplainQuery>,
) -> Result<Json<ExplanationDto>, Problem> {
    let mut tx = caller.begin().await?;
    let signer = receipts::signer(&state, query.receipt);
    let explained = matching::explain(&mut tx, path.customer_id, path.product_id, signer).await?;
    tx.commit().await?;
    context::count_rows_read(2);
    let mut verdict = explained.verdict;
    let smallest_change = verdict.smallest_change.take().map(SmallestChangeDto::from);
    let blocked = std::mem::take(&mut verdict.blocked).into_iter().map(BlockedDto::from).collect();
    Ok(Json(ExplanationDto {
        verdict: MatchDto::from(MatchedProduct { product: explained.product, verdict }),
        smallest_change,
        blocked,
        not_considered: explained.not_considered.into_iter().map(NotConsideredDto::from).collect(),
        notices: explained.notices.into_iter().map(NoticeDto::from).collect(),
        interactions_checked: checked_dtos(explained.interactions_checked),
        receipt_id: explained.receipt_id,
        provenance: explained.provenance.into(),
    }))
}
