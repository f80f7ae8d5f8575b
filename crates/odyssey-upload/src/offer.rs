//! What this server takes: the limits and extensions that are told to clients and held.

use crate::limits::STRUCTURED_INTEGER_MAX;

/// What is offered. The extensions `creation`, `creation-with-upload`, `expiration`, `checksum` and `termination`
/// always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// Bytes of an upload at most.
    pub upload_bytes_max: u64,
    /// Bytes of one request at most, of the draft only: tus cannot tell its clients.
    pub append_bytes_max: Option<u64>,
    /// Bytes of one request at least, of the draft only; an empty one and the last are exempt.
    pub append_bytes_min: Option<u64>,
    /// Whether a tus upload may begin without its length.
    pub defer_length: bool,
    /// Whether tus uploads may be joined.
    pub concatenation: bool,
}

impl Offer {
    /// Bytes of an upload at most, in numbers that both protocols can write.
    pub const fn bytes_max(&self) -> u64 {
        if self.upload_bytes_max < STRUCTURED_INTEGER_MAX {
            self.upload_bytes_max
        } else {
            STRUCTURED_INTEGER_MAX
        }
    }

    /// `Tus-Extension`.
    pub fn extensions(&self) -> String {
        let optional = [("creation-defer-length", self.defer_length), ("concatenation", self.concatenation)];
        let always = ["creation", "creation-with-upload", "expiration", "checksum", "termination"];
        let offered = optional.iter().filter(|(_, offered)| *offered).map(|(name, _)| *name);
        always.into_iter().chain(offered).collect::<Vec<_>>().join(",")
    }
}
