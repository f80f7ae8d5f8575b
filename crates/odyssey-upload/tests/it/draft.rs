//! The draft of the IETF, interop version 8.

use odyssey_upload::{
    Append, BodyEnd, Length, Offer, Protocol, ProtocolError, Request, UploadState, admit, decide,
};

use crate::support::*;

#[test]
fn another_interop_version_is_refused() {
    for version in ["5", "6", "7", "9", "\"8\"", "8.0", "", "8, 8"] {
        let asked = ask("POST", &format!("Upload-Complete: ?1\nUpload-Draft-Interop-Version: {version}"));
        assert_eq!(refusal(asked), (400, ProtocolError::InteropUnsupported), "{version}");
    }
    assert!(ask("POST", "Upload-Complete: ?1\nUpload-Draft-Interop-Version: 8;of=draft").is_ok());
}

#[test]
fn methods_are_read() {
    for method in ["HEAD", "GET"] {
        assert_eq!(draft(method, ""), Ok(Request::Head(Protocol::Draft)));
    }
    assert_eq!(draft("DELETE", ""), Ok(Request::Terminate(Protocol::Draft)));
    assert_eq!(refusal(draft("TRACE", "")).0, 405);
    for method in ["POST", "PUT"] {
        assert_eq!(create(draft(method, "Upload-Complete: ?0")).length, Length::Deferred);
    }
}

#[test]
fn a_creation_shows_its_length_in_two_ways() {
    for (lines, length) in [
        ("Upload-Complete: ?1\nContent-Length: 5", Length::Known(5)),
        ("Upload-Complete: ?0\nContent-Length: 5", Length::Deferred),
        ("Upload-Complete: ?0\nContent-Length: 5\nUpload-Length: 9", Length::Known(9)),
        ("Upload-Complete: ?1\nContent-Length: 5\nUpload-Length: 5", Length::Known(5)),
        ("Upload-Complete: ?1", Length::Deferred),
        // An unlawful value is ignored, as the draft has it.
        ("Upload-Complete: ?0\nUpload-Length: -1", Length::Deferred),
    ] {
        assert_eq!(create(draft("POST", lines)).length, length, "{lines}");
    }
    let twice = draft("POST", "Upload-Complete: ?1\nContent-Length: 5\nUpload-Length: 6");
    assert_eq!(refusal(twice), (400, ProtocolError::LengthInconsistent));
}

#[test]
fn an_upload_is_complete_when_a_whole_body_says_so() {
    let create = create(draft("POST", "Upload-Complete: ?1"));
    let state = admit(&create, &OFFER).expect("admitted");
    let first = Append::first_of(&create).expect("a body");
    let acceptance = accepted(&state, &first, &OFFER);
    let cut = acceptance.settle(&state, 4, BodyEnd::Cut).expect("kept");
    assert_eq!((cut.offset, cut.complete, cut.length), (4, false, None));
    let whole = acceptance.settle(&state, 4, BodyEnd::Whole).expect("kept");
    assert_eq!((whole.offset, whole.complete, whole.length), (4, true, Some(4)));
}

#[test]
fn an_offset_at_the_length_is_not_yet_complete() {
    let append = draft_append("Upload-Offset: 10\nUpload-Complete: ?0\nContent-Length: 90");
    let state = accepted(&UNDER_WAY, &append, &OFFER).settle(&UNDER_WAY, 90, BodyEnd::Whole).expect("kept");
    assert!(!state.complete && state.offset == 100);
    let last = draft_append("Upload-Offset: 100\nUpload-Complete: ?1\nContent-Length: 0");
    assert!(accepted(&state, &last, &OFFER).settle(&state, 0, BodyEnd::Whole).expect("kept").complete);
}

