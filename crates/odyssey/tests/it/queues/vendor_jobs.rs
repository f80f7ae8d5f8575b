//! A vendor's jobs.

use odyssey_domain::tenancy;
use odyssey_domain::{ingestion, retention};
use odyssey_testkit::{Actor, TestApp, TestResponse};
use serde_json::{Value, json};

use super::{DAMAGED, TWO_ROWS, import, status, trail, work};

async fn retry(actor: &Actor<'_>, job: &str) -> TestResponse {
    actor.post(&format!("/api/v1/jobs/{job}/retry"), json!({})).await
}

async fn bulk(actor: &Actor<'_>, body: Value) -> TestResponse {
    // Events of one millisecond have no order.
    actor.app().clock().advance(chrono::TimeDelta::seconds(1));
    actor.post("/api/v1/jobs/bulk", body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_job_says_so_with_its_last_code_and_runs_again_when_it_is_retried() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let job = import(&operator, DAMAGED).await;
    assert_eq!(work(&app).await.failed, 1);
    let dead = operator.get(&format!("/api/v1/jobs/{job}")).await.expect(200);
    assert_eq!((&dead["status"], &dead["dead"]), (&json!("failed"), &json!(true)), "{dead}");
    assert!(dead["error"]["code"].is_string() && dead["attempts_max"].is_number(), "{dead}");

    let again = retry(&operator, &job).await.expect(202);
    assert_eq!((&again["status"], &again["dead"]), (&json!("queued"), &json!(false)), "{again}");
    assert_eq!(again["error"], Value::Null);
    assert_eq!(retry(&operator, &job).await.problem(), "409 job-not-retryable", "it waits already");
    assert_eq!(work(&app).await.failed, 1, "it ran, and the file is what it was");
    let mut connection = app.test.superuser_connection().await;
    let told = trail(&mut connection, "job.retry").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, acme.id().as_uuid());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_was_canceled_goes_on_when_it_is_retried() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let job = import(&operator, TWO_ROWS).await;
    operator.post(&format!("/api/v1/jobs/{job}/cancel"), json!({})).await.expect(202);
    assert_eq!(status(&operator, &job).await, "canceled");
    retry(&operator, &job).await.expect(202);
    app.run_jobs().await;
    let done = operator.get(&format!("/api/v1/jobs/{job}")).await.expect(200);
    assert_eq!(done["status"], "completed_with_errors");
    assert_eq!(
        (&done["totals"]["read"], &done["totals"]["created"]),
        (&json!(2), &json!(1)),
        "once, not twice"
    );
    assert_eq!(retry(&operator, &job).await.problem(), "409 job-not-retryable", "it has ended well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_whose_file_is_gone_or_never_came_is_not_retried() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let job = import(&operator, DAMAGED).await;
    work(&app).await;
    app.clock().advance(retention::FINISHED_UPLOADS + chrono::TimeDelta::hours(1));
    ingestion::purge_uploads(&app.ingestion, app.database()).await.expect("a purge");
    assert_eq!(retry(&operator, &job).await.problem(), "409 job-not-retryable");

    let headers = [("tus-resumable", "1.0.0"), ("upload-length", "3")];
    let path = "/api/v1/uploads?mode=products";
    operator.send_bytes(http::Method::POST, path, &headers, None).await.expect(201);
    let receiving = operator.get("/api/v1/jobs?status=receiving").await.expect(200);
    let job = receiving["items"][0]["job_id"].as_str().expect("a job").to_owned();
    operator.post(&format!("/api/v1/jobs/{job}/cancel"), json!({})).await.expect(202);
    assert_eq!(retry(&operator, &job).await.problem(), "409 job-not-retryable");
    let many = bulk(&operator, json!({ "action": "retry", "filter": {} })).await.expect(200);
    assert_eq!((&many["matched"], &many["changed"], &many["refused"]), (&json!(2), &json!(0), &json!(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_changes_nothing() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let job = import(&operator, DAMAGED).await;
    work(&app).await;
    let delete = json!({ "action": "delete", "filter": {} });
    assert_eq!(retry(&acme.viewer().await, &job).await.problem(), "403 forbidden");
    assert_eq!(bulk(&acme.viewer().await, delete.clone()).await.problem(), "403 forbidden");
    let rival = app.vendor("rival").admin().await;
    assert_eq!(retry(&rival, &job).await.problem(), "404 job-not-found");
    let theirs =
        bulk(&rival, json!({ "action": "delete", "filter": { "job_ids": [job] } })).await.expect(200);
    assert_eq!((&theirs["matched"], &theirs["changed"]), (&json!(0), &json!(0)));
    let root = app.superadmin().await.at(acme.id());
    assert_eq!(
        bulk(&root, delete).await.problem(),
        "403 forbidden",
        "stops and redrives, and deletes nothing"
    );
    assert_eq!(status(&operator, &job).await, "failed");
    let redriven = bulk(&root, json!({ "action": "redrive", "filter": {} })).await.expect(200);
    assert_eq!(redriven["changed"], 1);
    assert_eq!(status(&operator, &job).await, "queued");

    let actor = tenancy::Actor::command_line();
    tenancy::suspend_vendor(app.database(), &actor, acme.id()).await.expect("it is suspended");
    assert_eq!(retry(&operator, &job).await.problem(), "403 vendor-suspended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_counts_and_an_act_goes_on_where_the_last_call_ended() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.push(import(&operator, TWO_ROWS).await);
        app.clock().advance(chrono::TimeDelta::seconds(1));
    }
    let cancel =
        json!({ "action": "cancel", "filter": { "kind": "run_import", "lane": "imports" }, "limit": 2 });
    let mut dry = cancel.clone();
    dry["dry_run"] = json!(true);
    let told = bulk(&operator, dry).await.expect(200);
    assert_eq!(
        (&told["matched"], &told["changed"], &told["next_cursor"]),
        (&json!(3), &json!(0), &Value::Null)
    );
    assert_eq!(status(&operator, &jobs[0]).await, "queued");

    let first = bulk(&operator, cancel.clone()).await.expect(200);
    assert_eq!((&first["matched"], &first["changed"]), (&json!(3), &json!(2)), "{first}");
    assert_eq!(status(&operator, &jobs[1]).await, "canceled", "the oldest first");
    assert_eq!(status(&operator, &jobs[2]).await, "queued");
    let mut rest = cancel.clone();
    rest["cursor"] = first["next_cursor"].clone();
    let rest = bulk(&operator, rest).await.expect(200);
    assert_eq!((&rest["changed"], &rest["next_cursor"]), (&json!(1), &Value::Null));
    let none = bulk(&operator, cancel).await.expect(200);
    assert_eq!((&none["matched"], &none["changed"]), (&json!(0), &json!(0)));

    let mut connection = app.test.superuser_connection().await;
    let told = trail(&mut connection, "job.change").await;
    let counts: Vec<i64> = told.iter().map(|(_, count, _)| *count).collect();
    assert_eq!(counts, [0, 2, 1, 0], "one event a call");
    let (vendor, _, details) = &told[1];
    assert_eq!(*vendor, acme.id().as_uuid());
    assert_eq!(
        (&details["act"], &details["kind"], &details["matched"]),
        (&json!("cancel"), &json!("run_import"), &json!(3))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_state_does_not_allow_is_left_out() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let done = import(&operator, TWO_ROWS).await;
    app.run_jobs().await;
    let waiting = import(&operator, TWO_ROWS).await;
    let both = json!([done, waiting]);
    for (action, changed) in [("retry", 0), ("redrive", 0), ("cancel", 1)] {
        let filter = json!({ "job_ids": both });
        let told = bulk(&operator, json!({ "action": action, "filter": filter })).await.expect(200);
        assert_eq!(told["changed"], changed, "{action}: {told}");
    }
    assert_eq!(status(&operator, &done).await, "completed_with_errors");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_takes_what_hangs_on_ended_jobs_and_leaves_what_they_merged_and_the_trail() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let done = import(&operator, TWO_ROWS).await;
    let batch = operator.post("/api/v1/matches/batch", json!({})).await.expect(202);
    let batch = batch["job_id"].as_str().expect("a job").to_owned();
    app.run_jobs().await;
    let waiting = import(&operator, TWO_ROWS).await;
    let mut connection = app.test.superuser_connection().await;
    let count = async |connection: &mut sqlx::PgConnection, table: &str| -> i64 {
        let statement = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM odyssey.{table}"));
        sqlx::query_scalar(statement).fetch_one(connection).await.expect("a count")
    };
    let events = count(&mut connection, "audit_events").await;
    assert_eq!(count(&mut connection, "row_errors").await, 1);

    let told =
        bulk(&operator, json!({ "action": "delete", "filter": { "lane": "imports" } })).await.expect(200);
    assert_eq!(told["changed"], 1);
    assert_eq!(operator.get(&format!("/api/v1/jobs/{done}")).await.problem(), "404 job-not-found");
    assert_eq!(status(&operator, &waiting).await, "queued");
    assert_eq!(count(&mut connection, "row_errors").await, 0);
    assert_eq!(count(&mut connection, "imports").await, 1, "that of the job that waits");
    assert_eq!(count(&mut connection, "match_batches").await, 1);
    let purged = ingestion::purge_uploads(&app.ingestion, app.database()).await.expect("a purge");
    assert_eq!(purged.finished, 1, "the file goes with the next purge, and no other");
    bulk(&operator, json!({ "action": "delete", "filter": { "job_ids": [batch] } })).await.expect(200);
    assert_eq!(count(&mut connection, "match_batches").await, 0);
    assert_eq!(operator.get("/api/v1/products").await.expect(200)["items"][0]["external_id"], "p1");
    assert!(count(&mut connection, "audit_events").await > events);
    app.run_jobs().await;
    assert_eq!(status(&operator, &waiting).await, "completed_with_errors");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_deleted_under_a_legal_hold() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let job = import(&operator, DAMAGED).await;
    work(&app).await;
    let actor = tenancy::Actor::command_line();
    let hold =
        retention::place_hold(app.database(), &actor, Some(acme.id()), "Case 4711").await.expect("an answer");
    let delete = json!({ "action": "delete", "filter": {} });
    assert_eq!(bulk(&operator, delete.clone()).await.problem(), "422 validation-error");
    assert_eq!(status(&operator, &job).await, "failed");
    retention::lift_hold(app.database(), &actor, hold.expect("a reason").id).await.expect("an answer");
    assert_eq!(bulk(&operator, delete).await.expect(200)["changed"], 1);
}

#[tokio::test]
async fn a_malformed_change_is_refused() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let many: Vec<String> = (0..1_001).map(|_| uuid::Uuid::now_v7().to_string()).collect();
    for (body, problem) in [
        (json!({ "action": "cancel", "filter": { "status": "failed" } }), "422 validation-error"),
        (json!({ "action": "delete", "filter": { "status": "running" } }), "422 validation-error"),
        (json!({ "action": "cancel", "filter": { "kind": "Ada Lovelace" } }), "422 validation-error"),
        (json!({ "action": "cancel", "filter": { "job_ids": many } }), "422 validation-error"),
        (json!({ "action": "cancel", "filter": { "job_ids": [] } }), "422 validation-error"),
        (json!({ "action": "cancel", "filter": {}, "limit": 1_001 }), "422 validation-error"),
        (json!({ "action": "cancel", "filter": {}, "cursor": "x" }), "400 cursor-invalid"),
        (json!({ "action": "explode", "filter": {} }), "400 malformed-request"),
        (json!({ "action": "cancel" }), "400 malformed-request"),
        (json!({ "action": "cancel", "filter": { "colour": "red" } }), "400 malformed-request"),
    ] {
        assert_eq!(bulk(&operator, body.clone()).await.problem(), problem, "{body}");
    }
}
