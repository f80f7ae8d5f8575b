//! `/api/v1/uploads`: files that arrive in several requests, by tus 1.0.0 or the IETF's draft.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use futures::StreamExt;
use http::{HeaderMap, Method};
use odyssey_domain::ingestion::{self, Appending, ResumableUpload};
use odyssey_types::{JobId, UploadId};
use odyssey_upload::{
    Acceptance, Answer, Append, BodyEnd, Decision, Lifetime, Metadata, Offer, Protocol, ProtocolError,
    Request, UploadState, Verifier, answer, decide, parse,
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::csv::{IDLE_MAX, status_url};
use super::upload_parts::concat_of;
use super::upload_refusals::{code_of, refusal_of};
use crate::authorized::{Authorized, permission};
use crate::extract::{Json, Path, PathParameters};
use crate::problem::{Problem, ProblemCode};
use crate::state::ApiState;

/// An upload and how far it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UploadDto {
    #[schema(value_type = Uuid)]
    upload_id: UploadId,
    /// Where bytes are sent to.
    upload_url: String,
    /// The import, which is queued with the last byte.
    #[schema(value_type = Uuid)]
    job_id: JobId,
    status_url: String,
    /// Bytes that are stored, sealed and synced.
    byte_offset: u64,
    /// Bytes of the whole file; null until they are told.
    byte_length: Option<u64>,
    complete: bool,
    /// When an upload that stands still is given up.
    expires_at: DateTime<Utc>,
}

/// Where uploads are made.
pub(super) const UPLOADS_PATH: &str = "/api/v1/uploads";

#[derive(Debug, Clone, Copy, serde::Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct UploadPath {
    #[param(value_type = Uuid)]
    upload_id: UploadId,
}

impl PathParameters for UploadPath {
    const NOT_FOUND: ProblemCode = ProblemCode::UploadNotFound;
}

/// What of the protocols is spoken here: versions, extensions, limits.
#[utoipa::path(options, path = "/api/v1/uploads", tag = "ingestion",
    responses((status = 200, description = "In headers")))]
pub(super) async fn describe_uploads(State(state): State<ApiState>) -> Response {
    with_body(answer::options(&offer(&state)), ().into_response())
}

/// How far an upload is. With HEAD and the headers of a protocol, as that protocol says it.
#[utoipa::path(get, path = "/api/v1/uploads/{upload_id}", tag = "ingestion", params(UploadPath),
    responses((status = 200, description = "The upload", body = UploadDto)))]
pub(super) async fn get_upload(
    caller: Authorized<permission::IngestWrite>,
    State(state): State<ApiState>,
    Path(path): Path<UploadPath>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let offer = offer(&state);
    let mut tx = caller.begin().await?;
    let (now, upload) = (tx.now(), ingestion::find_resumable(&mut tx, path.upload_id).await?);
    tx.roll_back().await?;
    if method != Method::HEAD {
        if let Some(gone) = upload.gone {
            return Err(ingestion::IngestionError::UploadGone(gone).into());
        }
        return Ok(Json(UploadDto::from(&upload)).into_response());
    }
    let protocol = match parse(&Method::HEAD, &headers) {
        Ok(Request::Head(protocol)) => protocol,
        Ok(_) => return Err(Problem::broken_promise("a HEAD was read as something else")),
        Err(error) => return Ok(refuse(error, Protocol::of_refusal(&headers), &offer)),
    };
    if let Some(gone) = upload.gone {
        return Ok(refuse(refusal_of(gone), protocol, &offer));
    }
    // Kept as it was accepted.
    let kept = upload.metadata.as_ref().and_then(|text| Metadata::parse(text.expose().as_bytes()).ok());
    let metadata = kept.unwrap_or_default();
    let lifetime = Some(Lifetime { expires_at: upload.expires_at, now });
    let answer =
        answer::found(protocol, &state_of(&upload), &metadata, &concat_of(&upload), lifetime, &offer);
    Ok(with_body(answer, ().into_response()))
}

/// Sends more bytes of an upload, from where it stands. The newest request writes: one that still hangs is cut off.
#[utoipa::path(patch, path = "/api/v1/uploads/{upload_id}", tag = "ingestion", params(UploadPath),
    request_body(content = String, content_type = "application/offset+octet-stream", description = "The next bytes"),
    responses((status = 204, description = "Stored")))]
pub(super) async fn append_upload(
    caller: Authorized<permission::IngestWrite>,
    State(state): State<ApiState>,
    Path(path): Path<UploadPath>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let offer = offer(&state);
    let mut tx = caller.begin().await?;
    let (now, upload) = (tx.now(), ingestion::find_resumable(&mut tx, path.upload_id).await?);
    tx.roll_back().await?;
    let request = match parse(&Method::PATCH, &headers) {
        Ok(Request::Append(request)) => request,
        Ok(_) => return Err(Problem::broken_promise("a PATCH was read as something else")),
        Err(error) => return Ok(refuse(error, Protocol::of_refusal(&headers), &offer)),
    };
    Ok(match append(&caller, &state, upload, &request, body).await? {
        Ok(upload) => {
            let lifetime = Some(Lifetime { expires_at: upload.expires_at, now });
            let answer = answer::appended(request.protocol, &state_of(&upload), lifetime, &offer);
            with_body(answer, ().into_response())
        }
        Err(error) => refuse(error, request.protocol, &offer),
    })
}

