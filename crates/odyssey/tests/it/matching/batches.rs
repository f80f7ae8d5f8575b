//! The matches of many customers, as a file.

use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

use super::{consenting, label, matches, peanut_anaphylaxis, plain};

async fn start(actor: &Actor<'_>, body: Value) -> String {
    let started = actor.post("/api/v1/matches/batch", body).await.expect(202);
    started["job_id"].as_str().expect("a job").to_owned()
}

/// The lines of the file, the summary last.
async fn file(actor: &Actor<'_>, job: &str) -> Vec<Value> {
    let answer = actor.get(&format!("/api/v1/matches/batch/{job}/result")).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    answer.text().lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

async fn shelf(actor: &Actor<'_>) {
    for number in 0..12 {
        actor.create_product(&format!("rice-{number}"), plain()).await;
    }
    actor.create_product("satay", label("Rice, roasted peanuts, salt.")).await;
}

#[tokio::test]
async fn a_batch_gives_everybody_what_their_own_request_gives() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    shelf(&operator).await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let bea =
        consenting(&operator, "bea", json!({ "diets": [{ "diet": "vegan", "kind": "ethical" }] })).await;
    let unsafe_one = consenting(
        &operator,
        "cy",
        json!({ "conditions": [{ "system": "text", "code": "kidney trouble" }] }),
    )
    .await;
    let silent = json!({ "external_id": "dan", "profile": { "weight_kg": 70 } });
    operator.post("/api/v1/customers", silent).await.expect(201);

    let job = start(&operator, json!({ "query": { "k": 5, "include": "cannot_verify" } })).await;
    let early = operator.get(&format!("/api/v1/matches/batch/{job}/result")).await;
    assert_eq!(early.problem(), "409 job-not-finished");
    app.run_jobs().await;
    let state = operator.get(&format!("/api/v1/jobs/{job}")).await.expect(200);
    assert_eq!((&state["status"], &state["progress_pct"]), (&json!("completed"), &json!(100.0)), "{state}");

    let lines = file(&operator, &job).await;
    assert_eq!(lines.last().expect("a summary")["summary"], json!({ "customers": 3, "withdrawn_since": 0 }));
    let of = |id: &str| lines.iter().find(|line| line["customer_id"] == id).expect("a line");
    for (id, name) in [(&ada, "ada"), (&bea, "bea")] {
        let (line, own) = (of(id), matches(&operator, id, "?k=5&include=cannot_verify").await);
        assert_eq!((&line["external_id"], &line["status"]), (&json!(name), &json!("ok")));
        for list in ["items", "cannot_verify"] {
            let told: Vec<_> = line[list].as_array().expect("a list").iter().map(one_of_batch).collect();
            let asked: Vec<_> = own[list].as_array().expect("a list").iter().map(one_of_answer).collect();
            assert_eq!(told, asked, "{list} of {name}");
        }
        for field in ["considered", "fits_total"] {
            assert_eq!(line[field], own[field], "{field}");
        }
        assert_eq!(line["policy_digest"], own["provenance"]["policy_digest"]);
    }
    let blocked = of(&unsafe_one);
    assert_eq!(blocked["status"], "profile_unsafe", "{blocked}");
    assert_eq!(blocked["items"], json!([]));

    assert_eq!(
        acme.viewer().await.get(&format!("/api/v1/matches/batch/{job}/result")).await.problem(),
        "403 forbidden"
    );
    let rival = app.vendor("rival").admin().await;
    assert_eq!(
        rival.get(&format!("/api/v1/matches/batch/{job}/result")).await.problem(),
        "404 job-not-found"
    );
}

fn one_of_batch(item: &Value) -> (Value, Value, Value) {
    (item["external_id"].clone(), item["verdict"].clone(), item["score_permille"].clone())
}

fn one_of_answer(item: &Value) -> (Value, Value, Value) {
    (item["product"]["external_id"].clone(), item["verdict"].clone(), item["score_permille"].clone())
}

