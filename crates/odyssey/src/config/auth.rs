//! `[auth]`: tokens and passwords of the local identity provider.

use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;
use super::layers::Layers;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// `iss` of our tokens. Default `odyssey`. `ODYSSEY__AUTH__ISSUER`.
    pub issuer: String,
    /// Life of an access token, seconds. Default 600. `ODYSSEY__AUTH__ACCESS_TOKEN_TTL_SECONDS`.
    pub access_token_ttl_seconds: u64,
    /// Life of an unused refresh token, seconds. Default 43,200. `ODYSSEY__AUTH__REFRESH_TOKEN_TTL_SECONDS`.
    pub refresh_token_ttl_seconds: u64,
    /// Longest session, seconds. Default 604,800. `ODYSSEY__AUTH__SESSION_TTL_SECONDS`.
    pub session_ttl_seconds: u64,
    /// Argon2id memory, KiB. Default 19,456, the floor of the OWASP cheat sheet. `ODYSSEY__AUTH__ARGON2_MEMORY_KIB`.
    pub argon2_memory_kib: u32,
    /// Argon2id passes, count. Default 2. `ODYSSEY__AUTH__ARGON2_PASSES`.
    pub argon2_passes: u32,
    /// Argon2id lanes, count. Default 1. `ODYSSEY__AUTH__ARGON2_LANES`.
    pub argon2_lanes: u32,
    /// Passwords hashed at the same time, count. Default 2. `ODYSSEY__AUTH__CONCURRENT_HASHES_MAX`.
    pub concurrent_hashes_max: u32,
    /// Failed sign-ins of an account per 15 minutes, count. Default 10. `ODYSSEY__AUTH__FAILED_SIGN_INS_MAX`.
    pub failed_sign_ins_max: u32,
}

impl AuthConfig {
    pub fn access_token_ttl(&self) -> Duration {
        Duration::from_secs(self.access_token_ttl_seconds)
    }

    pub fn refresh_token_ttl(&self) -> Duration {
        Duration::from_secs(self.refresh_token_ttl_seconds)
    }

    pub fn session_ttl(&self) -> Duration {
        Duration::from_secs(self.session_ttl_seconds)
    }

    pub(super) fn check(&self, layers: &Layers) -> Result<(), ConfigError> {
        if self.issuer.trim().is_empty() {
            return Err(layers.refuse("auth.issuer", "must not be empty"));
        }
        // Fifteen minutes is the longest that leaves revocation meaningful for health data.
        layers.check_range("auth.access_token_ttl_seconds", self.access_token_ttl_seconds, 30..=900)?;
        layers.check_range("auth.session_ttl_seconds", self.session_ttl_seconds, 60..=2_592_000)?;
        layers.check_range(
            "auth.refresh_token_ttl_seconds",
            self.refresh_token_ttl_seconds,
            self.access_token_ttl_seconds..=self.session_ttl_seconds.max(self.access_token_ttl_seconds),
        )?;
        layers.check_range("auth.argon2_memory_kib", self.argon2_memory_kib.into(), 7_168..=1_048_576)?;
        layers.check_range("auth.argon2_passes", self.argon2_passes.into(), 1..=20)?;
        layers.check_range("auth.argon2_lanes", self.argon2_lanes.into(), 1..=16)?;
        layers.check_range("auth.concurrent_hashes_max", self.concurrent_hashes_max.into(), 1..=64)?;
        layers.check_range("auth.failed_sign_ins_max", self.failed_sign_ins_max.into(), 1..=1_000)
    }
}
