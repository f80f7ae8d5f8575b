//! Settings: typed sections, one struct per concern, the only reader of the environment.
//!
//! Owns: `config.default.toml` (built in), `./odyssey.toml`, the variables `ODYSSEY__<SECTION>__<KEY>`.
//! Promises: a key that is not in the defaults is refused; a bad value stops the start with its name and
//! its place; secrets are in a type that does not print. Emits: nothing. Never: connects to anything.

mod auth;
mod database;
mod database_url;
mod ingest;
mod jobs;
mod layers;
mod limits;
mod log;
mod matching;
mod server;
mod show;
mod storage;
mod store;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod url_tests;

use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use auth::AuthConfig;
pub use database::DatabaseConfig;
pub use database_url::{
    DatabaseUrlError, Login, connect_options, connect_options_as, parse_url, read_connect_options,
};
pub use ingest::IngestConfig;
pub use jobs::JobsConfig;
pub use layers::Place;
pub use limits::RateLimitsConfig;
pub use log::{LogConfig, LogFormat};
pub use matching::MatchingConfig;
pub use server::ServerConfig;
pub use storage::{KeysConfig, StateConfig};
pub use store::{StoreConfig, StoreKind};

use layers::Layers;

/// File that is read when it exists and no other is named.
pub const DEFAULT_FILE: &str = "odyssey.toml";

/// Everything that can be set. The fields say meaning, unit, default and variable.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub server: ServerConfig,
    pub state: StateConfig,
    pub keys: KeysConfig,
    pub database: DatabaseConfig,
    pub auth: AuthConfig,
    pub rate_limits: RateLimitsConfig,
    pub jobs: JobsConfig,
    pub ingest: IngestConfig,
    pub store: StoreConfig,
    pub matching: MatchingConfig,
    pub log: LogConfig,
}

/// Why the settings cannot be used. Every variant names the setting and the place it came from, and none
/// repeats the value of a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration file {} cannot be read", path.display())]
    ReadFile {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the configuration file {} is not valid TOML, line {line}: {detail}", path.display())]
    Syntax { path: PathBuf, line: usize, detail: String },
    #[error("{place}: there is no setting `{key}`{hint}")]
    UnknownKey { key: String, place: Place, hint: String },
    #[error("{place}: `{key}` {detail}")]
    Value { key: String, place: Place, detail: String },
}

/// Settings together with the knowledge of where each came from.
#[derive(Debug)]
pub struct Loaded {
    pub settings: Settings,
    layers: Layers,
}

impl Loaded {
    /// Every setting in effect with its place, secrets masked, as TOML.
    pub fn show(&self) -> String {
        show::render(&self.layers)
    }
}

/// Reads the settings of this process: `file` (must exist) or `./odyssey.toml` (if it exists), and the
/// environment.
pub fn load(file: Option<&Path>) -> Result<Loaded, ConfigError> {
    load_from(file, std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))))
}

/// The same with an environment given, so that a test need not change its own.
pub fn load_from(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, std::ffi::OsString)>,
) -> Result<Loaded, ConfigError> {
    let mut layers = Layers::defaults();
    match file {
        Some(path) => layers.add_file(path)?,
        None if Path::new(DEFAULT_FILE).exists() => layers.add_file(Path::new(DEFAULT_FILE))?,
        None => {}
    }
    layers.add_environment(environment)?;
    let settings: Settings = layers.deserialize()?;
    settings.check(&layers)?;
    Ok(Loaded { settings, layers })
}

impl Settings {
    /// What the types alone cannot say.
    fn check(&self, layers: &Layers) -> Result<(), ConfigError> {
        self.server.check(layers)?;
        self.database.check(layers)?;
        self.auth.check(layers)?;
        self.rate_limits.check(layers)?;
        self.jobs.check(layers)?;
        self.ingest.check(layers)?;
        self.store.check(layers)?;
        self.log.check(layers)
    }

    /// Folder of the key files.
    pub fn keys_dir(&self) -> PathBuf {
        self.keys.dir.clone().unwrap_or_else(|| self.state.dir.join("keys"))
    }

    /// Folder where uploads wait, of a store on a disk.
    pub fn spool_dir(&self) -> PathBuf {
        self.ingest.spool_dir.clone().unwrap_or_else(|| self.state.dir.join("spool"))
    }

    /// Folder of catalogs ready to be loaded.
    pub fn snapshot_cache_dir(&self) -> PathBuf {
        self.matching.cache_dir.clone().unwrap_or_else(|| self.state.dir.join("snapshots"))
    }
}
