//! What is kept for a time goes when it is over, and nothing goes while a legal hold lasts.

use chrono::{NaiveDate, TimeDelta};
use odyssey_domain::ingestion::{self, ImportMode, ImportParameters};
use odyssey_domain::tenancy::{self, Actor, TenancyError};
use odyssey_domain::{audit, customers, exports, jobs, matching, outbox, retention, security};
use odyssey_testkit::TestApp;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::ingestion::harness::Files;

async fn count(connection: &mut PgConnection, table: &str) -> i64 {
    let statement = AssertSqlSafe(format!("SELECT count(*) FROM odyssey.{table}"));
    sqlx::query_scalar(statement).fetch_one(connection).await.expect("a count")
}

/// Every purge there is, as the schedules run them.
async fn purge_everything(files: &Files) {
    let database = &files.test.database;
    security::purge_expired(database).await.expect("a purge");
    ingestion::purge_uploads(&files.work.ingestion, database).await.expect("a purge");
    ingestion::purge_row_errors(database).await.expect("a purge");
    let mut connection = files.superuser().await;
    // Jobs go through the schedule's own handler.
    sqlx::raw_sql("DELETE FROM odyssey.job_schedules")
        .execute(&mut connection)
        .await
        .expect("none has fired");
    let dispatcher =
        jobs::dispatcher(files.work.clone(), &jobs::WorkerSettings::default()).expect("a dispatcher");
    dispatcher.fire_schedules().await.expect("schedules are noted");
    files.test.clock.advance(TimeDelta::hours(25));
    assert!(dispatcher.fire_schedules().await.expect("schedules fire") > 5);
    let report = dispatcher.run_until_empty().await.expect("the queue answers");
    assert_eq!(report.failed, 0, "{report:?}");
    ingestion::purge_imports(database).await.expect("a purge");
    outbox::purge_events(database).await.expect("a purge");
}

