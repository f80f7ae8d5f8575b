//! Fifty vendors at full size, and each hot query touches the leaves of one: counted in `pg_locks`, since
//! `EXPLAIN` shows the plan of one execution and not what the sixth will do.

use odyssey_domain::catalog::{self, Change, ProductQuery, ProductWrite};
use odyssey_domain::customers::{
    self, ConsentChange, ConsentPurpose, ConsentState, CustomerQuery, CustomerWrite, MatchAct,
};
use odyssey_domain::db::{PoolSettings, VendorTx, testing};
use odyssey_domain::tenancy::{self, Actor, NewVendor};
use odyssey_testkit::TestDatabase;
use odyssey_types::{CustomerId, Phi, ProductId, VendorId};
use serde_json::{Value, json};

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

    let customer_id = write_a_customer(&test, scope).await;
    // One connection of its own, so that all ten executions are of the same prepared statements: a generic plan
    // would show from the sixth on.
    let one = PoolSettings { app_connections: 1, ..PoolSettings::default() };
    let database = test.reconnect(one);
    for query in Hot::ALL {
        let mut held = Vec::new();
        for _ in 0..10 {
            let mut tx = testing::begin_vendor(&database, scope, actor.clone()).await.expect("begins");
            let setting = testing::setting(&mut tx, "plan_cache_mode").await.expect("a setting");
            assert_eq!(setting, "force_custom_plan");
            query.run(&mut tx, product_id, customer_id).await;
            for (table, leaves_max) in query.touches() {
                // The vendor's partition stands above its leaves.
                let leaves = touched(&mut tx, vendor_id, table).await.saturating_sub(1);
                assert!((1..=leaves_max).contains(&leaves), "{query:?} touches {leaves} leaves of {table}");
            }
            held.push(testing::locks_held(&mut tx).await.expect("a count"));
            tx.roll_back().await.expect("ends");
        }
        assert!(held[9] <= held[0], "{query:?}: the tenth execution holds more than the first: {held:?}");
    }
}

/// The queries that requests wait for.
#[derive(Debug, Clone, Copy)]
enum Hot {
    ProductByKey,
    Hydrate,
    ListProducts,
    Delta,
    Search,
    CustomerByKey,
    ProfileByKey,
    OpenForMatching,
    ListCustomers,
}

impl Hot {
    const ALL: [Self; 9] = [
        Self::ProductByKey,
        Self::Hydrate,
        Self::ListProducts,
        Self::Delta,
        Self::Search,
        Self::CustomerByKey,
        Self::ProfileByKey,
        Self::OpenForMatching,
        Self::ListCustomers,
    ];

    /// Which tables it may touch, and how many of the vendor's leaves.
    fn touches(self) -> Vec<(&'static str, usize)> {
        match self {
            Self::ProductByKey => vec![("products_", 1)],
            Self::Hydrate | Self::ListProducts => vec![("products_", 16)],
            Self::Delta => vec![("product_facts_", 16)],
            // Documents have one partition a vendor and no leaves below it.
            Self::Search => vec![],
            Self::CustomerByKey => vec![("customers_", 1)],
            Self::ProfileByKey | Self::OpenForMatching => vec![("customers_", 1), ("health_profiles_", 1)],
            Self::ListCustomers => vec![("customers_", 32)],
        }
    }

    async fn run(self, tx: &mut VendorTx, product_id: ProductId, customer_id: CustomerId) {
        match self {
            Self::ProductByKey => {
                catalog::find_product(tx, product_id).await.expect("by key").expect("the product");
            }
            Self::Hydrate => {
                // As many as an answer shows, most of which are gone: the plan cannot know.
                let mut ids: Vec<ProductId> =
                    (0..19).map(|at| ProductId::from_uuid(uuid::Uuid::from_u128(at))).collect();
                ids.push(product_id);
                assert_eq!(catalog::find_products(tx, &ids).await.expect("by keys").len(), 1);
            }
            Self::ListProducts => {
                let query = ProductQuery { limit: 50, ..ProductQuery::default() };
                catalog::list_products(tx, &query).await.expect("a list");
            }
            Self::Delta => {
                catalog::load_facts_of_batches(tx, 0).await.expect("a delta");
            }
            Self::Search => {
                assert_eq!(catalog::find_by_text(tx, "oat").await.expect("found").len(), 1);
                // The vendor's own partition and no other; `touched` refuses any other's.
                assert!(touched(tx, tx.vendor_id(), "product_documents_").await <= 1);
            }
            Self::CustomerByKey => {
                customers::get_customer(tx, customer_id).await.expect("by key");
            }
            Self::ProfileByKey => {
                customers::get_profile(tx, customer_id).await.expect("by key");
            }
            Self::OpenForMatching => {
                customers::open_for_matching(tx, customer_id, MatchAct::Match).await.expect("opened");
            }
            Self::ListCustomers => {
                let query = CustomerQuery { limit: 50, ..CustomerQuery::default() };
                customers::list_customers(tx, &query).await.expect("a list");
            }
        }
    }
}

pub(super) async fn write_a_product(
    test: &TestDatabase,
    scope: tenancy::VendorScope,
) -> odyssey_types::ProductId {
    let mut tx = testing::begin_vendor(&test.database, scope, Actor::command_line()).await.expect("begins");
    let fields = odyssey_types::ProductFields { name: Some("Oat bar".to_owned()), ..Default::default() };
    let write = ProductWrite::new("oat-bar".to_owned(), Change::Replace(Box::new(fields)));
    let written = catalog::write_one(&mut tx, write).await.expect("a product");
    tx.commit().await.expect("commits");
    written.id
}

async fn write_a_customer(test: &TestDatabase, scope: tenancy::VendorScope) -> CustomerId {
    let mut tx = testing::begin_vendor(&test.database, scope, Actor::command_line()).await.expect("begins");
    let Value::Object(patch) = json!({ "name": "Ada", "profile": { "height_cm": 170 } }) else {
        unreachable!()
    };
    let consent = ConsentChange {
        purpose: ConsentPurpose::HealthData,
        state: ConsentState::Granted,
        text_version: None,
    };
    let change = customers::Change::Merge(Phi::new(patch));
    let write =
        CustomerWrite { consents: vec![consent], ..CustomerWrite::by_external_id("M-1".to_owned(), change) };
    let written = customers::write_one(&mut tx, write).await.expect("a customer");
    tx.commit().await.expect("commits");
    written.id
}

/// How many relations of the leaf schema are locked; none of them may be another vendor's.
async fn touched(tx: &mut VendorTx, vendor_id: VendorId, prefix: &str) -> usize {
    let mut leaves = testing::locked_leaves(tx).await.expect("the locks");
    // The trail is partitioned by month, not by vendor.
    leaves.retain(|leaf| !leaf.starts_with("odyssey_leaf.audit_"));
    let own = vendor_id.as_uuid().simple().to_string();
    assert!(leaves.iter().all(|leaf| leaf.contains(&own)), "another vendor's leaf is touched: {leaves:?}");
    leaves.iter().filter(|leaf| leaf.starts_with(&format!("odyssey_leaf.{prefix}"))).count()
}
