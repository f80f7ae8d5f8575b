//! Resources of the areas beside the catalog, for the walk over foreign ids.

use odyssey_testkit::Actor;
use serde_json::json;

/// Customers, jobs and what belongs to them, by the name of their path parameter.
pub async fn more(admin: &Actor<'_>, product_id: &str) -> Vec<(&'static str, String)> {
    vec![("customer_id", customer(admin, product_id).await)]
}

/// A customer of whom everything is recorded, with the product on a list.
async fn customer(admin: &Actor<'_>, product_id: &str) -> String {
    let record = json!({
        "external_id": "M-1", "name": "Ada Lovelace", "email": "ada@example.org", "birth_date": "1985-12-10",
        "profile": { "height_cm": 170, "weight_kg": 70, "allergies": [{ "allergen": "milk" }] },
        "consents": [{ "purpose": "health_data", "state": "granted" }],
    });
    let created = admin.post("/api/v1/customers", record).await.expect(201);
    let id = created["id"].as_str().expect("an id").to_owned();
    admin
        .put(&format!("/api/v1/customers/{id}/lists/{product_id}"), json!({ "list": "never_show" }))
        .await
        .expect(200);
    id
}
