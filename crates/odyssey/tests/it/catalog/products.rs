//! Products through the API.

use odyssey_testkit::TestApp;
use serde_json::{Value, json};

/// A product with every field there is.
fn everything() -> Value {
    json!({
        "gtin": "4006381333931", "name": "Crunchy peanut bar", "brand": "Acme", "description": "A bar.",
        "category_id": "snacks", "sub_category_id": "bars", "cuisine": "american", "market": "US",
        "price": "4.50", "currency": "USD", "status": "inactive",
        "ingredients": "Peanuts, sugar, salt. May contain milk.",
        "nutrition": { "basis": "per_100g", "amounts": {
            "energy_kcal": 512.4, "fat_g": 30.5, "saturated_fat_g": 5, "trans_fat_g": 0, "monounsaturated_fat_g": 12,
            "polyunsaturated_fat_g": 8.25, "cholesterol_mg": 1.5, "carbohydrate_g": 45, "sugars_g": 20.000001,
            "added_sugars_g": 15, "polyols_g": 0, "fiber_g": 6, "protein_g": 15.3, "salt_g": 0.5, "sodium_mg": 200.125,
            "potassium_mg": 350, "calcium_mg": 40, "iron_mg": 1.2, "magnesium_mg": 60, "phosphorus_mg": 120, "zinc_mg": 1.1,
            "iodine_ug": 3, "selenium_ug": 2, "copper_mg": 0.3, "manganese_mg": 0.9, "vitamin_a_ug": 10, "vitamin_c_mg": 0.4,
            "vitamin_d_ug": 1, "vitamin_e_mg": 2.2, "vitamin_k_ug": 3, "thiamin_mg": 0.1, "riboflavin_mg": 0.12,
            "niacin_mg": 4.4, "vitamin_b6_mg": 0.2, "folate_ug": 30, "vitamin_b12_ug": 0, "choline_mg": 25, "caffeine_mg": 0,
            "alcohol_g": 0 } },
        "serving_size": { "amount_g": 40.5, "text": "1 bar" },
        "package_weight_g": 243.125, "package_text": "6 x 40.5 g",
        "dietary_tags": ["high-protein"],
        "allergens": { "contains": ["peanut"], "may_contain": ["milk"], "facility": ["tree_nut"],
                       "free_from": [{ "allergen": "gluten", "certified": true, "certificate": "GFCO-1" }] },
        "certifications": ["kosher-ou"], "regulatory_codes": ["FDA-123"], "images": ["https://example.org/bar.png"],
        "source_url": "https://example.org/bar", "label_jurisdiction": "US", "label_as_of": "2025-06-01",
        "allergen_data": "complete"
    })
}

#[tokio::test]
async fn every_field_of_a_product_reads_back_as_it_was_written() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let id = operator.create_product("bar-1", everything()).await;
    let read = operator.get(&format!("/api/v1/products/{id}")).await.expect(200);
    for (field, written) in everything().as_object().expect("an object") {
        let expected = if field == "gtin" { json!("04006381333931") } else { written.clone() };
        assert_eq!(read[field], expected, "{field}");
    }
    assert_eq!(read["attestation"]["by"], app.vendor("acme").seed.operator.to_string());
}

#[tokio::test]
async fn a_patch_of_one_field_changes_that_field_alone() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let id = operator.create_product("bar-1", everything()).await;
    let path = format!("/api/v1/products/{id}");
    let before = operator.get(&path).await.expect(200);
    operator
        .patch(&path, json!({ "nutrition": { "amounts": { "sodium_mg": null } }, "brand": "Other" }))
        .await
        .expect(200);
    let mut after = operator.get(&path).await.expect(200);
    assert_eq!(after["nutrition"]["amounts"].get("sodium_mg"), None, "null is unknown");
    assert_eq!(after["brand"], "Other");
    after["nutrition"]["amounts"]["sodium_mg"] = before["nutrition"]["amounts"]["sodium_mg"].clone();
    after["brand"] = before["brand"].clone();
    for field in ["row_version", "updated_at", "computed_nutrition"] {
        after[field] = before[field].clone();
    }
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_batch_answers_row_by_row() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let body = json!({ "products": [
        { "external_id": "a", "name": "A", "gtin": "4006381333931" },
        { "external_id": "b", "name": "B", "gtin": "4006381333931" },
        { "external_id": "c", "name": "C", "nutrition": { "basis": "per_100g", "amounts": { "fat_g": 101 } } },
        { "external_id": "a", "name": "A again" },
        { "external_id": "d", "nutriton": {} },
        { "external_id": "e", "nutrition": { "basis": "per_100g", "amounts": { "sodium_mg": 0.00001 } } },
    ] });
    let response = operator.post("/api/v1/products", body).await;
    assert_eq!(response.status.as_u16(), 207);
    let results = response.json();
    let told: Vec<(u64, Option<&str>)> = results["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|r| (r["status"].as_u64().expect("a status"), r["problem"].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (201, None),
            (409, Some("barcode-taken")),
            (422, Some("validation-error")),
            (422, Some("validation-error")),
            (422, Some("validation-error")),
            (422, Some("validation-error")),
        ]
    );
    assert_eq!(results["results"][2]["errors"][0]["pointer"], "#/nutrition/amounts/fat_g");
    assert!(results["results"][4]["errors"][0]["detail"].as_str().is_some_and(|d| d.contains("nutriton")));
}

