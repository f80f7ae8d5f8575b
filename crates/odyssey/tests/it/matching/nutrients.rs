use odyssey_testkit::TestApp;
use serde_json::{Value, json};

use super::{
    codes, consenting, explain, hypertension, in_order, listed, matches, plain, reconcile, removed, set, with,
};

fn sodium(mg: impl Into<Value>) -> Value {
    let over = json!({ "nutrition": { "amounts": { "sodium_mg": mg.into() } }, "serving_size": { "amount_g": 100 } });
    with(plain(), over)
}

#[tokio::test]
async fn an_item_of_1800_mg_sodium_is_stopped_for_hypertension() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("mild", sodium(100)).await;
    let salty = operator.create_product("salty", sodium(1800)).await;
    let ada = consenting(&operator, "ada", hypertension()).await;
    let healthy = consenting(&operator, "healthy", json!({})).await;
    let answer = matches(&operator, &ada, "?include=cannot_verify").await;
    assert_eq!((listed(&answer, "items"), listed(&answer, "cannot_verify")), (set(&["mild"]), set(&[])));
    assert_eq!(removed(&answer, "HX_CONDITION_NUTRIENT", "htn sodium_mg"), 1);
    reconcile(&answer);
    let why = explain(&operator, &ada, &salty).await;
    assert_eq!((&why["verdict"], codes(&why)[0]), (&json!("conflict"), "HX_CONDITION_NUTRIENT"));
    assert_eq!(why["reasons"][0]["source"]["rule"], "htn.sodium");
    // The ceiling is a day's: without the condition one serving may use much of it.
    assert_eq!(listed(&matches(&operator, &healthy, "").await, "items"), set(&["mild", "salty"]));
}

#[tokio::test]
async fn a_days_ceiling_is_not_taken_for_a_servings() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let item = operator.create_product("soup", sodium(700)).await;
    let limit =
        |period: &str| json!({ "limits": [{ "nutrient": "sodium_mg", "max": 600, "period": period }] });
    let ada = consenting(&operator, "ada", limit("serving")).await;
    assert_eq!(codes(&explain(&operator, &ada, &item).await)[0], "HX_LIMIT");
    let day = json!({ "limits": [{ "nutrient": "sodium_mg", "max": 1500, "period": "day" }] });
    let bea = consenting(&operator, "bea", day).await;
    assert_eq!(listed(&matches(&operator, &bea, "").await, "items"), set(&["soup"]));
    let cid = consenting(&operator, "cid", limit("day")).await;
    assert_eq!(
        codes(&explain(&operator, &cid, &item).await)[0],
        "HX_LIMIT",
        "one serving is above the whole day"
    );
}

#[tokio::test]
async fn more_fibre_is_never_worse() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    for grams in [0, 3, 6, 12, 40] {
        let over = json!({ "nutrition": { "amounts": { "fiber_g": grams, "carbohydrate_g": 70, "energy_kcal": 300 } } });
        operator.create_product(&format!("fibre-{grams:02}"), with(plain(), over)).await;
    }
    let profile = json!({ "conditions": [{ "system": "icd10cm", "code": "E11.9" }], "goals": ["more_fiber"],
                          "height_cm": 170, "weight_kg": 70, "sex": "female", "activity_level": "moderate" });
    let ada = consenting(&operator, "ada", profile).await;
    let answer = matches(&operator, &ada, "").await;
    let best_first = in_order(&answer, "items");
    assert_eq!(best_first.len(), 5, "{answer}");
    let mut items: Vec<&Value> = answer["items"].as_array().expect("items").iter().collect();
    items.sort_by_key(|item| item["product"]["external_id"].as_str());
    let scores: Vec<u64> = items.iter().filter_map(|item| item["score_permille"].as_u64()).collect();
    assert!(scores.is_sorted(), "more fibre scores less: {scores:?}");
    assert!(scores[0] < scores[4], "fibre counts: {scores:?}");
    assert_eq!(best_first[0], "fibre-40");
}

#[tokio::test]
async fn an_amount_that_is_not_stated_passes_no_limit() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("mild", sodium(100)).await;
    operator.create_product("zero", sodium(0)).await;
    operator.create_product("silent", sodium(Value::Null)).await;
    for (who, profile) in [
        ("ada", hypertension()),
        ("bea", json!({ "limits": [{ "nutrient": "sodium_mg", "max": 600, "period": "serving" }] })),
    ] {
        let person = consenting(&operator, who, profile).await;
        let answer = matches(&operator, &person, "").await;
        assert_eq!(
            (listed(&answer, "items"), listed(&answer, "cannot_verify")),
            (set(&["mild", "zero"]), set(&[]))
        );
        assert_eq!(answer["cannot_verify_total"], 1);
        let asked = matches(&operator, &person, "?include=cannot_verify").await;
        assert_eq!(listed(&asked, "items"), set(&["mild", "zero"]), "asking for more changes no gate");
        assert_eq!(listed(&asked, "cannot_verify"), set(&["silent"]));
        assert_eq!(asked["cannot_verify"][0]["verdict"], "cannot_verify");
        assert_eq!(codes(&asked["cannot_verify"][0])[0], "HX_NUTRIENT_UNKNOWN");
    }
}

#[tokio::test]
async fn two_conditions_are_as_strict_as_the_stricter_one_in_either_order() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("mild", sodium(100)).await;
    operator.create_product("salty", sodium(1800)).await;
    let no_carbohydrate = json!({ "nutrition": { "amounts": { "carbohydrate_g": null, "sugars_g": null, "added_sugars_g": null, "fiber_g": null } } });
    operator.create_product("no carbohydrate stated", with(sodium(100), no_carbohydrate)).await;
    let (htn, t2dm) =
        (json!({ "system": "icd10cm", "code": "I10" }), json!({ "system": "snomed", "code": "44054006" }));
    let mut answers = Vec::new();
    for (who, conditions) in
        [("ada", json!([htn, t2dm])), ("bea", json!([t2dm, htn])), ("cid", json!([t2dm, htn, t2dm]))]
    {
        let person = consenting(&operator, who, json!({ "conditions": conditions })).await;
        answers.push(matches(&operator, &person, "?include=cannot_verify").await);
    }
    for answer in &answers {
        assert_eq!(listed(answer, "items"), set(&["mild"]));
        assert_eq!(listed(answer, "cannot_verify"), set(&["no carbohydrate stated"]));
        for field in ["items", "cannot_verify", "funnel"] {
            assert_eq!(answer[field], answers[0][field], "{field}");
        }
    }
}

#[tokio::test]
async fn without_height_and_weight_the_gates_still_hold_and_nothing_is_scored_by_the_persons_energy() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("salty", sodium(1800)).await;
    operator.create_product("mild", sodium(100)).await;
    let ada = consenting(&operator, "ada", hypertension()).await;
    let by_energy = |answer: &Value| {
        let parts = answer["items"][0]["parts"].as_array().expect("parts");
        parts.iter().any(|part| part["code"] == "SC_ENERGY_FIT")
    };
    let answer = matches(&operator, &ada, "").await;
    assert_eq!((listed(&answer, "items"), by_energy(&answer)), (set(&["mild"]), false));
    let body = json!({ "height_cm": 170, "weight_kg": 70, "sex": "female", "activity_level": "light" });
    operator.patch(&format!("/api/v1/customers/{ada}/health"), body).await.expect(200);
    let answer = matches(&operator, &ada, "").await;
    assert_eq!((listed(&answer, "items"), by_energy(&answer)), (set(&["mild"]), true));
}
