//! Requests and answers as short texts.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use odyssey_upload::{
    Acceptance, Answer, Append, ConcatKind, Create, Decision, Offer, ProtocolError, Request, UploadState,
    admit, decide, parse,
};

pub const OFFER: Offer = Offer {
    upload_bytes_max: 1_000,
    append_bytes_max: None,
    append_bytes_min: None,
    defer_length: true,
    concatenation: true,
};

/// `Name: value` lines.
pub fn headers(lines: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let (name, value) = line.trim_start().split_once(": ").expect("name: value");
        let name: HeaderName = name.parse().expect("a name");
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    }
    headers
}

/// `PATCH` or another method, then lines of headers.
pub fn ask(method: &str, lines: &str) -> Result<Request, ProtocolError> {
    parse(&Method::from_bytes(method.as_bytes()).expect("a method"), &headers(lines))
}

pub fn tus(method: &str, lines: &str) -> Result<Request, ProtocolError> {
    ask(method, &format!("Tus-Resumable: 1.0.0\n{lines}"))
}

pub fn draft(method: &str, lines: &str) -> Result<Request, ProtocolError> {
    ask(method, &format!("Upload-Draft-Interop-Version: 8\n{lines}"))
}

/// The status a request is refused with, by its headers alone.
pub fn refusal(asked: Result<Request, ProtocolError>) -> (u16, ProtocolError) {
    let error = asked.expect_err("a refusal");
    (error.status().as_u16(), error)
}

pub fn create(asked: Result<Request, ProtocolError>) -> Create {
    match asked.expect("lawful") {
        Request::Create(create) => create,
        other => panic!("not a creation: {other:?}"),
    }
}

pub fn append(asked: Result<Request, ProtocolError>) -> Append {
    match asked.expect("lawful") {
        Request::Append(append) => append,
        other => panic!("not an append: {other:?}"),
    }
}

pub const PATCH: &str = "Content-Type: application/offset+octet-stream\n";
pub const PARTIAL: &str = "Content-Type: application/partial-upload\n";

pub fn tus_append(lines: &str) -> Append {
    append(tus("PATCH", &format!("{PATCH}{lines}")))
}

pub fn draft_append(lines: &str) -> Append {
    append(draft("PATCH", &format!("{PARTIAL}{lines}")))
}

/// An upload under way: 10 of 100 bytes.
pub const UNDER_WAY: UploadState =
    UploadState { length: Some(100), offset: 10, concat: ConcatKind::None, complete: false, expired: false };

pub fn accepted(state: &UploadState, append: &Append, offer: &Offer) -> Acceptance {
    match decide(state, append, offer) {
        Decision::Accept(acceptance) => acceptance,
        Decision::Refuse(error) => panic!("refused: {error}"),
    }
}

pub fn refused(state: &UploadState, append: &Append, offer: &Offer) -> ProtocolError {
    match decide(state, append, offer) {
        Decision::Refuse(error) => error,
        Decision::Accept(acceptance) => panic!("accepted: {acceptance:?}"),
    }
}

pub fn admitted(lines: &str) -> Result<UploadState, ProtocolError> {
    admit(&create(tus("POST", lines)), &OFFER)
}

/// Status and headers in the order of their names.
pub fn shown(answer: &Answer) -> String {
    let text = |value: &HeaderValue| value.to_str().expect("text").to_owned();
    let mut lines: Vec<String> =
        answer.headers.iter().map(|(name, value)| format!("{name}: {}", text(value))).collect();
    lines.sort();
    format!("{}\n{}", answer.status.as_u16(), lines.join("\n"))
}
