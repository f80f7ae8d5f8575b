//! `/api/v1/products/{product_id}/audience`: for how many customers a product fits, and for whom.

use axum::extract::State;
use odyssey_domain::matching::{self, CELL_MIN, ProductAudience};
use odyssey_matching::{AudienceCounts, VerdictKind};
use odyssey_types::{CustomerId, Page, ProductId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::{Json, Path, PathParameters, Query};
use crate::paging::{Limit, PageDto, read_cursor, write_cursor};
use crate::problem::{Problem, ProblemCode};
use crate::state::ApiState;

const LIST: &str = "list_product_audience";

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct AudiencePath {
    #[param(value_type = Uuid)]
    product_id: ProductId,
}

impl PathParameters for AudiencePath {
    const NOT_FOUND: ProblemCode = ProblemCode::ProductNotFound;
}

/// How many consenting customers stand at each verdict. A cell of 1 to 10 is not told (null), nor is the next
/// smallest one when it alone would give it away.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AudienceDto {
    #[schema(value_type = Uuid)]
    product_id: ProductId,
    fits: Option<u64>,
    fits_with_caution: Option<u64>,
    cannot_verify: Option<u64>,
    conflict: Option<u64>,
    /// Whether any cell is not told.
    suppressed: bool,
    /// The catalog version whose label was judged.
    catalog_version: i64,
}

/// For how many customers a product fits, and for how many it conflicts.
#[utoipa::path(get, path = "/api/v1/products/{product_id}/audience", tag = "matching", params(AudiencePath),
    responses((status = 200, description = "Customers by verdict, small cells left out", body = AudienceDto)))]
pub(super) async fn get_product_audience(
    caller: Authorized<permission::MatchesRead>,
    State(state): State<ApiState>,
    Path(path): Path<AudiencePath>,
) -> Result<Json<AudienceDto>, Problem> {
    let scope = caller.vendor_scope()?;
    let found = matching::audience(state.audiences(), scope, &caller.actor(), path.product_id).await?;
    context::count_rows_read(1);
    Ok(Json(found.into()))
}

/// Whom to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AudienceFilters {
    #[param(inline)]
    verdict: VerdictParameter,
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum VerdictParameter {
    Fits,
    FitsWithCaution,
    CannotVerify,
    Conflict,
}

/// A customer of an audience.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AudienceCustomerDto {
    #[schema(value_type = Uuid)]
    customer_id: CustomerId,
}

impl From<CustomerId> for AudienceCustomerDto {
    fn from(customer_id: CustomerId) -> Self {
        Self { customer_id }
    }
}

/// The customers to whom a product has a verdict, by id. Tells what their health allows, so each of them is
/// recorded as disclosed.
#[utoipa::path(get, path = "/api/v1/products/{product_id}/audience/customers", tag = "matching",
    params(AudiencePath, AudienceFilters),
    responses((status = 200, description = "A page of customers", body = PageDto<AudienceCustomerDto>)))]
pub(super) async fn list_product_audience(
    caller: Authorized<permission::HealthRead>,
    State(state): State<ApiState>,
    Path(path): Path<AudiencePath>,
    Query(filters): Query<AudienceFilters>,
) -> Result<Json<PageDto<AudienceCustomerDto>>, Problem> {
    let after: Option<CustomerId> = filters.cursor.as_deref().map(|c| read_cursor(LIST, c)).transpose()?;
    let limit = filters.limit.get() as usize;
    let verdict = match filters.verdict {
        VerdictParameter::Fits => VerdictKind::Fits,
        VerdictParameter::FitsWithCaution => VerdictKind::FitsWithCaution,
        VerdictParameter::CannotVerify => VerdictKind::CannotVerify,
        VerdictParameter::Conflict => VerdictKind::Conflict,
    };
    let scope = caller.vendor_scope()?;
    let actor = caller.actor();
    let page = matching::audience_customers(
        state.audiences(),
        scope,
        &actor,
        path.product_id,
        verdict,
        after,
        limit,
    )
    .await?;
    let last = page.last().filter(|_| page.len() == limit);
    let next_cursor = last.map(|id| write_cursor(LIST, id)).transpose()?;
    let items = page.into_iter().map(AudienceCustomerDto::from).collect();
    Ok(Json(PageDto::new(Page { items, next_cursor })))
}

impl From<ProductAudience> for AudienceDto {
    fn from(found: ProductAudience) -> Self {
        let [fits, fits_with_caution, cannot_verify, conflict] = told(found.counts);
        let cells = [fits, fits_with_caution, cannot_verify, conflict];
        Self {
            product_id: found.product_id,
            fits,
            fits_with_caution,
            cannot_verify,
            conflict,
            suppressed: cells.contains(&None),
            catalog_version: found.catalog_version,
        }
    }
}

/// The cells that may be told. One that is left out could be found by subtraction from the number of customers,
/// so a second one goes with it.
fn told(counts: AudienceCounts) -> [Option<u64>; 4] {
    let AudienceCounts { fits, fits_with_caution, cannot_verify, conflict } = counts;
    let cells = [fits, fits_with_caution, cannot_verify, conflict];
    let is_small = |count: u64| (1..CELL_MIN as u64).contains(&count);
    let mut told = cells.map(|count| (!is_small(count)).then_some(count));
    if told.iter().filter(|cell| cell.is_none()).count() == 1 {
        let next = (0..4).filter(|at| told[*at].is_some_and(|count| count > 0)).min_by_key(|at| cells[*at]);
        if let Some(next) = next {
            told[next] = None;
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(counts: [u64; 4]) -> [Option<u64>; 4] {
        let [fits, fits_with_caution, cannot_verify, conflict] = counts;
        told(AudienceCounts { fits, fits_with_caution, cannot_verify, conflict })
    }

    #[test]
    fn small_cells_are_left_out_and_cannot_be_found_by_subtraction() {
        assert_eq!(cells([100, 0, 50, 11]), [Some(100), Some(0), Some(50), Some(11)]);
        assert_eq!(cells([100, 3, 50, 0]), [Some(100), None, None, Some(0)]);
        assert_eq!(cells([100, 3, 5, 0]), [Some(100), None, None, Some(0)]);
        assert_eq!(cells([0, 0, 0, 4]), [Some(0), Some(0), Some(0), None]);
    }
}
