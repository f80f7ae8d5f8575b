//! Problems: the one shape in which this service says no (RFC 9457).
//!
//! Owns: the closed registry [`ProblemCode`] and the media type `application/problem+json`. Promises:
//! every refusal and failure of the service has a code of the registry and a page of its own; nothing
//! of a request body, of a database or of another vendor is in it. Emits: one log line for what is
//! unexpected, with its chain of causes. Never: turns an unknown error into a guess.

mod code;
mod from_domain;
#[cfg(test)]
mod tests;

pub use code::ProblemCode;

use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use odyssey_domain::tenancy::Permission;
use serde::Serialize;
use uuid::Uuid;

use crate::context;

/// Media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// One place in the request that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = ProblemEntry)]
pub struct ProblemError {
    /// JSON Pointer into the body, as a fragment: `#/records/3/sodium_mg`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Name of the query parameter, path parameter or header, when the fault is not in the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// A stable code in snake case: `unknown_field`, `out_of_range`.
    pub code: String,
    /// What is wrong and how to put it right; never the value itself.
    pub detail: String,
}

impl ProblemError {
    /// A fault in the body. `pointer` is a fragment: `#/name`.
    pub fn at(pointer: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), parameter: None, code: code.into(), detail: detail.into() }
    }

    /// A fault in a parameter or a header.
    pub fn parameter(name: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: None, parameter: Some(name.into()), code: code.into(), detail: detail.into() }
    }
}

/// A refusal or a failure on its way to the client.
#[derive(Debug, Clone)]
pub struct Problem {
    pub code: ProblemCode,
    /// About this occurrence; no value of the request, no internals.
    pub detail: Option<String>,
    pub errors: Vec<ProblemError>,
    /// `Retry-After`, `ETag`, `WWW-Authenticate`, `Location`.
    pub headers: HeaderMap,
    /// The permission that was missing, where it is not the operation's own.
    pub missing: Option<Permission>,
    /// Another status than the code's, where a protocol has one of its own for it.
    pub status: Option<StatusCode>,
}

/// Goes with the response of a problem, for the layer that records refusals.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SaidNo {
    pub(crate) code: ProblemCode,
    pub(crate) missing: Option<Permission>,
}

impl Problem {
    pub fn new(code: ProblemCode) -> Self {
        Self {
            code,
            detail: None,
            errors: Vec::new(),
            headers: HeaderMap::new(),
            missing: None,
            status: None,
        }
    }

    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub fn error(mut self, error: ProblemError) -> Self {
        self.errors.push(error);
        self
    }

    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// When to try again; rounded up, at least a second.
    pub fn retry_after(self, after: TimeDelta) -> Self {
        let seconds = after.num_milliseconds().max(1).unsigned_abs().div_ceil(1000);
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// No valid credential; says which kind is expected and nothing about what was wrong.
    pub fn unauthenticated() -> Self {
        Self::new(ProblemCode::Unauthenticated)
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"odyssey\""))
    }

    /// A value that has the right shape and breaks a rule.
    pub fn invalid(pointer: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(ProblemCode::ValidationError).error(ProblemError::at(pointer, code, detail))
    }

    /// Anything unexpected: the chain is logged here, once, and nothing of it leaves.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(
            request_id = %context::request_id_or_nil(),
            error = chain(error),
            "A request failed for a reason nobody foresaw"
        );
        Self::new(ProblemCode::Internal)
    }

    /// A promise of our own code that was not kept; `what` is a sentence of ours.
    pub fn broken_promise(what: &'static str) -> Self {
        tracing::error!(request_id = %context::request_id_or_nil(), error = what, "The frame was used wrongly");
        Self::new(ProblemCode::Internal)
    }

    fn http_status(&self) -> StatusCode {
        self.status.unwrap_or_else(|| self.code.status())
    }

    /// The body as bytes, bound to the request that is being answered.
    pub fn to_json(&self) -> Vec<u8> {
        let request_id = context::request_id_or_nil();
        let body = ProblemBody {
            r#type: format!("/problems/{}", self.code.as_str()),
            title: self.code.title(),
            status: self.http_status().as_u16(),
            detail: self.detail.as_deref(),
            instance: format!("urn:uuid:{request_id}"),
            code: self.code.as_str(),
            request_id: request_id.as_uuid(),
            errors: &self.errors,
        };
        // Strings, numbers and a UUID: there is nothing in it that JSON cannot hold.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

/// Marks an answer whose work PostgreSQL undid because it met other work: doing it again may succeed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Collided;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.http_status(), self.to_json()).into_response();
        if self.code == ProblemCode::ChangesCollided {
            response.extensions_mut().insert(Collided);
        }
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.extend(self.headers);
        response.extensions_mut().insert(SaidNo { code: self.code, missing: self.missing });
        response
    }
}

/// The members of a problem, in the order in which they are written.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// Address of the page about this problem, relative to the service.
    r#type: String,
    /// The same for every occurrence of this code.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// About this occurrence.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    /// This occurrence, as a URN.
    instance: String,
    /// The stable name to decide by.
    code: &'static str,
    /// Quote it when asking for help.
    request_id: Uuid,
    #[serde(skip_serializing_if = "<[ProblemError]>::is_empty")]
    errors: &'a [ProblemError],
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
