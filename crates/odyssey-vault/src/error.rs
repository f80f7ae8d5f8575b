//! What can go wrong in the vault. Each variant says what was attempted; none holds a key or a plaintext.

use std::path::PathBuf;

use odyssey_types::VendorId;

use crate::KeyId;

/// Failures of the key store, of sealing and of opening.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There is no key store where one was expected. It is never made anew in its place, since what the lost
    /// one sealed could not be opened any more.
    #[error("no key store at {path}: restore it from its backup; a new one could not open what is stored")]
    Missing { path: PathBuf },
    /// A key store was to be created where one is already.
    #[error("refused to create a key store at {path}: there is one already")]
    AlreadyExists { path: PathBuf },
    /// The key-encryption key is gone while other parts of the key store are still there.
    #[error("refused to create a key-encryption key at {path}: it holds keys or erasures of an earlier one")]
    Remnants { path: PathBuf },
    /// A file or directory of the key store is open to the group or to everyone.
    #[error("refused to use {path}: its mode is {mode:04o}, nobody but the owner may have access")]
    Permissions { path: PathBuf, mode: u32 },
    /// The file system refused.
    #[error("failed to {attempt} {path}")]
    Io { attempt: &'static str, path: PathBuf, source: std::io::Error },
    /// A file of the key store does not have the content it was written with.
    #[error("{path} is damaged: {what}")]
    Corrupt { path: PathBuf, what: &'static str },
    /// A file of the key store was wrapped by another key-encryption key.
    #[error("{path} was wrapped by the key-encryption key {found}, the one at hand is {expected}")]
    WrongKek { path: PathBuf, expected: KeyId, found: KeyId },
    /// The key store holds no keys for this vendor: never created, or erased.
    #[error("the key store holds no keys of vendor {vendor}")]
    UnknownVendor { vendor: VendorId },
    /// A name of a secret that could not be a file name.
    #[error("a secret's name has 1 to 64 of a-z, 0-9 and '-'")]
    SecretName,
    /// The operating system gave no random bytes.
    #[error("failed to get random bytes")]
    Randomness(#[source] getrandom::Error),
    /// The value was sealed under a key that is not at hand.
    #[error("failed to open {what}: it was sealed under key {found}, which is not at hand")]
    UnknownKey { what: &'static str, found: KeyId },
    /// The bytes are no envelope (or stream) of this crate, or one of a later version.
    #[error("failed to open {what}: not an envelope of a known version")]
    Format { what: &'static str },
    /// Authentication failed: other key, vendor, row or column, or changed bytes.
    #[error("failed to open {what}: it was sealed for another place or has been changed")]
    Refused { what: &'static str },
    /// A value of one vendor was to be sealed or opened with the keys of another.
    #[error("refused to use the keys of vendor {keys} for a value of vendor {value}")]
    ForeignVendor { keys: VendorId, value: VendorId },
    /// Longer than AES-GCM can seal in one message (64 GiB).
    #[error("failed to seal {what}: it is too long")]
    TooLong { what: &'static str },
    /// A value could not be written as JSON, or the sealed JSON does not have the expected shape. The message
    /// of the JSON library is left out, because it quotes what it read.
    #[error("failed to {attempt} the JSON of column {column} (line {line}, position {position})")]
    Json { attempt: &'static str, column: &'static str, line: usize, position: usize },
    /// Reading or writing below a sealed stream failed.
    #[error("failed to {attempt} a sealed stream")]
    Stream { attempt: &'static str, source: std::io::Error },
    /// A sealed stream ended before its last frame.
    #[error("the sealed stream ends before its last frame, in frame {frame}")]
    Truncated { frame: u64 },
    /// A frame is not the one that belongs at this place.
    #[error("frame {frame} of the sealed stream was refused: changed, moved or of another stream")]
    FrameRefused { frame: u64 },
    /// A sealed stream goes on after its last frame.
    #[error("the sealed stream goes on after its last frame {frame}")]
    TrailingData { frame: u64 },
    /// An earlier failure left the stream unusable.
    #[error("the sealed stream failed before and cannot be used further")]
    StreamFailed,
}

impl VaultError {
    /// As seen through `std::io`: a failure below the stream stays what it was, anything else is wrapped.
    pub(crate) fn into_io(self) -> std::io::Error {
        match self {
            Self::Stream { source, .. } => source,
            Self::Truncated { .. } => std::io::Error::new(std::io::ErrorKind::UnexpectedEof, self),
            other => std::io::Error::new(std::io::ErrorKind::InvalidData, other),
        }
    }
}
