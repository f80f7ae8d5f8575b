//! The double's resumable uploads.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures::StreamExt;

use super::answers::plain;
use super::faults::{Fault, spend, take};
use super::objects::{is_too_large, is_upsert};
use super::state::{CHUNK_BYTES, Inner, Shared, Upload};
use crate::testing::wire::hang_up;

pub(super) async fn create(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let metadata = headers.get("upload-metadata").and_then(|text| text.to_str().ok());
    let Some(metadata) = metadata else { return plain(400, "Metadata header is required") };
    let (length, deferred) = (number(&headers, "upload-length"), number(&headers, "upload-defer-length"));
    if headers.get("tus-resumable").is_none_or(|version| version != "1.0.0") {
        return plain(412, "Tus-Resumable Required\n");
    }
    if length.is_some() == (deferred == Some(1)) {
        return plain(400, "Upload-Length or Upload-Defer-Length header required\n");
    }
    let (Some(bucket), Some(name)) =
        (of_metadata(metadata, "bucketName"), of_metadata(metadata, "objectName"))
    else {
        return plain(400, "Metadata header is required");
    };
    if bucket != shared.bucket {
        return plain(404, "Bucket not found");
    }
    let mut inner = shared.lock();
    if inner.objects.contains_key(&name) && !is_upsert(&headers) {
        return plain(409, "The resource already exists");
    }
    if length.is_some_and(|length| is_too_large(&mut inner, length)) {
        return plain(413, "Maximum size exceeded\n");
    }
    let id = URL_SAFE_NO_PAD.encode(format!("{bucket}/{name}/{}", inner.new_upload_id()));
    inner.uploads.insert(id.clone(), Upload { name, length, ..Upload::default() });
    // A host of its own believing: who follows it sends the key to somebody else.
    let location = format!("https://storage.internal.invalid/upload/resumable/{id}");
    (StatusCode::CREATED, [(LOCATION, location)]).into_response()
}

pub(super) async fn look(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let inner = shared.lock();
    let Some(upload) = inner.uploads.get(&id) else {
        return plain(404, "The file for this url was not found\n");
    };
    if upload.expired {
        return plain(410, "The file for this url no longer exists\n");
    }
    let mut headers = HeaderMap::new();
    headers.insert("upload-offset", HeaderValue::from(upload.bytes.len()));
    match upload.length {
        Some(length) => headers.insert("upload-length", HeaderValue::from(length)),
        None => headers.insert("upload-defer-length", HeaderValue::from(1)),
    };
    (StatusCode::OK, headers).into_response()
}

pub(super) async fn terminate(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let mut inner = shared.lock();
    match inner.uploads.get(&id) {
        None => plain(404, "The file for this url was not found\n"),
        Some(upload) if upload.complete => plain(400, "Cannot terminate an already completed upload"),
        Some(_) => {
            inner.uploads.remove(&id);
            StatusCode::NO_CONTENT.into_response()
        }
    }
}

pub(super) async fn append(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    let plan = {
        let mut inner = shared.lock();
        inner.patches += 1;
        match plan(&mut inner, &id, &headers) {
            Ok(plan) => plan,
            Err(refusal) => return refusal,
        }
    };
    let is_whole = take_in(&shared, &id, body, plan.kept_bytes).await;
    let mut inner = shared.lock();
    let Some(offset) = inner.uploads.get(&id).map(|upload| upload.bytes.len() as u64) else {
        return plain(404, "The file for this url was not found\n");
    };
    if is_whole
        && plan.length == Some(offset)
        && let Err(refusal) = complete(&mut inner, &id, is_upsert(&headers))
    {
        return refusal;
    }
    if !is_whole || plan.loses_answer {
        return hang_up();
    }
    (StatusCode::NO_CONTENT, [("upload-offset", offset.to_string())]).into_response()
}

/// What becomes of one PATCH.
struct Plan {
    /// Of the whole file, where it is known.
    length: Option<u64>,
    /// Bytes after which the connection ends.
    kept_bytes: Option<u64>,
    loses_answer: bool,
}

