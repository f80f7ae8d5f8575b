//! `[server]`: the listener and what a request may take.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;
use super::layers::Layers;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Address and port to listen on. Default `127.0.0.1:8080`. `ODYSSEY__SERVER__BIND`.
    pub bind: SocketAddr,
    /// Requests worked on at the same time, count. Default 512. `ODYSSEY__SERVER__CONCURRENT_REQUESTS_MAX`.
    pub concurrent_requests_max: u32,
    /// Longest request, seconds. Default 30. `ODYSSEY__SERVER__REQUEST_TIMEOUT_SECONDS`.
    pub request_timeout_seconds: u64,
    /// Largest JSON body, bytes. Default 32 MiB. `ODYSSEY__SERVER__JSON_BODY_BYTES_MAX`.
    pub json_body_bytes_max: u64,
    /// Time for requests under way after a stop, seconds. Default 30. `ODYSSEY__SERVER__SHUTDOWN_GRACE_SECONDS`.
    pub shutdown_grace_seconds: u64,
    /// Own proxies in front, count. Default 0. `ODYSSEY__SERVER__TRUSTED_PROXY_HOPS`.
    pub trusted_proxy_hops: u8,
}

impl ServerConfig {
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_seconds)
    }

    pub fn shutdown_grace(&self) -> Duration {
        Duration::from_secs(self.shutdown_grace_seconds)
    }

    pub(super) fn check(&self, layers: &Layers) -> Result<(), ConfigError> {
        layers.check_range(
            "server.concurrent_requests_max",
            self.concurrent_requests_max.into(),
            1..=100_000,
        )?;
        layers.check_range("server.request_timeout_seconds", self.request_timeout_seconds, 1..=3_600)?;
        layers.check_range("server.json_body_bytes_max", self.json_body_bytes_max, 1_024..=1_073_741_824)?;
        layers.check_range("server.shutdown_grace_seconds", self.shutdown_grace_seconds, 0..=3_600)
    }
}
