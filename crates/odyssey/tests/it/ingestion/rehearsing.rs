//! A dry run says what the import would do, keeps nothing, and is applied by the import of the same file.

use chrono::TimeDelta;
use odyssey_domain::ingestion::{self, ImportMode, ImportParameters, JobView, Rehearsed, Totals};
use odyssey_domain::jobs::{self, WorkerSettings};
use odyssey_domain::tenancy::Role;
use odyssey_testkit::{Actor, TestApp};
use odyssey_types::JobId;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Files;
use super::restarts::{FIRST, SECOND, first_file, second_file};
use crate::matching::{consenting, matches};

fn dry() -> ImportParameters {
    ImportParameters { dry_run: true, ..ImportParameters::default() }
}

fn totals(job: &JobView) -> Totals {
    job.import.as_ref().expect("an import").totals
}

#[tokio::test]
async fn it_counts_and_refuses_as_the_import_does_and_keeps_nothing() {
    let files = Files::start().await;
    files.import(ImportMode::Products, first_file(FIRST)).await;
    let (before, version) = (files.catalog_digest().await, files.catalog_version().await);
    let rehearsed = files.import_with(ImportMode::Products, second_file(SECOND), dry()).await;
    assert_eq!((files.catalog_digest().await, files.catalog_version().await), (before, version));
    let rehearsed_errors = files.errors_csv(JobId::from_uuid(rehearsed.record.id)).await;

    let mut tx = files.begin(Role::VendorOperator).await;
    let job = JobId::from_uuid(rehearsed.record.id);
    let applied = ingestion::apply_rehearsal(&mut tx, job, false, false).await.expect("it can be applied");
    tx.commit().await.expect("it commits");
    files.run().await;
    let applied = files.job(applied).await;
    assert_eq!(totals(&applied), totals(&rehearsed));
    assert!(totals(&applied).updated > 100 && totals(&applied).rejected > 10);
    assert_eq!(files.errors_csv(JobId::from_uuid(applied.record.id)).await, rehearsed_errors);

    let plain = Files::start().await;
    plain.import(ImportMode::Products, first_file(FIRST)).await;
    plain.import(ImportMode::Products, second_file(SECOND)).await;
    assert_eq!(files.catalog_digest().await, plain.catalog_digest().await);
}

