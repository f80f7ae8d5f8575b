//! Reads bodies whole, within a limit for each and a limit for all.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::operation::{BodyRule, Operation};
use crate::problem::{Problem, ProblemCode};
use crate::state::ApiState;

/// The whole body of this request; in the extensions of every request that is not streamed.
#[derive(Debug, Clone)]
pub(crate) struct BufferedBody(pub(crate) Bytes);

/// Puts the body into memory before the handler runs. A body without a length may turn out to be of any
/// size, so it waits for room for the largest.
pub(crate) async fn buffer_body(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let streamed = request
        .extensions()
        .get::<Arc<Operation>>()
        .is_none_or(|operation| operation.body == BodyRule::Streamed);
    if streamed {
        return next.run(request).await;
    }
    let limit = state.settings().body_bytes_max;
    let (mut parts, body) = request.into_parts();
    let expected = match expected_length(&parts.headers, &body) {
        Some(length) if length > limit => return too_large(limit).into_response(),
        Some(length) => length,
        None => limit,
    };
    let permit = if expected == 0 { None } else { state.body_memory(expected).await };
    let bytes = match read(body, limit).await {
        Ok(bytes) => bytes,
        Err(problem) => return problem.into_response(),
    };
    parts.extensions.insert(BufferedBody(bytes.clone()));
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    drop(permit);
    response
}

/// What the client announces; an exact size of the body itself where there is one.
fn expected_length(headers: &HeaderMap, body: &Body) -> Option<usize> {
    if let Some(exact) = body.size_hint().exact() {
        return usize::try_from(exact).ok();
    }
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => Err(too_large(limit)),
        Err(_) => Err(Problem::new(ProblemCode::MalformedRequest).detail("The body ended early.")),
    }
}

fn too_large(limit: usize) -> Problem {
    Problem::new(ProblemCode::PayloadTooLarge).detail(format!("A body has at most {limit} bytes."))
}
