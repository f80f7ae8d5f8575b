//! Nothing that a client sends is passed over in silence: an unknown query parameter, a body where there is none.

use odyssey_api::operation::{BodyRule, Operation};
use odyssey_testkit::{Actor, TestApp, TestResponse};
use serde_json::json;
use uuid::Uuid;

const STRAY: &str = "no_such_parameter";

/// Every operation of the interface, with ids of nothing in its path.
async fn walk(actor: &Actor<'_>, operation: &Operation, query: &str, body: Option<&str>) -> TestResponse {
    let mut path = operation.path.clone();
    while let (Some(open), Some(close)) = (path.find('{'), path.find('}')) {
        path.replace_range(open..=close, &Uuid::now_v7().to_string());
    }
    let key = Uuid::now_v7().to_string();
    let headers = [("idempotency-key", key.as_str()), ("tus-resumable", "1.0.0"), ("if-match", "*")];
    let body = body.map(|text| ("application/json", text.as_bytes().to_vec()));
    actor.send_bytes(operation.method.clone(), &format!("{path}{query}"), &headers, body).await
}

fn operations() -> Vec<Operation> {
    let contract = odyssey_api::operations().expect("the contract");
    contract.iter().filter(|operation| operation.path.starts_with("/api/")).cloned().collect()
}

#[tokio::test]
async fn every_operation_refuses_a_query_parameter_that_it_does_not_have() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let operations = operations();
    assert!(operations.len() > 100, "{}", operations.len());
    for operation in &operations {
        // Also beside one that it has.
        let known = operation.query.first().map(|name| format!("{name}=1&")).unwrap_or_default();
        for query in [format!("?{STRAY}=1"), format!("?{known}{STRAY}=")] {
            let answer = walk(&admin, operation, &query, None).await;
            if operation.method == http::Method::HEAD {
                assert_eq!(answer.status.as_u16(), 400, "{} {query}", operation.id);
                continue;
            }
            assert_eq!(answer.problem(), "400 malformed-request", "{} {query}", operation.id);
            let errors = &answer.json()["errors"];
            assert_eq!(
                (&errors[0]["parameter"], &errors[0]["code"]),
                (&json!(STRAY), &json!("unknown_field")),
                "{}: {errors}",
                operation.id
            );
        }
    }
}

#[tokio::test]
async fn every_operation_without_a_body_refuses_one() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let without: Vec<Operation> = operations()
        .into_iter()
        .filter(|operation| !operation.takes_body && operation.body == BodyRule::Buffered)
        .collect();
    let named = |id: &str| without.iter().any(|operation| operation.id == id);
    assert!(named("undo_import") && named("cancel_job") && named("get_job"), "{}", without.len());
    for operation in &without {
        for body in ["{\"dry_run\":true}", "[]", "x"] {
            let answer = walk(&admin, operation, "", Some(body)).await;
            assert_eq!(answer.problem(), "400 malformed-request", "{} {body}", operation.id);
            let errors = &answer.json()["errors"];
            assert_eq!(errors[0]["code"], json!("unexpected_body"), "{}: {errors}", operation.id);
        }
        // Nothing is said by an empty object, so that nothing is passed over.
        let answer = walk(&admin, operation, "", Some(" {\n} ")).await;
        assert!(!answer.text().contains("unexpected_body"), "{}: {}", operation.id, answer.text());
    }
}

#[tokio::test]
async fn pages_and_health_checks_bear_what_links_and_probes_add() {
    let app = TestApp::start().await;
    for path in ["/livez?probe=1", "/problems/malformed-request?from=mail", "/openapi.json?v=2"] {
        assert_eq!(app.anonymous().get(path).await.status.as_u16(), 200, "{path}");
    }
}
