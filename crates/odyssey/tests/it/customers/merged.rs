//! What stays of a merge when files come in, and when the one that stayed goes.

use chrono::TimeDelta;
use http::Method;
use odyssey_testkit::{Actor, TestApp, TestResponse};
use serde_json::{Value, json};

use super::erasure::erase;

async fn create(admin: &Actor<'_>, record: Value) -> String {
    admin.post("/api/v1/customers", record).await.expect(201)["id"].as_str().expect("an id").to_owned()
}

async fn preview(admin: &Actor<'_>, id: &str, other: &str) -> TestResponse {
    let body = json!({ "other": other, "preview": true });
    admin.post(&format!("/api/v1/customers/{id}/merge"), body).await
}

async fn send_merge(admin: &Actor<'_>, id: &str, other: &str) -> TestResponse {
    let version = async |id: &str| {
        let customer = admin.get(&format!("/api/v1/customers/{id}")).await.expect(200);
        customer["row_version"].as_i64().expect("a version")
    };
    let (key, if_match) = (uuid::Uuid::now_v7().to_string(), format!("\"{}\"", version(id).await));
    let headers = [("idempotency-key", key.as_str()), ("if-match", if_match.as_str())];
    let body = json!({ "other": other, "other_row_version": version(other).await });
    admin.send(Method::POST, &format!("/api/v1/customers/{id}/merge"), &headers, Some(body)).await
}

async fn merge(admin: &Actor<'_>, id: &str, other: &str) -> Value {
    send_merge(admin, id, other).await.expect(200)
}

/// Imports customers; gives the totals and the codes of what was said of the rows.
async fn import(app: &TestApp, admin: &Actor<'_>, parameters: &str, file: &str) -> (Value, Vec<String>) {
    // What a person edits while an import runs is kept; this one begins later.
    app.clock().advance(TimeDelta::seconds(1));
    let path = format!("/api/v1/ingest/csv?mode=customers{parameters}");
    let file = Some(("text/csv", file.as_bytes().to_vec()));
    let started = admin.send_bytes(Method::POST, &path, &[], file).await.expect(202);
    app.run_jobs().await;
    let url = started["status_url"].as_str().expect("a job");
    let job = admin.get(url).await.expect(200);
    let errors = admin.get(&format!("{url}/errors")).await.expect(200);
    let codes = errors["items"].as_array().expect("items").iter();
    (job["totals"].clone(), codes.map(|e| e["code"].as_str().expect("a code").to_owned()).collect())
}

async fn profile(admin: &Actor<'_>, id: &str) -> Value {
    admin.get(&format!("/api/v1/customers/{id}/health")).await.expect(200)["profile"].clone()
}

async fn allergens(admin: &Actor<'_>, id: &str) -> Vec<String> {
    let profile = profile(admin, id).await;
    let allergies = profile["allergies"].as_array().cloned().unwrap_or_default();
    let mut codes: Vec<String> =
        allergies.iter().map(|a| a["allergen"].as_str().expect("a code").to_owned()).collect();
    codes.sort();
    codes
}

async fn find(admin: &Actor<'_>, external_id: &str) -> String {
    let found = admin.post("/api/v1/customers/search", json!({ "external_id": external_id })).await;
    found.expect(200)["items"][0]["id"].as_str().expect("an id").to_owned()
}

