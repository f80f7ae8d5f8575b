//! An import of a file that is only spoken of: it will be sent, or lies in the vendor's inbox.

use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use odyssey_domain::ingestion;
use serde::Deserialize;
use utoipa::ToSchema;

use super::csv::StartedImportDto;
use super::parameters::IngestQuery;
use super::uploads::{UploadDto, url};
use crate::authorized::{Authorized, permission};
use crate::extract::{Json, read_json};
use crate::idempotency::{self, Answer, Idempotency};
use crate::problem::Problem;
use crate::state::ApiState;

/// What is known of a file that will come, or where it lies.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartIngest {
    /// Kept sealed beside the upload; at most 255 characters.
    #[serde(default)]
    file_name: Option<String>,
    /// Bytes of the whole file; told with a later request where it is left out.
    #[serde(default)]
    byte_length: Option<u64>,
    /// A file that your own systems have put into the store, by its path in your inbox (`inbox/<vendor id>/`): up to 469
    /// characters of A-Z, a-z, 0-9, `_`, `.`, `-` and `/`. Stands alone, and needs an `Idempotency-Key`.
    #[serde(default)]
    #[schema(example = "2026/products.csv")]
    object_path: Option<String>,
}

/// Without names: they may be a person's.
impl std::fmt::Debug for StartIngest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StartIngest").field("byte_length", &self.byte_length).finish_non_exhaustive()
    }
}

/// Characters of a file's name.
const FILE_NAME_CHARS_MAX: usize = 255;

/// Begins the upload of a file that is only spoken of, or the import of one that lies in the inbox.
pub(super) async fn start(
    caller: Authorized<permission::IngestWrite>,
    state: &ApiState,
    query: IngestQuery,
    mut parts: Parts,
    body: &[u8],
) -> Result<Response, Problem> {
    let about: StartIngest = read_json(body, state.settings().body_depth_max)?;
    let Some(object_path) = about.object_path else { return start_signed(caller, state, query, about).await };
    if about.file_name.is_some() || about.byte_length.is_some() {
        let detail = "stands alone: name and length of a file that lies there are found out";
        return Err(Problem::invalid("#/object_path", "exclusive", detail));
    }
    let started = idempotency::once(state, &mut parts, body, |key| async move {
        start_object(&caller, state, query, &object_path, key).await
    });
    Ok(started.await.unwrap_or_else(IntoResponse::into_response))
}

async fn start_object(
    caller: &Authorized<permission::IngestWrite>,
    state: &ApiState,
    query: IngestQuery,
    object_path: &str,
    key: Idempotency,
) -> Result<Response, Problem> {
    let (mode, parameters) = query.into_parts()?;
    let (ingestion, vendor_id) = (state.ingestion(), caller.vendor_scope()?.vendor_id());
    let object = ingestion::find_object(ingestion, vendor_id, object_path).await?;
    let mut tx = caller.begin().await?;
    let started = ingestion::start_object(ingestion, &mut tx, mode, parameters, &object).await?;
    let body = StartedImportDto::of_object(&started);
    let answer = Answer::json(StatusCode::ACCEPTED, &body).location(&body.status_url);
    let response = key.commit(tx, answer).await?;
    ingestion.wake.enqueued(&started.queued);
    Ok(response)
}

async fn start_signed(
    caller: Authorized<permission::IngestWrite>,
    state: &ApiState,
    query: IngestQuery,
    about: StartIngest,
) -> Result<Response, Problem> {
    let (mode, parameters) = query.into_parts()?;
    if about.byte_length == Some(0) {
        return Err(ingestion::IngestionError::Empty.into());
    }
    let name = about.file_name.filter(|name| !name.is_empty());
    if name.as_ref().is_some_and(|name| name.chars().count() > FILE_NAME_CHARS_MAX) {
        let detail = format!("has at most {FILE_NAME_CHARS_MAX} characters");
        return Err(Problem::invalid("#/file_name", "out_of_range", detail));
    }
    // As a client of tus would have said it.
    let metadata = name.map(|name| format!("filename {}", STANDARD.encode(name)));
    let tx = caller.begin().await?;
    let (length, metadata) = (about.byte_length, metadata.as_deref());
    let begun =
        ingestion::begin_resumable(state.ingestion(), tx, mode, parameters, length, metadata, false).await?;
    let location = HeaderValue::from_str(&url(begun.id)).map_err(|error| Problem::internal(&error))?;
    let body = Json(UploadDto::from(&begun));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], body).into_response())
}
