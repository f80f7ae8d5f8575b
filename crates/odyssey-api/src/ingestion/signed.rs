//! An upload of a file that is only spoken of.

use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode, header};
use odyssey_domain::ingestion;
use serde::Deserialize;
use utoipa::ToSchema;

use super::parameters::IngestQuery;
use super::uploads::{UploadDto, url};
use crate::authorized::{Authorized, permission};
use crate::extract::Json;
use crate::problem::Problem;
use crate::state::ApiState;

/// What is known of a file that will come.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartIngest {
    /// Kept sealed beside the upload; at most 255 characters.
    #[serde(default)]
    file_name: Option<String>,
    /// Bytes of the whole file; told with a later request where it is left out.
    #[serde(default)]
    byte_length: Option<u64>,
}

/// Without the name: it may be a person's.
impl std::fmt::Debug for StartIngest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StartIngest").field("byte_length", &self.byte_length).finish_non_exhaustive()
    }
}

/// Characters of a file's name.
const FILE_NAME_CHARS_MAX: usize = 255;

/// Begins the upload of a file that is only spoken of.
pub(super) async fn start_signed(
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