#[test]
fn appends_that_are_not_lawful_have_their_status() {
    for (status, lines) in [
        (415, "Content-Type: text/csv\nUpload-Offset: 0\nUpload-Complete: ?0"),
        (400, "Content-Type: application/partial-upload\nUpload-Offset: 0"),
        (400, "Content-Type: application/partial-upload\nUpload-Complete: ?0"),
        (400, "Content-Type: application/partial-upload\nUpload-Complete: 1\nUpload-Offset: 0"),
        (400, "Content-Type: application/partial-upload\nUpload-Complete: ?0\nUpload-Offset: -1"),
        (
            400,
            "Content-Type: application/partial-upload\nUpload-Complete: ?0\nUpload-Offset: 1\nUpload-Offset: 1",
        ),
    ] {
        assert_eq!(refusal(draft("PATCH", lines)).0, status, "{lines}");
    }
    let complete = UploadState { offset: 100, complete: true, ..UNDER_WAY };
    let inconsistent = "https://iana.org/assignments/http-problem-types#inconsistent-upload-length";
    for (state, status, problem, lines) in [
        (
            UNDER_WAY,
            409,
            "https://iana.org/assignments/http-problem-types#mismatching-upload-offset",
            "Upload-Offset: 9\nUpload-Complete: ?0",
        ),
        (UNDER_WAY, 400, inconsistent, "Upload-Offset: 10\nUpload-Complete: ?0\nUpload-Length: 99"),
        (UNDER_WAY, 400, inconsistent, "Upload-Offset: 10\nUpload-Complete: ?0\nUpload-Length: 101"),
        (UNDER_WAY, 400, inconsistent, "Upload-Offset: 10\nUpload-Complete: ?1\nContent-Length: 5"),
        (
            UNDER_WAY,
            400,
            inconsistent,
            "Upload-Offset: 10\nUpload-Complete: ?1\nContent-Length: 5\nUpload-Length: 100",
        ),
        (complete, 400, inconsistent, "Upload-Offset: 100\nUpload-Complete: ?1\nContent-Length: 5"),
        (
            complete,
            400,
            "https://iana.org/assignments/http-problem-types#completed-upload",
            "Upload-Offset: 100\nUpload-Complete: ?1\nContent-Length: 0",
        ),
        (UNDER_WAY, 413, "", "Upload-Offset: 10\nUpload-Complete: ?0\nContent-Length: 91"),
        (
            UploadState { length: None, ..UNDER_WAY },
            413,
            "",
            "Upload-Offset: 10\nUpload-Complete: ?1\nContent-Length: 991",
        ),
        (UploadState { expired: true, ..UNDER_WAY }, 410, "", "Upload-Offset: 10\nUpload-Complete: ?0"),
    ] {
        let error = refused(&state, &draft_append(lines), &OFFER);
        assert_eq!(error.status().as_u16(), status, "{lines}: {error}");
        assert_eq!(error.registered_type().unwrap_or_default(), problem, "{lines}");
    }
}

#[test]
fn a_last_body_that_ends_early_is_not_kept() {
    let append = draft_append("Upload-Offset: 10\nUpload-Complete: ?1");
    let acceptance = accepted(&UNDER_WAY, &append, &OFFER);
    assert_eq!(acceptance.settle(&UNDER_WAY, 5, BodyEnd::Whole), Err(ProtocolError::LengthInconsistent));
}

#[test]
fn pieces_keep_to_their_limits() {
    let offer = Offer { append_bytes_max: Some(20), append_bytes_min: Some(5), ..OFFER };
    for (lines, status) in [
        ("Upload-Complete: ?0\nContent-Length: 21", Some(413)),
        ("Upload-Complete: ?0\nContent-Length: 20", None),
        ("Upload-Complete: ?0\nContent-Length: 4", Some(400)),
        ("Upload-Complete: ?0\nContent-Length: 0", None),
    ] {
        let append = draft_append(&format!("Upload-Offset: 10\n{lines}"));
        let refused = match decide(&UNDER_WAY, &append, &offer) {
            odyssey_upload::Decision::Accept(acceptance) => {
                assert_eq!(acceptance.limit, 20);
                None
            }
            odyssey_upload::Decision::Refuse(error) => Some(error.status().as_u16()),
        };
        assert_eq!(refused, status, "{lines}");
    }
    let near_the_end = UploadState { offset: 98, ..UNDER_WAY };
    let last = draft_append("Upload-Offset: 98\nUpload-Complete: ?1\nContent-Length: 2");
    assert_eq!(accepted(&near_the_end, &last, &offer).limit, 2);
}
