use odyssey_testkit::{Actor, TestApp, TestResponse};
use serde_json::{Value, json};

use super::{consenting, hypertension, label, peanut_anaphylaxis, plain, with};

async fn check(actor: &Actor<'_>, body: Value) -> TestResponse {
    actor.send(http::Method::POST, "/api/v1/baskets/check", &[], Some(body)).await
}

fn budget<'a>(answer: &'a Value, nutrient: &str, kind: &str) -> &'a Value {
    let budgets = answer["budgets"].as_array().expect("budgets");
    budgets.iter().find(|b| b["nutrient"] == nutrient && b["kind"] == kind).expect("this budget")
}

#[tokio::test]
async fn a_basket_adds_up_against_the_day_and_judges_each_product() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    // 40 g of 1,000 mg per 100 g: 400 mg a serving.
    let soup = with(plain(), json!({ "nutrition": { "amounts": { "sodium_mg": 1000 } } }));
    let soup = operator.create_product("soup", soup).await;
    let satay = operator.create_product("satay", label("Rice, peanuts.")).await;
    let profile = json!({ "conditions": hypertension()["conditions"],
                          "allergies": peanut_anaphylaxis()["allergies"] });
    let ada = consenting(&operator, "ada", profile).await;
    let items = json!([{ "product_id": soup, "quantity": 2.5 }, { "product_id": satay, "quantity": 1 }]);
    let body = json!({ "subject": { "customer_id": ada }, "items": items });
    let answer = check(&operator, body).await.expect(200);
    // 2.5 × 400 mg and 40 mg of 2,300 mg.
    let sodium = budget(&answer, "sodium_mg", "cap");
    assert_eq!(
        (&sodium["total"], &sodium["limit"], &sodium["share_bp"]),
        (&json!(1040.0), &json!(2300.0), &json!(4521))
    );
    assert_eq!((&sodium["state"], &sodium["source"]["rule"]), (&json!("met"), &json!("htn.sodium")));
    let verdicts: Vec<&Value> =
        answer["items"].as_array().expect("items").iter().map(|i| &i["verdict"]).collect();
    assert_eq!(verdicts, [&json!("fits"), &json!("conflict")]);
    let six = json!([{ "product_id": soup, "quantity": 6 }]);
    let answer =
        check(&operator, json!({ "subject": { "customer_id": ada }, "items": six })).await.expect(200);
    assert_eq!(budget(&answer, "sodium_mg", "cap")["state"], json!("exceeded"));
}

#[tokio::test]
async fn an_amount_that_is_not_stated_leaves_the_budget_open() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let silent = with(plain(), json!({ "nutrition": { "amounts": { "sodium_mg": null } } }));
    let silent = operator.create_product("silent", silent).await;
    let body = json!({ "subject": { "profile": hypertension() },
                       "items": [{ "product_id": silent, "quantity": 1 }] });
    let answer = check(&operator, body).await.expect(200);
    let sodium = budget(&answer, "sodium_mg", "cap");
    assert_eq!((&sodium["state"], &sodium["unknown"]), (&json!("unknown"), &json!([silent])));
    assert_eq!(answer["items"][0]["verdict"], json!("cannot_verify"));
}

#[tokio::test]
async fn a_basket_refuses_what_it_cannot_count_and_names_the_place() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let rice = operator.create_product("rice", plain()).await;
    let body = |items: Value| json!({ "subject": { "profile": {} }, "items": items });
    let answer = check(&operator, body(json!([]))).await;
    assert_eq!(answer.problem(), "422 validation-error");
    let answer = check(&operator, body(json!([{ "product_id": rice, "quantity": 0 }]))).await;
    assert_eq!(answer.json()["errors"][0]["pointer"], json!("#/items/0/quantity"));
    let foreign = app.vendor("rival").operator().await.create_product("theirs", plain()).await;
    let answer = check(&operator, body(json!([{ "product_id": foreign, "quantity": 1 }]))).await;
    assert_eq!(answer.problem(), "404 product-not-found");
}
