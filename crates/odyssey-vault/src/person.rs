//! The key of one person. Whoever deletes its wrapped form has erased everything sealed under it.

use std::fmt;

use aes_gcm::{Aes256Gcm, KeyInit};
use odyssey_types::Phi;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::key::{KeyId, NamedSecret};
use crate::{Aad, VaultError, envelope, json};

const WHAT: &str = "a sealed value of a person";

/// Seals and opens the values of one person. Held only while they are needed; wiped when dropped.
pub struct PersonKey {
    id: KeyId,
    cipher: Aes256Gcm,
}

impl PersonKey {
    /// Seals one value for one place.
    pub fn seal(&self, aad: &Aad, plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
        envelope::seal_direct(&self.cipher, self.id, &aad.context(), WHAT, plaintext)
    }

    /// Opens a value that was sealed for this very place.
    pub fn open(&self, aad: &Aad, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        envelope::open_direct(&self.cipher, self.id, &aad.context(), WHAT, sealed)
    }

    /// Seals a value as JSON.
    pub fn seal_json<T: Serialize>(&self, aad: &Aad, value: &T) -> Result<Vec<u8>, VaultError> {
        self.seal(aad, &json::to_plaintext(aad, value)?)
    }

    /// Opens what [`PersonKey::seal_json`] made.
    pub fn open_json<T: DeserializeOwned>(&self, aad: &Aad, sealed: &[u8]) -> Result<Phi<T>, VaultError> {
        json::from_plaintext(aad, &self.open(aad, sealed)?)
    }

    pub(crate) fn new(named: &NamedSecret) -> Self {
        Self { id: named.id, cipher: Aes256Gcm::new((&*named.secret).into()) }
    }
}

impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonKey").field("id", &self.id).finish_non_exhaustive()
    }
}
