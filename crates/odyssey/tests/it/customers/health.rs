use odyssey_testkit::TestApp;
use serde_json::{Value, json};

use super::people::create;

/// A profile with every field there is.
fn everything() -> Value {
    json!({
        "height_cm": 170.5, "weight_kg": 71.125, "age_years": 40, "sex": "female", "activity_level": "very",
        "reproductive_status": "neither", "gestation_weeks": 12,
        "allergies": [{ "allergen": "peanut", "text": "peanuts", "severity": "anaphylaxis", "strictness": "facility",
                        "exempt_allowed": true, "never": true }, { "text": "strange fruit" }],
        "conditions": [{ "system": "icd10cm", "code": "I10", "display": "Hypertension" }],
        "medications": [{ "rxnorm": "11289", "name": "warfarin" }],
        "diets": [{ "diet": "vegan", "kind": "ethical", "refuse_may_contain": true, "never": true }],
        "limits": [{ "nutrient": "sodium_mg", "max": 600.5, "period": "serving" }],
        "goals": ["weight_loss"],
        "macro_targets": { "protein_pct": 25.5, "fat_pct": 30, "carbohydrate_pct": 44.5 },
        "energy_target_kcal": 1800,
        "liked_brands": ["Acme"], "disliked_brands": ["Other"], "liked_categories": ["soup"], "disliked_categories": ["snacks"],
    })
}

#[tokio::test]
async fn every_field_of_a_profile_reads_back_as_it_was_written() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let path = format!("{}/health", create(&operator, json!({ "external_id": "0007" })).await);
    let written = operator.put(&path, everything()).await;
    for answer in [written.expect(200), operator.get(&path).await.expect(200)] {
        for (field, value) in everything().as_object().expect("an object") {
            let read = &answer["profile"][field];
            match (value.as_f64(), read.as_f64()) {
                (Some(value), Some(read)) => assert!((value - read).abs() < 1e-9, "{field}: {value} {read}"),
                _ => assert_eq!(read, &normal(value), "{field}"),
            }
        }
    }
}

/// Whole numbers read back as whole numbers or as decimals, which are the same number.
fn normal(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(fields.iter().map(|(k, v)| (k.clone(), normal(v))).collect()),
        other => other.clone(),
    }
}

#[tokio::test]
async fn a_patch_of_one_health_field_changes_that_field_and_what_derives_from_it() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let record = json!({ "external_id": "0007", "birth_date": "1985-12-10", "profile": {
        "weight_kg": 71.5, "sex": "female", "activity_level": "very", "allergies": [{ "allergen": "peanut" }] } });
    let path = format!("{}/health", create(&operator, record).await);
    let before = operator.get(&path).await.expect(200);
    assert_eq!(before["derived"]["age_years"], 40);
    assert_eq!(before["profile"].get("height_cm"), None, "missing stays missing");
    for absent in ["bmi", "bmi_class", "bmr_kcal", "tdee_kcal", "energy_target_kcal"] {
        assert_eq!(before["derived"].get(absent), None, "{absent} needs a height");
    }
    let patched = operator.patch(&path, json!({ "height_cm": 170 })).await.expect(200);
    let mut expected = before["profile"].clone();
    expected["height_cm"] = patched["profile"]["height_cm"].clone();
    assert_eq!(patched["profile"], expected);
    assert_eq!(patched["profile"]["height_cm"].as_f64(), Some(170.0));
    assert_eq!(patched["derived"]["bmi"].as_f64(), Some(24.7));
    // 10 × 71.5 + 6.25 × 170 − 5 × 40 − 161 = 1416.5, to even; times 1.725 = 2443.46.
    assert_eq!(
        (&patched["derived"]["bmr_kcal"], &patched["derived"]["tdee_kcal"]),
        (&json!(1416), &json!(2443))
    );
    let limits = patched["derived"]["daily_limits"].as_array().expect("limits");
    assert!(!limits.is_empty());
    for limit in limits {
        assert!(
            limit["rule"].is_string() && limit["source"].is_string(),
            "a limit without its rule: {limit}"
        );
    }
}

