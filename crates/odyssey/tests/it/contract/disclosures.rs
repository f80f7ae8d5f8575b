//! What the contract says of an operation's trail is what the operation leaves.

use http::Method;
use odyssey_api::operation::Operation;
use odyssey_domain::tenancy::{Permission, Role};
use odyssey_testkit::TestApp;
use sqlx::PgConnection;
use uuid::Uuid;

use super::samples::call;
use super::tenancy::resources_of;

/// Operations that say they may disclose somebody and here do not: a batch answers with ids and outcomes,
/// a job that has not run has no rows to show, who stands in a file is no customer yet, rules that change nothing for the
/// people of the walk name none, a dry run of products shows nobody, and no two of them share an address.
const NOBODY_HERE: [&str; 7] = [
    "upsert_customers",
    "list_job_errors",
    "get_job_errors_csv",
    "preview_rules",
    "preview_ingest",
    "get_rehearsal",
    "list_duplicate_customers",
];

#[tokio::test]
async fn every_operation_leaves_the_events_and_subjects_that_its_contract_promises() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let ids = resources_of(&app).await;
    let (admin, operator, root) = (acme.admin().await, acme.operator().await, app.superadmin().await);
    let contract = odyssey_api::operations().expect("the contract");
    let mut operations: Vec<&Operation> =
        contract.iter().filter(|o| o.permission.is_some() && !o.path.ends_with("/sign-out")).collect();
    // What takes away comes last, the deepest first.
    operations.sort_by_key(|o| (o.method == Method::DELETE, std::cmp::Reverse(o.path.len())));
    let mut connection = app.test.superuser_connection().await;
    let (mut audited, mut disclosing) = (0, 0);
    for operation in operations {
        // The operator did not write the product whose hold is released.
        let permission = operation.permission.expect("filtered above");
        let caller = if permission == Permission::VendorsManage {
            &root
        } else if Role::VendorOperator.may(permission) {
            &operator
        } else {
            &admin
        };
        let known = |name: &str| ids.iter().find(|(n, _)| *n == name).map(|(_, id)| id.clone());
        let answer = call(caller, operation, |name| known(name).unwrap_or_else(|| panic!("no {name}"))).await;
        let what = format!("{} {}: {}", operation.method, operation.path, answer.text());
        let Some(action) = &operation.audit else { continue };
        assert!(answer.status.is_success(), "{what}");
        let request = answer.header("x-request-id").and_then(|id| id.parse().ok()).expect("a request id");
        let (events, subjects) = trail_of(&mut connection, request).await;
        assert!(events.contains(action), "no `{action}` among {events:?}: {what}");
        audited += 1;
        if operation.phi && !NOBODY_HERE.contains(&operation.id.as_str()) {
            assert!(subjects > 0, "nobody is named: {what}");
            disclosing += 1;
        }
    }
    assert!(
        audited > 15 && disclosing > 10,
        "the walk met {audited} audited and {disclosing} disclosing operations"
    );
}

/// Actions that a request was recorded with, and how many people it disclosed.
async fn trail_of(connection: &mut PgConnection, request: Uuid) -> (Vec<String>, i64) {
    let events = sqlx::query_scalar(
        "SELECT action FROM odyssey.audit_events WHERE request_id = $1 AND outcome = 'allowed' AND actor_kind = 'user'",
    )
    .bind(request)
    .fetch_all(&mut *connection)
    .await
    .expect("the trail answers");
    let subjects = sqlx::query_scalar(
        "SELECT count(*) FROM odyssey.audit_subjects s JOIN odyssey.audit_events e ON e.id = s.event_id WHERE e.request_id = $1",
    )
    .bind(request)
    .fetch_one(&mut *connection)
    .await
    .expect("the trail answers");
    (events, subjects)
}

#[tokio::test]
async fn every_operation_of_the_contract_is_served() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let mut called = 0;
    for operation in odyssey_api::operations().expect("the contract").iter() {
        let answer = call(&admin, operation, |name| match name {
            "code" => "route-not-found".to_owned(),
            _ => Uuid::now_v7().to_string(),
        })
        .await;
        let what = format!("{} {}: {}", operation.method, operation.path, answer.text());
        for absent in ["404 route-not-found", "405 method-not-allowed"] {
            assert_ne!(answer.problem(), absent, "{what}");
        }
        // The readiness of a test's server is nobody's business here.
        assert!(answer.status.as_u16() < 500 || operation.path == "/readyz", "{what}");
        called += 1;
    }
    assert!(called > 30, "the walk met only {called} operations");
}
