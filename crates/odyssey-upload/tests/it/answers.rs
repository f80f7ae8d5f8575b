//! Each answer with each of its headers.

use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderValue;
use odyssey_upload::{
    Concat, ConcatKind, Lifetime, Metadata, Offer, Protocol, ProtocolError, UploadRef, UploadState, answer,
};

use crate::support::{OFFER, UNDER_WAY, shown};

fn lifetime() -> Option<Lifetime> {
    let now: DateTime<Utc> = "2026-03-02T08:04:05.9Z".parse().expect("a time");
    Some(Lifetime { expires_at: now + TimeDelta::hours(1), now })
}

fn found(protocol: Protocol, state: &UploadState, concat: &Concat) -> String {
    let metadata = Metadata::parse(b"filename YQ==,empty").expect("lawful");
    shown(&answer::found(protocol, state, &metadata, concat, lifetime(), &OFFER))
}

#[test]
fn options_tells_of_both_protocols() {
    let offer = Offer { append_bytes_max: Some(20), append_bytes_min: Some(5), ..OFFER };
    assert_eq!(
        shown(&answer::options(&offer)),
        "200\naccept-patch: application/partial-upload, application/offset+octet-stream\n\
         tus-checksum-algorithm: sha1,sha256,crc32\n\
         tus-extension: creation,creation-with-upload,expiration,checksum,termination,creation-defer-length,concatenation\n\
         tus-max-size: 1000\ntus-resumable: 1.0.0\ntus-version: 1.0.0\n\
         upload-limit: max-size=1000, max-append-size=20, min-append-size=5"
    );
    let plain = answer::options(&Offer { defer_length: false, concatenation: false, ..OFFER });
    assert_eq!(
        plain.headers["tus-extension"],
        "creation,creation-with-upload,expiration,checksum,termination"
    );
}

#[test]
fn a_creation_is_answered_with_its_place() {
    let place = HeaderValue::from_static("/u/1");
    let made = |protocol, has_body| {
        shown(&answer::created(protocol, place.clone(), &UNDER_WAY, has_body, lifetime(), &OFFER))
    };
    assert_eq!(
        made(Protocol::Tus, true),
        "201\nlocation: /u/1\ntus-resumable: 1.0.0\nupload-expires: Mon, 02 Mar 2026 09:04:05 GMT\nupload-offset: 10"
    );
    assert_eq!(
        made(Protocol::Tus, false),
        "201\nlocation: /u/1\ntus-resumable: 1.0.0\nupload-expires: Mon, 02 Mar 2026 09:04:05 GMT"
    );
    assert_eq!(
        made(Protocol::Draft, true),
        "201\nlocation: /u/1\nupload-complete: ?0\nupload-draft-interop-version: 8\n\
         upload-limit: max-size=1000, max-age=3600\nupload-offset: 10"
    );
}

#[test]
fn head_tells_all_that_is_known_and_is_not_stored() {
    assert_eq!(
        found(Protocol::Tus, &UNDER_WAY, &Concat::Partial),
        "200\ncache-control: no-store\ntus-resumable: 1.0.0\nupload-concat: partial\n\
         upload-expires: Mon, 02 Mar 2026 09:04:05 GMT\nupload-length: 100\n\
         upload-metadata: filename YQ==,empty\nupload-offset: 10"
    );
    assert_eq!(
        found(Protocol::Tus, &UploadState { length: None, offset: 0, ..UNDER_WAY }, &Concat::None),
        "200\ncache-control: no-store\ntus-resumable: 1.0.0\nupload-defer-length: 1\n\
         upload-expires: Mon, 02 Mar 2026 09:04:05 GMT\n\
         upload-metadata: filename YQ==,empty\nupload-offset: 0"
    );
    assert_eq!(
        found(Protocol::Draft, &UploadState { complete: true, offset: 100, ..UNDER_WAY }, &Concat::None),
        "204\ncache-control: no-store\nupload-complete: ?1\nupload-draft-interop-version: 8\n\
         upload-length: 100\nupload-limit: max-size=1000, max-age=3600\nupload-offset: 100"
    );
}

