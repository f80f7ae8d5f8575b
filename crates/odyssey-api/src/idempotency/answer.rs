//! An answer that can be stored and given again, byte by byte.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use odyssey_domain::security::StoredAnswer;
use serde::Serialize;

use crate::conditional::etag;
use crate::problem::{PROBLEM_JSON, Problem};

/// Says that an answer was first given to an earlier call.
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Status, headers and body of a successful change.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Result<String, serde_json::Error>,
}

impl Answer {
    /// An answer with a JSON body.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        let json = HeaderValue::from_static("application/json");
        Self { status, headers: vec![(header::CONTENT_TYPE, json)], body: serde_json::to_string(body) }
    }

    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Ok(String::new()) }
    }

    /// The version of the resource after the change.
    pub fn etag(self, row_version: i64) -> Self {
        self.header(header::ETAG, etag(row_version))
    }

    /// Where the resource is; a path of ours made of ids.
    pub fn location(self, path: &str) -> Self {
        match HeaderValue::from_str(path) {
            Ok(path) => self.header(header::LOCATION, path),
            // An id of ours never needs escaping; a path that does is not worth an answer's failure.
            Err(_) => self,
        }
    }

    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// As it is stored.
    pub(super) fn into_stored(self) -> Result<StoredAnswer, Problem> {
        let body = self.body.map_err(|error| Problem::internal(&error))?;
        let headers = self
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        Ok(StoredAnswer { status: self.status.as_u16(), headers, body })
    }
}

/// A problem as it is stored.
pub(super) fn stored_problem(
    status: StatusCode,
    retry_after: Option<&HeaderValue>,
    body: &[u8],
) -> StoredAnswer {
    let mut headers = vec![(header::CONTENT_TYPE.to_string(), PROBLEM_JSON.to_owned())];
    if let Some(after) = retry_after.and_then(|value| value.to_str().ok()) {
        headers.push((header::RETRY_AFTER.to_string(), after.to_owned()));
    }
    StoredAnswer { status: status.as_u16(), headers, body: String::from_utf8_lossy(body).into_owned() }
}

/// An answer of the store, to be sent.
pub(super) fn respond(stored: StoredAnswer, replayed: bool) -> Result<Response, Problem> {
    let status = StatusCode::from_u16(stored.status).map_err(|error| Problem::internal(&error))?;
    let mut response = (status, stored.body).into_response();
    let headers = response.headers_mut();
    // The text of a body makes axum say text/plain; the answer says itself what it is.
    headers.remove(header::CONTENT_TYPE);
    for (name, value) in stored.headers {
        let name = HeaderName::try_from(name).map_err(|error| Problem::internal(&error))?;
        headers.insert(name, HeaderValue::try_from(value).map_err(|error| Problem::internal(&error))?);
    }
    if replayed {
        headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}
