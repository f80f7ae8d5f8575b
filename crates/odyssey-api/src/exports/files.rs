//! `/api/v1/exports` and the files that they leave.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use odyssey_domain::exports::{self, FileFormat};
use odyssey_domain::tenancy::Caller;
use odyssey_types::{JobId, Page};
use serde::Deserialize;
use utoipa::IntoParams;

use super::dto::{ExportDto, ExportRequest, StartedExport};
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::{Json, Path, PathParameters, Query};
use crate::idempotency::{Answer, Idempotency};
use crate::paging::{Limit, PageDto, read_cursor, write_cursor};
use crate::problem::{Problem, ProblemCode};

const LIST: &str = "list_exports";

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ExportPath {
    #[param(value_type = Uuid)]
    export_id: JobId,
}

impl PathParameters for ExportPath {
    const NOT_FOUND: ProblemCode = ProblemCode::ExportNotFound;
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportPage {
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

/// Products for whoever may read the catalog, people and matches for whoever may read health data, the trail for
/// whoever may read it.
fn check_permission(caller: &Caller, kind: &str) -> Result<(), Problem> {
    if caller.role.may(exports::permission_for(kind)) {
        Ok(())
    } else {
        Err(Problem::new(ProblemCode::Forbidden))
    }
}

/// Writes a file in the background. `202`: follow it, then fetch the file from its `download_url` within a day. A file
/// of products, customers or profiles comes back by `POST /ingest/csv` with every row unchanged.
#[utoipa::path(post, path = "/api/v1/exports", tag = "exports", request_body = ExportRequest,
    responses((status = 202, description = "Queued", body = StartedExport,
        headers(("Location" = String, description = "The export")))))]
pub(super) async fn start_export(
    caller: Authorized<permission::ProductsRead>,
    idempotency: Idempotency,
    Json(body): Json<ExportRequest>,
) -> Result<Response, Problem> {
    let (of, format) = body.into_domain()?;
    check_permission(&caller, of.kind())?;
    let mut tx = caller.begin().await?;
    let job_id = exports::start_export(&mut tx, &of, format).await?;
    context::count_rows_written(1);
    let status_url = format!("/api/v1/exports/{job_id}");
    let started = StartedExport { export_id: job_id, job_id, status_url };
    let answer = Answer::json(StatusCode::ACCEPTED, &started).location(&started.status_url);
    idempotency.commit(tx, answer).await
}

/// Exports, newest first; those whose time is over go within the hour.
#[utoipa::path(get, path = "/api/v1/exports", tag = "exports", params(ExportPage),
    responses((status = 200, description = "A page of exports", body = PageDto<ExportDto>)))]
pub(super) async fn list_exports(
    caller: Authorized<permission::ProductsRead>,
    Query(page): Query<ExportPage>,
) -> Result<Json<PageDto<ExportDto>>, Problem> {
    let place: Option<String> = page.cursor.as_deref().map(|cursor| read_cursor(LIST, cursor)).transpose()?;
    let before = match place.as_deref().map(exports::read_place) {
        Some(None) => return Err(Problem::new(ProblemCode::CursorInvalid)),
        place => place.flatten(),
    };
    let mut read = caller.begin_read_on_primary().await?;
    let exports = exports::list_exports(read.tx(), before, page.limit.get()).await?;
    let now = read.tx().now();
    read.finish().await?;
    let Page { items, next_cursor } = exports.map(|export| ExportDto::new(export, now));
    let next_cursor = next_cursor.map(|at| write_cursor(LIST, &at)).transpose()?;
    Ok(Json(PageDto::new(Page { items, next_cursor })))
}

/// One export: how far it is, and where its file is.
#[utoipa::path(get, path = "/api/v1/exports/{export_id}", tag = "exports", params(ExportPath),
    responses((status = 200, description = "The export", body = ExportDto)))]
pub(super) async fn get_export(
    caller: Authorized<permission::ProductsRead>,
    Path(path): Path<ExportPath>,
) -> Result<Json<ExportDto>, Problem> {
    let mut read = caller.begin_read_on_primary().await?;
    let export = exports::get_export(read.tx(), path.export_id).await?;
    let now = read.tx().now();
    read.finish().await?;
    context::count_rows_read(1);
    Ok(Json(ExportDto::new(export, now)))
}

/// Deletes an export and its file; one that is under way ends.
#[utoipa::path(delete, path = "/api/v1/exports/{export_id}", tag = "exports", params(ExportPath),
    responses((status = 204, description = "Deleted")))]
pub(super) async fn delete_export(
    caller: Authorized<permission::ProductsRead>,
    Path(path): Path<ExportPath>,
) -> Result<StatusCode, Problem> {
    let mut tx = caller.begin().await?;
    let export = exports::get_export(&mut tx, path.export_id).await?;
    check_permission(&caller, &export.kind)?;
    exports::delete_export(&mut tx, path.export_id).await?;
    tx.commit().await?;
    context::count_rows_written(1);
    Ok(StatusCode::NO_CONTENT)
}

/// The file, as `text/csv` or `application/x-ndjson`. Whoever was deleted or erased since is not in it, nor, in a file
/// of matches, who has withdrawn their consent.
#[utoipa::path(get, path = "/api/v1/exports/{export_id}/file", tag = "exports", params(ExportPath),
    responses((status = 200, description = "The file", content_type = "text/csv", body = String)))]
pub(super) async fn get_export_file(
    caller: Authorized<permission::ProductsRead>,
    Path(path): Path<ExportPath>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let export = exports::get_export(&mut tx, path.export_id).await?;
    check_permission(&caller, &export.kind)?;
    let file = exports::export_file(&mut tx, &export).await?;
    tx.commit().await?;
    let (kind, end) = match export.format {
        FileFormat::Csv => ("text/csv; charset=utf-8", "csv"),
        FileFormat::Ndjson => ("application/x-ndjson", "ndjson"),
    };
    let name = HeaderValue::from_str(&format!("attachment; filename=\"{}.{end}\"", export.kind))
        .map_err(|error| Problem::internal(&error))?;
    let headers =
        [(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(file)).into_response())
}
