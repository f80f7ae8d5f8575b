//! The outermost layers: the request's context, its operation, its turn and time, its panics.

use std::any::Any;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use http::{HeaderName, HeaderValue};
use odyssey_types::RequestId;
use std::sync::Arc;

use crate::context::RequestContext;
use crate::operation::{BodyRule, Operation, Operations, RateClass};
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

/// Lets a request in when its turn comes, and ends one that takes too long, waiting included. What it had
/// begun is dropped, and with it its transaction. A streamed body has as long as its handler gives it.
pub(crate) async fn limit_time(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let operation = request.extensions().get::<Arc<Operation>>();
    let streamed = operation.is_some_and(|operation| operation.body == BodyRule::Streamed);
    // Health checks and documents: whoever asks whether a busy server lives must not queue behind the rest.
    let waits = streamed || operation.is_none_or(|operation| operation.rate != RateClass::Free);
    let end = tokio::time::Instant::now() + state.settings().request_timeout;
    let turn = if waits {
        match tokio::time::timeout_at(end, state.turns().acquire()).await {
            Ok(Ok(turn)) => Some(turn),
            Ok(Err(_)) => return Problem::broken_promise("the turns were closed").into_response(),
            Err(_) => return out_of_time("It waited for its turn: this server is at its limit of requests."),
        }
    } else {
        None
    };
    let response = if streamed {
        next.run(request).await
    } else {
        match tokio::time::timeout_at(end, next.run(request)).await {
            Ok(response) => response,
            Err(_) => out_of_time("It was ended before it had an answer."),
        }
    };
    drop(turn);
    response
}

fn out_of_time(detail: &'static str) -> Response {
    Problem::new(ProblemCode::Timeout).detail(detail).retry_after(TimeDelta::seconds(5)).into_response()
}

/// A panic is a bug; its message could hold anything, so only the fact is logged here.
pub(crate) fn panic_problem(_panic: Box<dyn Any + Send + 'static>) -> Response {
    Problem::broken_promise("a handler panicked").into_response()
}
