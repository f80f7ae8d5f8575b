//! Each status of a refusal, by headers alone, by the state of the upload, and by its checksum.

use odyssey_upload::{Checksum, ConcatKind, Offer, ProtocolError, UploadState, admit};

use crate::support::*;

#[test]
fn headers_that_are_not_lawful_have_their_status() {
    let final_ = "Upload-Concat: final;/u/1";
    for (status, method, lines) in [
        (412, "POST", "Tus-Resumable: 0.2.2\nUpload-Length: 1".to_owned()),
        (412, "POST", "Upload-Length: 1".to_owned()),
        (412, "PATCH", format!("{PATCH}Upload-Offset: 0")),
        (412, "HEAD", "Tus-Resumable: 2.0.0".to_owned()),
        (412, "DELETE", String::new()),
        (412, "DELETE", "Tus-Resumable: 1.0.0\nTus-Resumable: 1.0.0".to_owned()),
        (405, "GET", "Tus-Resumable: 1.0.0".to_owned()),
        (405, "PUT", "Tus-Resumable: 1.0.0".to_owned()),
        (400, "POST", "Tus-Resumable: 1.0.0\nUpload-Draft-Interop-Version: 8".to_owned()),
        (400, "POST", "Upload-Complete: ?1".to_owned()),
    ] {
        assert_eq!(refusal(ask(method, &lines)).0, status, "{method} {lines}");
    }
    for (status, method, lines) in [
        (415, "PATCH", "Upload-Offset: 0".to_owned()),
        (415, "PATCH", "Content-Type: application/octet-stream\nUpload-Offset: 0".to_owned()),
        (415, "PATCH", format!("{PARTIAL}Upload-Offset: 0")),
        (400, "PATCH", PATCH.to_owned()),
        (400, "PATCH", format!("{PATCH}Upload-Offset: 0\nUpload-Offset: 0")),
        (400, "PATCH", format!("{PATCH}Upload-Offset: 0\nUpload-Length: x")),
        (400, "PATCH", format!("{PATCH}Upload-Offset: 0\nContent-Length: -1")),
        (400, "POST", String::new()),
        (400, "POST", "Upload-Length: 1\nUpload-Defer-Length: 1".to_owned()),
        (400, "POST", "Upload-Defer-Length: 0".to_owned()),
        (400, "POST", "Upload-Length: 1\nUpload-Defer-Length: 2".to_owned()),
        (400, "POST", "Upload-Length: 1\nUpload-Length: 1".to_owned()),
        (400, "POST", format!("Upload-Length: 0{}", "9".repeat(30))),
        (413, "POST", format!("Upload-Length: 1{}", "0".repeat(30))),
        (413, "PATCH", format!("{PATCH}Upload-Offset: 0\nUpload-Length: 18446744073709551616")),
        (400, "POST", "Upload-Length: 1\nUpload-Metadata: a ?".to_owned()),
        (400, "POST", "Upload-Length: 1\nUpload-Concat: whole".to_owned()),
        (400, "POST", "Upload-Concat: final;".to_owned()),
        (400, "POST", "Upload-Concat: final;/u/1  /u/2".to_owned()),
        (400, "POST", format!("Upload-Concat: final;{}", vec!["/u/1"; 65].join(" "))),
        (400, "POST", format!("{final_}\nUpload-Length: 1")),
        (400, "POST", format!("{final_}\nUpload-Defer-Length: 1")),
        (400, "POST", format!("{final_}\n{PATCH}Content-Length: 1")),
        (400, "POST", format!("{final_}\n{PATCH}")),
        (400, "POST", "X-HTTP-Method-Override: TRACE".to_owned()),
    ] {
        assert_eq!(refusal(tus(method, &lines)).0, status, "{method} {lines}");
    }
}

#[test]
fn an_offset_has_one_spelling() {
    for offset in ["+1", "01", "1e3", "-1", "1.0", "0x1", "1 1", "18446744073709551616"] {
        let (status, error) = refusal(tus("PATCH", &format!("{PATCH}Upload-Offset: {offset}")));
        assert_eq!(status, 400, "{offset}");
        assert!(error.to_string().starts_with("Upload-Offset cannot be read"), "{error}");
    }
}