async fn status_of(admin: &Actor<'_>, id: &str) -> String {
    admin.get(&format!("/api/v1/customers/{id}")).await.problem()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_takes_no_allergy_from_a_customer_who_was_merged() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    import(&app, &admin, "", "external_id,name,allergies\nA,Ann,egg\nB,Ann,peanut\n").await;
    let (a, b) = (find(&admin, "A").await, find(&admin, "B").await);
    merge(&admin, &a, &b).await;
    assert_eq!(allergens(&admin, &a).await, ["egg", "peanut"]);

    let (totals, said) = import(&app, &admin, "", "external_id,name,allergies\nA,Anna,egg\n").await;
    assert_eq!((&totals["updated"], said.as_slice()), (&json!(1), ["kept_merged".to_owned()].as_slice()));
    assert_eq!(allergens(&admin, &a).await, ["egg", "peanut"]);
    let customer = admin.get(&format!("/api/v1/customers/{a}")).await.expect(200);
    assert_eq!(customer["name"], "Anna", "the rest of the row is taken");
    let emptied = "external_id,name,allergies,conditions\nA,Anne,none,\n";
    import(&app, &admin, "&overwrite_edits=true", emptied).await;
    assert_eq!(allergens(&admin, &a).await, ["egg", "peanut"]);
    let file = Some(("text/csv", b"external_id,name,allergies\nA,Zoe,milk\n".to_vec()));
    let path = "/api/v1/ingest/preview?mode=customers";
    let tried = admin.send_bytes(Method::POST, path, &[], file).await.expect(200);
    assert_eq!(tried["rows"][0]["faults"][0]["code"], "kept_merged", "{tried}");

    // A person may; and no file brings it back.
    let health = format!("/api/v1/customers/{a}/health");
    admin.patch(&health, json!({ "allergies": [{ "allergen": "egg" }] })).await.expect(200);
    let (_, said) = import(&app, &admin, "", "external_id,name,allergies\nA,Ann Lee,egg\n").await;
    assert_eq!((allergens(&admin, &a).await, said), (vec!["egg".to_owned()], Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_loosens_nothing_of_a_customer_who_was_merged() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let strict = json!({ "allergies": [{ "allergen": "peanut", "severity": "anaphylaxis" }],
        "conditions": [{ "system": "icd10cm", "code": "I10" }], "medications": [{ "rxnorm": "11289" }],
        "diets": [{ "diet": "halal", "kind": "religious" }], "reproductive_status": "pregnant",
        "limits": [{ "nutrient": "sodium_mg", "max": 1200, "period": "day" }] });
    let a = create(&admin, json!({ "external_id": "A", "name": "Ann" })).await;
    let b = create(&admin, json!({ "external_id": "B", "name": "Ann", "profile": strict })).await;
    merge(&admin, &a, &b).await;
    let before = profile(&admin, &a).await;
    let file = "external_id,allergies,conditions,medications,diets,limits,pregnant\n\
                A,peanut:intolerance,E11.9,,halal:preference,sodium_mg<=2000/day,no\n";
    let (_, said) = import(&app, &admin, "", file).await;
    assert!(said.contains(&"kept_merged".to_owned()), "{said:?}");
    let after = profile(&admin, &a).await;
    for field in ["allergies", "medications", "diets", "limits", "reproductive_status"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    assert_eq!(after["conditions"].as_array().map(Vec::len), Some(2), "{after}");

    // Somebody whom nobody went into is as the file says, also when the one that went is erased.
    let c =
        create(&admin, json!({ "external_id": "C", "profile": { "allergies": [{ "allergen": "milk" }] } }))
            .await;
    import(&app, &admin, "", "external_id,allergies\nC,egg\n").await;
    assert_eq!(allergens(&admin, &c).await, ["egg"]);
    erase(&app.test, b.parse().expect("an id")).await.expect("erased");
    import(&app, &admin, "", "external_id,allergies\nA,egg\n").await;
    assert_eq!(allergens(&admin, &a).await, ["egg", "peanut"], "the erased one has left this behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_other_withdrew_is_withdrawn_and_no_file_grants_it_again() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let consents = async |id: &str, state: &str| {
        let body = json!({ "purpose": "health_data", "state": state });
        admin.post(&format!("/api/v1/customers/{id}/consents"), body).await;
    };
    let state = async |id: &str| {
        admin.get(&format!("/api/v1/customers/{id}")).await.expect(200)["health_consent"].clone()
    };
    let attested = "&consent=attested";
    // Never asked; and withdrawn only because it was deleted once, which a file may lift.
    for (external_id, other, returned) in [("A", "B", false), ("C", "D", true)] {
        let mut id = create(&admin, json!({ "external_id": external_id, "name": "Ann" })).await;
        if returned {
            consents(&id, "granted").await;
            admin.delete(&format!("/api/v1/customers/{id}")).await;
            id = create(&admin, json!({ "external_id": external_id, "name": "Ann" })).await;
        }
        let other = create(
            &admin,
            json!({ "external_id": other, "name": "Ann", "profile": { "allergies": [{ "allergen": "peanut" }] } }),
        )
        .await;
        consents(&other, "granted").await;
        consents(&other, "withdrawn").await;
        let shown = preview(&admin, &id, &other).await.expect(200);
        assert_eq!(shown["withdrawn_consents"], json!(["health_data"]), "{external_id}");
        assert_eq!(merge(&admin, &id, &other).await["withdrawn_consents"], json!(["health_data"]));
        assert_eq!(state(&id).await, "withdrawn", "{external_id}");
        import(&app, &admin, attested, &format!("external_id,name\n{external_id},Ann Lee\n")).await;
        assert_eq!(state(&id).await, "withdrawn", "{external_id}");
        let matches = admin.get(&format!("/api/v1/matches/{id}")).await;
        assert_eq!(matches.problem(), "403 consent-missing");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_one_that_stayed_is_deleted_both_external_ids_are_free() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let mut ids = Vec::new();
    for external_id in ["A", "B", "C"] {
        ids.push(create(&admin, json!({ "external_id": external_id, "name": "Ann" })).await);
    }
    let [a, b, c] = ids.as_slice() else { panic!("three") };
    merge(&admin, b, c).await;
    merge(&admin, a, b).await;
    assert_eq!(status_of(&admin, c).await, "410 customer-merged", "it goes along");
    assert_eq!(admin.delete(&format!("/api/v1/customers/{a}")).await.status.as_u16(), 204);
    for id in [a, b, c] {
        assert_eq!(status_of(&admin, id).await, "404 customer-not-found");
    }
    let back = create(&admin, json!({ "external_id": "B", "name": "Back" })).await;
    assert_eq!(&back, b);
    let (totals, said) = import(&app, &admin, "", "external_id,name\nC,Back too\nA,And this\n").await;
    assert_eq!((&totals["created"], said.len()), (&json!(2), 0));
    for (id, name) in [(a, "And this"), (b, "Back"), (c, "Back too")] {
        let customer = admin.get(&format!("/api/v1/customers/{id}")).await.expect(200);
        assert_eq!(customer["name"], name);
    }
    // They are people of their own now: nobody is erased with another.
    erase(&app.test, a.parse().expect("an id")).await.expect("erased");
    assert_eq!(status_of(&admin, a).await, "404 customer-not-found");
    for id in [b, c] {
        admin.get(&format!("/api/v1/customers/{id}")).await.expect(200);
    }
    merge(&admin, b, c).await;
    assert_eq!(status_of(&admin, c).await, "410 customer-merged", "and may be merged once more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_went_into_a_deleted_customer_is_erased_with_them() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let a = create(&admin, json!({ "external_id": "A", "name": "Ann" })).await;
    let b = create(&admin, json!({ "external_id": "B", "name": "Ann" })).await;
    merge(&admin, &a, &b).await;
    admin.delete(&format!("/api/v1/customers/{a}")).await;
    create(&admin, json!({ "external_id": "A", "name": "Ann" })).await;
    erase(&app.test, a.parse().expect("an id")).await.expect("erased");
    let mut connection = app.test.superuser_connection().await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM odyssey.customers WHERE id = $1")
        .bind(b.parse::<uuid::Uuid>().expect("an id"))
        .fetch_one(&mut connection)
        .await
        .expect("a count");
    assert_eq!(left, 0, "the record that went is the same person's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_refuses_and_doubts_what_the_merge_does() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let notes = "x".repeat(12_000);
    let a = create(&admin, json!({ "external_id": "A", "notes": notes })).await;
    let b = create(&admin, json!({ "external_id": "B", "notes": format!("{notes}y") })).await;
    assert_eq!(preview(&admin, &a, &b).await.problem(), "422 validation-error");
    assert_eq!(send_merge(&admin, &a, &b).await.problem(), "422 validation-error");

    let c = create(
        &admin,
        json!({ "external_id": "C", "profile": { "sex": "male", "liked_brands": ["acme", "Zed"] } }),
    )
    .await;
    let of_d = json!({ "reproductive_status": "pregnant", "disliked_brands": ["ACME"] });
    let d = create(&admin, json!({ "external_id": "D", "profile": of_d })).await;
    let shown = preview(&admin, &c, &d).await.expect(200);
    assert_eq!(shown["warnings"][0]["code"], "sex_contradicts_pregnancy", "{shown}");
    assert_eq!((&shown["row_version"], &shown["other_row_version"]), (&json!(1), &json!(1)));
    let merged = merge(&admin, &c, &d).await;
    assert_eq!(merged["warnings"], shown["warnings"]);
    assert_eq!(merged["profile"]["liked_brands"], json!(["Zed"]));
    assert_eq!(merged["profile"]["disliked_brands"], json!(["ACME"]));
    let customer = admin.get(&format!("/api/v1/customers/{c}")).await.expect(200);
    assert_eq!(merged["row_version"], customer["row_version"], "the version that came of it");
    assert_eq!(merged["other_row_version"], json!(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_merged_is_gone_wherever_one_asks() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let a = create(&admin, json!({ "external_id": "A", "name": "Ann" })).await;
    let b = create(&admin, json!({ "external_id": "B", "name": "Ann" })).await;
    merge(&admin, &a, &b).await;
    for path in [
        format!("customers/{b}"),
        format!("customers/{b}/health"),
        format!("customers/{b}/consents"),
        format!("customers/{b}/lists"),
        format!("matches/{b}"),
    ] {
        let gone = admin.get(&format!("/api/v1/{path}")).await;
        assert_eq!(gone.problem(), "410 customer-merged", "{path}");
        assert_eq!(gone.header("location"), Some(format!("/api/v1/customers/{a}").as_str()), "{path}");
    }
    let rival = app.vendor("rival").admin().await;
    let gone = rival.get(&format!("/api/v1/matches/{b}")).await;
    assert_eq!(gone.problem(), "404 customer-not-found");
}
