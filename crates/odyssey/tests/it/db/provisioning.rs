//! A vendor is made and removed by one function each, and nobody who reads meanwhile waits.

use std::time::Duration;

use odyssey_domain::catalog::{self, ProductQuery};
use odyssey_domain::db::{VendorTx, testing};
use odyssey_domain::tenancy::{self, Actor, NewVendor, TenancyError, Vendor};
use odyssey_testkit::TestDatabase;
use odyssey_vault::VaultError;

use super::leaves::write_a_product;

/// Tables with a vendor that a removal leaves alone, and why.
const KEPT: [(&str, &str); 4] = [
    ("audit_", "the trail is kept for six years, whatever becomes of the vendor"),
    ("erasures", "who was made unreadable must stay so after any restore; an id and a time"),
    ("legal_holds", "the record of what was held and why; a vendor under one is not removed"),
    ("job", "ids, codes and counts, which the retention of jobs purges; a job without its vendor fails"),
];

async fn newcomer(test: &TestDatabase) -> Vendor {
    let new = NewVendor {
        slug: "newcomer".to_owned(),
        name: "Newcomer".to_owned(),
        product_leaves: 2,
        customer_leaves: 2,
    };
    tenancy::create_vendor(&test.database, &Actor::command_line(), new).await.expect("a vendor is made")
}

async fn read(tx: &mut VendorTx) -> usize {
    let query = ProductQuery { limit: 10, ..ProductQuery::default() };
    let page = tokio::time::timeout(Duration::from_secs(2), catalog::list_products(tx, &query)).await;
    page.expect("a reader never waits").expect("a list").items.len()
}

/// Whoever makes a vendor holds locks on the parents of all partitions for seconds; the functions that do it give up on
/// those after five.
#[tokio::test]
async fn a_vendor_waits_for_its_turn_while_others_are_made() {
    let test = TestDatabase::start().await;
    let mut other = test.superuser_connection().await;
    let making = "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('odyssey.vendors', 0));
                  LOCK TABLE odyssey.products IN ACCESS EXCLUSIVE MODE";
    sqlx::raw_sql(making).execute(&mut other).await.expect("another one is made");
    let ended = async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await.expect("it ends");
    };
    let (made, ()) = tokio::join!(newcomer(&test), ended);
    assert_eq!(made.slug, "newcomer");
}

#[tokio::test]
async fn making_and_removing_a_vendor_waits_for_no_reader_and_makes_none_wait() {
    let test = TestDatabase::start().await;
    let actor = Actor::command_line();
    let acme = tenancy::scope_for_job(&test.database, test.vendor("acme").id).await.expect("acme works");
    write_a_product(&test, acme).await;
    // Holds its locks on the parents, as a long report does, until the end of this test.
    let mut reader = testing::begin_vendor(&test.database, acme, actor.clone()).await.expect("begins");
    assert_eq!(read(&mut reader).await, 1);

    let made = newcomer(&test).await;
    let scope = tenancy::scope_for_job(&test.database, made.id).await.expect("it works");
    write_a_product(&test, scope).await;
    assert_eq!(read(&mut reader).await, 1);

    tenancy::suspend_vendor(&test.database, &actor, made.id).await.expect("suspended");
    tenancy::remove_vendor(&test.database, &actor, made.id).await.expect("removed");
    assert_eq!(read(&mut reader).await, 1, "acme has what it had");

    let gone = tenancy::get_vendor(&test.database, made.id).await;
    assert!(matches!(gone, Err(TenancyError::VendorNotFound)));
    assert!(matches!(test.database.keys().vendor(made.id), Err(VaultError::UnknownVendor { .. })));
    let mut superuser = test.superuser_connection().await;
    for table in ["products", "product_facts", "product_documents", "catalog_commits"] {
        let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM odyssey.{table} WHERE vendor_id = $1"));
        let left: i64 = sqlx::query_scalar(count)
            .bind(made.id.as_uuid())
            .fetch_one(&mut superuser)
            .await
            .expect("a count");
        assert_eq!(left, 0, "{table}");
    }
    tenancy::check_key_fingerprints(&test.database).await.expect("the node still starts");
    newcomer(&test).await;
}

#[tokio::test]
async fn a_removal_that_died_after_the_keys_can_be_finished_and_not_taken_back() {
    let test = TestDatabase::start().await;
    let actor = Actor::command_line();
    let made = newcomer(&test).await;
    tenancy::suspend_vendor(&test.database, &actor, made.id).await.expect("suspended");
    assert!(test.database.keys().remove_vendor(made.id).expect("destroyed"));

    tenancy::check_key_fingerprints(&test.database).await.expect("a node starts, to repeat the removal");
    let back = tenancy::unsuspend_vendor(&test.database, &actor, made.id).await;
    assert!(matches!(back, Err(TenancyError::Vault(VaultError::UnknownVendor { .. }))), "{back:?}");
    tenancy::remove_vendor(&test.database, &actor, made.id).await.expect("finished");
    let gone = tenancy::get_vendor(&test.database, made.id).await;
    assert!(matches!(gone, Err(TenancyError::VendorNotFound)));
}

#[tokio::test]
async fn a_node_without_the_keys_of_a_vendor_that_works_does_not_start() {
    let test = TestDatabase::start().await;
    assert!(test.database.keys().remove_vendor(test.vendor("acme").id).expect("lost"));
    let refused = tenancy::check_key_fingerprints(&test.database).await;
    assert!(matches!(refused, Err(TenancyError::Vault(VaultError::UnknownVendor { .. }))), "{refused:?}");
}

#[tokio::test]
async fn a_removal_empties_every_table_that_has_a_vendor() {
    let test = TestDatabase::start().await;
    let mut superuser = test.superuser_connection().await;
    let source: String = sqlx::query_scalar(
        "SELECT string_agg(prosrc, ' ') FROM pg_proc WHERE pronamespace = 'odyssey'::regnamespace AND proname = 'remove_vendor'",
    )
    .fetch_one(&mut superuser)
    .await
    .expect("the function");
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'vendor_id' AND NOT a.attisdropped
         WHERE c.relnamespace = 'odyssey'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1",
    )
    .fetch_all(&mut superuser)
    .await
    .expect("the tables");
    assert!(tables.len() > 15, "{tables:?}");
    let forgotten: Vec<&String> = tables
        .iter()
        .filter(|table| !KEPT.iter().any(|(prefix, _)| table.starts_with(prefix)))
        .filter(|table| !source.contains(&format!("'{table}'")))
        .collect();
    assert!(forgotten.is_empty(), "a removed vendor leaves rows in {forgotten:?}");
}
