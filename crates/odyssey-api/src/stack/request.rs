//! The outermost layers: the request's context, its operation, its time, its panics.

use std::any::Any;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use http::{HeaderName, HeaderValue};
use odyssey_types::RequestId;
use std::sync::Arc;

use crate::context::RequestContext;
use crate::operation::{BodyRule, Operation, Operations};
use crate::problem::{Problem, ProblemCode};
use crate::state::ApiState;

/// Tells the client the id under which its request can be found.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Route in the log line of a request that matched none: the path itself could hold anything.
const NO_ROUTE: &str = "-";

/// Gives the request its id, serves it, and writes its log line. An id that a client sends is not
/// taken over: it ends in our audit trail, which only we write.
pub(crate) async fn serve_in_context(
    State(state): State<ApiState>,
    request: Request,
    next: Next,
) -> Response {
    let context = RequestContext::new(RequestId::generate(state.clock().now()));
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let mut response = Arc::clone(&context).scope(next.run(request)).await;
    let headers = response.headers_mut();
    headers.extend(context.take_rate_headers());
    if let Ok(id) = HeaderValue::from_str(&context.request_id.to_string()) {
        headers.insert(X_REQUEST_ID, id);
    }
    context.log(route.as_deref().unwrap_or(NO_ROUTE), response.status());
    response
}

/// Looks up what the contract says about this request, for the layers below and the extractors.
pub(crate) async fn find_operation(
    State(operations): State<Arc<Operations>>,
    mut request: Request,
    next: Next,
) -> Response {
    let operation = request
        .extensions()
        .get::<MatchedPath>()
        .and_then(|route| operations.find(route.as_str(), request.method()));
    if let Some(operation) = operation {
        request.extensions_mut().insert(operation);
    }
    next.run(request).await
}

/// Ends a request that takes too long. What it had begun is dropped, and with it its transaction.
pub(crate) async fn limit_time(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let streamed = request
        .extensions()
        .get::<Arc<Operation>>()
        .is_some_and(|operation| operation.body == BodyRule::Streamed);
    if streamed {
        return next.run(request).await;
    }
    match tokio::time::timeout(state.settings().request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(ProblemCode::Timeout).retry_after(TimeDelta::seconds(5)).into_response(),
    }
}

/// A panic is a bug; its message could hold anything, so only the fact is logged here.
pub(crate) fn panic_problem(_panic: Box<dyn Any + Send + 'static>) -> Response {
    Problem::broken_promise("a handler panicked").into_response()
}
