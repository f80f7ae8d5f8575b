//! An import that is undone: what it changed is as before, what it made is gone, what came later stays.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use odyssey_domain::ingestion::{self, ImportMode, IngestionError, JobView, NotUndoable};
use odyssey_domain::jobs::{self, WorkerSettings};
use odyssey_domain::tenancy::Role;
use odyssey_testkit::{Actor, TestApp};
use odyssey_types::JobId;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Files;
use super::restarts::{FIRST, SECOND, first_file, second_file};

const MODE: ImportMode = ImportMode::Products;

async fn ask(files: &Files, job: &JobView) -> JobId {
    let mut tx = files.begin(Role::VendorOperator).await;
    let undo =
        ingestion::start_undo(&mut tx, JobId::from_uuid(job.record.id)).await.expect("it can be undone");
    tx.commit().await.expect("it commits");
    undo
}

#[tokio::test]
async fn an_import_that_moves_barcodes_is_undone_to_the_byte_and_the_same_file_works_again() {
    let files = Files::start().await;
    files.import(MODE, first_file(FIRST)).await;
    let before = files.catalog_digest().await;
    let second = files.import(MODE, second_file(SECOND)).await;
    let after = files.catalog_digest().await;
    assert_ne!(before, after);

    let undo = ask(&files, &second).await;
    files.run().await;
    let job = files.job(undo).await;
    let written = second.import.as_ref().expect("an import").totals;
    assert_eq!(
        job.record.totals,
        Some(json!({ "restored": written.updated, "deleted": written.created, "left": 0, "refused": 0 }))
    );
    assert_eq!(files.catalog_digest().await, before);
    // The file is news again, as it was the first time.
    let again = files.import(MODE, second_file(SECOND)).await;
    assert_eq!(again.import.expect("an import").totals, written);
    assert_eq!(files.catalog_digest().await, after);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_whose_worker_dies_ends_as_if_nothing_had_happened() {
    let files = Files::start().await;
    files.import(MODE, first_file(FIRST)).await;
    let before = files.catalog_digest().await;
    let second = files.import(MODE, second_file(SECOND)).await;
    let undo = ask(&files, &second).await;
    for versions in [1, 400] {
        let dispatcher =
            jobs::dispatcher(files.work.clone(), &WorkerSettings::default()).expect("a dispatcher");
        let worker = tokio::spawn(async move { dispatcher.run(CancellationToken::new()).await });
        let mut connection = files.superuser().await;
        for _ in 0..2_000 {
            let done: i64 =
                sqlx::query_scalar("SELECT count(*) FROM odyssey.products WHERE lineage->>'source' = 'undo'")
                    .fetch_one(&mut connection)
                    .await
                    .expect("a count");
            if done >= versions {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        worker.abort();
        drop(worker.await);
        files.test.clock.advance(TimeDelta::minutes(5));
    }
    files.run().await;
    let job = files.job(undo).await;
    let written = second.import.expect("an import").totals;
    assert_eq!(
        job.record.totals,
        Some(json!({ "restored": written.updated, "deleted": written.created, "left": 0, "refused": 0 }))
    );
    assert_eq!(files.catalog_digest().await, before);
}

#[tokio::test]
async fn it_is_asked_for_once_and_within_thirty_days() {
    let files = Files::start().await;
    let old = files.import(MODE, "external_id,name\np1,Bar\n").await;
    let new = files.import(MODE, "external_id,name\np2,Bar\n").await;
    ask(&files, &new).await;
    files.test.clock.advance(TimeDelta::days(30));
    for (job, refusal) in [(&new, NotUndoable::Asked), (&old, NotUndoable::TooLate)] {
        let mut tx = files.begin(Role::VendorOperator).await;
        let refused = ingestion::start_undo(&mut tx, JobId::from_uuid(job.record.id)).await;
        assert!(matches!(refused, Err(IngestionError::NotUndoable(why)) if why == refusal), "{refused:?}");
        tx.roll_back().await.expect("it ends");
    }
}

async fn import(actor: &Actor<'_>, file: &str) -> String {
    let path = "/api/v1/ingest/csv?mode=products";
    let sent = actor.send_bytes(http::Method::POST, path, &[], Some(("text/csv", file.as_bytes().to_vec())));
    let job = sent.await.expect(202)["job_id"].as_str().expect("a job").to_owned();
    actor.app().run_jobs().await;
    format!("/api/v1/jobs/{job}")
}

fn ids(list: &Value) -> BTreeSet<&str> {
    list.as_array().expect("a list").iter().filter_map(|item| item["external_id"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_changed_since_stays_and_is_named() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let file = |name: &str| format!("external_id,name,ingredients\na,{name},Rice\nb,{name},Rice\n");
    import(&operator, &file("First")).await;
    let job = import(&operator, &format!("{}c,Made,Rice\nd,Made,Rice\n", file("Second"))).await;
    let list = operator.get("/api/v1/products?sort=updated_at").await.expect(200);
    let id = |external_id: &str| {
        let items = list["items"].as_array().expect("items");
        let found = items.iter().find(|item| item["external_id"] == external_id).expect("it is there");
        found["id"].as_str().expect("an id").to_owned()
    };
    for product in ["b", "d"] {
        let path = format!("/api/v1/products/{}", id(product));
        operator.patch(&path, json!({ "brand": "By hand" })).await.expect(200);
    }
    let view = operator.get(&format!("{job}/undo")).await.expect(200);
    assert_eq!(
        (&view["state"], ids(&view["later_changes"])),
        (&json!("possible"), BTreeSet::from(["b", "d"]))
    );

    let undo = operator.post(&format!("{job}/undo"), json!({})).await.expect(202);
    app.run_jobs().await;
    let ended =
        operator.get(&format!("/api/v1/jobs/{}", undo["job_id"].as_str().expect("a job"))).await.expect(200);
    assert_eq!(ended["status"], "completed", "{ended}");
    let name = async |product: &str| {
        let read = operator.get(&format!("/api/v1/products/{}", id(product))).await;
        if read.status.as_u16() == 404 { json!("gone") } else { read.json()["name"].clone() }
    };
    assert_eq!(
        [name("a").await, name("b").await, name("c").await, name("d").await],
        [json!("First"), json!("Second"), json!("gone"), json!("Made")]
    );
    let view = operator.get(&format!("{job}/undo")).await.expect(200);
    assert_eq!((&view["state"], ids(&view["later_changes"])), (&json!("done"), BTreeSet::from(["b", "d"])));
    assert_eq!(operator.post(&format!("{job}/undo"), json!({})).await.problem(), "409 import-not-undoable");
    let viewer = app.vendor("acme").viewer().await;
    assert_eq!(viewer.post(&format!("{job}/undo"), json!({})).await.status.as_u16(), 403);
    let rival = app.vendor("rival").operator().await;
    assert_eq!(rival.get(&format!("{job}/undo")).await.problem(), "404 job-not-found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_allergen_that_an_undo_takes_away_is_held() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    import(&operator, "external_id,ingredients\na,Rice\n").await;
    let job = import(&operator, "external_id,ingredients\na,\"Rice, peanuts\"\n").await;
    operator.post(&format!("{job}/undo"), json!({})).await.expect(202);
    app.run_jobs().await;
    let holds = operator.get("/api/v1/allergen-holds").await.expect(200);
    assert_eq!(holds["items"][0]["allergen"], "peanut", "{holds}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_undone_is_neither_retried_nor_corrected() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let rows: String = (0..40).map(|row| format!("p{row},Bar\n")).collect();
    import(&operator, &format!("external_id,name\n{rows}")).await;
    app.clock().advance(chrono::TimeDelta::seconds(10));
    // It fails before it writes: most of the catalog would go.
    let path = "/api/v1/ingest/csv?mode=products&load=full";
    let file = b"external_id,name\np1,Bar\n".to_vec();
    let sent = operator.send_bytes(http::Method::POST, path, &[], Some(("text/csv", file))).await.expect(202);
    app.run_jobs_that_may_fail().await;
    let failed = format!("/api/v1/jobs/{}", sent["job_id"].as_str().expect("a job"));
    assert_eq!(operator.get(&failed).await.expect(200)["status"], "failed");
    operator.post(&format!("{failed}/undo"), json!({})).await.expect(202);
    app.run_jobs().await;
    let retried = operator.post(&format!("{failed}/retry"), json!({})).await;
    assert_eq!(retried.problem(), "409 job-not-retryable");

    let refused = import(&operator, "external_id,name,fat_g\na,A,-1\n").await;
    operator.post(&format!("{refused}/undo"), json!({})).await.expect(202);
    let body = json!({ "corrections": [{ "row": 1, "column": "fat_g", "value": "1" }] });
    let corrected = operator.patch(&format!("{refused}/errors"), body).await;
    assert_eq!(corrected.problem(), "409 errors-not-correctable");
}

#[tokio::test]
async fn wrong_imports_are_undone_one_after_the_other() {
    let files = Files::start().await;
    files.import(MODE, "external_id,name\np0,First\n").await;
    let before = files.catalog_digest().await;
    let wrong = files.import(MODE, "external_id,name\np0,Wrong\np1,Wrong too\n").await;
    let between = files.catalog_digest().await;
    let worse = files.import(MODE, "external_id,name\np0,Worse\np1,Worse too\n").await;
    ask(&files, &worse).await;
    files.run().await;
    assert_eq!(files.catalog_digest().await, between);
    let mut tx = files.begin(Role::VendorViewer).await;
    let view = ingestion::undo_view(&mut tx, JobId::from_uuid(wrong.record.id)).await.expect("a view");
    assert_eq!((view.refusal, view.later_changes.len()), (None, 0), "nothing stands in the way");
    tx.roll_back().await.expect("it ends");
    let undo = ask(&files, &wrong).await;
    files.run().await;
    assert_eq!(
        files.job(undo).await.record.totals,
        Some(json!({ "restored": 1, "deleted": 1, "left": 0, "refused": 0 }))
    );
    assert_eq!(files.catalog_digest().await, before);
}

#[tokio::test]
async fn an_undo_attests_nothing_and_leaves_the_attestation_as_it_was() {
    let files = Files::start().await;
    let attested =
        "external_id,name,ingredients,allergens,allergen_data\np0,Bar,\"oats, milk\",milk,complete\n";
    files.import(MODE, attested).await;
    let before = files.product("p0", "attestation").await.expect("somebody attested");
    let other = "external_id,name,ingredients,allergens,allergen_data\np0,Bar,\"oats, egg\",egg,complete\n";
    let second = files.import(MODE, other).await;
    assert_ne!(files.product("p0", "attestation").await.expect("anew"), before);
    files.test.clock.advance(TimeDelta::days(1));
    ask(&files, &second).await;
    files.run().await;
    assert_eq!(files.product("p0", "attestation").await.expect("as it was"), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_that_was_canceled_is_asked_for_again_and_one_under_way_keeps_its_import() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    import(&operator, "external_id,name\na,First\n").await;
    let second = import(&operator, "external_id,name\na,Second\nb,New\n").await;
    let id = second.rsplit('/').next().expect("an id").to_owned();
    let asked = operator.post(&format!("{second}/undo"), json!({})).await.expect(202);
    let undo = asked["job_id"].as_str().expect("a job").to_owned();
    let bulk = |action: &'static str, id: String| {
        let operator = &operator;
        async move {
            let body = json!({ "action": action, "filter": { "job_ids": [id] } });
            operator.post("/api/v1/jobs/bulk", body).await.expect(200)
        }
    };
    // Nobody takes the import away from its undoing.
    assert_eq!(bulk("delete", id).await["changed"], 0);
    assert_eq!(bulk("cancel", undo.clone()).await["changed"], 1);
    assert_eq!(bulk("delete", undo).await["changed"], 1);
    assert_eq!(operator.get(&format!("{second}/undo")).await.expect(200)["state"], "possible");
    let asked = operator.post(&format!("{second}/undo"), json!({})).await.expect(202);
    app.run_jobs().await;
    // The job itself says what became of the rows.
    let undo = asked["job_id"].as_str().expect("a job");
    let job = operator.get(&format!("/api/v1/jobs/{undo}")).await.expect(200);
    assert_eq!(job["undone"], json!({ "restored": 1, "deleted": 1, "left": 0, "refused": 0 }), "{job}");
    let counts = ["read", "created", "updated", "unchanged", "kept", "rejected", "deleted"]
        .map(|name| job["totals"][name].as_i64().expect("a count"));
    assert_eq!(counts, [1, 0, 1, 0, 0, 0, 1], "{job}");
    assert_eq!(operator.get(&second).await.expect(200)["undone"], serde_json::Value::Null);
    let undone = operator.get(&format!("{second}/undo")).await.expect(200);
    assert_eq!(
        (&undone["state"], &undone["undone"]["restored"], &undone["undone"]["deleted"]),
        (&json!("done"), &json!(1), &json!(1))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_platform_revives_no_import_that_was_undone() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let rows: String = (0..40).map(|row| format!("p{row},Bar\n")).collect();
    import(&operator, &format!("external_id,name\n{rows}")).await;
    app.clock().advance(chrono::TimeDelta::seconds(10));
    let path = "/api/v1/ingest/csv?mode=products&load=full";
    let file = b"external_id,name\np1,Zombie\n".to_vec();
    let sent = operator.send_bytes(http::Method::POST, path, &[], Some(("text/csv", file))).await.expect(202);
    app.run_jobs_that_may_fail().await;
    let failed = format!("/api/v1/jobs/{}", sent["job_id"].as_str().expect("a job"));
    operator.post(&format!("{failed}/undo"), json!({})).await.expect(202);
    app.run_jobs().await;
    let root = app.superadmin().await;
    let redriven = root.post("/api/v1/platform/queues/imports/redrive", json!({})).await.expect(200);
    assert_eq!(redriven["redriven"], 1, "{redriven}");
    app.run_jobs_that_may_fail().await;
    let job = operator.get(&failed).await.expect(200);
    assert_eq!((&job["status"], &job["error"]["code"]), (&json!("failed"), &json!("import_undone")), "{job}");
    assert!(!operator.get("/api/v1/products?limit=50").await.text().contains("Zombie"));
}
