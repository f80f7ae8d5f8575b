//! What a customer was before: kept sealed, compared, set back, and gone with the person.

use chrono::TimeDelta;
use odyssey_domain::{customers, retention, tenancy};
use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

use super::erasure::erase;

/// A customer with a peanut allergy, who consents.
async fn ada(actor: &Actor<'_>) -> String {
    let record = json!({ "external_id": "ada", "name": "Ada", "email": "ada@example.org",
        "profile": { "allergies": [{ "allergen": "peanut" }], "weight_kg": 70 },
        "consents": [{ "purpose": "health_data", "state": "granted" }] });
    let created = actor.post("/api/v1/customers", record).await.expect(201);
    format!("/api/v1/customers/{}", created["id"].as_str().expect("an id"))
}

fn numbers(page: &Value) -> Vec<i64> {
    page["items"].as_array().expect("items").iter().filter_map(|v| v["row_version"].as_i64()).collect()
}

#[tokio::test]
async fn each_change_of_record_profile_and_consents_leaves_a_version_that_says_what_it_changed() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let path = ada(&operator).await;
    operator.patch(&path, json!({ "name": "Ada Lovelace", "email": null })).await.expect(200);
    let profile = json!({ "allergies": [], "height_cm": 170 });
    operator.patch(&format!("{path}/health"), profile).await.expect(200);
    let marketing = json!({ "purpose": "marketing", "state": "granted" });
    operator.post(&format!("{path}/consents"), marketing).await.expect(201);

    let page = operator.get(&format!("{path}/versions")).await.expect(200);
    assert_eq!(numbers(&page), [4, 3, 2, 1], "{page}");
    let changes = |at: usize| page["items"][at]["changes"].clone();
    assert_eq!(changes(0), json!([]), "a consent is no part of a version");
    assert_eq!(
        changes(1),
        json!([{ "pointer": "/profile/allergies", "before": [{ "allergen": "peanut" }] },
            { "pointer": "/profile/height_cm", "after": 170 }])
    );
    assert_eq!(
        changes(2),
        json!([{ "pointer": "/email", "before": "ada@example.org" },
            { "pointer": "/name", "before": "Ada", "after": "Ada Lovelace" }])
    );
    assert_eq!(changes(3), Value::Null, "before the first there was nobody");
    let by = json!({ "user_id": acme.seed.operator.to_string() });
    assert!(page["items"].as_array().expect("items").iter().all(|v| v["made_by"] == by), "{page}");

    let first = operator.get(&format!("{path}/versions?limit=3")).await.expect(200);
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    let second = operator.get(&format!("{path}/versions?limit=3&cursor={cursor}")).await.expect(200);
    assert_eq!((numbers(&first), numbers(&second)), (vec![4, 3, 2], vec![1]));
    assert_eq!(second["next_cursor"], Value::Null);

    let was = operator.get(&format!("{path}/versions/1?against=2")).await.expect(200);
    assert_eq!(
        (&was["record"]["email"], &was["profile"]["allergies"][0]["allergen"], &was["against"]),
        (&json!("ada@example.org"), &json!("peanut"), &json!(2))
    );
    assert_eq!(was["differences"][0]["pointer"], "/email");
    let was = operator.get(&format!("{path}/versions/1")).await.expect(200);
    assert_eq!((&was["against"], was["differences"].as_array().map(Vec::len)), (&json!(4), Some(4)), "{was}");
    let trail = operator.app().vendor("acme").admin().await;
    let trail = trail.get("/api/v1/audit?action=customer_version.read").await.expect(200);
    assert_eq!(trail["items"].as_array().map(Vec::len), Some(2), "{trail}");
    assert!(!trail.to_string().contains("peanut"), "{trail}");
}

