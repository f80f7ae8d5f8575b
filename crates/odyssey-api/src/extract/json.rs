//! JSON bodies.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fault;
use crate::problem::{Problem, ProblemCode, ProblemError};
use crate::stack::BufferedBody;
use crate::state::ApiState;

/// A JSON body in, or a JSON body out.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<ApiState> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        expect_media_type(request.headers(), &["application/json"])?;
        read(&body_of(&request)?, state.settings().body_depth_max).map(Self)
    }
}

/// A JSON Merge Patch (RFC 7396): absent keeps, null is unknown.
#[derive(Debug, Clone, Copy)]
pub struct MergePatch<T>(pub T);

impl<T: DeserializeOwned> FromRequest<ApiState> for MergePatch<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        expect_media_type(request.headers(), &["application/merge-patch+json", "application/json"])?;
        read(&body_of(&request)?, state.settings().body_depth_max).map(Self)
    }
}

/// A FHIR resource in JSON, as it was sent: its reader tolerates unknown fields, as the standard demands, and
/// has limits of its own.
#[derive(Clone)]
pub struct FhirJson(pub Bytes);

impl std::fmt::Debug for FhirJson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FhirJson(…)")
    }
}

impl FromRequest<ApiState> for FhirJson {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &ApiState) -> Result<Self, Problem> {
        expect_media_type(request.headers(), &["application/fhir+json", "application/json"])?;
        body_of(&request).map(Self)
    }
}

/// A file as it is, or a JSON document about one.
pub enum FileOrJson<T> {
    File(Bytes),
    Json(T),
}

impl<T> std::fmt::Debug for FileOrJson<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File(…)",
            Self::Json(_) => "Json(…)",
        })
    }
}

impl<T: DeserializeOwned> FromRequest<ApiState> for FileOrJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        if expect_media_type(request.headers(), &["application/json"]).is_ok() {
            return read(&body_of(&request)?, state.settings().body_depth_max).map(Self::Json);
        }
        body_of(&request).map(Self::File)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                let json = HeaderValue::from_static("application/json");
                ([(header::CONTENT_TYPE, json)], body).into_response()
            }
            Err(error) => Problem::internal(&error).into_response(),
        }
    }
}

fn body_of(request: &Request) -> Result<Bytes, Problem> {
    match request.extensions().get::<BufferedBody>() {
        Some(body) => Ok(body.0.clone()),
        None => Err(Problem::broken_promise("a JSON body is taken by an operation that streams its body")),
    }
}

/// Reads one JSON document, which is an object: every body of the contract is one. (What is derived from a struct
/// would take an array as its fields in their order, and nobody means that.)
pub(crate) fn read<T: DeserializeOwned>(body: &[u8], depth_max: usize) -> Result<T, Problem> {
    if depth_of(body) > depth_max {
        return Err(Problem::new(ProblemCode::MalformedRequest)
            .detail(format!("The body is nested deeper than {depth_max} levels.")));
    }
    if holds_nul(body) {
        return Err(nul());
    }
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if matches!(first, Some(b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n')) {
        let problem = Problem::new(ProblemCode::MalformedRequest);
        return Err(problem.error(ProblemError::at(
            "#",
            "wrong_type",
            "The body must be a JSON object: {…}.",
        )));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let problem = Problem::new(ProblemCode::MalformedRequest);
        let inner = error.inner();
        if inner.is_data() {
            problem.error(fault::in_body(error.path(), &inner.to_string()))
        } else {
            problem.error(syntax(inner.line(), inner.column()))
        }
    })?;
    deserializer.end().map_err(|error| {
        Problem::new(ProblemCode::MalformedRequest).error(syntax(error.line(), error.column()))
    })?;
    Ok(value)
}

fn syntax(line: usize, column: usize) -> ProblemError {
    ProblemError::at("#", "syntax", format!("This is not JSON from line {line}, column {column} on."))
}

/// How deep brackets are nested outside of strings. One pass, before anything is built from the body.
fn depth_of(body: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in body {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Whether a string of the body holds U+0000, which no text that is stored can hold. One pass; a raw one is
/// no JSON and refused as such.
fn holds_nul(body: &[u8]) -> bool {
    let mut escaped = false;
    body.iter().enumerate().any(|(at, byte)| {
        let was_escaped = escaped;
        escaped = !was_escaped && *byte == b'\\';
        was_escaped && body[at..].starts_with(b"u0000")
    })
}

/// U+0000 in a body, a path or a query.
pub(super) fn nul() -> Problem {
    Problem::new(ProblemCode::MalformedRequest)
        .detail("The request holds the character U+0000, which no text here can hold.")
}

fn expect_media_type(headers: &HeaderMap, accepted: &[&str]) -> Result<(), Problem> {
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let named = named.map(|value| value.split(';').next().unwrap_or(value).trim().to_ascii_lowercase());
    if named.is_some_and(|named| accepted.contains(&named.as_str())) {
        return Ok(());
    }
    Err(Problem::new(ProblemCode::UnsupportedMediaType)
        .detail(format!("Send the body as {}.", accepted.join(" or "))))
}
