//! Keys that derive a fresh key for every message, and the randomness everything is made of.

use std::fmt;

use aes_gcm::{Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::VaultError;

/// Bytes of every symmetric key in this crate.
pub(crate) const KEY_BYTES: usize = 32;

/// A 256-bit key in memory, wiped when dropped.
pub(crate) type Secret = Zeroizing<[u8; KEY_BYTES]>;

/// The public name of a key: eight random bytes, stored in the clear beside what the key sealed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; KeyId::BYTES]);

impl KeyId {
    pub(crate) const BYTES: usize = 8;

    pub(crate) const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    pub(crate) fn generate() -> Result<Self, VaultError> {
        random().map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// Random bytes of the operating system. No generator of our own sits between, so that a forked process
/// cannot repeat them.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(VaultError::Randomness)?;
    Ok(bytes)
}

/// A new random key.
pub(crate) fn random_secret() -> Result<Secret, VaultError> {
    let mut secret = Secret::default();
    getrandom::fill(secret.as_mut_slice()).map_err(VaultError::Randomness)?;
    Ok(secret)
}

/// A key with its id, as it lies inside an envelope: id (8 bytes) ‖ key (32 bytes).
pub(crate) struct NamedSecret {
    pub(crate) id: KeyId,
    pub(crate) secret: Secret,
}

impl NamedSecret {
    pub(crate) const BYTES: usize = KeyId::BYTES + KEY_BYTES;

    pub(crate) fn generate() -> Result<Self, VaultError> {
        Ok(Self { id: KeyId::generate()?, secret: random_secret()? })
    }

    pub(crate) fn encode(&self) -> Zeroizing<[u8; Self::BYTES]> {
        let mut bytes = Zeroizing::new([0; Self::BYTES]);
        bytes[..KeyId::BYTES].copy_from_slice(self.id.as_bytes());
        bytes[KeyId::BYTES..].copy_from_slice(self.secret.as_slice());
        bytes
    }

    /// `None` when the bytes have another length.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (id, key) = bytes.split_first_chunk()?;
        let mut secret = Secret::default();
        if key.len() != KEY_BYTES {
            return None;
        }
        secret.copy_from_slice(key);
        Some(Self { id: KeyId::from_bytes(*id), secret })
    }
}

/// A key that seals nothing itself. Each message gets a key of its own, derived from a random salt, so that
/// the limit of 2^32 random nonces under one AES-GCM key is out of reach however long this key serves.
///
/// Message key = HKDF-Expand-SHA256(key, `odyssey-vault/v1/` ‖ purpose ‖ 0x00 ‖ salt), 32 bytes. The extract
/// step is left out because the key is uniformly random already (RFC 5869, section 3.3). The purpose keeps a
/// value that was sealed for one use from being opened in another.
pub(crate) struct DerivingKey {
    id: KeyId,
    hkdf: Hkdf<Sha256>,
}

impl DerivingKey {
    pub(crate) fn new(id: KeyId, secret: &Secret) -> Self {
        let hkdf = Hkdf::from_prk(secret.as_slice()).expect("32 bytes are as long as HKDF-SHA256 demands");
        Self { id, hkdf }
    }

    pub(crate) const fn id(&self) -> KeyId {
        self.id
    }

    /// The cipher of one message (or one run of frames).
    pub(crate) fn cipher(&self, purpose: &'static str, salt: &[u8]) -> Aes256Gcm {
        Aes256Gcm::new((&*self.derive(purpose, salt)).into())
    }

    pub(crate) fn derive(&self, purpose: &'static str, salt: &[u8]) -> Secret {
        let mut derived = Secret::default();
        self.hkdf
            .expand_multi_info(
                &[b"odyssey-vault/v1/", purpose.as_bytes(), &[0], salt],
                derived.as_mut_slice(),
            )
            .expect("32 bytes are less than the 8160 that HKDF-SHA256 can give");
        derived
    }
}

impl fmt::Debug for DerivingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DerivingKey").field("id", &self.id).finish_non_exhaustive()
    }
}
