use odyssey_testkit::TestApp;
use serde_json::json;

use super::{consenting, explain, listed, matches, peanut_anaphylaxis, plain, reconcile, removed, set, with};

#[tokio::test]
async fn what_has_rules_that_are_not_built_yet_blocks_instead_of_being_ignored() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let rice = operator.create_product("rice", plain()).await;
    for (who, profile, field, value) in [
        (
            "kidney",
            json!({ "conditions": [{ "system": "icd10cm", "code": "N18.3" }] }),
            "conditions",
            "N18.3",
        ),
        (
            "kidney, undotted",
            json!({ "conditions": [{ "system": "icd10cm", "code": "N1830" }] }),
            "conditions",
            "N1830",
        ),
        (
            "coeliac",
            json!({ "conditions": [{ "system": "snomed", "code": "396331005" }] }),
            "conditions",
            "396331005",
        ),
        ("drug by code", json!({ "medications": [{ "rxnorm": "11289" }] }), "medications", "11289"),
        (
            "drug by name",
            json!({ "medications": [{ "name": "Warfarin sodium 5 mg" }] }),
            "medications",
            "Warfarin sodium 5 mg",
        ),
        (
            "words",
            json!({ "conditions": [{ "system": "text", "code": "kidney trouble" }] }),
            "conditions",
            "kidney trouble",
        ),
        ("pregnant", json!({ "reproductive_status": "pregnant" }), "reproductive_status", "pregnancy"),
    ] {
        let person = consenting(&operator, who, profile).await;
        let answer = matches(&operator, &person, "?include=cannot_verify").await;
        assert_eq!(
            (listed(&answer, "items"), listed(&answer, "cannot_verify")),
            (set(&[]), set(&[])),
            "{who}"
        );
        let blocked = &answer["blocked"][0];
        assert_eq!(
            (&blocked["code"], &blocked["field"], &blocked["value"]),
            (&json!("DQ_PROFILE_UNSAFE"), &json!(field), &json!(value)),
            "{who}"
        );
        assert!(blocked["sentence"].as_str().is_some_and(|s| s.ends_with('.')), "{who}: {blocked}");
        let funnel = answer["funnel"].as_array().expect("a funnel");
        assert!(
            !funnel.is_empty() && funnel.iter().all(|step| step["code"] == "DQ_PROFILE_UNSAFE"),
            "{who}: {answer}"
        );
        reconcile(&answer);
        let explained = explain(&operator, &person, &rice).await;
        assert_eq!(explained["verdict"], "cannot_verify", "{who}");
        assert_eq!(explained["blocked"][0]["code"], "DQ_PROFILE_UNSAFE", "{who}");
        assert_eq!(explained.get("smallest_change"), None, "{who}: nothing about the product would help");
    }
}

#[tokio::test]
async fn an_allergy_that_nobody_has_mapped_blocks() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("rice", plain()).await;
    let ada = consenting(&operator, "ada", json!({ "allergies": [{ "text": "strange fruit" }] })).await;
    let answer = matches(&operator, &ada, "").await;
    assert_eq!(
        (listed(&answer, "items"), &answer["blocked"][0]["code"]),
        (set(&[]), &json!("DQ_ALLERGY_UNMAPPED"))
    );
    // Mapped, it is a gate like any other.
    let mapped = json!({ "allergies": [{ "allergen": "milk", "text": "strange fruit" }] });
    operator.patch(&format!("/api/v1/customers/{ada}/health"), mapped).await.expect(200);
    assert_eq!(listed(&matches(&operator, &ada, "").await, "items"), set(&["rice"]));
}

#[tokio::test]
async fn a_condition_that_no_rule_claims_is_named_and_blocks_nothing() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let rice = operator.create_product("rice", plain()).await;
    operator.create_product("satay", with(plain(), json!({ "ingredients": "Peanuts, salt." }))).await;
    let hay_fever = json!({ "conditions": [{ "system": "icd10cm", "code": "J30.1" }] });
    let ada = consenting(&operator, "ada", with(peanut_anaphylaxis(), hay_fever)).await;
    let answer = matches(&operator, &ada, "").await;
    assert_eq!((listed(&answer, "items"), &answer["blocked"]), (set(&["rice"]), &json!([])));
    assert_eq!(answer["not_considered"], json!([{ "field": "conditions", "value": "J30.1" }]));
    assert_eq!(removed(&answer, "HX_ALLERGEN_CONTAINS", "peanut"), 1, "the rest of the profile still counts");
    assert_eq!(explain(&operator, &ada, &rice).await["not_considered"], answer["not_considered"]);
}
