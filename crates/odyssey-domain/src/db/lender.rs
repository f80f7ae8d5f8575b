//! Lending connections with two kinds of patience: little for one's turn, more for a server that wakes.
//!
//! A managed server that sleeps when idle takes up to 15 seconds to answer a connection, and ends those
//! that were open (57P01). Neither may reach a caller. A server that is away, or a pool whose connections
//! are all at work, must not keep a caller waiting for as long. From inside a pool the three look alike,
//! so the difference is made here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Postgres, Transaction};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::PoolSettings;

/// Pause before another attempt, once every connection of the pool has turned out to be dead.
const PAUSE: Duration = Duration::from_millis(200);
/// Longest look at a server that has not answered in time: one that is up answers in milliseconds.
const LOOK_MAX: Duration = Duration::from_secs(1);
/// How long what a look saw is believed, so that a crowd of waiting callers looks once.
const LOOK_KEPT: Duration = Duration::from_secs(1);

/// One pool and what its callers may expect of it. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Lender(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: PgPool,
    /// Transactions that have begun and not ended.
    lent: AtomicU32,
    turn_timeout: Duration,
    connect_timeout: Duration,
    look: Mutex<Option<(Instant, bool)>>,
}

/// A transaction that has begun. Whoever holds it is counted among the busy.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) transaction: Transaction<'static, Postgres>,
    pub(super) loan: Loan,
}

/// Ends with the transaction it belongs to.
#[derive(Debug)]
pub(super) struct Loan(Arc<Inner>);

impl Drop for Loan {
    fn drop(&mut self) {
        self.0.lent.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lender {
    pub(super) fn new(pool: PgPool, settings: &PoolSettings) -> Self {
        Self(Arc::new(Inner {
            pool,
            lent: AtomicU32::new(0),
            turn_timeout: settings.acquire_timeout,
            connect_timeout: settings.connect_timeout.max(settings.acquire_timeout),
            look: Mutex::new(None),
        }))
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.0.pool
    }

    /// Begins a transaction with this statement, on whichever connection turns out to be alive. Nothing
    /// has been sent on a dead one, so trying another is harmless.
    pub(super) async fn begin(&self, statement: &str) -> Result<Begun, sqlx::Error> {
        let started = Instant::now();
        let mut attempts = 0;
        loop {
            let error = match self.begin_once(statement).await {
                Ok(transaction) => {
                    self.0.lent.fetch_add(1, Ordering::Relaxed);
                    return Ok(Begun { transaction, loan: Loan(Arc::clone(&self.0)) });
                }
                Err(error) => error,
            };
            if !broke_before_use(&error) || started.elapsed() >= self.0.turn_timeout {
                return Err(error);
            }
            attempts += 1;
            // So many may have died in their sleep; one more, and it is the server that turns us away.
            if attempts > self.connections_max() {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    async fn begin_once(&self, statement: &str) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let begin = self.0.pool.begin_with(AssertSqlSafe(statement.to_owned()));
        tokio::pin!(begin);
        if let Ok(outcome) = timeout(self.0.turn_timeout, &mut begin).await {
            return outcome;
        }
        if self.is_busy() || !self.is_waking().await {
            return Err(sqlx::Error::PoolTimedOut);
        }
        let rest = self.0.connect_timeout.saturating_sub(self.0.turn_timeout);
        timeout(rest, begin).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    fn connections_max(&self) -> u32 {
        self.0.pool.options().get_max_connections()
    }

    /// Every connection is at work: the server is there, and waiting longer would only lengthen the queue.
    fn is_busy(&self) -> bool {
        self.0.lent.load(Ordering::Relaxed) >= self.connections_max()
    }

    /// Whether the server takes a connection and is slow to speak, or speaks by now. One that is down
    /// refuses, and one that is starting says so.
    async fn is_waking(&self) -> bool {
        let mut look = self.0.look.lock().await;
        if let Some((at, waking)) = *look
            && at.elapsed() < LOOK_KEPT
        {
            return waking;
        }
        let options = self.0.pool.connect_options();
        let waking = match timeout(LOOK_MAX, PgConnection::connect_with(&options)).await {
            Err(_) => true,
            Ok(Err(_)) => false,
            Ok(Ok(connection)) => {
                if let Err(error) = connection.close().await {
                    tracing::debug!(%error, "A connection that looked after the server did not close cleanly");
                }
                true
            }
        };
        *look = Some((Instant::now(), waking));
        waking
    }
}

/// The connection was gone before anything of ours reached the server, as opposed to the server refusing.
fn broke_before_use(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => !matches!(
            error.kind(),
            std::io::ErrorKind::ConnectionRefused
                | std::io::ErrorKind::NotFound
                | std::io::ErrorKind::TimedOut
        ),
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code == "57P01"),
        // Cut off in the middle of the greeting, or of the BEGIN: nothing was begun.
        sqlx::Error::Protocol(_) | sqlx::Error::BeginFailed => true,
        _ => false,
    }
}
