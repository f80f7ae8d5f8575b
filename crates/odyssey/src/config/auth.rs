//! `[auth]`: tokens and passwords of the local identity provider.

use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;
use super::layers::Layers;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// Life of an access token, seconds. Default 600. `ODYSSEY__AUTH__ACCESS_TOKEN_TTL_SECONDS`.
    pub access_token_ttl_seconds: u64,
    /// Life of a session, however often refreshed, seconds. Default 43,200. `ODYSSEY__AUTH__REFRESH_TOKEN_TTL_SECONDS`.
    pub refresh_token_ttl_seconds: u64,
    /// Argon2id memory, KiB. Default 19,456, the floor of the OWASP cheat sheet. `ODYSSEY__AUTH__ARGON2_MEMORY_KIB`.
    pub argon2_memory_kib: u32,
    /// Argon2id passes, count. Default 2. `ODYSSEY__AUTH__ARGON2_PASSES`.
    pub argon2_passes: u32,
}

impl AuthConfig {
    pub fn access_token_ttl(&self) -> Duration {
        Duration::from_secs(self.access_token_ttl_seconds)
    }

    pub fn refresh_token_ttl(&self) -> Duration {
        Duration::from_secs(self.refresh_token_ttl_seconds)
    }

    pub(super) fn check(&self, layers: &Layers) -> Result<(), ConfigError> {
        // Fifteen minutes is the longest that leaves revocation meaningful for health data.
        layers.check_range("auth.access_token_ttl_seconds", self.access_token_ttl_seconds, 30..=900)?;
        layers.check_range(
            "auth.refresh_token_ttl_seconds",
            self.refresh_token_ttl_seconds,
            self.access_token_ttl_seconds..=2_592_000,
        )?;
        layers.check_range("auth.argon2_memory_kib", self.argon2_memory_kib.into(), 7_168..=1_048_576)?;
        layers.check_range("auth.argon2_passes", self.argon2_passes.into(), 1..=20)
    }
}
