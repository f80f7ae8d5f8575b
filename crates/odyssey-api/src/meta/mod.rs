//! What is running here.
//!
//! Owns, emits: nothing. Promises: says the version and nothing about the machine. Never: a secret.

use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::extract::Json;
use crate::open;
use crate::operation::{Facts, RateClass};
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    let facts = Facts::unaudited("it names a version").rate(RateClass::Free);
    OpenApiRouter::default().routes(open!(get_meta, facts))
}

/// The service.
#[derive(Debug, Serialize, ToSchema)]
struct Meta {
    name: &'static str,
    version: &'static str,
    api_version: &'static str,
}

/// The name and version of the service.
#[utoipa::path(get, path = "/api/v1/meta", tag = "meta",
    responses((status = 200, description = "The service", body = Meta)))]
async fn get_meta() -> Json<Meta> {
    Json(Meta { name: "odyssey", version: env!("CARGO_PKG_VERSION"), api_version: "v1" })
}
