use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use odyssey_testkit::TestApp;
use serde_json::json;
use sqlx::AssertSqlSafe;

use super::people::create;

#[tokio::test]
async fn no_table_holds_a_planted_word_in_clear() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let planted = [
        "Zebulon",
        "zebulon@planted.example",
        "4155550199",
        "1951-02-03",
        "Plantedstreet",
        "MEM-PLANT",
        "planttag",
        "plantnote",
        "EXT-PLANT",
        "warfarin-plant",
        "Plantitis",
        "plant-brand",
    ];
    let record = json!({
        "external_id": planted[8], "name": planted[0], "email": planted[1], "phone": planted[2], "birth_date": planted[3],
        "address": planted[4], "member_number": planted[5], "tags": [planted[6]], "notes": planted[7],
        "profile": { "medications": [{ "name": planted[9] }], "liked_brands": [planted[11]],
                     "conditions": [{ "system": "text", "code": planted[10] }] },
        "consents": [{ "purpose": "health_data", "state": "granted" }],
    });
    let path = create(&operator, record).await;
    operator.patch(&path, json!({ "notes": "plantnote again" })).await.expect(200);
    operator.patch(&format!("{path}/health"), json!({ "height_cm": 170 })).await.expect(200);
    operator.post("/api/v1/customers/search", json!({ "email": planted[1] })).await.expect(200);
    operator.patch(&path, json!({ "birth_date": "Zebulon" })).await;

    assert_nowhere_in_clear(&app, &planted.map(str::to_owned)).await;
}

#[tokio::test]
async fn fifty_people_leave_nothing_in_clear_in_any_table_or_log() {
    let log = Log::capture();
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let rice = operator.create_product("rice", json!({ "ingredients": "Rice, salt." })).await;
    let mut planted = Vec::new();
    let mut records = Vec::new();
    for at in 0..50 {
        let (name, email) = (format!("Plantagenet{at:02}"), format!("person{at:02}@planted.example"));
        let (born, condition) =
            (format!("19{:02}-03-{:02}", 31 + at, 1 + at % 28), format!("Plantosis{at:02}"));
        records.push(json!({
            "external_id": format!("XPLANT-{at:02}"), "name": name, "email": email, "birth_date": born,
            "profile": { "height_cm": 170, "conditions": [{ "system": "icd10cm", "code": "I10", "display": condition }] },
            "consents": [{ "purpose": "health_data", "state": "granted" }],
        }));
        planted.extend([name, email, born, condition, format!("XPLANT-{at:02}")]);
    }
    let written = operator.post("/api/v1/customers", json!({ "customers": records })).await.expect(207);
    for (result, record) in written["results"].as_array().expect("results").iter().zip(&records) {
        let id = result["id"].as_str().expect("an id");
        let path = format!("/api/v1/customers/{id}");
        operator.get(&path).await.expect(200);
        operator.patch(&format!("{path}/health"), json!({ "weight_kg": 70 })).await.expect(200);
        // Faults that quote nothing: a value of the wrong kind, and one that breaks a rule.
        operator.patch(&path, json!({ "birth_date": record["name"], "email": record["name"] })).await;
        operator.patch(&format!("{path}/health"), json!({ "goals": record["email"] })).await;
        operator.post("/api/v1/customers/search", json!({ "email": record["email"] })).await.expect(200);
        operator.get(&format!("/api/v1/matches/{id}/products/{rice}")).await.expect(200);
    }
    operator.get("/api/v1/customers?limit=200").await.expect(200);
    assert_nowhere_in_clear(&app, &planted).await;
    let logged = log.text();
    assert!(logged.contains("/api/v1/customers/search"), "the log was not captured");
    for word in &planted {
        assert!(!logged.contains(word), "`{word}` was logged");
    }
}

/// Looks through every row of every table, bytes in hexadecimal included.
async fn assert_nowhere_in_clear(app: &TestApp, planted: &[String]) {
    let mut connection = app.test.superuser_connection().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname IN ('odyssey', 'odyssey_leaf', 'odyssey_staging')
         WHERE c.relkind = 'r'",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the catalog answers");
    let hexadecimals: Vec<String> = planted.iter().map(hex::encode).collect();
    let mut looked_through = 0;
    for table in tables {
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("SELECT t::text FROM {table} t")))
            .fetch_all(&mut connection)
            .await
            .expect("the rows");
        looked_through += rows.len();
        for row in &rows {
            for (word, hexadecimal) in planted.iter().zip(&hexadecimals) {
                assert!(!row.contains(word) && !row.contains(hexadecimal), "{table} holds `{word}` in clear");
            }
        }
    }
    assert!(looked_through > 20, "only {looked_through} rows were looked through");
}

/// Everything that the process logs from now on.
#[derive(Clone)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn capture() -> Self {
        let log = Self(Arc::default());
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_global_default(subscriber).expect("no other test captures the log");
        log
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
