//! `POST /api/v1/ingest/csv`.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use odyssey_domain::ingestion::{self, StartedImport, StartedObject, UploadSink};
use odyssey_types::{JobId, UploadId};
use serde::Serialize;
use utoipa::ToSchema;

use super::parameters::IngestQuery;
use super::signed::{self, StartIngest};
use super::uploads::UploadDto;
use crate::authorized::{Authorized, permission};
use crate::extract::{Json, Query};
use crate::problem::{Problem, ProblemCode};
use crate::state::ApiState;

/// Longest silence of a sending client: a file of any size may take its time, a dead connection may not.
pub(super) const IDLE_MAX: Duration = Duration::from_mins(1);

/// Bytes of what is said about a file that will come.
const ABOUT_BYTES_MAX: usize = 16 << 10;

/// An import that is queued.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StartedImportDto {
    #[schema(value_type = Uuid)]
    job_id: JobId,
    #[schema(value_type = Uuid)]
    upload_id: UploadId,
    /// Where the job can be followed.
    pub(super) status_url: String,
    /// Bytes as they were sent.
    byte_count: u64,
    /// SHA-256 over the bytes as they were sent, in hexadecimal; null of a file that is fetched from the inbox.
    sha256: Option<String>,
}

impl StartedImportDto {
    pub(super) fn of_object(started: &StartedObject) -> Self {
        Self {
            job_id: started.job_id,
            upload_id: started.upload_id,
            status_url: status_url(started.job_id),
            byte_count: started.byte_count,
            sha256: None,
        }
    }
}

impl From<StartedImport> for StartedImportDto {
    fn from(started: StartedImport) -> Self {
        Self {
            job_id: started.job_id,
            upload_id: started.upload_id,
            status_url: status_url(started.job_id),
            byte_count: started.byte_count,
            sha256: Some(hex::encode(started.sha256)),
        }
    }
}

pub(super) fn status_url(job_id: JobId) -> String {
    format!("/api/v1/jobs/{job_id}")
}

/// Imports a file of products or customers.
///
/// The body is the file itself: text in rows and columns, JSON objects one a line or in a list, or an `.xlsx` workbook (its
/// first visible sheet); plain, or packed with gzip, zstd or as a zip with one file. Format, delimiter, quoting and
/// encoding are found out, files of known origin are recognised, headers are mapped by their names; the parameters
/// decide where that is not enough. `202` once the file is stored; what becomes of its rows is in the job.
///
/// As `application/json` the body says only what file will come, and the answer is `201` with the address of an upload
/// that takes it in as many requests as it needs, by tus 1.0.0 or the IETF's draft, as `POST /uploads` would have
/// begun it. The import is queued with the last byte.
///
/// With `object_path` it names a file that your own systems have put into the store, into your inbox; the answer is `202`
/// once its import is queued, and needs an `Idempotency-Key`. The job fetches the file, sealing it on the way (its step is
/// `fetching`), imports it, and ends as any import. Once the file is sealed it is removed from the inbox. One that was
/// replaced or written to meanwhile ends the job with `object_changed`, one that is gone with `object_missing`, and
/// nothing of it is imported.
#[utoipa::path(post, path = "/api/v1/ingest/csv", tag = "ingestion", params(IngestQuery),
    request_body(content((String = "text/csv"), (StartIngest = "application/json")),
        description = "The file, of any content type but `application/json`; or what is known of a file that will come, or where it lies"),
    responses((status = 201, description = "An upload that waits for the file", body = UploadDto,
        headers(("Location" = String, description = "The upload"))), (status = 202, description = "Stored and queued", body = StartedImportDto,
        headers(("Location" = String, description = "The job")))))]
pub(super) async fn ingest_csv(
    caller: Authorized<permission::IngestWrite>,
    State(state): State<ApiState>,
    Query(query): Query<IngestQuery>,
    parts: Parts,
    body: Body,
) -> Result<Response, Problem> {
    let headers = &parts.headers;
    if is_json(headers) {
        let about = axum::body::to_bytes(body, ABOUT_BYTES_MAX).await.map_err(|_| {
            let detail = format!("What is said about a file has at most {ABOUT_BYTES_MAX} bytes.");
            Problem::new(ProblemCode::PayloadTooLarge).detail(detail)
        })?;
        return signed::start(caller, &state, query, parts, &about).await;
    }
    refuse_unread(&state, headers)?;
    let (mode, parameters) = query.into_parts()?;
    let mut tx = caller.begin().await?;
    ingestion::admit_file(state.ingestion(), &mut tx, announced(headers)).await?;
    let mut sink = ingestion::begin_upload(state.ingestion(), tx, mode, parameters).await?;
    receive(&mut sink, body).await?;
    let started = StartedImportDto::from(sink.finish().await?);
    let location = HeaderValue::from_str(&started.status_url).map_err(|error| Problem::internal(&error))?;
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(started)).into_response())
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.and_then(|value| value.split(';').next()).map(str::trim);
    media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json"))
}

/// What can be refused before a byte is read.
fn refuse_unread(state: &ApiState, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    // How the file is packed is found out from its first bytes; what cannot be unpacked is told at once.
    let packed = text(header::CONTENT_ENCODING).unwrap_or("identity").trim();
    if !["identity", "gzip", "x-gzip", "zstd"].iter().any(|known| packed.eq_ignore_ascii_case(known)) {
        let detail = "A file may be plain, or compressed with gzip or zstd.";
        return Err(Problem::new(ProblemCode::UnsupportedMediaType).detail(detail));
    }
    let limit = state.ingestion().settings.file_bytes_max;
    if announced(headers).is_some_and(|announced| announced > limit) {
        return Err(ingestion::IngestionError::TooLarge { limit }.into());
    }
    Ok(())
}

/// Bytes of the body, where the sender knows them.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Passes the body on piece by piece, as fast as the disk takes it.
async fn receive(sink: &mut UploadSink, body: Body) -> Result<(), Problem> {
    let mut pieces = body.into_data_stream();
    loop {
        match tokio::time::timeout(IDLE_MAX, pieces.next()).await {
            Ok(Some(Ok(bytes))) => sink.write(bytes).await?,
            Ok(None) => return Ok(()),
            Ok(Some(Err(_))) => {
                sink.abandon("upload_broken_off").await?;
                return Err(Problem::new(ProblemCode::MalformedRequest).detail("The body ended early."));
            }
            Err(_) => {
                sink.abandon("upload_idle").await?;
                let detail = format!("Nothing arrived for {} seconds.", IDLE_MAX.as_secs());
                return Err(Problem::new(ProblemCode::MalformedRequest).detail(detail));
            }
        }
    }
}
