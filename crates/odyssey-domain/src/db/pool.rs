//! The pools and what stands around them.

use std::sync::Arc;
use std::time::Duration;

use odyssey_types::Clock;
use odyssey_vault::KeyStore;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgPool};
use tokio::sync::broadcast;
use tokio::time::timeout;

use super::lender::Lender;
use super::{DbError, Notice};

/// Sizes and patience of the pools.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// Connections for vendor transactions.
    pub app_connections: u32,
    /// Connections for cross-vendor work: sign-in, queue, retention.
    pub platform_connections: u32,
    /// How long a request waits for a connection, or for a server that is away, before it is told to come back.
    pub acquire_timeout: Duration,
    /// How long it waits where the server takes the connection and is slow to speak: it was asleep.
    pub connect_timeout: Duration,
    /// Longest statement; a request must never hang on the database.
    pub statement_timeout: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            app_connections: 16,
            platform_connections: 8,
            acquire_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(20),
            statement_timeout: Duration::from_secs(30),
        }
    }
}

/// What a [`Database`] is made of.
#[derive(Debug)]
pub struct DatabaseParts {
    /// Connects as the application login.
    pub app: PgConnectOptions,
    /// Connects as the platform login.
    pub platform: PgConnectOptions,
    /// Connects reads that need no audit to a replica; the primary when absent.
    pub read: Option<PgConnectOptions>,
    pub settings: PoolSettings,
    pub clock: Arc<dyn Clock>,
    pub keys: Arc<KeyStore>,
}

/// The database as the domain sees it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    pub(super) app: Lender,
    pub(super) read: Lender,
    pub(super) loader: Lender,
    pub(super) platform: Lender,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) keys: Arc<KeyStore>,
    notices: broadcast::Sender<Notice>,
}

/// Connections of their own for loading whole catalogs: nobody else waits while one is read.
pub const LOADER_CONNECTIONS: u32 = 2;
/// Notices that may wait for a slow listener before it is told that it missed some.
const NOTICE_BACKLOG: usize = 1024;
/// A connection idle for longer is pinged before it is lent: a server that restarted or went to sleep
/// has closed it (57P01), and the borrower should never see that.
const PING_AFTER_IDLE: Duration = Duration::from_millis(500);
/// Longest wait for the answer to it. The other end may be gone without a word.
const PING_MAX: Duration = Duration::from_secs(2);

impl Database {
    /// Makes the pools; connects lazily.
    pub fn new(parts: DatabaseParts) -> Self {
        let (notices, _) = broadcast::channel(NOTICE_BACKLOG);
        let settings = &parts.settings;
        let lender = |options, size| Lender::new(pool(options, settings, size), settings);
        let app = lender(parts.app.clone(), settings.app_connections);
        let loader = lender(parts.read.clone().unwrap_or(parts.app), LOADER_CONNECTIONS);
        let read = parts.read.map_or_else(|| app.clone(), |read| lender(read, settings.app_connections));
        Self {
            app,
            read,
            loader,
            platform: lender(parts.platform, settings.platform_connections),
            clock: parts.clock,
            keys: parts.keys,
            notices,
        }
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub fn keys(&self) -> &Arc<KeyStore> {
        &self.keys
    }

    /// What this process commits from now on.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    pub(super) fn notify(&self, notice: Notice) {
        // No listener is no failure: the queue polls and snapshots catch up when asked.
        if self.notices.send(notice).is_err() {
            tracing::trace!("nobody listens to notices");
        }
    }

    /// The platform pool for the queue, whose statements set their own role. No other area may ask.
    pub(crate) fn queue_pool(&self) -> PgPool {
        self.platform.pool().clone()
    }

    /// Connections in use and idle: application, then platform.
    pub fn pool_sizes(&self) -> [(u32, usize); 2] {
        [&self.app, &self.platform].map(|lender| (lender.pool().size(), lender.pool().num_idle()))
    }

    /// Closes the pools, waiting for what is lent out.
    pub async fn close(&self) {
        for lender in [&self.app, &self.read, &self.loader, &self.platform] {
            lender.pool().close().await;
        }
    }

    /// Checks that both logins can work and that neither is a superuser or bypasses policies.
    pub async fn check_ready(&self) -> Result<(), DbError> {
        for pool in [&self.app, &self.platform].map(Lender::pool) {
            let (superuser, bypass): (bool, bool) = sqlx::query_as(
                "SELECT rolsuper, rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = session_user",
            )
            .fetch_one(pool)
            .await?;
            if superuser || bypass {
                return Err(DbError::inconsistent(
                    "the application connects as a role that ignores row-level security",
                ));
            }
        }
        Ok(())
    }
}

fn pool(options: PgConnectOptions, settings: &PoolSettings, size: u32) -> PgPool {
    let options = options.options([
        ("search_path", "odyssey,pg_catalog"),
        // The sixth execution of a prepared statement would otherwise plan over every vendor's leaves.
        ("plan_cache_mode", "force_custom_plan"),
        ("jit", "off"),
        ("statement_timeout", &settings.statement_timeout.as_millis().to_string()),
        ("idle_in_transaction_session_timeout", "60000"),
        ("timezone", "UTC"),
        // "Does not exist, skipping" is no news.
        ("client_min_messages", "warning"),
    ]);
    // A statement that its caller gave up on may still run when its connection comes back, but no longer than
    // statements run. Whatever takes longer has no server at its other end, and would be missing for minutes.
    let clean_up_max = settings.statement_timeout + settings.acquire_timeout;
    PgPoolOptions::new()
        .max_connections(size)
        .min_connections(0)
        // The longest wait there is; `Lender` ends most of them sooner.
        .acquire_timeout(settings.connect_timeout.max(settings.acquire_timeout))
        .idle_timeout(Duration::from_mins(4))
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for < PING_AFTER_IDLE {
                    return Ok(true);
                }
                Ok(matches!(timeout(PING_MAX, connection.ping()).await, Ok(Ok(()))))
            })
        })
        // The first guard against leaked transactions: whatever a cancelled `begin` left open ends
        // here. On an aborted transaction BEGIN fails and sqlx closes the connection, which is as good.
        .after_release(move |connection, _| {
            Box::pin(async move {
                let ended = timeout(clean_up_max, sqlx::raw_sql("BEGIN; ROLLBACK").execute(connection)).await;
                ended.map_err(|_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))??;
                Ok(true)
            })
        })
        .connect_lazy_with(options)
}
