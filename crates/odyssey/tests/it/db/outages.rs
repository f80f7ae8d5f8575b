//! What a caller sees of a database that sleeps, wakes, ends connections, falls silent or is away: nothing, or
//! a 503 that says when to come back. Times are those of the settings, shrunk; none is asserted, but every
//! wait here ends by itself.

use std::time::Duration;

use futures::future::join_all;
use odyssey_api::ApiSettings;
use odyssey_domain::db::{DbError, PoolSettings, SystemTx, testing};
use odyssey_domain::tenancy::{self, Actor};
use odyssey_testkit::{Proxy, Road, TestApp, TestDatabase};
use sqlx::PgConnection;

/// A managed server takes 15 seconds to wake where a caller waits 5 for its turn and 20 for the server; here
/// it takes 0.9 where they wait 0.3 and 6.
const WAKES_IN: Duration = Duration::from_millis(900);
const PATH: &str = "/api/v1/products";

fn impatient() -> PoolSettings {
    PoolSettings {
        app_connections: 3,
        platform_connections: 3,
        acquire_timeout: Duration::from_millis(300),
        connect_timeout: Duration::from_secs(6),
        statement_timeout: Duration::from_secs(2),
    }
}

/// The service on a database behind a proxy. Nothing has been connected by that road yet.
async fn behind(proxy: &Proxy, pools: PoolSettings, change: impl FnOnce(&mut ApiSettings)) -> TestApp {
    let mut test = TestDatabase::start().await;
    test.database = test.reconnect_through(proxy, pools);
    TestApp::on(test, change)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wakes_is_waited_for_by_more_callers_than_there_are_connections() {
    let proxy = Proxy::start().await;
    let app = behind(&proxy, impatient(), |_| {}).await;
    proxy.set(Road::Waking(WAKES_IN)).await;
    let operator = app.vendor("acme").operator().await;
    let answers = join_all((0..9).map(|_| operator.get(PATH))).await;
    for answer in answers {
        answer.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_front_whose_server_is_not_up_yet_is_asked_again() {
    let proxy = Proxy::start().await;
    let pools = PoolSettings { acquire_timeout: Duration::from_secs(10), ..impatient() };
    let app = behind(&proxy, pools, |_| {}).await;
    let operator = app.vendor("acme").operator().await;
    proxy.set(Road::Dropping).await;
    let (answer, ()) = tokio::join!(operator.get(PATH), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        proxy.set(Road::Open).await;
    });
    answer.expect(200);
}

/// PostgreSQL ends idle connections with 57P01, as a managed server does that goes to sleep. Comes back once they are gone, and quickly: a connection that was idle for half a second is tried first.
async fn end_all_connections(superuser: &mut PgConnection) -> usize {
    let mut ended = 0;
    loop {
        let found: Vec<bool> = sqlx::query_scalar(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND usename IN ('odyssey_app_login', 'odyssey_platform_login')",
        )
        .fetch_all(&mut *superuser)
        .await
        .expect("the superuser may");
        if found.is_empty() {
            return ended;
        }
        ended = ended.max(found.len());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_that_the_server_ends_pass_unseen() {
    let mut test = TestDatabase::start().await;
    test.database = test.reconnect(impatient());
    let app = TestApp::on(test, |_| {});
    let mut superuser = app.test.superuser_connection().await;
    let operator = app.vendor("acme").operator().await;
    // Just given back, and idle for so long that they are tried before they are lent.
    for idle in [Duration::ZERO, Duration::from_millis(700), Duration::ZERO] {
        for answer in join_all((0..6).map(|_| operator.get(PATH))).await {
            answer.expect(200);
        }
        tokio::time::sleep(idle).await;
        let ended = end_all_connections(&mut superuser).await;
        assert!(ended >= 3, "only {ended} connections were idle: the test proves nothing");
        // One after the other, so that each finds a dead one.
        for _ in 0..6 {
            let answer = operator.get(PATH).await;
            answer.expect(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_told_and_found_again_without_help() {
    let proxy = Proxy::start().await;
    let app = behind(&proxy, impatient(), |_| {}).await;
    let operator = app.vendor("acme").operator().await;
    operator.get(PATH).await.expect(200);
    for _ in 0..2 {
        proxy.set(Road::Away).await;
        let answer = operator.get(PATH).await;
        assert_eq!(answer.problem(), "503 database-unavailable");
        assert_eq!(answer.header("retry-after"), Some("2"));
        proxy.set(Road::Open).await;
        operator.get(PATH).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_whose_other_end_falls_silent_hang_no_request_and_are_replaced() {
    let proxy = Proxy::start().await;
    let app = behind(&proxy, impatient(), |api| api.request_timeout = Duration::from_millis(600)).await;
    let operator = app.vendor("acme").operator().await;
    for answer in join_all((0..3).map(|_| operator.get(PATH))).await {
        answer.expect(200);
    }
    proxy.set(Road::Silent).await;
    // Every connection that is open now is lost, and nothing says so.
    for answer in join_all((0..4).map(|_| operator.get(PATH))).await {
        answer.expect(503);
        assert!(answer.header("retry-after").is_some());
    }
    proxy.set(Road::Open).await;
    // They are missing until their clean-up is given up (statement and turn time-out together), no longer.
    let mut last = operator.get(PATH).await;
    for _ in 0..40 {
        if last.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        last = operator.get(PATH).await;
    }
    last.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_whose_turn_does_not_come_does_not_wait_as_for_a_server_that_wakes() {
    let test = TestDatabase::start().await;
    let never = Duration::from_hours(1);
    let one = PoolSettings { platform_connections: 1, connect_timeout: never, ..impatient() };
    let database = test.reconnect(one);
    let held = SystemTx::begin(&database).await.expect("the only connection");
    let refused = tokio::time::timeout(Duration::from_secs(20), SystemTx::begin(&database)).await;
    assert!(matches!(refused, Ok(Err(DbError::Unavailable(_)))), "{refused:?}");
    held.roll_back().await.expect("given back");
    SystemTx::begin(&database).await.expect("free again").roll_back().await.expect("given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connection_of_every_pool_plans_for_its_own_vendor_also_under_its_role() {
    let test = TestDatabase::start().await;
    let settings = impatient();
    let count = settings.app_connections;
    let database = test.reconnect(settings);
    let scope = tenancy::scope_for_job(&database, test.vendor("acme").id).await.expect("acme works");
    let (mut vendors, mut platform) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let tx = testing::begin_vendor(&database, scope, Actor::command_line()).await;
        vendors.push(tx.expect("one more connection"));
        platform.push(SystemTx::begin(&database).await.expect("one more connection"));
    }
    let expected = [("plan_cache_mode", "force_custom_plan"), ("jit", "off")];
    for (name, value) in expected {
        for tx in &mut vendors {
            assert_eq!(testing::setting(tx, "role").await.expect("a setting"), "odyssey_app");
            assert_eq!(testing::setting(tx, name).await.expect("a setting"), value);
        }
        for tx in &mut platform {
            let role = testing::setting_of_platform(tx, "role").await.expect("a setting");
            assert_eq!(role, "odyssey_platform");
            assert_eq!(testing::setting_of_platform(tx, name).await.expect("a setting"), value);
        }
    }
}
