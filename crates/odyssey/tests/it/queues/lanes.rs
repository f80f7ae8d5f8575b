//! Queues, as the platform runs them.

use http::Method;
use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{DAMAGED, TWO_ROWS, import, status, trail, work};

const IMPORTS: &str = "/api/v1/platform/queues/imports";

async fn queue(root: &Actor<'_>) -> Value {
    root.get(IMPORTS).await.expect(200)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queues_tell_what_waits_and_what_died() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    import(&operator, DAMAGED).await;
    work(&app).await;
    import(&operator, TWO_ROWS).await;
    app.clock().advance(chrono::TimeDelta::seconds(90));
    let root = app.superadmin().await;
    let all = root.get("/api/v1/platform/queues").await.expect(200);
    let names: Vec<&str> =
        all["items"].as_array().expect("a list").iter().filter_map(|q| q["queue"].as_str()).collect();
    assert_eq!(names, ["batches", "default", "exports", "imports"]);
    let told = queue(&root).await;
    assert_eq!(told, all["items"][3]);
    assert_eq!(
        (&told["waiting"], &told["running"], &told["oldest_waiting_s"]),
        (&json!(1), &json!(0), &json!(90))
    );
    assert_eq!(
        (&told["dead"], &told["failed_24h"], &told["paused_at"]),
        (&json!(1), &json!(1), &Value::Null)
    );
    let dead = root.get(&format!("{IMPORTS}/dead-letters")).await.expect(200);
    let letter = &dead["items"][0];
    assert_eq!(
        (&letter["kind"], &letter["vendor_id"]),
        (&json!("run_import"), &json!(app.vendor("acme").id().to_string()))
    );
    assert!(letter["error_code"].is_string() && letter.get("payload").is_none(), "{letter}");
    assert_eq!(root.get("/api/v1/platform/queues/lost").await.problem(), "404 queue-not-found");
    assert_eq!(operator.get(IMPORTS).await.problem(), "403 forbidden");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_queue_starts_nothing_until_it_is_resumed_and_the_others_go_on() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let root = app.superadmin().await;
    let paused = root.post(&format!("{IMPORTS}/pause"), json!({ "reason": " a repair " })).await.expect(200);
    assert_eq!(
        (&paused["pause_reason"], &paused["row_version"]),
        (&json!("a repair"), &json!(1)),
        "{paused}"
    );
    let job = import(&operator, TWO_ROWS).await;
    let batch = operator.post("/api/v1/matches/batch", json!({})).await.expect(202);
    // Each run is a process of its own, started after the decision.
    work(&app).await;
    assert_eq!(status(&operator, &job).await, "queued");
    assert_eq!(status(&operator, batch["job_id"].as_str().expect("a job")).await, "completed");
    let again =
        root.post(&format!("{IMPORTS}/pause"), json!({ "reason": "a longer repair" })).await.expect(200);
    assert_eq!(again["paused_at"], paused["paused_at"], "it stands still since then");
    let resumed = root.post(&format!("{IMPORTS}/resume"), json!({})).await.expect(200);
    assert_eq!((&resumed["paused_at"], &resumed["pause_reason"]), (&Value::Null, &Value::Null));
    work(&app).await;
    assert_eq!(status(&operator, &job).await, "completed_with_errors");

    for (path, body, problem) in [
        (format!("{IMPORTS}/pause"), json!({ "reason": " " }), "422 validation-error"),
        (format!("{IMPORTS}/pause"), json!({ "reason": "x".repeat(501) }), "422 validation-error"),
        (format!("{IMPORTS}/pause"), json!({}), "400 malformed-request"),
        ("/api/v1/platform/queues/lost/pause".to_owned(), json!({ "reason": "x" }), "404 queue-not-found"),
        ("/api/v1/platform/queues/lost/resume".to_owned(), json!({}), "404 queue-not-found"),
    ] {
        assert_eq!(root.post(&path, body).await.problem(), problem, "{path}");
    }
    let mut connection = app.test.superuser_connection().await;
    let told = trail(&mut connection, "queue.pause").await;
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|(vendor, ..)| vendor.is_nil()), "it is the platform's trail");
    assert_eq!(trail(&mut connection, "queue.resume").await.len(), 1);
}

