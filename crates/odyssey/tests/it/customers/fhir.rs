//! FHIR bundles: proposed, looked at, applied, imported.

use chrono::TimeDelta;
use odyssey_domain::customers::{self, FhirImport, ImportConsent, RowOutcome};
use odyssey_testkit::{Actor, TestApp};
use odyssey_types::{JobId, Phi};
use serde_json::{Value, json};

use super::begin;
use super::people::create;

fn bundle(resources: &[Value]) -> Value {
    let patient = json!({ "resourceType": "Patient", "id": "p", "birthDate": "1985-12-10", "gender": "female",
        "identifier": [{ "system": "urn:mrn", "value": "0007" }], "name": [{ "text": "Ada Lovelace" }] });
    let entries: Vec<Value> =
        std::iter::once(&patient).chain(resources).map(|r| json!({ "resource": r })).collect();
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

fn allergy(code: Value) -> Value {
    json!({ "resourceType": "AllergyIntolerance", "category": ["food"], "criticality": "high", "code": code })
}

fn peanut() -> Value {
    allergy(
        json!({ "coding": [{ "system": "http://snomed.info/sct", "code": "762952008", "display": "Peanut" }] }),
    )
}

fn moon_dust() -> Value {
    allergy(json!({ "text": "moon dust" }))
}

/// A consenting customer known as `0007`, and a product that suits everybody.
async fn ada(operator: &Actor<'_>) -> String {
    operator
        .create_product(
            "rice",
            json!({ "name": "Rice", "ingredients": "Rice.", "allergens": { "contains": [] }, "allergen_data": "complete",
                    "label_jurisdiction": "US", "label_as_of": "2025-06-01" }),
        )
        .await;
    let record =
        json!({ "external_id": "0007", "consents": [{ "purpose": "health_data", "state": "granted" }] });
    create(operator, record).await
}

fn line<'a>(proposal: &'a Value, pointer: &str) -> &'a Value {
    let lines = proposal["lines"].as_array().expect("lines");
    lines.iter().find(|line| line["pointer"] == pointer).unwrap_or_else(|| panic!("no {pointer}: {proposal}"))
}

async fn blocked(operator: &Actor<'_>, path: &str) -> Vec<String> {
    let id = path.rsplit('/').next().expect("an id");
    let matches = operator.get(&format!("/api/v1/matches/{id}")).await.expect(200);
    let blocked = matches["blocked"].as_array().expect("a list").clone();
    blocked.iter().map(|b| b["code"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_bundle_is_proposed_code_by_code_and_nothing_is_applied_until_confirmed() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let path = ada(&operator).await;
    let height = json!({ "resourceType": "Observation", "status": "final", "effectiveDateTime": "2024-01-01",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "8302-2" }] },
        "valueQuantity": { "value": 70, "code": "[in_i]", "system": "http://unitsofmeasure.org" } });
    let proposed = operator.post(&format!("{path}/fhir"), bundle(&[peanut(), height])).await;
    assert_eq!(proposed.header("etag"), Some("\"0\""));
    let location = proposed.header("location").expect("a location").to_owned();
    let proposal = proposed.expect(201);
    assert_eq!(line(&proposal, "/entry/1/resource")["proposes"][0]["value"]["allergen"], "peanut");
    assert_eq!(line(&proposal, "/entry/1/resource")["proposes"][0]["value"]["severity"], "anaphylaxis");
    assert_eq!(line(&proposal, "/entry/2/resource")["proposes"][0]["value"].as_f64(), Some(177.8));
    assert_eq!(line(&proposal, "/entry/0/resource/gender")["suggests"], json!(["female"]));
    assert_eq!((&proposal["counts"]["mapped"], &proposal["awaits_decision"]), (&json!(4), &json!(true)));
    assert_eq!(proposal["profile"]["sex"], "unspecified");
    let health = operator.get(&format!("{path}/health")).await.expect(200);
    assert_eq!((&health["row_version"], &health["profile"]["allergies"]), (&json!(0), &json!([])));
    // In no profile yet, the allergy would protect nobody.
    assert_eq!(blocked(&operator, &path).await, ["DQ_ALLERGY_UNMAPPED"]);
    assert_eq!(operator.get(&location).await.expect(200)["lines"], proposal["lines"]);

    let sex = line(&proposal, "/entry/0/resource/gender")["id"].clone();
    let decisions = json!({ "decisions": [{ "line": sex, "decision": "sex", "sex": "female" }] });
    let apply = |tag: &'static [(&'static str, &'static str)], body: Value| {
        let (operator, path) = (operator.clone(), format!("{location}/apply"));
        async move { operator.keyed(http::Method::POST, &path, tag, body).await }
    };
    assert_eq!(apply(&[], json!({})).await.problem(), "428 precondition-required");
    let applied = apply(&[("if-match", "\"0\"")], decisions).await;
    assert_eq!(applied.header("etag"), Some("\"1\""));
    let profile = &applied.expect(200)["profile"];
    assert_eq!((&profile["sex"], profile["height_cm"].as_f64()), (&json!("female"), Some(177.8)));
    assert_eq!(profile["allergies"][0]["allergen"], "peanut");
    assert_eq!(operator.get(&path).await.expect(200)["birth_date"], "1985-12-10");
    assert_eq!(apply(&[("if-match", "\"1\"")], json!({})).await.problem(), "409 proposal-decided");
}

