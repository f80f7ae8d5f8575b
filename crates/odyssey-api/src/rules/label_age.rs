//! `/api/v1/label-age`: how old a label may be and still prove something.

use axum::response::Response;
use http::StatusCode;
use odyssey_domain::rules::{self, LabelAge};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authorized::{Authorized, permission};
use crate::conditional::{IfMatch, Versioned};
use crate::context;
use crate::extract::Json;
use crate::idempotency::{Answer, Idempotency};
use crate::problem::Problem;

/// A limit on the age of labels. A label that is older, or of no stated day, still counts for what it says a product
/// contains, and no longer for what it does not contain: allergies, diets and ingredient rules then cannot be
/// verified, and the reasons say so (`DQ_STALE`).
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LabelAgeDto {
    /// 1 to 3,650; null: no limit.
    #[schema(required = true)]
    max_days: Option<u32>,
}

/// The limit in force. The ETag is the version of everything the vendor decides by.
#[utoipa::path(get, path = "/api/v1/label-age", tag = "rules",
    responses((status = 200, description = "The limit", body = LabelAgeDto)))]
pub(super) async fn get_label_age(
    caller: Authorized<permission::SettingsRead>,
) -> Result<Versioned<Json<LabelAgeDto>>, Problem> {
    let mut read = caller.begin_read().await?;
    let limit = rules::current_label_age(read.tx()).await?;
    read.finish().await?;
    context::count_rows_read(1);
    Ok(Versioned { row_version: limit.policy_version, body: Json(limit.into()) })
}

/// Puts another limit in force: every verdict follows it from the next call on.
#[utoipa::path(put, path = "/api/v1/label-age", tag = "rules", request_body = LabelAgeDto,
    responses((status = 200, description = "The limit in force", body = LabelAgeDto)))]
pub(super) async fn replace_label_age(
    caller: Authorized<permission::SettingsWrite>,
    idempotency: Idempotency,
    if_match: IfMatch,
    Json(body): Json<LabelAgeDto>,
) -> Result<Response, Problem> {
    let versions = match if_match {
        IfMatch::Any => None,
        IfMatch::OneOf(versions) => Some(versions),
    };
    let mut tx = caller.begin().await?;
    let limit = rules::put_label_age(&mut tx, body.max_days, versions.as_deref()).await?;
    context::count_rows_written(1);
    let answer = Answer::json(StatusCode::OK, &LabelAgeDto::from(limit)).etag(limit.policy_version);
    idempotency.commit(tx, answer).await
}

impl From<LabelAge> for LabelAgeDto {
    fn from(limit: LabelAge) -> Self {
        Self { max_days: limit.max_days }
    }
}
