//! The key-encryption key: one line of text, so that it can be kept on paper.
//!
//! `odyssey-kek-v1 <id, 16 hex> <key, 64 hex> <check, 16 hex>`. The check is the beginning of the fingerprint
//! and tells a damaged line from a foreign key.

use std::path::Path;

use zeroize::Zeroizing;

use super::files;
use crate::VaultError;
use crate::key::{DerivingKey, KeyId, Secret, random_secret};

const FORMAT: &str = "odyssey-kek-v1";
const CHECK_DIGITS: usize = 16;

pub(crate) struct Kek {
    key: DerivingKey,
    fingerprint: String,
}

impl Kek {
    pub(super) fn read(path: &Path) -> Result<Option<Self>, VaultError> {
        let Some((content, _)) = files::read(path)? else { return Ok(None) };
        let corrupt = || VaultError::Corrupt { path: path.into(), what: "not the line that was written" };
        let line = str::from_utf8(&content).map_err(|_| corrupt())?;
        let mut parts = line.split_ascii_whitespace();
        let (Some(FORMAT), Some(id_hex), Some(key_hex), Some(check), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(corrupt());
        };
        let mut id = [0; KeyId::BYTES];
        let mut secret = Secret::default();
        hex::decode_to_slice(id_hex, &mut id).map_err(|_| corrupt())?;
        hex::decode_to_slice(key_hex, secret.as_mut_slice()).map_err(|_| corrupt())?;
        let kek = Self::new(KeyId::from_bytes(id), &secret);
        if check == &kek.fingerprint[..CHECK_DIGITS] { Ok(Some(kek)) } else { Err(corrupt()) }
    }

    /// Draws a key and writes it where there is none; whether it did.
    pub(super) fn create(path: &Path) -> Result<bool, VaultError> {
        let (id, secret) = (KeyId::generate()?, random_secret()?);
        let kek = Self::new(id, &secret);
        let mut key_hex = Zeroizing::new([0; 64]);
        hex::encode_to_slice(secret.as_slice(), key_hex.as_mut_slice())
            .expect("64 digits hold the 32 bytes of a key");
        // As long as the line will be, so that no outgrown copy of the key stays in memory.
        let mut line = Zeroizing::new(Vec::with_capacity(128));
        line.extend_from_slice(format!("{FORMAT} {id} ").as_bytes());
        line.extend_from_slice(key_hex.as_slice());
        line.extend_from_slice(format!(" {}\n", &kek.fingerprint[..CHECK_DIGITS]).as_bytes());
        files::create(path, &line)
    }

    pub(crate) const fn key(&self) -> &DerivingKey {
        &self.key
    }

    pub(super) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn new(id: KeyId, secret: &Secret) -> Self {
        let key = DerivingKey::new(id, secret);
        Self { fingerprint: fingerprint(&key), key }
    }
}

/// HKDF-Expand (that is, one HMAC-SHA256) of the key over its id, under a purpose of its own.
pub(super) fn fingerprint(key: &DerivingKey) -> String {
    hex::encode(key.derive("fingerprint", key.id().as_bytes()).as_slice())
}