#[tokio::test]
async fn a_batch_of_ten_thousand_realistic_products_is_taken() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let products: Vec<Value> = (0..10_000)
        .map(|at| {
            json!({ "external_id": format!("p{at}"), "name": format!("Product {at}"),
                    "ingredients": "Wheat flour, sugar, palm oil, cocoa, salt, ".repeat(6),
                    "nutrition": { "basis": "per_100g", "amounts": { "energy_kcal": 450, "sodium_mg": at % 900 } } })
        })
        .collect();
    let results = operator.post("/api/v1/products", json!({ "products": products })).await;
    assert_eq!(results.status.as_u16(), 207, "{}", results.text().chars().take(300).collect::<String>());
    assert_eq!(results.json()["created"], 10_000);
    let mut connection = app.test.superuser_connection().await;
    let versions: i64 = sqlx::query_scalar("SELECT catalog_version FROM odyssey.vendors WHERE slug = 'acme'")
        .fetch_one(&mut connection)
        .await
        .expect("the vendor");
    assert_eq!(versions, 1, "one version a committed batch, not one a row");
}

#[tokio::test]
async fn creating_what_exists_is_a_conflict_that_points_at_it() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let id = operator.create_product("a", json!({ "name": "A" })).await;
    let again = json!({ "mode": "create", "products": [{ "external_id": "a", "name": "B" }] });
    let result = operator.post("/api/v1/products", again).await.expect(207)["results"][0].clone();
    assert_eq!((result["status"].as_u64(), result["id"].as_str()), (Some(409), Some(id.as_str())));
}

#[tokio::test]
async fn a_put_needs_the_version_it_was_read_at() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let id = operator.create_product("a", json!({ "name": "A" })).await;
    let path = format!("/api/v1/products/{id}");
    let put = http::Method::PUT;
    let body = json!({ "name": "B" });
    assert_eq!(
        operator.keyed(put.clone(), &path, &[], body.clone()).await.problem(),
        "428 precondition-required"
    );
    let stale = operator.keyed(put.clone(), &path, &[("if-match", "\"7\"")], body.clone()).await;
    assert_eq!(stale.problem(), "412 precondition-failed");
    let current = operator.get(&path).await;
    let etag = current.header("etag").expect("an ETag").to_owned();
    let written = operator.keyed(put, &path, &[("if-match", &etag)], body).await.expect(200);
    assert_eq!(written["name"], "B");
}

#[tokio::test]
async fn a_deleted_product_is_gone_and_its_external_id_may_come_back() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let id = operator.create_product("a", json!({ "name": "A", "gtin": "4006381333931" })).await;
    let path = format!("/api/v1/products/{id}");
    assert_eq!(operator.delete(&path).await.status.as_u16(), 204);
    assert_eq!(operator.get(&path).await.problem(), "404 product-not-found");
    operator.create_product("b", json!({ "gtin": "4006381333931" })).await;
    assert_eq!(operator.create_product("a", json!({ "name": "A2" })).await, id);
    assert_eq!(operator.get(&path).await.expect(200).get("gtin"), Some(&Value::Null));
}

