//! `[ingest]`: limits of files that vendors send.

use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;
use super::layers::Layers;
use super::storage::optional_path;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IngestConfig {
    /// Folder of waiting uploads. Default: `spool` in the state folder. `ODYSSEY__INGEST__SPOOL_DIR`.
    #[serde(deserialize_with = "optional_path")]
    pub spool_dir: Option<PathBuf>,
    /// Largest file as sent, bytes. Default 8 GiB. `ODYSSEY__INGEST__FILE_BYTES_MAX`.
    pub file_bytes_max: u64,
    /// Files of one vendor that lie here at the same time, bytes. Default 64 GiB. `ODYSSEY__INGEST__VENDOR_BYTES_MAX`.
    pub vendor_bytes_max: u64,
    /// Largest unpacked size as a multiple of `file_bytes_max`. Default 200. `ODYSSEY__INGEST__EXPANSION_RATIO_MAX`.
    pub expansion_ratio_max: u32,
    /// Records per merge transaction, count. Default 5,000. `ODYSSEY__INGEST__BATCH_ROWS`.
    pub batch_rows: u32,
    /// Row errors kept per job, count. Default 100,000. `ODYSSEY__INGEST__ROW_ERRORS_MAX`.
    pub row_errors_max: u32,
}

impl IngestConfig {
    pub(super) fn check(&self, layers: &Layers) -> Result<(), ConfigError> {
        layers.check_range("ingest.file_bytes_max", self.file_bytes_max, 1_024..=1 << 40)?;
        layers.check_range(
            "ingest.vendor_bytes_max",
            self.vendor_bytes_max,
            self.file_bytes_max..=1 << 50,
        )?;
        layers.check_range("ingest.expansion_ratio_max", self.expansion_ratio_max.into(), 1..=10_000)?;
        layers.check_range("ingest.batch_rows", self.batch_rows.into(), 1..=1_000_000)?;
        layers.check_range("ingest.row_errors_max", self.row_errors_max.into(), 1..=10_000_000)
    }
}
