//! For tests of this crate and of those above it: doubles of the stores across the network, and what every store must
//! do.

pub mod conformance;
pub mod s3;
mod s3_faults;
pub mod supabase;
mod wire;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::patience::Patience;

pub use s3::S3Double;
pub use s3_faults::S3Fault;
pub use supabase::{Fault, SupabaseDouble};

/// Patience for stores on this machine: the same number of tries, and no time between them.
pub fn hasty() -> Patience {
    Patience {
        connect_max: Duration::from_secs(2),
        request_max: Duration::from_secs(20),
        silence_max: Duration::from_secs(2),
        attempts_max: 5,
        pause_first: Duration::from_millis(2),
        pause_max: Duration::from_millis(20),
    }
}

/// Somebody who takes connections and says nothing: the address. Ends with the runtime.
pub async fn silent() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    address
}

/// Bytes that look random and are the same each time.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
