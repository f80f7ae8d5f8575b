//! `POST /api/v1/matches/preview`.

use axum::extract::State;
use odyssey_domain::matching::{self, PreviewOf};
use odyssey_types::{CustomerId, HealthProfile, Phi};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::dto::MatchListDto;
use super::matches::MatchFilters;
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::Json;
use crate::problem::Problem;
use crate::state::ApiState;

/// Whose matches: a profile of the request, or a customer's with some fields changed. No `Debug`: it is
/// health data.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PreviewSubject {
    /// A profile that is on nobody's record; alone.
    #[serde(default)]
    profile: Option<Box<HealthProfile>>,
    /// A customer who consents to the use of health data.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    customer_id: Option<CustomerId>,
    /// With `customer_id`: fields of the profile to try, as a JSON Merge Patch.
    #[serde(default)]
    #[schema(value_type = Option<HealthProfile>)]
    overrides: Option<Map<String, Value>>,
}

/// What to try, and what to look for. No `Debug`: it is health data.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PreviewMatches {
    subject: PreviewSubject,
    /// Like the parameters of `GET /matches/{customer_id}`.
    #[serde(default)]
    query: MatchFilters,
}

impl PreviewSubject {
    pub(super) fn into_domain(self) -> Result<PreviewOf, Problem> {
        match (self.profile, self.customer_id, self.overrides) {
            (Some(profile), None, None) => Ok(PreviewOf::AdHoc(Phi::new(profile))),
            (None, Some(id), overrides) => {
                Ok(PreviewOf::Customer { id, overrides: Phi::new(overrides.unwrap_or_default()) })
            }
            _ => Err(Problem::invalid(
                "#/subject",
                "exactly_one",
                "send either `profile`, or `customer_id` with or without `overrides`",
            )),
        }
    }
}

/// What would suit a profile that is not stored. Nothing is written but the audit.
#[utoipa::path(post, path = "/api/v1/matches/preview", tag = "matching", request_body = PreviewMatches,
    responses((status = 200, description = "The products, and what removed the others", body = MatchListDto)))]
pub(super) async fn preview_matches(
    caller: Authorized<permission::MatchesRead>,
    State(state): State<ApiState>,
    Json(body): Json<PreviewMatches>,
) -> Result<Json<MatchListDto>, Problem> {
    if body.query.receipt {
        let why = "a preview stores nothing, so it has no receipt: leave this out";
        return Err(Problem::invalid("#/query/receipt", "not_here", why));
    }
    let query = body.query.into_query()?;
    let of = body.subject.into_domain()?;
    let matches = matching::preview(&caller, state.snapshots(), &of, &query).await?;
    context::count_rows_read((matches.fits.len() + matches.cannot_verify.len() + 1) as u64);
    Ok(Json(matches.into()))
}
