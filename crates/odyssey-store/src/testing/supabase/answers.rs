//! How the double refuses: as the real one does.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

/// A route of REST: status 400, and the true one in the body.
pub(super) fn refused(status: &str, error: &str, code: &str, message: &str) -> (StatusCode, Json<Value>) {
    let body = json!({ "statusCode": status, "error": error, "code": code, "message": message });
    (StatusCode::BAD_REQUEST, Json(body))
}

pub(super) fn no_key() -> Response {
    refused("404", "not_found", "NoSuchKey", "Object not found").into_response()
}

pub(super) fn no_bucket() -> Response {
    refused("404", "Bucket not found", "NoSuchBucket", "Bucket not found").into_response()
}

pub(super) fn too_large() -> Response {
    let message = "The object exceeded the maximum allowed size";
    refused("413", "Payload too large", "EntityTooLarge", message).into_response()
}

/// A route of tus: the true status, in plain text.
pub(super) fn plain(status: u16, text: &'static str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, text).into_response()
}
