//! What each answer says, in the protocol of its request: a status and headers, no body.

mod refusal;

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::checksum::Algorithm;
use crate::concat::{Concat, ConcatKind};
use crate::metadata::Metadata;
use crate::names::*;
use crate::offer::Offer;
use crate::protocol::Protocol;
use crate::state::UploadState;
use crate::structured::boolean_text;

pub use refusal::refused;

/// A status and the headers that belong to it. The server may add others, and a body to a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
}

/// How long an upload lives, seen from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    pub expires_at: DateTime<Utc>,
    pub now: DateTime<Utc>,
}

impl Lifetime {
    /// `Upload-Expires`: IMF-fixdate (RFC 9110).
    pub fn to_text(self) -> String {
        self.expires_at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// Whole seconds that are left, none when they are over.
    fn seconds_left(self) -> u64 {
        u64::try_from((self.expires_at - self.now).num_seconds()).unwrap_or(0)
    }
}

/// To OPTIONS, in both protocols: 200, since some old browsers refuse a preflight answered 204.
pub fn options(offer: &Offer) -> Answer {
    let mut answer = Answer::new(StatusCode::OK);
    answer.put_text(TUS_RESUMABLE, TUS_VERSION_SPOKEN);
    answer.put_text(TUS_VERSION, TUS_VERSION_SPOKEN);
    answer.put_text(TUS_EXTENSION, &offer.extensions());
    answer.put_number(TUS_MAX_SIZE, offer.bytes_max());
    answer.put_text(TUS_CHECKSUM_ALGORITHM, Algorithm::LIST);
    answer.put_text(ACCEPT_PATCH, &format!("{PARTIAL_UPLOAD}, {OFFSET_OCTET_STREAM}"));
    answer.put_text(UPLOAD_LIMIT, &limits(offer, None));
    answer
}

/// To a creation: where the upload is. `has_body` as the request had it.
pub fn created(
    protocol: Protocol,
    location: HeaderValue,
    state: &UploadState,
    has_body: bool,
    lifetime: Option<Lifetime>,
    offer: &Offer,
) -> Answer {
    let mut answer = Answer::of(protocol, StatusCode::CREATED);
    answer.headers.insert(LOCATION, location);
    match protocol {
        Protocol::Tus => {
            if has_body {
                answer.put_number(UPLOAD_OFFSET, state.offset);
            }
            answer.put_expiry(lifetime);
        }
        Protocol::Draft => {
            answer.put_progress(state);
            answer.put_text(UPLOAD_LIMIT, &limits(offer, lifetime));
        }
    }
    answer
}

/// To HEAD: how far the upload is.
pub fn found(
    protocol: Protocol,
    state: &UploadState,
    metadata: &Metadata,
    concat: &Concat,
    lifetime: Option<Lifetime>,
    offer: &Offer,
) -> Answer {
    match protocol {
        Protocol::Tus => found_by_tus(state, metadata, concat, lifetime),
        Protocol::Draft => found_by_draft(state, lifetime, offer),
    }
}

fn found_by_tus(
    state: &UploadState,
    metadata: &Metadata,
    concat: &Concat,
    lifetime: Option<Lifetime>,
) -> Answer {
    let mut answer = Answer::of(Protocol::Tus, StatusCode::OK);
    answer.put_text(CACHE_CONTROL, "no-store");
    let being_joined = state.concat == ConcatKind::Final && !state.complete;
    if !being_joined {
        answer.put_number(UPLOAD_OFFSET, state.offset);
    }
    match state.length {
        Some(length) => answer.put_number(UPLOAD_LENGTH, length),
        // Its length is not deferred to the client: it is that of its parts.
        None if being_joined => {}
        None => answer.put_text(UPLOAD_DEFER_LENGTH, "1"),
    }
    if let Some(value) = metadata.to_header_value() {
        answer.headers.insert(UPLOAD_METADATA, value);
    }
    if let Some(value) = concat.to_header_value() {
        answer.headers.insert(UPLOAD_CONCAT, value);
    }
    answer.put_expiry(lifetime);
    answer
}

fn found_by_draft(state: &UploadState, lifetime: Option<Lifetime>, offer: &Offer) -> Answer {
    let mut answer = Answer::of(Protocol::Draft, StatusCode::NO_CONTENT);
    answer.put_text(CACHE_CONTROL, "no-store");
    answer.put_progress(state);
    if let Some(length) = state.length {
        answer.put_number(UPLOAD_LENGTH, length);
    }
    answer.put_text(UPLOAD_LIMIT, &limits(offer, lifetime));
    answer
}

/// To PATCH: how far the upload is now.
pub fn appended(
    protocol: Protocol,
    state: &UploadState,
    lifetime: Option<Lifetime>,
    offer: &Offer,
) -> Answer {
    let mut answer = Answer::of(protocol, StatusCode::NO_CONTENT);
    match protocol {
        Protocol::Tus => {
            answer.put_number(UPLOAD_OFFSET, state.offset);
            answer.put_expiry(lifetime);
        }
        Protocol::Draft => {
            answer.put_progress(state);
            answer.put_text(UPLOAD_LIMIT, &limits(offer, lifetime));
        }
    }
    answer
}

/// To DELETE.
pub fn terminated(protocol: Protocol) -> Answer {
    Answer::of(protocol, StatusCode::NO_CONTENT)
}

impl Answer {
    fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new() }
    }

    /// With the version that each answer carries.
    fn of(protocol: Protocol, status: StatusCode) -> Self {
        let mut answer = Self::new(status);
        match protocol {
            Protocol::Tus => answer.put_text(TUS_RESUMABLE, TUS_VERSION_SPOKEN),
            Protocol::Draft => answer.put_number(INTEROP_VERSION, INTEROP_VERSION_SPOKEN),
        }
        answer
    }

    fn put_progress(&mut self, state: &UploadState) {
        self.put_text(UPLOAD_COMPLETE, boolean_text(state.complete));
        self.put_number(UPLOAD_OFFSET, state.offset);
    }

    fn put_expiry(&mut self, lifetime: Option<Lifetime>) {
        if let Some(lifetime) = lifetime {
            self.put_text(UPLOAD_EXPIRES, &lifetime.to_text());
        }
    }

    fn put_number(&mut self, header: &'static str, number: u64) {
        self.headers.insert(header, HeaderValue::from(number));
    }

    /// For texts of ours, which are lawful.
    fn put_text(&mut self, header: &'static str, text: &str) {
        if let Ok(value) = HeaderValue::from_str(text) {
            self.headers.insert(header, value);
        }
    }
}

/// `Upload-Limit`, a Dictionary of Integers.
fn limits(offer: &Offer, lifetime: Option<Lifetime>) -> String {
    let members = [
        ("max-size", Some(offer.bytes_max())),
        ("max-append-size", offer.append_bytes_max),
        ("min-append-size", offer.append_bytes_min),
        ("max-age", lifetime.map(Lifetime::seconds_left)),
    ];
    let sent = members.into_iter().filter_map(|(key, number)| {
        number.map(|number| format!("{key}={}", number.min(crate::limits::STRUCTURED_INTEGER_MAX)))
    });
    sent.collect::<Vec<_>>().join(", ")
}