#[tokio::test]
async fn a_queue_is_scaled_from_the_version_that_was_read_and_within_limits() {
    let app = TestApp::start().await;
    let root = app.superadmin().await;
    let put = async |versions: &[(&str, &str)], body: Value| {
        app.clock().advance(chrono::TimeDelta::seconds(1));
        root.keyed(Method::PUT, IMPORTS, versions, body).await
    };
    let body = json!({ "workers_per_node": 4, "running_max": 6 });
    assert_eq!(put(&[], body.clone()).await.problem(), "428 precondition-required");
    assert_eq!(put(&[("if-match", "\"7\"")], body.clone()).await.problem(), "412 precondition-failed");
    let scaled = put(&[("if-match", "\"0\"")], body).await.expect(200);
    assert_eq!((&scaled["workers_per_node"], &scaled["running_max"]), (&json!(4), &json!(6)));
    assert_eq!(root.get(IMPORTS).await.header("etag"), Some("\"1\""));
    for body in
        [json!({ "workers_per_node": 0 }), json!({ "workers_per_node": 65 }), json!({ "running_max": 1_025 })]
    {
        assert_eq!(put(&[("if-match", "*")], body).await.problem(), "422 validation-error");
    }
    let back = put(&[("if-match", "*")], json!({})).await.expect(200);
    assert_eq!((&back["workers_per_node"], &back["running_max"]), (&Value::Null, &Value::Null));
    let mut connection = app.test.superuser_connection().await;
    let told = trail(&mut connection, "queue.scale").await;
    assert_eq!((told.len(), &told[0].2["workers"]), (2, &json!(4)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redrive_puts_dead_jobs_back_as_far_as_it_was_meant() {
    let app = TestApp::start().await;
    let (acme, rival) = (app.vendor("acme"), app.vendor("rival"));
    let (ours, theirs) = (acme.operator().await, rival.operator().await);
    let mut jobs = Vec::new();
    for _ in 0..2 {
        jobs.push(import(&ours, DAMAGED).await);
        work(&app).await;
        app.clock().advance(chrono::TimeDelta::seconds(1));
    }
    let foreign = import(&theirs, DAMAGED).await;
    work(&app).await;
    let root = app.superadmin().await;
    let redrive = async |body: Value| {
        // Events of one millisecond have no order.
        app.clock().advance(chrono::TimeDelta::seconds(1));
        root.post(&format!("{IMPORTS}/redrive"), body).await.expect(200)
    };
    let acmes = acme.id().to_string();
    let dry = redrive(json!({ "vendor_id": acmes, "dry_run": true })).await;
    assert_eq!((&dry["matched"], &dry["redriven"], &dry["more"]), (&json!(2), &json!(0), &json!(true)));
    let one = redrive(json!({ "vendor_id": acmes, "limit": 1 })).await;
    assert_eq!((&one["matched"], &one["redriven"], &one["more"]), (&json!(2), &json!(1), &json!(true)));
    assert_eq!(status(&ours, &jobs[0]).await, "queued", "the oldest first");
    assert_eq!(
        (status(&ours, &jobs[1]).await, status(&theirs, &foreign).await),
        (json!("failed"), json!("failed"))
    );
    let rest = redrive(json!({})).await;
    assert_eq!((&rest["redriven"], &rest["more"]), (&json!(2), &json!(false)));
    assert_eq!(work(&app).await.failed, 3, "each ran again, once");
    let mut connection = app.test.superuser_connection().await;
    let told = trail(&mut connection, "queue.redrive").await;
    let whose: Vec<(Uuid, i64)> = told.iter().map(|(vendor, count, _)| (*vendor, *count)).collect();
    assert_eq!(whose, [(acme.id().as_uuid(), 0), (acme.id().as_uuid(), 1), (Uuid::nil(), 2)]);
}
