//! What can go wrong in any store, told in the same words by all of them.

use std::io;

use crate::path::{PathError, StorePath};

/// Failures of a store. Each says what was attempted and what to do; none holds an address with a token in it, a
/// secret, or a text that a server wrote freely.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The path itself cannot be.
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("there is no file `{path}` in the store")]
    NotFound { path: StorePath },
    /// The store is there and does not let us: credentials, rights, or a setting.
    #[error("the store refused to {attempt}: {reason}")]
    Refused { attempt: String, reason: String },
    /// The store did not answer, or asked to come back. The same again later may succeed.
    #[error("the store could not {attempt}: {reason}")]
    Unreachable { attempt: String, reason: String },
    /// No room, or a file longer than the store takes.
    #[error("the store has no room to {attempt}: {reason}")]
    Full { attempt: String, reason: String },
    /// What came back is not what was stored, or makes no sense.
    #[error("the store cannot be believed when asked to {attempt}: {reason}")]
    Corrupt { attempt: String, reason: String },
    /// It took a file and kept something else, which was removed. Whoever has the bytes may write them again.
    #[error("the store did not keep what it was asked to {attempt}: {reason}")]
    NotKept { attempt: String, reason: String },
}

/// What a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Begin from what is known to be there.
    NotFound,
    /// An operator changes credentials, rights or settings.
    Refused,
    /// Try again later.
    Unreachable,
    /// An operator makes room.
    Full,
    /// The file is lost: store it again.
    Corrupt,
    /// Nothing was stored, though the store said so: store it again.
    NotKept,
}

impl StoreError {
    /// No `_` arm, so that a new variant is a decision.
    pub const fn cause(&self) -> Cause {
        match self {
            Self::NotFound { .. } => Cause::NotFound,
            // Nothing but a change of the program or of its settings helps.
            Self::Path(_) | Self::Refused { .. } => Cause::Refused,
            Self::Unreachable { .. } => Cause::Unreachable,
            Self::Full { .. } => Cause::Full,
            Self::Corrupt { .. } => Cause::Corrupt,
            Self::NotKept { .. } => Cause::NotKept,
        }
    }

    /// Whether the store may do the same later: by itself, or once an operator has done something.
    pub const fn may_pass(&self) -> bool {
        matches!(self.cause(), Cause::Refused | Cause::Unreachable | Cause::Full | Cause::NotKept)
    }

    /// Whether the same may succeed later without anybody's doing.
    pub fn is_retryable(&self) -> bool {
        self.cause() == Cause::Unreachable
    }

    /// The store's own error in one of `std::io`, where one came through a reader or a writer of this crate.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    }

    pub(crate) fn refused(attempt: &Attempt<'_>, reason: impl Into<String>) -> Self {
        Self::Refused { attempt: attempt.text(), reason: reason.into() }
    }

    pub(crate) fn unreachable(attempt: &Attempt<'_>, reason: impl Into<String>) -> Self {
        Self::Unreachable { attempt: attempt.text(), reason: reason.into() }
    }

    pub(crate) fn full(attempt: &Attempt<'_>, reason: impl Into<String>) -> Self {
        Self::Full { attempt: attempt.text(), reason: reason.into() }
    }

    pub(crate) fn corrupt(attempt: &Attempt<'_>, reason: impl Into<String>) -> Self {
        Self::Corrupt { attempt: attempt.text(), reason: reason.into() }
    }

    pub(crate) fn not_kept(attempt: &Attempt<'_>, stored: u64, byte_count: u64) -> Self {
        Self::NotKept { attempt: attempt.text(), reason: format!("it kept {stored} of {byte_count} bytes") }
    }
}

impl From<StoreError> for io::Error {
    fn from(error: StoreError) -> Self {
        let kind = match error.cause() {
            Cause::NotFound => io::ErrorKind::NotFound,
            Cause::Refused => io::ErrorKind::PermissionDenied,
            Cause::Unreachable => io::ErrorKind::NotConnected,
            Cause::Full => io::ErrorKind::StorageFull,
            Cause::Corrupt | Cause::NotKept => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

/// What is being done, and to which file or folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub verb: &'static str,
    pub path: Option<&'a StorePath>,
}

impl<'a> Attempt<'a> {
    pub const fn at(verb: &'static str, path: &'a StorePath) -> Self {
        Self { verb, path: Some(path) }
    }

    pub const fn within(verb: &'static str, path: Option<&'a StorePath>) -> Self {
        Self { verb, path }
    }

    pub fn text(&self) -> String {
        match self.path {
            Some(path) => format!("{} `{path}`", self.verb),
            None => format!("{} its root", self.verb),
        }
    }

    /// There is no such file; for what has no path of its own, the store itself is not as it should be.
    pub fn not_found(&self) -> StoreError {
        match self.path {
            Some(path) => StoreError::NotFound { path: path.clone() },
            None => StoreError::refused(self, "it is not there; check the settings"),
        }
    }
}
