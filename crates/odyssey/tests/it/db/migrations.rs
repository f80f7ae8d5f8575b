//! The migrations run from empty, once, whoever else starts at the same moment.

use odyssey_domain::db;
use odyssey_testkit::{OWNER, TestDatabase, admin_options, logins};
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

#[tokio::test(flavor = "multi_thread")]
async fn migrations_run_from_empty_once_and_say_what_has_run() {
    // Roles belong to the cluster: once the template is there, nobody else changes them.
    let _template = TestDatabase::start().await;
    let name = format!("odyssey_test_migrating_{}", uuid::Uuid::now_v7().simple());
    let password = SecretString::from("test");
    db::bootstrap_owner(&admin_options(), OWNER, &password, &name).await.expect("an empty database");
    let owner = admin_options().database(&name).username(OWNER).password("test");

    let before = db::migration_status(&owner).await.expect("a status");
    assert!(before.len() > 10 && before.iter().all(|it| !it.applied), "{before:?}");
    let logins = logins();
    let (one, other) = tokio::join!(db::migrate(&owner, &logins), db::migrate(&owner, &logins));
    let mut ran = [one.expect("migrates"), other.expect("waits, and finds nothing to do")];
    ran.sort_unstable();
    assert_eq!(ran, [0, before.len()]);
    let after = db::migration_status(&owner).await.expect("a status");
    assert!(after.iter().all(|it| it.applied), "{after:?}");

    let mut admin = PgConnection::connect_with(&admin_options()).await.expect("the superuser");
    let drop = format!("DROP DATABASE {name} WITH (FORCE)");
    sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut admin).await.expect("dropped");
}
