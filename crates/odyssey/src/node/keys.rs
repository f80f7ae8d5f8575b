//! Opening the key store; making it on the very first start only.

use std::os::unix::fs::DirBuilderExt;

use anyhow::{Context, bail};
use odyssey_vault::{KeyStore, VaultError};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::config::Settings;

/// Opens the key store. A missing one is made only for a database that was never sealed: to replace a lost
/// one would make everything sealed unreadable while looking healthy.
pub(super) async fn open_or_create(
    settings: &Settings,
    database: &PgConnectOptions,
) -> anyhow::Result<KeyStore> {
    let path = settings.keys_dir();
    match KeyStore::open(&path) {
        Ok(keys) => Ok(keys),
        Err(VaultError::Missing { .. }) => {
            if is_sealed(database)
                .await
                .context("whether a lost key store belongs to this database could not be found out")?
            {
                bail!(
                    "the key store {} is missing, and this database was sealed under it: restore it from its backup; \
                     a new one could open nothing",
                    path.display()
                );
            }
            if let Some(parent) = path.parent() {
                std::fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o755)
                    .create(parent)
                    .with_context(|| format!("the folder {} could not be made", parent.display()))?;
            }
            tracing::warn!(path = %path.display(), "Made a new key store; back it up: without it the data cannot be read");
            KeyStore::create(&path)
                .with_context(|| format!("the key store {} could not be made", path.display()))
        }
        Err(error) => {
            Err(error).with_context(|| format!("the key store {} could not be opened", path.display()))
        }
    }
}

/// Whether this database has recorded whose keys it was sealed under. A database that does not exist yet,
/// or has no schema, was not; one that cannot be asked is an error, since a new store beside it would hide
/// the loss.
async fn is_sealed(database: &PgConnectOptions) -> Result<bool, sqlx::Error> {
    /// `invalid_catalog_name`: there is no such database.
    const NO_SUCH_DATABASE: &str = "3D000";
    let mut connection = match database.connect().await {
        Ok(connection) => connection,
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NO_SUCH_DATABASE) => {
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    let exists: bool = sqlx::query_scalar("SELECT to_regclass('odyssey.key_fingerprints') IS NOT NULL")
        .fetch_one(&mut connection)
        .await?;
    let sealed = if exists {
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM odyssey.key_fingerprints)")
            .fetch_one(&mut connection)
            .await?
    } else {
        false
    };
    connection.close().await?;
    Ok(sealed)
}
