//! An import of customers that is undone: everybody is as before, but for who was changed, withdrew or was erased since.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use odyssey_domain::customers::{self, CustomerError};
use odyssey_domain::ingestion::{self, ConsentAttestation, ImportMode, ImportParameters, JobView, Totals};
use odyssey_domain::jobs::{self, WorkerSettings};
use odyssey_domain::tenancy::Role;
use odyssey_testkit::{Actor, TestApp};
use odyssey_types::{CustomerId, JobId};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Files;
use crate::customers::erasure::erase;

const MODE: ImportMode = ImportMode::Customers;
const FIRST: u32 = 90;
const SECOND: u32 = 130;

fn first_file() -> String {
    let rows: String =
        (0..FIRST).map(|n| format!("c{n},Person {n},p{n}@example.org,{},peanut\n", 50 + n % 30)).collect();
    format!("external_id,name,email,weight_kg,allergies\n{rows}")
}

/// Every third person is renamed, loses the e-mail address or the allergy; from the 91st on they are new.
fn second_file() -> String {
    let rows: String = (0..SECOND)
        .map(|n| match n % 3 {
            0 => format!("c{n},Renamed {n},new{n}@example.org,{},milk\n", 51 + n % 30),
            _ => format!("c{n},Person {n},p{n}@example.org,{},peanut\n", 50 + n % 30),
        })
        .collect();
    format!("external_id,name,email,weight_kg,allergies\n{rows}")
}

fn totals(job: &JobView) -> Totals {
    job.import.as_ref().expect("an import").totals
}

fn id_of(files: &Files, external_id: &str) -> CustomerId {
    let vendor = files.test.vendor("acme").id;
    files.test.database.keys().vendor(vendor).expect("keys").customer_id(external_id)
}

/// Everybody who is there, opened, with what they are found by and the row of a file that they came from.
async fn people(files: &Files) -> BTreeMap<String, Value> {
    let mut connection = files.superuser().await;
    let sources: Vec<(uuid::Uuid, Option<String>)> = sqlx::query_as(
        "SELECT c.id, concat_ws('/', encode(source_hash, 'hex'), encode(source_mapping, 'hex'), c.edited_at, c.has_profile, t.tokens)
         FROM odyssey.customers c LEFT JOIN odyssey.customer_tokens t ON t.customer_id = c.id WHERE deleted_at IS NULL",
    )
    .fetch_all(&mut connection)
    .await
    .expect("rows");
    let mut tx = files.begin(Role::VendorAdmin).await;
    let mut people = BTreeMap::new();
    for (id, source) in sources {
        let id = CustomerId::from_uuid(id);
        let customer = customers::get_customer(&mut tx, id).await.expect("it opens");
        let profile = customers::get_profile(&mut tx, id).await.expect("it opens").profile.into_exposed();
        let said = json!({ "identity": customer.identity.into_exposed(), "profile": profile, "source": source,
            "status": customer.status.as_str(), "consent": customer.health_consent.as_str() });
        people.insert(customer.external_id.into_exposed(), said);
    }
    tx.roll_back().await.expect("it ends");
    people
}