#[test]
fn the_state_of_an_upload_has_its_statuses() {
    let append = |lines| tus_append(lines);
    let states = [
        (410, UploadState { expired: true, ..UNDER_WAY }, append("Upload-Offset: 10")),
        (403, UploadState { concat: ConcatKind::Final, ..UNDER_WAY }, append("Upload-Offset: 10")),
        (409, UNDER_WAY, append("Upload-Offset: 9")),
        (409, UNDER_WAY, append("Upload-Offset: 11")),
        (409, UploadState { offset: 100, complete: true, ..UNDER_WAY }, append("Upload-Offset: 10")),
        (400, UNDER_WAY, append("Upload-Offset: 10\nUpload-Length: 100")),
        (413, UNDER_WAY, append("Upload-Offset: 10\nContent-Length: 91")),
        (413, UploadState { length: None, ..UNDER_WAY }, append("Upload-Offset: 10\nContent-Length: 991")),
    ];
    for (status, state, append) in states {
        let error = refused(&state, &append, &OFFER);
        assert_eq!(error.status().as_u16(), status, "{error}");
    }
    for (status, error) in [
        (404, ProtocolError::NotFound),
        (410, ProtocolError::GivenUp),
        (410, ProtocolError::JobCanceled),
        (423, ProtocolError::Locked { retry_after_seconds: 1 }),
        (400, ProtocolError::Interrupted),
    ] {
        assert_eq!(error.status().as_u16(), status);
    }
}

#[test]
fn a_creation_is_held_to_what_is_offered() {
    let none = Offer { defer_length: false, concatenation: false, ..OFFER };
    for (status, offer, lines) in [
        (413, OFFER, "Upload-Length: 1001".to_owned()),
        (413, OFFER, "Upload-Length: 18446744073709551615".to_owned()),
        (413, Offer { upload_bytes_max: u64::MAX, ..OFFER }, "Upload-Length: 1000000000000000".to_owned()),
        (413, OFFER, format!("Upload-Length: 5\n{PATCH}Content-Length: 6")),
        (413, OFFER, format!("Upload-Defer-Length: 1\n{PATCH}Content-Length: 1001")),
        (501, none, "Upload-Defer-Length: 1".to_owned()),
        (501, none, "Upload-Length: 1\nUpload-Concat: partial".to_owned()),
        (501, none, "Upload-Concat: final;/u/1".to_owned()),
    ] {
        let error = admit(&create(tus("POST", &lines)), &offer).expect_err("refused");
        assert_eq!(error.status().as_u16(), status, "{lines}: {error}");
    }
    assert!(admitted("Upload-Length: 1000").is_ok());
}

#[test]
fn a_checksum_is_verified_piece_by_piece() {
    for checksum in [
        "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
        "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=",
        "crc32 DUoRhQ==",
    ] {
        for pieces in [&["hello world"][..], &["hel", "", "lo wor", "ld"], &["hello worle"], &["hello"]] {
            let mut verifier = Checksum::parse(checksum).expect("lawful").verifier();
            pieces.iter().for_each(|piece| verifier.update(piece.as_bytes()));
            let expected =
                if pieces.concat() == "hello world" { Ok(()) } else { Err(ProtocolError::ChecksumMismatch) };
            assert_eq!(verifier.finish(), expected, "{checksum} {pieces:?}");
        }
    }
    assert_eq!(ProtocolError::ChecksumMismatch.status().as_u16(), 460);
}

#[test]
fn a_checksum_that_cannot_be_read_is_400() {
    use ProtocolError::{ChecksumAlgorithmUnsupported as Unsupported, HeaderInvalid};
    for (checksum, unsupported) in [
        ("md5 XrY7u+Ae7tCTyyK7j1rNww==", true),
        ("SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", true),
        ("sha1", false),
        ("sha1  Kq5sNclPz7QV2+lfQIuc6R7oRu0=", false),
        ("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0", false),
        ("sha1 Kq5sNclPz7QV2-lfQIuc6R7oRu0=", false),
        ("sha1 DUoRhQ==", false),
    ] {
        let lines = format!("{PATCH}Upload-Offset: 0\nUpload-Checksum: {checksum}");
        let (status, error) = refusal(tus("PATCH", &lines));
        assert_eq!(status, 400);
        assert_eq!(error == Unsupported, unsupported, "{checksum}");
        assert_eq!(matches!(error, HeaderInvalid { .. }), !unsupported, "{checksum}");
    }
}
