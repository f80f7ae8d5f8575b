//! Labels that turn against somebody.

use chrono::TimeDelta;
use odyssey_domain::matching::{Audiences, JudgedLabels, judge_label_changes};
use odyssey_domain::tenancy;
use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

use super::{consenting, label, plain};

const LIST: &str = "/api/v1/safety-regressions";

async fn regressions(actor: &Actor<'_>) -> Vec<Value> {
    let page = actor.get(LIST).await.expect(200);
    page["items"].as_array().expect("a page").clone()
}

/// What the outbox says of regressions.
async fn events(app: &TestApp) -> Vec<Value> {
    let mut connection = app.test.superuser_connection().await;
    sqlx::query_scalar(
        "SELECT payload FROM odyssey.outbox WHERE event = 'product.safety_regressed' ORDER BY created_at, id",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the outbox")
}

async fn relabel(actor: &Actor<'_>, product: &str, ingredients: &str) {
    let change = json!({ "ingredients": ingredients });
    actor.patch(&format!("/api/v1/products/{product}"), change).await.expect(200);
}

fn allergic_to(allergen: &str) -> Value {
    json!({ "allergies": [{ "allergen": allergen, "severity": "anaphylaxis" }] })
}

#[tokio::test]
async fn a_label_that_turns_against_somebody_is_told_once_and_the_person_named_to_whom_may_read_health() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let bar = operator.create_product("bar", plain()).await;
    operator.create_product("other", plain()).await;
    let ada = consenting(&operator, "ada", allergic_to("milk")).await;
    consenting(&operator, "bea", allergic_to("egg")).await;
    let silent = json!({ "external_id": "cy", "profile": allergic_to("milk") });
    operator.post("/api/v1/customers", silent).await.expect(201);
    app.run_jobs().await;
    assert_eq!(regressions(&operator).await, Vec::<Value>::new(), "a first label turns nobody away");

    relabel(&operator, &bar, "Rice, water, skimmed milk, salt.").await;
    app.run_jobs().await;
    app.run_jobs().await;
    let found = regressions(&operator).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["product_id"], &found[0]["to_conflict"]), (&json!(bar), &Value::Null));
    let told = events(&app).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["product_id"], &told[0]["customers"]), (&json!(bar), &Value::Null));
    assert!(!told[0].to_string().contains(&ada), "an event names nobody");

    let path = format!("{LIST}/{}/customers", found[0]["id"].as_str().expect("an id"));
    let named = operator.get(&path).await.expect(200);
    assert_eq!(named["items"], json!([{ "customer_id": ada }]), "who does not consent is not in it");
    assert_eq!(acme.viewer().await.get(&path).await.problem(), "403 forbidden");
    let rival = app.vendor("rival").admin().await;
    assert_eq!(rival.get(&path).await.problem(), "404 regression-not-found");
    assert_eq!(regressions(&rival).await.len(), 0);

    let withdrawal = json!({ "purpose": "health_data", "state": "withdrawn" });
    operator.post(&format!("/api/v1/customers/{ada}/consents"), withdrawal).await.expect(201);
    assert_eq!(operator.get(&path).await.expect(200)["items"], json!([]), "consent is asked for again");
}

#[tokio::test]
async fn a_change_that_was_taken_back_or_only_betters_a_label_turns_nobody_away() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let bar = operator.create_product("bar", plain()).await;
    let satay = operator.create_product("satay", label("Rice, roasted peanuts, salt.")).await;
    consenting(&operator, "ada", allergic_to("milk")).await;
    consenting(&operator, "bea", allergic_to("peanut")).await;
    // Its peanuts are held until somebody releases them; what goes in is better than what was there.
    relabel(&operator, &satay, "Rice, salt.").await;
    relabel(&operator, &bar, "Rice, water, skimmed milk, salt.").await;
    let delete = operator.delete(&format!("/api/v1/products/{satay}")).await;
    assert!(delete.status.is_success());
    let change = json!({ "ingredients": "Rice, water, salt.", "allergens": null });
    operator.patch(&format!("/api/v1/products/{bar}"), change).await.expect(200);
    release_all(&app).await;
    app.run_jobs().await;
    assert_eq!(regressions(&operator).await, Vec::<Value>::new());
    assert_eq!(events(&app).await, Vec::<Value>::new());
}

/// Another member than the writer releases what is held.
async fn release_all(app: &TestApp) {
    let admin = app.vendor("acme").admin().await;
    let holds = admin.get("/api/v1/allergen-holds").await.expect(200);
    for hold in holds["items"].as_array().expect("holds") {
        let path = format!("/api/v1/allergen-holds/{}/release", hold["id"].as_str().expect("an id"));
        admin.post(&path, json!({})).await.expect(200);
    }
}

