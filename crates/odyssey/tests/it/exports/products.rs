//! The catalog out and in again.

use odyssey_testkit::TestApp;
use serde_json::{Value, json};

use super::{FORMATS, export, fetch, import, lines};

/// Products with everything that a file could lose.
fn catalog() -> Value {
    let all = json!({ "external_id": "all", "gtin": "04006381333931", "name": "Bar \"Größe\", n° 1", "brand": "=SUM(A1)",
        "description": "Line one\nline two\r\nline three; with, separators | all", "category_id": "snacks/bars",
        "sub_category_id": "-bars", "cuisine": "日本", "market": "US", "price": "4.50", "currency": "EUR",
        "ingredients": "Rice (98.5 %), salt.", "status": "active",
        "nutrition": { "basis": "per_100g", "amounts": { "energy_kcal": 251.123, "fat_g": 1.000001, "sodium_mg": 120.5,
            "vitamin_d_ug": 3, "protein_g": 0 } },
        "serving_size": { "amount_g": 40.5, "amount_ml": 33, "text": "1 bar" }, "package_weight_g": 243.125,
        "package_text": "6 x 40.5 g", "dietary_tags": ["Vegan", "vegan", "en:halal", "a, b; c"],
        "allergens": { "contains": ["milk", "moon; dust"], "may_contain": ["none"], "facility": [],
            "free_from": [{ "allergen": "gluten", "certified": true, "certificate": "GF-1" }] },
        "certifications": [], "regulatory_codes": ["E 100"], "images": ["https://x.example/a.png?b=1,2"],
        "source_url": "https://x.example/", "label_jurisdiction": "EU", "label_as_of": "2025-06-01",
        "allergen_data": "complete" });
    let odd = json!({ "external_id": "'=odd", "name": "null", "brand": " padded ", "description": "'", "status": "inactive",
        "dietary_tags": [], "price": "12.3456", "currency": "USD" });
    json!({ "products": [all, odd,
        { "external_id": "gone soon" }, { "external_id": "0012", "status": "discontinued", "name": "NULL" },
        { "external_id": "serving", "nutrition": { "basis": "per_serving", "amounts": { "sodium_mg": 5 } } },
        { "external_id": "declared", "allergens": {} }] })
}

#[tokio::test]
async fn a_catalog_comes_back_with_every_row_unchanged_and_makes_another_one() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let written = admin.post("/api/v1/products", catalog()).await.expect(207);
    assert!(!written.to_string().contains("\"problem\""), "{written}");
    let gone = written["results"].as_array().expect("results")[2]["id"].as_str().expect("an id").to_owned();
    assert_eq!(admin.delete(&format!("/api/v1/products/{gone}")).await.status.as_u16(), 204);
    let csv = "external_id,name,ingredients,sodium_mg\nfile-1,\"Oat, bar\",\"Oats; salt\",1.5\n";
    assert_eq!(import(&admin, "products", csv).await, [1, 1, 0, 0, 0, 0]);
    let rival = app.vendor("rival").admin().await;
    for (format, into) in FORMATS.into_iter().zip([[6, 6, 0, 0, 0, 0], [6, 0, 0, 6, 0, 0]]) {
        let id = export(&admin, json!({ "kind": "products", "format": format })).await;
        let file = fetch(&admin, &id).await;
        let shown = admin.get(&format!("/api/v1/exports/{id}")).await.expect(200);
        assert_eq!((&shown["row_count"], &shown["byte_count"]), (&json!(6), &json!(file.len())), "{shown}");
        assert!(!file.contains("gone soon"));
        assert_eq!(import(&admin, "products", &file).await, [6, 0, 0, 6, 0, 0], "{format}: {file}");
        // At another vendor it makes the same catalog.
        assert_eq!(import(&rival, "products", &file).await, into, "{format}");
    }
    let id = export(&rival, json!({ "kind": "products", "format": "ndjson" })).await;
    let theirs = lines(&fetch(&rival, &id).await);
    let id = export(&admin, json!({ "kind": "products", "format": "ndjson" })).await;
    let by_name = |mut rows: Vec<Value>| {
        rows.sort_by_key(|row| row["external_id"].to_string());
        // A declaration that declares nothing is not made by a file.
        rows.retain(|row| row["external_id"] != "declared");
        rows
    };
    assert_eq!(by_name(lines(&fetch(&admin, &id).await)), by_name(theirs));
}

