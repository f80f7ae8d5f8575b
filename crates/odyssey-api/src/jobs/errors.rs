//! What a job refused: as a list, and as a file that a person can correct and send again.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use odyssey_domain::ingestion;
use odyssey_domain::tenancy::{Caller, Permission};
use serde::Deserialize;
use utoipa::IntoParams;

use super::dto::RowFaultsDto;
use super::follow::JobPath;
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::{Json, Path, Query};
use crate::paging::{Limit, read_cursor, write_cursor};
use crate::problem::Problem;

const LIST: &str = "list_job_errors";

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ErrorFilters {
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

/// The faults of a job's rows, in the order of the file.
#[utoipa::path(get, path = "/api/v1/jobs/{job_id}/errors", tag = "jobs", params(JobPath, ErrorFilters),
    responses((status = 200, description = "A page of faults", body = RowFaultsDto)))]
pub(super) async fn list_job_errors(
    caller: Authorized<permission::JobsRead>,
    Path(path): Path<JobPath>,
    Query(filters): Query<ErrorFilters>,
) -> Result<Json<RowFaultsDto>, Problem> {
    let cursor: Option<String> = filters.cursor.map(|cursor| read_cursor(LIST, &cursor)).transpose()?;
    let mut tx = caller.begin().await?;
    let (limit, health) = (filters.limit.get(), may_read_health(&caller));
    let page = ingestion::list_errors(&mut tx, path.job_id, cursor.as_deref(), limit, health).await?;
    tx.commit().await?;
    context::count_rows_read(page.items.len() as u64);
    Ok(Json(RowFaultsDto {
        next_cursor: page.next_cursor.map(|at| write_cursor(LIST, &at)).transpose()?,
        items: page.items.into_iter().map(Into::into).collect(),
        masked: page.masked,
        rows_kept: page.rows_kept,
    }))
}

/// The refused rows as they came, with the reasons beside them. Corrected, the file can be sent again as it
/// is: the columns that were added are read past.
#[utoipa::path(get, path = "/api/v1/jobs/{job_id}/errors.csv", tag = "jobs", params(JobPath),
    responses((status = 200, description = "The file", body = String, content_type = "text/csv")))]
pub(super) async fn get_job_errors_csv(
    caller: Authorized<permission::JobsRead>,
    Path(path): Path<JobPath>,
) -> Result<Response, Problem> {
    let tx = caller.begin().await?;
    let rows = ingestion::errors_csv(tx, path.job_id, may_read_health(&caller)).await?;
    let name = HeaderValue::from_static("attachment; filename=\"errors.csv\"");
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], Body::from_stream(rows))
        .into_response())
}

/// Values of customers' rows are health data, whoever may follow the job.
pub(super) fn may_read_health(caller: &Caller) -> bool {
    caller.role.may(Permission::HealthRead)
}
