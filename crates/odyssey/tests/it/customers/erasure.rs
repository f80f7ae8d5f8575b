//! Who is erased stays erased: not readable, not found, and not back by a restore or by a file on its way.

use odyssey_domain::customers::{self, CustomerError};
use odyssey_domain::db::testing;
use odyssey_domain::ingestion::{ImportMode, ImportParameters};
use odyssey_domain::retention;
use odyssey_domain::tenancy::{self, Actor};
use odyssey_testkit::{TestApp, TestDatabase};
use odyssey_types::CustomerId;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::ingestion::harness::Files;

/// Every table that says something of a customer, and by which column.
const TABLES: [(&str, &str); 7] = [
    ("customers", "id"),
    ("health_profiles", "customer_id"),
    ("consents", "customer_id"),
    ("customer_products", "customer_id"),
    ("customer_tokens", "customer_id"),
    ("customer_notes", "customer_id"),
    ("customer_versions", "customer_id"),
];

async fn rows_of(connection: &mut PgConnection, id: CustomerId) -> Vec<i64> {
    let mut rows = Vec::new();
    for (table, column) in TABLES {
        let statement = format!("SELECT count(*) FROM odyssey.{table} WHERE {column} = $1");
        let count =
            sqlx::query_scalar(AssertSqlSafe(statement)).bind(id.as_uuid()).fetch_one(&mut *connection).await;
        rows.push(count.expect("a count"));
    }
    rows
}

async fn sql(connection: &mut PgConnection, statement: String) {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.expect("the statement runs");
}

/// What a backup holds: every row of those tables, and which erasures it knows.
async fn back_up(connection: &mut PgConnection) {
    for table in TABLES.map(|(table, _)| table).into_iter().chain(["erasures"]) {
        sql(connection, format!("CREATE TABLE public.backup_{table} AS SELECT * FROM odyssey.{table}")).await;
    }
}

async fn restore(connection: &mut PgConnection) {
    for table in TABLES.map(|(table, _)| table).into_iter().chain(["erasures"]) {
        let statement = format!(
            "DELETE FROM odyssey.{table}; INSERT INTO odyssey.{table} SELECT * FROM public.backup_{table}"
        );
        sql(connection, statement).await;
    }
}

pub(crate) async fn erase(test: &TestDatabase, id: CustomerId) -> Result<(), CustomerError> {
    let vendor = test.vendor("acme").id;
    let scope = tenancy::scope_for_job(&test.database, vendor).await.expect("the vendor works");
    let mut tx =
        testing::begin_vendor(&test.database, scope, Actor::command_line()).await.expect("it begins");
    customers::erase_customer(&mut tx, id, "Request 12").await?;
    Ok(tx.commit().await?)
}

#[tokio::test]
async fn an_erased_person_is_gone_and_stays_gone_after_a_restore() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let product = operator.create_product("bar", json!({ "name": "Bar" })).await;
    let create = async |external_id: &str| -> CustomerId {
        let record = json!({
            "external_id": external_id, "name": "Ada Lovelace", "email": "ada@example.org",
            "profile": { "weight_kg": 70 }, "consents": [{ "purpose": "health_data", "state": "granted" }],
        });
        let created = operator.post("/api/v1/customers", record).await.expect(201);
        let id = created["id"].as_str().expect("an id").to_owned();
        let path = format!("/api/v1/customers/{id}/lists/{product}");
        operator.put(&path, json!({ "list": "never_show" })).await.expect(200);
        let note = json!({ "text": "Rings twice." });
        operator.post(&format!("/api/v1/customers/{id}/notes"), note).await.expect(201);
        id.parse().expect("an id")
    };
    let (erased, stays) = (create("one").await, create("two").await);
    let mut connection = app.test.superuser_connection().await;
    assert_eq!(rows_of(&mut connection, erased).await, [1; 7]);
    back_up(&mut connection).await;
    app.clock().advance(chrono::TimeDelta::hours(1));

    erase(&app.test, erased).await.expect("erased");
    assert_eq!(rows_of(&mut connection, erased).await, [0; 7]);
    assert_eq!(
        operator.get(&format!("/api/v1/customers/{erased}")).await.problem(),
        "404 customer-not-found"
    );
    let hits =
        operator.post("/api/v1/customers/search", json!({ "email": "ada@example.org" })).await.expect(200);
    assert_eq!(hits["items"].as_array().map(Vec::len), Some(1), "the other one is found still");
    assert!(matches!(erase(&app.test, erased).await, Err(CustomerError::NotFound)));
    let (action, entity, reason): (String, String, String) = sqlx::query_as(
        "SELECT action, entity_id, reason FROM odyssey.audit_events WHERE action = 'customer.erase'",
    )
    .fetch_one(&mut connection)
    .await
    .expect("one event");
    assert_eq!((&*action, &*entity, &*reason), ("customer.erase", &*erased.to_string(), "Request 12"));

    // The backup brings everything back, until the ledger is read.
    restore(&mut connection).await;
    assert_eq!(rows_of(&mut connection, erased).await, [1; 7]);
    assert_eq!(customers::replay_erasures(app.database()).await.expect("a replay"), 1);
    assert_eq!(rows_of(&mut connection, erased).await, [0; 7]);
    assert_eq!(rows_of(&mut connection, stays).await, [1; 7]);
    assert_eq!(customers::replay_erasures(app.database()).await.expect("a replay"), 0, "once is enough");

    // A person who comes back is new, and no replay of the old line touches them.
    app.clock().advance(chrono::TimeDelta::hours(1));
    assert_eq!(create("one").await, erased, "the same external id is the same id");
    sql(&mut connection, "DELETE FROM odyssey.erasures".to_owned()).await;
    assert_eq!(customers::replay_erasures(app.database()).await.expect("a replay"), 1);
    assert_eq!(rows_of(&mut connection, erased).await, [1; 7]);
}

