use odyssey_testkit::TestApp;
use serde_json::json;

use super::{
    consenting, explain, label, listed, matches, peanut_anaphylaxis, plain, reconcile, removed, set, with,
};

#[tokio::test]
async fn what_cannot_be_judged_blocks_instead_of_being_ignored() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let rice = operator.create_product("rice", plain()).await;
    for (who, profile, code, value) in [
        (
            "words",
            json!({ "conditions": [{ "system": "text", "code": "kidney trouble" }] }),
            "DQ_PROFILE_UNSAFE",
            "kidney trouble",
        ),
        (
            "urea cycle disorder without a prescription",
            json!({ "conditions": [{ "system": "icd10cm", "code": "E72.20" }] }),
            "DQ_PROFILE_UNSAFE",
            "ucd",
        ),
        (
            "an allergy to some food",
            json!({ "conditions": [{ "system": "icd10cm", "code": "Z91.018" }] }),
            "DQ_ALLERGY_UNMAPPED",
            "Z91.018",
        ),
        (
            "eosinophilic oesophagitis without foods",
            json!({ "conditions": [{ "system": "icd10cm", "code": "K20.0" }] }),
            "DQ_ALLERGY_UNMAPPED",
            "eoe",
        ),
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
            (&json!(code), &json!("conditions"), &json!(value)),
            "{who}"
        );
        assert!(blocked["sentence"].as_str().is_some_and(|s| s.ends_with('.')), "{who}: {blocked}");
        let funnel = answer["funnel"].as_array().expect("a funnel");
        assert!(!funnel.is_empty() && funnel.iter().all(|step| step["code"] == code), "{who}: {answer}");
        reconcile(&answer);
        let explained = explain(&operator, &person, &rice).await;
        assert_eq!(explained["verdict"], "cannot_verify", "{who}");
        assert_eq!(explained["blocked"][0]["code"], code, "{who}");
        assert_eq!(explained.get("smallest_change"), None, "{who}: nothing about the product would help");
    }
}

#[tokio::test]
async fn conditions_and_drugs_are_gates_and_the_answer_names_what_was_checked() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("rice", plain()).await;
    operator.create_product("beer", label("Water, barley malt, hops, alcohol.")).await;
    operator.create_product("juice", label("Grapefruit juice.")).await;
    let ada = consenting(
        &operator,
        "ada",
        json!({ "reproductive_status": "pregnant", "medications": [{ "rxnorm": "36567" }],
                "diets": [{ "diet": "keto" }] }),
    )
    .await;
    let answer = matches(&operator, &ada, "").await;
    assert_eq!((listed(&answer, "items"), &answer["blocked"]), (set(&["rice"]), &json!([])));
    assert_eq!(removed(&answer, "HX_PREGNANCY", "pregnancy"), 1);
    assert_eq!(removed(&answer, "HX_DRUG", "gfj_statin"), 1);
    assert_eq!(
        answer["interactions_checked"],
        json!([{ "interaction": "gfj_statin", "drug": "simvastatin" }])
    );
    let notices = answer["notices"].as_array().expect("notices").iter();
    let said: Vec<_> = notices.map(|notice| (&notice["code"], &notice["value"])).collect();
    assert_eq!(
        said,
        [(&json!("DQ_ALLERGIES_UNRECORDED"), &json!("")), (&json!("DQ_PROFILE_CONFLICT"), &json!("keto"))]
    );
    // A hard rule has no override; one that may be overridden takes author, reason and date.
    let entry = |rule: &str| json!({ "overrides": [{ "rule": rule, "by": "Dr A", "reason": "x", "on": "2026-01-02" }] });
    let at = format!("/api/v1/customers/{ada}/health");
    let refused = operator.patch(&at, entry("pregnancy.alcohol")).await.expect(422);
    assert_eq!(refused["errors"][0]["code"], "override_refused", "{refused}");
    operator.patch(&at, entry("pregnancy.listeria")).await.expect(200);
}

#[tokio::test]
async fn the_rules_are_listed_with_their_sources() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let packs = operator.get("/api/v1/rules/packs").await.expect(200);
    let pack = &packs["items"][0];
    assert_eq!(pack["id"], "odyssey-base");
    let rules = pack["rules"].as_array().expect("rules");
    assert!(rules.len() > 200 && pack["inactive_count"].as_u64().is_some_and(|n| n > 10), "{}", rules.len());
    for rule in rules {
        assert_eq!(rule["active"], true, "{rule}");
        assert!(rule["says"].as_str().is_some_and(|s| !s.is_empty()), "{rule}");
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
