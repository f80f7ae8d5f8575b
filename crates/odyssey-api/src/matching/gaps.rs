//! `GET /api/v1/analytics/assortment-gaps`.

use axum::extract::State;
use odyssey_domain::matching::{self, Archetype, GAPS_SAMPLE_DEFAULT, GAPS_SAMPLE_MAX, Gaps};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::{Json, Query};
use crate::problem::{Problem, ProblemCode, ProblemError};
use crate::state::ApiState;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct GapFilters {
    /// How many profiles to look at: 1 to 1,000; 300 when left out.
    sample: Option<usize>,
}

/// Customers whose hard gates are about the same things.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ArchetypeDto {
    /// What the gates are about: `milk`, `vegan`, `htn sodium_mg`. Empty: none. A profile that cannot be
    /// served safely has its code (`DQ_…`) instead.
    subjects: Vec<String>,
    /// Customers of the sample; at least 11.
    customers: u64,
    /// Products that fit, for whoever finds least, for the median customer, for whoever finds most.
    fits_least: u64,
    fits_median: u64,
    fits_most: u64,
}

impl From<Archetype> for ArchetypeDto {
    fn from(archetype: Archetype) -> Self {
        let Archetype { subjects, customers, fits_least, fits_median, fits_most } = archetype;
        Self { subjects, customers, fits_least, fits_median, fits_most }
    }
}

/// Which kinds of profiles find little.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GapsDto {
    catalog_version: i64,
    /// Products that were judged.
    products: u64,
    /// Customers with a profile and health consent.
    population: u64,
    /// Not all of them were looked at.
    sampled: bool,
    /// How many were.
    n: u64,
    /// Fewest products first.
    archetypes: Vec<ArchetypeDto>,
    /// Customers of the sample in groups of fewer than 11, or left out so that those stay untold.
    suppressed_customers: u64,
}

impl From<Gaps> for GapsDto {
    fn from(gaps: Gaps) -> Self {
        Self {
            catalog_version: gaps.catalog_version,
            products: gaps.products,
            population: gaps.population,
            sampled: gaps.sample < gaps.population,
            n: gaps.sample,
            archetypes: gaps.archetypes.into_iter().map(ArchetypeDto::from).collect(),
            suppressed_customers: gaps.suppressed_customers,
        }
    }
}

/// Which kinds of profiles find little in the catalog, by a sample; small groups are not shown.
#[utoipa::path(get, path = "/api/v1/analytics/assortment-gaps", tag = "analytics", params(GapFilters),
    responses((status = 200, description = "Kinds of profiles and how many products fit", body = GapsDto)))]
pub(super) async fn get_assortment_gaps(
    caller: Authorized<permission::MatchesRead>,
    State(state): State<ApiState>,
    Query(filters): Query<GapFilters>,
) -> Result<Json<GapsDto>, Problem> {
    let sample = filters.sample.unwrap_or(GAPS_SAMPLE_DEFAULT);
    if !(1..=GAPS_SAMPLE_MAX).contains(&sample) {
        return Err(Problem::new(ProblemCode::ValidationError).error(ProblemError::parameter(
            "sample",
            "out_of_range",
            format!("sample is between 1 and {GAPS_SAMPLE_MAX}"),
        )));
    }
    let gaps = matching::assortment_gaps(&caller, state.snapshots(), sample).await?;
    context::count_rows_read(gaps.sample);
    Ok(Json(gaps.into()))
}
