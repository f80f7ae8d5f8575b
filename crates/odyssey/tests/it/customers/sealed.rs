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

    let mut connection = app.test.superuser_connection().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname IN ('odyssey', 'odyssey_leaf', 'odyssey_staging')
         WHERE c.relkind = 'r'",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the catalog answers");
    let mut looked_through = 0;
    for table in tables {
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("SELECT t::text FROM {table} t")))
            .fetch_all(&mut connection)
            .await
            .expect("the rows");
        looked_through += rows.len();
        for row in &rows {
            for word in planted {
                let hexadecimal = hex::encode(word);
                assert!(
                    !row.contains(word) && !row.contains(&hexadecimal),
                    "{table} holds `{word}` in clear"
                );
            }
        }
    }
    assert!(looked_through > 20, "only {looked_through} rows were looked through");
}
