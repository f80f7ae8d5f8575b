//! The key of one file, random per upload and stored wrapped by the vendor's data key.

use std::fmt;

use aes_gcm::Aes256Gcm;

use super::{Header, MAGIC, STREAM_HEADER_BYTES, Salt};
use crate::key::{DerivingKey, NamedSecret};

/// Seals and opens one file through [`super::FrameSealer`] and [`super::FrameOpener`].
pub struct FileKey {
    key: DerivingKey,
}

impl FileKey {
    pub(crate) fn new(named: &NamedSecret) -> Self {
        Self { key: DerivingKey::new(named.id, &named.secret) }
    }

    pub(super) fn header(&self) -> Header {
        let mut header = [0; STREAM_HEADER_BYTES];
        header[..MAGIC.len()].copy_from_slice(&MAGIC);
        header[MAGIC.len()..].copy_from_slice(self.key.id().as_bytes());
        header
    }

    pub(super) fn cipher(&self, salt: &Salt) -> Aes256Gcm {
        self.key.cipher("frame", salt)
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileKey").field("id", &self.key.id()).finish_non_exhaustive()
    }
}
