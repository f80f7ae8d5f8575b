//! `/api/v1/scoring-policy`: the weights of the score.

use axum::response::Response;
use http::StatusCode;
use odyssey_domain::rules::{self, CurrentScoring};
use odyssey_matching::ScoringPolicy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authorized::{Authorized, permission};
use crate::conditional::{IfMatch, Versioned};
use crate::context;
use crate::extract::Json;
use crate::idempotency::{Answer, Idempotency};
use crate::problem::Problem;

/// Weights of the groups of the score, 0 to 1,000 each; what counts is their share of the sum over the groups
/// that apply. Profile models never exceed 15 % of the whole, nor preference 10 %.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WeightsDto {
    /// What is to be kept low: at least 1.
    caps: u32,
    /// What is to be reached.
    targets: u32,
    /// Macronutrients and energy.
    fit: u32,
    goal: u32,
    /// Nutri-Score and NOVA.
    models: u32,
    preference: u32,
}

/// The weights in force.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScoringPolicyDto {
    /// 0: the platform's own.
    version: i32,
    weights: WeightsDto,
}

/// The weights in force.
#[utoipa::path(get, path = "/api/v1/scoring-policy", tag = "rules",
    responses((status = 200, description = "The weights", body = ScoringPolicyDto)))]
pub(super) async fn get_scoring_policy(
    caller: Authorized<permission::SettingsRead>,
) -> Result<Versioned<Json<ScoringPolicyDto>>, Problem> {
    let mut read = caller.begin_read().await?;
    let scoring = rules::current_scoring(read.tx()).await?;
    read.finish().await?;
    context::count_rows_read(1);
    Ok(Versioned { row_version: i64::from(scoring.version), body: Json(scoring.into()) })
}

/// Puts other weights in force.
#[utoipa::path(put, path = "/api/v1/scoring-policy", tag = "rules", request_body = WeightsDto,
    responses((status = 200, description = "The weights in force", body = ScoringPolicyDto)))]
pub(super) async fn replace_scoring_policy(
    caller: Authorized<permission::SettingsWrite>,
    idempotency: Idempotency,
    if_match: IfMatch,
    Json(body): Json<WeightsDto>,
) -> Result<Response, Problem> {
    let versions = match if_match {
        IfMatch::Any => None,
        IfMatch::OneOf(versions) => Some(versions),
    };
    let mut tx = caller.begin().await?;
    let scoring = rules::put_scoring(&mut tx, body.into(), versions.as_deref()).await?;
    context::count_rows_written(1);
    let answer =
        Answer::json(StatusCode::OK, &ScoringPolicyDto::from(scoring)).etag(i64::from(scoring.version));
    idempotency.commit(tx, answer).await
}

impl From<CurrentScoring> for ScoringPolicyDto {
    fn from(scoring: CurrentScoring) -> Self {
        let ScoringPolicy { caps, targets, fit, goal, models, preference } = scoring.weights;
        let weights = WeightsDto { caps, targets, fit, goal, models, preference };
        Self { version: scoring.version, weights }
    }
}

impl From<WeightsDto> for ScoringPolicy {
    fn from(weights: WeightsDto) -> Self {
        let WeightsDto { caps, targets, fit, goal, models, preference } = weights;
        Self { caps, targets, fit, goal, models, preference }
    }
}
