//! `[rate_limits]`: requests per minute by route class.

use serde::Deserialize;

use super::ConfigError;
use super::layers::Layers;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimitsConfig {
    /// Standard class for each user, per minute. Default 60. `ODYSSEY__RATE_LIMITS__STANDARD_PER_USER_PER_MINUTE`.
    pub standard_per_user_per_minute: u32,
    /// Standard class for each vendor, per minute. Default 600. `ODYSSEY__RATE_LIMITS__STANDARD_PER_VENDOR_PER_MINUTE`.
    pub standard_per_vendor_per_minute: u32,
    /// Starts of an import for each vendor, per minute. Default 6.
    /// `ODYSSEY__RATE_LIMITS__IMPORT_STARTS_PER_VENDOR_PER_MINUTE`.
    pub import_starts_per_vendor_per_minute: u32,
    /// Beginnings of parts of files for each vendor, per minute. Default 384.
    /// `ODYSSEY__RATE_LIMITS__UPLOAD_PARTS_PER_VENDOR_PER_MINUTE`.
    pub upload_parts_per_vendor_per_minute: u32,
    /// Console reads, search as you type and polling for each user, per minute. Default 600.
    /// `ODYSSEY__RATE_LIMITS__INTERACTIVE_PER_USER_PER_MINUTE`.
    pub interactive_per_user_per_minute: u32,
    /// Refusals of each user that are recorded and answered, per minute. Default 600.
    /// `ODYSSEY__RATE_LIMITS__REFUSALS_PER_USER_PER_MINUTE`.
    pub refusals_per_user_per_minute: u32,
    /// Sign-ins for each address, per minute. Default 20. `ODYSSEY__RATE_LIMITS__SIGN_IN_PER_ADDRESS_PER_MINUTE`.
    pub sign_in_per_address_per_minute: u32,
}

impl RateLimitsConfig {
    pub(super) fn check(&self, layers: &Layers) -> Result<(), ConfigError> {
        for (key, value) in [
            ("rate_limits.standard_per_user_per_minute", self.standard_per_user_per_minute),
            ("rate_limits.standard_per_vendor_per_minute", self.standard_per_vendor_per_minute),
            ("rate_limits.import_starts_per_vendor_per_minute", self.import_starts_per_vendor_per_minute),
            ("rate_limits.upload_parts_per_vendor_per_minute", self.upload_parts_per_vendor_per_minute),
            ("rate_limits.interactive_per_user_per_minute", self.interactive_per_user_per_minute),
            ("rate_limits.refusals_per_user_per_minute", self.refusals_per_user_per_minute),
            ("rate_limits.sign_in_per_address_per_minute", self.sign_in_per_address_per_minute),
        ] {
            layers.check_range(key, value.into(), 1..=1_000_000)?;
        }
        Ok(())
    }
}
