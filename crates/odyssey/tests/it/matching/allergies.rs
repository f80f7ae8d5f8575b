use odyssey_testkit::TestApp;
use serde_json::json;

use super::{
    codes, consenting, explain, label, listed, matches, peanut_anaphylaxis, plain, reconcile, removed, set,
    with,
};

#[tokio::test]
async fn an_attested_complete_label_without_peanut_fits_a_person_with_a_peanut_allergy() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("rice", plain()).await;
    operator.create_product("satay", label("Rice, peanuts, salt.")).await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let answer = matches(&operator, &ada, "").await;
    assert_eq!(listed(&answer, "items"), set(&["rice"]));
    assert_eq!(answer["items"][0]["verdict"], "fits", "{answer}");
    assert_eq!(
        (answer["considered"].as_u64(), removed(&answer, "HX_ALLERGEN_CONTAINS", "peanut")),
        (Some(2), 1)
    );
    assert_eq!(
        answer["items"][0]["product"]["attestation"]["by"],
        app.vendor("acme").seed.operator.to_string()
    );
    reconcile(&answer);
}

#[tokio::test]
async fn without_an_attestation_the_list_is_empty_and_the_funnel_says_why() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    for at in 0..5 {
        let silent = with(plain(), json!({ "allergen_data": null }));
        operator.create_product(&format!("silent-{at}"), silent).await;
    }
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let answer = matches(&operator, &ada, "?include=cannot_verify").await;
    assert_eq!((listed(&answer, "items"), listed(&answer, "cannot_verify")), (set(&[]), set(&[])));
    assert_eq!(removed(&answer, "HX_ALLERGEN_UNKNOWN", "peanut"), 5);
    assert_eq!((&answer["considered"], &answer["fits_total"]), (&json!(5), &json!(0)));
    reconcile(&answer);
}

#[tokio::test]
async fn a_precaution_and_a_shared_facility_keep_a_product_from_an_allergic_person() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("rice", plain()).await;
    operator.create_product("traces", label("Rice, water, salt. May contain peanuts.")).await;
    let declared = with(plain(), json!({ "allergens": { "may_contain": ["peanut"] } }));
    operator.create_product("declared", declared).await;
    operator
        .create_product(
            "facility",
            label("Rice, water, salt. Made in a facility that also processes peanuts."),
        )
        .await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let answer = matches(&operator, &ada, "?include=cannot_verify").await;
    assert_eq!((listed(&answer, "items"), listed(&answer, "cannot_verify")), (set(&["rice"]), set(&[])));
    assert_eq!(removed(&answer, "HX_ALLERGEN_MAY", "peanut"), 3);
    // Somebody who only does not tolerate it may be told instead.
    let profile = json!({ "allergies": [{ "allergen": "peanut", "severity": "intolerance" }] });
    let bea = consenting(&operator, "bea", profile).await;
    let answer = matches(&operator, &bea, "").await;
    assert_eq!(listed(&answer, "items"), set(&["rice", "traces", "declared", "facility"]));
    for item in answer["items"].as_array().expect("items") {
        let cautioned = item["product"]["external_id"] != "rice";
        assert_eq!(item["verdict"] == "fits_with_caution", cautioned, "{item}");
        assert_eq!(codes(item).contains(&"WN_PAL"), cautioned, "{item}");
    }
}

#[tokio::test]
async fn one_allergen_under_many_names_lands_on_the_same_gate() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("rice", plain()).await;
    for name in ["Milk", "milk", "dairy", "MILK", "may contain milk"] {
        let declared = with(plain(), json!({ "allergens": { "contains": [name] } }));
        operator.create_product(&format!("declared {name}"), declared).await;
    }
    for name in ["casein", "whey powder", "butter", "Sodium caseinate"] {
        operator.create_product(&format!("listed {name}"), label(&format!("Rice, {name}, salt."))).await;
    }
    operator.create_product("traces", label("Rice, salt. May contain milk.")).await;
    let profile = json!({ "allergies": [{ "allergen": "milk", "strictness": "contains" }] });
    let ada = consenting(&operator, "ada", profile).await;
    let answer = matches(&operator, &ada, "?include=cannot_verify").await;
    assert_eq!(removed(&answer, "HX_ALLERGEN_CONTAINS", "milk"), 8, "{}", answer["funnel"]);
    assert_eq!(listed(&answer, "items"), set(&["rice", "declared may contain milk", "traces"]));
    assert_eq!(listed(&answer, "cannot_verify"), set(&[]));
}

#[tokio::test]
async fn what_a_label_calls_milk_free_or_coconut_milk_is_no_milk() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    for (id, ingredients) in
        [("coconut", "Coconut milk, water, salt."), ("cocoa", "Cocoa butter, sugar, salt.")]
    {
        operator.create_product(id, label(ingredients)).await;
    }
    let ada = consenting(&operator, "ada", json!({ "allergies": [{ "allergen": "milk" }] })).await;
    assert_eq!(listed(&matches(&operator, &ada, "").await, "items"), set(&["coconut", "cocoa"]));
}

#[tokio::test]
async fn a_truncated_list_clears_nobody_and_still_convicts() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    for (id, ingredients, verdict, code) in [
        ("cut", "Rice, water, salt, sugar (", "cannot_verify", "HX_ALLERGEN_UNKNOWN"),
        ("cut-peanut", "Rice, peanuts, salt, sugar (", "conflict", "HX_ALLERGEN_CONTAINS"),
    ] {
        let product = operator.create_product(id, label(ingredients)).await;
        let explained = explain(&operator, &ada, &product).await;
        assert_eq!(explained["verdict"], verdict, "{explained}");
        assert_eq!(codes(&explained)[0], code);
    }
    let answer = matches(&operator, &ada, "?include=cannot_verify").await;
    assert_eq!((listed(&answer, "items"), listed(&answer, "cannot_verify")), (set(&[]), set(&[])));
}
