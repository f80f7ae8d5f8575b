//! JSON on its way into and out of an envelope. Messages of the JSON library quote what they read, so only
//! the position of a failure is kept.

use odyssey_types::Phi;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::{Aad, VaultError};

/// Large enough for a health profile, so that writing one leaves no outgrown copies of it in memory.
const PROFILE_BYTES: usize = 8 * 1024;

pub(crate) fn to_plaintext<T: Serialize>(aad: &Aad, value: &T) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let mut plaintext = Zeroizing::new(Vec::with_capacity(PROFILE_BYTES));
    serde_json::to_writer(&mut *plaintext, value).map_err(|error| without_content("write", aad, &error))?;
    Ok(plaintext)
}

pub(crate) fn from_plaintext<T: DeserializeOwned>(aad: &Aad, plaintext: &[u8]) -> Result<Phi<T>, VaultError> {
    serde_json::from_slice(plaintext).map(Phi::new).map_err(|error| without_content("read", aad, &error))
}

fn without_content(attempt: &'static str, aad: &Aad, error: &serde_json::Error) -> VaultError {
    VaultError::Json { attempt, column: aad.column, line: error.line(), position: error.column() }
}
