//! A double of an S3 store on this machine's loopback: one bucket, no disk. It checks what the stores we serve insist
//! on: path style, a signature over the whole body, no chunked signatures, no checksums in trailers, parts of 5 MiB.

mod lists;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, LAST_MODIFIED, RANGE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use bytes::Bytes;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::lists::{list, list_uploads};
use super::hasty;
use super::s3_faults::{Break, S3Fault, spend};
use super::wire::{broken_body, hang_up, held_body};
use crate::{S3Settings, Store, StoreSettings};

const BUCKET: &str = "uploads";
const KEY_ID: &str = "AKIA-not-a-secret";
const BODY_BYTES_MAX: usize = 64 << 20;
const PART_BYTES_MIN: usize = 5 << 20;
const LAST_MODIFIED_AT: &str = "Fri, 15 Jan 2027 08:00:00 GMT";
const LAST_MODIFIED_IN_LISTS: &str = "2027-01-15T08:00:00.000Z";

/// Listens on a port of its own; ends when dropped.
#[derive(Debug)]
pub struct S3Double {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

type Shared = Mutex<Inner>;

#[derive(Debug, Default)]
struct Inner {
    objects: BTreeMap<String, (Bytes, String)>,
    uploads: BTreeMap<String, OpenUpload>,
    faults: Vec<S3Fault>,
    seen: Vec<String>,
    stored: u64,
}

#[derive(Debug)]
struct OpenUpload {
    key: String,
    begun_at: String,
    parts: BTreeMap<usize, Bytes>,
}

#[derive(Debug, Default, serde::Deserialize)]
struct Asked {
    uploads: Option<String>,
    #[serde(rename = "uploadId")]
    upload_id: Option<String>,
    #[serde(rename = "partNumber")]
    part_number: Option<usize>,
    prefix: Option<String>,
    delimiter: Option<String>,
    #[serde(rename = "max-keys")]
    max_keys: Option<usize>,
    #[serde(rename = "continuation-token")]
    token: Option<String>,
    #[serde(rename = "key-marker")]
    key_marker: Option<String>,
    #[serde(rename = "upload-id-marker")]
    id_marker: Option<String>,
}

impl S3Double {
    /// Starts one with an empty bucket.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared::default());
        let router = Router::new().route("/{*place}", any(answer)).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the listener stays");
        });
        Self { address, shared, task }
    }

    /// How this double is reached, without patience for pauses. It has a prefix, as some stores do.
    pub fn settings(&self) -> S3Settings {
        S3Settings {
            endpoint: format!("http://{}/storage/v1/s3", self.address),
            region: "eu-central-1".to_owned(),
            bucket: BUCKET.to_owned(),
            access_key_id: KEY_ID.to_owned(),
            secret_access_key: SecretString::from("not-a-secret"),
            allow_http: true,
            patience: hasty(),
        }
    }

    /// A store that is this double.
    pub fn store(&self) -> Store {
        Store::new(&StoreSettings::S3(self.settings())).expect("the settings are good")
    }

    /// From now on, fails once in this way, or as often as it says.
    pub fn fail(&self, fault: S3Fault) {
        lock(&self.shared).faults.push(fault);
    }

    /// Puts a file into the bucket under any name.
    pub fn plant(&self, name: &str, bytes: &[u8]) {
        lock(&self.shared).insert(name, bytes.to_vec().into());
    }

    /// Names of all files, whatever they are.
    pub fn names(&self) -> Vec<String> {
        lock(&self.shared).objects.keys().cloned().collect()
    }

    /// Leaves an upload behind, as a process does that is killed; `begun_at` as RFC 3339 has it.
    pub fn leave(&self, name: &str, begun_at: &str) {
        begin(&mut lock(&self.shared), name, begun_at);
    }

    /// Uploads that were begun and neither completed nor aborted.
    pub fn unfinished(&self) -> usize {
        lock(&self.shared).uploads.len()
    }

    /// Methods and paths with their queries, and forgets them.
    pub fn take_seen(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.shared).seen)
    }
}

impl Drop for S3Double {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Inner {
    fn insert(&mut self, key: &str, bytes: Bytes) -> String {
        self.stored += 1;
        let tag = format!("\"{:032x}\"", self.stored);
        self.objects.insert(key.to_owned(), (bytes, tag.clone()));
        tag
    }

