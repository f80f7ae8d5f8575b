//! Fifty vendors at full size, and each hot query touches the leaves of one: counted in `pg_locks`, since
//! `EXPLAIN` shows the plan of one execution and not what the sixth will do.

use odyssey_domain::catalog::{self, Change, ProductQuery, ProductWrite};
use odyssey_domain::db::{VendorTx, testing};
use odyssey_domain::tenancy::{self, Actor, NewVendor};
use odyssey_testkit::TestDatabase;
use odyssey_types::VendorId;

const VENDORS: usize = 50;

#[tokio::test]
async fn with_fifty_vendors_each_query_touches_only_its_vendors_leaves() {
    let test = TestDatabase::start().await;
    let actor = Actor::command_line();
    let mut first = None;
    for at in 0..VENDORS {
        let new = NewVendor {
            slug: format!("vendor-{at}"),
            name: format!("Vendor {at}"),
            product_leaves: NewVendor::PRODUCT_LEAVES,
            customer_leaves: NewVendor::CUSTOMER_LEAVES,
        };
        let vendor =
            tenancy::create_vendor(&test.database, &actor, new).await.expect("a vendor is provisioned");
        first.get_or_insert(vendor.id);
    }
    let vendor_id = first.expect("fifty vendors");
    let scope = tenancy::scope_for_job(&test.database, vendor_id).await.expect("the vendor works");
    let product_id = write_a_product(&test, scope).await;

    // One connection, ten executions each: a generic plan would show from the sixth on.
    let mut counts = Vec::new();
    for _ in 0..10 {
        let mut tx = testing::begin_vendor(&test.database, scope, actor.clone()).await.expect("begins");
        assert_eq!(
            testing::setting(&mut tx, "plan_cache_mode").await.expect("a setting"),
            "force_custom_plan"
        );
        catalog::find_product(&mut tx, product_id).await.expect("by key").expect("the product");
        let by_key = touched(&mut tx, vendor_id, "products_").await;
        tx.roll_back().await.expect("ends");

        let mut tx = testing::begin_vendor(&test.database, scope, actor.clone()).await.expect("begins");
        let query = ProductQuery { limit: 50, ..ProductQuery::default() };
        catalog::list_products(&mut tx, &query).await.expect("a list");
        let list = touched(&mut tx, vendor_id, "products_").await;
        tx.roll_back().await.expect("ends");

        let mut tx = testing::begin_vendor(&test.database, scope, actor.clone()).await.expect("begins");
        catalog::load_facts_of_batches(&mut tx, 0).await.expect("a delta");
        let delta = touched(&mut tx, vendor_id, "product_facts_").await;
        tx.roll_back().await.expect("ends");
        counts.push((by_key, list, delta));
    }
    // A leaf and the vendor's partition above it.
    assert_eq!(counts[0].0, 2, "by key: one leaf");
    assert!(counts[0].1 <= 17, "a list touches at most 16 leaves: {}", counts[0].1);
    assert!(counts[0].2 <= 17, "a delta touches at most 16 leaves: {}", counts[0].2);
    assert_eq!(counts.first(), counts.last(), "the tenth execution holds what the first held");
}

async fn write_a_product(test: &TestDatabase, scope: tenancy::VendorScope) -> odyssey_types::ProductId {
    let mut tx = testing::begin_vendor(&test.database, scope, Actor::command_line()).await.expect("begins");
    let fields = odyssey_types::ProductFields { name: Some("Oat bar".to_owned()), ..Default::default() };
    let write = ProductWrite::new("oat-bar".to_owned(), Change::Replace(Box::new(fields)));
    let written = catalog::write_one(&mut tx, write).await.expect("a product");
    tx.commit().await.expect("commits");
    written.id
}

/// How many relations of the leaf schema are locked; none of them may be another vendor's.
async fn touched(tx: &mut VendorTx, vendor_id: VendorId, prefix: &str) -> usize {
    let leaves = testing::locked_leaves(tx).await.expect("the locks");
    let own = vendor_id.as_uuid().simple().to_string();
    assert!(leaves.iter().all(|leaf| leaf.contains(&own)), "another vendor's leaf is touched: {leaves:?}");
    leaves.iter().filter(|leaf| leaf.starts_with(&format!("odyssey_leaf.{prefix}"))).count()
}
