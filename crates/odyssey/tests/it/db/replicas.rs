//! Which reads a replica may answer, shown by one that has heard of nothing.

use odyssey_domain::db::PoolSettings;
use odyssey_testkit::{TestApp, TestDatabase};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_found_from_its_202_on_however_far_the_replica_is_behind() {
    let replica = TestDatabase::start().await;
    let mut test = TestDatabase::start().await;
    test.database = test.reconnect_with_replica(&replica, PoolSettings::default());
    let app = TestApp::on(test, |_| {});
    let operator = app.vendor("acme").operator().await;

    let file = Some(("text/csv", b"external_id,name\np1,Bar\n".to_vec()));
    let accepted =
        operator.send_bytes(http::Method::POST, "/api/v1/ingest/csv?mode=products", &[], file).await;
    accepted.expect(202);
    let location = accepted.header("location").expect("where the job is").to_owned();
    assert_eq!(operator.get(&location).await.expect(200)["status"], "queued");
    assert_eq!(operator.get("/api/v1/jobs").await.expect(200)["items"].as_array().map(Vec::len), Some(1));

    // What discloses nothing personal is the replica's to answer, and it knows no product yet.
    let product = operator.create_product("p2", json!({ "name": "Oat bar" })).await;
    assert_eq!(operator.get(&format!("/api/v1/products/{product}")).await.problem(), "404 product-not-found");
}
