use odyssey_testkit::TestApp;
use serde_json::{Value, json};

use super::{codes, consenting, explain, hypertension, label, peanut_anaphylaxis, plain, with};

/// No answer may sound like a doctor's, nor tell anybody to drop an allergy.
fn check_words(explained: &Value) {
    let summary = explained["summary"].as_str().expect("a summary");
    assert!(summary.ends_with("Always check the package."), "{summary}");
    let sentences = explained["reasons"].as_array().expect("reasons").iter().map(|r| &r["sentence"]);
    for sentence in sentences.chain([&explained["summary"], &explained["smallest_change"]["sentence"]]) {
        let sentence = sentence.as_str().unwrap_or_default().to_lowercase();
        for word in ["safe", "doctor", "remove the allergy"] {
            assert!(!sentence.contains(word), "{sentence}");
        }
    }
}

#[tokio::test]
async fn a_conflict_quotes_the_words_of_the_label() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let satay = operator.create_product("satay", label("Rice, ROASTED PEANUTS, salt.")).await;
    let explained = explain(&operator, &ada, &satay).await;
    assert_eq!((&explained["verdict"], &explained["tier"]), (&json!("conflict"), &json!("X")));
    assert_eq!(explained["product"]["external_id"], "satay");
    let reason = &explained["reasons"][0];
    assert_eq!((&reason["code"], &reason["subject"]), (&json!("HX_ALLERGEN_CONTAINS"), &json!("peanut")));
    let evidence = &reason["evidence"][0];
    assert_eq!((&evidence["key"], &evidence["field"]), (&json!("peanut"), &json!("ingredients")));
    assert!(evidence["matched"].as_str().is_some_and(|m| m.to_lowercase().contains("peanut")), "{evidence}");
    let offset = usize::try_from(evidence["offset"].as_u64().expect("an offset")).expect("small");
    assert!("Rice, ROASTED PEANUTS, salt."[offset..].to_lowercase().contains("peanuts"), "{evidence}");
    for field in ["rule", "version", "citation", "status"] {
        assert!(reason["source"][field].is_string(), "{field}: {reason}");
    }
    assert_eq!(explained.get("smallest_change"), None, "what contains peanut has no change to offer");
    check_words(&explained);
}

#[tokio::test]
async fn a_declared_allergen_is_quoted_as_the_vendors_own_word() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let bar = with(plain(), json!({ "allergens": { "contains": ["peanut"] } }));
    let bar = operator.create_product("bar", bar).await;
    let evidence = explain(&operator, &ada, &bar).await["reasons"][0]["evidence"][0].clone();
    assert_eq!((&evidence["source"], &evidence["field"]), (&json!("declared"), &json!("allergens")));
}

#[tokio::test]
async fn what_cannot_be_verified_names_the_fact_that_is_missing() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let silent = operator.create_product("silent", with(plain(), json!({ "allergen_data": null }))).await;
    let explained = explain(&operator, &ada, &silent).await;
    assert_eq!(
        (&explained["verdict"], codes(&explained)[0]),
        (&json!("cannot_verify"), "HX_ALLERGEN_UNKNOWN")
    );
    assert_eq!(explained["smallest_change"]["code"], "attest_label");
    check_words(&explained);
    // What it names does flip it.
    let attested = json!({ "allergen_data": "complete" });
    operator.patch(&format!("/api/v1/products/{silent}"), attested).await.expect(200);
    assert_eq!(explain(&operator, &ada, &silent).await["verdict"], "fits");

    let bea = consenting(&operator, "bea", hypertension()).await;
    let unstated = with(plain(), json!({ "nutrition": { "amounts": { "sodium_mg": null } } }));
    let unstated = operator.create_product("unstated", unstated).await;
    let explained = explain(&operator, &bea, &unstated).await;
    assert_eq!(
        (&explained["verdict"], codes(&explained)[0]),
        (&json!("cannot_verify"), "HX_NUTRIENT_UNKNOWN")
    );
    assert_eq!(
        (&explained["smallest_change"]["code"], &explained["smallest_change"]["params"]["nutrient"]),
        (&json!("state_amount"), &json!("sodium_mg"))
    );
    check_words(&explained);
}

#[tokio::test]
async fn an_exceeded_limit_says_how_much_and_what_portion_would_do() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let ada = consenting(&operator, "ada", hypertension()).await;
    let salty =
        json!({ "nutrition": { "amounts": { "sodium_mg": 1800 } }, "serving_size": { "amount_g": 100 } });
    let salty = operator.create_product("salty", with(plain(), salty)).await;
    let explained = explain(&operator, &ada, &salty).await;
    assert_eq!(explained["verdict"], "conflict");
    assert!(
        explained["reasons"][0]["sentence"]
            .as_str()
            .is_some_and(|s| s.contains("1800") || s.contains("1,800")),
        "{explained}"
    );
    // Half of 2,300 mg a day at 18 mg a gram is 63 g.
    assert_eq!(explained["smallest_change"]["params"]["portion"], "63 g");
    check_words(&explained);
}

#[tokio::test]
async fn what_fits_shows_its_score_in_parts_that_add_up() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let profile = with(peanut_anaphylaxis(), json!({ "goals": ["more_fiber"], "liked_brands": ["Acme"] }));
    let ada = consenting(&operator, "ada", profile).await;
    let rice = operator.create_product("rice", with(plain(), json!({ "brand": "Acme" }))).await;
    let explained = explain(&operator, &ada, &rice).await;
    assert_eq!((&explained["verdict"], &explained["tier"]), (&json!("fits"), &json!("1")), "{explained}");
    let parts = explained["parts"].as_array().expect("parts");
    let number = |part: &Value, field: &str| part[field].as_u64().expect("a number");
    let weight: u64 = parts.iter().map(|p| number(p, "weight_milli")).sum();
    let total: u64 = parts.iter().map(|p| number(p, "weight_milli") * number(p, "sub_score")).sum();
    assert!(weight > 0, "{explained}");
    assert_eq!(explained["score_permille"].as_u64(), Some(total / weight));
    for code in ["SC_GOAL", "SC_PREF", "SC_CAP_sodium_mg"] {
        assert!(parts.iter().any(|p| p["code"] == code), "{code}: {parts:?}");
    }
    for field in [
        "policy_digest",
        "catalog_version",
        "profile_version",
        "algorithm_version",
        "rule_pack_version",
        "as_of",
    ] {
        assert!(!explained["provenance"][field].is_null(), "{field}");
    }
    check_words(&explained);
}

#[tokio::test]
async fn an_explanation_and_the_list_say_the_same_of_a_product() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let rice = operator.create_product("rice", plain()).await;
    let listed = super::matches(&operator, &ada, "").await["items"][0].clone();
    let explained = explain(&operator, &ada, &rice).await;
    for (field, value) in listed.as_object().expect("an object") {
        assert_eq!(&explained[field], value, "{field}");
    }
}
