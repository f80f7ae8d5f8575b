//! `GET /api/v1/matches/{customer_id}`.

use axum::extract::State;
use odyssey_domain::matching::{self, MATCHES_DEFAULT, MATCHES_MAX, MatchQuery};
use odyssey_types::CustomerId;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::dto::MatchListDto;
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::{Json, Path, PathParameters, Query};
use crate::problem::{Problem, ProblemCode, ProblemError};
use crate::state::ApiState;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct CustomerPath {
    #[param(value_type = Uuid)]
    customer_id: CustomerId,
}

impl PathParameters for CustomerPath {
    const NOT_FOUND: ProblemCode = ProblemCode::CustomerNotFound;
}

/// How many products, and of which. Filters never change a gate.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MatchFilters {
    /// 1 to 1,000; 20 when left out.
    k: Option<usize>,
    /// `cannot_verify`: list those of which a needed fact is not stated as well, apart.
    #[param(inline)]
    include: Option<IncludeDto>,
    brand: Option<String>,
    category_id: Option<String>,
    /// Any of these dietary tags, separated by commas.
    #[serde(rename = "tags.any")]
    tags_any: Option<String>,
    /// Words that must all occur in the product.
    q: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum IncludeDto {
    CannotVerify,
}

/// The products that suit one customer, best first.
#[utoipa::path(get, path = "/api/v1/matches/{customer_id}", tag = "matching", params(CustomerPath, MatchFilters),
    responses((status = 200, description = "The products, and what removed the others", body = MatchListDto)))]
pub(super) async fn list_matches(
    caller: Authorized<permission::MatchesRead>,
    State(state): State<ApiState>,
    Path(path): Path<CustomerPath>,
    Query(filters): Query<MatchFilters>,
) -> Result<Json<MatchListDto>, Problem> {
    let query = filters.into_query()?;
    let matches = matching::list_for_customer(&caller, state.snapshots(), path.customer_id, &query).await?;
    context::count_rows_read((matches.fits.len() + matches.cannot_verify.len() + 1) as u64);
    Ok(Json(matches.into()))
}

impl MatchFilters {
    fn into_query(self) -> Result<MatchQuery, Problem> {
        let k = self.k.unwrap_or(MATCHES_DEFAULT);
        if !(1..=MATCHES_MAX).contains(&k) {
            return Err(Problem::new(ProblemCode::ValidationError).error(ProblemError::parameter(
                "k",
                "out_of_range",
                format!("k is between 1 and {MATCHES_MAX}"),
            )));
        }
        let tags = self.tags_any.unwrap_or_default();
        Ok(MatchQuery {
            k,
            include_cannot_verify: self.include == Some(IncludeDto::CannotVerify),
            brands: self.brand.into_iter().collect(),
            categories: self.category_id.into_iter().collect(),
            tags: tags.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect(),
            q: self.q,
        })
    }
}