#[tokio::test]
async fn customers_are_counted_and_stay_as_they_are() {
    let files = Files::start().await;
    let file = "external_id,name,birth_date\nada,Ada,1985-12-10\nbob,Bob,2999-01-01\n";
    let rehearsed = files.import_with(ImportMode::Customers, file, dry()).await;
    assert_eq!((totals(&rehearsed).created, totals(&rehearsed).rejected), (1, 1));
    let mut connection = files.superuser().await;
    let people: i64 = sqlx::query_scalar("SELECT count(*) FROM odyssey.customers")
        .fetch_one(&mut connection)
        .await
        .expect("a count");
    assert_eq!(people, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whose_worker_dies_begins_again_and_counts_nothing_twice() {
    let undisturbed = Files::start().await;
    undisturbed.import(ImportMode::Products, first_file(FIRST)).await;
    let expected = undisturbed.import_with(ImportMode::Products, second_file(SECOND), dry()).await;

    let files = Files::start().await;
    files.import(ImportMode::Products, first_file(FIRST)).await;
    let id = files.upload(ImportMode::Products, second_file(SECOND), dry()).await;
    let dispatcher = jobs::dispatcher(files.work.clone(), &WorkerSettings::default()).expect("a dispatcher");
    let worker = tokio::spawn(async move { dispatcher.run(CancellationToken::new()).await });
    let mut connection = files.superuser().await;
    for _ in 0..2_000 {
        let merged: i64 = sqlx::query_scalar("SELECT records_merged FROM odyssey.imports WHERE job_id = $1")
            .bind(id.as_uuid())
            .fetch_one(&mut connection)
            .await
            .expect("the import");
        if merged >= 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    worker.abort();
    drop(worker.await);
    for _ in 0..2 {
        // The lease of the dead worker runs out, and then the backoff of the job.
        files.test.clock.advance(TimeDelta::minutes(5));
        files.run().await;
    }
    let job = files.job(id).await;
    assert_eq!(totals(&job), totals(&expected), "{:?}", job.record);
}

#[tokio::test]
async fn a_whole_catalog_is_tried_without_confirmation_and_applied_with_it() {
    let files = Files::start().await;
    let file = |rows: std::ops::RangeInclusive<u32>| {
        let rows: String = rows.map(|row| format!("p{row},Bar\n")).collect();
        format!("external_id,name\n{rows}")
    };
    files.import(ImportMode::Products, file(1..=40)).await;
    let parameters = ImportParameters { full: true, ..dry() };
    let rehearsed = files.import_with(ImportMode::Products, file(1..=10), parameters).await;
    let job = JobId::from_uuid(rehearsed.record.id);
    let mut tx = files.begin(Role::VendorOperator).await;
    let found = ingestion::rehearsal(&mut tx, job, false).await.expect("it has ended");
    let Rehearsed::Products(found) = found else { panic!("it is of products") };
    assert_eq!((found.would_delete, found.catalog_products), (30, 40));
    let unconfirmed = ingestion::apply_rehearsal(&mut tx, job, false, false).await.expect("it is queued");
    let confirmed = ingestion::apply_rehearsal(&mut tx, job, false, true).await.expect("it is queued");
    tx.commit().await.expect("it commits");
    files.run().await;
    let unconfirmed = files.job(unconfirmed).await;
    assert_eq!(unconfirmed.record.error_code.as_deref(), Some("full_deletes_unconfirmed"));
    assert_eq!(totals(&files.job(confirmed).await).deleted, 30);
}

async fn import(actor: &Actor<'_>, query: &str, file: &str) -> String {
    let path = format!("/api/v1/ingest/csv?mode=products{query}");
    let sent = actor.send_bytes(http::Method::POST, &path, &[], Some(("text/csv", file.as_bytes().to_vec())));
    let job = sent.await.expect(202)["job_id"].as_str().expect("a job").to_owned();
    actor.app().run_jobs().await;
    format!("/api/v1/jobs/{job}")
}

const ATTESTED: &str = "&allergen_data=complete&label_jurisdiction=US&label_as_of=2025-06-01";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_take_something_away_are_flagged_and_may_be_left_out() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let first = "external_id,name,ingredients\na,A,Rice\nb,B,\"Rice, milk\"\nc,C,Rice\n";
    import(&operator, ATTESTED, first).await;
    let mut someone = String::new();
    for number in 0..12 {
        let profile = json!({ "allergies": [{ "allergen": "peanut" }] });
        someone = consenting(&operator, &format!("p{number}"), profile).await;
    }
    // a turns against twelve people, b loses an allergen, c and d do no harm.
    let second =
        "external_id,name,ingredients\na,A,\"Rice, peanuts\"\nb,B,Rice\nc,Renamed,Rice\nd,New,Peanuts\n";
    let job = import(&operator, &format!("{ATTESTED}&dry_run=true"), second).await;
    let view = operator.get(&job).await.expect(200);
    assert_eq!(
        (&view["dry_run"], &view["totals"]["updated"], &view["totals"]["created"]),
        (&json!(true), &json!(3), &json!(1))
    );
    let found = operator.get(&format!("{job}/rehearsal")).await.expect(200);
    let flagged: Vec<(&Value, &Value, &Value)> = found["flagged"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| (&row["row"], &row["allergens_gone"], &row["to_conflict"]))
        .collect();
    assert_eq!(
        flagged,
        [(&json!(1), &json!([]), &json!(12)), (&json!(2), &json!(["milk", "lactose"]), &json!(0))],
        "{found}"
    );
    assert_eq!((&found["flagged_total"], &found["customers_to_conflict"]), (&json!(2), &json!(12)));
    assert_eq!(
        found["samples"][2]["differences"],
        json!([{ "pointer": "/name", "before": "C", "after": "Renamed" }])
    );
    assert_eq!(operator.get("/api/v1/allergen-holds").await.expect(200)["items"], json!([]));

    let applied = operator.post(&format!("{job}/apply"), json!({ "except_flagged": true })).await.expect(202);
    app.run_jobs().await;
    let applied = format!("/api/v1/jobs/{}", applied["job_id"].as_str().expect("a job"));
    let view = operator.get(&applied).await.expect(200);
    assert_eq!(
        (&view["dry_run"], &view["error_codes"]),
        (&json!(false), &json!({ "held_back": 2 })),
        "{view}"
    );
    assert_eq!((&view["totals"]["updated"], &view["totals"]["created"]), (&json!(1), &json!(1)));
    let answer = matches(&operator, &someone, "").await;
    assert_eq!(crate::matching::listed(&answer, "items"), crate::matching::set(&["a", "b", "c"]), "{answer}");
    let csv = operator.get(&format!("{applied}/errors.csv")).await;
    assert!(csv.text().contains("held_back"), "{}", csv.text());
    // What was applied is no dry run, and a dry run cannot be undone.
    assert_eq!(operator.get(&format!("{applied}/rehearsal")).await.problem(), "404 rehearsal-not-found");
    assert_eq!(operator.post(&format!("{job}/undo"), json!({})).await.problem(), "409 import-not-undoable");
    let viewer = app.vendor("acme").viewer().await;
    assert_eq!(viewer.post(&format!("{job}/apply"), json!({})).await.status.as_u16(), 403);
    let rival = app.vendor("rival").operator().await;
    assert_eq!(rival.get(&format!("{job}/rehearsal")).await.problem(), "404 job-not-found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_that_is_being_applied_is_not_deleted_and_attests_for_nobody() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let (operator, admin) = (acme.operator().await, acme.admin().await);
    let job = import(&operator, "&dry_run=true", "external_id,name\na,A\n").await;
    let id = job.rsplit('/').next().expect("an id").to_owned();
    let applied = operator.post(&format!("{job}/apply"), json!({ "except_flagged": true })).await.expect(202);
    let delete = json!({ "action": "delete", "filter": { "job_ids": [id] } });
    assert_eq!(operator.post("/api/v1/jobs/bulk", delete.clone()).await.expect(200)["changed"], 0);
    // However long it waits, its file waits with it.
    app.clock().advance(chrono::TimeDelta::days(8));
    ingestion::purge_uploads(&app.ingestion, app.database()).await.expect("it purges");
    app.run_jobs().await;
    let applied = format!("/api/v1/jobs/{}", applied["job_id"].as_str().expect("a job"));
    assert_eq!(operator.get(&applied).await.expect(200)["totals"]["created"], 1);
    assert_eq!(operator.post("/api/v1/jobs/bulk", delete).await.expect(200)["changed"], 1);

    // Consent is an admin's word, and a trial is no word.
    let path = "/api/v1/ingest/csv?mode=customers&dry_run=true&consent=attested";
    let file = b"external_id,name\nc1,Ann\n".to_vec();
    let sent = admin.send_bytes(http::Method::POST, path, &[], Some(("text/csv", file))).await.expect(202);
    app.run_jobs().await;
    let tried = format!("/api/v1/jobs/{}/apply", sent["job_id"].as_str().expect("a job"));
    assert_eq!(operator.post(&tried, json!({})).await.problem(), "403 forbidden");
    admin.post(&tried, json!({})).await.expect(202);
}
