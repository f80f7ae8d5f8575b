//! `[database]`: which PostgreSQL, how many connections, how much patience.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use super::ConfigError;
use super::database_url::parse_url;
use super::layers::Layers;
use super::storage::optional_path;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// Server and owning role; unset means the embedded server. Secret. Default unset. `ODYSSEY__DATABASE__URL`.
    #[serde(deserialize_with = "optional_secret")]
    pub url: Option<SecretString>,
    /// Replica for unaudited reads. Secret. Default unset. `ODYSSEY__DATABASE__READ_URL`.
    #[serde(deserialize_with = "optional_secret")]
    pub read_url: Option<SecretString>,
    /// Folder of the PostgreSQL binaries. Default: looked for. `ODYSSEY__DATABASE__BIN_DIR`.
    #[serde(deserialize_with = "optional_path")]
    pub bin_dir: Option<PathBuf>,
    /// Role of vendors' work. Default `odyssey_app_login`. `ODYSSEY__DATABASE__APP_LOGIN`.
    pub app_login: String,
    /// Role of work across vendors. Default `odyssey_platform_login`. `ODYSSEY__DATABASE__PLATFORM_LOGIN`.
    pub platform_login: String,
    /// Secret. Default: derived from the key store. `ODYSSEY__DATABASE__APP_PASSWORD`.
    #[serde(deserialize_with = "optional_secret")]
    pub app_password: Option<SecretString>,
    /// Secret. Default: derived from the key store. `ODYSSEY__DATABASE__PLATFORM_PASSWORD`.
    #[serde(deserialize_with = "optional_secret")]
    pub platform_password: Option<SecretString>,
    /// Connections for vendors' transactions, count. Default 16. `ODYSSEY__DATABASE__APP_CONNECTIONS_MAX`.
    pub app_connections_max: u32,
    /// Connections across vendors, count. Default 8. `ODYSSEY__DATABASE__PLATFORM_CONNECTIONS_MAX`.
    pub platform_connections_max: u32,
    /// Wait for a free connection or a server that is away, milliseconds. Default 5,000. `ODYSSEY__DATABASE__ACQUIRE_TIMEOUT_MS`.
    pub acquire_timeout_ms: u64,
    /// Longest statement, milliseconds. Default 30,000. `ODYSSEY__DATABASE__STATEMENT_TIMEOUT_MS`.
    pub statement_timeout_ms: u64,
    /// One attempt to connect to a server that may be asleep, seconds. Default 20. `ODYSSEY__DATABASE__CONNECT_TIMEOUT_SECONDS`.
    pub connect_timeout_seconds: u64,
    /// Attempts at start, count. Default 6. `ODYSSEY__DATABASE__CONNECT_ATTEMPTS_MAX`.
    pub connect_attempts_max: u32,
    /// PEM file of a private certificate authority. Default: public ones only. `ODYSSEY__DATABASE__TLS_ROOT_CERTIFICATE`.
    #[serde(deserialize_with = "optional_path")]
    pub tls_root_certificate: Option<PathBuf>,
    /// Weakens: no verification of a remote server. Default false. `ODYSSEY__DATABASE__TLS_ALLOW_UNVERIFIED`.
    pub tls_allow_unverified: bool,
    /// Weakens: no encryption to a remote server. Default false. `ODYSSEY__DATABASE__TLS_ALLOW_PLAINTEXT`.
    pub tls_allow_plaintext: bool,
    /// Weakens: transaction-mode poolers. Default false. `ODYSSEY__DATABASE__ALLOW_TRANSACTION_POOLER`.
    pub allow_transaction_pooler: bool,
}

impl DatabaseConfig {
    pub fn acquire_timeout(&self) -> Duration {
        Duration::from_millis(self.acquire_timeout_ms)
    }

    pub fn statement_timeout(&self) -> Duration {
        Duration::from_millis(self.statement_timeout_ms)
    }

    pub fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_seconds)
    }

    pub(super) fn check(&self, layers: &Layers) -> Result<(), ConfigError> {
        for (key, url) in [("database.url", &self.url), ("database.read_url", &self.read_url)] {
            if let Some(url) = url {
                parse_url(self, url).map_err(|error| layers.refuse(key, error.to_string()))?;
            }
        }
        if self.read_url.is_some() && self.url.is_none() {
            return Err(
                layers.refuse("database.read_url", "needs database.url: the embedded server has no replica")
            );
        }
        for (key, login) in
            [("database.app_login", &self.app_login), ("database.platform_login", &self.platform_login)]
        {
            // PostgreSQL cuts names at 63 bytes, and a cut name would be another role.
            if login.is_empty() || login.len() > 63 {
                return Err(layers.refuse(key, "must have 1 to 63 bytes"));
            }
        }
        if self.app_login == self.platform_login {
            // A login that may take both roles could switch between them.
            return Err(layers.refuse("database.platform_login", "must differ from database.app_login"));
        }
        layers.check_range("database.app_connections_max", self.app_connections_max.into(), 1..=1_000)?;
        layers.check_range(
            "database.platform_connections_max",
            self.platform_connections_max.into(),
            2..=1_000,
        )?;
        layers.check_range("database.acquire_timeout_ms", self.acquire_timeout_ms, 10..=120_000)?;
        layers.check_range("database.statement_timeout_ms", self.statement_timeout_ms, 100..=3_600_000)?;
        // A server that sleeps when idle takes up to 15 s to wake.
        layers.check_range("database.connect_timeout_seconds", self.connect_timeout_seconds, 15..=300)?;
        layers.check_range("database.connect_attempts_max", self.connect_attempts_max.into(), 1..=100)
    }
}

/// An empty text is "not set".
pub(super) fn optional_secret<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SecretString>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok((!text.is_empty()).then(|| SecretString::from(text)))
}
