//! Customers, profiles, matches and the trail out, and people in again.

use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

use super::{FORMATS, export, fetch, import, lines};
use crate::customers::erasure::erase;

async fn people(actor: &Actor<'_>) {
    let granted = json!([{ "purpose": "health_data", "state": "granted", "text_version": "v2" }]);
    let ada = json!({ "external_id": "ada", "name": "Ada \"King\", Countess", "email": "ada@example.org",
        "phone": "+1 415 555 0132", "birth_date": "1985-12-10", "address": "1, Long; Street\nLondon",
        "member_number": "00012", "tags": ["gold", "a, b"], "notes": "=danger", "consents": granted,
        "profile": { "height_cm": 170.5, "weight_kg": 60.125, "sex": "female", "activity_level": "light",
            "allergies": [{ "allergen": "milk", "severity": "intolerance", "strictness": "facility" }, { "text": "moon; dust" }],
            "conditions": [{ "system": "icd10cm", "code": "I10", "display": "Hypertension, essential" }],
            "medications": [{ "rxnorm": "11289", "name": "Warfarin" }],
            "diets": [{ "diet": "halal", "kind": "religious", "refuse_may_contain": true }],
            "limits": [{ "nutrient": "sodium_mg", "max": 1600.5, "period": "day" }],
            "macro_targets": { "protein_pct": 20.5, "fat_pct": 30, "carbohydrate_pct": 49.5 },
            "energy_target_kcal": 2000, "liked_brands": ["A, B"], "guideline": "dga_2025" } });
    let bea = json!({ "external_id": "bea", "status": "inactive", "name": "Bea",
        "consents": [{ "purpose": "health_data", "state": "withdrawn" }], "profile": { "age_years": 40 } });
    let cy = json!({ "external_id": "'cy" });
    for person in [ada, bea, cy] {
        actor.post("/api/v1/customers", person).await.expect(201);
    }
}

#[tokio::test]
async fn customers_and_profiles_come_back_with_every_row_unchanged() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let rival = app.vendor("rival").operator().await;
    people(&operator).await;
    for (kind, rows) in [("customers", 3), ("profiles", 2)] {
        for format in FORMATS {
            let body = json!({ "kind": kind, "format": format });
            let file = fetch(&operator, &export(&operator, body).await).await;
            let unchanged = [rows, 0, 0, rows, 0, 0];
            assert_eq!(import(&operator, "customers", &file).await, unchanged, "{kind} {format}: {file}");
            import(&rival, "customers", &file).await;
        }
    }
    // Another vendor has the same people now.
    for kind in ["customers", "profiles"] {
        let body = json!({ "kind": kind, "format": "ndjson" });
        let mut files = Vec::new();
        for actor in [&operator, &rival] {
            let mut rows = lines(&fetch(actor, &export(actor, body.clone()).await).await);
            rows.sort_by_key(|row| row["external_id"].to_string());
            files.push(rows);
        }
        assert_eq!(files[0], files[1], "{kind}");
    }
}

#[tokio::test]
async fn filters_narrow_the_people() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    people(&operator).await;
    for (filters, expected) in [
        (json!({ "status": "inactive" }), vec!["bea"]),
        (json!({ "consent": "granted" }), vec!["ada"]),
        (json!({ "consent": "missing" }), vec!["'cy"]),
        (json!({ "updated_after": "2100-01-01T00:00:00Z" }), vec![]),
    ] {
        let body = json!({ "kind": "customers", "format": "ndjson", "filters": filters });
        let rows = lines(&fetch(&operator, &export(&operator, body).await).await);
        let ids: Vec<&str> = rows.iter().filter_map(|row| row["external_id"].as_str()).collect();
        assert_eq!(ids, expected, "{filters}");
    }
}

