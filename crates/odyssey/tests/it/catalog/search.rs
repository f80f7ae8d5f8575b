//! Text search over the whole catalog.

use odyssey_domain::db::testing;
use odyssey_domain::tenancy::{self, Actor};
use odyssey_testkit::TestApp;
use serde_json::{Value, json};

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().expect("items").iter().filter_map(|i| i["external_id"].as_str()).collect()
}

#[tokio::test]
async fn the_best_match_comes_first_and_an_unfinished_word_is_enough() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("named", json!({ "name": "Tomato soup" })).await;
    operator
        .create_product("inside", json!({ "name": "Noodles", "ingredients": "Wheat, tomatoes, salt" }))
        .await;
    operator.create_product("other", json!({ "name": "Rice" })).await;
    let page = operator.get("/api/v1/search/products?q=tomato").await.expect(200);
    assert_eq!(names(&page), ["named", "inside"]);
    assert_eq!(
        names(&operator.get("/api/v1/search/products?q=tomat").await.expect(200)),
        ["named", "inside"]
    );
    assert_eq!(names(&operator.get("/api/v1/search/products?q=tomato%20sou").await.expect(200)), ["named"]);
    assert_eq!(operator.get("/api/v1/search/products?q=%20-").await.problem(), "400 search-query-invalid");
}

#[tokio::test]
async fn the_other_vendors_products_are_never_found() {
    let app = TestApp::start().await;
    app.vendor("acme").operator().await.create_product("a", json!({ "name": "Tomato soup" })).await;
    let page = app.vendor("rival").operator().await.get("/api/v1/search/products?q=tomato").await.expect(200);
    assert_eq!(names(&page), Vec::<&str>::new());
}

#[tokio::test]
async fn the_search_function_uses_its_index() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let products: Vec<Value> = (0..3000)
        .map(|at| json!({ "external_id": format!("p{at}"), "name": format!("word{at} thing") }))
        .collect();
    operator.post("/api/v1/products", json!({ "products": products })).await.expect(207);
    let scope = tenancy::scope_for_job(app.database(), app.vendor("acme").id()).await.expect("acme");
    let mut tx = testing::begin_vendor(app.database(), scope, Actor::command_line()).await.expect("begins");
    let plan = testing::explain_search(&mut tx, "'word7'").await.expect("a plan").join("\n");
    assert!(plan.contains("Bitmap Index Scan"), "{plan}");
}
