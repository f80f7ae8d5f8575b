//! Notes on customers and on their products: sealed, in the order of time, and gone with the person.

use chrono::TimeDelta;
use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

async fn customer(actor: &Actor<'_>, external_id: &str) -> String {
    let created = actor.post("/api/v1/customers", json!({ "external_id": external_id })).await.expect(201);
    format!("/api/v1/customers/{}", created["id"].as_str().expect("an id"))
}

/// Writes a note a second later than the one before.
async fn write(actor: &Actor<'_>, customer: &str, body: Value) -> Value {
    actor.app().clock().advance(TimeDelta::seconds(1));
    actor.post(&format!("{customer}/notes"), body).await.expect(201)
}

fn texts(page: &Value) -> Vec<&str> {
    page["items"].as_array().expect("items").iter().filter_map(|note| note["text"].as_str()).collect()
}

#[tokio::test]
async fn notes_are_written_listed_by_product_changed_and_deleted() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let (operator, admin) = (acme.operator().await, acme.admin().await);
    let ada = customer(&operator, "ada").await;
    let product = operator.create_product("bar", json!({ "name": "Bar" })).await;
    write(&operator, &ada, json!({ "text": "Rings twice." })).await;
    let on_bar = write(&operator, &ada, json!({ "text": "Too sweet.", "product_id": product })).await;
    assert_eq!((&on_bar["product_id"], &on_bar["row_version"]), (&json!(product), &json!(1)));
    let page = admin.get(&format!("{ada}/notes")).await.expect(200);
    assert_eq!(texts(&page), ["Too sweet.", "Rings twice."]);
    assert_eq!(page["items"][0]["created_by"], json!(acme.seed.operator.to_string()));
    let page = admin.get(&format!("{ada}/notes?product_id={product}")).await.expect(200);
    assert_eq!(texts(&page), ["Too sweet."]);
    let first = admin.get(&format!("{ada}/notes?limit=1")).await.expect(200);
    let cursor = first["next_cursor"].as_str().expect("there is another one");
    let second = admin.get(&format!("{ada}/notes?limit=1&cursor={cursor}")).await.expect(200);
    assert_eq!((texts(&second), &second["next_cursor"]), (vec!["Rings twice."], &Value::Null));

    let path = format!("{ada}/notes/{}", on_bar["id"].as_str().expect("an id"));
    app.clock().advance(TimeDelta::seconds(1));
    let changed = admin.patch(&path, json!({ "text": "Far too sweet." })).await.expect(200);
    assert_eq!(
        (&changed["created_by"], &changed["created_at"]),
        (&on_bar["created_by"], &on_bar["created_at"])
    );
    assert_eq!(changed["updated_by"], json!(acme.seed.admin.to_string()));
    assert_eq!(changed["row_version"], 2);
    let stale = [("if-match", "\"1\"")];
    let refused = admin.keyed(http::Method::PATCH, &path, &stale, json!({ "text": "No." })).await;
    assert_eq!(refused.problem(), "412 precondition-failed");
    assert_eq!(admin.delete(&path).await.status.as_u16(), 204);
    assert_eq!(admin.delete(&path).await.problem(), "404 note-not-found");
    let page = admin.get(&format!("{ada}/notes")).await.expect(200);
    assert_eq!(texts(&page), ["Rings twice."]);
    let trail = admin.get("/api/v1/audit?action=customer_note.list").await.expect(200);
    assert!(!trail.to_string().contains("twice"), "{trail}");
}

