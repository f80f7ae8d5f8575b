//! No synonym takes from a word what it is known to mean.

use http::Method;
use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

fn value(domain: &str, synonym: &str, target: &str) -> Value {
    json!({ "kind": "value", "domain": domain, "synonym": synonym, "target": target })
}

async fn import(app: &TestApp, admin: &Actor<'_>, mode: &str, file: &str) {
    let path = format!("/api/v1/ingest/csv?mode={mode}");
    let file = Some(("text/csv", file.as_bytes().to_vec()));
    admin.send_bytes(Method::POST, &path, &[], file).await.expect(202);
    app.run_jobs().await;
}

async fn allergens(admin: &Actor<'_>, external_id: &str) -> Vec<String> {
    let found =
        admin.post("/api/v1/customers/search", json!({ "external_id": external_id })).await.expect(200);
    let id = found["items"][0]["id"].as_str().expect("an id");
    let health = admin.get(&format!("/api/v1/customers/{id}/health")).await.expect(200);
    let allergies = health["profile"]["allergies"].as_array().cloned().unwrap_or_default();
    allergies.iter().map(|a| a["allergen"].as_str().unwrap_or("?").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_word_is_given_no_meaning_that_takes_away_its_own() {
    let app = TestApp::start().await;
    let (root, admin) = (app.superadmin().await, app.vendor("acme").admin().await);
    let own = json!({ "kind": "value", "domain": "allergens", "synonym": "zorgle", "target": "milk" });
    root.post("/api/v1/platform/synonyms", own).await.expect(200);
    for (domain, synonym, target) in [
        ("allergies", "peanut", "none"),
        ("allergies", "milk", "egg"),
        ("allergies", "peanut:anaphylaxis", "peanut"),
        ("contains", "milk", "none"),
        ("contains", "peanut", "free from peanut"),
        ("contains", "ghee", "none"),
        ("contains", "zorgle", "none"),
        ("may_contain", "hazelnut", "none"),
        ("facility", "sesame", "none"),
        ("free_from", "gluten", "milk"),
        ("conditions", "htn", "none"),
        ("diets", "vegan", "none"),
        ("allergen_data", "no", "complete"),
        ("consent_health_data", "no", "yes"),
    ] {
        let refused = admin.post("/api/v1/synonyms", value(domain, synonym, target)).await;
        assert_eq!(refused.problem(), "422 validation-error", "{domain}: {synonym} → {target}");
        let text = refused.text();
        assert!(text.contains("#/synonym") && text.contains(&format!("`{synonym}`")), "{text}");
        let refused = root.post("/api/v1/platform/synonyms", value(domain, synonym, target)).await;
        assert_eq!(refused.problem(), "422 validation-error", "{domain}: {synonym} → {target}");
    }
    for (domain, synonym, target) in [
        ("allergies", "geen", "none"),
        ("allergies", "milk", "milk; egg"),
        ("contains", "Milcheiweiss", "milk"),
        ("contains", "geen", "none"),
        ("conditions", "Diabetes", "E11.9"),
        ("allergen_data", "vollstaendig", "complete"),
    ] {
        let taken = admin.post("/api/v1/synonyms", value(domain, synonym, target)).await;
        let path = format!("/api/v1/synonyms/{}", taken.expect(201)["id"].as_str().expect("an id"));
        let laxer = admin.put(&path, value("contains", "milk", "none")).await;
        assert_eq!(laxer.problem(), "422 validation-error");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_synonym_that_is_stored_already_takes_nothing_from_a_known_word() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let stored = [
        ("allergies", "peanut", "none"),
        ("allergies", "peanut milk", "none"),
        ("allergies", "milk", "egg"),
        ("contains", "milk", "none"),
        ("contains", "ghee", "none"),
        ("contains", "peanut", "egg"),
    ];
    let mut connection = app.test.superuser_connection().await;
    for (at, (domain, synonym, target)) in stored.into_iter().enumerate() {
        let harmless = value("category_id", &format!("word {at}"), "bars");
        let id = admin.post("/api/v1/synonyms", harmless).await.expect(201)["id"].clone();
        sqlx::query("UPDATE odyssey.synonyms SET domain = $2, synonym = $3, target = $4 WHERE id = $1")
            .bind(id.as_str().expect("an id").parse::<uuid::Uuid>().expect("a uuid"))
            .bind(domain)
            .bind(synonym)
            .bind(target)
            .execute(&mut connection)
            .await
            .expect("written");
    }
    let people =
        "external_id,name,allergies\na,Ann,peanut\nb,Bea,\"peanut, milk\"\nc,Cleo,milk\nd,Dot,none\n";
    import(&app, &admin, "customers", people).await;
    assert_eq!(allergens(&admin, "a").await, ["peanut"]);
    assert_eq!(allergens(&admin, "b").await, ["peanut", "milk", "egg"]);
    assert_eq!(allergens(&admin, "c").await, ["milk", "egg"]);
    assert!(allergens(&admin, "d").await.is_empty());

    let products = "external_id,name,contains\np1,A,\"milk; peanut\"\np2,B,ghee\np3,C,none\n";
    import(&app, &admin, "products", products).await;
    let listed = admin.get("/api/v1/products?limit=10").await.expect(200);
    for (external_id, contains) in
        [("p1", json!(["milk", "peanut", "egg"])), ("p2", json!(["ghee"])), ("p3", Value::Null)]
    {
        let mut items = listed["items"].as_array().expect("items").iter();
        let product = items.find(|p| p["external_id"] == external_id).expect("a product");
        assert_eq!(product["allergens"]["contains"], contains, "{external_id}");
    }
}
