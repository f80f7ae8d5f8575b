use odyssey_testkit::TestApp;
use serde_json::json;

/// Without its record nothing is disclosed and nothing is changed: the audit is part of the act.
#[tokio::test]
async fn an_answer_that_cannot_be_recorded_is_not_given() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let product = operator.create_product("bar", json!({ "name": "Bar" })).await;
    let record = json!({
        "external_id": "0007", "name": "Ada Lovelace", "profile": { "allergies": [{ "allergen": "peanut" }] },
        "consents": [{ "purpose": "health_data", "state": "granted" }],
    });
    let created = operator.post("/api/v1/customers", record).await.expect(201);
    let customer = format!("/api/v1/customers/{}", created["id"].as_str().expect("an id"));
    let matches = format!("/api/v1/matches/{}", created["id"].as_str().expect("an id"));
    let reads = [
        "/api/v1/customers".to_owned(),
        customer.clone(),
        format!("{customer}/health"),
        format!("{customer}/consents"),
        format!("{customer}/lists"),
        matches.clone(),
        format!("{matches}/products/{product}"),
    ];
    for path in &reads {
        operator.get(path).await.expect(200);
    }
    let mut connection = app.test.superuser_connection().await;
    sqlx::raw_sql("REVOKE INSERT ON odyssey.audit_events FROM odyssey_app")
        .execute(&mut connection)
        .await
        .expect("revoked");
    for path in &reads {
        let answer = operator.get(path).await;
        assert!(answer.status.is_server_error(), "{path}: {}", answer.text());
        for word in ["Ada", "Lovelace", "peanut", "granted", "0007"] {
            assert!(!answer.text().contains(word), "{path} tells `{word}`");
        }
    }
    let patched = operator.patch(&customer, json!({ "name": "Eve" })).await;
    assert!(patched.status.is_server_error(), "{}", patched.text());
    let renamed = operator.patch(&format!("/api/v1/products/{product}"), json!({ "name": "Other" })).await;
    assert!(renamed.status.is_server_error(), "{}", renamed.text());
    assert!(operator.delete(&customer).await.status.is_server_error());

    sqlx::raw_sql("GRANT INSERT ON odyssey.audit_events TO odyssey_app")
        .execute(&mut connection)
        .await
        .expect("granted");
    assert_eq!(operator.get(&customer).await.expect(200)["name"], "Ada Lovelace");
    assert_eq!(operator.get(&format!("/api/v1/products/{product}")).await.expect(200)["name"], "Bar");
}

/// The same for the people of a disclosure.
#[tokio::test]
async fn nobody_is_disclosed_who_cannot_be_named_in_the_trail() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let created =
        operator.post("/api/v1/customers", json!({ "external_id": "0007", "name": "Ada" })).await.expect(201);
    let customer = format!("/api/v1/customers/{}", created["id"].as_str().expect("an id"));
    let mut connection = app.test.superuser_connection().await;
    sqlx::raw_sql("REVOKE INSERT ON odyssey.audit_subjects FROM odyssey_app")
        .execute(&mut connection)
        .await
        .expect("revoked");
    for path in [customer.clone(), format!("{customer}/health")] {
        let answer = operator.get(&path).await;
        assert!(
            answer.status.is_server_error() && !answer.text().contains("Ada"),
            "{path}: {}",
            answer.text()
        );
    }
    // What discloses nobody is still there.
    operator.get("/api/v1/products").await.expect(200);
    app.vendor("acme").viewer().await.get(&customer).await.expect(200);
}
