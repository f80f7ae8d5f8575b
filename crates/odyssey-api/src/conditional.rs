//! ETags and `If-Match`: a change applies to the version that was read, or not at all.
//!
//! Owns: the form of an ETag, `"<row_version>"`, always strong. Promises: a PUT without `If-Match` is
//! 428, a stale one 412. Emits: nothing. Never: compares weakly.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};

use crate::problem::{Problem, ProblemCode};
use crate::state::ApiState;

/// The ETag of a row version.
pub fn etag(row_version: i64) -> HeaderValue {
    // Digits and quotes are always a header value.
    HeaderValue::from_str(&format!("\"{row_version}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"0\""))
}

/// A resource with its version: sends the body and the `ETag`.
#[derive(Debug, Clone, Copy)]
pub struct Versioned<T> {
    pub row_version: i64,
    pub body: T,
}

impl<T: IntoResponse> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        ([(header::ETAG, etag(self.row_version))], self.body).into_response()
    }
}

/// The versions that a change may apply to. As a handler's argument it is required (428 without it);
/// as `Option<IfMatch>` it is honoured when sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: any version, as long as there is one.
    Any,
    /// One of these. Empty when none of the tags is one that this service could have given out.
    OneOf(Vec<i64>),
}

impl IfMatch {
    /// Goes on only when the resource is still at a version that was named.
    pub fn check(&self, row_version: i64) -> Result<(), Problem> {
        let matches = match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&row_version),
        };
        if matches {
            Ok(())
        } else {
            Err(Problem::new(ProblemCode::PreconditionFailed).header(header::ETAG, etag(row_version)))
        }
    }

    /// The one version that a conditional statement can ask for, where there is exactly one.
    pub fn exact(&self) -> Option<i64> {
        match self {
            Self::OneOf(versions) if versions.len() == 1 => versions.first().copied(),
            Self::OneOf(_) | Self::Any => None,
        }
    }
}

impl FromRequestParts<ApiState> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &ApiState) -> Result<Self, Problem> {
        read(&parts.headers).ok_or_else(|| {
            Problem::new(ProblemCode::PreconditionRequired)
                .detail("Send If-Match with the ETag of the version that you read.")
        })
    }
}

impl OptionalFromRequestParts<ApiState> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &ApiState) -> Result<Option<Self>, Problem> {
        Ok(read(&parts.headers))
    }
}

fn read(headers: &HeaderMap) -> Option<IfMatch> {
    let mut values = headers.get_all(header::IF_MATCH).iter().peekable();
    values.peek()?;
    let tags: Vec<&str> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    if tags.contains(&"*") {
        return Some(IfMatch::Any);
    }
    // A weak tag or one of another form matches nothing, as the standard wants it.
    let version = |tag: &str| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok();
    Some(IfMatch::OneOf(tags.into_iter().filter_map(version).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(value: &str) -> Option<IfMatch> {
        read(&HeaderMap::from_iter([(header::IF_MATCH, value.parse().unwrap())]))
    }

    #[test]
    fn what_was_given_out_is_accepted_back() {
        assert_eq!(sent(etag(7).to_str().unwrap()).unwrap().exact(), Some(7));
        assert!(sent("\"6\", \"7\"").unwrap().check(7).is_ok());
        assert!(sent("*").unwrap().check(7).is_ok());
        assert_eq!(read(&HeaderMap::new()), None);
    }

    #[test]
    fn a_stale_weak_or_foreign_tag_matches_nothing_and_the_present_one_is_named() {
        for tag in ["\"6\"", "W/\"7\"", "\"seven\"", "7"] {
            let problem = sent(tag).unwrap().check(7).unwrap_err();
            assert_eq!(problem.code, ProblemCode::PreconditionFailed, "{tag}");
            assert_eq!(problem.headers[header::ETAG], "\"7\"");
        }
    }
}
