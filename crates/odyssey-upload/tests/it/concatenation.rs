//! Parts joined to a final upload.

use odyssey_upload::{Concat, ConcatKind, Length, PartialFault, ProtocolError, UploadState, admit, join};

use crate::support::{OFFER, UNDER_WAY, create, tus};

const PART: UploadState =
    UploadState { length: Some(40), offset: 40, concat: ConcatKind::Partial, complete: true, expired: false };

#[test]
fn a_final_upload_is_as_long_as_its_parts() {
    let create = create(tus("POST", "Upload-Concat: final;/u/1 https://b2b.example/u/2"));
    assert_eq!(create.length, Length::OfParts);
    let Concat::Final(parts) = &create.concat else { panic!("final") };
    assert_eq!(parts.iter().map(|part| part.id_under("/u")).collect::<Vec<_>>(), [Some("1"), Some("2")]);
    let begun = admit(&create, &OFFER).expect("admitted");
    assert!(!begun.complete && begun.concat == ConcatKind::Final);
    let joined = join(&[PART, PART], &OFFER).expect("joined");
    assert_eq!((joined.length, joined.offset, joined.complete), (Some(80), 80, true));
}

#[test]
fn a_part_must_be_a_finished_partial_upload() {
    for (status, part, fault) in [
        (400, UploadState { complete: false, offset: 39, ..PART }, PartialFault::Unfinished),
        (410, UploadState { expired: true, ..PART }, PartialFault::Expired),
        (400, UploadState { concat: ConcatKind::Final, ..PART }, PartialFault::Final),
        (400, UNDER_WAY, PartialFault::NotPartial),
    ] {
        let error = join(&[PART, part], &OFFER).expect_err("refused");
        assert_eq!(error, ProtocolError::PartialUnusable { position: 2, fault });
        assert_eq!(error.status().as_u16(), status);
    }
}

#[test]
fn parts_may_not_exceed_an_upload_together() {
    let error = join(&[PART; 26], &OFFER).expect_err("1,040 bytes");
    assert_eq!(error.status().as_u16(), 413);
    assert!(join(&[PART; 25], &OFFER).is_ok());
}
