//! `[jobs]`: how this process works the queue.

use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;
use super::layers::Layers;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobsConfig {
    /// Jobs at the same time in this process, count; 0 is one per core. Default 0. `ODYSSEY__JOBS__WORKERS`.
    pub workers: u32,
    /// Jobs of one vendor at the same time, count. Default 2. `ODYSSEY__JOBS__PER_VENDOR_MAX`.
    pub per_vendor_max: u32,
    /// Life of a claim without a sign of life, seconds. Default 60. `ODYSSEY__JOBS__LEASE_SECONDS`.
    pub lease_seconds: u64,
    /// The same for imports, seconds: what a crash costs one at most. Default 15.
    /// `ODYSSEY__JOBS__IMPORT_LEASE_SECONDS`.
    pub import_lease_seconds: u64,
    /// Interval of looking without a notification, milliseconds. Default 1,000. `ODYSSEY__JOBS__POLL_INTERVAL_MS`.
    pub poll_interval_ms: u64,
    /// Time for running jobs after a stop, seconds. Default 30. `ODYSSEY__JOBS__DRAIN_SECONDS`.
    pub drain_seconds: u64,
}

impl JobsConfig {
    /// The number of workers, with 0 resolved to the cores of this machine.
    pub fn worker_count(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(2, usize::from),
            workers => workers as usize,
        }
    }

    pub fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_interval_ms)
    }

    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }

    pub(super) fn check(&self, layers: &Layers) -> Result<(), ConfigError> {
        layers.check_range("jobs.workers", self.workers.into(), 0..=256)?;
        layers.check_range("jobs.per_vendor_max", self.per_vendor_max.into(), 1..=256)?;
        layers.check_range("jobs.lease_seconds", self.lease_seconds, 5..=3_600)?;
        layers.check_range("jobs.import_lease_seconds", self.import_lease_seconds, 5..=3_600)?;
        layers.check_range("jobs.poll_interval_ms", self.poll_interval_ms, 10..=60_000)?;
        layers.check_range("jobs.drain_seconds", self.drain_seconds, 0..=3_600)
    }
}
