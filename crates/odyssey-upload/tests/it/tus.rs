//! tus 1.0.0: what is read and what is decided.

use http::Method;
use odyssey_upload::{
    BodyEnd, Concat, Length, Offer, Protocol, ProtocolError, Request, UploadState, admit, effective_method,
};

use crate::support::*;

#[test]
fn options_needs_no_version_and_ignores_a_wrong_one() {
    for lines in ["", "Tus-Resumable: 0.2", "Upload-Draft-Interop-Version: 5"] {
        assert_eq!(ask("OPTIONS", lines), Ok(Request::Options));
    }
}

#[test]
fn a_creation_tells_its_length_metadata_and_part() {
    let create =
        create(tus("POST", "Upload-Length: 5\nUpload-Metadata: filename YQ==,empty\nUpload-Concat: partial"));
    assert_eq!(create.length, Length::Known(5));
    assert_eq!(create.metadata.text("filename"), Some("a"));
    assert_eq!(create.metadata.get("empty"), Some(&b""[..]));
    assert_eq!(create.concat, Concat::Partial);
    assert!(!create.has_body);
}

#[test]
fn a_body_of_another_type_is_no_part_of_the_upload() {
    let lines = "Upload-Length: 5\nContent-Length: 900\nContent-Type: text/csv\nUpload-Checksum: nonsense";
    let create = create(tus("POST", lines));
    assert!(!create.has_body && create.content_length.is_none() && create.checksum.is_none());
    assert!(admit(&create, &OFFER).is_ok());
}

#[test]
fn a_body_of_the_right_type_is_the_first_append() {
    let lines = "Upload-Length: 5\nContent-Length: 5\nContent-Type: Application/Offset+Octet-Stream; a=b";
    let create = create(tus("POST", lines));
    let state = admit(&create, &OFFER).expect("admitted");
    let first = odyssey_upload::Append::first_of(&create).expect("a body");
    let acceptance = accepted(&state, &first, &OFFER);
    assert_eq!((acceptance.writes_at, acceptance.limit), (0, 5));
    let state = acceptance.settle(&state, 5, BodyEnd::Whole).expect("fits");
    assert!(state.complete && state.offset == 5);
}

#[test]
fn an_empty_upload_is_complete_from_the_start() {
    assert!(admitted("Upload-Length: 0").expect("admitted").complete);
    assert!(!admitted("Upload-Length: 1").expect("admitted").complete);
    assert!(!admitted("Upload-Defer-Length: 1").expect("admitted").complete);
}

#[test]
fn a_head_may_come_without_a_version() {
    assert_eq!(ask("HEAD", ""), Ok(Request::Head(Protocol::Tus)));
    assert_eq!(tus("HEAD", ""), Ok(Request::Head(Protocol::Tus)));
    assert_eq!(tus("DELETE", ""), Ok(Request::Terminate(Protocol::Tus)));
}

#[test]
fn a_method_is_overridden_on_post_alone() {
    for (method, lines, meant) in [
        (Method::POST, "X-HTTP-Method-Override: PATCH", Ok(Method::PATCH)),
        (Method::POST, "X-HTTP-Method-Override: DELETE", Ok(Method::DELETE)),
        (Method::POST, "X-HTTP-Method-Override: HEAD", Ok(Method::HEAD)),
        (Method::POST, "X-HTTP-Method-Override: POST", Ok(Method::POST)),
        (Method::POST, "", Ok(Method::POST)),
        (Method::GET, "X-HTTP-Method-Override: DELETE", Ok(Method::GET)),
        (Method::POST, "X-HTTP-Method-Override: patch", Err(ProtocolError::MethodOverrideInvalid)),
        (Method::POST, "X-HTTP-Method-Override: CONNECT", Err(ProtocolError::MethodOverrideInvalid)),
    ] {
        assert_eq!(effective_method(&method, &headers(lines)), meant, "{method} {lines}");
    }
    let lines = format!("X-HTTP-Method-Override: PATCH\n{PATCH}Upload-Offset: 3");
    assert_eq!(append(tus("POST", &lines)).offset, 3);
}

#[test]
fn bytes_are_kept_also_of_a_body_that_was_cut() {
    let acceptance = accepted(&UNDER_WAY, &tus_append("Upload-Offset: 10\nContent-Length: 50"), &OFFER);
    assert_eq!((acceptance.writes_at, acceptance.limit), (10, 90));
    let state = acceptance.settle(&UNDER_WAY, 7, BodyEnd::Cut).expect("fits");
    assert_eq!(state, UploadState { offset: 17, ..UNDER_WAY });
}

#[test]
fn an_upload_is_complete_when_its_offset_is_its_length() {
    let acceptance = accepted(&UNDER_WAY, &tus_append("Upload-Offset: 10"), &OFFER);
    let state = acceptance.settle(&UNDER_WAY, 90, BodyEnd::Cut).expect("fits");
    assert!(state.complete && state.offset == 100);
}

#[test]
fn an_empty_append_to_a_complete_upload_succeeds_again() {
    let complete = UploadState { offset: 100, complete: true, ..UNDER_WAY };
    let acceptance = accepted(&complete, &tus_append("Upload-Offset: 100\nContent-Length: 0"), &OFFER);
    assert_eq!(acceptance.limit, 0);
    assert_eq!(acceptance.settle(&complete, 0, BodyEnd::Whole), Ok(complete));
    let more = tus_append("Upload-Offset: 100\nContent-Length: 1");
    assert_eq!(refused(&complete, &more, &OFFER), ProtocolError::BodyPastLength { bytes_left: 0 });
}

#[test]
fn a_deferred_length_is_told_once() {
    let deferred = UploadState { length: None, ..UNDER_WAY };
    let acceptance = accepted(&deferred, &tus_append("Upload-Offset: 10"), &OFFER);
    assert_eq!((acceptance.limit, acceptance.length), (990, None));
    let told = tus_append("Upload-Offset: 10\nUpload-Length: 30");
    let acceptance = accepted(&deferred, &told, &OFFER);
    assert_eq!((acceptance.limit, acceptance.length), (20, Some(30)));
    let state = acceptance.settle(&deferred, 0, BodyEnd::Cut).expect("fits");
    assert_eq!(state.length, Some(30));
    assert_eq!(refused(&state, &told, &OFFER), ProtocolError::LengthChanged);
    let low = tus_append("Upload-Offset: 10\nUpload-Length: 9");
    assert_eq!(refused(&deferred, &low, &OFFER), ProtocolError::LengthBelowOffset { offset: 10 });
    let high = tus_append("Upload-Offset: 10\nUpload-Length: 1001");
    assert_eq!(refused(&deferred, &high, &OFFER), ProtocolError::UploadTooLarge { bytes_max: 1_000 });
}

#[test]
fn a_body_without_length_is_bounded_while_it_arrives() {
    let acceptance = accepted(&UNDER_WAY, &tus_append("Upload-Offset: 10"), &OFFER);
    assert_eq!(
        acceptance.settle(&UNDER_WAY, 91, BodyEnd::Cut),
        Err(ProtocolError::BodyPastLength { bytes_left: 90 })
    );
}

#[test]
fn the_pieces_of_the_draft_do_not_bind_tus() {
    let offer = Offer { append_bytes_max: Some(5), append_bytes_min: Some(5), ..OFFER };
    assert_eq!(accepted(&UNDER_WAY, &tus_append("Upload-Offset: 10\nContent-Length: 50"), &offer).limit, 90);
    assert_eq!(accepted(&UNDER_WAY, &tus_append("Upload-Offset: 10\nContent-Length: 1"), &offer).limit, 90);
}
