//! A caller that goes away while its transaction begins must leave nothing to the next borrower.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use odyssey_domain::db::{PoolSettings, SystemTx};
use odyssey_domain::tenancy::{self, Actor};
use odyssey_testkit::TestDatabase;

/// Rounds: enough that a leak of one in twenty would show (dependencies study: unguarded, every
/// cancelled round leaked).
const ROUNDS: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_begin_leaves_the_next_borrower_no_transaction_and_no_vendor() {
    let test = TestDatabase::start().await;
    let one = PoolSettings { app_connections: 1, platform_connections: 1, ..PoolSettings::default() };
    let database = test.reconnect(one);
    let scope = tenancy::scope_for_job(&database, test.vendor("acme").id).await.expect("acme works");

    let mut cancelled = 0;
    for _ in 0..ROUNDS {
        {
            let mut begin =
                pin!(odyssey_domain::db::testing::begin_vendor(&database, scope, Actor::command_line()));
            // Polled once, then dropped: what axum does to a handler whose client hangs up.
            if let Poll::Ready(begun) = begin.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                begun.expect("a transaction begins").roll_back().await.expect("and ends");
            } else {
                tokio::time::sleep(Duration::from_millis(1)).await;
                cancelled += 1;
            }
        }
        let (in_transaction, vendor) =
            odyssey_domain::db::testing::what_the_next_borrower_sees(&database).await;
        assert!(!in_transaction, "the next borrower is inside somebody's transaction");
        assert_eq!(vendor.unwrap_or_default(), "", "the next borrower sees somebody's vendor");
    }
    assert!(
        cancelled > ROUNDS / 2,
        "only {cancelled} of {ROUNDS} rounds were cancelled: the test proves nothing"
    );
}

#[tokio::test]
async fn a_transaction_that_recorded_nothing_cannot_commit() {
    let test = TestDatabase::start().await;
    let scope = tenancy::scope_for_job(&test.database, test.vendor("acme").id).await.expect("acme works");
    let tx = odyssey_domain::db::testing::begin_vendor(&test.database, scope, Actor::command_line())
        .await
        .expect("begins");
    assert!(matches!(tx.commit().await, Err(odyssey_domain::db::DbError::Unaudited)));
}

#[tokio::test]
async fn the_platform_role_sees_no_catalog_and_no_customer() {
    let test = TestDatabase::start().await;
    for table in ["products", "product_facts", "customers", "health_profiles", "consents", "audit_subjects"] {
        let mut tx = SystemTx::begin(&test.database).await.expect("begins");
        let refused = odyssey_domain::db::testing::count_as_platform(&mut tx, table).await;
        assert!(refused.is_err(), "the platform role can read {table}");
    }
}
