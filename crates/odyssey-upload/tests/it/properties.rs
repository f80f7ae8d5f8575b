//! What holds of every request.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use odyssey_upload::{
    Acceptance, Append, BodyEnd, ConcatKind, Decision, Metadata, Offer, Protocol, Request, UploadState,
    admit, answer, decide, names, parse,
};
use proptest::prelude::*;

use crate::support::OFFER;

const NAMES: &[&str] = &[
    names::TUS_RESUMABLE,
    names::UPLOAD_OFFSET,
    names::UPLOAD_LENGTH,
    names::UPLOAD_DEFER_LENGTH,
    names::UPLOAD_METADATA,
    names::UPLOAD_CONCAT,
    names::UPLOAD_CHECKSUM,
    names::UPLOAD_COMPLETE,
    names::INTEROP_VERSION,
    names::METHOD_OVERRIDE,
    names::CONTENT_TYPE,
    names::CONTENT_LENGTH,
];
const METHODS: &[&str] = &["OPTIONS", "POST", "PUT", "PATCH", "HEAD", "GET", "DELETE", "TRACE"];
const VALUES: &[&str] = &[
    "1.0.0",
    "8",
    "0",
    "1",
    "100",
    "18446744073709551615",
    "999999999999999",
    "?1",
    "?0",
    names::OFFSET_OCTET_STREAM,
    names::PARTIAL_UPLOAD,
    "partial",
    "final;/u/1 /u/2",
    "a YQ==,b",
    "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
    "PATCH",
];

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => proptest::sample::select(VALUES).prop_map(|value| value.as_bytes().to_vec()),
        2 => "[ -~]{0,40}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

fn request() -> impl Strategy<Value = (Method, HeaderMap)> {
    let line = (proptest::sample::select(NAMES), value());
    let versions =
        proptest::sample::select(&[None, Some(names::TUS_RESUMABLE), Some(names::INTEROP_VERSION)][..]);
    let lines = proptest::collection::vec(line, 0..8);
    (proptest::sample::select(METHODS), versions, lines).prop_map(|(method, version, lines)| {
        let mut headers = HeaderMap::new();
        if let Some(version) = version {
            let spoken = if version == names::TUS_RESUMABLE { "1.0.0" } else { "8" };
            headers.insert(version, HeaderValue::from_static(spoken));
        }
        for (name, value) in lines {
            let name: HeaderName = name.parse().expect("a name");
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(name, value);
            }
        }
        (method.parse().expect("a method"), headers)
    })
}

fn state() -> impl Strategy<Value = UploadState> {
    let kinds = proptest::sample::select(&[ConcatKind::None, ConcatKind::Partial, ConcatKind::Final][..]);
    (0_u64..=1_000, proptest::option::of(0_u64..=1_000), kinds, any::<bool>(), any::<bool>()).prop_map(
        |(offset, length, concat, complete, expired)| {
            let length = length.map(|length| length.max(offset));
            let complete = complete && length == Some(offset);
            UploadState { length, offset, concat, complete, expired: expired && !complete }
        },
    )
}

fn append() -> impl Strategy<Value = Append> {
    let number = || prop_oneof![4 => 0_u64..=1_100, 1 => any::<u64>()];
    (
        number(),
        proptest::option::of(number()),
        proptest::option::of(number()),
        proptest::option::of(any::<bool>()),
    )
        .prop_map(|(offset, declared_length, content_length, completes)| Append {
            protocol: if completes.is_some() { Protocol::Draft } else { Protocol::Tus },
            offset,
            declared_length,
            content_length,
            checksum: None,
            completes,
        })
}

fn offer() -> impl Strategy<Value = Offer> {
    let piece = || proptest::option::of(0_u64..=200);
    (piece(), piece()).prop_map(|(append_bytes_max, append_bytes_min)| Offer {
        append_bytes_max,
        append_bytes_min,
        ..OFFER
    })
}

fn check_step(
    before: &UploadState,
    acceptance: &Acceptance,
    received: u64,
    end: BodyEnd,
    offer: &Offer,
) -> UploadState {
    assert_eq!(acceptance.writes_at, before.offset);
    assert!(acceptance.writes_at + acceptance.limit <= offer.bytes_max());
    let Ok(after) = acceptance.settle(before, received, end) else { return *before };
    assert_eq!(after.offset, before.offset + received);
    assert!(after.length.is_none_or(|length| after.offset <= length), "{after:?}");
    assert!(before.length.is_none() || before.length == after.length, "{after:?}");
    assert!(!after.complete || after.length == Some(after.offset), "{after:?}");
    after
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_request_is_read_or_refused_with_an_error_of_the_client((method, headers) in request()) {
        match parse(&method, &headers) {
            Ok(Request::Create(create)) => {
                if let Ok(state) = admit(&create, &OFFER) {
                    prop_assert!(state.offset == 0 && state.length.is_none_or(|length| length <= 1_000));
                }
            }
            Ok(_) => {}
            Err(error) => {
                let refused = answer::refused(Protocol::of_refusal(&headers), &error, &OFFER);
                prop_assert!(refused.status.is_client_error());
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }

    #[test]
    fn metadata_survives_the_way_there_and_back(
        pairs in proptest::collection::btree_map("[!-+\\--~]{1,20}", proptest::collection::vec(any::<u8>(), 0..60), 0..12)
    ) {
        let pairs: Vec<(String, Vec<u8>)> = pairs.into_iter().collect();
        let metadata = Metadata::new(pairs.clone()).expect("lawful");
        let text = metadata.to_text();
        if pairs.is_empty() {
            prop_assert!(text.is_empty());
        } else {
            let again = Metadata::parse(text.as_bytes()).expect("lawful");
            prop_assert_eq!(again.to_text(), text);
            prop_assert_eq!(again, metadata);
        }
    }

    #[test]
    fn what_metadata_reads_it_writes_byte_for_byte_but_for_spaces_around_pairs(text in "([!-~]{1,4}( [A-Za-z0-9+/]{4}| [A-Z][AQgw]==)?,?){1,3}") {
        if let Ok(metadata) = Metadata::parse(text.as_bytes()) {
            prop_assert_eq!(metadata.to_text(), text.replace(", ", ","));
        }
    }

    #[test]
    fn offsets_never_decrease_and_never_exceed_the_length(
        start in state(),
        steps in proptest::collection::vec((append(), any::<bool>(), any::<bool>(), 0_u64..=300), 1..12),
        offer in offer(),
    ) {
        let mut state = start;
        for (mut append, at_offset, whole, received) in steps {
            if at_offset {
                append.offset = state.offset;
            }
            let end = if whole { BodyEnd::Whole } else { BodyEnd::Cut };
            let after = match decide(&state, &append, &offer) {
                Decision::Accept(acceptance) => check_step(&state, &acceptance, received, end, &offer),
                Decision::Refuse(error) => {
                    prop_assert!(error.status().is_client_error());
                    state
                }
            };
            prop_assert!(after.offset >= state.offset && (!state.complete || after == state));
            state = after;
        }
    }
}
