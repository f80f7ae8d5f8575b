//! A vendor's own rules: drafted, published, gone back to, and never looser in silence.

mod preview;

use http::Method;
use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

use crate::matching::{consenting, hypertension, listed, matches, plain, set, with};

async fn draft(actor: &Actor<'_>, changes: Value) -> Value {
    actor.put("/api/v1/rules/draft", json!({ "changes": changes })).await.expect(200)
}

async fn publish(actor: &Actor<'_>, version: &Value) -> Value {
    actor.post("/api/v1/rules/publish", json!({ "version": version })).await.expect(200)
}

fn lower_sodium() -> Value {
    json!([{ "change": "set_cap", "rule": "htn.sodium", "amount": "1000" }])
}

#[tokio::test]
async fn a_published_rule_counts_from_the_next_answer_on_and_a_rollback_takes_it_back() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    // 40 g of 1,500 mg per 100 g: 600 mg, more than half of 1,000 mg and less than half of 2,300 mg.
    let soup = with(plain(), json!({ "nutrition": { "amounts": { "sodium_mg": 1500 } } }));
    admin.create_product("soup", soup).await;
    let ada = consenting(&admin, "ada", hypertension()).await;
    let before = matches(&admin, &ada, "").await;
    assert_eq!(listed(&before, "items"), set(&["soup"]));
    let first = draft(&admin, json!([])).await;
    publish(&admin, &first["version"]).await;
    let second = draft(&admin, lower_sodium()).await;
    assert_eq!(
        listed(&matches(&admin, &ada, "").await, "items"),
        set(&["soup"]),
        "a draft is in force nowhere"
    );
    publish(&admin, &second["version"]).await;
    let after = matches(&admin, &ada, "").await;
    assert_eq!(listed(&after, "items"), set(&[]));
    assert_ne!(before["provenance"]["pack_digest"], after["provenance"]["pack_digest"]);
    let health = admin.get(&format!("/api/v1/customers/{ada}/health")).await.expect(200);
    let limits = health["derived"]["daily_limits"].as_array().expect("limits");
    let sodium = limits.iter().find(|l| l["nutrient"] == "sodium_mg" && l["kind"] == "cap").expect("a cap");
    assert_eq!(sodium["amount"], json!(1000.0), "the limit that is shown is the one that is used");
    let back = admin.post("/api/v1/rules/rollback", json!({ "version": first["version"] })).await.expect(200);
    assert_eq!((&back["repeats"], &back["state"]), (&first["version"], &json!("published")));
    assert_eq!(listed(&matches(&admin, &ada, "").await, "items"), set(&["soup"]));
    let versions = admin.get("/api/v1/rules/versions").await.expect(200);
    let states: Vec<&Value> =
        versions["items"].as_array().expect("versions").iter().map(|v| &v["state"]).collect();
    assert_eq!(states, ["published", "retired", "retired"]);
}

#[tokio::test]
async fn loosening_needs_words_and_a_refusal_names_change_and_field() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let put = async |changes: Value| admin.put("/api/v1/rules/draft", json!({ "changes": changes })).await;
    let raise = json!([lower_sodium()[0], { "change": "set_cap", "rule": "htn.sodium", "amount": "9000" }]);
    let refused = put(raise).await;
    assert_eq!(refused.problem(), "422 validation-error");
    assert_eq!(refused.json()["errors"][0]["pointer"], json!("#/changes/1/justification"));
    let target = put(json!([{ "change": "set_cap", "rule": "htn.potassium", "amount": "1" }])).await;
    assert_eq!(
        target.json()["errors"][0]["pointer"],
        json!("#/changes/0/rule"),
        "a target never becomes a ceiling"
    );
    let allergy =
        put(json!([{ "change": "soften", "rule": "allergy.decision", "justification": "please" }])).await;
    assert_eq!(allergy.problem(), "422 validation-error", "nothing loosens an allergy");
}

#[tokio::test]
async fn one_vendors_rules_are_nobody_elses_and_only_an_admin_writes_them() {
    let app = TestApp::start().await;
    let (admin, rival) = (app.vendor("acme").admin().await, app.vendor("rival").admin().await);
    let written = draft(&admin, lower_sodium()).await;
    publish(&admin, &written["version"]).await;
    let theirs = rival.get("/api/v1/rules").await.expect(200);
    assert_eq!((&theirs["published"], &theirs["draft"]), (&Value::Null, &Value::Null));
    let operator = app.vendor("acme").operator().await;
    assert_eq!(
        operator.put("/api/v1/rules/draft", json!({ "changes": [] })).await.problem(),
        "403 forbidden"
    );
    operator.get("/api/v1/rules").await.expect(200);
    assert_eq!(app.vendor("acme").viewer().await.get("/api/v1/rules").await.problem(), "403 forbidden");
}

#[tokio::test]
async fn a_draft_follows_the_version_it_was_written_from() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    draft(&admin, json!([])).await;
    let stale = admin
        .keyed(Method::PUT, "/api/v1/rules/draft", &[("if-match", "\"0\"")], json!({ "changes": [] }))
        .await;
    assert_eq!(stale.problem(), "412 precondition-failed");
    let fresh = admin
        .keyed(Method::PUT, "/api/v1/rules/draft", &[("if-match", "\"1\"")], json!({ "changes": [] }))
        .await;
    assert_eq!(fresh.expect(200)["version"], json!(2));
    assert_eq!(
        admin.post("/api/v1/rules/publish", json!({ "version": 1 })).await.problem(),
        "409 rules-not-publishable"
    );
    assert_eq!(
        admin.post("/api/v1/rules/publish", json!({ "version": 9 })).await.problem(),
        "404 rules-not-found"
    );
}

#[tokio::test]
async fn other_weights_change_the_score_from_the_next_answer_on() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    admin.create_product("rice", plain()).await;
    let ada = consenting(
        &admin,
        "ada",
        json!({ "conditions": hypertension()["conditions"], "goals": ["more_fiber"] }),
    )
    .await;
    let parts = async || matches(&admin, &ada, "").await["items"][0]["parts"].clone();
    let weight = |parts: &Value, code: &str| {
        parts.as_array().expect("parts").iter().find(|p| p["code"] == code).map(|p| p["weight_milli"].clone())
    };
    assert_eq!(weight(&parts().await, "SC_GOAL"), Some(json!(10_000)));
    let current = admin.get("/api/v1/scoring-policy").await.expect(200);
    assert_eq!((&current["version"], &current["weights"]["goal"]), (&json!(0), &json!(10)));
    let weights = json!({ "caps": 40, "targets": 15, "fit": 15, "goal": 60, "models": 12, "preference": 8 });
    admin.put("/api/v1/scoring-policy", weights).await.expect(200);
    assert_eq!(weight(&parts().await, "SC_GOAL"), Some(json!(60_000)));
    let none = json!({ "caps": 0, "targets": 15, "fit": 15, "goal": 60, "models": 12, "preference": 8 });
    let refused = admin.put("/api/v1/scoring-policy", none).await;
    assert_eq!(refused.json()["errors"][0]["pointer"], json!("#/caps"));
}
