//! A deadlock that PostgreSQL really breaks, in the middle of a request.

use std::time::Duration;

use odyssey_testkit::TestApp;
use serde_json::json;
use sqlx::PgConnection;

async fn run(connection: &mut PgConnection, statement: String) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(connection).await.expect("the superuser may");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_victim_of_a_deadlock_is_served_at_its_second_attempt() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let product = operator.create_product("oat-bar", json!({ "name": "Oat bar" })).await;
    let path = format!("/api/v1/products/{product}");
    let before = operator.get(&path).await.header("etag").map(str::to_owned);

    // Against the order of locks that all of our code keeps: first the version row, then a product.
    let (mut rival, mut watcher) =
        (app.test.superuser_connection().await, app.test.superuser_connection().await);
    // The one that has waited for this long first is the victim; it shall be the request.
    run(&mut rival, "SET deadlock_timeout = '1min'; BEGIN".to_owned()).await;
    run(&mut rival, format!("SELECT FROM odyssey.vendors WHERE id = '{}' FOR UPDATE", acme.id())).await;
    let change = operator.patch(&path, json!({ "brand": "Mill" }));
    let meet = async {
        loop {
            // It waits, and has locked the product already: only then do the two meet.
            let waits: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM pg_stat_activity a
                                JOIN pg_locks l ON l.pid = a.pid AND l.mode IN ('RowShareLock', 'RowExclusiveLock')
                                JOIN pg_class c ON c.oid = l.relation AND c.relkind = 'r' AND c.relname LIKE 'products\\_%'
                                WHERE a.datname = current_database() AND a.wait_event_type = 'Lock')",
            )
            .fetch_one(&mut watcher)
            .await
            .expect("an answer");
            if waits {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Comes back once the request has been sacrificed.
        run(&mut rival, format!("SELECT FROM odyssey.products WHERE id = '{product}' FOR UPDATE")).await;
        run(&mut rival, "ROLLBACK".to_owned()).await;
    };
    let (answer, ()) = tokio::join!(change, meet);

    let changed = answer.expect(200);
    assert_eq!(changed["brand"], "Mill");
    let after = operator.get(&path).await.header("etag").map(str::to_owned);
    assert_ne!(before, after);
    assert_eq!(after.as_deref(), Some("\"2\""), "the first attempt left nothing");
}
