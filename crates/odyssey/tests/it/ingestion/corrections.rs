//! Refused rows put right in place, and run again.

use odyssey_domain::ingestion::{self, Correction, ImportMode, RerunRows};
use odyssey_domain::tenancy::Role;
use odyssey_domain::{customers, retention};
use odyssey_testkit::{Actor, TestApp};
use odyssey_types::Phi;
use serde_json::{Value, json};

use super::harness::{Files, gtin, line};

/// Sends a file, runs its import, and says where the job is.
async fn import(actor: &Actor<'_>, query: &str, file: &str) -> String {
    let path = format!("/api/v1/ingest/csv?{query}");
    let file = Some(("text/csv", file.as_bytes().to_vec()));
    let accepted = actor.send_bytes(http::Method::POST, &path, &[], file).await.expect(202);
    actor.app().run_jobs().await;
    accepted["status_url"].as_str().expect("a job").to_owned()
}

async fn correct(actor: &Actor<'_>, job: &str, corrections: Value) -> Value {
    actor.patch(&format!("{job}/errors"), json!({ "corrections": corrections })).await.expect(200)
}

/// Runs again, to its end, and gives back where the job is and what came of it.
async fn rerun(actor: &Actor<'_>, job: &str, rows: &str) -> (String, Value) {
    let started = actor.post(&format!("{job}/errors/rerun"), json!({ "rows": rows })).await.expect(202);
    actor.app().run_jobs().await;
    let url = started["status_url"].as_str().expect("a job").to_owned();
    let job = actor.get(&url).await.expect(200);
    assert_ne!(job["finished_at"], Value::Null, "{job}");
    (url, job)
}

/// Read, created, updated, unchanged, kept, rejected.
fn totals(job: &Value) -> [i64; 6] {
    let totals = ["read", "created", "updated", "unchanged", "kept", "rejected"]
        .map(|name| job["totals"][name].as_i64().expect("a count"));
    assert_eq!(totals[0], totals[1..].iter().sum::<i64>(), "{job}");
    totals
}

async fn product(actor: &Actor<'_>, external_id: &str) -> Value {
    let page = actor.get("/api/v1/products?limit=200").await.expect(200);
    let found =
        page["items"].as_array().expect("items").iter().find(|item| item["external_id"] == external_id);
    found.unwrap_or_else(|| panic!("no {external_id}: {page}")).clone()
}

