//! What an operation does not take is refused by name: a misspelt parameter must not silently do nothing.

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::BufferedBody;
use crate::extract::unknown_parameter;
use crate::operation::{BodyRule, Operation};
use crate::problem::{Problem, ProblemCode, ProblemError};

/// Where the rule holds. Health checks and pages for people get parameters from probes and links.
const API: &str = "/api/";

/// Refuses query parameters that the contract does not name, and a body where it names none. An empty object says
/// nothing, and many clients send one with every POST.
pub(crate) async fn refuse_strays(request: Request, next: Next) -> Response {
    let operation = request.extensions().get::<Arc<Operation>>().filter(|o| o.path.starts_with(API));
    let stray = operation.and_then(|operation| {
        stray_parameter(operation, &request).or_else(|| stray_body(operation, &request))
    });
    match stray {
        Some(entry) => Problem::new(ProblemCode::MalformedRequest).error(entry).into_response(),
        None => next.run(request).await,
    }
}

fn stray_parameter(operation: &Operation, request: &Request) -> Option<ProblemError> {
    let query = request.uri().query()?;
    // What is no form at all has no names; whoever reads the query says what is wrong with it.
    let pairs: Vec<(String, String)> = serde_html_form::from_str(query).unwrap_or_default();
    let stray = pairs.iter().find(|(name, _)| !operation.query.contains(name))?;
    Some(unknown_parameter(&stray.0))
}

fn stray_body(operation: &Operation, request: &Request) -> Option<ProblemError> {
    if operation.takes_body || operation.body == BodyRule::Streamed {
        return None;
    }
    let body = request.extensions().get::<BufferedBody>()?;
    let says_something = body.0.iter().filter(|byte| !byte.is_ascii_whitespace());
    let says_something =
        !matches!(says_something.copied().take(3).collect::<Vec<_>>().as_slice(), [] | [b'{', b'}']);
    says_something.then(|| {
        ProblemError::at(
            "#",
            "unexpected_body",
            "This operation takes no body. Leave it out, or send an empty object.",
        )
    })
}
