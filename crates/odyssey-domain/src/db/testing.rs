//! Looking at transactions from outside, for the tests that prove the guards. Not compiled into the
//! product: behind the feature `testing`, which only the test harness turns on.

use super::{Database, DbError, SystemTx, VendorTx};
use crate::tenancy::{Actor, VendorScope};

/// Begins a vendor's transaction without a request.
pub async fn begin_vendor(
    database: &Database,
    scope: VendorScope,
    actor: Actor,
) -> Result<VendorTx, DbError> {
    VendorTx::begin(database, scope, actor).await
}

/// Whether a freshly borrowed connection stands in a transaction, and which vendor it sees.
#[expect(clippy::missing_panics_doc, reason = "only tests call this")]
pub async fn what_the_next_borrower_sees(database: &Database) -> (bool, Option<String>) {
    let mut connection = database.app.pool().acquire().await.expect("a connection");
    // In autocommit each statement has its own now(); inside a transaction it stands still.
    let mut instants = Vec::new();
    for _ in 0..2 {
        let now: chrono::DateTime<chrono::Utc> = sqlx::query_scalar("SELECT pg_catalog.now()")
            .fetch_one(&mut *connection)
            .await
            .expect("the time");
        instants.push(now);
        tokio::time::sleep(std::time::Duration::from_micros(50)).await;
    }
    let vendor: Option<String> =
        sqlx::query_scalar("SELECT pg_catalog.current_setting('app.vendor_id', true)")
            .fetch_one(&mut *connection)
            .await
            .expect("the setting");
    (instants.first() == instants.last(), vendor)
}

/// What PostgreSQL says to the victim of a deadlock, said to this transaction.
pub async fn collide(tx: &mut VendorTx) -> DbError {
    let raise = "DO $$ BEGIN RAISE 'deadlock detected' USING ERRCODE = '40P01'; END $$";
    sqlx::raw_sql(raise).execute(tx.connection()).await.expect_err("it was raised").into()
}

/// Rows of a table as the platform role counts them.
pub async fn count_as_platform(tx: &mut SystemTx, table: &'static str) -> Result<i64, DbError> {
    let statement = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM odyssey.{table}"));
    Ok(sqlx::query_scalar(statement).fetch_one(tx.connection()).await?)
}

/// Relations locked by the statement that runs now in this transaction, by leaf name.
pub async fn locked_leaves(tx: &mut VendorTx) -> Result<Vec<String>, DbError> {
    let rows = sqlx::query_scalar::<_, String>(
        "SELECT DISTINCT l.relation::regclass::text FROM pg_catalog.pg_locks l
         JOIN pg_catalog.pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'p')
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'odyssey_leaf'
         WHERE l.pid = pg_catalog.pg_backend_pid() ORDER BY 1",
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

/// The value of a setting as a transaction across vendors has it.
pub async fn setting_of_platform(tx: &mut SystemTx, name: &str) -> Result<String, DbError> {
    Ok(sqlx::query_scalar("SELECT pg_catalog.current_setting($1)")
        .bind(name)
        .fetch_one(tx.connection())
        .await?)
}

/// The value of a setting as this transaction has it.
pub async fn setting(tx: &mut VendorTx, name: &str) -> Result<String, DbError> {
    Ok(sqlx::query_scalar("SELECT pg_catalog.current_setting($1)")
        .bind(name)
        .fetch_one(tx.connection())
        .await?)
}

/// How many locks this transaction holds on tables and indexes of any schema of ours.
pub async fn locks_held(tx: &mut VendorTx) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar(
        "SELECT count(*) FROM pg_catalog.pg_locks l
         JOIN pg_catalog.pg_class c ON c.oid = l.relation
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname LIKE 'odyssey%'
         WHERE l.pid = pg_catalog.pg_backend_pid()",
    )
    .fetch_one(tx.connection())
    .await?)
}

/// The plan inside the search function, as the function itself sees it.
pub async fn explain_search(tx: &mut VendorTx, query: &str) -> Result<Vec<String>, DbError> {
    let statement = "SELECT * FROM odyssey.explain_search_products($1::text::tsquery)";
    Ok(sqlx::query_scalar(statement).bind(query).fetch_all(tx.connection()).await?)
}
