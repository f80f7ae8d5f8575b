//! Transactions of the queue's own side, as the platform role.

use futures::future::BoxFuture;
use sqlx::{Connection, PgConnection, PgPool};

use crate::QueueError;

/// Whether a commit waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// For what a crash may not undo: results, cancels, schedules.
    Durable,
    /// For what a crash may undo harmlessly: claims, heartbeats, promotions. A lost claim is claimed again.
    Relaxed,
}

/// Runs `work` in one transaction as `odyssey_platform`, in a task of its own: a caller that is dropped half-way
/// can neither leave a transaction open in the pool nor cut one in two.
pub(crate) async fn platform_tx<T, F>(pool: &PgPool, durability: Durability, work: F) -> Result<T, QueueError>
where
    T: Send + 'static,
    F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, QueueError>> + Send + 'static,
{
    let pool = pool.clone();
    let task = tokio::spawn(async move {
        let mut connection = pool.acquire().await?;
        let mut tx = connection.begin().await?;
        let synchronous_commit = match durability {
            Durability::Durable => "on",
            Durability::Relaxed => "off",
        };
        sqlx::query!(
            "SELECT set_config('role', 'odyssey_platform', true) AS role,
                    set_config('synchronous_commit', $1, true)   AS synchronous_commit",
            synchronous_commit,
        )
        .fetch_one(&mut *tx)
        .await?;
        let answer = work(&mut tx).await?;
        tx.commit().await?;
        Ok(answer)
    });
    task.await?
}

/// How long this transaction waits for a lock, as PostgreSQL writes durations (`250ms`).
pub(crate) async fn set_lock_timeout(
    connection: &mut PgConnection,
    patience: &str,
) -> Result<(), QueueError> {
    sqlx::query!("SELECT set_config('lock_timeout', $1, true)", patience).fetch_one(connection).await?;
    Ok(())
}