#[tokio::test]
async fn who_withdraws_is_in_no_file_whenever_they_did() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    shelf(&operator).await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let bea = consenting(&operator, "bea", peanut_anaphylaxis()).await;
    let nobody = uuid::Uuid::now_v7().to_string();
    let withdrawn = json!({ "purpose": "health_data", "state": "withdrawn" });
    operator.post(&format!("/api/v1/customers/{bea}/consents"), withdrawn.clone()).await.expect(201);
    let job = start(&operator, json!({ "customer_ids": [ada, bea, nobody, ada] })).await;
    app.run_jobs().await;
    let status = |lines: &[Value], id: &str| {
        lines.iter().find(|line| line["customer_id"] == id).map(|line| line["status"].clone())
    };
    let lines = file(&operator, &job).await;
    assert_eq!(lines.len(), 4, "each once, and a summary: {lines:?}");
    assert_eq!(status(&lines, &ada), Some(json!("ok")));
    assert_eq!(status(&lines, &bea), Some(json!("consent_missing")));
    let of_bea = lines.iter().find(|line| line["customer_id"] == bea).expect("a line");
    assert_eq!(
        of_bea,
        &json!({ "customer_id": bea, "status": "consent_missing" }),
        "and nothing of the person"
    );
    assert_eq!(status(&lines, &nobody), Some(json!("not_found")));

    operator.post(&format!("/api/v1/customers/{ada}/consents"), withdrawn).await.expect(201);
    let lines = file(&operator, &job).await;
    assert_eq!(status(&lines, &ada), None, "{lines:?}");
    assert_eq!(lines.last().expect("a summary")["summary"]["withdrawn_since"], 1);

    // Nothing of it lies in the clear.
    let mut connection = app.test.superuser_connection().await;
    let kept: String = sqlx::query_scalar(
        "SELECT concat((SELECT string_agg(to_jsonb(p)::text, ' ') FROM odyssey.match_batch_parts p),
                       (SELECT string_agg(to_jsonb(b)::text, ' ') FROM odyssey.match_batches b),
                       (SELECT string_agg(to_jsonb(j)::text, ' ') FROM odyssey.jobs j))",
    )
    .fetch_one(&mut connection)
    .await
    .expect("what is kept");
    assert!(!kept.contains("peanut") && !kept.contains("\"ada\""), "{kept}");
}

#[tokio::test]
async fn a_batch_of_many_parts_is_whole_and_a_canceled_one_leaves_no_file() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    shelf(&operator).await;
    let people: Vec<Value> = (0..230)
        .map(|number| {
            json!({ "external_id": format!("p{number}"), "profile": { "weight_kg": 60 },
                "consents": [{ "purpose": "health_data", "state": "granted" }] })
        })
        .collect();
    operator.post("/api/v1/customers", json!({ "customers": people })).await;
    let canceled = start(&operator, json!({})).await;
    operator.post(&format!("/api/v1/jobs/{canceled}/cancel"), json!({})).await.expect(202);
    let job = start(&operator, json!({ "query": { "k": 1 } })).await;
    app.run_jobs().await;
    let mut connection = app.test.superuser_connection().await;
    let (done, total): (i64, Option<i64>) = sqlx::query_as(
        "SELECT customers_done, customers_total FROM odyssey.match_batches WHERE job_id = $1::uuid",
    )
    .bind(&job)
    .fetch_one(&mut connection)
    .await
    .expect("how far it is");
    assert_eq!((done, total), (230, Some(230)), "everybody is counted, so that progress can be told");
    let lines = file(&operator, &job).await;
    assert_eq!(lines.len(), 231);
    let names: std::collections::BTreeSet<&str> =
        lines.iter().filter_map(|line| line["external_id"].as_str()).collect();
    assert_eq!(names.len(), 230, "each once");
    let none = operator.get(&format!("/api/v1/matches/batch/{canceled}/result")).await;
    assert_eq!(none.problem(), "409 job-not-finished");
    let wordless = json!({ "query": { "q": " !!! " } });
    assert_eq!(operator.post("/api/v1/matches/batch", wordless).await.problem(), "400 search-query-invalid");
    let too_long = json!({ "query": { "k": 101 } });
    assert_eq!(operator.post("/api/v1/matches/batch", too_long).await.problem(), "422 validation-error");
}
