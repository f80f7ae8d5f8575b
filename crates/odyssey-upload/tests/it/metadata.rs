//! `Upload-Metadata`, strict and within bounds.

use odyssey_upload::limits::{METADATA_BYTES_MAX, METADATA_KEY_BYTES_MAX, METADATA_PAIRS_MAX};
use odyssey_upload::{Metadata, MetadataFault};

use crate::support::{refusal, tus};

#[test]
fn what_is_read_is_written_again() {
    for text in ["filename d29ybGQ=", "a YQ==,b YWI=,c YWJj", "a,b YQ==", "is:odd/key! AP8="] {
        assert_eq!(Metadata::parse(text.as_bytes()).expect("lawful").to_text(), text);
    }
    for (sent, text) in [("key ", "key"), ("a YQ==, b", "a YQ==,b"), ("a ,b ", "a,b")] {
        assert_eq!(Metadata::parse(sent.as_bytes()).expect("lawful").to_text(), text);
    }
}

#[test]
fn an_empty_header_says_nothing() {
    for text in ["", "  "] {
        assert_eq!(Metadata::parse(text.as_bytes()), Ok(Metadata::default()));
    }
}

#[test]
fn what_is_not_lawful_is_400() {
    use MetadataFault::{Key, KeyRepeated, TooLong, TooManyPairs, Value};
    let many: Vec<String> = (0..=METADATA_PAIRS_MAX).map(|number| format!("k{number}")).collect();
    for (text, fault) in [
        (",".into(), Key),
        ("a YQ==,".into(), Key),
        ("é YQ==".into(), Key),
        ("k".repeat(METADATA_KEY_BYTES_MAX + 1), Key),
        ("a YQ==,a YQ==".into(), KeyRepeated),
        ("a YQ".into(), Value),
        ("a YR==".into(), Value),
        ("a  YQ==".into(), Value),
        ("a YQ== b".into(), Value),
        ("a -_==".into(), Value),
        (format!("a {}", "A".repeat(METADATA_BYTES_MAX)), TooLong),
        (many.join(","), TooManyPairs),
    ] {
        assert_eq!(Metadata::parse(text.as_bytes()), Err(fault), "{text}");
    }
    for lines in ["Upload-Metadata: a YQ", "Upload-Metadata: a\nUpload-Metadata: b"] {
        let (status, error) = refusal(tus("POST", &format!("Upload-Length: 1\n{lines}")));
        assert_eq!(status, 400);
        assert!(error.to_string().starts_with("Upload-Metadata"), "{error}");
    }
}

#[test]
fn metadata_is_not_shown_by_debug() {
    let metadata = Metadata::new(vec![("filename".into(), b"jane-doe.csv".to_vec())]).expect("lawful");
    assert_eq!(format!("{metadata:?}"), "Metadata { pairs: 1, .. }");
}
