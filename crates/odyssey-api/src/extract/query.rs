//! Query strings: `?tags.any=a&tags.any=b&limit=50`. A repeated name is a list.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::{fault, json};
use crate::problem::{Problem, ProblemCode, ProblemError};
use crate::state::ApiState;

/// The query, read into a struct that says `deny_unknown_fields`: a misspelt filter must not silently
/// filter nothing.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<ApiState> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &ApiState) -> Result<Self, Problem> {
        read(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

pub(super) fn read<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    if query.contains("%00") {
        return Err(json::nul());
    }
    let deserializer = serde_html_form::Deserializer::from_bytes(query.as_bytes());
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let entry = fault::in_query(error.path(), &error.inner().to_string());
        Problem::new(ProblemCode::MalformedRequest).error(entry)
    })
}

/// A parameter that the operation does not have.
pub(crate) fn unknown_parameter(name: &str) -> ProblemError {
    fault::unknown_parameter(name)
}
