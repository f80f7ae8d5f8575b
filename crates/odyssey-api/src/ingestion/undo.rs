//! `/api/v1/jobs/{job_id}/undo`.

use axum::response::Response;
use chrono::{DateTime, Utc};
use http::StatusCode;
use odyssey_domain::ingestion::{self, LaterChange, NotUndoable, UndoView, Undone};
use odyssey_types::{CustomerId, JobId, ProductId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authorized::{Authorized, permission};
use crate::extract::{Json, Path, PathParameters};
use crate::idempotency::{Answer, Idempotency};
use crate::problem::{Problem, ProblemCode};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct JobPath {
    #[param(value_type = Uuid)]
    pub job_id: JobId,
}

impl PathParameters for JobPath {
    const NOT_FOUND: ProblemCode = ProblemCode::JobNotFound;
}

/// How an import stands towards its undoing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum UndoStateDto {
    /// POST undoes it.
    Possible,
    /// It waits or runs.
    Running,
    /// Its 30 days are over.
    TooLate,
    /// Somebody asked for it; the job of `undo_job_id` does it.
    Asked,
    Done,
    /// It was a dry run and wrote nothing.
    DryRun,
}

/// Whether an import can be undone, and what would stay as it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UndoDto {
    #[schema(inline)]
    state: UndoStateDto,
    /// Until when it can be undone; absent while it has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    undo_job_id: Option<JobId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    undone_at: Option<DateTime<Utc>>,
    /// What became of what the import wrote, once it is undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    undone: Option<UndoneDto>,
    /// Products or customers that the import wrote and something changed since: they stay as they are. The first 1,000.
    later_changes: Vec<LaterChangeDto>,
}

/// Products or customers by what became of them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UndoneDto {
    /// As before the import.
    restored: i64,
    /// Made by the import, and deleted.
    deleted: i64,
    /// Changed again since: left as they are.
    left: i64,
    /// As before is not possible any more: another product has the barcode now. Never of customers.
    refused: i64,
}

impl From<Undone> for UndoneDto {
    fn from(undone: Undone) -> Self {
        let Undone { restored, deleted, left, refused } = undone;
        Self { restored, deleted, left, refused }
    }
}

/// A product or a customer that stays as it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LaterChangeDto {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    product_id: Option<ProductId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    customer_id: Option<CustomerId>,
    /// Of a product.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    row_version: i64,
}

impl From<LaterChange> for LaterChangeDto {
    fn from(change: LaterChange) -> Self {
        match change {
            LaterChange::Product { product_id, external_id, row_version } => Self {
                product_id: Some(product_id),
                customer_id: None,
                external_id: Some(external_id),
                row_version,
            },
            LaterChange::Customer { customer_id, row_version } => {
                Self { product_id: None, customer_id: Some(customer_id), external_id: None, row_version }
            }
        }
    }
}

impl From<UndoView> for UndoDto {
    fn from(view: UndoView) -> Self {
        let state = match view.refusal {
            None => UndoStateDto::Possible,
            Some(NotUndoable::Running) => UndoStateDto::Running,
            Some(NotUndoable::TooLate) => UndoStateDto::TooLate,
            Some(NotUndoable::Asked) if view.undone_at.is_some() => UndoStateDto::Done,
            Some(NotUndoable::Asked) => UndoStateDto::Asked,
            Some(NotUndoable::DryRun) => UndoStateDto::DryRun,
        };
        Self {
            state,
            until: view.until,
            undo_job_id: view.undo_job_id,
            undone_at: view.undone_at,
            undone: view.undone.map(UndoneDto::from),
            later_changes: view.later_changes.into_iter().map(Into::into).collect(),
        }
    }
}

/// Whether an import can be undone, and which products or customers it wrote would stay as they are.
#[utoipa::path(get, path = "/api/v1/jobs/{job_id}/undo", tag = "ingestion", params(JobPath),
    responses((status = 200, description = "How it stands", body = UndoDto)))]
pub(super) async fn get_undo(
    caller: Authorized<permission::JobsRead>,
    Path(path): Path<JobPath>,
) -> Result<Json<UndoDto>, Problem> {
    let mut read = caller.begin_read_on_primary().await?;
    let view = ingestion::undo_view(read.tx(), path.job_id).await?;
    read.finish().await?;
    Ok(Json(view.into()))
}

/// The job that undoes an import.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UndoStarted {
    #[schema(value_type = Uuid)]
    job_id: JobId,
}

/// Undoes an import, within 30 days of its end: products or customers that it changed are as before, those that it made
/// are deleted, and those that something changed since stay as they are and are listed. Consents that it granted end;
/// what was withdrawn stays withdrawn, and who was erased stays erased. A job does it; its totals say of how many.
#[utoipa::path(post, path = "/api/v1/jobs/{job_id}/undo", tag = "ingestion", params(JobPath),
    responses((status = 202, description = "A job undoes it", body = UndoStarted)))]
pub(super) async fn undo_import(
    caller: Authorized<permission::IngestWrite>,
    idempotency: Idempotency,
    Path(path): Path<JobPath>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let job_id = ingestion::start_undo(&mut tx, path.job_id).await?;
    idempotency.commit(tx, Answer::json(StatusCode::ACCEPTED, &UndoStarted { job_id })).await
}
