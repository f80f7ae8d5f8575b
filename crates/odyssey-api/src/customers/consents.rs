//! `/api/v1/customers/{customer_id}/consents`.

use axum::response::Response;
use chrono::{DateTime, Utc};
use http::StatusCode;
use odyssey_domain::customers::{self, Consent, WriteRefusal};
use odyssey_types::{ConsentId, JobId, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use super::reads::CustomerPath;
use super::record::ConsentRecordDto;
use crate::authorized::{Authorized, permission};
use crate::conditional::Versioned;
use crate::context;
use crate::extract::{Json, Path};
use crate::idempotency::{Answer, Idempotency};
use crate::problem::Problem;

/// Every record of consent, newest first. The newest of a purpose counts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConsentsDto {
    items: Vec<ConsentDto>,
}

/// One record of consent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConsentDto {
    #[schema(value_type = Uuid)]
    id: ConsentId,
    /// Its place in the customer's history, from 1.
    version: i64,
    /// `health_data`, `marketing` or `analytics`.
    purpose: &'static str,
    /// `granted` or `withdrawn`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_version: Option<String>,
    /// `person`, `vendor_attestation`, `column` or `deletion`.
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    recorded_by: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    job_id: Option<JobId>,
    recorded_at: DateTime<Utc>,
}

impl ConsentsDto {
    fn new(consents: Vec<Consent>) -> (i64, Self) {
        let version = consents.first().map_or(0, |newest| newest.version);
        (version, Self { items: consents.into_iter().map(ConsentDto::from).collect() })
    }
}

impl From<Consent> for ConsentDto {
    fn from(consent: Consent) -> Self {
        Self {
            id: consent.id,
            version: consent.version,
            purpose: consent.purpose.as_str(),
            state: consent.state.as_str(),
            text_version: consent.text_version,
            source: consent.source.as_str(),
            recorded_by: consent.recorded_by,
            job_id: consent.job_id,
            recorded_at: consent.recorded_at,
        }
    }
}

/// The consents of a customer.
#[utoipa::path(get, path = "/api/v1/customers/{customer_id}/consents", tag = "customers", params(CustomerPath),
    responses((status = 200, description = "The consents", body = ConsentsDto)))]
pub(super) async fn list_consents(
    caller: Authorized<permission::CustomersRead>,
    Path(path): Path<CustomerPath>,
) -> Result<Versioned<Json<ConsentsDto>>, Problem> {
    let mut tx = caller.begin().await?;
    let consents = customers::list_consents(&mut tx, path.customer_id).await?;
    tx.commit().await?;
    context::count_rows_read(consents.len() as u64);
    let (row_version, body) = ConsentsDto::new(consents);
    Ok(Versioned { row_version, body: Json(body) })
}

/// Grants or withdraws a consent. A withdrawal counts from the next call on.
#[utoipa::path(post, path = "/api/v1/customers/{customer_id}/consents", tag = "customers", params(CustomerPath),
    request_body = ConsentRecordDto,
    responses(
        (status = 201, description = "It is recorded; the consents as they are now", body = ConsentsDto),
        (status = 200, description = "It stood like that already", body = ConsentsDto)))]
pub(super) async fn record_consent(
    caller: Authorized<permission::CustomersWrite>,
    idempotency: Idempotency,
    Path(path): Path<CustomerPath>,
    Json(body): Json<ConsentRecordDto>,
) -> Result<Response, Problem> {
    let change = body.into_change().map_err(|error| WriteRefusal::Invalid(vec![error]))?;
    let mut tx = caller.begin().await?;
    let recorded = customers::record_consent(&mut tx, path.customer_id, change).await?;
    let consents = customers::list_consents(&mut tx, path.customer_id).await?;
    context::count_rows_written(u64::from(recorded));
    let status = if recorded { StatusCode::CREATED } else { StatusCode::OK };
    let (version, body) = ConsentsDto::new(consents);
    idempotency.commit(tx, Answer::json(status, &body).etag(version)).await
}
