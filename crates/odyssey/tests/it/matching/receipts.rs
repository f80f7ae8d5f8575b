use odyssey_domain::matching::{HandedReceipt, PublicKey, ReceiptFault, verify_receipt};
use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

use super::{consenting, label, matches, peanut_anaphylaxis, plain};

async fn receipt_of(actor: &Actor<'_>, answer: &Value) -> Value {
    let id = answer["receipt_id"].as_str().expect("a receipt");
    assert_eq!(answer["provenance"]["answer_id"], id, "the receipt has the id of its answer");
    actor.get(&format!("/api/v1/receipts/{id}")).await.expect(200)
}

fn signed(receipt: &Value) -> HandedReceipt {
    serde_json::from_value(receipt.clone()).expect("a receipt as it is saved")
}

async fn issuer(app: &TestApp) -> Vec<PublicKey> {
    let keys = app.anonymous().get("/api/v1/receipts/keys").await.expect(200);
    serde_json::from_value(keys["keys"].clone()).expect("keys")
}

#[tokio::test]
async fn a_receipt_proves_the_verdicts_of_its_answer_without_the_server() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("rice", plain()).await;
    operator.create_product("oats", label("Whole grain oats, sea salt.")).await;
    let satay = operator.create_product("satay", label("Rice, roasted peanuts, salt.")).await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;

    let answer = matches(&operator, &ada, "?receipt=true&include=cannot_verify").await;
    let receipt = receipt_of(&operator, &answer).await;
    let keys = issuer(&app).await;
    let verified = verify_receipt(&signed(&receipt), Some(&keys)).expect("it holds");
    assert!(verified.key_trusted);
    let content = &verified.content;
    assert_eq!(content.provenance["policy_digest"], answer["provenance"]["policy_digest"]);
    let shown: Vec<&Value> =
        ["items", "cannot_verify"].iter().flat_map(|list| answer[list].as_array().expect("a list")).collect();
    assert!(!shown.is_empty());
    assert_eq!(content.products.len(), shown.len());
    for (item, (named, proven)) in shown.iter().zip(content.products.iter().zip(&content.proof.verdicts)) {
        assert_eq!(item["product"]["external_id"], named.external_id.as_str());
        for field in ["verdict", "tier", "score_permille", "summary"] {
            assert_eq!(item[field], proven.verdict[field], "{field}");
        }
    }

    // A single answer has one too, a conflict as well as a fit.
    let path = format!("/api/v1/matches/{ada}/products/{satay}?receipt=true");
    let explained = operator.get(&path).await.expect(200);
    let receipt = receipt_of(&operator, &explained).await;
    let verified = verify_receipt(&signed(&receipt), None).expect("it holds");
    assert!(!verified.key_trusted, "nobody said whose key that is");
    assert_eq!(verified.content.proof.verdicts[0].verdict["verdict"], "conflict");
}

#[tokio::test]
async fn a_receipt_that_was_changed_or_signed_by_somebody_else_proves_nothing() {
    let (app, elsewhere) = (TestApp::start().await, TestApp::start().await);
    let operator = app.vendor("acme").operator().await;
    operator.create_product("rice", plain()).await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let answer = matches(&operator, &ada, "?receipt=true").await;
    let receipt = receipt_of(&operator, &answer).await;

    let mut prettier = receipt.clone();
    prettier["content"]["proof"]["verdicts"][0]["verdict"]["score_permille"] = json!(1000);
    let fault = verify_receipt(&signed(&prettier), None).expect_err("changed");
    assert!(matches!(fault, ReceiptFault::ContentDiffers), "{fault}");

    for (pointer, other) in [
        ("/id", json!(uuid::Uuid::now_v7())),
        ("/customer_id", json!(uuid::Uuid::now_v7())),
        ("/issued_at", json!("2020-01-01T00:00:00Z")),
        ("/key/kid", json!("another")),
        ("/key/alg", json!("none")),
    ] {
        let mut relabelled = receipt.clone();
        *relabelled.pointer_mut(pointer).expect(pointer) = other;
        verify_receipt(&signed(&relabelled), None).expect_err(pointer);
    }
    let mut padded = receipt.clone();
    padded["note"] = json!("all is well");
    serde_json::from_value::<HandedReceipt>(padded).expect_err("a field that nobody signed");

    let mut cut = receipt.clone();
    let jws = receipt["jws"].as_str().expect("a jws");
    cut["jws"] = json!(jws.replacen('e', "f", 3));
    let fault = verify_receipt(&signed(&cut), None).expect_err("another signature");
    assert!(matches!(fault, ReceiptFault::Signature), "{fault}");

    let fault =
        verify_receipt(&signed(&receipt), Some(&issuer(&elsewhere).await)).expect_err("another issuer");
    assert!(matches!(fault, ReceiptFault::KeyNotTrusted { .. }), "{fault}");
}

#[tokio::test]
async fn a_receipt_outlives_a_withdrawn_consent_and_ends_with_the_persons_erasure() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    operator.create_product("rice", plain()).await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let answer = matches(&operator, &ada, "?receipt=true").await;
    let path = format!("/api/v1/receipts/{}", answer["receipt_id"].as_str().expect("an id"));
    assert_eq!(acme.viewer().await.get(&path).await.problem(), "403 forbidden");
    assert_eq!(app.vendor("rival").admin().await.get(&path).await.problem(), "404 receipt-not-found");

    let withdrawal = json!({ "purpose": "health_data", "state": "withdrawn" });
    operator.post(&format!("/api/v1/customers/{ada}/consents"), withdrawal).await.expect(201);
    assert_eq!(
        operator.get(&format!("/api/v1/matches/{ada}?receipt=true")).await.problem(),
        "403 consent-missing"
    );
    operator.get(&path).await.expect(200);

    // Nothing of it lies in the clear.
    let mut connection = app.test.superuser_connection().await;
    let row: String = sqlx::query_scalar("SELECT string_agg(to_jsonb(r)::text, ' ') FROM odyssey.receipts r")
        .fetch_one(&mut connection)
        .await
        .expect("the receipt");
    assert!(!row.contains("peanut") && !row.to_lowercase().contains(&hex_of("peanut")), "{row}");

    crate::customers::erasure::erase(&app.test, ada.parse().expect("an id")).await.expect("erased");
    assert_eq!(operator.get(&path).await.problem(), "404 receipt-not-found");
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM odyssey.receipts")
        .fetch_one(&mut connection)
        .await
        .expect("a count");
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_receipt_is_made_of_no_more_than_two_hundred_products_and_of_no_preview() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let refused = operator.get(&format!("/api/v1/matches/{ada}?receipt=true&k=201")).await;
    assert_eq!(refused.problem(), "422 validation-error");
    let body = json!({ "subject": { "customer_id": ada }, "query": { "receipt": true } });
    assert_eq!(operator.post("/api/v1/matches/preview", body).await.problem(), "422 validation-error");
}

fn hex_of(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
