//! `/api/v1/jobs/{job_id}/rehearsal`, `/api/v1/jobs/{job_id}/apply`.

use axum::response::Response;
use http::StatusCode;
use odyssey_domain::ingestion::{self, FlaggedRow, RehearsalView, Rehearsed, SampleRow};
use odyssey_domain::matching::cell;
use odyssey_domain::tenancy::Permission;
use odyssey_types::JobId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::rehearsed_people::PeopleRehearsalDto;
use super::undo::JobPath;
use crate::authorized::{Authorized, permission};
use crate::extract::{Json, Path};
use crate::idempotency::{Answer, Idempotency};
use crate::problem::Problem;

/// What a dry run found. Counts of people from 1 to 10 are not told and null. No `Debug`: of people it is personal.
#[derive(Serialize, ToSchema)]
pub(super) struct RehearsalDto {
    /// Rows that would make or change a product, the first 20.
    samples: Vec<SampleRowDto>,
    /// Rows that would take something away from somebody, the first 1,000.
    flagged: Vec<FlaggedRowDto>,
    flagged_total: u64,
    /// Changed labels that were judged against all customers, and those that were too many.
    labels_judged: u64,
    labels_not_judged: u64,
    /// Consenting customers for whom a product that suits them would be a conflict.
    customers_to_conflict: Option<u64>,
    /// The same for what could no longer be verified.
    customers_to_cannot_verify: Option<u64>,
    /// Of a whole catalog (`load=full`): products that would be deleted, and how many there are.
    would_delete: u64,
    catalog_products: u64,
    /// Of a file of customers; everything else is empty then.
    #[serde(skip_serializing_if = "Option::is_none")]
    people: Option<PeopleRehearsalDto>,
}

/// A row as it would become.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SampleRowDto {
    row: u64,
    external_id: String,
    /// It would make a product.
    created: bool,
    /// The first 50.
    differences: Vec<SampleDifferenceDto>,
}

/// A value that would change. Absent is unknown.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SampleDifferenceDto {
    pointer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

/// A row that would take something away.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FlaggedRowDto {
    row: u64,
    external_id: String,
    /// Allergens that the product contains today and would not any more. Each would be held until somebody else
    /// releases it.
    allergens_gone: Vec<String>,
    to_conflict: Option<u64>,
    to_cannot_verify: Option<u64>,
    /// Too many labels change for this one to be judged; it may turn somebody away.
    not_judged: bool,
}

impl From<SampleRow> for SampleRowDto {
    fn from(sample: SampleRow) -> Self {
        let SampleRow { row, external_id, created, differences } = sample;
        let differences = differences.into_iter().map(|d| SampleDifferenceDto {
            pointer: d.pointer,
            before: d.before,
            after: d.after,
        });
        Self { row, external_id, created, differences: differences.collect() }
    }
}

impl From<FlaggedRow> for FlaggedRowDto {
    fn from(flagged: FlaggedRow) -> Self {
        let FlaggedRow { row, external_id, allergens_gone, to_conflict, to_cannot_verify, not_judged } =
            flagged;
        let (to_conflict, to_cannot_verify) = (cell(to_conflict), cell(to_cannot_verify));
        Self { row, external_id, allergens_gone, to_conflict, to_cannot_verify, not_judged }
    }
}

impl From<RehearsalView> for RehearsalDto {
    fn from(view: RehearsalView) -> Self {
        Self {
            samples: view.samples.into_iter().map(Into::into).collect(),
            flagged: view.flagged.into_iter().map(Into::into).collect(),
            flagged_total: view.flagged_total,
            labels_judged: view.labels_judged,
            labels_not_judged: view.labels_not_judged,
            customers_to_conflict: cell(view.customers_to_conflict),
            customers_to_cannot_verify: cell(view.customers_to_cannot_verify),
            would_delete: view.would_delete,
            catalog_products: view.catalog_products,
            people: None,
        }
    }
}

/// What a dry run found, once it has ended: what would change, what would be taken away, and from how many people. Rows
/// of customers are shown to those who may read health data only; others are told numbers.
#[utoipa::path(get, path = "/api/v1/jobs/{job_id}/rehearsal", tag = "ingestion", params(JobPath),
    responses((status = 200, description = "What it found", body = RehearsalDto)))]
pub(super) async fn get_rehearsal(
    caller: Authorized<permission::JobsRead>,
    Path(path): Path<JobPath>,
) -> Result<Json<RehearsalDto>, Problem> {
    let opened = caller.role.may(Permission::HealthRead);
    let mut tx = caller.begin().await?;
    let found = ingestion::rehearsal(&mut tx, path.job_id, opened).await?;
    tx.commit().await?;
    Ok(Json(match found {
        Rehearsed::Products(view) => view.into(),
        Rehearsed::Customers(people) => {
            RehearsalDto { people: Some(people.into()), ..RehearsalDto::from(RehearsalView::default()) }
        }
    }))
}

/// How a dry run is to be applied.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApplyRehearsal {
    /// Pass over the flagged rows: they are refused as `held_back`, and in the file of errors.
    #[serde(default)]
    except_flagged: bool,
    /// Let a whole catalog delete however many products it does not have.
    #[serde(default)]
    allow_deletes: bool,
}

/// The job that imports the file.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RehearsalApplied {
    #[schema(value_type = Uuid)]
    job_id: JobId,
}

/// Imports the file of a dry run, with what was said about it then: all of its rows, or all that were not flagged.
#[utoipa::path(post, path = "/api/v1/jobs/{job_id}/apply", tag = "ingestion", params(JobPath),
    request_body = ApplyRehearsal,
    responses((status = 202, description = "A job imports it", body = RehearsalApplied)))]
pub(super) async fn apply_rehearsal(
    caller: Authorized<permission::IngestWrite>,
    idempotency: Idempotency,
    Path(path): Path<JobPath>,
    Json(body): Json<ApplyRehearsal>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let ApplyRehearsal { except_flagged, allow_deletes } = body;
    let job_id = ingestion::apply_rehearsal(&mut tx, path.job_id, except_flagged, allow_deletes).await?;
    idempotency.commit(tx, Answer::json(StatusCode::ACCEPTED, &RehearsalApplied { job_id })).await
}
