//! Transactions of the queue's own side, as the platform role.

use futures::future::BoxFuture;
use sqlx::{Connection, PgConnection, PgPool};

use crate::QueueError;

/// How a transaction begins: its role, whether its commit waits for the disk, how long it waits for a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// For what a crash may not undo: results, schedules.
    Durable,
    /// For what a crash may undo harmlessly: claims, heartbeats, promotions. A lost claim is claimed again.
    Relaxed,
    /// The same, waiting at most five seconds for a lock.
    RelaxedPatient,
}

impl Mode {
    /// One round trip opens the transaction and settles everything.
    const fn begin(self) -> &'static str {
        match self {
            Self::Durable => "BEGIN; SET LOCAL ROLE odyssey_platform; SET LOCAL synchronous_commit = on",
            Self::Relaxed => "BEGIN; SET LOCAL ROLE odyssey_platform; SET LOCAL synchronous_commit = off",
            Self::RelaxedPatient => {
                "BEGIN; SET LOCAL ROLE odyssey_platform; SET LOCAL synchronous_commit = off; SET LOCAL lock_timeout = '5s'"
            }
        }
    }
}

/// Runs `work` in one transaction as `odyssey_platform`, in a task of its own: a caller that is dropped half-way
/// can neither leave a transaction open in the pool nor cut one in two. A single statement that begins a
/// transaction and sets its role is safe only for that reason.
pub(crate) async fn platform_tx<T, F>(pool: &PgPool, mode: Mode, work: F) -> Result<T, QueueError>
where
    T: Send + 'static,
    F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, QueueError>> + Send + 'static,
{
    let pool = pool.clone();
    let task = tokio::spawn(async move {
        let mut connection = pool.acquire().await?;
        let mut tx = connection.begin_with(mode.begin()).await?;
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
