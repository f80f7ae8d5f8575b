//! `/api/v1/customers/{customer_id}/versions`, `/api/v1/customers/{customer_id}/restore`.

use axum::response::Response;
use chrono::{DateTime, Utc};
use http::StatusCode;
use odyssey_domain::customers::{self, ComparedVersion, CustomerVersion, Replacing};
use odyssey_domain::differences::Difference;
use odyssey_types::{CustomerId, CustomerIdentity, HealthProfile, JobId, Page, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::reads::{CustomerPath, versions};
use super::writes::answer_with;
use crate::authorized::{Authorized, permission};
use crate::conditional::IfMatch;
use crate::context;
use crate::extract::{Json, Path, PathParameters, Query};
use crate::idempotency::Idempotency;
use crate::paging::{Limit, PageDto, read_cursor, write_cursor};
use crate::problem::{Problem, ProblemCode};

const LIST: &str = "list_customer_versions";

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CustomerVersionsQuery {
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

/// A value that differs. No `Debug`: it is personal.
#[derive(Serialize, ToSchema)]
pub(super) struct CustomerDifferenceDto {
    /// JSON pointer into record and profile: `/name`, `/profile/allergies`. Lists are compared whole.
    pointer: String,
    /// Absent: unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

impl From<Difference> for CustomerDifferenceDto {
    fn from(difference: Difference) -> Self {
        let Difference { pointer, before, after } = difference;
        Self { pointer, before, after }
    }
}

fn differences_of(differences: Vec<Difference>) -> Vec<CustomerDifferenceDto> {
    differences.into_iter().map(Into::into).collect()
}

/// Who or what made a version.
#[derive(Debug, Serialize, ToSchema)]
struct MakerDto {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    user_id: Option<UserId>,
    /// The import, or the undoing of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    job_id: Option<JobId>,
    /// The import that was undone by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    undone_job_id: Option<JobId>,
}

impl From<Replacing> for MakerDto {
    fn from(Replacing { user_id, job_id, undone_job_id }: Replacing) -> Self {
        Self { user_id, job_id, undone_job_id }
    }
}

/// A version of a customer: who made it, when, and what it changed.
#[derive(Serialize, ToSchema)]
pub(super) struct CustomerVersionDto {
    row_version: i64,
    made_at: DateTime<Utc>,
    /// Absent where that is not kept any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    made_by: Option<MakerDto>,
    /// The customer was deleted by it.
    deleted: bool,
    /// When the next version took its place; absent for the present one.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_at: Option<DateTime<Utc>>,
    /// What differs from the version before; absent where that one is not kept, or there is none. Empty where a consent
    /// changed, or a FHIR proposal.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<CustomerDifferenceDto>>,
}

impl From<CustomerVersion> for CustomerVersionDto {
    fn from(version: CustomerVersion) -> Self {
        Self {
            row_version: version.row_version,
            made_at: version.made_at,
            made_by: version.made_by.map(Into::into),
            deleted: version.deleted,
            replaced_at: version.replaced_at,
            changes: version.changes.map(|changes| differences_of(changes.into_exposed())),
        }
    }
}

/// Versions of a customer's record and health profile, the present one first. Former ones are kept for 30 days, and end
/// with the person. Lists, notes and consents are no part of a version.
#[utoipa::path(get, path = "/api/v1/customers/{customer_id}/versions", tag = "customers",
    params(CustomerPath, CustomerVersionsQuery),
    responses((status = 200, description = "A page of versions", body = PageDto<CustomerVersionDto>)))]
pub(super) async fn list_customer_versions(
    caller: Authorized<permission::HealthRead>,
    Path(path): Path<CustomerPath>,
    Query(query): Query<CustomerVersionsQuery>,
) -> Result<Json<PageDto<CustomerVersionDto>>, Problem> {
    let before: Option<i64> = query.cursor.as_deref().map(|cursor| read_cursor(LIST, cursor)).transpose()?;
    let mut tx = caller.begin().await?;
    let page = customers::list_versions(&mut tx, path.customer_id, before, query.limit.get()).await?;
    tx.commit().await?;
    let next = page.next_cursor.and_then(|at| at.parse::<i64>().ok());
    let next_cursor = next.map(|at| write_cursor(LIST, &at)).transpose()?;
    Ok(Json(PageDto::new(Page { items: page.items, next_cursor })))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct CustomerVersionPath {
    #[param(value_type = Uuid)]
    customer_id: CustomerId,
    /// As in the list of versions.
    row_version: i64,
}

impl PathParameters for CustomerVersionPath {
    const NOT_FOUND: ProblemCode = ProblemCode::CustomerNotFound;
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CustomerAgainstQuery {
    /// The version to compare with; the present one when nothing is said.
    against: Option<i64>,
}

/// A customer as it was, and what differs from another version.
#[derive(Serialize, ToSchema)]
pub(super) struct FormerCustomerDto {
    #[serde(flatten)]
    version: CustomerVersionDto,
    /// The record as it was.
    record: CustomerIdentity,
    /// `active` or `inactive`.
    status: &'static str,
    /// The health profile as it was; empty where nothing was recorded.
    profile: HealthProfile,
    /// The version compared with.
    against: i64,
    /// From this version (`before`) to that one (`after`).
    differences: Vec<CustomerDifferenceDto>,
}

/// A customer's record and health profile as they were at one of its versions, with what differs from another.
#[utoipa::path(get, path = "/api/v1/customers/{customer_id}/versions/{row_version}", tag = "customers",
    params(CustomerVersionPath, CustomerAgainstQuery),
    responses((status = 200, description = "The customer as it was", body = FormerCustomerDto)))]
pub(super) async fn get_customer_version(
    caller: Authorized<permission::HealthRead>,
    Path(path): Path<CustomerVersionPath>,
    Query(query): Query<CustomerAgainstQuery>,
) -> Result<Json<FormerCustomerDto>, Problem> {
    let mut tx = caller.begin().await?;
    let compared = customers::get_version(&mut tx, path.customer_id, path.row_version, query.against).await?;
    tx.commit().await?;
    context::count_rows_read(2);
    let ComparedVersion { version, against, differences } = compared;
    let content = version.content.clone().into_exposed();
    Ok(Json(FormerCustomerDto {
        version: version.into(),
        record: content.identity,
        status: content.status.as_str(),
        profile: content.profile,
        against,
        differences: differences_of(differences.into_exposed()),
    }))
}

/// Which version is to be the present one again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RestoreCustomer {
    /// As in the list of versions; not one at which the customer was deleted.
    row_version: i64,
}

/// Sets a customer's record and health profile back to a former version. It is a write like any other, and what stood
/// before becomes a version. Consents, lists and notes stay as they are: what was withdrawn stays withdrawn. A deleted
/// customer is not brought back by it.
#[utoipa::path(post, path = "/api/v1/customers/{customer_id}/restore", tag = "customers", params(CustomerPath),
    request_body = RestoreCustomer,
    responses((status = 200, description = "The customer", body = super::dto::CustomerDto)))]
pub(super) async fn restore_customer(
    caller: Authorized<permission::HealthWrite>,
    idempotency: Idempotency,
    Path(path): Path<CustomerPath>,
    if_match: Option<IfMatch>,
    Json(body): Json<RestoreCustomer>,
) -> Result<Response, Problem> {
    let (id, if_versions) = (path.customer_id, versions(if_match));
    let mut tx = caller.begin().await?;
    customers::restore_version(&mut tx, id, body.row_version, if_versions).await?;
    let answer = answer_with(&mut tx, id, StatusCode::OK).await?;
    idempotency.commit(tx, answer).await
}
