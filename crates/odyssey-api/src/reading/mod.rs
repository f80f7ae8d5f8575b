//! The contract, and a page of our own to read it by.
//!
//! Owns: `/openapi.json` and `/docs`. Promises: the page loads nothing from anywhere but this server, and
//! its policy forbids it to. Emits: nothing. Never: calls an operation on its own.

use std::sync::Arc;

use axum::Extension;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::open;
use crate::operation::{Facts, RateClass};
use crate::state::ApiState;

const PAGE: &str = include_str!("index.html");
const SCRIPT: &str = include_str!("reader.js");
const STYLE: &str = include_str!("style.css");

/// What the page may do: load its own script and style, and ask this server for the document.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The document as bytes, made once.
#[derive(Debug)]
pub(crate) struct ServedContract(Bytes);

impl ServedContract {
    pub(crate) fn new(document: &OpenApi) -> Self {
        // Maps with names as keys: there is nothing in it that JSON cannot hold. Sorted like the committed one.
        Self(serde_json::to_value(document).unwrap_or_default().to_string().into())
    }
}

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    let facts = Facts::unaudited("it is documentation").rate(RateClass::Free);
    OpenApiRouter::default()
        .routes(open!(get_contract, facts))
        .routes(open!(get_reader, facts))
        .routes(open!(get_reader_script, facts))
        .routes(open!(get_reader_style, facts))
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "documentation",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = Object)))]
async fn get_contract(Extension(document): Extension<Arc<ServedContract>>) -> Response {
    file("application/json", document.0.clone())
}

/// A page to read the contract by.
#[utoipa::path(get, path = "/docs", tag = "documentation",
    responses((status = 200, description = "A page", content_type = "text/html", body = String)))]
async fn get_reader() -> Response {
    let mut response = file("text/html; charset=utf-8", Bytes::from_static(PAGE.as_bytes()));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// The page's script.
#[utoipa::path(get, path = "/docs/reader.js", tag = "documentation",
    responses((status = 200, description = "A script", content_type = "text/javascript", body = String)))]
async fn get_reader_script() -> Response {
    file("text/javascript; charset=utf-8", Bytes::from_static(SCRIPT.as_bytes()))
}

/// The page's style.
#[utoipa::path(get, path = "/docs/style.css", tag = "documentation",
    responses((status = 200, description = "A style sheet", content_type = "text/css", body = String)))]
async fn get_reader_style() -> Response {
    file("text/css; charset=utf-8", Bytes::from_static(STYLE.as_bytes()))
}

fn file(media_type: &'static str, body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(media_type))], body).into_response()
}
