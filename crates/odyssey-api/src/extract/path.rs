//! Path parameters.

use axum::extract::{FromRequestParts, Path as AxumPath};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::{Problem, ProblemCode};
use crate::state::ApiState;

/// A struct of path parameters, and what is missing when one of them is not an id at all: a malformed id
/// and a random one get the same answer.
pub trait PathParameters: DeserializeOwned + Send {
    const NOT_FOUND: ProblemCode;
}

/// The path parameters of a request.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<T: PathParameters> FromRequestParts<ApiState> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        // A name that holds U+0000 is nobody's.
        if parts.uri.path().contains("%00") {
            return Err(Problem::new(T::NOT_FOUND));
        }
        match AxumPath::<T>::from_request_parts(parts, state).await {
            Ok(AxumPath(parameters)) => Ok(Self(parameters)),
            Err(_) => Err(Problem::new(T::NOT_FOUND)),
        }
    }
}
