//! `[state]` and `[keys]`: folders of this installation.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateConfig {
    /// Folder of everything kept on disk. Default `.odyssey`, from the working directory. `ODYSSEY__STATE__DIR`.
    pub dir: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// Folder of the key files. Default: `keys` in the state folder. `ODYSSEY__KEYS__DIR`.
    #[serde(deserialize_with = "optional_path")]
    pub dir: Option<PathBuf>,
}

/// An empty text is "not set".
pub(super) fn optional_path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok((!text.is_empty()).then(|| PathBuf::from(text)))
}
