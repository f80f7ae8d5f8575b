//! Findings with their remedies: listed, counted, and what was probably meant.

use odyssey_testkit::TestApp;
use serde_json::{Value, json};

fn nutrition(energy_kcal: f64) -> Value {
    json!({ "basis": "per_100g", "amounts": {
        "energy_kcal": energy_kcal, "fat_g": 2, "saturated_fat_g": 0.5, "carbohydrate_g": 40, "sugars_g": 2,
        "fiber_g": 5, "protein_g": 4, "sodium_mg": 100 } })
}

fn good() -> Value {
    json!({
        "name": "Brown bread", "brand": "Mill", "category_id": "bread", "ingredients": "Whole wheat flour, water, salt, yeast.",
        "allergen_data": "complete", "allergens": { "contains": ["wheat"] }, "label_jurisdiction": "US",
        "label_as_of": "2025-06-01", "serving_size": { "amount_g": 50 }, "nutrition": nutrition(190.0),
    })
}

fn codes(product: &Value) -> Vec<&str> {
    product["issues"].as_array().into_iter().flatten().filter_map(|issue| issue["code"].as_str()).collect()
}

#[tokio::test]
async fn the_worst_record_stands_first_and_every_finding_says_what_to_do() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    admin.create_product("good", good()).await;
    admin
        .create_product(
            "contradictory",
            json!({ "name": "Bar", "ingredients": "Oats, whey powder.",
                    "allergens": { "free_from": [{ "allergen": "milk" }] } }),
        )
        .await;
    admin.create_product("bare", json!({ "name": "Tin" })).await;

    let list = admin.get("/api/v1/quality/products?order=worst").await.expect(200);
    let items = list["items"].as_array().expect("items");
    assert_eq!(items.len(), 3);
    let scores: Vec<i64> = items.iter().filter_map(|p| p["quality_permille"].as_i64()).collect();
    assert!(scores.is_sorted() && scores[2] > 500, "{scores:?}");
    assert_eq!(items[2]["external_id"], "good");
    let conflict = items.iter().find(|p| p["external_id"] == "contradictory").expect("it is listed");
    assert_eq!(conflict["issues"][0]["code"], "DQ_ALLERGEN_CONFLICT");
    assert_eq!(conflict["issues"][0]["severity"], "critical");
    for issue in items.iter().flat_map(|p| p["issues"].as_array().expect("issues")) {
        assert!(issue["fix"].as_str().is_some_and(|fix| fix.len() > 10), "{issue}");
    }

    let only = admin.get("/api/v1/quality/products?code=DQ_ALLERGEN_CONFLICT").await.expect(200);
    assert_eq!(only["items"].as_array().map(Vec::len), Some(1));
    let unknown = admin.get("/api/v1/quality/products?code=DQ_NO_SUCH").await;
    assert_eq!(unknown.problem(), "422 validation-error");

    let first = admin.get("/api/v1/quality/products?limit=2").await.expect(200);
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let rest = admin.get(&format!("/api/v1/quality/products?limit=2&cursor={cursor}")).await.expect(200);
    assert_eq!(rest["items"][0]["external_id"], "good");
    assert!(rest["next_cursor"].is_null());
}

#[tokio::test]
async fn a_record_in_kilojoules_is_told_what_was_meant_and_mending_it_shows_at_once() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let mut swapped = good();
    swapped["nutrition"] = nutrition(800.0);
    let id = admin.create_product("bread", swapped).await;
    let path = format!("/api/v1/products/{id}/quality");
    let before = admin.get(&path).await.expect(200);
    assert!(codes(&before).contains(&"DQ_ENERGY_IN_KILOJOULES"), "{before}");
    let finding = before["issues"].as_array().into_iter().flatten();
    let meant = finding.filter_map(|issue| issue["meant"].as_str()).collect::<String>();
    assert!(meant.starts_with("energy_kcal 191.2"), "{meant}");

    admin
        .patch(&format!("/api/v1/products/{id}"), json!({ "nutrition": nutrition(190.0) }))
        .await
        .expect(200);
    let after = admin.get(&path).await.expect(200);
    assert!(!codes(&after).contains(&"DQ_ENERGY_IN_KILOJOULES"), "{after}");
    assert!(after["quality_permille"].as_i64() > before["quality_permille"].as_i64());
    // 190 kcal = 795 kJ, 100 mg sodium = 0.25 g salt; 5 g fibre: N = 2 + 1, P = 2 + 1.
    assert_eq!(
        (after["indices"]["nutri_grade"].as_str(), after["indices"]["nova_group"].as_i64()),
        (Some("a"), Some(3))
    );
    let list = admin.get("/api/v1/quality/products?code=DQ_ENERGY_IN_KILOJOULES").await.expect(200);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(0));
}

