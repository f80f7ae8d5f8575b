//! Another vendor's resource does not exist, and a call that names it changes nothing.

use odyssey_domain::tenancy::Permission;
use odyssey_testkit::{TestApp, TestDatabase};
use serde_json::json;
use sqlx::AssertSqlSafe;

use super::samples::call;

#[tokio::test]
async fn a_rival_vendors_token_gets_404_on_every_id_of_every_operation() {
    let app = TestApp::start().await;
    let (acme, rival) = (app.vendor("acme"), app.vendor("rival"));
    let ids = resources_of(&app).await;
    let intruder = rival.admin().await;
    let before = contents(&app.test, acme.id().to_string().as_str()).await;
    let mut walked = 0;
    for operation in odyssey_api::operations().expect("the contract").iter() {
        // What a path of the platform names is no vendor's.
        let is_platforms = operation.permission == Some(Permission::VendorsManage);
        if operation.permission.is_none() || is_platforms || !operation.path.contains('{') {
            continue;
        }
        let known = |name: &str| ids.iter().find(|(n, _)| *n == name).map(|(_, id)| id.clone());
        let theirs = call(&intruder, operation, |name| {
            known(name).unwrap_or_else(|| panic!("the walk has no resource for the path parameter `{name}`"))
        })
        .await;
        let nobodys = call(&intruder, operation, |_| uuid::Uuid::now_v7().to_string()).await;
        let what = format!("{} {}: {}", operation.method, operation.path, theirs.text());
        assert_eq!(theirs.status.as_u16(), 404, "{what}");
        assert_eq!(
            theirs.problem(),
            nobodys.problem(),
            "a foreign id tells itself from a random one: {what}"
        );
        walked += 1;
    }
    assert!(walked >= 5, "the walk met only {walked} operations with an id");
    assert_eq!(
        contents(&app.test, acme.id().to_string().as_str()).await,
        before,
        "a foreign call changed something"
    );
}

#[tokio::test]
async fn a_vendor_header_that_is_not_the_callers_is_one_answer() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let foreign = admin.at(app.vendor("rival").id()).get("/api/v1/products").await;
    let unknown = admin.at(uuid::Uuid::now_v7().into()).get("/api/v1/products").await;
    assert_eq!(foreign.problem(), "404 vendor-not-found");
    assert_eq!(unknown.problem(), "404 vendor-not-found");
}

/// One resource of each kind at acme, by the name of its path parameter.
pub(super) async fn resources_of(app: &TestApp) -> Vec<(&'static str, String)> {
    let acme = app.vendor("acme");
    let admin = acme.admin().await;
    let product = admin
        .create_product("oat-bar", json!({ "name": "Oat bar", "allergens": { "contains": ["milk"] } }))
        .await;
    admin
        .patch(&format!("/api/v1/products/{product}"), json!({ "allergens": { "contains": [] } }))
        .await
        .expect(200);
    let holds = admin.get("/api/v1/allergen-holds").await.expect(200);
    let hold = holds["items"][0]["id"].as_str().expect("the vanished allergen is held").to_owned();
    let mut ids = vec![("product_id", product.clone()), ("hold_id", hold)];
    ids.extend(super::resources::more(&admin, &product).await);
    ids
}

/// A digest of every row of a vendor, but for the trails that a call may leave.
async fn contents(test: &TestDatabase, vendor: &str) -> Vec<(String, Option<String>)> {
    let mut connection = test.superuser_connection().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'odyssey'
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'vendor_id'
         WHERE c.relkind IN ('r', 'p') AND c.relname NOT IN ('audit_events', 'audit_subjects', 'idempotency_keys') ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the catalog answers");
    let mut contents = Vec::new();
    for table in tables {
        let statement = format!(
            "SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM odyssey.{table} t WHERE t.vendor_id = '{vendor}'"
        );
        let digest: Option<String> =
            sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&mut connection).await.expect("a digest");
        contents.push((table, digest));
    }
    contents
}
