//! A node: everything a process of Odyssey works with, put together once at start.
//!
//! Promises: the key store is made on the first start and never again; a database that was sealed under
//! another key store is refused; who was erased stays erased, whatever was restored; the server's own logins are no superusers. Never: serves before the
//! schema and the keys have been checked.

mod keys;
mod logins;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use anyhow::Context;
use odyssey_domain::customers;
use odyssey_domain::db::{self, Database, DatabaseParts, Logins, PoolSettings};
use odyssey_domain::matching::{Audiences, ReceiptSigner, Snapshots};
use odyssey_domain::tenancy::{self, TokenIssuer, TokenSettings};
use odyssey_types::SystemClock;
use odyssey_vault::KeyStore;
use secrecy::SecretString;
use sqlx::Connection as _;
use sqlx::postgres::PgConnectOptions;

use crate::config::{Login, Settings, connect_options, connect_options_as, read_connect_options};
use crate::pg::{self, EmbeddedPg, Patience, Watching};

/// The owner of the schema on the embedded server.
const EMBEDDED_OWNER: &str = "odyssey_owner";
const EMBEDDED_DATABASE: &str = "odyssey";
/// Bytes of vendors' catalogs in memory: fifty vendors of 500,000 products at 128 bytes would be 3.2 GB;
/// the least recently used go beyond this.
const SNAPSHOT_BUDGET_BYTES: usize = 1 << 30;
/// Bytes of compiled customers in memory: eight vendors of 1,000,000 at 64 bytes.
const AUDIENCE_BUDGET_BYTES: usize = 1 << 29;

/// A process of Odyssey, ready to work.
#[derive(Debug)]
pub struct Node {
    pub database: Database,
    pub snapshots: Snapshots,
    pub audiences: Audiences,
    pub issuer: Arc<TokenIssuer>,
    pub receipts: Arc<ReceiptSigner>,
    /// Keeps the embedded server running as long as this node lives, and starts it again when it dies.
    embedded: Option<EmbeddedPg>,
}

/// The server that this installation uses, and how its owner connects.
#[derive(Debug)]
pub struct Server {
    pub owner: PgConnectOptions,
    pub keys: Arc<KeyStore>,
    pub logins: Logins,
    pub embedded: Option<EmbeddedPg>,
}

impl Node {
    /// Starts or finds the database, brings its schema up to date, checks the keys and makes the pools.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let server = Server::open(settings).await?;
        let applied = db::migrate(&server.owner, &server.logins)
            .await
            .context("the schema could not be brought up to date")?;
        if applied > 0 {
            tracing::info!(applied, "Brought the schema up to date");
        }
        let Server { owner, keys, logins, embedded } = server;
        let database = Database::new(DatabaseParts {
            app: connect_options_as(&owner, &login(&logins.app, &logins.app_password)),
            platform: connect_options_as(&owner, &login(&logins.platform, &logins.platform_password)),
            read: read_connect_options(&settings.database)?
                .map(|read| connect_options_as(&read, &login(&logins.app, &logins.app_password))),
            settings: PoolSettings {
                app_connections: settings.database.app_connections_max,
                platform_connections: settings.database.platform_connections_max,
                acquire_timeout: settings.database.acquire_timeout(),
                connect_timeout: settings.database.connect_timeout(),
                statement_timeout: settings.database.statement_timeout(),
            },
            clock: Arc::new(SystemClock),
            keys: Arc::clone(&keys),
        });
        tenancy::check_key_fingerprints(&database)
            .await
            .context("the key store was checked against the database")?;
        database.check_ready().await.context("the server's own logins were checked")?;
        // Before anybody is served: a restored database may still hold people who were erased since its backup.
        customers::replay_erasures(&database)
            .await
            .context("the erasures of the key store's ledger could not be carried out")?;
        let seconds = |ttl: std::time::Duration| {
            chrono::TimeDelta::seconds(i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX / 1000))
        };
        let token_settings = TokenSettings {
            access_ttl: seconds(settings.auth.access_token_ttl()),
            refresh_ttl: seconds(settings.auth.refresh_token_ttl()),
        };
        let issuer = Arc::new(TokenIssuer::open(&keys, token_settings)?);
        let receipts = Arc::new(ReceiptSigner::open(&keys)?);
        let snapshots = Snapshots::new(database.clone(), SNAPSHOT_BUDGET_BYTES)
            .with_cache_dir(settings.snapshot_cache_dir());
        let audiences = Audiences::new(database.clone(), AUDIENCE_BUDGET_BYTES);
        Ok(Self { database, snapshots, audiences, issuer, receipts, embedded })
    }

    /// Why this node cannot go on: its embedded server died and does not start any more. Waits for ever while that is not
    /// so. While it is being started again, requests are answered as by any server whose database is away.
    pub async fn lost(&self) -> anyhow::Error {
        match &self.embedded {
            Some(embedded) => anyhow::Error::msg(embedded.lost().await),
            None => std::future::pending().await,
        }
    }

    /// Closes the pools and gives the embedded server up; the last process that does stops it.
    pub async fn close(self) -> anyhow::Result<()> {
        self.database.close().await;
        if let Some(embedded) = self.embedded {
            tokio::task::spawn_blocking(move || embedded.stop()).await??;
        }
        Ok(())
    }
}

impl Server {
    /// Finds the configured server or starts the embedded one, and opens the key store.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        match connect_options(&settings.database)? {
            Some(owner) => {
                wake(&owner, settings).await?;
                let keys = Arc::new(keys::open_or_create(settings, &owner).await?);
                let logins = logins::of(settings, &keys)?;
                Ok(Self { owner, keys, logins, embedded: None })
            }
            None => Self::open_embedded(settings).await,
        }
    }

    async fn open_embedded(settings: &Settings) -> anyhow::Result<Self> {
        let (state, bin_dir) = (settings.state.dir.clone(), settings.database.bin_dir.clone());
        let mut embedded =
            tokio::task::spawn_blocking(move || EmbeddedPg::ensure_running(&state, bin_dir.as_deref()))
                .await??;
        embedded.watch(Watching::default());
        if let Some(notice) = embedded.notice() {
            tracing::warn!("{notice}");
        }
        let admin = embedded.admin_options();
        let keys =
            Arc::new(keys::open_or_create(settings, &admin.clone().database(EMBEDDED_DATABASE)).await?);
        let password = logins::derived(&keys, EMBEDDED_OWNER)?;
        db::bootstrap_owner(&admin, EMBEDDED_OWNER, &password, EMBEDDED_DATABASE)
            .await
            .context("the embedded PostgreSQL could not be given its owner and database")?;
        let owner = connect_options_as(&admin, &login(EMBEDDED_OWNER, &password)).database(EMBEDDED_DATABASE);
        let logins = logins::of(settings, &keys)?;
        Ok(Self { owner, keys, logins, embedded: Some(embedded) })
    }
}

/// Waits until a server of somebody else answers: a managed one sleeps when idle. Everything after this
/// connects without patience.
async fn wake(owner: &PgConnectOptions, settings: &Settings) -> anyhow::Result<()> {
    let patience = Patience {
        timeout: settings.database.connect_timeout(),
        attempts: settings.database.connect_attempts_max,
    };
    let connection = pg::connect(owner, patience)
        .await
        .context("the database of database.url could not be connected to")?;
    // It has answered; whether it takes leave politely changes nothing.
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "The first connection did not close cleanly");
    }
    Ok(())
}

fn login(name: &str, password: &SecretString) -> Login {
    Login { name: name.to_owned(), password: password.clone() }
}
