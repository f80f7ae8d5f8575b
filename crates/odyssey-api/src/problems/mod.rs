//! A page for every problem, served by ourselves: the `type` of a problem leads here.
//!
//! Owns: the rendering of `docs/problems.md`. Promises: each code of the registry has a page, and each
//! page a code (a test compares them). Emits: nothing. Never: asks a network.

mod page;
#[cfg(test)]
mod tests;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

use crate::extract::{Path, PathParameters};
use crate::open;
use crate::operation::{Facts, RateClass};
use crate::problem::{Problem, ProblemCode};
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    let facts = Facts::unaudited("it is documentation").rate(RateClass::Free);
    OpenApiRouter::default().routes(open!(list_problems, facts)).routes(open!(get_problem, facts))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct ProblemPath {
    /// A code of the registry.
    code: String,
}

impl PathParameters for ProblemPath {
    const NOT_FOUND: ProblemCode = ProblemCode::RouteNotFound;
}

/// All problems, with what each means.
#[utoipa::path(get, path = "/problems", tag = "documentation",
    responses((status = 200, description = "A page", content_type = "text/html", body = String)))]
async fn list_problems() -> Response {
    html(page::index())
}

/// One problem: what it means and what to do.
#[utoipa::path(get, path = "/problems/{code}", tag = "documentation", params(ProblemPath),
    responses((status = 200, description = "A page", content_type = "text/html", body = String),
        (status = 404, description = "There is no such problem")))]
async fn get_problem(Path(path): Path<ProblemPath>) -> Result<Response, Problem> {
    let code = ProblemCode::parse(&path.code);
    let page = code.and_then(page::of).ok_or_else(|| Problem::new(ProblemCode::RouteNotFound))?;
    Ok(html(page))
}

fn html(page: String) -> Response {
    let mut response = axum::response::Html(page).into_response();
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'self'; frame-ancestors 'none'"),
    );
    response
}