#[tokio::test]
async fn an_allergen_that_vanishes_from_the_data_is_held_until_somebody_else_lets_it_go() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let (operator, admin) = (acme.operator().await, acme.admin().await);
    let id = operator.create_product("a", json!({ "name": "A", "ingredients": "Sugar, peanuts." })).await;
    operator.patch(&format!("/api/v1/products/{id}"), json!({ "ingredients": "Sugar." })).await.expect(200);
    let holds = admin.get("/api/v1/allergen-holds").await.expect(200);
    assert_eq!(holds["items"][0]["allergen"], "peanut");
    let path = format!("/api/v1/allergen-holds/{}/release", holds["items"][0]["id"].as_str().expect("an id"));
    assert_eq!(operator.post(&path, json!({})).await.problem(), "409 hold-not-releasable");
    admin.post(&path, json!({})).await.expect(200);
    assert_eq!(admin.get("/api/v1/allergen-holds").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn a_replayed_key_gives_the_first_answer_and_another_body_is_refused() {
    let app = TestApp::start().await;
    let (acme, rival) = (app.vendor("acme"), app.vendor("rival"));
    let operator = acme.operator().await;
    let post = http::Method::POST;
    let headers = [("idempotency-key", "the-same-key")];
    let body = json!({ "products": [{ "external_id": "a", "name": "A" }] });
    let first = operator.send(post.clone(), "/api/v1/products", &headers, Some(body.clone())).await;
    let again = operator.send(post.clone(), "/api/v1/products", &headers, Some(body.clone())).await;
    assert_eq!((again.status, again.json()), (first.status, first.json()));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let other = json!({ "products": [{ "external_id": "b" }] });
    let reused = operator.send(post.clone(), "/api/v1/products", &headers, Some(other)).await;
    assert_eq!(reused.problem(), "422 idempotency-key-reused");
    // The same key of another vendor is another key.
    let rivals = rival.operator().await.send(post.clone(), "/api/v1/products", &headers, Some(body)).await;
    assert_eq!(rivals.json()["created"], 1);
    let missing = operator.send(post, "/api/v1/products", &[], Some(json!({ "products": [] }))).await;
    assert_eq!(missing.problem(), "400 idempotency-key-missing");
}

#[tokio::test]
async fn a_list_pages_through_everything_once() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let products: Vec<Value> = (0..25)
        .map(|at| json!({ "external_id": format!("p{at}"), "brand": format!("b{}", at % 2) }))
        .collect();
    operator.post("/api/v1/products", json!({ "products": products })).await.expect(207);
    for sort in ["-updated_at", "updated_at"] {
        let mut seen = std::collections::BTreeSet::new();
        let mut path = format!("/api/v1/products?limit=4&sort={sort}&brand=b1");
        loop {
            let page = operator.get(&path).await.expect(200);
            for item in page["items"].as_array().expect("items") {
                assert!(
                    seen.insert(item["external_id"].as_str().expect("an id").to_owned()),
                    "a row came twice"
                );
            }
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/api/v1/products?limit=4&sort={sort}&brand=b1&cursor={cursor}");
        }
        assert_eq!(seen.len(), 12);
    }
    assert_eq!(operator.get("/api/v1/products?cursor=nonsense").await.problem(), "400 cursor-invalid");
    assert_eq!(operator.get("/api/v1/products?colour=red").await.status.as_u16(), 400);
}

#[tokio::test]
async fn a_list_without_an_allergen_leaves_out_what_does_not_say() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let complete = json!({ "allergen_data": "complete", "label_jurisdiction": "US", "label_as_of": "2025-06-01",
                           "ingredients": "Sugar, salt, water." });
    operator.create_product("clear", complete).await;
    operator.create_product("silent", json!({ "name": "Mystery bar" })).await;
    operator.create_product("milky", json!({ "ingredients": "Sugar, whey." })).await;
    let page = operator.get("/api/v1/products?allergens.none=milk").await.expect(200);
    let found: Vec<&str> =
        page["items"].as_array().expect("items").iter().filter_map(|i| i["external_id"].as_str()).collect();
    assert_eq!(found, ["clear"]);
}

#[tokio::test]
async fn deleting_and_creating_again_does_not_lose_an_allergen() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let id = operator.create_product("a", json!({ "name": "A", "ingredients": "Sugar, peanuts." })).await;
    operator.delete(&format!("/api/v1/products/{id}")).await;
    operator.create_product("a", json!({ "name": "A", "ingredients": "Sugar." })).await;
    let holds = operator.get("/api/v1/allergen-holds").await.expect(200);
    assert_eq!(holds["items"][0]["allergen"], "peanut");
}
