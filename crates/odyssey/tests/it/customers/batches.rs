use std::collections::HashMap;

use odyssey_domain::customers::{
    self, BatchOptions, Change, ConsentState, CustomerWrite, ImportConsent, ImportMark, ImportOptions,
    RowOutcome, SinceImport,
};
use odyssey_testkit::TestApp;
use odyssey_types::{JobId, Phi};
use serde_json::{Value, json};

use super::begin;
use super::people::create;

fn merge(external_id: &str, patch: Value) -> CustomerWrite {
    let Value::Object(patch) = patch else { panic!("a patch is an object") };
    CustomerWrite::by_external_id(external_id.to_owned(), Change::Merge(Phi::new(patch)))
}

#[tokio::test]
async fn a_batch_answers_record_by_record() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    create(&operator, json!({ "external_id": "old", "name": "Old" })).await;
    let records = json!([
        { "external_id": "new", "name": "New", "profile": { "height_cm": 170 }, "consents": [{ "purpose": "health_data", "state": "granted" }] },
        { "external_id": "old", "name": "Overwritten" },
        { "external_id": " new ", "name": "Twice" },
        { "name": "Nobody" },
        { "external_id": "bad", "profile": { "height_cm": 0 } },
        { "external_id": "worse", "consents": [{ "purpose": "telepathy", "state": "granted" }] },
        { "external_id": "last" },
    ]);
    let answer = operator.post("/api/v1/customers", json!({ "customers": records })).await.expect(207);
    let row = |at: usize| {
        let result = &answer["results"][at];
        (result["status"].as_u64().unwrap_or(0), result["problem"].as_str().unwrap_or("").to_owned())
    };
    assert_eq!(row(0), (201, String::new()));
    assert_eq!(row(1), (409, "customer-conflict".to_owned()));
    assert_eq!(row(2), (422, "validation-error".to_owned()));
    assert_eq!(row(3), (422, "validation-error".to_owned()));
    assert_eq!(answer["results"][4]["errors"][0]["pointer"], "#/profile/height_cm");
    assert_eq!(answer["results"][5]["errors"][0]["pointer"], "#/consents/0/purpose");
    assert_eq!(row(6), (201, String::new()));
    assert_eq!((&answer["created"], &answer["refused"]), (&json!(2), &json!(5)));
    let found = operator.post("/api/v1/customers/search", json!({ "external_id": "old" })).await.expect(200);
    assert_eq!(
        found["items"][0]["name"], "Old",
        "a refused record leaves the others alone and is left alone"
    );
    let upserted = operator
        .post(
            "/api/v1/customers",
            json!({ "mode": "upsert", "customers": [{ "external_id": "old", "name": "Changed" }] }),
        )
        .await
        .expect(207);
    assert_eq!(upserted["results"][0]["outcome"], "updated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_larger_than_a_chunk_is_written_whole_and_read_back_unchanged() {
    let app = TestApp::start().await;
    let writes: Vec<CustomerWrite> = (0..2_300)
        .map(|at| {
            merge(&format!("c{at}"), json!({ "name": format!("Name {at}"), "profile": { "weight_kg": 50 } }))
        })
        .collect();
    for expected in [RowOutcome::Created, RowOutcome::Unchanged] {
        let mut tx = begin(&app).await;
        let outcome =
            customers::write_customers(&mut tx, &writes, &BatchOptions::default()).await.expect("a batch");
        tx.commit().await.expect("it commits");
        assert!(
            outcome.results.iter().all(|r| r.as_ref().is_ok_and(|r| r.outcome == expected)),
            "{expected:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_of_the_same_new_people_leave_everybody_readable() {
    let app = TestApp::start().await;
    let writer = |name: &'static str| {
        let app = &app;
        async move {
            let writes: Vec<CustomerWrite> = (0..60)
                .map(|at| {
                    merge(&format!("c{at}"), json!({ "name": name, "profile": { "goals": ["weight_loss"] } }))
                })
                .collect();
            let mut tx = begin(app).await;
            let outcome = customers::write_customers(&mut tx, &writes, &BatchOptions::default())
                .await
                .expect("a batch");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            tx.commit().await.expect("it commits");
            outcome
                .results
                .iter()
                .filter(|r| r.as_ref().is_ok_and(|r| r.outcome == RowOutcome::Created))
                .count()
        }
    };
    let (first, second) = tokio::join!(writer("Ada"), writer("Eve"));
    assert_eq!(first + second, 60, "everybody was created once");
    let mut tx = begin(&app).await;
    let id = tx.keys().expect("keys").customer_id("c7");
    let name = customers::get_customer(&mut tx, id).await.expect("it opens").identity.expose().name.clone();
    assert!(name == Some("Ada".to_owned()) || name == Some("Eve".to_owned()));
    assert_eq!(
        customers::get_profile(&mut tx, id).await.expect("it opens").profile.expose().goals,
        ["weight_loss"]
    );
}

#[tokio::test]
async fn an_import_knows_what_is_unchanged_what_a_person_edited_and_whom_it_may_match() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let options = || BatchOptions {
        import: Some(ImportOptions {
            job_id: JobId::from_uuid(uuid::Uuid::from_u128(5)),
            started_by: Some(acme.seed.admin),
            started_at: app.test.database.clock().now(),
            mapping_digest: vec![1, 2],
            consent: Some(ImportConsent { attested_by: acme.seed.admin, text_version: None }),
        }),
        ..BatchOptions::default()
    };
    let row = |at: u8, name: &str| CustomerWrite {
        import: Some(ImportMark { row: u64::from(at), source_hash: [at; 32], edited_since: false }),
        ..merge(&format!("c{at}"), json!({ "name": name }))
    };
    let mut tx = begin(&app).await;
    let outcome = customers::write_customers(&mut tx, &[row(1, "Ada"), row(2, "Bea")], &options())
        .await
        .expect("an import");
    assert_eq!(outcome.consents_recorded, 2);
    let ids: Vec<_> = outcome.results.iter().filter_map(|r| r.as_ref().ok().map(|r| r.id)).collect();
    tx.commit().await.expect("it commits");

    app.clock().advance(chrono::TimeDelta::minutes(1));
    let path = format!("/api/v1/customers/{}", ids[1]);
    let operator = acme.operator().await;
    operator.patch(&path, json!({ "name": "Beatrix" })).await.expect(200);
    operator
        .post(&format!("{path}/consents"), json!({ "purpose": "health_data", "state": "withdrawn" }))
        .await
        .expect(201);

    app.clock().advance(chrono::TimeDelta::minutes(1));
    let mut tx = begin(&app).await;
    let rows = [(ids[0], [1; 32]), (ids[1], [2; 32])];
    let since = customers::unchanged_customers(&mut tx, &rows, &[1, 2]).await.expect("an answer");
    assert_eq!(since, HashMap::from([(ids[0], SinceImport::Untouched), (ids[1], SinceImport::Edited)]));
    for (rows, digest) in [([(ids[0], [9; 32])], &[1, 2][..]), ([(ids[0], [1; 32])], &[1, 3])] {
        let since = customers::unchanged_customers(&mut tx, &rows, digest).await.expect("an answer");
        assert!(since.is_empty(), "another row or another mapping is a change");
    }
    let again = customers::write_customers(&mut tx, &[row(2, "Bea")], &options()).await.expect("an import");
    assert_eq!((again.consents_recorded, again.consents_withheld), (0, 1));
    let customer = customers::get_customer(&mut tx, ids[1]).await.expect("it exists");
    assert_eq!(customer.health_consent, ConsentState::Withdrawn, "no file undoes a withdrawal");
}
