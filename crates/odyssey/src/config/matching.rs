//! `[matching]`: what the matching engine keeps on this machine.

use std::path::PathBuf;

use serde::Deserialize;

use super::storage::optional_path;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchingConfig {
    /// Folder of catalogs ready to be loaded. Default: `snapshots` in the state folder. `ODYSSEY__MATCHING__CACHE_DIR`.
    #[serde(deserialize_with = "optional_path")]
    pub cache_dir: Option<PathBuf>,
}
