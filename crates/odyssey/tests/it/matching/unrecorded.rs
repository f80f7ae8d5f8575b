//! People of whom nothing, or no allergy, is on record: every answer about them says so, and judges as before.

use odyssey_domain::matching::{HandedReceipt, verify_receipt};
use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

use super::{consenting, explain, hypertension, listed, matches, peanut_anaphylaxis, plain, set, with};

const EMPTY: &str = "DQ_PROFILE_EMPTY";
const NO_ALLERGY: &str = "DQ_ALLERGIES_UNRECORDED";

/// The codes of what an answer says beside its products.
fn said(answer: &Value) -> Vec<&str> {
    let notices = answer["notices"].as_array().unwrap_or_else(|| panic!("no notices: {answer}"));
    notices.iter().map(|notice| notice["code"].as_str().expect("a code")).collect()
}

async fn ask(actor: &Actor<'_>, path: &str, body: Value) -> Value {
    actor.send(http::Method::POST, path, &[], Some(body)).await.expect(200)
}

/// Every answer there is about one person, each with its notices.
async fn every_answer(app: &TestApp, actor: &Actor<'_>, customer: &str, product: &str) -> Vec<Value> {
    let job = actor.post("/api/v1/matches/batch", json!({ "customer_ids": [customer] })).await.expect(202);
    app.run_jobs().await;
    let file = actor.get(job["result_url"].as_str().expect("an address")).await.text();
    let line = serde_json::from_str(file.lines().next().expect("a line")).expect("JSON");
    let subject = json!({ "customer_id": customer });
    let items = json!([{ "product_id": product, "quantity": 1 }]);
    vec![
        matches(actor, customer, "").await,
        explain(actor, customer, product).await,
        actor.get(&format!("/api/v1/matches/{customer}/products/{product}/swaps")).await.expect(200),
        ask(actor, "/api/v1/matches/preview", json!({ "subject": subject })).await,
        ask(actor, "/api/v1/baskets/check", json!({ "subject": subject, "items": items })).await,
        line,
    ]
}

#[tokio::test]
async fn every_answer_about_somebody_without_a_profile_says_that_nothing_could_be_looked_at() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let rice = operator.create_product("rice", with(plain(), json!({ "category_id": "rice" }))).await;
    let record =
        json!({ "external_id": "ada", "consents": [{ "purpose": "health_data", "state": "granted" }] });
    let ada = operator.post("/api/v1/customers", record).await.expect(201);
    assert_eq!(ada["has_profile"], json!(false));
    let ada = ada["id"].as_str().expect("an id");

    for answer in every_answer(&app, &operator, ada, &rice).await {
        assert_eq!(said(&answer), [EMPTY], "{answer}");
        let notice = &answer["notices"][0];
        let sentence = notice["sentence"].as_str().expect("a sentence");
        for word in ["allergy", "condition", "diet", "on record", "Ask the person"] {
            assert!(sentence.contains(word), "{word}: {sentence}");
        }
        assert_eq!((&notice["field"], &notice["value"]), (&json!("profile"), &json!("")));
    }
    // The verdict is what it was; the receipt of it holds the notice, and comes out the same.
    let answer = matches(&operator, ada, "?receipt=true").await;
    assert_eq!((listed(&answer, "items"), said(&answer)), (set(&["rice"]), vec![EMPTY]));
    assert_eq!(answer["items"][0]["verdict"], json!("fits"));
    let id = answer["receipt_id"].as_str().expect("a receipt");
    let receipt = operator.get(&format!("/api/v1/receipts/{id}")).await.expect(200);
    let handed: HandedReceipt = serde_json::from_value(receipt).expect("a receipt");
    let verified = verify_receipt(&handed, None).expect("it holds");
    assert_eq!(verified.content.proof.policy.notices[0].code, EMPTY);

    // A profile that is empty is none.
    let at = format!("/api/v1/customers/{ada}/health");
    operator.patch(&at, json!({ "allergies": [] })).await.expect(200);
    assert_eq!(said(&matches(&operator, ada, "").await), [EMPTY]);
    // What somebody said ends it, in every answer.
    operator.patch(&at, peanut_anaphylaxis()).await.expect(200);
    for answer in every_answer(&app, &operator, ada, &rice).await {
        assert_eq!(said(&answer), Vec::<&str>::new(), "{answer}");
    }
}

#[tokio::test]
async fn a_profile_without_an_allergy_says_so_until_somebody_has_asked() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let rice = operator.create_product("rice", with(plain(), json!({ "category_id": "rice" }))).await;
    let ada = consenting(&operator, "ada", hypertension()).await;
    for answer in every_answer(&app, &operator, &ada, &rice).await {
        assert_eq!(said(&answer), [NO_ALLERGY], "{answer}");
    }
    assert_eq!(listed(&matches(&operator, &ada, "").await, "items"), set(&["rice"]));

    // The way out that the sentence names.
    let answer = matches(&operator, &ada, "").await;
    let sentence = answer["notices"][0]["sentence"].as_str().expect("a sentence");
    assert!(sentence.contains("SNOMED CT 429625007"), "{sentence}");
    let mut conditions = hypertension()["conditions"].as_array().expect("conditions").clone();
    conditions.push(json!({ "system": "snomed", "code": "429625007" }));
    let at = format!("/api/v1/customers/{ada}/health");
    operator.patch(&at, json!({ "conditions": conditions })).await.expect(200);
    for answer in every_answer(&app, &operator, &ada, &rice).await {
        assert_eq!(said(&answer), Vec::<&str>::new(), "{answer}");
    }
}

#[tokio::test]
async fn a_profile_that_is_only_tried_out_is_told_of_alike() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("rice", plain()).await;
    for (profile, told) in [
        (json!({}), vec![EMPTY]),
        (json!({ "goals": ["more_fiber"] }), vec![EMPTY]),
        (hypertension(), vec![NO_ALLERGY]),
        (peanut_anaphylaxis(), Vec::new()),
    ] {
        let body = json!({ "subject": { "profile": profile } });
        let answer = ask(&operator, "/api/v1/matches/preview", body).await;
        assert_eq!((said(&answer), listed(&answer, "items")), (told, set(&["rice"])), "{profile}");
    }
}
