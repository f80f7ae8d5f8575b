//! A dry run of customers says what would become of them and who would lose what protects them, and keeps nothing.

use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

use crate::customers::erasure::erase;

async fn import(actor: &Actor<'_>, query: &str, file: &str) -> String {
    let path = format!("/api/v1/ingest/csv?mode=customers{query}");
    let sent = actor.send_bytes(http::Method::POST, &path, &[], Some(("text/csv", file.as_bytes().to_vec())));
    let job = sent.await.expect(202)["job_id"].as_str().expect("a job").to_owned();
    actor.app().run_jobs().await;
    format!("/api/v1/jobs/{job}")
}

const FIRST: &str = "external_id,name,allergies,conditions\n\
                     ada,Ada,peanut,celiac disease\nbob,Bob,milk,\ncyd,Cyd,egg,\ndan,Dan,soy,\n";
/// Ada loses an allergy, Bob another name, Cyd gains an allergy, Dan stays, Eve is new, and somebody is not yet born.
const SECOND: &str = "external_id,name,allergies,conditions,birth_date\n\
                      ada,Ada,milk,celiac disease,\nbob,Robert,milk,,\ncyd,Cyd,\"egg, milk\",,\ndan,Dan,soy,,\neve,Eve,peanut,,\n\
                      fay,Fay,,,2999-01-01\n";

async fn id_of(actor: &Actor<'_>, external_id: &str) -> String {
    let body = json!({ "external_id": external_id });
    let found = actor.post("/api/v1/customers/search", body).await.expect(200);
    found["items"][0]["id"].as_str().expect("an id").to_owned()
}