#[tokio::test]
async fn a_profile_that_changed_since_is_412() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let path = ada(&operator).await;
    let proposal = operator.post(&format!("{path}/fhir"), bundle(&[peanut()])).await.expect(201);
    operator.patch(&format!("{path}/health"), json!({ "height_cm": 170 })).await.expect(200);
    let proposal = format!("{path}/fhir/{}", proposal["id"].as_str().expect("an id"));
    let apply = format!("{proposal}/apply");
    let stale = operator.keyed(http::Method::POST, &apply, &[("if-match", "\"0\"")], json!({})).await;
    assert_eq!(stale.problem(), "412 precondition-failed");
    let read = operator.get(&proposal).await;
    assert_eq!(read.header("etag"), Some("\"1\""), "the proposal names the profile it is compared with");
    let profile = read.expect(200)["profile"].clone();
    assert_eq!(
        (profile["height_cm"].as_f64(), &profile["allergies"][0]["allergen"]),
        (Some(170.0), &json!("peanut"))
    );
    let fresh = operator.keyed(http::Method::POST, &apply, &[("if-match", "\"1\"")], json!({})).await;
    assert_eq!(fresh.expect(200)["profile"]["height_cm"].as_f64(), Some(170.0));
}

#[tokio::test]
async fn an_unmapped_food_allergy_blocks_from_the_proposal_until_somebody_decides() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let path = ada(&operator).await;
    // An answer that is kept in memory must not outlive what has become known.
    assert_eq!(blocked(&operator, &path).await, [""; 0]);
    let proposal = operator.post(&format!("{path}/fhir"), bundle(&[moon_dust()])).await.expect(201);
    assert_eq!((&proposal["awaits_decision"], proposal.get("expires_at")), (&json!(true), None));
    assert_eq!(line(&proposal, "/entry/1/resource")["reason"], "food_unmapped");
    assert_eq!(proposal["blocked"][0]["code"], "DQ_ALLERGY_UNMAPPED");
    assert_eq!(blocked(&operator, &path).await, ["DQ_ALLERGY_UNMAPPED"]);
    // Time does not decide.
    app.clock().advance(TimeDelta::days(30));
    assert_eq!(customers::purge_fhir_proposals(app.database()).await.expect("a purge"), 0);
    assert_eq!(blocked(&operator, &path).await, ["DQ_ALLERGY_UNMAPPED"]);
    let apply = format!("{path}/fhir/{}/apply", proposal["id"].as_str().expect("an id"));
    let any: &[(&str, &str)] = &[("if-match", "*")];
    // It cannot be left out by not being mentioned.
    let silent = operator.keyed(http::Method::POST, &apply, any, json!({ "confirm": [] })).await;
    assert_eq!(silent.problem(), "422 validation-error");
    assert_eq!(silent.json()["errors"][0]["code"], "allergy_undecided");
    // Confirmed as it is, it blocks as a part of the profile.
    operator.keyed(http::Method::POST, &apply, any, json!({})).await.expect(200);
    assert_eq!(blocked(&operator, &path).await, ["DQ_ALLERGY_UNMAPPED"]);
    // Mapped, in a new proposal, it is a gate like any other; what was noted in the same words is settled.
    let proposal = operator.post(&format!("{path}/fhir"), bundle(&[moon_dust()])).await.expect(201);
    let dust = line(&proposal, "/entry/1/resource")["id"].clone();
    let apply = format!("{path}/fhir/{}/apply", proposal["id"].as_str().expect("an id"));
    let body = json!({ "decisions": [{ "line": dust, "decision": "map", "allergens": ["sesame"] }] });
    let applied = operator.keyed(http::Method::POST, &apply, any, body).await.expect(200);
    let entry = json!([{ "allergen": "sesame", "text": "moon dust", "severity": "anaphylaxis" }]);
    assert_eq!(applied["profile"]["allergies"], entry);
    assert_eq!(blocked(&operator, &path).await, [""; 0]);
}