#[tokio::test]
async fn a_profile_is_versioned_apart_from_its_customer() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let path = format!("{}/health", create(&operator, json!({ "external_id": "0007" })).await);
    let empty = operator.get(&path).await;
    assert_eq!((empty.header("etag"), &empty.json()["row_version"]), (Some("\"0\""), &json!(0)));
    let put = |tag| operator.keyed(http::Method::PUT, &path, tag, json!({ "height_cm": 170 }));
    assert_eq!(put(&[]).await.problem(), "428 precondition-required");
    assert_eq!(put(&[("if-match", "\"0\"")]).await.header("etag"), Some("\"1\""));
    assert_eq!(put(&[("if-match", "\"0\"")]).await.problem(), "412 precondition-failed");
}

#[tokio::test]
async fn a_profile_that_breaks_a_rule_is_refused_with_pointers_and_without_values() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let path = format!("{}/health", create(&operator, json!({ "external_id": "0007" })).await);
    let body = json!({ "height_cm": 0, "allergies": [{ "allergen": "moonlight" }] });
    let refused = operator.patch(&path, body).await;
    assert_eq!(refused.problem(), "422 validation-error");
    let pointers: Vec<Value> =
        refused.json()["errors"].as_array().expect("errors").iter().map(|e| e["pointer"].clone()).collect();
    assert_eq!(pointers, ["#/height_cm", "#/allergies/0/allergen"]);
    assert!(!refused.text().contains("moonlight"), "{}", refused.text());
}

#[tokio::test]
async fn no_answer_with_health_data_leaves_without_its_audit_row() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let path = create(&operator, json!({ "external_id": "0007" })).await;
    let id = path.rsplit('/').next().expect("an id").to_owned();
    operator.get(&format!("{path}/health")).await.expect(200);
    operator.patch(&format!("{path}/health"), json!({ "height_cm": 170 })).await.expect(200);
    let trail = acme.admin().await.get(&format!("/api/v1/audit?customer_id={id}")).await.expect(200);
    let actions: Vec<&str> =
        trail["items"].as_array().expect("events").iter().filter_map(|e| e["action"].as_str()).collect();
    assert_eq!(actions.iter().filter(|a| **a == "health_profile.read").count(), 2, "{actions:?}");
    let writes = acme.admin().await.get("/api/v1/audit?action=health_profile.write").await.expect(200);
    assert_eq!(writes["items"][0]["entity_id"], id.as_str());
}

#[tokio::test]
async fn without_height_weight_age_or_sex_what_derives_from_it_is_absent_and_nothing_becomes_zero() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let whole = json!({ "height_cm": 170, "weight_kg": 70, "age_years": 40, "sex": "female", "activity_level": "very" });
    let path =
        format!("{}/health", create(&operator, json!({ "external_id": "0007", "profile": whole })).await);
    let complete = operator.get(&path).await.expect(200);
    let figures = ["bmi", "bmr_kcal", "tdee_kcal"];
    for figure in figures {
        assert!(complete["derived"][figure].as_f64().is_some_and(|f| f > 0.0), "{figure}: {complete}");
    }
    for (missing, still_there) in [
        ("height_cm", &[][..]),
        ("weight_kg", &[]),
        ("age_years", &["bmi"]),
        ("sex", &["bmi"]),
        ("activity_level", &["bmi", "bmr_kcal"]),
    ] {
        let patched = operator.patch(&path, json!({ missing: null })).await.expect(200);
        assert_eq!(patched["profile"].get(missing), None, "missing stays missing");
        for figure in figures {
            let there = patched["derived"].get(figure).is_some();
            assert_eq!(
                there,
                still_there.contains(&figure),
                "{figure} without {missing}: {}",
                patched["derived"]
            );
        }
        let restored = operator.patch(&path, json!({ missing: whole[missing] })).await.expect(200);
        assert_eq!(restored["derived"], complete["derived"], "{missing} is back");
    }
}