async fn ask(files: &Files, job: &JobView) -> JobId {
    let mut tx = files.begin(Role::VendorOperator).await;
    let undo =
        ingestion::start_undo(&mut tx, JobId::from_uuid(job.record.id)).await.expect("it can be undone");
    tx.commit().await.expect("it commits");
    undo
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_as_before_and_the_same_file_works_again() {
    let files = Files::start().await;
    files.import(MODE, first_file()).await;
    let before = people(&files).await;
    let second = files.import(MODE, second_file()).await;
    let after = people(&files).await;
    assert_eq!((before.len(), after.len()), (FIRST as usize, SECOND as usize));
    let written = totals(&second);
    assert_eq!((written.updated, written.created), (30, 40));

    let undo = ask(&files, &second).await;
    files.run().await;
    let undone = files.job(undo).await;
    assert_eq!(
        undone.record.totals,
        Some(json!({ "restored": 30, "deleted": 40, "left": 0, "refused": 0 })),
        "{:?}",
        undone.record
    );
    assert_same(&people(&files).await, &before);
    let again = files.import(MODE, second_file()).await;
    assert_eq!((totals(&again).updated, totals(&again).created), (30, 40));
    assert_eq!(people(&files).await.len(), after.len());
}

/// Equal, but for the source rows of those whom the second import found unchanged.
fn assert_same(people: &BTreeMap<String, Value>, before: &BTreeMap<String, Value>) {
    assert_eq!(people.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    for (external_id, said) in people {
        assert_eq!(said, &before[external_id], "{external_id}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_whose_worker_dies_counts_nobody_twice() {
    let files = Files::start().await;
    files.import(MODE, first_file()).await;
    let before = people(&files).await;
    // Enough for more than one batch of the undo.
    let rows: String = (0..1_400).map(|n| format!("n{n},New {n},n{n}@example.org,60,milk\n")).collect();
    let second = files.import(MODE, format!("{}{rows}", second_file())).await;
    let undo = ask(&files, &second).await;
    for done in [1, 1_001] {
        let dispatcher =
            jobs::dispatcher(files.work.clone(), &WorkerSettings::default()).expect("a dispatcher");
        let worker = tokio::spawn(async move { dispatcher.run(CancellationToken::new()).await });
        let mut connection = files.superuser().await;
        for _ in 0..2_000 {
            let undone: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM odyssey.customer_versions WHERE undone_job_id IS NOT NULL",
            )
            .fetch_one(&mut connection)
            .await
            .expect("a count");
            if undone >= done {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        worker.abort();
        drop(worker.await);
        files.test.clock.advance(TimeDelta::minutes(5));
    }
    files.run().await;
    let totals = files.job(undo).await.record.totals;
    assert_eq!(totals, Some(json!({ "restored": 30, "deleted": 1_440, "left": 0, "refused": 0 })));
    assert_same(&people(&files).await, &before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_erased_since_stays_erased_and_whoever_was_erased_and_came_back_stays() {
    let files = Files::start().await;
    files.import(MODE, first_file()).await;
    let second = files.import(MODE, second_file()).await;
    let (gone, anew) = (id_of(&files, "c0"), id_of(&files, "c3"));
    erase(&files.test, gone).await.expect("erased");
    erase(&files.test, anew).await.expect("erased");
    files.test.clock.advance(TimeDelta::seconds(10));
    files.import(MODE, "external_id,name\nc3,Somebody new\n").await;
    let undo = ask(&files, &second).await;
    files.run().await;
    let totals = files.job(undo).await.record.totals;
    assert_eq!(totals, Some(json!({ "restored": 28, "deleted": 40, "left": 0, "refused": 0 })));
    let mut tx = files.begin(Role::VendorAdmin).await;
    assert!(matches!(customers::get_customer(&mut tx, gone).await, Err(CustomerError::NotFound)));
    let back = customers::get_customer(&mut tx, anew).await.expect("who came back is there");
    assert_eq!(back.identity.expose().name.as_deref(), Some("Somebody new"));
    tx.roll_back().await.expect("it ends");
    let mut connection = files.superuser().await;
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM odyssey.customer_versions WHERE customer_id = $1")
            .bind(gone.as_uuid())
            .fetch_one(&mut connection)
            .await
            .expect("a count");
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consents_that_the_import_granted_end_and_a_second_import_may_grant_them_again() {
    let files = Files::start().await;
    files.import(MODE, "external_id,name\na,Ada\nb,Bob\n").await;
    let attested = || ImportParameters {
        consent: Some(ConsentAttestation { text_version: None }),
        ..ImportParameters::default()
    };
    let file = "external_id,name\na,Ada L.\nb,Bob\nc,Cyd\n";
    let second = files.import_with(MODE, file, attested()).await;
    let consent = async |external_id: &str| {
        let found = people(&files).await;
        found.get(external_id).map(|said| said["consent"].as_str().expect("a state").to_owned())
    };
    assert_eq!(consent("a").await.as_deref(), Some("granted"));
    ask(&files, &second).await;
    files.run().await;
    files.test.clock.advance(TimeDelta::seconds(10));
    assert_eq!(consent("a").await.as_deref(), Some("withdrawn"));
    assert_eq!(consent("b").await.as_deref(), Some("withdrawn"));
    assert_eq!(consent("c").await, None);
    let mut tx = files.begin(Role::VendorAdmin).await;
    let trail = customers::list_consents(&mut tx, id_of(&files, "a")).await.expect("they are there");
    assert_eq!((trail[0].source.as_str(), trail.len()), ("undo", 2));
    tx.roll_back().await.expect("it ends");
    files.import_with(MODE, file, attested()).await;
    assert_eq!(consent("a").await.as_deref(), Some("granted"), "nobody but the undo had withdrawn it");
    assert_eq!(consent("c").await.as_deref(), Some("granted"));
}

async fn import(actor: &Actor<'_>, file: &str) -> String {
    let path = "/api/v1/ingest/csv?mode=customers";
    let sent = actor.send_bytes(http::Method::POST, path, &[], Some(("text/csv", file.as_bytes().to_vec())));
    let job = sent.await.expect(202)["job_id"].as_str().expect("a job").to_owned();
    actor.app().run_jobs().await;
    format!("/api/v1/jobs/{job}")
}

async fn find(actor: &Actor<'_>, external_id: &str) -> Option<Value> {
    let body = json!({ "external_id": external_id });
    let found = actor.post("/api/v1/customers/search", body).await.expect(200);
    found["items"].as_array().expect("items").first().cloned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_changed_or_withdrew_since_stays_and_is_named_by_id_alone() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    import(&operator, "external_id,name\na,First\nb,First\nw,First\n").await;
    let job = import(&operator, "external_id,name\na,Second\nb,Second\nw,Second\nc,Made\nd,Made\n").await;
    let path = async |external_id: &str| {
        let found = find(&operator, external_id).await.expect("it is there");
        format!("/api/v1/customers/{}", found["id"].as_str().expect("an id"))
    };
    let (b, d, w) = (path("b").await, path("d").await, path("w").await);
    for customer in [&b, &d] {
        operator.patch(customer, json!({ "phone": "+1 212 555 0100" })).await.expect(200);
    }
    let withdrawn = json!({ "purpose": "health_data", "state": "withdrawn" });
    operator.post(&format!("{w}/consents"), withdrawn).await.expect(201);
    let view = operator.get(&format!("{job}/undo")).await.expect(200);
    let named = |view: &Value| -> Vec<String> {
        let mut ids: Vec<String> = view["later_changes"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|change| format!("/api/v1/customers/{}", change["customer_id"].as_str().expect("an id")))
            .collect();
        ids.sort_unstable();
        ids
    };
    let mut expected = vec![b.clone(), d.clone(), w.clone()];
    expected.sort_unstable();
    assert_eq!((&view["state"], named(&view)), (&json!("possible"), expected.clone()));
    assert!(view["later_changes"][0].get("external_id").is_none(), "{view}");

    operator.post(&format!("{job}/undo"), json!({})).await.expect(202);
    app.run_jobs().await;
    let name =
        async |external_id: &str| find(&operator, external_id).await.map(|found| found["name"].clone());
    assert_eq!(
        [name("a").await, name("b").await, name("c").await, name("d").await, name("w").await],
        [Some(json!("First")), Some(json!("Second")), None, Some(json!("Made")), Some(json!("Second"))]
    );
    assert_eq!(operator.get(&w).await.expect(200)["health_consent"], "withdrawn");
    let view = operator.get(&format!("{job}/undo")).await.expect(200);
    assert_eq!(
        (&view["state"], &view["undone"]["left"], named(&view)),
        (&json!("done"), &json!(3), expected)
    );
    let a = path("a").await;
    let versions = operator.get(&format!("{a}/versions")).await.expect(200);
    let by = &versions["items"][0]["made_by"];
    assert_eq!(
        Some(format!("/api/v1/jobs/{}", by["undone_job_id"].as_str().expect("an id"))),
        Some(job.clone())
    );
    let rival = app.vendor("rival").operator().await;
    assert_eq!(rival.post(&format!("{job}/undo"), json!({})).await.problem(), "404 job-not-found");
}
