//! `POST /api/v1/uploads`: where uploads begin, and where parts are joined.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, Method};
use odyssey_domain::db::VendorTx;
use odyssey_domain::ingestion::{self, ImportMode, ImportParameters, ResumableUpload};
use odyssey_types::UploadId;
use odyssey_upload::{Append, Concat, Create, Lifetime, Offer, Protocol, Request, admit, answer, parse};

use super::parameters::IngestQuery;
use super::upload_parts::{judge_parts, part_ids};
use super::uploads::{UploadDto, append, offer, refuse, state_of, url, with_body};
use crate::authorized::{Authorized, permission};
use crate::extract::{Json, Query};
use crate::problem::{Problem, ProblemCode};
use crate::state::ApiState;

/// Begins an upload that may take several requests.
///
/// Speaks tus 1.0.0 (creation, creation-with-upload, creation-defer-length, checksum, expiration, termination, concatenation) and
/// the IETF's draft of resumable uploads, interop version 8. Any client of either will do. The query is that of
/// `/ingest/csv`; the import is queued with the last byte. An upload that stands still for a day is given up.
#[utoipa::path(post, path = "/api/v1/uploads", tag = "ingestion", params(IngestQuery),
    request_body(content = String, content_type = "application/offset+octet-stream", description = "The first bytes, or none"),
    responses((status = 201, description = "Begun", body = UploadDto,
        headers(("Location" = String, description = "The upload")))))]
pub(super) async fn create_upload(
    caller: Authorized<permission::IngestWrite>,
    State(state): State<ApiState>,
    Query(query): Query<IngestQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let offer = offer(&state);
    let create = match parse(&Method::POST, &headers) {
        Ok(Request::Create(create)) => create,
        Ok(_) => {
            return Err(
                Problem::new(ProblemCode::MethodNotAllowed).detail("Send PATCH, HEAD or DELETE as such.")
            );
        }
        Err(error) => return Ok(refuse(error, Protocol::of_refusal(&headers), &offer)),
    };
    let begins = match admit(&create, &offer) {
        Ok(begins) => begins,
        Err(error) => return Ok(refuse(error, create.protocol, &offer)),
    };
    if begins.length == Some(0) {
        return Err(ingestion::IngestionError::Empty.into());
    }
    let (mode, parameters) = query.into_parts()?;
    let tx = caller.begin().await?;
    let vendor_id = tx.vendor_id();
    let is_part = create.concat == Concat::Partial;
    state.limiter().charge_upload(is_part, vendor_id)?;
    let beginning = Beginning { create: &create, mode, parameters, length: begins.length };
    let response = begin(&caller, &state, tx, beginning, body).await;
    if !response.as_ref().is_ok_and(|response| response.status().is_success()) {
        state.limiter().give_back_upload(is_part, vendor_id);
    }
    response
}
/// What a lawful creation asks for.
struct Beginning<'a> {
    create: &'a Create,
    mode: ImportMode,
    parameters: ImportParameters,
    length: Option<u64>,
}

async fn begin(
    caller: &Authorized<permission::IngestWrite>,
    state: &ApiState,
    mut tx: VendorTx,
    beginning: Beginning<'_>,
    body: Body,
) -> Result<Response, Problem> {
    let Beginning { create, mode, parameters, length } = beginning;
    let (now, offer) = (tx.now(), offer(state));
    let metadata = create.metadata.to_text();
    let metadata = Some(metadata.as_str()).filter(|text| !text.is_empty());
    if let Concat::Final(parts) = &create.concat {
        let parts = match part_ids(parts) {
            Ok(parts) => parts,
            Err(error) => return Ok(refuse(error, create.protocol, &offer)),
        };
        if let Err(error) = judge_parts(&mut tx, &parts, &offer).await? {
            return Ok(refuse(error, create.protocol, &offer));
        }
        let joined =
            ingestion::join_uploads(state.ingestion(), tx, mode, parameters, &parts, metadata).await?;
        return created(create, &joined, now, &offer);
    }
    let is_part = create.concat == Concat::Partial;
    let begun =
        ingestion::begin_resumable(state.ingestion(), tx, mode, parameters, length, metadata, is_part)
            .await?;
    let upload_id = begun.id;
    let received = match Append::first_of(create) {
        Some(first) => append(caller, state, begun, &first, body).await,
        None => Ok(Ok(begun)),
    };
    if !matches!(received, Ok(Ok(_))) {
        // Without its address nobody can go on with it, or give it up.
        withdraw(caller, state, upload_id).await;
    }
    match received? {
        Ok(upload) => created(create, &upload, now, &offer),
        Err(error) => Ok(refuse(error, create.protocol, &offer)),
    }
}

async fn withdraw(caller: &Authorized<permission::IngestWrite>, state: &ApiState, upload_id: UploadId) {
    let withdrawn = async {
        let tx = caller.begin().await?;
        ingestion::withdraw_resumable(state.ingestion(), tx, upload_id).await
    };
    if let Err(error) = withdrawn.await {
        tracing::warn!(%error, upload.id = %upload_id, "A refused upload waits for its purge");
    }
}

fn created(
    create: &Create,
    upload: &ResumableUpload,
    now: DateTime<Utc>,
    offer: &Offer,
) -> Result<Response, Problem> {
    let location = HeaderValue::from_str(&url(upload.id)).map_err(|error| Problem::internal(&error))?;
    let lifetime = Some(Lifetime { expires_at: upload.expires_at, now });
    let answer =
        answer::created(create.protocol, location, &state_of(upload), create.has_body, lifetime, offer);
    Ok(with_body(answer, Json(UploadDto::from(upload)).into_response()))
}