/// Gives an upload up. Its bytes are removed soon, its job is canceled. Of an upload whose import has ended the file
/// goes earlier than by itself, and makes room.
#[utoipa::path(delete, path = "/api/v1/uploads/{upload_id}", tag = "ingestion", params(UploadPath),
    responses((status = 204, description = "Given up")))]
pub(super) async fn terminate_upload(
    caller: Authorized<permission::IngestWrite>,
    Path(path): Path<UploadPath>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    // Anybody may give an upload up by its address; the protocol's version is of no matter to that.
    let protocol = match parse(&Method::DELETE, &headers) {
        Ok(Request::Terminate(protocol)) => protocol,
        _ => Protocol::of_refusal(&headers),
    };
    ingestion::terminate_resumable(&mut tx, path.upload_id).await?;
    tx.commit().await?;
    Ok(with_body(answer::terminated(protocol), ().into_response()))
}

/// Writes a body behind what is there. The inner error is the protocol's: nothing of the body is kept then.
pub(super) async fn append(
    caller: &Authorized<permission::IngestWrite>,
    state: &ApiState,
    upload: ResumableUpload,
    request: &Append,
    body: Body,
) -> Result<Result<ResumableUpload, ProtocolError>, Problem> {
    if let Some(gone) = upload.gone {
        return Ok(Err(refusal_of(gone)));
    }
    let before = state_of(&upload);
    let acceptance = match decide(&before, request, &offer(state)) {
        Decision::Accept(acceptance) => acceptance,
        Decision::Refuse(error) => return Ok(Err(error)),
    };
    if upload.complete {
        return Ok(Ok(upload));
    }
    let checksum = request.checksum.clone();
    let tx = caller.begin().await?;
    let holds_back = checksum.is_some();
    let mut appending =
        ingestion::append_to(state.ingestion(), tx, upload.id, acceptance.length, holds_back).await?;
    if appending.offset() != acceptance.writes_at {
        let error = ProtocolError::OffsetMismatch { expected: appending.offset(), provided: request.offset };
        return Ok(Err(error));
    }
    let mut verifier = checksum.map(|checksum| checksum.verifier());
    let (received, end) = receive(&mut appending, &acceptance, verifier.as_mut(), body).await?;
    let verified = verifier.map_or(Ok(()), Verifier::finish);
    match verified.and_then(|()| acceptance.settle(&before, received, end)) {
        Ok(after) => Ok(Ok(appending.end(after.complete && !before.complete).await?)),
        Err(error) => {
            appending.discard().await?;
            Ok(Err(error))
        }
    }
}

/// Passes the body on as fast as the disk takes it; says how many bytes came and how they ended. One byte more than
/// may come is counted and not written.
async fn receive(
    appending: &mut Appending,
    acceptance: &Acceptance,
    mut verifier: Option<&mut Verifier>,
    body: Body,
) -> Result<(u64, BodyEnd), Problem> {
    let mut pieces = body.into_data_stream();
    let mut received = 0;
    loop {
        match tokio::time::timeout(IDLE_MAX, pieces.next()).await {
            Ok(Some(Ok(bytes))) => {
                received += bytes.len() as u64;
                if received > acceptance.limit {
                    return Ok((received, BodyEnd::Cut));
                }
                if let Some(verifier) = verifier.as_deref_mut() {
                    verifier.update(&bytes);
                }
                appending.write(bytes).await?;
            }
            Ok(None) => return Ok((received, BodyEnd::Whole)),
            // The sender is gone, or has said nothing for too long: what came is kept.
            Ok(Some(Err(_))) | Err(_) => return Ok((received, BodyEnd::Cut)),
        }
    }
}

pub(super) fn offer(state: &ApiState) -> Offer {
    Offer {
        upload_bytes_max: state.ingestion().settings.file_bytes_max,
        append_bytes_max: None,
        append_bytes_min: None,
        defer_length: true,
        concatenation: true,
    }
}

pub(super) fn state_of(upload: &ResumableUpload) -> UploadState {
    UploadState {
        length: upload.length,
        offset: upload.offset,
        concat: concat_of(upload).kind(),
        complete: upload.complete,
        expired: upload.gone.is_some(),
    }
}

pub(super) fn url(id: UploadId) -> String {
    format!("{UPLOADS_PATH}/{id}")
}

impl From<&ResumableUpload> for UploadDto {
    fn from(upload: &ResumableUpload) -> Self {
        Self {
            upload_id: upload.id,
            upload_url: url(upload.id),
            job_id: upload.job_id,
            status_url: status_url(upload.job_id),
            byte_offset: upload.offset,
            byte_length: upload.length,
            complete: upload.complete,
            expires_at: upload.expires_at,
        }
    }
}

/// The protocol's status and headers over a body of ours.
pub(super) fn with_body(answer: Answer, mut response: Response) -> Response {
    *response.status_mut() = answer.status;
    response.headers_mut().extend(answer.headers);
    response
}

/// A refusal as the protocol says it, with our problem as its body.
pub(super) fn refuse(error: ProtocolError, protocol: Protocol, offer: &Offer) -> Response {
    let told = answer::refused(protocol, &error, offer);
    let mut problem = Problem::new(code_of(&error)).detail(format!("{error}."));
    problem.status = Some(told.status);
    problem.headers = told.headers;
    problem.into_response()
}