#[tokio::test]
async fn the_summary_counts_the_present_catalog_and_an_import_leaves_it_counted() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    admin.create_product("good", good()).await;
    let one = admin.get("/api/v1/quality/summary").await.expect(200);
    assert_eq!((one["products"].as_i64(), one["not_judged"].as_i64()), (Some(1), Some(0)));
    assert_eq!(one["coverage"]["nutri_score"], 1);

    let csv = b"external_id,name\nbare-1,Tin\nbare-2,Can\n".to_vec();
    let path = "/api/v1/ingest/csv?mode=products";
    admin.send_bytes(http::Method::POST, path, &[], Some(("text/csv", csv))).await.expect(202);
    app.run_jobs().await;
    let mut connection = app.test.superuser_connection().await;
    let stored: i64 = sqlx::query_scalar("SELECT catalog_version FROM odyssey.quality_summaries")
        .fetch_one(&mut connection)
        .await
        .expect("the import left a summary");
    let three = admin.get("/api/v1/quality/summary").await.expect(200);
    assert_eq!(three["catalog_version"].as_i64(), Some(stored));
    assert_eq!(three["products"], 3);
    assert_eq!(three["coverage"]["ingredient_list_complete"], 1);
    let counts = three["issues"].as_array().expect("issues");
    let missing = counts.iter().find(|c| c["code"] == "DQ_INGREDIENTS_MISSING").expect("two lack a list");
    assert_eq!((missing["products"].as_i64(), missing["severity"].as_str()), (Some(2), Some("major")));
    let major = three["severities"].as_array().into_iter().flatten().find(|s| s["severity"] == "major");
    assert_eq!(major.and_then(|s| s["products"].as_i64()), Some(2));
    assert!(three["average_quality_permille"].as_i64() < one["average_quality_permille"].as_i64());

    // A write behind the stored summary is counted when asked.
    admin.create_product("another", good()).await;
    assert_eq!(admin.get("/api/v1/quality/summary").await.expect(200)["products"], 4);
}

#[tokio::test]
async fn the_score_of_a_match_names_grade_and_group() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let id = admin.create_product("bread", good()).await;
    let customer =
        crate::matching::consenting(&admin, "ada", json!({ "height_cm": 170, "weight_kg": 70 })).await;
    let verdict = crate::matching::explain(&admin, &customer, &id).await;
    let parts = verdict["parts"].as_array().expect("parts");
    let part = |code: &str| parts.iter().find(|p| p["code"] == code).unwrap_or_else(|| panic!("no {code}"));
    assert_eq!(part("SC_NUTRISCORE")["params"]["grade"], "a");
    assert_eq!(
        (part("SC_NUTRISCORE")["sub_score"].as_i64(), part("SC_NOVA")["sub_score"].as_i64()),
        (Some(1000), Some(600))
    );
    let weight = |p: &Value| p["weight_milli"].as_i64().unwrap_or_default();
    let models = weight(part("SC_NUTRISCORE")) + weight(part("SC_NOVA"));
    assert!(models * 100 <= 15 * parts.iter().map(weight).sum::<i64>());
}

#[tokio::test]
async fn a_record_tells_how_many_customers_what_is_missing_keeps_it_from() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    // Not attested: an allergy cannot be cleared by a label that is merely silent.
    let bar = operator.create_product("bar", json!({ "name": "Bar", "ingredients": "Oats, salt." })).await;
    let path = format!("/api/v1/products/{bar}/quality");
    let blocked = |quality: &serde_json::Value| {
        (quality["blocked_customers"].clone(), quality["blocked_customers_state"].clone())
    };
    let allergic = json!({ "allergies": [{ "allergen": "peanut" }] });
    for number in 0..12 {
        if number == 3 {
            let few = operator.get(&path).await.expect(200);
            assert_eq!(blocked(&few), (json!(null), json!("few")));
        }
        crate::matching::consenting(&operator, &format!("p{number}"), allergic.clone()).await;
    }
    let quality = operator.get(&path).await.expect(200);
    assert_eq!(blocked(&quality), (json!(12), json!("counted")));
    let viewer = acme.viewer().await;
    assert_eq!(blocked(&viewer.get(&path).await.expect(200)), (json!(null), json!("not_permitted")));

    // The worst-first list says it of each product when it is asked to, and not otherwise.
    operator.create_product("good", good()).await;
    let list = "/api/v1/quality/products";
    let asked = operator.get(&format!("{list}?blocked_customers=true")).await.expect(200);
    let told: Vec<_> = asked["items"].as_array().expect("items").iter().map(blocked).collect();
    assert_eq!(told, [(json!(12), json!("counted")), (json!(0), json!("counted"))], "{asked}");
    let silent = operator.get(list).await.expect(200);
    assert!(silent["items"][0].get("blocked_customers_state").is_none(), "{silent}");
    let masked = viewer.get(&format!("{list}?blocked_customers=true")).await.expect(200);
    assert_eq!(blocked(&masked["items"][0]), (json!(null), json!("not_permitted")));
}
