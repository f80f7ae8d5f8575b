//! Role × operation, generated from the contract.

use odyssey_domain::tenancy::{Permission, Role};
use odyssey_testkit::TestApp;

use super::samples::call;

#[tokio::test]
async fn every_operation_refuses_a_caller_without_a_credential() {
    let app = TestApp::start().await;
    let anonymous = app.anonymous();
    let mut open = Vec::new();
    for operation in odyssey_api::operations().expect("the contract").iter() {
        if operation.permission.is_none() {
            open.push(format!("{} {}", operation.method, operation.path));
            continue;
        }
        let response = call(&anonymous, operation, |_| uuid::Uuid::now_v7().to_string()).await;
        assert_eq!(response.problem(), "401 unauthenticated", "{} {}", operation.method, operation.path);
    }
    open.sort();
    // What is open to anybody is a list that somebody has read; it may only grow on purpose.
    assert_eq!(
        open,
        [
            "GET /api/v1/meta",
            "GET /api/v1/receipts/keys",
            "GET /docs",
            "GET /docs/reader.js",
            "GET /docs/style.css",
            "GET /livez",
            "GET /openapi.json",
            "GET /problems",
            "GET /problems/{code}",
            "GET /readyz",
            "OPTIONS /api/v1/uploads",
            "POST /api/v1/auth/refresh",
            "POST /api/v1/auth/sign-in",
        ]
    );
}

#[tokio::test]
async fn every_operation_refuses_the_roles_that_may_not_and_no_others() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let people = [
        (Role::VendorAdmin, acme.admin().await),
        (Role::VendorOperator, acme.operator().await),
        (Role::VendorViewer, acme.viewer().await),
        (Role::Superadmin, app.superadmin().await.at(acme.id())),
    ];
    for operation in odyssey_api::operations().expect("the contract").iter() {
        let Some(permission) = operation.permission else { continue };
        // Signing out would end the session that the other operations are called with.
        if operation.path.ends_with("/sign-out") {
            continue;
        }
        for (role, actor) in &people {
            let response = call(actor, operation, |_| uuid::Uuid::now_v7().to_string()).await;
            let what = format!("{role:?} {} {} → {}", operation.method, operation.path, response.text());
            assert_ne!(response.status.as_u16(), 401, "{what}");
            assert!(response.status.as_u16() < 500, "{what}");
            assert_ne!(
                response.problem(),
                "400 malformed-request",
                "the walk needs a body for this operation: {what}"
            );
            if role.may(permission) {
                assert_ne!(response.problem(), "403 forbidden", "{what}");
            } else {
                assert_eq!(response.problem(), "403 forbidden", "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_of_a_known_caller_is_in_the_audit_trail() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let refused = acme
        .viewer()
        .await
        .post("/api/v1/products", serde_json::json!({ "products": [{ "external_id": "x" }] }))
        .await;
    assert_eq!(refused.problem(), "403 forbidden");
    let trail = acme.admin().await.get("/api/v1/audit?action=access.refused").await.expect(200);
    assert_eq!(trail["items"][0]["outcome"], "refused");
    assert_eq!(trail["items"][0]["entity_id"], Permission::ProductsWrite.as_str());
    assert_eq!(trail["items"][0]["actor_id"], acme.seed.viewer.to_string());
}
