use proptest::prelude::*;
use serde::Deserialize;

use super::{json, query};
use crate::problem::ProblemCode;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Probe {
    #[serde(default)]
    _number: Option<u32>,
    #[serde(default)]
    _kind: Option<Kind>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Known,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever text stands where a number or a kind belongs, the refusal does not repeat it.
    #[test]
    fn a_refusal_never_repeats_a_value(secret in "[a-z]{3}, expected [A-Z]{6}|ZQ[a-zA-Z`,: ]{4,30}QZ") {
        let quoted = serde_json::to_string(&secret).unwrap();
        for body in [format!("{{\"_number\":{quoted}}}"), format!("{{\"_kind\":{quoted}}}")] {
            let problem = json::read::<Probe>(body.as_bytes(), 32).unwrap_err();
            let text = format!("{problem:?}");
            prop_assert_eq!(problem.code, ProblemCode::MalformedRequest);
            prop_assert!(!text.contains(&secret), "{} repeats {}", text, secret);
        }
    }

    #[test]
    fn reading_never_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(probe) = json::read::<Probe>(&body, 32) {
            prop_assert!(body.starts_with(b"{") || body.first().is_some_and(u8::is_ascii_whitespace) || body.starts_with(b"["), "{probe:?}");
        }
    }
}

#[test]
fn an_unknown_value_is_answered_with_the_known_ones() {
    let problem = json::read::<Probe>(b"{\"_kind\":\"unknwon\"}", 32).unwrap_err();
    assert_eq!(problem.errors[0].code, "unknown_value");
    assert!(problem.errors[0].detail.contains("`known`"), "{}", problem.errors[0].detail);
}

#[test]
fn a_number_that_does_not_fit_is_answered_in_words_and_not_with_a_type_of_ours() {
    for body in [&b"{\"_number\":-1}"[..], b"{\"_number\":\"one\"}"] {
        let problem = json::read::<Probe>(body, 32).unwrap_err();
        let detail = &problem.errors[0].detail;
        assert!(detail.contains("a whole number from 0 to 4294967295"), "{detail}");
    }
}

#[test]
fn a_query_without_a_value_is_read() {
    assert!(query::read::<Probe>("").is_ok());
    assert!(query::read::<Probe>("_number=12").is_ok());
}

#[test]
fn the_character_that_no_text_can_hold_is_refused_wherever_it_stands() {
    for body in [&b"{\"_kind\":\"a\\u0000b\"}"[..], b"{\"_number\":1,\"x\":\"\\\\\\u0000\"}"] {
        let problem = json::read::<Probe>(body, 32).unwrap_err();
        assert!(problem.detail.is_some_and(|detail| detail.contains("U+0000")));
    }
    // An escaped backslash before the letters is no such character.
    let problem = json::read::<Probe>(b"{\"_kind\":\"\\\\u0000\"}", 32).unwrap_err();
    assert!(problem.detail.is_none_or(|detail| !detail.contains("U+0000")));
    assert!(query::read::<Probe>("_kind=%00").is_err());
}