#[tokio::test]
async fn a_note_is_for_who_may_and_says_something_of_something_that_is() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let ada = customer(&operator, "ada").await;
    let path = format!("{ada}/notes");
    let note = write(&operator, &ada, json!({ "text": "x".repeat(4_000) })).await;
    for text in [String::new(), "  \n".to_owned(), "x".repeat(4_001)] {
        assert_eq!(operator.post(&path, json!({ "text": text })).await.problem(), "422 validation-error");
    }
    let unknown = json!({ "text": "Sweet.", "product_id": uuid::Uuid::now_v7() });
    assert_eq!(operator.post(&path, unknown).await.problem(), "404 product-not-found");
    let viewer = acme.viewer().await;
    assert_eq!(viewer.get(&path).await.problem(), "403 forbidden");
    assert_eq!(viewer.post(&path, json!({ "text": "Hm." })).await.problem(), "403 forbidden");
    let rival = app.vendor("rival").admin().await;
    let one = format!("{path}/{}", note["id"].as_str().expect("an id"));
    assert_eq!(rival.get(&path).await.problem(), "404 customer-not-found");
    assert_eq!(rival.patch(&one, json!({ "text": "Hm." })).await.problem(), "404 customer-not-found");
    let bob = customer(&operator, "bob").await;
    let elsewhere = format!("{bob}/notes/{}", note["id"].as_str().expect("an id"));
    assert_eq!(operator.patch(&elsewhere, json!({ "text": "Hm." })).await.problem(), "404 note-not-found");

    let mut connection = app.test.superuser_connection().await;
    sqlx::query(
        "INSERT INTO odyssey.customer_notes (vendor_id, customer_id, id, text_sealed, row_version, created_at, updated_at)
         SELECT vendor_id, customer_id, gen_random_uuid(), text_sealed, 1, created_at, updated_at
         FROM odyssey.customer_notes, generate_series(2, 500)",
    )
    .execute(&mut connection)
    .await
    .expect("499 more");
    assert_eq!(operator.post(&path, json!({ "text": "One more." })).await.problem(), "422 validation-error");
}

#[tokio::test]
async fn a_text_lies_sealed_and_does_not_come_back_with_a_deleted_customer() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let ada = customer(&operator, "ada").await;
    write(&operator, &ada, json!({ "text": "Rings twice." })).await;
    let mut connection = app.test.superuser_connection().await;
    let lies: bool = sqlx::query_scalar(
        "SELECT bool_or(position('twice'::bytea IN text_sealed) > 0 OR n::text LIKE '%twice%') FROM odyssey.customer_notes n",
    )
    .fetch_one(&mut connection)
    .await
    .expect("a row");
    assert!(!lies);
    assert_eq!(operator.delete(&ada).await.status.as_u16(), 204);
    assert_eq!(operator.get(&format!("{ada}/notes")).await.problem(), "404 customer-not-found");
    assert_eq!(customer(&operator, "ada").await, ada);
    assert_eq!(texts(&operator.get(&format!("{ada}/notes")).await.expect(200)), Vec::<&str>::new());
}

#[tokio::test]
async fn a_merge_shows_the_notes_of_both_and_takes_those_of_the_other_along() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let (ada, other) = (customer(&admin, "ada").await, customer(&admin, "ada-2").await);
    write(&admin, &ada, json!({ "text": "One." })).await;
    let moved = write(&admin, &other, json!({ "text": "Two." })).await;
    let other_id = other.rsplit('/').next().expect("an id");
    let body = json!({ "other": other_id, "preview": true });
    let shown = admin.post(&format!("{ada}/merge"), body).await.expect(200);
    let whose: Vec<(&Value, &Value)> = shown["notes"]
        .as_array()
        .expect("notes")
        .iter()
        .map(|note| (&note["text"], &note["customer_id"]))
        .collect();
    let ada_id = json!(ada.rsplit('/').next().expect("an id"));
    assert_eq!(whose, [(&json!("Two."), &json!(other_id)), (&json!("One."), &ada_id)]);
    let page = admin.get(&format!("{other}/notes")).await.expect(200);
    assert_eq!(texts(&page), ["Two."], "a preview moves nothing");

    let if_match = format!("\"{}\"", shown["row_version"]);
    let body = json!({ "other": other_id, "other_row_version": shown["other_row_version"] });
    let path = format!("{ada}/merge");
    admin.keyed(http::Method::POST, &path, &[("if-match", &if_match)], body).await.expect(200);
    let page = admin.get(&format!("{ada}/notes")).await.expect(200);
    assert_eq!(texts(&page), ["Two.", "One."]);
    assert_eq!(page["items"][0]["created_at"], moved["created_at"]);
    assert_eq!(admin.get(&format!("{other}/notes")).await.problem(), "410 customer-merged");
}
