use odyssey_domain::customers::{self, CustomerError};
use odyssey_testkit::TestApp;
use odyssey_types::CustomerId;
use serde_json::json;

use super::begin;
use super::people::create;

#[tokio::test]
async fn a_withdrawn_consent_blocks_the_next_match() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let record = json!({ "external_id": "0007", "birth_date": "1985-12-10", "profile": { "allergies": [{ "allergen": "peanut" }] } });
    let path = create(&operator, record).await;
    let id: CustomerId = path.rsplit('/').next().and_then(|id| id.parse().ok()).expect("an id");
    let consents = format!("{path}/consents");
    assert!(matches!(open(&app, id).await, Err(CustomerError::ConsentMissing)), "nobody has consented yet");
    let grant = json!({ "purpose": "health_data", "state": "granted", "text_version": "2026-01" });
    operator.post(&consents, grant.clone()).await.expect(201);
    let opened = open(&app, id).await.expect("consent is granted");
    assert_eq!(opened.profile.expose().allergies.len(), 1);
    assert_eq!(*opened.age_years.expose(), Some(40));
    operator.post(&consents, json!({ "purpose": "health_data", "state": "withdrawn" })).await.expect(201);
    assert!(
        matches!(open(&app, id).await, Err(CustomerError::ConsentMissing)),
        "the withdrawal counts at once"
    );
    operator.post(&consents, grant).await.expect(201);
    let again = open(&app, id).await.expect("consent is granted again");
    assert!(again.consent_version > opened.consent_version, "nothing computed before may be used again");
}

async fn open(app: &TestApp, id: CustomerId) -> Result<customers::ForMatching, CustomerError> {
    let mut tx = begin(app).await;
    let opened = customers::open_for_matching(&mut tx, id, customers::MatchAct::Match).await?;
    tx.commit().await.expect("the disclosure is recorded");
    Ok(opened)
}

#[tokio::test]
async fn every_change_of_a_consent_is_a_record_of_its_own_newest_first() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let record =
        json!({ "external_id": "0007", "consents": [{ "purpose": "marketing", "state": "granted" }] });
    let path = create(&operator, record).await;
    let consents = format!("{path}/consents");
    let withdraw = json!({ "purpose": "marketing", "state": "withdrawn" });
    operator.post(&consents, withdraw.clone()).await.expect(201);
    operator.post(&consents, withdraw).await.expect(200);
    let list = operator.get(&consents).await;
    let items = list.json()["items"].clone();
    let states: Vec<&str> =
        items.as_array().expect("items").iter().filter_map(|c| c["state"].as_str()).collect();
    assert_eq!(states, ["withdrawn", "granted"]);
    assert_eq!(items[0]["recorded_by"], acme.seed.operator.to_string());
    assert_eq!((list.header("etag"), &items[0]["source"]), (Some("\"2\""), &json!("person")));
    assert_eq!(operator.get(&path).await.json()["health_consent"], "missing", "marketing is another purpose");
    let filtered = operator.get("/api/v1/customers?consent=granted").await.expect(200);
    assert_eq!(filtered["items"], json!([]));
}
