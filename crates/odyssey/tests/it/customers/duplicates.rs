//! People who may be one.

use odyssey_testkit::TestApp;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_shares_an_address_or_a_number_is_listed_and_nothing_is_overwritten() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    for (external_id, email, phone) in [
        ("c1", "ada@example.org", "+1 212 555 0100"),
        ("c2", "Ada@Example.org ", "+1 212 555 0199"),
        ("c3", "bea@example.org", "(212) 555-0100"),
        ("c4", "cleo@example.org", "+1 212 555 0142"),
    ] {
        let record =
            json!({ "external_id": external_id, "name": external_id, "email": email, "phone": phone });
        admin.post("/api/v1/customers", record).await.expect(201);
    }
    let page = admin.get("/api/v1/customers/duplicates").await.expect(200);
    let mut groups: Vec<(&str, Vec<&str>)> =
        page["items"].as_array().expect("groups").iter().map(group).collect();
    groups.sort_unstable();
    assert_eq!(groups, [("email", vec!["c1", "c2"]), ("phone", vec!["c1", "c3"])]);
    let trail = admin.get("/api/v1/audit?action=customer.duplicates").await.expect(200);
    assert_eq!(trail["items"][0]["count"], 2, "{trail}");

    // Page by page, each group once.
    let first = admin.get("/api/v1/customers/duplicates?limit=1").await.expect(200);
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let second =
        admin.get(&format!("/api/v1/customers/duplicates?limit=1&cursor={cursor}")).await.expect(200);
    assert_ne!(group(&first["items"][0]).0, group(&second["items"][0]).0);
    assert_eq!(second["next_cursor"], Value::Null);
    // One of them has another address: they share it no more.
    let id = page["items"].as_array().expect("groups").iter().find(|g| g["by"] == "email").expect("a group")
        ["customers"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    admin
        .patch(&format!("/api/v1/customers/{id}"), json!({ "email": "other@example.org" }))
        .await
        .expect(200);
    let page = admin.get("/api/v1/customers/duplicates").await.expect(200);
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1));
}

fn group(group: &Value) -> (&str, Vec<&str>) {
    let mut ids: Vec<&str> = group["customers"]
        .as_array()
        .expect("customers")
        .iter()
        .filter_map(|c| c["external_id"].as_str())
        .collect();
    ids.sort_unstable();
    (group["by"].as_str().expect("what they share"), ids)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_sees_that_there_are_duplicates_and_nothing_of_them_and_a_rival_sees_none() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let admin = acme.admin().await;
    for external_id in ["c1", "c2"] {
        let record = json!({ "external_id": external_id, "name": "Ada", "email": "ada@example.org" });
        admin.post("/api/v1/customers", record).await.expect(201);
    }
    let page = acme.viewer().await.get("/api/v1/customers/duplicates").await.expect(200);
    let group = &page["items"][0];
    assert_eq!((&group["by"], &group["customer_count"]), (&Value::Null, &json!(2)));
    assert_eq!(
        (&group["customers"][0]["masked"], &group["customers"][0]["name"]),
        (&json!(true), &Value::Null)
    );
    assert!(!page.to_string().contains("ada@"), "{page}");
    let rivals = app.vendor("rival").admin().await.get("/api/v1/customers/duplicates").await.expect(200);
    assert_eq!(rivals["items"], json!([]));
    // Whoever was deleted is nobody's duplicate.
    let id = group["customers"][0]["id"].as_str().expect("an id");
    assert_eq!(admin.delete(&format!("/api/v1/customers/{id}")).await.status.as_u16(), 204);
    let page = admin.get("/api/v1/customers/duplicates").await.expect(200);
    assert_eq!(page["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_in_another_list_is_no_place_here() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let answer = admin.get("/api/v1/customers/duplicates?cursor=AAAA").await;
    assert_eq!(answer.problem(), "400 cursor-invalid");
}
