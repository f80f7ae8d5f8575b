//! The double's routes of REST.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, RANGE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answers::{no_bucket, no_key, refused, too_large};
use super::faults::{Fault, spend, take};
use super::state::{Inner, Shared};
use crate::testing::wire::broken_body;

/// Bytes of one request that the double takes.
const BODY_BYTES_MAX: usize = 64 << 20;
const ENTRIES_MAX: usize = 1_500;
const ENTRIES_DEFAULT: usize = 100;

type Place = (String, String);

pub(super) async fn bucket(State(shared): State<Arc<Shared>>, Path(bucket): Path<String>) -> Response {
    if bucket != shared.bucket {
        return no_bucket();
    }
    let public = shared.lock().public;
    Json(json!({ "id": bucket, "name": bucket, "public": public, "file_size_limit": null })).into_response()
}

pub(super) async fn upload(
    State(shared): State<Arc<Shared>>,
    Path((bucket, name)): Path<Place>,
    request: Request,
) -> Response {
    if bucket != shared.bucket {
        return no_bucket();
    }
    let upserts = is_upsert(request.headers());
    let is_form = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("multipart/form-data"));
    let Ok(body) = to_bytes(request.into_body(), BODY_BYTES_MAX).await else { return too_large() };
    let bytes = if is_form { content_of_form(&body) } else { Some(body).filter(|body| !body.is_empty()) };
    let Some(bytes) = bytes else {
        return refused("400", "InvalidRequest", "InvalidRequest", "No content provided").into_response();
    };
    let mut inner = shared.lock();
    if is_too_large(&mut inner, bytes.len() as u64) {
        return too_large();
    }
    if inner.objects.contains_key(&name) && !upserts {
        return refused("409", "Duplicate", "KeyAlreadyExists", "The resource already exists")
            .into_response();
    }
    inner.insert(&name, bytes);
    Json(json!({ "Id": "0", "Key": format!("{bucket}/{name}") })).into_response()
}