#[tokio::test]
async fn a_line_is_turned_down_with_a_reason_that_the_trail_keeps() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let path = ada(&operator).await;
    let proposal = operator.post(&format!("{path}/fhir"), bundle(&[moon_dust(), peanut()])).await.expect(201);
    assert_eq!(blocked(&operator, &path).await, ["DQ_ALLERGY_UNMAPPED"]);
    let apply = format!("{path}/fhir/{}/apply", proposal["id"].as_str().expect("an id"));
    let any: &[(&str, &str)] = &[("if-match", "*")];
    let id = |pointer| line(&proposal, pointer)["id"].clone();
    let decide = |decisions: Value| json!({ "decisions": decisions });
    for (decision, pointer) in [
        (json!({ "line": id("/entry/1/resource"), "decision": "reject" }), "#/decisions/0/reason"),
        (json!({ "line": "line-99", "decision": "not_food" }), "#/decisions/0/line"),
        (
            json!({ "line": id("/entry/1/resource"), "decision": "map", "allergens": ["moonlight"] }),
            "#/decisions/0",
        ),
    ] {
        let refused = operator.keyed(http::Method::POST, &apply, any, decide(json!([decision]))).await;
        assert_eq!(refused.problem(), "422 validation-error");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer);
        assert!(!refused.text().contains("moon"), "{}", refused.text());
    }
    let decisions = decide(json!([
        { "line": id("/entry/1/resource"), "decision": "not_food" },
        { "line": id("/entry/2/resource"), "decision": "reject", "reason": "outgrown", "note": "challenge of last May" },
    ]));
    let applied = operator.keyed(http::Method::POST, &apply, any, decisions).await.expect(200);
    assert_eq!(applied["profile"]["allergies"], json!([]));
    assert_eq!(blocked(&operator, &path).await, [""; 0]);
    let customer = path.rsplit('/').next().expect("an id");
    let trail = acme.admin().await.get(&format!("/api/v1/audit?customer_id={customer}")).await.expect(200);
    let events = trail["items"].as_array().expect("events");
    let event = events.iter().find(|e| e["action"] == "fhir_proposal.apply").expect("an event");
    assert_eq!(
        (&event["details"]["rejected"]["outgrown"], &event["details"]["not_food"]),
        (&json!(1), &json!(1))
    );
    assert!(events.iter().any(|e| e["action"] == "fhir_proposal.create"));
    assert!(!trail.to_string().contains("challenge of last May"));
}

#[tokio::test]
async fn a_bundle_about_somebody_else_is_refused_unless_confirmed() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let path = create(&operator, json!({ "external_id": "0008", "birth_date": "1990-01-01" })).await;
    let refused = operator.post(&format!("{path}/fhir"), bundle(&[peanut()])).await;
    assert_eq!(refused.problem(), "409 fhir-patient-mismatch");
    assert_eq!(refused.json()["errors"][0]["pointer"], "#/entry/0/resource/identifier");
    let confirmed = operator.post(&format!("{path}/fhir?patient_confirmed=true"), bundle(&[peanut()])).await;
    let proposal = confirmed.expect(201);
    let born = line(&proposal, "/entry/0/resource/birthDate");
    assert_eq!(born["notes"][0]["code"], "birth_date_differs");
    for (body, problem) in [
        (json!({ "resourceType": "Patient" }), "422 validation-error"),
        (json!({ "resourceType": "Bundle", "entry": {} }), "422 validation-error"),
        (json!({ "resourceType": "Bundle", "entry": [] }), "409 fhir-patient-mismatch"),
    ] {
        assert_eq!(operator.post(&format!("{path}/fhir"), body).await.problem(), problem);
    }
    let key = &[("idempotency-key", "k-1")];
    let broken = Some(("application/fhir+json", b"{\"resourceType\":".to_vec()));
    let broken = operator.send_bytes(http::Method::POST, &format!("{path}/fhir"), key, broken).await;
    assert_eq!(broken.problem(), "400 malformed-request");
}