    /// The first fault that `matches`, taken away if it says so.
    fn fault<T>(&mut self, mut matches: impl FnMut(&mut S3Fault) -> Option<(T, bool)>) -> Option<T> {
        let found =
            self.faults.iter_mut().enumerate().find_map(|(index, fault)| Some((index, matches(fault)?)));
        let (index, (found, over)) = found?;
        if over {
            self.faults.remove(index);
        }
        Some(found)
    }

    fn has(&mut self, fault: &S3Fault) -> bool {
        self.fault(|one| (one == fault).then_some(((), true))).is_some()
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, Inner> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn xml(body: &str) -> Response {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{body}").into_response()
}

fn refused(status: u16, code: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let text = format!("<Error><Code>{code}</Code><Message>by {KEY_ID}</Message></Error>");
    (status, xml(&text)).into_response()
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    Path(place): Path<String>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else { return refused(400, "EntityTooLarge") };
    let answer = answer_to(&shared, &place, &asked, &parts, body);
    match answer {
        Some(answer) => answer,
        None => std::future::pending().await,
    }
}

/// `None` for a request that is never answered.
fn answer_to(shared: &Shared, place: &str, asked: &Asked, parts: &Parts, body: Bytes) -> Option<Response> {
    let mut inner = lock(shared);
    let query = parts.uri.query().unwrap_or_default();
    inner.seen.push(format!("{} {}?{query}", parts.method, parts.uri.path()));
    let told = inner.fault(|fault| match fault {
        S3Fault::Answer { status, code, times } => Some(((*status, *code), spend(times))),
        _ => None,
    });
    if let Some((status, code)) = told {
        return Some(refused(status, code));
    }
    if let Err(code) = check_headers(&parts.headers) {
        return Some(refused(403, code));
    }
    let Some(place) = place.strip_prefix("storage/v1/s3/") else {
        return Some(refused(404, "NoSuchKey"));
    };
    let (bucket, key) = place.split_once('/').unwrap_or((place, ""));
    if bucket != BUCKET {
        return Some(refused(404, "NoSuchBucket"));
    }
    Some(match (&parts.method, &asked.upload_id) {
        (&Method::GET, _) if key.is_empty() && asked.uploads.is_some() => list_uploads(&inner, asked),
        (&Method::GET, _) if key.is_empty() => list(&inner, asked),
        (&Method::GET | &Method::HEAD, _) => get(&mut inner, key, &parts.method, &parts.headers),
        (&Method::POST, None) if asked.uploads.is_some() => begin(&mut inner, key, LAST_MODIFIED_IN_LISTS),
        (&Method::PUT, Some(id)) => put_part(&mut inner, id, asked.part_number.unwrap_or(0), body),
        (&Method::POST, Some(id)) => complete(&mut inner, key, id),
        (&Method::DELETE, Some(id)) => match inner.uploads.remove(id) {
            Some(_) => StatusCode::NO_CONTENT.into_response(),
            None => refused(404, "NoSuchUpload"),
        },
        (&Method::PUT, None) => {
            let tag = inner.insert(key, body);
            if inner.has(&S3Fault::LosePut) { hang_up() } else { tagged(&tag) }
        }
        (&Method::DELETE, None) => {
            let fault = inner.fault(|fault| match fault {
                S3Fault::KeepFile { times } => Some(((true, false), spend(times))),
                S3Fault::HoldRemoval { carried_out } => Some(((!*carried_out, true), true)),
                _ => None,
            });
            let (keeps, holds) = fault.unwrap_or_default();
            if !keeps {
                inner.objects.remove(key);
            }
            match (keeps, holds) {
                (_, true) => return None,
                (true, false) => refused(403, "AccessDenied"),
                (false, false) => StatusCode::NO_CONTENT.into_response(),
            }
        }
        _ => refused(405, "MethodNotAllowed"),
    })
}

/// What is signed is the whole body, and nothing asks for what not every store has.
fn check_headers(headers: &HeaderMap) -> Result<(), &'static str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let scope = format!("AWS4-HMAC-SHA256 Credential={KEY_ID}/");
    if !text("authorization").starts_with(&scope) || !text("authorization").contains("/eu-central-1/s3/") {
        return Err("InvalidAccessKeyId");
    }
    let digest = text("x-amz-content-sha256");
    let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    let asks_more = headers.keys().any(|name| {
        let name = name.as_str();
        name.starts_with("x-amz-checksum") || name.starts_with("x-amz-trailer") || name == "if-none-match"
    });
    if !is_digest || asks_more || text("content-encoding").contains("aws-chunked") {
        return Err("SignatureDoesNotMatch");
    }
    Ok(())
}

fn get(inner: &mut Inner, key: &str, method: &Method, headers: &HeaderMap) -> Response {
    let Some((bytes, tag)) = inner.objects.get(key).cloned() else { return refused(404, "NoSuchKey") };
    let byte_count = bytes.len();
    let first = headers.get(RANGE).and_then(|range| {
        let text = range.to_str().ok()?.strip_prefix("bytes=")?.strip_suffix('-')?;
        text.parse::<usize>().ok()
    });
    if first.is_some_and(|first| first >= byte_count) {
        return refused(416, "InvalidRange");
    }
    let part = bytes.slice(first.unwrap_or(0)..);
    let length = part.len();
    let broken = inner.fault(|fault| match fault {
        S3Fault::BreakRead { after_bytes, times } if method == Method::GET => {
            Some(((*after_bytes, Break::Ends), spend(times)))
        }
        S3Fault::ReplaceInRead { after_bytes } if method == Method::GET => {
            Some(((*after_bytes, Break::Replaced), true))
        }
        S3Fault::HoldRead { after_bytes } if method == Method::GET && length > *after_bytes => {
            Some(((*after_bytes, Break::Held), true))
        }
        _ => None,
    });
    let mut response = match broken {
        Some((after_bytes, Break::Held)) => held_body(part.slice(..after_bytes)),
        Some((after_bytes, how)) => {
            if how == Break::Replaced {
                inner.insert(key, bytes);
            }
            broken_body(part.slice(..after_bytes.min(length)))
        }
        None if method == Method::HEAD => Response::default(),
        None => part.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(LAST_MODIFIED, HeaderValue::from_static(LAST_MODIFIED_AT));
    headers.extend(HeaderValue::try_from(tag).map(|tag| (ETAG, tag)));
    if let Some(first) = first {
        let range = format!("bytes {first}-{}/{byte_count}", byte_count - 1);
        headers.extend(HeaderValue::try_from(range).map(|range| (CONTENT_RANGE, range)));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

fn tagged(tag: &str) -> Response {
    ([(ETAG, tag.to_owned())], "").into_response()
}

fn begin(inner: &mut Inner, key: &str, begun_at: &str) -> Response {
    inner.stored += 1;
    let id = format!("upload-{}", inner.stored);
    let (key, begun_at) = (key.to_owned(), begun_at.to_owned());
    let answer = format!(
        "<InitiateMultipartUploadResult><Bucket>{BUCKET}</Bucket><Key>{key}</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
    );
    inner.uploads.insert(id, OpenUpload { key, begun_at, parts: BTreeMap::new() });
    xml(&answer)
}

fn put_part(inner: &mut Inner, id: &str, number: usize, body: Bytes) -> Response {
    if inner.has(&S3Fault::ForgetUpload { part: number }) {
        inner.uploads.remove(id);
    }
    let Some(upload) = inner.uploads.get_mut(id) else { return refused(404, "NoSuchUpload") };
    upload.parts.insert(number, body);
    if inner.has(&S3Fault::LosePut) { hang_up() } else { tagged(&format!("\"part-{number}\"")) }
}

fn complete(inner: &mut Inner, key: &str, id: &str) -> Response {
    let in_error = inner.fault(|fault| match fault {
        S3Fault::CompleteInError { times } => Some(((), spend(times))),
        _ => None,
    });
    if in_error.is_some() {
        return xml("<Error><Code>InternalError</Code><Message>try again</Message></Error>");
    }
    let Some(OpenUpload { parts, .. }) = inner.uploads.remove(id) else {
        return refused(404, "NoSuchUpload");
    };
    let last = parts.keys().last().copied();
    if parts.iter().any(|(number, part)| Some(*number) != last && part.len() < PART_BYTES_MIN) {
        return refused(400, "EntityTooSmall");
    }
    let mut bytes: Vec<u8> = parts.into_values().flatten().collect();
    if inner.has(&S3Fault::LoseByte) {
        bytes.pop();
    }
    let tag = inner.insert(key, bytes.into());
    if inner.has(&S3Fault::LoseComplete) {
        return hang_up();
    }
    xml(&format!(
        "<CompleteMultipartUploadResult><Bucket>{BUCKET}</Bucket><Key>{key}</Key><ETag>{tag}</ETag></CompleteMultipartUploadResult>"
    ))
}
