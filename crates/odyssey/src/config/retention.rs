//! `[retention]`: how long what is kept. Each line has a scheduled purge, which a legal hold stops.

use serde::Deserialize;

use super::ConfigError;
use super::layers::Layers;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionConfig {
    /// Audit events, days. Default 2,192 (six years: 45 CFR 164.316(b)(2)). `ODYSSEY__RETENTION__AUDIT_DAYS`.
    pub audit_days: u32,
    /// Former versions of rows, days. Default 30. `ODYSSEY__RETENTION__HISTORY_DAYS`.
    pub history_days: u32,
    /// Answers for idempotency keys, hours. Default 24. `ODYSSEY__RETENTION__IDEMPOTENCY_HOURS`.
    pub idempotency_hours: u32,
    /// Unfinished uploads after their last byte, hours. Default 24. `ODYSSEY__RETENTION__UNFINISHED_UPLOAD_HOURS`.
    pub unfinished_upload_hours: u32,
    /// Uploads after a finished import, days. Default 7. `ODYSSEY__RETENTION__FINISHED_UPLOAD_DAYS`.
    pub finished_upload_days: u32,
    /// Error rows of an import, days. Default 90. `ODYSSEY__RETENTION__IMPORT_ERRORS_DAYS`.
    pub import_errors_days: u32,
    /// Finished jobs, days. Default 30. `ODYSSEY__RETENTION__FINISHED_JOBS_DAYS`.
    pub finished_jobs_days: u32,
}

impl RetentionConfig {
    pub(super) fn check(&self, layers: &Layers) -> Result<(), ConfigError> {
        // Six years is the law's minimum for required documentation, so it may only grow.
        layers.check_range("retention.audit_days", self.audit_days.into(), 2_192..=36_525)?;
        layers.check_range("retention.idempotency_hours", self.idempotency_hours.into(), 24..=8_760)?;
        for (key, value) in [
            ("retention.history_days", self.history_days),
            ("retention.unfinished_upload_hours", self.unfinished_upload_hours),
            ("retention.finished_upload_days", self.finished_upload_days),
            ("retention.import_errors_days", self.import_errors_days),
            ("retention.finished_jobs_days", self.finished_jobs_days),
        ] {
            layers.check_range(key, value.into(), 1..=36_525)?;
        }
        Ok(())
    }
}