#[tokio::test]
async fn a_proposal_is_sealed_and_purged() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let path = ada(&operator).await;
    let asthma = json!({ "resourceType": "Condition", "code": { "text": "Asthma" },
        "clinicalStatus": { "coding": [{ "code": "active" }] }, "subject": { "reference": "Patient/ada" } });
    let proposal = operator.post(&format!("{path}/fhir"), bundle(&[asthma])).await.expect(201);
    let mut connection = app.test.superuser_connection().await;
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT proposal_sealed FROM odyssey.fhir_proposals")
        .fetch_one(&mut connection)
        .await
        .expect("a row");
    let clear = |needle: &[u8]| sealed.windows(needle.len()).any(|window| window == needle);
    assert!(sealed.len() > 200 && !clear(b"sthma") && !clear(b"Condition"));
    app.clock().advance(TimeDelta::days(6));
    assert_eq!(customers::purge_fhir_proposals(app.database()).await.expect("a purge"), 0);
    app.clock().advance(TimeDelta::days(2));
    assert_eq!(customers::purge_fhir_proposals(app.database()).await.expect("a purge"), 1);
    let gone = format!("{path}/fhir/{}", proposal["id"].as_str().expect("an id"));
    assert_eq!(operator.get(&gone).await.problem(), "404 proposal-not-found");
}

#[tokio::test]
async fn an_import_makes_customers_merges_into_them_and_loses_no_allergy() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let import = FhirImport {
        run_id: JobId::generate(app.database().clock().now()),
        started_at: app.database().clock().now(),
        identifier_system: Some("urn:mrn".to_owned()),
        consent: None,
        overwrite_edits: false,
    };
    let take = |import: FhirImport, value: Value| {
        let app = &app;
        async move {
            let mut tx = begin(app).await;
            let taken =
                customers::import_fhir(&mut tx, &import, 1, &Phi::new(value.to_string().into_bytes())).await;
            let taken = taken.expect("a bundle about one person");
            tx.commit().await.expect("a commit");
            taken
        }
    };
    let first = take(import.clone(), bundle(&[peanut(), moon_dust()])).await;
    assert_eq!((first.outcome, first.blocks_matching), (RowOutcome::Created, true));
    let again = take(import.clone(), bundle(&[peanut(), moon_dust()])).await;
    assert_eq!(again.outcome, RowOutcome::Unchanged);
    let path = format!("/api/v1/customers/{}", first.customer_id);
    assert_eq!(operator.get(&path).await.expect(200)["name"], "Ada Lovelace");
    operator.patch(&path, json!({ "phone": "415 555 0132" })).await.expect(200);
    let edited = take(import.clone(), bundle(&[peanut(), moon_dust()])).await;
    assert_eq!(edited.outcome, RowOutcome::Kept);
    // Another bundle of the same person, which says nothing of allergies: they stay.
    app.clock().advance(TimeDelta::hours(1));
    let later = FhirImport { started_at: app.database().clock().now(), ..import.clone() };
    let diabetes = json!({ "resourceType": "Condition", "clinicalStatus": { "coding": [{ "code": "active" }] },
        "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "E11.9" }] } });
    let merged = take(later, bundle(&[diabetes])).await;
    assert_eq!((merged.outcome, merged.blocks_matching), (RowOutcome::Updated, true));
    let profile = operator.get(&format!("{path}/health")).await.expect(200)["profile"].clone();
    let allergies = profile["allergies"].as_array().expect("allergies");
    assert_eq!(allergies.len(), 2, "{profile}");
    assert_eq!(
        (&profile["conditions"][0]["code"], &profile["sex"]),
        (&json!("E11.9"), &json!("unspecified"))
    );
    assert_eq!(operator.get(&path).await.expect(200)["phone"], "415 555 0132");
    // And consent only by an admin's word.
    assert_eq!(operator.get(&path).await.expect(200)["health_consent"], "missing");
    let admin = acme.admin().await.get("/api/v1/auth/me").await;
    let attested_by = admin.json()["user_id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let consent = Some(ImportConsent { attested_by, text_version: None });
    take(FhirImport { consent, ..import }, bundle(&[])).await;
    assert_eq!(operator.get(&path).await.expect(200)["health_consent"], "granted");
}
