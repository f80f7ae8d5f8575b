//! The envelope: what a sealed value looks like in a column.
//!
//! Owns: the byte layout. Promises: the header and the context are authenticated with the content; nonces and
//! salts are random. Emits: nothing. Never: keeps a key.
//!
//! ```text
//!            version  algorithm  key id   salt  nonce  ciphertext ‖ tag
//! direct           1         01       8      –     12  n + 16             38 bytes more than the plaintext
//! derived          1         02       8     16     12  n + 16             54 bytes more than the plaintext
//! ```
//!
//! *Direct* is AES-256-GCM under the named key; it serves person keys, which seal a few dozen values each.
//! *Derived* is AES-256-GCM under a key of this message alone (see [`DerivingKey`]); it serves data keys and
//! the key-encryption key, which may seal any number of values.
//!
//! Additional data = everything before the ciphertext ‖ context. Where the context is an [`Aad`] it is
//! vendor (16 bytes) ‖ row (16 bytes) ‖ column (UTF-8); only the last part varies in length, so no two
//! places share a context.

use aes_gcm::{AeadInOut, Aes256Gcm};
use odyssey_types::VendorId;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::VaultError;
use crate::key::{DerivingKey, KeyId, random};

const VERSION: u8 = 1;
const DIRECT: u8 = 1;
const DERIVED: u8 = 2;
pub(crate) const SALT_BYTES: usize = 16;
pub(crate) const NONCE_BYTES: usize = 12;
pub(crate) const TAG_BYTES: usize = 16;
const KEY_ID_END: usize = 2 + KeyId::BYTES;
const DIRECT_HEADER_BYTES: usize = KEY_ID_END + NONCE_BYTES;
const DERIVED_HEADER_BYTES: usize = KEY_ID_END + SALT_BYTES + NONCE_BYTES;

/// The place a sealed value belongs to. A value that is moved to another vendor, row or column does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Aad {
    /// The vendor of the row ([`crate::PLATFORM`] for rows of no vendor).
    pub vendor: VendorId,
    /// The primary key of the row.
    pub row: Uuid,
    /// Table and column, as in `customers.email`. A stored value: renaming it makes old values unreadable.
    pub column: &'static str,
}

impl Aad {
    pub(crate) fn context(&self) -> Vec<u8> {
        let mut context = Vec::with_capacity(32 + self.column.len());
        context.extend_from_slice(self.vendor.as_uuid().as_bytes());
        context.extend_from_slice(self.row.as_bytes());
        context.extend_from_slice(self.column.as_bytes());
        context
    }
}

/// Seals under the key itself.
pub(crate) fn seal_direct(
    cipher: &Aes256Gcm,
    key_id: KeyId,
    context: &[u8],
    what: &'static str,
    plaintext: &[u8],
) -> Result<Vec<u8>, VaultError> {
    let nonce: [u8; NONCE_BYTES] = random()?;
    let mut header = [0; DIRECT_HEADER_BYTES];
    header[0] = VERSION;
    header[1] = DIRECT;
    header[2..KEY_ID_END].copy_from_slice(key_id.as_bytes());
    header[KEY_ID_END..].copy_from_slice(&nonce);
    encrypt(cipher, &header, &nonce, context, what, plaintext)
}

/// Opens what [`seal_direct`] made.
pub(crate) fn open_direct(
    cipher: &Aes256Gcm,
    key_id: KeyId,
    context: &[u8],
    what: &'static str,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let found = named_key(sealed, DIRECT, what)?;
    if found != key_id {
        return Err(VaultError::UnknownKey { what, found });
    }
    let (header, body) = sealed.split_at_checked(DIRECT_HEADER_BYTES).ok_or(VaultError::Format { what })?;
    decrypt(cipher, header, context, what, body)
}

/// Seals under a key of this message alone, derived for `purpose`, which also names the value in errors.
pub(crate) fn seal_derived(
    key: &DerivingKey,
    purpose: &'static str,
    context: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, VaultError> {
    let fresh: [u8; SALT_BYTES + NONCE_BYTES] = random()?;
    let (salt, nonce) = fresh.split_at(SALT_BYTES);
    let mut header = [0; DERIVED_HEADER_BYTES];
    header[0] = VERSION;
    header[1] = DERIVED;
    header[2..KEY_ID_END].copy_from_slice(key.id().as_bytes());
    header[KEY_ID_END..].copy_from_slice(&fresh);
    encrypt(&key.cipher(purpose, salt), &header, nonce, context, purpose, plaintext)
}

/// Opens what [`seal_derived`] made; the caller has picked the key by [`derived_key_id`].
pub(crate) fn open_derived(
    key: &DerivingKey,
    purpose: &'static str,
    context: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let found = derived_key_id(sealed, purpose)?;
    if found != key.id() {
        return Err(VaultError::UnknownKey { what: purpose, found });
    }
    let (header, body) =
        sealed.split_at_checked(DERIVED_HEADER_BYTES).ok_or(VaultError::Format { what: purpose })?;
    let salt = &header[KEY_ID_END..KEY_ID_END + SALT_BYTES];
    decrypt(&key.cipher(purpose, salt), header, context, purpose, body)
}

/// The key that a derived envelope names.
pub(crate) fn derived_key_id(sealed: &[u8], what: &'static str) -> Result<KeyId, VaultError> {
    named_key(sealed, DERIVED, what)
}

fn named_key(sealed: &[u8], algorithm: u8, what: &'static str) -> Result<KeyId, VaultError> {
    match sealed {
        [VERSION, found, rest @ ..] if *found == algorithm => {
            rest.first_chunk().map(|id| KeyId::from_bytes(*id)).ok_or(VaultError::Format { what })
        }
        _ => Err(VaultError::Format { what }),
    }
}

fn encrypt(
    cipher: &Aes256Gcm,
    header: &[u8],
    nonce: &[u8],
    context: &[u8],
    what: &'static str,
    plaintext: &[u8],
) -> Result<Vec<u8>, VaultError> {
    let nonce = nonce.try_into().map_err(|_| VaultError::Format { what })?;
    let mut sealed = Vec::with_capacity(header.len() + plaintext.len() + TAG_BYTES);
    sealed.extend_from_slice(header);
    sealed.extend_from_slice(plaintext);
    let tag = cipher
        .encrypt_inout_detached(
            nonce,
            &additional_data(header, context),
            (&mut sealed[header.len()..]).into(),
        )
        .map_err(|_| VaultError::TooLong { what })?;
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

fn decrypt(
    cipher: &Aes256Gcm,
    header: &[u8],
    context: &[u8],
    what: &'static str,
    body: &[u8],
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let format = || VaultError::Format { what };
    let (ciphertext, tag) = body.split_last_chunk::<TAG_BYTES>().ok_or_else(format)?;
    let nonce = header.last_chunk::<NONCE_BYTES>().ok_or_else(format)?;
    let mut plaintext = Zeroizing::new(ciphertext.to_vec());
    cipher
        .decrypt_inout_detached(
            nonce.into(),
            &additional_data(header, context),
            plaintext.as_mut_slice().into(),
            tag.into(),
        )
        .map_err(|_| VaultError::Refused { what })?;
    Ok(plaintext)
}

fn additional_data(header: &[u8], context: &[u8]) -> Vec<u8> {
    [header, context].concat()
}
