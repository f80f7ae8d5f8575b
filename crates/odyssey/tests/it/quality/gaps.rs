//! Which kinds of profiles find little: counted over many, told of none.

use odyssey_testkit::TestApp;
use serde_json::json;

use crate::matching::{consenting, plain, with};

#[tokio::test]
async fn kinds_of_profiles_are_counted_and_small_ones_are_not_shown() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    admin.create_product("rice", plain()).await;
    admin.create_product("milky", with(plain(), json!({ "ingredients": "Rice, water, milk." }))).await;
    for n in 0..12 {
        consenting(&admin, &format!("milk-{n}"), json!({ "allergies": [{ "allergen": "milk" }] })).await;
        consenting(&admin, &format!("plain-{n}"), json!({ "height_cm": 160 + n })).await;
    }
    // Without consent nobody is looked at.
    let record = json!({ "external_id": "silent", "profile": { "allergies": [{ "allergen": "milk" }] } });
    admin.post("/api/v1/customers", record).await.expect(201);

    let gaps = admin.get("/api/v1/analytics/assortment-gaps").await.expect(200);
    assert_eq!(
        (gaps["population"].as_i64(), gaps["n"].as_i64(), gaps["sampled"].as_bool()),
        (Some(24), Some(24), Some(false))
    );
    assert_eq!((gaps["products"].as_i64(), gaps["suppressed_customers"].as_i64()), (Some(2), Some(0)));
    let kinds = gaps["archetypes"].as_array().expect("archetypes");
    assert_eq!(kinds[0]["subjects"], json!(["milk"]));
    assert_eq!((kinds[0]["customers"].as_i64(), kinds[0]["fits_median"].as_i64()), (Some(12), Some(1)));
    assert_eq!(
        (kinds[1]["subjects"].as_array().map(Vec::len), kinds[1]["fits_least"].as_i64()),
        (Some(0), Some(2))
    );

    // One more, of a kind of its own: it hides, and a kind beside it with it.
    consenting(&admin, "egg", json!({ "allergies": [{ "allergen": "egg" }] })).await;
    let gaps = admin.get("/api/v1/analytics/assortment-gaps").await.expect(200);
    assert_eq!(gaps["suppressed_customers"], 13);
    assert!(!gaps.to_string().contains("egg"));

    let part = admin.get("/api/v1/analytics/assortment-gaps?sample=20").await.expect(200);
    assert_eq!((part["n"].as_i64(), part["sampled"].as_bool()), (Some(20), Some(true)));
    assert_eq!(
        admin.get("/api/v1/analytics/assortment-gaps?sample=0").await.problem(),
        "422 validation-error"
    );

    let mut connection = app.test.superuser_connection().await;
    let (purpose, count): (String, i64) = sqlx::query_as(
        "SELECT purpose, count FROM odyssey.audit_events WHERE action = 'health_profile.count' AND count = 24",
    )
    .fetch_one(&mut connection)
    .await
    .expect("it is audited");
    assert_eq!((purpose.as_str(), count), ("analytics", 24));
}
