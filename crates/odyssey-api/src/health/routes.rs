//! `/livez` and `/readyz`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::extract::Json;
use crate::open;
use crate::operation::{Facts, RateClass};
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    let facts = Facts::unaudited("it says whether the server works").rate(RateClass::Free);
    OpenApiRouter::default().routes(open!(get_liveness, facts)).routes(open!(get_readiness, facts))
}

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// `ok`, `draining`, `starting`, `database` or `keys`.
    status: &'static str,
}

/// Whether the process lives.
#[utoipa::path(get, path = "/livez", tag = "health",
    responses((status = 200, description = "It lives", body = Health)))]
async fn get_liveness() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether the server should get requests.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, description = "It is ready", body = Health),
        (status = 503, description = "Not now; the status says why", body = Health)))]
async fn get_readiness(State(state): State<ApiState>) -> Response {
    match state.readiness().check(state.database()).await {
        Ok(()) => Json(Health { status: "ok" }).into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: why.as_str() })).into_response(),
    }
}
