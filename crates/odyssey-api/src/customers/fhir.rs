//! `/api/v1/customers/{customer_id}/fhir`: bundles of FHIR R4, proposed and applied.

use axum::response::Response;
use http::StatusCode;
use odyssey_domain::customers;
use odyssey_types::{CustomerId, Phi, ProposalId};
use serde::Deserialize;
use utoipa::IntoParams;

use super::fhir_dto::{ApplyFhirProposal, FhirProposalDto};
use super::health_dto::HealthDto;
use super::reads::{CustomerPath, versions};
use crate::authorized::{Authorized, permission};
use crate::conditional::{IfMatch, Versioned};
use crate::context;
use crate::extract::{FhirJson, Json, Path, PathParameters, Query};
use crate::idempotency::{Answer, Idempotency};
use crate::problem::{Problem, ProblemCode};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct FhirProposalPath {
    #[param(value_type = Uuid)]
    pub customer_id: CustomerId,
    #[param(value_type = Uuid)]
    pub proposal_id: ProposalId,
}

impl PathParameters for FhirProposalPath {
    const NOT_FOUND: ProblemCode = ProblemCode::ProposalNotFound;
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ProposeFhir {
    /// Whoever asks has looked at the patient of the bundle and says that it is this customer, although no
    /// identifier or another birth date says so.
    #[serde(default)]
    patient_confirmed: bool,
}

/// Makes a proposal of a FHIR R4 bundle: what each resource means for the health profile, code by code, with
/// reasons. Nothing is applied. A food allergy that means nothing to us blocks matching from now on, until
/// somebody decides.
#[utoipa::path(post, path = "/api/v1/customers/{customer_id}/fhir", tag = "customers",
    params(CustomerPath, ProposeFhir),
    request_body(content = Object, content_type = "application/fhir+json", description = "A Bundle"),
    responses((status = 201, description = "The proposal; its ETag is the profile's", body = FhirProposalDto)))]
pub(super) async fn propose_fhir(
    caller: Authorized<permission::HealthWrite>,
    idempotency: Idempotency,
    Path(path): Path<CustomerPath>,
    Query(query): Query<ProposeFhir>,
    FhirJson(body): FhirJson,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let bundle = Phi::new(body.to_vec());
    let proposal =
        customers::propose_fhir(&mut tx, path.customer_id, bundle, query.patient_confirmed).await?;
    context::count_rows_written(1);
    let location = format!("/api/v1/customers/{}/fhir/{}", path.customer_id, proposal.id);
    let version = proposal.profile_version;
    let answer = Answer::json(StatusCode::CREATED, &FhirProposalDto::new(proposal)?);
    idempotency.commit(tx, answer.etag(version).location(&location)).await
}

/// A proposal, with the profile that would come of it now. Its ETag is the profile's.
#[utoipa::path(get, path = "/api/v1/customers/{customer_id}/fhir/{proposal_id}", tag = "customers",
    params(FhirProposalPath),
    responses((status = 200, description = "The proposal", body = FhirProposalDto)))]
pub(super) async fn get_fhir_proposal(
    caller: Authorized<permission::HealthRead>,
    Path(path): Path<FhirProposalPath>,
) -> Result<Versioned<Json<FhirProposalDto>>, Problem> {
    let mut tx = caller.begin().await?;
    let proposal = customers::get_fhir_proposal(&mut tx, path.customer_id, path.proposal_id).await?;
    tx.commit().await?;
    context::count_rows_read(1);
    let row_version = proposal.profile_version;
    Ok(Versioned { row_version, body: Json(FhirProposalDto::new(proposal)?) })
}

/// Applies a proposal to the health profile, if that has not changed since. An allergy to a food is confirmed,
/// mapped, or turned down with a reason; one that nobody decides enters in its words and blocks matching.
#[utoipa::path(post, path = "/api/v1/customers/{customer_id}/fhir/{proposal_id}/apply", tag = "customers",
    params(FhirProposalPath), request_body = ApplyFhirProposal,
    responses((status = 200, description = "The profile", body = HealthDto)))]
pub(super) async fn apply_fhir_proposal(
    caller: Authorized<permission::HealthWrite>,
    idempotency: Idempotency,
    Path(path): Path<FhirProposalPath>,
    if_match: IfMatch,
    Json(body): Json<ApplyFhirProposal>,
) -> Result<Response, Problem> {
    let decisions = body.into_decisions()?;
    let mut tx = caller.begin().await?;
    let if_versions = versions(Some(if_match));
    let record =
        customers::apply_fhir(&mut tx, path.customer_id, path.proposal_id, decisions, if_versions).await?;
    context::count_rows_written(1);
    let row_version = record.row_version;
    let body = HealthDto::new(record)?;
    idempotency.commit(tx, Answer::json(StatusCode::OK, &body).etag(row_version)).await
}
