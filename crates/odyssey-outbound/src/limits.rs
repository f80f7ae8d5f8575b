//! Every limit of this crate, with its unit and its reason.

use std::time::Duration;

/// Bytes of one URL, also of one that a server redirects to. Signed links to storage take up to 2,000.
pub const URL_BYTES_MAX: usize = 4_096;
/// Characters of a host name: DNS knows no longer ones.
pub const HOST_CHARACTERS_MAX: usize = 253;
/// Headers of one answer. Browsers' favourite sites send about 40.
pub const HEADERS_MAX: usize = 100;
/// Bytes of all headers of one answer. Servers of pictures send about 1 KiB.
pub const HEADER_BYTES_MAX: usize = 32 << 10;
/// Connections kept to one origin for the next request, which saves the handshake to each picture of one shop.
pub const IDLE_CONNECTIONS_MAX: usize = 4;
/// How long a connection is kept for the next request.
pub const IDLE_TIME_MAX: Duration = Duration::from_secs(15);

/// The limits that an operator may want to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body, unless the request says less. Default 20 MiB.
    pub body_bytes_max: u64,
    /// Redirects followed for one request. Default 5.
    pub redirects_max: u8,
    /// To resolve, connect and shake hands, for each hop. Default 5 s.
    pub connect_time_max: Duration,
    /// From the beginning of a hop to the last header of its answer. Default 15 s.
    pub first_byte_time_max: Duration,
    /// The whole request with all its redirects and the body: one byte a second does not hold a worker for
    /// longer. Default 30 s.
    pub whole_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 20 << 20,
            redirects_max: 5,
            connect_time_max: Duration::from_secs(5),
            first_byte_time_max: Duration::from_secs(15),
            whole_time_max: Duration::from_secs(30),
        }
    }
}