#[tokio::test]
async fn who_is_erased_or_deleted_is_in_no_file_and_everybody_in_one_is_on_record() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    people(&operator).await;
    let id = export(&operator, json!({ "kind": "customers", "format": "csv" })).await;
    let trail = acme.admin().await;
    let find = json!({ "external_id": "ada" });
    let ada = operator.post("/api/v1/customers/search", find).await.expect(200);
    let ada = ada["items"][0]["id"].as_str().expect("an id").to_owned();
    let disclosed = async |action: &str| {
        let path = format!("/api/v1/audit?action={action}&customer_id={ada}");
        trail.get(&path).await.expect(200)["items"].as_array().expect("events").len()
    };
    assert_eq!(disclosed("export.write").await, 1, "who is written is on record");
    assert_eq!(disclosed("export.download").await, 0);
    assert!(fetch(&operator, &id).await.contains("Countess"));
    assert_eq!(disclosed("export.download").await, 1, "and who is fetched");
    // Nothing of anybody lies in the clear.
    let mut connection = app.test.superuser_connection().await;
    let kept: String = sqlx::query_scalar(
        "SELECT concat((SELECT string_agg(to_jsonb(p)::text, ' ') FROM odyssey.export_parts p),
                       (SELECT string_agg(to_jsonb(e)::text, ' ') FROM odyssey.exports e),
                       (SELECT string_agg(to_jsonb(j)::text, ' ') FROM odyssey.jobs j))",
    )
    .fetch_one(&mut connection)
    .await
    .expect("what is kept");
    assert!(!kept.contains("Countess") && !kept.contains("ada@"), "{kept}");

    erase(&app.test, ada.parse().expect("an id")).await.expect("erased");
    let file = fetch(&operator, &id).await;
    assert!(!file.contains("Countess") && !file.contains("ada@"), "{file}");
    assert!(file.contains("bea"));
    let list = operator.get("/api/v1/customers").await.expect(200);
    for customer in list["items"].as_array().expect("items") {
        let id = customer["id"].as_str().expect("an id");
        assert_eq!(operator.delete(&format!("/api/v1/customers/{id}")).await.status.as_u16(), 204);
    }
    let file = fetch(&operator, &id).await;
    assert_eq!(file.lines().count(), 1, "headers only: {file}");
}

#[tokio::test]
async fn matches_are_what_each_customers_own_request_gives() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    for number in 0..5 {
        operator.create_product(&format!("rice-{number}"), crate::matching::plain()).await;
    }
    operator.create_product("satay", crate::matching::label("Rice, roasted peanuts, salt.")).await;
    let ada = crate::matching::consenting(&operator, "ada", crate::matching::peanut_anaphylaxis()).await;
    crate::matching::consenting(&operator, "bea", json!({ "weight_kg": 60 })).await;
    let silent = json!({ "external_id": "dan", "profile": { "weight_kg": 70 } });
    operator.post("/api/v1/customers", silent).await.expect(201);
    let body = json!({ "kind": "matches", "format": "ndjson", "filters": { "k": 3 } });
    let id = export(&operator, body).await;
    let rows = lines(&fetch(&operator, &id).await);
    let own = crate::matching::matches(&operator, &ada, "?k=3").await;
    let asked: Vec<Value> = own["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| json!([item["product"]["external_id"], item["verdict"], item["score_permille"]]))
        .collect();
    let told: Vec<Value> = rows
        .iter()
        .filter(|row| row["customer_external_id"] == "ada")
        .map(|row| json!([row["product_external_id"], row["verdict"], row["score_permille"]]))
        .collect();
    assert_eq!((told.len(), &told), (3, &asked));
    for row in &rows {
        let silent = row["customer_external_id"] == "bea";
        let said = if silent { json!(["DQ_PROFILE_EMPTY"]) } else { json!([]) };
        assert_eq!(row["notice_codes"], said, "{row}");
    }
    assert!(rows.iter().all(|row| row["customer_external_id"] != "dan"), "nobody without consent");
    let withdrawn = json!({ "purpose": "health_data", "state": "withdrawn" });
    operator.post(&format!("/api/v1/customers/{ada}/consents"), withdrawn).await.expect(201);
    let rows = lines(&fetch(&operator, &id).await);
    assert!(!rows.is_empty() && rows.iter().all(|row| row["customer_external_id"] == "bea"), "{rows:?}");
}

#[tokio::test]
async fn the_trail_ends_where_the_export_began() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    for name in ["a", "b"] {
        admin.create_product(name, json!({ "name": "Bar" })).await;
        app.clock().advance(chrono::TimeDelta::minutes(1));
    }
    let all = export(&admin, json!({ "kind": "audit", "format": "ndjson" })).await;
    let rows = lines(&fetch(&admin, &all).await);
    let actions: Vec<&str> = rows.iter().filter_map(|row| row["action"].as_str()).collect();
    assert_eq!(actions.iter().filter(|action| **action == "product.write").count(), 2, "{actions:?}");
    assert!(!actions.iter().any(|action| action.starts_with("export.")), "{actions:?}");
    let filters = json!({ "action": "product.write", "until": rows.last().expect("a row")["occurred_at"] });
    let some = export(&admin, json!({ "kind": "audit", "format": "csv", "filters": filters })).await;
    let file = fetch(&admin, &some).await;
    assert_eq!(file.lines().count(), 2, "headers and the first one: {file}");
}
