//! Jobs: list, read, cancel.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use odyssey_domain::ingestion;
use odyssey_types::JobId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::dto::{JobDto, JobStatus};
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::{Json, Path, PathParameters, Query};
use crate::idempotency::{Answer, Idempotency};
use crate::paging::{Limit, PageDto, read_cursor, write_cursor};
use crate::problem::{Problem, ProblemCode};
use crate::state::ApiState;

const LIST: &str = "list_jobs";

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct JobPath {
    #[param(value_type = Uuid)]
    pub job_id: JobId,
}

impl PathParameters for JobPath {
    const NOT_FOUND: ProblemCode = ProblemCode::JobNotFound;
}

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct JobFilters {
    #[param(inline)]
    status: Option<JobStatus>,
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

/// The vendor's jobs, newest first.
#[utoipa::path(get, path = "/api/v1/jobs", tag = "jobs", params(JobFilters),
    responses((status = 200, description = "A page of jobs", body = PageDto<JobDto>)))]
pub(super) async fn list_jobs(
    caller: Authorized<permission::JobsRead>,
    Query(filters): Query<JobFilters>,
) -> Result<Json<PageDto<JobDto>>, Problem> {
    let cursor: Option<String> = filters.cursor.map(|cursor| read_cursor(LIST, &cursor)).transpose()?;
    let mut read = caller.begin_read_on_primary().await?;
    let status = filters.status.map(Into::into);
    let mut page = ingestion::list_jobs(read.tx(), status, cursor.as_deref(), filters.limit.get()).await?;
    read.finish().await?;
    page.next_cursor = page.next_cursor.map(|at| write_cursor(LIST, &at)).transpose()?;
    Ok(Json(PageDto::new(page)))
}

/// One job.
#[utoipa::path(get, path = "/api/v1/jobs/{job_id}", tag = "jobs", params(JobPath),
    responses((status = 200, description = "The job", body = JobDto)))]
pub(super) async fn get_job(
    caller: Authorized<permission::JobsRead>,
    Path(path): Path<JobPath>,
) -> Result<Json<JobDto>, Problem> {
    let mut read = caller.begin_read_on_primary().await?;
    let job = ingestion::get_job(read.tx(), path.job_id).await?;
    read.finish().await?;
    context::count_rows_read(1);
    Ok(Json(job.into()))
}

/// Stops a job. One that runs ends between two batches: read it to see when, and what it had merged.
#[utoipa::path(post, path = "/api/v1/jobs/{job_id}/cancel", tag = "jobs", params(JobPath),
    responses((status = 202, description = "It has ended, or will soon", body = JobDto)))]
pub(super) async fn cancel_job(
    caller: Authorized<permission::JobsControl>,
    idempotency: Idempotency,
    State(state): State<ApiState>,
    Path(path): Path<JobPath>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    ingestion::cancel_job(&mut tx, path.job_id).await?;
    let job = JobDto::from(ingestion::get_job(&mut tx, path.job_id).await?);
    context::count_rows_written(1);
    let response = idempotency.commit(tx, Answer::json(StatusCode::ACCEPTED, &job)).await?;
    state.ingestion().wake.stop_requested();
    Ok(response)
}
