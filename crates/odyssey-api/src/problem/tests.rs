use std::collections::BTreeSet;

use super::*;

#[test]
fn codes_are_unique_kebab_case_and_found_again() {
    let codes: BTreeSet<&str> = ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(codes.len(), ProblemCode::ALL.len());
    for code in ProblemCode::ALL {
        let name = code.as_str();
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{name}");
        assert_eq!(ProblemCode::parse(name), Some(*code));
        assert!(code.status().is_client_error() || code.status().is_server_error(), "{name}");
    }
}

#[test]
fn a_problem_has_the_members_of_the_standard_and_ours() {
    let problem = Problem::invalid("#/name", "too_long", "At most 200 characters.").detail("One row.");
    let body: serde_json::Value = serde_json::from_slice(&problem.to_json()).unwrap();
    assert_eq!(
        body,
        serde_json::json!({
            "type": "/problems/validation-error",
            "title": "A value breaks a rule",
            "status": 422,
            "detail": "One row.",
            "instance": "urn:uuid:00000000-0000-0000-0000-000000000000",
            "code": "validation-error",
            "request_id": "00000000-0000-0000-0000-000000000000",
            "errors": [{ "pointer": "#/name", "code": "too_long", "detail": "At most 200 characters." }],
        })
    );
}

#[test]
fn retry_after_is_in_whole_seconds_rounded_up() {
    let after = |ms| {
        let problem = Problem::new(ProblemCode::RateLimited).retry_after(TimeDelta::milliseconds(ms));
        problem.headers[header::RETRY_AFTER].to_str().unwrap().to_owned()
    };
    assert_eq!((after(0), after(1000), after(1001)), ("1".to_owned(), "1".to_owned(), "2".to_owned()));
}