const FILE: &str = "external_id,name,status,sodium_mg\n\
    p1,Bar,active,5\n\
    p2,Salty,active,-7\n\
    p3,Crisp,activ,5\n\
    p4,Crunch,activ,6\n\
    p5,Chew,nonsense,7\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrected_row_is_imported_by_a_job_of_its_own_that_is_linked_both_ways() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let job = import(&operator, "mode=products", FILE).await;
    assert_eq!(totals(&operator.get(&job).await.expect(200)), [5, 1, 0, 0, 0, 4]);
    let done = correct(&operator, &job, json!([{ "row": 2, "column": "sodium_mg", "value": "7" }])).await;
    assert_eq!(done, json!({ "corrections": [{ "rows": 1 }], "rows_waiting": 1 }));

    let (child_url, child) = rerun(&operator, &job, "corrected").await;
    assert_eq!(totals(&child), [1, 1, 0, 0, 0, 0]);
    assert_eq!(child["status"], "completed", "{child}");
    let parent = operator.get(&job).await.expect(200);
    assert_eq!(totals(&parent), [5, 1, 0, 0, 0, 4], "the parent's totals stay as they were");
    assert_eq!(child["parent_job_id"], parent["job_id"]);
    assert_eq!(parent["rerun_job_ids"], json!([child["job_id"]]));
    assert_eq!((&parent["still_rejected"], &child["still_rejected"]), (&json!(3), &json!(3)));
    let stored = product(&operator, "p2").await;
    assert_eq!(stored["nutrition"]["amounts"]["sodium_mg"], 7, "{stored}");
    let trail = operator.get(&format!("{child_url}/errors")).await.expect(200);
    assert_eq!(trail["items"], json!([]));
    let errors = operator.get(&format!("{job}/errors")).await.expect(200);
    let fault = &errors["items"][0];
    assert_eq!(
        (&fault["value"], &fault["correction"], &fault["taken_by"]),
        (&json!("-7"), &json!("7"), &child["job_id"])
    );
    assert_eq!((&errors["items"][1]["taken_by"], &errors["rows_kept"]), (&json!(null), &json!(4)));
    // The file as a whole says the same as what was corrected: nothing is left to do for that row.
    let again = import(&operator, "mode=products", &FILE.replace("-7", "7")).await;
    assert_eq!(totals(&operator.get(&again).await.expect(200)), [5, 0, 0, 2, 0, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_correction_goes_for_all_rows_with_the_same_code_and_value_and_a_suggestion_for_all() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let job = import(&operator, "mode=products", FILE).await;
    let same = json!({ "code": "enum_unknown", "column": "status", "from": "nonsense", "value": null });
    let other = json!({ "code": "enum_unknown", "column": "status", "from": "another", "value": "active" });
    let suggested = json!({ "code": "enum_unknown", "use_suggestion": true });
    let done = correct(&operator, &job, json!([same, other, suggested])).await;
    assert_eq!(done["corrections"], json!([{ "rows": 1 }, { "rows": 0 }, { "rows": 2 }]));
    assert_eq!(done["rows_waiting"], 3);
    let (_, child) = rerun(&operator, &job, "corrected").await;
    assert_eq!(totals(&child), [3, 3, 0, 0, 0, 0]);
    assert_eq!(product(&operator, "p3").await["status"], "active");
    assert_eq!(operator.get(&job).await.expect(200)["still_rejected"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_again_names_the_row_of_the_file_and_the_next_rerun_takes_it() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let job = import(&operator, "mode=products", FILE).await;
    correct(
        &operator,
        &job,
        json!([{ "row": 2, "column": "sodium_mg", "value": "a lot" },
                                    { "row": 4, "column": "status", "value": "active" }]),
    )
    .await;
    let (child_url, child) = rerun(&operator, &job, "corrected").await;
    assert_eq!(totals(&child), [2, 1, 0, 0, 0, 1]);
    assert_eq!(operator.get(&job).await.expect(200)["still_rejected"], 3);
    let errors = operator.get(&format!("{child_url}/errors")).await.expect(200);
    let fault = &errors["items"][0];
    assert_eq!(
        (&fault["row"], &fault["code"], &fault["value"]),
        (&json!(2), &json!("number_unreadable"), &json!("a lot"))
    );
    let csv = operator.get(&format!("{child_url}/errors.csv")).await.text();
    assert!(csv.contains("\np2,Salty,active,a lot,2,number_unreadable,"), "{csv}");
    // Nobody corrected it since.
    let none = operator.post(&format!("{job}/errors/rerun"), json!({})).await;
    assert_eq!(none.problem(), "409 errors-not-correctable");

    // Of the rerun's own errors as well as of the import's: it is the same row.
    let from = json!({ "code": "number_unreadable", "column": "sodium_mg", "from": "a lot", "value": "8" });
    assert_eq!(correct(&operator, &child_url, json!([from])).await["rows_waiting"], 1);
    let former = json!({ "code": "nutrient_negative", "column": "sodium_mg", "from": "-7", "value": "9" });
    let done = correct(&operator, &job, json!([former])).await;
    assert_eq!(done["corrections"], json!([{ "rows": 0 }]), "that fault is no longer what is wrong");
    let (second_url, second) = rerun(&operator, &job, "corrected").await;
    assert_eq!(totals(&second), [1, 1, 0, 0, 0, 0]);
    let parent = operator.get(&job).await.expect(200);
    assert_eq!(parent["rerun_job_ids"].as_array().map(Vec::len), Some(2));
    assert_eq!((&parent["still_rejected"], totals(&parent)), (&json!(2), [5, 1, 0, 0, 0, 4]));
    assert_eq!(operator.get(&second_url).await.expect(200)["parent_job_id"], parent["job_id"]);
    let taken = json!([{ "row": 2, "column": "sodium_mg", "value": "9" }]);
    let refused = operator.patch(&format!("{job}/errors"), json!({ "corrections": taken })).await;
    assert_eq!(refused.problem(), "422 validation-error", "the row has been taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_row_of_the_file_wins_also_against_a_corrected_one() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let file = "external_id,name,sodium_mg\n\
        ,Nameless,5\n\
        p2,Two,5\n\
        p3,Three,-1\n\
        p3,Three again,5\n\
        ,Also nameless,5\n";
    let job = import(&operator, "mode=products", file).await;
    assert_eq!(totals(&operator.get(&job).await.expect(200)), [5, 1, 0, 0, 0, 4]);
    // Row 1 becomes one that was taken, row 3 gives its identity up, row 5 takes one that is free.
    correct(
        &operator,
        &job,
        json!([{ "row": 1, "column": "external_id", "value": "p2" },
                                    { "row": 3, "column": "external_id", "value": "p9" },
                                    { "row": 3, "column": "sodium_mg", "value": "1" },
                                    { "row": 5, "column": "external_id", "value": "p5" }]),
    )
    .await;
    let (child_url, child) = rerun(&operator, &job, "all").await;
    assert_eq!(totals(&child), [4, 3, 0, 0, 0, 1]);
    let errors = operator.get(&format!("{child_url}/errors")).await.expect(200);
    let fault = &errors["items"][0];
    assert_eq!(
        (&fault["row"], &fault["code"], &fault["first_row"]),
        (&json!(1), &json!("duplicate_in_file"), &json!(2))
    );
    assert_eq!(product(&operator, "p2").await["name"], "Two");
    assert_eq!(product(&operator, "p3").await["name"], "Three again");
    assert_eq!(product(&operator, "p9").await["name"], "Three");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repetition_stays_one_while_its_first_row_is_there() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let job = import(
        &operator,
        "mode=products",
        "external_id,name,sodium_mg\np1,One,5\np1,Again,5\np2,Two,-1\np2,Two again,5\n",
    )
    .await;
    let (child_url, child) = rerun(&operator, &job, "all").await;
    assert_eq!(totals(&child), [3, 0, 0, 0, 0, 3]);
    let errors = operator.get(&format!("{child_url}/errors")).await.expect(200);
    let seen: Vec<_> = errors["items"]
        .as_array()
        .expect("faults")
        .iter()
        .map(|f| (f["row"].as_u64(), f["code"].as_str(), f["first_row"].as_u64()))
        .collect();
    assert_eq!(
        seen,
        [
            (Some(2), Some("duplicate_in_file"), Some(1)),
            (Some(3), Some("nutrient_negative"), None),
            (Some(4), Some("duplicate_in_file"), Some(3))
        ]
    );
    assert_eq!(child["status"], "completed_nothing_written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_given_to_a_row_when_the_file_is_gone_is_not_taken_on_trust() {
    let files = Files::start().await;
    let file = "external_id,name,sodium_mg\np1,One,5\n,Nameless,5\np3,Three,-1\n";
    let parent = files.import(ImportMode::Products, file).await.record.id.into();
    files.test.clock.advance(chrono::TimeDelta::days(8));
    let purged =
        ingestion::purge_uploads(&files.work.ingestion, &files.test.database).await.expect("a purge");
    assert_eq!(purged.finished, 1);
    let correction = |row, column: &str, value: &str| {
        let value = Phi::new(Some(value.to_owned()));
        Correction::Row { row, column: column.to_owned(), value }
    };
    let corrections = [correction(2, "external_id", "p1"), correction(3, "sodium_mg", "1")];
    let mut tx = files.begin(Role::VendorOperator).await;
    ingestion::correct_errors(&mut tx, parent, &corrections, true).await.expect("they are taken");
    let child =
        ingestion::start_rerun(&mut tx, parent, RerunRows::Corrected, false, true).await.expect("it starts");
    tx.commit().await.expect("it commits");
    files.run().await;
    let job = files.job(child.job_id).await;
    assert_eq!(line(&job), "completed_with_errors 2 = 1 + 0 + 0 + 0 + 1", "the other row needs no file");
    let csv = files.errors_csv(child.job_id).await;
    assert!(csv.contains("\np1,Nameless,5,2,identity_unchecked,"), "{csv}");
    assert_eq!(files.product("p1", "name").await.as_deref(), Some("One"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_whose_cells_are_not_what_the_file_meant_is_corrected_in_the_file_only() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let file = "external_id,name,sodium_mg\np1,One,5\np2,Two, and a half,5\n";
    let job = import(&operator, "mode=products", file).await;
    assert_eq!(totals(&operator.get(&job).await.expect(200)), [2, 1, 0, 0, 0, 1]);
    let correction = json!({ "corrections": [{ "row": 2, "column": "name", "value": "Two and a half" }] });
    let refused = operator.patch(&format!("{job}/errors"), correction).await;
    assert_eq!(refused.json()["errors"][0]["code"], "not_correctable", "{}", refused.text());
    let none = operator.post(&format!("{job}/errors/rerun"), json!({ "rows": "all" })).await;
    assert_eq!(none.problem(), "409 errors-not-correctable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_barcode_that_another_product_holds_is_corrected_by_the_name_of_its_field() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let holder = operator.create_product("holder", json!({ "name": "Holder", "gtin": gtin(1) })).await;
    let (taken, free) = (gtin(1), gtin(2));
    let job = import(&operator, "mode=products", &format!("SKU,Name,Barcode\np1,One,{taken}\n")).await;
    let errors = operator.get(&format!("{job}/errors")).await.expect(200);
    assert_eq!(errors["items"][0]["code"], "barcode_taken", "{errors}");
    let remedy = errors["items"][0]["remedy"].as_str().expect("a remedy");
    assert!(remedy.contains("external id holder holds") && !remedy.contains(&holder), "{remedy}");
    let listed = operator.get("/api/v1/products/duplicates").await.expect(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
    let claim = &listed["items"][0];
    assert_eq!(
        (&claim["gtin"], &claim["external_id"], &claim["row"]),
        (&json!(taken), &json!("p1"), &json!(1))
    );
    assert_eq!(claim["holder_product_id"], holder.as_str());
    correct(
        &operator,
        &job,
        json!([{ "code": "barcode_taken", "column": "gtin", "from": taken, "value": free }]),
    )
    .await;
    let (_, child) = rerun(&operator, &job, "corrected").await;
    assert_eq!(totals(&child), [1, 1, 0, 0, 0, 0]);
    assert_eq!(product(&operator, "p1").await["gtin"], free.as_str());
    let listed = operator.get("/api/v1/products/duplicates").await.expect(200);
    assert_eq!(listed["items"], json!([]), "what has been settled is no duplicate");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_later_import_wrote_stands_against_a_corrected_row_until_somebody_says_otherwise() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let older = import(&operator, "mode=products", FILE).await;
    app.clock().advance(chrono::TimeDelta::seconds(10));
    let newer = import(&operator, "mode=products", "external_id,name\np2,Newer\n").await;
    let newer = newer.rsplit('/').next().expect("an id").to_owned();
    app.clock().advance(chrono::TimeDelta::seconds(10));
    correct(&operator, &older, json!([{ "row": 2, "column": "sodium_mg", "value": "7" }])).await;
    correct(&operator, &older, json!([{ "row": 3, "column": "status", "value": "active" }])).await;
    let (child, job) = rerun(&operator, &older, "corrected").await;
    // The other row is nobody's but the older file's.
    assert_eq!(totals(&job), [2, 1, 0, 0, 1, 0]);
    assert_eq!(product(&operator, "p2").await["name"], "Newer");
    let noted = operator.get(&format!("{child}/errors")).await.expect(200);
    let note = &noted["items"][0];
    assert_eq!(
        (&note["row"], &note["code"], &note["severity"]),
        (&json!(2), &json!("kept_newer"), &json!("warning")),
        "{noted}"
    );
    let remedy = note["remedy"].as_str().expect("a remedy");
    assert!(remedy.contains(&newer) && remedy.contains("overwrite_newer"), "{remedy}");
    // It was not taken: it can be run again, and says so.
    assert_eq!(operator.get(&older).await.expect(200)["still_rejected"], 3);
    let body = json!({ "rows": "all", "overwrite_newer": true });
    operator.post(&format!("{older}/errors/rerun"), body).await.expect(202);
    app.run_jobs().await;
    assert_eq!(product(&operator, "p2").await["name"], "Salty");
    assert_eq!(operator.get(&older).await.expect(200)["still_rejected"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_rerun_of_the_same_file_wrote_is_not_newer_than_its_rows() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let before = import(&operator, "mode=products", "external_id,name\np2,Before\n").await;
    assert_eq!(operator.get(&before).await.expect(200)["status"], "completed");
    app.clock().advance(chrono::TimeDelta::seconds(10));
    let job = import(&operator, "mode=products", FILE).await;
    app.clock().advance(chrono::TimeDelta::seconds(10));
    correct(&operator, &job, json!([{ "row": 2, "column": "sodium_mg", "value": "7" }])).await;
    let (_, child) = rerun(&operator, &job, "corrected").await;
    assert_eq!(totals(&child), [1, 0, 1, 0, 0, 0], "an older import is none that came later");
    app.clock().advance(chrono::TimeDelta::seconds(10));
    // A corrected identity: the product that the rerun before wrote.
    correct(&operator, &job, json!([{ "row": 3, "column": "status", "value": "active" }])).await;
    correct(&operator, &job, json!([{ "row": 4, "column": "status", "value": "active" }])).await;
    let (_, child) = rerun(&operator, &job, "corrected").await;
    assert_eq!(totals(&child), [2, 2, 0, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_did_since_the_file_arrived_stands_against_a_corrected_row() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let product_id = operator.create_product("p2", json!({ "name": "Before" })).await;
    app.clock().advance(chrono::TimeDelta::seconds(10));
    let job = import(&operator, "mode=products", FILE).await;
    app.clock().advance(chrono::TimeDelta::seconds(10));
    operator.patch(&format!("/api/v1/products/{product_id}"), json!({ "name": "By hand" })).await.expect(200);
    app.clock().advance(chrono::TimeDelta::seconds(10));
    correct(&operator, &job, json!([{ "row": 2, "column": "sodium_mg", "value": "7" }])).await;
    let (_, child) = rerun(&operator, &job, "corrected").await;
    assert_eq!(totals(&child), [1, 0, 0, 0, 1, 0]);
    assert_eq!(product(&operator, "p2").await["name"], "By hand");
    // It was not taken.
    assert_eq!(operator.get(&job).await.expect(200)["still_rejected"], 4);
    let body = json!({ "rows": "all", "overwrite_newer": true });
    operator.post(&format!("{job}/errors/rerun"), body).await.expect(202);
    app.run_jobs().await;
    assert_eq!(product(&operator, "p2").await["name"], "By hand");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn customers_are_corrected_under_the_consent_that_was_attested_for_their_file() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let file = "member id,full name,weight_kg,Wilhelmina Secretson\nc1,Ada,heavy,x\nc2,Bea,60,y\n";
    let job = import(&admin, "mode=customers&consent=attested&map=member%20id%3Dexternal_id", file).await;
    assert_eq!(totals(&admin.get(&job).await.expect(200)), [2, 1, 0, 0, 0, 1]);
    correct(
        &admin,
        &job,
        json!([{ "code": "number_unreadable", "column": "weight_kg", "from": "heavy", "value": "71" }]),
    )
    .await;
    let (child_url, child) = rerun(&admin, &job, "corrected").await;
    assert_eq!(totals(&child), [1, 1, 0, 0, 0, 0]);
    let found = admin.post("/api/v1/customers/search", json!({ "external_id": "c1" })).await.expect(200);
    let id = found["items"][0]["id"].as_str().expect("a customer").to_owned();
    let customer = admin.get(&format!("/api/v1/customers/{id}")).await.expect(200);
    assert_eq!(
        (&customer["name"], &customer["health_consent"]),
        (&json!("Ada"), &json!("granted")),
        "{customer}"
    );

    // Nothing of it is kept in the clear.
    let mut connection = app.test.superuser_connection().await;
    let kept: String = sqlx::query_scalar(
        "SELECT concat((SELECT string_agg(to_jsonb(i)::text, ' ') FROM odyssey.imports i),
                       (SELECT string_agg(to_jsonb(c)::text, ' ') FROM odyssey.row_corrections c),
                       (SELECT string_agg(to_jsonb(j)::text, ' ') FROM odyssey.jobs j))",
    )
    .fetch_one(&mut connection)
    .await
    .expect("what is kept");
    assert!(!kept.contains("Wilhelmina") && !kept.contains("\"71\""), "{kept}");
    let viewer = app.vendor("acme").viewer().await;
    let errors = viewer.get(&format!("{job}/errors")).await.expect(200);
    assert_eq!((&errors["items"][0]["correction"], &errors["masked"]), (&json!(null), &json!(true)));
    assert_eq!(viewer.get(&child_url).await.expect(200)["still_rejected"], 0);
}

/// What a customer's record says: one by external id.
async fn named(actor: &Actor<'_>, external_id: &str) -> Value {
    let path = "/api/v1/customers/search";
    let found = actor.post(path, json!({ "external_id": external_id })).await.expect(200);
    let id = found["items"][0]["id"].as_str().expect("a customer").to_owned();
    actor.get(&format!("/api/v1/customers/{id}")).await.expect(200)["name"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_later_import_wrote_of_a_customer_stands_against_a_corrected_row() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let mode = "mode=customers&consent=attested";
    let wait = |seconds| app.clock().advance(chrono::TimeDelta::seconds(seconds));
    import(&admin, mode, "external_id,name,weight_kg\nc1,Before,60\nc2,Before,60\n").await;
    wait(10);
    let file = "external_id,name,weight_kg\nc1,Older,heavy\nc2,Older,heavy\nc3,Older,heavy\n";
    let older = import(&admin, mode, file).await;
    wait(10);
    let newer = import(&admin, mode, "external_id,name,weight_kg\nc1,Newer,61\n").await;
    wait(10);
    let undone = import(&admin, mode, "external_id,name,weight_kg\nc2,Undone,61\n").await;
    admin.post(&format!("{undone}/undo"), json!({})).await.expect(202);
    app.run_jobs().await;
    assert_eq!(named(&admin, "c2").await, "Before");
    wait(10);
    let all = json!([{ "code": "number_unreadable", "column": "weight_kg", "from": "heavy", "value": "71" }]);
    correct(&admin, &older, all).await;
    let (child, job) = rerun(&admin, &older, "corrected").await;
    // One stands; what was undone does not; one is nobody's but the older file's.
    assert_eq!(totals(&job), [3, 1, 1, 0, 1, 0]);
    let names = [named(&admin, "c1").await, named(&admin, "c2").await, named(&admin, "c3").await];
    assert_eq!(names, ["Newer", "Older", "Older"].map(Value::from));
    let noted = admin.get(&format!("{child}/errors")).await.expect(200);
    let note = &noted["items"][0];
    assert_eq!((&note["row"], &note["code"]), (&json!(1), &json!("kept_newer")), "{noted}");
    let newer = newer.rsplit('/').next().expect("an id");
    assert!(note["remedy"].as_str().is_some_and(|remedy| remedy.contains(newer)), "{noted}");
    assert_eq!(admin.get(&older).await.expect(200)["still_rejected"], 1);

    // Who changed somebody is forgotten before the rows that were refused are: then it stands as well.
    let kept = retention::FORMER_VERSIONS;
    app.clock().advance(kept + chrono::TimeDelta::days(1));
    assert_ne!(customers::purge_versions(app.database(), kept).await.expect("a purge"), 0);
    let (child, job) = rerun(&admin, &older, "all").await;
    assert_eq!(totals(&job), [1, 0, 0, 0, 1, 0]);
    let noted = admin.get(&format!("{child}/errors")).await.expect(200);
    assert_eq!(noted["items"][0]["code"], "kept_newer", "{noted}");
    let body = json!({ "rows": "all", "overwrite_newer": true });
    admin.post(&format!("{older}/errors/rerun"), body).await.expect(202);
    app.run_jobs().await;
    assert_eq!(named(&admin, "c1").await, "Older");
    assert_eq!(admin.get(&older).await.expect(200)["still_rejected"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_consent_an_admin_attested_an_operator_makes_nobody_else() {
    let app = TestApp::start().await;
    let vendor = app.vendor("acme");
    let (admin, operator) = (vendor.admin().await, vendor.operator().await);
    let file = "external_id,name,weight_kg\nc1,Ada,heavy\n";
    for mode in [PEOPLE, "mode=customers"] {
        let job = import(&admin, mode, file).await;
        let identity =
            json!({ "corrections": [{ "row": 1, "column": "external_id", "value": "someone-else" }] });
        let answer = operator.patch(&format!("{job}/errors"), identity.clone()).await;
        if mode == PEOPLE {
            assert_eq!(answer.json()["errors"][0]["code"], "identity_attested", "{}", answer.text());
            correct(&operator, &job, json!([{ "row": 1, "column": "weight_kg", "value": "70" }])).await;
            admin.patch(&format!("{job}/errors"), identity).await.expect(200);
        } else {
            answer.expect(200);
        }
    }
}

/// Allergies on record, by code, and what the row's notes are.
async fn allergies(actor: &Actor<'_>, external_id: &str) -> Vec<Value> {
    let path = "/api/v1/customers/search";
    let found = actor.post(path, json!({ "external_id": external_id })).await.expect(200);
    let id = found["items"][0]["id"].as_str().expect("a customer").to_owned();
    let health = actor.get(&format!("/api/v1/customers/{id}/health")).await.expect(200);
    let entries = health["profile"]["allergies"].as_array().expect("a list").iter();
    entries.map(|entry| entry["allergen"].clone()).collect()
}

async fn notes(actor: &Actor<'_>, job: &str) -> Vec<Value> {
    let noted = actor.get(&format!("{job}/errors")).await.expect(200);
    let notes = noted["items"].as_array().expect("a list").iter().map(|note| note["code"].clone());
    notes.filter(|code| code != "allergens_none_is_not_a_declaration").collect()
}

const PEOPLE: &str = "mode=customers&consent=attested";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_file_takes_no_allergy_from_who_is_in_a_newer_one() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let wait = || app.clock().advance(chrono::TimeDelta::seconds(10));
    let heavy =
        json!([{ "code": "number_unreadable", "column": "weight_kg", "from": "heavy", "value": "70" }]);
    import(&admin, PEOPLE, "external_id,name,weight_kg,allergies\nc1,Ada,60,peanut\nc2,Bea,60,\n").await;
    wait();
    let file = "external_id,name,weight_kg,allergies\nc1,Ada,heavy,none\nc2,Bea,heavy,milk\n";
    let older = import(&admin, PEOPLE, file).await;
    wait();
    // It says what stands, and leaves no trace in whoever it says it of.
    let same = import(&admin, PEOPLE, "external_id,name,weight_kg,allergies\nc1,Ada,60,peanut\n").await;
    assert_eq!(totals(&admin.get(&same).await.expect(200)), [1, 0, 0, 1, 0, 0]);
    wait();
    correct(&admin, &older, heavy).await;
    let (child, job) = rerun(&admin, &older, "corrected").await;
    // Who gains an allergy by it, gains it.
    assert_eq!((totals(&job), notes(&admin, &child).await), ([2, 0, 1, 0, 1, 0], vec![json!("kept_newer")]));
    assert_eq!(allergies(&admin, "c1").await, [json!("peanut")]);
    assert_eq!(allergies(&admin, "c2").await, [json!("milk")]);
    let body = json!({ "rows": "all", "overwrite_newer": true });
    let started = admin.post(&format!("{older}/errors/rerun"), body).await.expect(202);
    app.run_jobs().await;
    assert_eq!(allergies(&admin, "c1").await, Vec::<Value>::new());
    let child = started["status_url"].as_str().expect("a job");
    assert_eq!(notes(&admin, child).await, vec![json!("protection_removed")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_rerun_does_not_hide_the_newer_import_behind_it() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let wait = || app.clock().advance(chrono::TimeDelta::seconds(10));
    let heavy =
        json!([{ "code": "number_unreadable", "column": "weight_kg", "from": "heavy", "value": "70" }]);
    import(&admin, PEOPLE, "external_id,name,weight_kg,allergies\ng1,Before,60,milk\n").await;
    wait();
    let first = import(&admin, PEOPLE, "external_id,name,weight_kg\ng1,First,heavy\n").await;
    wait();
    let second = import(&admin, PEOPLE, "external_id,name,weight_kg,allergies\ng1,Second,heavy,none\n").await;
    wait();
    import(&admin, PEOPLE, "external_id,name,weight_kg,allergies\ng1,Third,61,peanut\n").await;
    wait();
    correct(&admin, &first, heavy.clone()).await;
    correct(&admin, &second, heavy).await;
    let body = json!({ "rows": "all", "overwrite_newer": true });
    admin.post(&format!("{first}/errors/rerun"), body).await.expect(202);
    app.run_jobs().await;
    assert_eq!(named(&admin, "g1").await, "First");
    let (child, job) = rerun(&admin, &second, "corrected").await;
    assert_eq!((totals(&job), notes(&admin, &child).await), ([1, 0, 0, 0, 1, 0], vec![json!("kept_newer")]));
    assert_eq!(allergies(&admin, "g1").await, [json!("peanut")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_deleted_since_does_not_come_back_by_an_older_row() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let wait = || app.clock().advance(chrono::TimeDelta::seconds(10));
    import(&admin, PEOPLE, "external_id,name,weight_kg\nd1,Ada,60\n").await;
    wait();
    let older = import(&admin, PEOPLE, "external_id,name,weight_kg\nd1,Ada,heavy\n").await;
    wait();
    let path = "/api/v1/customers/search";
    let found = admin.post(path, json!({ "external_id": "d1" })).await.expect(200);
    let id = found["items"][0]["id"].as_str().expect("a customer").to_owned();
    admin.delete(&format!("/api/v1/customers/{id}")).await.expect(204);
    wait();
    correct(&admin, &older, json!([{ "row": 1, "column": "weight_kg", "value": "70" }])).await;
    let (child, job) = rerun(&admin, &older, "corrected").await;
    assert_eq!((totals(&job), notes(&admin, &child).await), ([1, 0, 0, 0, 1, 0], vec![json!("kept_newer")]));
    admin.get(&format!("/api/v1/customers/{id}")).await.expect(404);
    // A new file is another matter.
    import(&admin, PEOPLE, "external_id,name,weight_kg\nd1,Ada,70\n").await;
    admin.get(&format!("/api/v1/customers/{id}")).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_that_is_applied_late_leaves_what_a_later_import_wrote() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let wait = || app.clock().advance(chrono::TimeDelta::seconds(10));
    import(&admin, PEOPLE, "external_id,name,weight_kg,allergies\na1,Before,60,\n").await;
    import(&admin, "mode=products", "external_id,name\np1,Before\n").await;
    wait();
    let file = "external_id,name,weight_kg,allergies\na1,Older,61,\na2,Older,61,\n";
    let people = import(&admin, &format!("{PEOPLE}&dry_run=true"), file).await;
    let products =
        import(&admin, "mode=products&dry_run=true", "external_id,name\np1,Older\np2,Older\n").await;
    wait();
    import(&admin, PEOPLE, "external_id,name,weight_kg,allergies\na1,Newer,62,peanut\n").await;
    import(&admin, "mode=products", "external_id,name\np1,Newer\n").await;
    wait();
    for dry in [people, products] {
        let applied = admin.post(&format!("{dry}/apply"), json!({})).await.expect(202);
        app.run_jobs().await;
        let job = format!("/api/v1/jobs/{}", applied["job_id"].as_str().expect("a job"));
        assert_eq!(totals(&admin.get(&job).await.expect(200)), [2, 1, 0, 0, 1, 0]);
        assert_eq!(notes(&admin, &job).await, vec![json!("kept_newer")]);
    }
    assert_eq!(allergies(&admin, "a1").await, [json!("peanut")]);
    assert_eq!(product(&admin, "p1").await["name"], "Newer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn corrections_and_reruns_are_refused_where_they_cannot_be() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let (operator, viewer, rival) =
        (acme.operator().await, acme.viewer().await, app.vendor("rival").admin().await);
    let csv = Some(("text/csv", FILE.as_bytes().to_vec()));
    let queued = operator
        .send_bytes(http::Method::POST, "/api/v1/ingest/csv?mode=products", &[], csv)
        .await
        .expect(202);
    let job = queued["status_url"].as_str().expect("a job").to_owned();
    let (errors, again) = (format!("{job}/errors"), format!("{job}/errors/rerun"));
    let correction = json!({ "corrections": [{ "row": 2, "column": "sodium_mg", "value": "7" }] });
    assert_eq!(operator.post(&again, json!({ "rows": "all" })).await.problem(), "409 job-not-finished");
    assert_eq!(operator.patch(&errors, correction.clone()).await.problem(), "409 job-not-finished");
    app.run_jobs().await;
    for actor in [&viewer, &rival] {
        let expected =
            if std::ptr::eq(actor, &raw const viewer) { "403 forbidden" } else { "404 job-not-found" };
        assert_eq!(actor.patch(&errors, correction.clone()).await.problem(), expected);
        assert_eq!(actor.post(&again, json!({ "rows": "all" })).await.problem(), expected);
    }
    for (wrong, problem) in [
        (json!([]), "422 validation-error"),
        (json!([{ "row": 1, "column": "sodium_mg", "value": "7" }]), "422 validation-error"),
        (json!([{ "row": 99, "column": "sodium_mg", "value": "7" }]), "422 validation-error"),
        (json!([{ "row": 2, "column": "colour", "value": "7" }]), "422 validation-error"),
        (json!([{ "row": 2, "column": "sodium_mg" }]), "422 validation-error"),
        (
            json!([{ "row": 2, "code": "nutrient_negative", "column": "sodium_mg", "value": "7" }]),
            "422 validation-error",
        ),
        (json!([{ "row": 2, "colour": "red" }]), "400 malformed-request"),
    ] {
        let answer = operator.patch(&errors, json!({ "corrections": wrong })).await;
        assert_eq!(answer.problem(), problem, "{}", answer.text());
    }
    let mixed = json!({ "corrections": [{ "row": 2, "column": "sodium_mg", "value": "7" }, { "row": 1, "column": "name", "value": "x" }] });
    let refused = operator.patch(&errors, mixed).await;
    assert_eq!(refused.json()["errors"][0]["pointer"], "#/corrections/1/row", "{}", refused.text());
    assert_eq!(
        operator.post(&again, json!({})).await.problem(),
        "409 errors-not-correctable",
        "none of them was taken"
    );

    operator.post(&again, json!({ "rows": "all" })).await.expect(202);
    assert_eq!(operator.post(&again, json!({ "rows": "all" })).await.problem(), "409 errors-not-correctable");
    assert_eq!(
        operator.patch(&errors, correction).await.problem(),
        "409 errors-not-correctable",
        "a rerun has the row"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rerun_that_is_canceled_while_it_waits_leaves_its_rows_to_the_next() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let job = import(&operator, "mode=products", FILE).await;
    correct(&operator, &job, json!([{ "row": 2, "column": "sodium_mg", "value": "7" }])).await;
    let started = operator.post(&format!("{job}/errors/rerun"), json!({})).await.expect(202);
    let child = started["status_url"].as_str().expect("a job");
    operator.post(&format!("{child}/cancel"), json!({})).await.expect(202);
    assert_eq!(operator.get(&job).await.expect(200)["still_rejected"], 4);
    let (_, second) = rerun(&operator, &job, "corrected").await;
    assert_eq!(totals(&second), [1, 1, 0, 0, 0, 0]);
    assert_eq!(operator.get(&job).await.expect(200)["still_rejected"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_errors_of_a_canceled_import_cannot_be_run_again() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let csv = Some(("text/csv", FILE.as_bytes().to_vec()));
    let queued = operator
        .send_bytes(http::Method::POST, "/api/v1/ingest/csv?mode=products", &[], csv)
        .await
        .expect(202);
    let job = queued["status_url"].as_str().expect("a job");
    operator.post(&format!("{job}/cancel"), json!({})).await.expect(202);
    let refused = operator.post(&format!("{job}/errors/rerun"), json!({ "rows": "all" })).await;
    assert_eq!(refused.problem(), "409 errors-not-correctable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_ninety_days_neither_errors_nor_corrections_are_left() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let job = import(&operator, "mode=products", FILE).await;
    correct(&operator, &job, json!([{ "row": 2, "column": "sodium_mg", "value": "7" }])).await;
    rerun(&operator, &job, "corrected").await;
    app.clock().advance(chrono::TimeDelta::days(89));
    ingestion::purge_row_errors(app.database()).await.expect("a purge");
    let left = left(&app).await;
    assert!(left.iter().all(|count| *count > 0), "{left:?}");
    app.clock().advance(chrono::TimeDelta::days(2));
    ingestion::purge_row_errors(app.database()).await.expect("a purge");
    assert_eq!(self::left(&app).await, [0, 0, 0]);
    let operator = app.vendor("acme").operator().await;
    let refused = operator.post(&format!("{job}/errors/rerun"), json!({ "rows": "all" })).await;
    assert_eq!(refused.problem(), "409 errors-not-correctable");
    let errors = operator.get(&format!("{job}/errors")).await.expect(200);
    assert_eq!(errors["rows_kept"], 0);
}

/// Rows of errors, corrections and outcomes.
async fn left(app: &TestApp) -> [i64; 3] {
    let mut connection = app.test.superuser_connection().await;
    let mut counts = [0; 3];
    for (count, statement) in counts.iter_mut().zip([
        "SELECT count(*) FROM odyssey.row_errors",
        "SELECT count(*) FROM odyssey.row_corrections",
        "SELECT count(*) FROM odyssey.rerun_rows",
    ]) {
        *count = sqlx::query_scalar(statement).fetch_one(&mut connection).await.expect("a count");
    }
    counts
}