const KEPT_TABLES: [&str; 5] = ["imports", "uploads", "row_errors", "outbox", "jobs"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_goes_while_a_hold_lasts_and_everything_after_it() {
    let files = Files::start().await;
    let database = &files.test.database;
    let acme = files.test.vendor("acme").id;
    files.import(ImportMode::Products, "external_id,name\np1,Bar\n,Nameless\n").await;
    let mut connection = files.superuser().await;
    let mut before = Vec::new();
    for table in KEPT_TABLES {
        before.push(count(&mut connection, table).await);
    }
    assert!(before.iter().all(|rows| *rows > 0), "{before:?}");
    for held in [Some(acme), None] {
        let actor = Actor::command_line();
        let hold = retention::place_hold(database, &actor, held, " Case 4711 ").await.expect("an answer");
        let hold = hold.expect("a reason");
        assert_eq!(hold.reason, "Case 4711");
        files.test.clock.advance(TimeDelta::days(200));
        purge_everything(&files).await;
        for (table, rows) in KEPT_TABLES.iter().zip(&before) {
            assert!(count(&mut connection, table).await >= *rows, "{table} under a hold on {held:?}");
        }
        assert!(retention::lift_hold(database, &actor, hold.id).await.expect("an answer"));
        assert!(!retention::lift_hold(database, &actor, hold.id).await.expect("an answer"), "once");
        files.test.clock.advance(TimeDelta::seconds(1));
    }
    purge_everything(&files).await;
    // Once more: an import goes after its job.
    purge_everything(&files).await;
    for table in ["imports", "uploads", "row_errors", "outbox"] {
        assert_eq!(count(&mut connection, table).await, 0, "{table}");
    }
    let of_acme: i64 = sqlx::query_scalar("SELECT count(*) FROM odyssey.jobs WHERE vendor_id = $1")
        .bind(acme.as_uuid())
        .fetch_one(&mut connection)
        .await
        .expect("a count");
    assert_eq!(of_acme, 0);
    let trail: Vec<String> = sqlx::query_scalar(
        "SELECT action FROM odyssey.audit_events WHERE entity_kind = 'legal_hold' ORDER BY occurred_at, id",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the trail");
    assert_eq!(trail, ["legal_hold.place", "legal_hold.lift", "legal_hold.place", "legal_hold.lift"]);
}

#[tokio::test]
async fn what_is_kept_about_answers_goes_at_its_time_and_not_under_a_hold() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let bar = operator.create_product("bar", crate::matching::plain()).await;
    let milk = json!({ "allergies": [{ "allergen": "milk" }] });
    let ada = crate::matching::consenting(&operator, "ada", milk).await;
    operator.get(&format!("/api/v1/matches/{ada}?receipt=true")).await.expect(200);
    operator.post("/api/v1/matches/batch", json!({})).await.expect(202);
    let export = json!({ "kind": "customers", "format": "csv" });
    operator.post("/api/v1/exports", export).await.expect(202);
    let change = json!({ "ingredients": "Rice, milk, salt." });
    operator.patch(&format!("/api/v1/products/{bar}"), change).await.expect(200);
    app.run_jobs().await;
    let mut connection = app.test.superuser_connection().await;
    let tables =
        ["receipts", "match_batches", "match_batch_parts", "safety_regressions", "exports", "export_parts"];
    let purge = async || {
        let database = app.database();
        customers::purge_receipts(database).await.expect("a purge");
        matching::purge_batches(database).await.expect("a purge");
        matching::purge_regressions(database).await.expect("a purge");
        exports::purge_exports(database).await.expect("a purge");
    };
    let mut left = async || {
        let mut left = Vec::new();
        for table in tables {
            left.push(count(&mut connection, table).await);
        }
        left
    };
    assert_eq!(left().await, [1, 1, 1, 1, 1, 1]);
    let actor = Actor::command_line();
    let acme = Some(app.vendor("acme").id());
    let hold = retention::place_hold(app.database(), &actor, acme, "Case 7").await.expect("an answer");
    app.clock().advance(TimeDelta::days(7 * 366));
    purge().await;
    assert_eq!(left().await, [1, 1, 1, 1, 1, 1], "nothing goes under a hold");
    let hold = hold.expect("a reason").id;
    assert!(retention::lift_hold(app.database(), &actor, hold).await.expect("an answer"));
    app.clock().advance(TimeDelta::seconds(1));
    purge().await;
    assert_eq!(left().await, [0, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_hold_needs_a_reason_and_stops_the_removal_of_its_vendor() {
    let files = Files::start().await;
    let (database, actor) = (&files.test.database, Actor::command_line());
    for reason in ["", "  ", &"x".repeat(501)] {
        assert_eq!(retention::place_hold(database, &actor, None, reason).await.expect("an answer"), None);
    }
    let acme = files.test.vendor("acme").id;
    files.upload(ImportMode::Products, "external_id,name\np1,Bar\n", ImportParameters::default()).await;
    let hold = retention::place_hold(database, &actor, Some(acme), "Case 1").await.expect("an answer");
    tenancy::suspend_vendor(database, &actor, acme).await.expect("suspended");
    let refused = tenancy::remove_vendor(database, &actor, acme).await;
    assert!(matches!(refused, Err(TenancyError::UnderLegalHold)), "{refused:?}");
    database.keys().vendor(acme).expect("its keys are there");
    assert_eq!(retention::list_holds(database).await.expect("a list").len(), 1);
    retention::lift_hold(database, &actor, hold.expect("placed").id).await.expect("lifted");
    tenancy::remove_vendor(database, &actor, acme).await.expect("removed");
    // Its uploads lie in the spool still, unreadable; the purge has the folder.
    let folder = files.spool.path().join("spool").join(acme.to_string());
    assert!(folder.exists());
    let purged = ingestion::purge_uploads(&files.work.ingestion, database).await.expect("a purge");
    assert_eq!(purged.removed_vendors, 1);
    assert!(!folder.exists());
}

#[tokio::test]
async fn months_of_the_audit_go_after_six_years_and_never_by_a_wrong_clock() {
    let files = Files::start().await;
    let database = &files.test.database;
    let mut connection = files.superuser().await;
    // The function looks at the database's own clock.
    let today: NaiveDate =
        sqlx::query_scalar("SELECT current_date").fetch_one(&mut connection).await.expect("today");
    let (old, young) = (today - TimeDelta::days(7 * 365), today - TimeDelta::days(5 * 365));
    for month in [old, young] {
        audit::ensure_partitions(database, month, 1).await.expect("a month");
        sqlx::query(
            "INSERT INTO odyssey.audit_events (id, vendor_id, occurred_at, actor_kind, actor_role, purpose, action,
                                               entity_kind, count, outcome)
             VALUES (gen_random_uuid(), gen_random_uuid(), $1, 'system', 'system', 'operations', 'old.act', 'act', 1, 'allowed')",
        )
        .bind(month.and_hms_opt(0, 0, 0).expect("midnight").and_utc())
        .execute(&mut connection)
        .await
        .expect("an old event");
    }
    let left = async |connection: &mut PgConnection| -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM odyssey.audit_events WHERE action = 'old.act'")
            .fetch_one(connection)
            .await
            .expect("a count")
    };
    let (actor, rival) = (Actor::command_line(), files.test.vendor("rival").id);
    let hold = retention::place_hold(database, &actor, Some(rival), "Case 2").await.expect("an answer");
    let hold = hold.expect("placed");
    let due = today - retention::AUDIT;
    assert_eq!(audit::retire_months(database, due).await.expect("a look"), 0, "a month holds every vendor");
    retention::lift_hold(database, &actor, hold.id).await.expect("lifted");
    assert_eq!(audit::retire_months(database, due).await.expect("a look"), 2, "events and subjects");
    assert_eq!(left(&mut connection).await, 1);
    // A clock that is ten years ahead asks for too much.
    let absurd = today + TimeDelta::days(3_650);
    assert_eq!(audit::retire_months(database, absurd).await.expect("a look"), 0);
    assert_eq!(left(&mut connection).await, 1);
    files.test.clock.advance(TimeDelta::seconds(1));
    files.import(ImportMode::Products, "external_id,name\np1,Bar\n").await;
    assert!(count(&mut connection, "audit_events").await > 1, "the trail is written on");
}
