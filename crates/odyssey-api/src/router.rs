//! The table of contents: every area's routes, and the one stack of middleware around them.
//!
//! Owns: the order of the layers. Promises: a route that is not in the contract is not served, and the
//! other way round. Emits: nothing. Never: holds a handler.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use http::{HeaderName, Method, header};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::operation::{Operations, UnregisteredOperation};
use crate::problem::{Problem, ProblemCode};
use crate::stack::{
    admit, buffer_body, find_operation, limit_time, panic_problem, record_refusals, refuse_strays,
    repeat_collided, security_headers, serve_in_context,
};
use crate::state::{ApiSettings, ApiState};
use crate::{
    audit, auth, catalog, contract, customers, exports, health, idempotency, ingestion, jobs, matching, meta,
    problems, quality, queues, reading, rules, search, taxonomy,
};

/// Every route of the service, by area.
fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(OpenApi::default())
        .merge(auth::routes())
        .merge(audit::routes())
        .merge(catalog::routes())
        .merge(customers::routes())
        .merge(search::routes())
        .merge(matching::routes())
        .merge(rules::routes())
        .merge(quality::routes())
        .merge(taxonomy::routes())
        .merge(ingestion::routes())
        .merge(jobs::routes())
        .merge(exports::routes())
        .merge(queues::routes())
        .merge(meta::routes())
        .merge(health::routes())
        .merge(problems::routes())
        .merge(reading::routes())
}

/// The service.
pub fn router(state: ApiState) -> Result<Router, UnregisteredOperation> {
    serve(routes(), state)
}

/// Puts the stack around routes. Tests mount routes of their own in the same house.
pub(crate) fn serve(
    routes: OpenApiRouter<ApiState>,
    state: ApiState,
) -> Result<Router, UnregisteredOperation> {
    let (router, document) = routes.split_for_parts();
    let document = contract::complete(document)?;
    let operations = Arc::new(Operations::read(&document)?);
    let document = Arc::new(reading::ServedContract::new(&document));
    let router = router
        .fallback(|| async { Problem::new(ProblemCode::RouteNotFound) })
        .method_not_allowed_fallback(|| async { Problem::new(ProblemCode::MethodNotAllowed) })
        // The layers, innermost first: a request passes them from the last line to the first.
        .layer(axum::Extension(document))
        .layer(from_fn_with_state(state.clone(), idempotency::settle_key))
        .layer(from_fn(idempotency::require_key))
        .layer(from_fn(repeat_collided))
        .layer(from_fn(refuse_strays))
        .layer(from_fn_with_state(state.clone(), buffer_body))
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(state.clone(), record_refusals))
        .layer(from_fn_with_state(state.clone(), admit))
        .layer(from_fn_with_state(state.clone(), limit_time))
        .layer(from_fn_with_state(operations, find_operation))
        .layer(CatchPanicLayer::custom(panic_problem))
        .layer(from_fn(security_headers))
        .layer(from_fn_with_state(state.clone(), serve_in_context));
    let router = match cors(state.settings()) {
        Some(cors) => router.layer(cors),
        None => router,
    };
    // Outside of everything that may answer in a handler's stead.
    Ok(router.layer(from_fn(ingestion::name_version)).with_state(state))
}

/// The contract, OpenAPI 3.1, as it is committed and served.
pub fn openapi() -> Result<OpenApi, UnregisteredOperation> {
    contract::complete(routes().into_openapi())
}

/// The contract as text, keys in alphabetical order. The document keeps its extensions in hash maps, so
/// only a sorted one has the same bytes in every process, and can be committed and compared.
pub fn openapi_json() -> Result<String, UnregisteredOperation> {
    let sorted = serde_json::to_value(openapi()?).expect("maps with names as keys always have a JSON form");
    Ok(format!("{sorted:#}"))
}

/// The operations of the contract, for tests that walk it.
pub fn operations() -> Result<Operations, UnregisteredOperation> {
    Operations::read(&openapi()?)
}

/// Browsers of other origins: off unless origins are named.
fn cors(settings: &ApiSettings) -> Option<CorsLayer> {
    if settings.cors_origins.is_empty() {
        return None;
    }
    let exposed = ["ratelimit", "ratelimit-policy", "x-request-id", "idempotent-replayed"];
    let sent = ["x-vendor-id", "idempotency-key"].map(HeaderName::from_static);
    // Uploads speak in headers. The names are constants of ours; one that is no name is left out.
    let names = |of: &[&str]| -> Vec<HeaderName> { of.iter().filter_map(|name| name.parse().ok()).collect() };
    Some(
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(settings.cors_origins.iter().cloned()))
            .allow_methods([
                Method::GET,
                Method::HEAD,
                Method::POST,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
            ])
            .allow_headers(
                [header::AUTHORIZATION, header::CONTENT_TYPE, header::IF_MATCH]
                    .into_iter()
                    .chain(sent)
                    .chain(names(odyssey_upload::names::CORS_REQUEST_HEADERS))
                    .collect::<Vec<_>>(),
            )
            .expose_headers(
                exposed
                    .map(HeaderName::from_static)
                    .into_iter()
                    .chain([header::ETAG, header::RETRY_AFTER])
                    .chain(names(odyssey_upload::names::CORS_ANSWER_HEADERS))
                    .collect::<Vec<_>>(),
            ),
    )
}