pub(super) async fn download(
    State(shared): State<Arc<Shared>>,
    Path((bucket, name)): Path<Place>,
    headers: HeaderMap,
) -> Response {
    if bucket != shared.bucket {
        return no_bucket();
    }
    let mut inner = shared.lock();
    let Some(object) = inner.objects.get(&name).cloned() else { return no_key() };
    let first = headers.get(RANGE).and_then(|range| {
        let text = range.to_str().ok()?.strip_prefix("bytes=")?.strip_suffix('-')?;
        text.parse::<usize>().ok()
    });
    let ignored = take(&mut inner.faults, |fault| matches!(fault, Fault::IgnoreRange).then_some(((), false)));
    let first = first.filter(|_| ignored.is_none());
    let byte_count = object.bytes.len();
    if first.is_some_and(|first| first >= byte_count) {
        return refused("416", "S3Error", "S3Error", "InvalidRange").into_response();
    }
    let bytes = object.bytes.slice(first.unwrap_or(0)..);
    let length = bytes.len();
    let broken = take(&mut inner.faults, |fault| match fault {
        Fault::BreakRead { after_bytes, times } => Some(((*after_bytes, false), spend(times))),
        Fault::ReplaceInRead { after_bytes } => Some(((*after_bytes, true), true)),
        _ => None,
    });
    let mut response = match broken {
        Some((after_bytes, replaces)) => {
            if replaces {
                inner.insert(&name, object.bytes.clone());
            }
            broken_body(bytes.slice(..after_bytes.min(length)))
        }
        None => Response::new(Body::from(bytes)),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.extend(HeaderValue::try_from(object.tag).map(|tag| (ETAG, tag)));
    if let Some(first) = first {
        let range = format!("bytes {first}-{}/{byte_count}", byte_count - 1);
        headers.extend(HeaderValue::try_from(range).map(|range| (CONTENT_RANGE, range)));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

pub(super) async fn info(State(shared): State<Arc<Shared>>, Path((bucket, name)): Path<Place>) -> Response {
    if bucket != shared.bucket {
        return no_bucket();
    }
    let Some(object) = shared.lock().objects.get(&name).cloned() else { return no_key() };
    Json(json!({
        "id": "0", "name": name, "bucket_id": bucket, "size": object.bytes.len(), "etag": object.tag,
        "content_type": "application/octet-stream", "last_modified": object.modified_at,
    }))
    .into_response()
}

pub(super) async fn remove(State(shared): State<Arc<Shared>>, Path((bucket, name)): Path<Place>) -> Response {
    if bucket != shared.bucket {
        return no_bucket();
    }
    match shared.lock().objects.remove(&name) {
        Some(_) => Json(json!({ "message": "Successfully deleted" })).into_response(),
        None => no_key(),
    }
}

#[derive(Deserialize)]
pub(super) struct Names {
    prefixes: Vec<String>,
}

pub(super) async fn remove_many(
    State(shared): State<Arc<Shared>>,
    Path(bucket): Path<String>,
    Json(names): Json<Names>,
) -> Response {
    if bucket != shared.bucket || names.prefixes.len() > 1_000 {
        return no_bucket();
    }
    let mut inner = shared.lock();
    let nothing =
        take(&mut inner.faults, |fault| matches!(fault, Fault::RemoveNothing).then_some(((), false)));
    let mut removed = Vec::new();
    for name in names.prefixes.iter().filter(|_| nothing.is_none()) {
        removed.extend(inner.objects.remove(name).map(|_| json!({ "name": name, "bucket_id": bucket })));
    }
    Json(removed).into_response()
}

#[derive(Deserialize)]
pub(super) struct Question {
    prefix: String,
    limit: Option<usize>,
    offset: Option<usize>,
}

/// The names of one folder. Upper and lower case of the folder are the same to the real one, too.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Path(bucket): Path<String>,
    Json(question): Json<Question>,
) -> Response {
    if bucket != shared.bucket {
        return no_bucket();
    }
    let folder = match &*question.prefix {
        "" => String::new(),
        folder => format!("{}/", folder.trim_end_matches('/')),
    };
    let entries = entries(&shared.lock(), &folder);
    let limit = question.limit.unwrap_or(ENTRIES_DEFAULT).min(ENTRIES_MAX);
    let entries = entries.into_iter().skip(question.offset.unwrap_or(0)).take(limit);
    Json(entries.collect::<Vec<Value>>()).into_response()
}

fn entries(inner: &Inner, folder: &str) -> Vec<Value> {
    let mut folders = BTreeSet::new();
    let mut entries = Vec::new();
    for (name, object) in &inner.objects {
        let is_inside = name.get(..folder.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(folder));
        let Some(rest) = name.get(folder.len()..).filter(|_| is_inside) else { continue };
        let Some((below, _)) = rest.split_once('/') else {
            let metadata = json!({ "size": object.bytes.len(), "mimetype": "application/octet-stream" });
            entries.push(json!({
                "name": rest, "id": "0", "metadata": metadata,
                "updated_at": object.modified_at, "created_at": object.modified_at,
            }));
            continue;
        };
        if folders.insert(below.to_owned()) {
            entries.push(json!({
                "name": below, "id": null, "metadata": null, "updated_at": null, "created_at": null,
            }));
        }
    }
    entries
}

/// Whether the double was told of a limit that this is over.
pub(super) fn is_too_large(inner: &mut Inner, byte_count: u64) -> bool {
    let over = |fault: &mut Fault| match fault {
        Fault::Limit { bytes_max } if byte_count > *bytes_max => Some(((), false)),
        _ => None,
    };
    take(&mut inner.faults, over).is_some()
}

pub(super) fn is_upsert(headers: &HeaderMap) -> bool {
    headers.get("x-upsert").is_some_and(|value| value == "true")
}

/// What stands between the head and the end of the one part.
fn content_of_form(body: &Bytes) -> Option<Bytes> {
    let text = std::str::from_utf8(body).ok()?;
    let first = text.find("\r\n\r\n")? + 4;
    let last = text.rfind("\r\n--").filter(|last| *last >= first && text.ends_with("--\r\n"))?;
    Some(body.slice(first..last))
}