#[tokio::test]
async fn a_change_in_the_file_is_the_only_one() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    admin.post("/api/v1/products", catalog()).await.expect(207);
    let id = export(&admin, json!({ "kind": "products", "format": "csv" })).await;
    let file = fetch(&admin, &id).await.replace("Rice (98.5 %), salt.", "Rice (98.5 %),  salt.");
    assert_eq!(import(&admin, "products", &file).await, [6, 0, 1, 5, 0, 0], "a space is a change");
}

#[tokio::test]
async fn a_saved_mapping_and_words_of_the_vendor_change_nothing_about_what_we_wrote() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    admin.post("/api/v1/products", catalog()).await.expect(207);
    let mapping = json!({ "columns": [{ "header": "name", "fields": [{ "field": "brand" }] }] });
    let path = "/api/v1/mappings/products";
    admin.keyed(http::Method::PUT, path, &[("if-match", "\"0\"")], mapping).await.expect(200);
    let word = json!({ "kind": "value", "domain": "category", "synonym": "snacks/bars", "target": "other" });
    admin.post("/api/v1/synonyms", word).await.expect(201);
    let id = export(&admin, json!({ "kind": "products", "format": "csv" })).await;
    let file = fetch(&admin, &id).await;
    assert_eq!(import(&admin, "products", &file).await, [6, 0, 0, 6, 0, 0]);
}

#[tokio::test]
async fn filters_narrow_the_file() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    admin.post("/api/v1/products", catalog()).await.expect(207);
    for (filters, expected) in [
        (json!({ "brand": "=SUM(A1)" }), vec!["all"]),
        (json!({ "category_id": "snacks/bars" }), vec!["all"]),
        (json!({ "status": "inactive" }), vec!["'=odd"]),
        (json!({ "status": "discontinued", "brand": "x" }), vec![]),
        (json!({ "updated_after": "2100-01-01T00:00:00Z" }), vec![]),
    ] {
        let body = json!({ "kind": "products", "format": "ndjson", "filters": filters });
        let rows = lines(&fetch(&admin, &export(&admin, body).await).await);
        let ids: Vec<&str> = rows.iter().filter_map(|row| row["external_id"].as_str()).collect();
        let written: Vec<String> = expected
            .iter()
            .map(|id| if id.starts_with('\'') { format!("'{id}") } else { (*id).to_owned() })
            .collect();
        assert_eq!(ids, written, "{filters}");
    }
}

#[tokio::test]
async fn the_demo_catalog_comes_back_unchanged() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let mut csv = Vec::new();
    odyssey::demo::write_products_csv(&mut csv, 1, 1_300).expect("a file");
    let file = String::from_utf8(csv).expect("UTF-8");
    let path = "/api/v1/ingest/csv?mode=products";
    let body = Some(("text/csv", file.into_bytes()));
    admin.send_bytes(http::Method::POST, path, &[], body).await.expect(202);
    app.run_jobs().await;
    for format in FORMATS {
        let id = export(&admin, json!({ "kind": "products", "format": format })).await;
        let file = fetch(&admin, &id).await;
        let [read, created, updated, unchanged, kept, rejected] = import(&admin, "products", &file).await;
        assert!(read > 1_000, "more than one part: {read}");
        assert_eq!((created, updated, kept, rejected, unchanged), (0, 0, 0, 0, read), "{format}");
    }
}
