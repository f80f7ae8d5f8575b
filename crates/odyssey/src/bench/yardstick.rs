//! Running a yardstick's query: one statement that returns ids, on connections of the superuser.

use std::time::Instant;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};
use uuid::Uuid;

use super::measure::{Round, drive};

/// `each` times on each of `clients` connections of the pool.
pub async fn warm(pool: &PgPool, sql: &str, clients: usize, each: usize) -> anyhow::Result<Round> {
    let (pool, sql) = (pool.clone(), sql.to_owned());
    drive(clients, each, move |_| {
        let (pool, sql) = (pool.clone(), sql.clone());
        async move { ids(&pool, &sql).await.map(drop) }
    })
    .await
}

/// Once, on a connection made for it: nothing planned, no system catalog cached. Connecting is not counted.
pub async fn cold(pool: &PgPool, sql: &str) -> anyhow::Result<Round> {
    let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
    let started = Instant::now();
    sqlx::query_scalar::<_, Uuid>(AssertSqlSafe(sql.to_owned())).fetch_all(&mut connection).await?;
    let round = Round::single(started.elapsed(), 1);
    connection.close().await?;
    Ok(round)
}

/// What the query finds, in its order.
pub async fn ids(pool: &PgPool, sql: &str) -> anyhow::Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(pool).await?)
}
