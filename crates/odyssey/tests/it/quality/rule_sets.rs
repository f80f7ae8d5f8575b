//! Label rule sets: what is stated passes, silence fails.

use odyssey_testkit::TestApp;
use serde_json::{Value, json};

fn own_set() -> Value {
    json!({ "id": "house", "title": "House rules", "review_on": "2030-01-01", "rules": [
        { "id": "milk", "title": "Milk is spoken of", "kind": "allergens", "names": ["milk"], "source": "House" },
        { "id": "us-serving", "title": "A serving", "kind": "stated", "field": "serving", "jurisdictions": ["US"], "source": "House" },
        { "id": "no-conflict", "title": "No contradiction", "kind": "free_of_issues", "names": ["DQ_ALLERGEN_CONFLICT"], "source": "House" },
    ] })
}

#[tokio::test]
async fn declared_free_of_passes_and_not_stated_fails() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    for (id, fields) in [
        ("contains", json!({ "allergens": { "contains": ["milk"] } })),
        ("free", json!({ "allergens": { "free_from": [{ "allergen": "milk" }] } })),
        (
            "attested",
            json!({ "allergens": {}, "allergen_data": "complete", "label_jurisdiction": "US", "label_as_of": "2025-01-01" }),
        ),
        ("gone", json!({ "status": "inactive" })),
    ] {
        admin.create_product(id, fields).await;
    }
    let silent =
        admin.create_product("silent", json!({ "name": "Bar", "allergens": { "contains": ["egg"] } })).await;
    admin.post("/api/v1/quality/rule-sets", own_set()).await.expect(200);

    let started = admin.post("/api/v1/quality/rule-sets/house/run", json!({})).await.expect(202);
    app.run_jobs().await;
    let set = admin.get("/api/v1/quality/rule-sets/house").await.expect(200);
    let run = &set["last_run"];
    assert_eq!(run["job_id"], started["job_id"]);
    let milk = &run["rules"][0];
    assert_eq!((milk["checked"].as_i64(), milk["failed"].as_i64()), (Some(4), Some(1)), "{run}");
    assert_eq!(milk["examples"], json!([silent]));
    // Asked of US labels alone; the one there is has no serving.
    assert_eq!((run["rules"][1]["checked"].as_i64(), run["rules"][1]["failed"].as_i64()), (Some(1), Some(1)));
    assert_eq!((run["rules"][2]["checked"].as_i64(), run["rules"][2]["failed"].as_i64()), (Some(4), Some(0)));
    assert_eq!((run["checked"].as_i64(), run["failed"].as_i64()), (Some(9), Some(2)));
    assert_eq!((set["review_on"].as_str(), set["review_due"].as_bool()), (Some("2030-01-01"), Some(false)));
    let job =
        admin.get(&format!("/api/v1/jobs/{}", started["job_id"].as_str().expect("an id"))).await.expect(200);
    assert_eq!((job["kind"].as_str(), job["status"].as_str()), (Some("run_label_rules"), Some("completed")));
}

#[tokio::test]
async fn the_sets_of_fda_usda_and_eu_are_there_and_judge_what_is_stated() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let full = json!({
        "name": "Oat bar", "ingredients": "Oats, sugar, salt.", "package_text": "40 g", "label_jurisdiction": "US",
        "label_as_of": "2025-01-01", "allergen_data": "complete", "serving_size": { "amount_g": 40 },
        "nutrition": { "basis": "per_100g", "amounts": {
            "energy_kcal": 350, "fat_g": 5, "saturated_fat_g": 1, "trans_fat_g": 0, "cholesterol_mg": 0, "sodium_mg": 100,
            "carbohydrate_g": 70, "fiber_g": 5, "sugars_g": 10, "added_sugars_g": 9, "protein_g": 6, "vitamin_d_ug": 0,
            "calcium_mg": 20, "iron_mg": 1, "potassium_mg": 150 } },
    });
    admin.create_product("full", full).await;
    admin.create_product("empty", json!({ "name": "Bar", "label_jurisdiction": "US" })).await;
    let sets = admin.get("/api/v1/quality/rule-sets").await.expect(200);
    let ids: Vec<&str> =
        sets["items"].as_array().into_iter().flatten().filter_map(|s| s["id"].as_str()).collect();
    assert_eq!(ids, ["fda", "usda", "eu"]);
    admin.post("/api/v1/quality/rule-sets/fda/run", json!({})).await.expect(202);
    app.run_jobs().await;
    let fda = admin.get("/api/v1/quality/rule-sets/fda").await.expect(200);
    for (rule, failed) in fda["last_run"]["rules"].as_array().expect("rules").iter().zip([0, 1, 1, 1, 1, 1]) {
        assert_eq!((rule["checked"].as_i64(), rule["failed"].as_i64()), (Some(2), Some(failed)), "{rule}");
    }
}

#[tokio::test]
async fn a_set_is_refused_where_it_is_wrong_and_ours_are_not_to_be_changed() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let mut wrong = own_set();
    wrong["rules"][0]["names"] = json!(["zorgleberry"]);
    let refused = admin.post("/api/v1/quality/rule-sets", wrong).await;
    assert_eq!(refused.problem(), "422 validation-error");
    assert!(refused.text().contains("#/rules/0/names/0"), "{}", refused.text());
    let mut ours = own_set();
    ours["id"] = json!("fda");
    assert_eq!(admin.post("/api/v1/quality/rule-sets", ours).await.problem(), "409 rule-set-not-writable");
    assert_eq!(admin.delete("/api/v1/quality/rule-sets/eu").await.problem(), "409 rule-set-not-writable");
    assert_eq!(admin.get("/api/v1/quality/rule-sets/nobodys").await.problem(), "404 rule-set-not-found");
    admin.post("/api/v1/quality/rule-sets", own_set()).await.expect(200);
    assert_eq!(admin.delete("/api/v1/quality/rule-sets/house").await.status.as_u16(), 204);
    assert_eq!(admin.get("/api/v1/quality/rule-sets/house").await.problem(), "404 rule-set-not-found");
}
