//! Named secrets of the service, such as the key that signs tokens: an envelope each, under the
//! key-encryption key, bound to the name.

use std::path::Path;

use zeroize::Zeroizing;

use super::files;
use super::kek::Kek;
use crate::{VaultError, envelope};

const PURPOSE: &str = "named-secret";
const NAME_BYTES_MAX: usize = 64;

pub(super) fn read(kek: &Kek, path: &Path, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
    let Some((sealed, _)) = files::read(path)? else { return Ok(None) };
    let opened = envelope::open_derived(kek.key(), PURPOSE, name.as_bytes(), &sealed);
    opened.map(Some).map_err(|error| match error {
        VaultError::UnknownKey { found, .. } => {
            VaultError::WrongKek { path: path.into(), expected: kek.key().id(), found }
        }
        _ => VaultError::Corrupt { path: path.into(), what: "it does not open under the key-encryption key" },
    })
}

pub(super) fn replace(kek: &Kek, path: &Path, name: &str, secret: &[u8]) -> Result<(), VaultError> {
    files::replace(path, &envelope::seal_derived(kek.key(), PURPOSE, name.as_bytes(), secret)?)
}

/// Writes the secret where there is none; whether it did.
pub(super) fn create(kek: &Kek, path: &Path, name: &str, secret: &[u8]) -> Result<bool, VaultError> {
    files::create(path, &envelope::seal_derived(kek.key(), PURPOSE, name.as_bytes(), secret)?)
}

/// A name becomes a file name, so it may not be a path.
pub(super) fn check_name(name: &str) -> Result<(), VaultError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed) {
        Ok(())
    } else {
        Err(VaultError::SecretName)
    }
}