#[test]
fn an_unfinished_final_upload_has_no_offset() {
    let parts = ["/u/1", "/u/2"].map(|url| UploadRef::parse(url).expect("a URL"));
    let concat = Concat::Final(parts.to_vec());
    let joining =
        UploadState { length: None, offset: 0, concat: ConcatKind::Final, complete: false, expired: false };
    let head = found(Protocol::Tus, &joining, &concat);
    assert!(!head.contains("upload-offset") && head.contains("upload-concat: final;/u/1 /u/2"), "{head}");
    let joined = UploadState { length: Some(8), offset: 8, complete: true, ..joining };
    let head = found(Protocol::Tus, &joined, &concat);
    assert!(head.contains("upload-offset: 8") && head.contains("upload-length: 8"), "{head}");
}

#[test]
fn an_append_is_answered_with_the_offset() {
    let appended = |protocol| shown(&answer::appended(protocol, &UNDER_WAY, lifetime(), &OFFER));
    assert_eq!(
        appended(Protocol::Tus),
        "204\ntus-resumable: 1.0.0\nupload-expires: Mon, 02 Mar 2026 09:04:05 GMT\nupload-offset: 10"
    );
    assert_eq!(
        appended(Protocol::Draft),
        "204\nupload-complete: ?0\nupload-draft-interop-version: 8\n\
         upload-limit: max-size=1000, max-age=3600\nupload-offset: 10"
    );
    assert_eq!(shown(&answer::terminated(Protocol::Tus)), "204\ntus-resumable: 1.0.0");
    assert_eq!(shown(&answer::terminated(Protocol::Draft)), "204\nupload-draft-interop-version: 8");
}

#[test]
fn a_lifetime_that_is_over_is_none() {
    let now: DateTime<Utc> = "2026-03-02T08:04:05Z".parse().expect("a time");
    let over = Some(Lifetime { expires_at: now - TimeDelta::hours(1), now });
    let answer = answer::appended(Protocol::Draft, &UNDER_WAY, over, &OFFER);
    assert_eq!(answer.headers["upload-limit"], "max-size=1000, max-age=0");
}

#[test]
fn a_refusal_brings_the_headers_of_its_status() {
    let refused = |protocol, error| shown(&answer::refused(protocol, &error, &OFFER));
    let mismatch = ProtocolError::OffsetMismatch { expected: 10, provided: 9 };
    let past = ProtocolError::BodyPastLength { bytes_left: 0 };
    let content_type = |protocol| ProtocolError::ContentTypeUnsupported { protocol };
    for (protocol, error, expected) in [
        (Protocol::Tus, ProtocolError::VersionMissing, "412\ntus-resumable: 1.0.0\ntus-version: 1.0.0"),
        (Protocol::Tus, ProtocolError::VersionUnsupported, "412\ntus-resumable: 1.0.0\ntus-version: 1.0.0"),
        (Protocol::Tus, mismatch, "409\ntus-resumable: 1.0.0"),
        (
            Protocol::Draft,
            mismatch,
            "409\nupload-complete: ?0\nupload-draft-interop-version: 8\nupload-offset: 10",
        ),
        (Protocol::Tus, past, "413\ntus-max-size: 1000\ntus-resumable: 1.0.0"),
        (Protocol::Draft, past, "413\nupload-draft-interop-version: 8\nupload-limit: max-size=1000"),
        (
            Protocol::Tus,
            ProtocolError::Locked { retry_after_seconds: 3 },
            "423\nretry-after: 3\ntus-resumable: 1.0.0",
        ),
        (
            Protocol::Tus,
            ProtocolError::MethodNotAllowed,
            "405\nallow: OPTIONS, POST, HEAD, PATCH, DELETE\ntus-resumable: 1.0.0",
        ),
        (Protocol::Tus, content_type(Protocol::Tus), "415\ntus-resumable: 1.0.0"),
        (
            Protocol::Draft,
            content_type(Protocol::Draft),
            "415\naccept-patch: application/partial-upload\nupload-draft-interop-version: 8",
        ),
        (Protocol::Tus, ProtocolError::NotFound, "404\ntus-resumable: 1.0.0"),
        (Protocol::Tus, ProtocolError::Expired, "410\ntus-resumable: 1.0.0"),
        (Protocol::Tus, ProtocolError::FinalTakesNoBytes, "403\ntus-resumable: 1.0.0"),
        (Protocol::Tus, ProtocolError::ChecksumMismatch, "460\ntus-resumable: 1.0.0"),
    ] {
        assert_eq!(refused(protocol, error), expected);
    }
}
