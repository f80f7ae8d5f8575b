//! Any method and headers as a request of an upload: read, judged against an upload under way, and answered.
//!
//! Run with `cargo +nightly fuzz run upload_requests` from the root of the repository. The first byte picks the
//! method, the second the version sent and the upload; each line after them is `name: value`.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;
use odyssey_upload::{
    Append, BodyEnd, Concat, ConcatKind, Decision, Metadata, Offer, Protocol, Request, UploadState, admit, answer, decide,
    parse,
};

const METHODS: [Method; 7] =
    [Method::OPTIONS, Method::POST, Method::PUT, Method::PATCH, Method::HEAD, Method::GET, Method::DELETE];
const OFFER: Offer = Offer {
    upload_bytes_max: 1_000,
    append_bytes_max: Some(200),
    append_bytes_min: Some(5),
    defer_length: true,
    concatenation: true,
};

fuzz_target!(|data: &[u8]| {
    let [method, choice, lines @ ..] = data else { return };
    let method = &METHODS[usize::from(*method) % METHODS.len()];
    let headers = read_headers(*choice, lines);
    match parse(method, &headers) {
        Ok(Request::Create(create)) => create_upload(&create),
        Ok(Request::Append(append)) => write(&upload(*choice), &append),
        Ok(Request::Options | Request::Head(_) | Request::Terminate(_)) => {}
        Err(error) => {
            answer::refused(Protocol::of_refusal(&headers), &error, &OFFER);
        }
    }
});

fn read_headers(choice: u8, lines: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    match choice & 3 {
        1 => drop(headers.insert("Tus-Resumable", HeaderValue::from_static("1.0.0"))),
        2 => drop(headers.insert("Upload-Draft-Interop-Version", HeaderValue::from_static("8"))),
        _ => {}
    }
    for line in lines.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

fn upload(choice: u8) -> UploadState {
    let length = (choice & 4 == 4).then_some(100);
    UploadState { length, offset: 10, concat: ConcatKind::None, complete: false, expired: choice & 8 == 8 }
}

fn create_upload(create: &odyssey_upload::Create) {
    let text = create.metadata.to_text();
    if !create.metadata.is_empty() {
        assert_eq!(Metadata::parse(text.as_bytes()).expect("was read before"), create.metadata);
    }
    let Ok(state) = admit(create, &OFFER) else { return };
    let concat: &Concat = &create.concat;
    answer::found(create.protocol, &state, &create.metadata, concat, None, &OFFER);
    if let Some(first) = Append::first_of(create) {
        write(&state, &first);
    }
}

fn write(state: &UploadState, append: &Append) {
    let Decision::Accept(acceptance) = decide(state, append, &OFFER) else { return };
    for received in [0, acceptance.limit / 2, acceptance.limit, acceptance.limit + 1] {
        for end in [BodyEnd::Whole, BodyEnd::Cut] {
            let Ok(after) = acceptance.settle(state, received, end) else { continue };
            assert!(after.offset >= state.offset && after.length.is_none_or(|length| after.offset <= length));
            answer::appended(append.protocol, &after, None, &OFFER);
        }
    }
}