#[tokio::test]
async fn an_imported_label_and_a_limit_on_an_amount_count_as_well() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("bar", plain()).await;
    let limit = json!({ "limits": [{ "nutrient": "sodium_mg", "max": 100, "period": "serving" }] });
    let dan = consenting(&operator, "dan", limit).await;
    // What a person edits while an import begins stands.
    app.clock().advance(TimeDelta::seconds(10));
    let csv = b"external_id,sodium_mg_100g\nbar,900\n".to_vec();
    let started = operator
        .send_bytes(
            http::Method::POST,
            "/api/v1/ingest/csv?mode=products&overwrite_edits=true",
            &[],
            Some(("text/csv", csv)),
        )
        .await
        .expect(202);
    app.run_jobs().await;
    let job = operator.get(&format!("/api/v1/jobs/{}", started["job_id"].as_str().expect("an id"))).await;
    let job = job.expect(200);
    assert_eq!(job["totals"]["updated"], 1, "{job}");
    let found = regressions(&operator).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let path = format!("{LIST}/{}/customers", found[0]["id"].as_str().expect("an id"));
    assert_eq!(operator.get(&path).await.expect(200)["items"], json!([{ "customer_id": dan }]));
}

#[tokio::test]
async fn two_judgements_at_once_tell_of_a_label_once() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let mut bars = Vec::new();
    for number in 0..20 {
        bars.push(operator.create_product(&format!("bar-{number}"), plain()).await);
    }
    consenting(&operator, "ada", allergic_to("milk")).await;
    for bar in &bars {
        relabel(&operator, bar, "Rice, water, skimmed milk, salt.").await;
    }
    // Nothing is compiled yet, so that both are ready at the same moment.
    let audiences = Audiences::new(app.database().clone(), 64 << 20);
    let by = tenancy::Actor::command_line();
    let judge = || judge_label_changes(app.database(), &audiences, acme.id(), &by);
    let (one, two) = tokio::join!(judge(), judge());
    let mut turns: Vec<JudgedLabels> =
        [one, two].into_iter().filter_map(|turn| turn.expect("judged")).collect();
    assert_eq!(turns.pop(), Some(JudgedLabels { judged: 20, regressed: 20 }));
    assert_eq!(turns, []);
    assert_eq!((regressions(&operator).await.len(), events(&app).await.len()), (20, 20));
}

#[tokio::test]
async fn a_label_that_changed_before_a_suspension_is_judged_after_it() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let bar = operator.create_product("bar", plain()).await;
    consenting(&operator, "ada", allergic_to("milk")).await;
    relabel(&operator, &bar, "Rice, water, skimmed milk, salt.").await;
    let platform = tenancy::Actor::command_line();
    tenancy::suspend_vendor(app.database(), &platform, acme.id()).await.expect("it is suspended");
    app.run_jobs().await;
    assert_eq!(events(&app).await.len(), 0);
    tenancy::unsuspend_vendor(app.database(), &platform, acme.id()).await.expect("it works again");
    app.clock().advance(TimeDelta::minutes(11));
    app.run_jobs().await;
    assert_eq!(events(&app).await.len(), 1, "nobody had to change the label once more");
}

#[tokio::test]
async fn a_label_that_changes_while_the_product_is_away_is_judged_when_it_is_back() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    consenting(&operator, "ada", allergic_to("milk")).await;
    let milk = "Rice, water, skimmed milk, salt.";
    let status = |status: &str| json!({ "status": status });
    let asleep = operator.create_product("asleep", plain()).await;
    let at_once = operator.create_product("at-once", plain()).await;
    let deleted = operator.create_product("deleted", plain()).await;
    let same = operator.create_product("same", plain()).await;
    app.run_jobs().await;
    let patch = |id: &str, change: Value| {
        let (operator, path) = (operator.clone(), format!("/api/v1/products/{id}"));
        async move { operator.patch(&path, change).await.expect(200) }
    };
    // Away first, and another label then.
    patch(&asleep, status("inactive")).await;
    app.run_jobs().await;
    relabel(&operator, &asleep, milk).await;
    // Both in one step; and changed first, away before anybody looked.
    patch(&at_once, json!({ "ingredients": milk, "status": "inactive" })).await;
    operator.delete(&format!("/api/v1/products/{deleted}")).await.expect(204);
    patch(&same, status("inactive")).await;
    app.run_jobs().await;
    assert_eq!(regressions(&operator).await.len(), 0, "what is not offered turns nobody away");

    patch(&asleep, status("active")).await;
    patch(&at_once, status("active")).await;
    operator.create_product("deleted", label(milk)).await;
    patch(&same, status("active")).await;
    app.run_jobs().await;
    let mut found: Vec<String> =
        regressions(&operator).await.iter().map(|r| r["product_id"].to_string()).collect();
    found.sort();
    let mut expected = [&asleep, &at_once, &deleted].map(|id| json!(id).to_string());
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_label_that_worsens_in_two_steps_is_compared_with_the_one_that_fitted() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    consenting(&operator, "ada", allergic_to("milk")).await;
    let bar = operator.create_product("bar", plain()).await;
    app.run_jobs().await;
    let path = format!("/api/v1/products/{bar}");
    operator.patch(&path, json!({ "allergen_data": "unknown" })).await.expect(200);
    app.run_jobs().await;
    assert_eq!(regressions(&operator).await.len(), 0, "not sure any more, and no conflict");
    relabel(&operator, &bar, "Rice, water, skimmed milk, salt.").await;
    app.run_jobs().await;
    assert_eq!(regressions(&operator).await.len(), 1);
}