#[tokio::test]
async fn a_version_is_restored_but_for_what_was_withdrawn() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let path = ada(&operator).await;
    let put = json!({ "name": "Somebody" });
    operator.put(&path, put).await.expect(200);
    operator.put(&format!("{path}/health"), json!({ "goals": ["weight_loss"] })).await.expect(200);
    let withdrawn = json!({ "purpose": "health_data", "state": "withdrawn" });
    operator.post(&format!("{path}/consents"), withdrawn).await.expect(201);
    let restore = format!("{path}/restore");
    let stale = [("if-match", "\"1\"")];
    let refused = operator.keyed(http::Method::POST, &restore, &stale, json!({ "row_version": 1 })).await;
    assert_eq!(refused.problem(), "412 precondition-failed");
    let back = operator.post(&restore, json!({ "row_version": 1 })).await.expect(200);
    assert_eq!(
        (&back["name"], &back["email"], &back["health_consent"], &back["row_version"]),
        (&json!("Ada"), &json!("ada@example.org"), &json!("withdrawn"), &json!(5)),
        "{back}"
    );
    let health = operator.get(&format!("{path}/health")).await.expect(200);
    let profile = &health["profile"];
    assert_eq!(
        (&profile["allergies"], &profile["weight_kg"], &profile["goals"]),
        (&json!([{ "allergen": "peanut" }]), &json!(70), &json!([])),
        "{health}"
    );
    let found =
        operator.post("/api/v1/customers/search", json!({ "email": "ada@example.org" })).await.expect(200);
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "found again by what it was found by");
    assert_eq!(
        operator.post(&restore, json!({ "row_version": 9 })).await.problem(),
        "404 customer-version-not-found"
    );
    assert_eq!(operator.get(&format!("{path}/versions/0")).await.problem(), "404 customer-version-not-found");
}

#[tokio::test]
async fn versions_are_for_who_may_read_health_data_and_of_people_who_are_there() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let path = ada(&operator).await;
    operator.patch(&path, json!({ "name": "Ada L." })).await.expect(200);
    let viewer = acme.viewer().await;
    let rival = app.vendor("rival").admin().await;
    for below in ["versions", "versions/1"] {
        let path = format!("{path}/{below}");
        assert_eq!(viewer.get(&path).await.problem(), "403 forbidden");
        assert_eq!(rival.get(&path).await.problem(), "404 customer-not-found");
    }
    let restore = format!("{path}/restore");
    assert_eq!(viewer.post(&restore, json!({ "row_version": 1 })).await.problem(), "403 forbidden");
    assert_eq!(rival.post(&restore, json!({ "row_version": 1 })).await.problem(), "404 customer-not-found");
    assert_eq!(operator.delete(&path).await.status.as_u16(), 204);
    assert_eq!(operator.get(&format!("{path}/versions")).await.problem(), "404 customer-not-found");
    assert_eq!(
        operator.post(&restore, json!({ "row_version": 1 })).await.problem(),
        "404 customer-not-found"
    );
    operator.post("/api/v1/customers", json!({ "external_id": "ada" })).await.expect(201);
    let page = operator.get(&format!("{path}/versions")).await.expect(200);
    assert_eq!(numbers(&page), [4, 3, 2, 1]);
    assert_eq!(page["items"][1]["deleted"], true);
    assert_eq!(operator.post(&restore, json!({ "row_version": 3 })).await.problem(), "422 validation-error");
}

#[tokio::test]
async fn versions_lie_sealed_and_end_with_the_person_or_after_thirty_days_unless_they_are_held() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let path = ada(&operator).await;
    operator.patch(&path, json!({ "name": "Ada Lovelace" })).await.expect(200);
    let mut connection = app.test.superuser_connection().await;
    let lies: bool = sqlx::query_scalar(
        "SELECT bool_or(v::text LIKE '%Ada%' OR position('Ada'::bytea IN name_sealed) > 0) FROM odyssey.customer_versions v",
    )
    .fetch_one(&mut connection)
    .await
    .expect("rows");
    assert!(!lies);
    let count = "SELECT count(*) FROM odyssey.customer_versions";
    app.clock().advance(TimeDelta::days(30) + TimeDelta::seconds(1));
    let by = tenancy::Actor::command_line();
    let hold = retention::place_hold(app.database(), &by, Some(app.vendor("acme").id()), "Case 9").await;
    let hold = hold.expect("placed").expect("it has a reason");
    let kept = retention::FORMER_VERSIONS;
    assert_eq!(customers::purge_versions(app.database(), kept).await.expect("a purge"), 0);
    retention::lift_hold(app.database(), &by, hold.id).await.expect("lifted");
    operator.patch(&path, json!({ "name": "Ada L." })).await.expect(200);
    assert_eq!(customers::purge_versions(app.database(), kept).await.expect("a purge"), 2);
    let left: i64 = sqlx::query_scalar(count).fetch_one(&mut connection).await.expect("a count");
    assert_eq!(left, 1);
    let page = operator.get(&format!("{path}/versions")).await.expect(200);
    assert_eq!((numbers(&page), &page["items"][1]["changes"]), (vec![3, 2], &Value::Null));
    let id = path.rsplit('/').next().expect("an id").parse().expect("an id");
    erase(&app.test, id).await.expect("erased");
    let left: i64 = sqlx::query_scalar(count).fetch_one(&mut connection).await.expect("a count");
    assert_eq!(left, 0);
}