async fn allergies(actor: &Actor<'_>, id: &str) -> Value {
    let health = actor.get(&format!("/api/v1/customers/{id}/health")).await.expect(200);
    health["profile"]["allergies"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_counts_compares_and_flags_and_is_applied_with_or_without_what_it_flagged() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    import(&operator, "", FIRST).await;
    let job = import(&operator, "&dry_run=true", SECOND).await;
    let view = operator.get(&job).await.expect(200);
    let count = |name: &str| view["totals"][name].clone();
    assert_eq!(
        [count("created"), count("updated"), count("unchanged"), count("rejected")],
        [json!(1), json!(3), json!(1), json!(1)],
        "{view}"
    );
    let (ada, bob) = (id_of(&operator, "ada").await, id_of(&operator, "bob").await);
    assert_eq!(allergies(&operator, &ada).await, json!([{ "allergen": "peanut" }]), "nothing is written");
    let found = operator.get(&format!("{job}/rehearsal")).await.expect(200);
    let people = &found["people"];
    assert_eq!(people["flagged_total"], 1, "{people}");
    let flagged = &people["flagged"][0];
    assert_eq!(
        (&flagged["row"], &flagged["customer_id"], &flagged["allergies_gone"], &flagged["conditions_gone"]),
        (&json!(1), &json!(ada), &json!(1), &json!(0))
    );
    assert_eq!(
        (&people["lose_allergies"], &people["lose_other_protection"], &people["policies_changed"]),
        (&json!(1), &json!(0), &json!(2)),
        "Ada's and Cyd's"
    );
    let samples = people["samples"].as_array().expect("samples");
    assert_eq!(samples.iter().map(|s| s["row"].as_u64()).collect::<Vec<_>>(), [1, 2, 3, 5].map(Some));
    let of_bob = json!([{ "pointer": "/name", "before": "Bob", "after": "Robert" }]);
    assert_eq!((&samples[1]["customer_id"], &samples[1]["differences"]), (&json!(bob), &of_bob));
    assert_eq!(samples[3].get("customer_id"), None, "Eve is nobody yet");

    let apply = format!("{job}/apply");
    let applied = operator.post(&apply, json!({ "except_flagged": true })).await.expect(202);
    app.run_jobs().await;
    let applied = format!("/api/v1/jobs/{}", applied["job_id"].as_str().expect("a job"));
    let view = operator.get(&applied).await.expect(200);
    assert_eq!(
        (&view["totals"]["created"], &view["totals"]["updated"], &view["totals"]["rejected"]),
        (&json!(1), &json!(2), &json!(2)),
        "{view}"
    );
    let errors = operator.get(&format!("{applied}/errors")).await.expect(200);
    let held: Vec<&Value> =
        errors["items"].as_array().expect("items").iter().filter(|e| e["code"] == "held_back").collect();
    assert_eq!((held.len(), &held[0]["row"]), (1, &json!(1)), "{errors}");
    assert_eq!(allergies(&operator, &ada).await, json!([{ "allergen": "peanut" }]));
    operator.post(&apply, json!({})).await.expect(202);
    app.run_jobs().await;
    assert_eq!(allergies(&operator, &ada).await, json!([{ "allergen": "milk" }]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_for_who_may_read_health_data_lie_sealed_and_end_with_the_person() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    import(&operator, "", FIRST).await;
    let job = import(&operator, "&dry_run=true", SECOND).await;
    let path = format!("{job}/rehearsal");
    let masked = acme.viewer().await.get(&path).await.expect(200);
    let people = &masked["people"];
    assert_eq!(
        (&people["masked"], &people["samples"], &people["flagged"], &people["flagged_total"]),
        (&json!(true), &json!([]), &json!([]), &Value::Null),
        "{people}"
    );
    let rival = app.vendor("rival").admin().await;
    assert_eq!(rival.get(&path).await.problem(), "404 job-not-found");
    assert_eq!(acme.viewer().await.post(&format!("{job}/apply"), json!({})).await.problem(), "403 forbidden");

    let mut connection = app.test.superuser_connection().await;
    let lies: bool = sqlx::query_scalar(
        "SELECT bool_or(i::text ILIKE '%robert%' OR i::text ILIKE '%peanut%' OR position('Robert'::bytea IN rehearsal_sealed) > 0)
         FROM odyssey.imports i WHERE rehearsal_sealed IS NOT NULL",
    )
    .fetch_one(&mut connection)
    .await
    .expect("a row");
    assert!(!lies);
    let ada = id_of(&operator, "ada").await;
    let trail = |subject: String| {
        sqlx::query_scalar::<sqlx::Postgres, i64>(
            "SELECT count(*) FROM odyssey.audit_subjects s JOIN odyssey.audit_events e ON e.id = s.event_id
             WHERE e.action = 'rehearsal.read' AND s.customer_id::text = $1",
        )
        .bind(subject)
    };
    let before = trail(ada.clone()).fetch_one(&mut connection).await.expect("a count");
    operator.get(&path).await.expect(200);
    let after = trail(ada.clone()).fetch_one(&mut connection).await.expect("a count");
    assert_eq!((before, after), (0, 1), "the viewer was shown nobody, the operator Ada");

    app.clock().advance(chrono::TimeDelta::seconds(10));
    erase(&app.test, ada.parse().expect("an id")).await.expect("erased");
    let found = operator.get(&path).await.expect(200);
    let samples = found["people"]["samples"].as_array().expect("samples");
    assert_eq!(samples.iter().map(|s| s["row"].as_u64()).collect::<Vec<_>>(), [2, 3, 5].map(Some));
    assert_eq!(found["people"]["flagged"], json!([]));
    // Applied after all, the file does not bring her back: it was sent before she was erased.
    let applied = operator.post(&format!("{job}/apply"), json!({})).await.expect(202);
    app.run_jobs().await;
    let applied = format!("/api/v1/jobs/{}", applied["job_id"].as_str().expect("a job"));
    let view = operator.get(&applied).await.expect(200);
    assert_eq!((&view["totals"]["kept"], &view["totals"]["created"]), (&json!(1), &json!(1)), "{view}");
    assert_eq!(operator.get(&format!("/api/v1/customers/{ada}")).await.problem(), "404 customer-not-found");
}
