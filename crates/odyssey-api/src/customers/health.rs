//! `/api/v1/customers/{customer_id}/health`.

use axum::response::Response;
use http::StatusCode;
use odyssey_domain::customers::{self, HealthRecord};
use odyssey_domain::db::VendorTx;
use odyssey_types::{HealthProfile, Phi};
use serde_json::{Map, Value};

use super::health_dto::HealthDto;
use super::reads::{CustomerPath, versions};
use crate::authorized::{Authorized, permission};
use crate::conditional::{IfMatch, Versioned};
use crate::context;
use crate::extract::{Json, MergePatch, Path};
use crate::idempotency::{Answer, Idempotency};
use crate::problem::Problem;

/// The health profile, and what derives from it. Empty, with version 0, where nothing is recorded.
#[utoipa::path(get, path = "/api/v1/customers/{customer_id}/health", tag = "customers", params(CustomerPath),
    responses((status = 200, description = "The profile", body = HealthDto)))]
pub(super) async fn get_health_profile(
    caller: Authorized<permission::HealthRead>,
    Path(path): Path<CustomerPath>,
) -> Result<Versioned<Json<HealthDto>>, Problem> {
    let mut tx = caller.begin().await?;
    let record = customers::get_profile(&mut tx, path.customer_id).await?;
    tx.commit().await?;
    context::count_rows_read(1);
    Ok(Versioned { row_version: record.row_version, body: Json(HealthDto::new(record)?) })
}

/// Replaces the health profile: what the body leaves out becomes unknown.
#[utoipa::path(put, path = "/api/v1/customers/{customer_id}/health", tag = "customers", params(CustomerPath),
    request_body = HealthProfile, responses((status = 200, description = "The profile", body = HealthDto)))]
pub(super) async fn replace_health_profile(
    caller: Authorized<permission::HealthWrite>,
    idempotency: Idempotency,
    Path(path): Path<CustomerPath>,
    if_match: IfMatch,
    Json(profile): Json<HealthProfile>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let if_versions = versions(Some(if_match));
    let record = customers::put_profile(&mut tx, path.customer_id, Phi::new(profile), if_versions).await?;
    answer(tx, idempotency, record).await
}

/// Changes the named fields of the health profile (RFC 7396) and what derives from them. Lists are
/// replaced as a whole.
#[utoipa::path(patch, path = "/api/v1/customers/{customer_id}/health", tag = "customers", params(CustomerPath),
    request_body(content = HealthProfile, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The profile", body = HealthDto)))]
pub(super) async fn update_health_profile(
    caller: Authorized<permission::HealthWrite>,
    idempotency: Idempotency,
    Path(path): Path<CustomerPath>,
    if_match: Option<IfMatch>,
    MergePatch(patch): MergePatch<Map<String, Value>>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let if_versions = versions(if_match);
    let record = customers::patch_profile(&mut tx, path.customer_id, Phi::new(patch), if_versions).await?;
    answer(tx, idempotency, record).await
}

async fn answer(tx: VendorTx, idempotency: Idempotency, record: HealthRecord) -> Result<Response, Problem> {
    context::count_rows_written(1);
    let row_version = record.row_version;
    let body = HealthDto::new(record)?;
    idempotency.commit(tx, Answer::json(StatusCode::OK, &body).etag(row_version)).await
}