/// Checks a PATCH as the real one does, and what goes wrong with it.
fn plan(inner: &mut Inner, id: &str, headers: &HeaderMap) -> Result<Plan, Response> {
    let now = inner.patches;
    let conflict = take(&mut inner.faults, |fault| match fault {
        Fault::Conflict { number, status, times } if now >= *number => Some((*status, spend(times))),
        _ => None,
    });
    if let Some(status) = conflict {
        return Err(plain(status, "acquiring lock timeout"));
    }
    let expires =
        take(&mut inner.faults, |fault| (*fault == Fault::Expire { number: now }).then_some(((), true)));
    let Some(upload) = inner.uploads.get_mut(id) else {
        return Err(plain(404, "The file for this url was not found\n"));
    };
    upload.expired |= expires.is_some();
    if upload.expired {
        return Err(plain(410, "The file for this url no longer exists\n"));
    }
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok());
    if kind != Some("application/offset+octet-stream") {
        return Err(plain(403, "Content-Type header required\n"));
    }
    let (offset, has) = (number(headers, "upload-offset"), upload.bytes.len() as u64);
    if offset != Some(has) {
        return Err(plain(409, "Upload-Offset conflict\n"));
    }
    if let Some(length) = number(headers, "upload-length") {
        if upload.length.is_some() || length < has {
            return Err(plain(400, "Upload-Length or Upload-Defer-Length header required\n"));
        }
        upload.length = Some(length);
    }
    let Some(bytes) = number(headers, "content-length") else { return Err(plain(411, "Length Required")) };
    let is_last = upload.length == Some(has + bytes);
    if bytes != CHUNK_BYTES && !is_last {
        return Err(plain(400, "Upload chunk size must be 6MB"));
    }
    let length = upload.length;
    if is_too_large(inner, has + bytes) {
        return Err(plain(413, "Maximum size exceeded\n"));
    }
    let keeps_nothing = take(&mut inner.faults, |fault| match fault {
        Fault::KeepNothing { number } if now >= *number => Some(((), false)),
        _ => None,
    });
    if keeps_nothing.is_some() {
        return Err((StatusCode::NO_CONTENT, [("upload-offset", has.to_string())]).into_response());
    }
    let kept_bytes = take(&mut inner.faults, |fault| match fault {
        Fault::BreakPatch { number, kept_bytes } if now == *number => Some((*kept_bytes, true)),
        _ => None,
    });
    let lost =
        take(&mut inner.faults, |fault| (*fault == Fault::LoseAnswer { number: now }).then_some(((), true)));
    Ok(Plan { length, kept_bytes, loses_answer: lost.is_some() })
}

/// Keeps what arrives; says whether that was all of it.
async fn take_in(shared: &Shared, id: &str, body: Body, kept_bytes: Option<u64>) -> bool {
    let mut body = body.into_data_stream();
    let mut left = kept_bytes.unwrap_or(u64::MAX);
    while left > 0 {
        match body.next().await {
            Some(Ok(mut bytes)) => {
                bytes.truncate(left.min(bytes.len() as u64) as usize);
                left -= bytes.len() as u64;
                if let Some(upload) = shared.lock().uploads.get_mut(id) {
                    upload.bytes.extend_from_slice(&bytes);
                }
            }
            Some(Err(_)) => return false,
            None => return true,
        }
    }
    false
}

fn complete(inner: &mut Inner, id: &str, upserts: bool) -> Result<(), Response> {
    let lost = take(&mut inner.faults, |fault| matches!(fault, Fault::LoseFile).then_some(((), true)));
    let Some(upload) = inner.uploads.get_mut(id) else { return Ok(()) };
    upload.complete = true;
    if lost.is_some() {
        return Ok(());
    }
    let (name, bytes) = (upload.name.clone(), upload.bytes.clone().freeze());
    if inner.objects.contains_key(&name) && !upserts {
        return Err(plain(409, "The resource already exists"));
    }
    inner.insert(&name, bytes);
    Ok(())
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

fn of_metadata(text: &str, key: &str) -> Option<String> {
    let mut pairs = text.split(',').filter_map(|pair| pair.trim().split_once(' '));
    let (_, value) = pairs.find(|(name, _)| *name == key)?;
    String::from_utf8(STANDARD.decode(value).ok()?).ok()
}
