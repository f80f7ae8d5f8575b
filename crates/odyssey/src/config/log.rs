//! `[log]`: form and level of the log on standard error.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::ConfigError;
use super::layers::Layers;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// Form of a line. Default `auto`. `ODYSSEY__LOG__FORMAT`.
    pub format: LogFormat,
    /// Level or list of directives. Default `info`. `ODYSSEY__LOG__LEVEL`.
    pub level: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    Json,
    Pretty,
}

impl LogConfig {
    pub(super) fn check(&self, layers: &Layers) -> Result<(), ConfigError> {
        EnvFilter::try_new(&self.level)
            .map(drop)
            .map_err(|error| layers.refuse("log.level", format!("is not a level: {error}")))
    }
}