#[tokio::test]
async fn a_server_under_which_a_backup_is_restored_is_ready_only_after_the_replay() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let created = operator.post("/api/v1/customers", json!({ "external_id": "one" })).await.expect(201);
    let id: CustomerId = created["id"].as_str().expect("an id").parse().expect("an id");
    let mut connection = app.test.superuser_connection().await;
    back_up(&mut connection).await;
    app.clock().advance(chrono::TimeDelta::seconds(10));
    erase(&app.test, id).await.expect("erased");
    assert_eq!(app.anonymous().get("/readyz").await.status.as_u16(), 200);
    restore(&mut connection).await;
    app.clock().advance(chrono::TimeDelta::seconds(10));
    assert_eq!(rows_of(&mut connection, id).await[0], 1);
    assert_eq!(app.anonymous().get("/readyz").await.status.as_u16(), 200);
    assert_eq!(rows_of(&mut connection, id).await[0], 0, "ready means erased");
}

#[tokio::test]
async fn a_suspended_vendor_and_one_that_was_removed_do_not_stop_the_replay() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let created = operator.post("/api/v1/customers", json!({ "external_id": "one" })).await.expect(201);
    let id: CustomerId = created["id"].as_str().expect("an id").parse().expect("an id");
    let (keys, at) = (app.database().keys(), odyssey_types::Clock::now(app.clock()));
    // What a process leaves that died between the ledger and the commit.
    keys.record_erasure(app.vendor("acme").id(), id, at).expect("a line");
    keys.record_erasure(uuid::Uuid::now_v7().into(), id, at).expect("a line of a vendor that is no more");
    tenancy::suspend_vendor(app.database(), &Actor::command_line(), app.vendor("acme").id())
        .await
        .expect("suspended");
    assert_eq!(customers::replay_erasures(app.database()).await.expect("a replay"), 1);
    let mut connection = app.test.superuser_connection().await;
    assert_eq!(rows_of(&mut connection, id).await[0], 0);
}

#[tokio::test]
async fn nobody_is_erased_under_a_legal_hold() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let created = operator.post("/api/v1/customers", json!({ "external_id": "one" })).await.expect(201);
    let id: CustomerId = created["id"].as_str().expect("an id").parse().expect("an id");
    let acme = app.vendor("acme").id();
    retention::place_hold(app.database(), &Actor::command_line(), Some(acme), "Case 3")
        .await
        .expect("placed");
    assert!(matches!(erase(&app.test, id).await, Err(CustomerError::UnderLegalHold)));
    assert!(app.database().keys().all_erasures().expect("the ledger").is_empty());
    let mut connection = app.test.superuser_connection().await;
    assert_eq!(rows_of(&mut connection, id).await[0], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_on_its_way_does_not_bring_an_erased_person_back() {
    let files = Files::start().await;
    let file = "external_id,name\none,Ada\ntwo,Grace\n";
    files.import(ImportMode::Customers, file).await;
    let id =
        files.upload(ImportMode::Customers, file.replace("Ada", "Ada L."), ImportParameters::default()).await;
    let acme = files.test.vendor("acme").id;
    let erased = files.test.database.keys().vendor(acme).expect("keys").customer_id("one");
    files.test.clock.advance(chrono::TimeDelta::seconds(10));
    erase(&files.test, erased).await.expect("erased");
    files.run().await;
    let totals = files.job(id).await.import.expect("an import").totals;
    assert_eq!((totals.read, totals.kept, totals.created), (2, 1, 0), "{totals:?}");
    let mut connection = files.superuser().await;
    assert_eq!(rows_of(&mut connection, erased).await, [0; 7]);
    // A file that is sent after it is somebody's decision.
    files.test.clock.advance(chrono::TimeDelta::seconds(10));
    let later = files.import(ImportMode::Customers, file).await.import.expect("an import").totals;
    assert_eq!((later.created, later.kept), (1, 0), "{later:?}");
}
