//! Ed25519 keys of this installation, kept in its key store under a name and made on first use.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use odyssey_vault::KeyStore;
use secrecy::{ExposeSecret, SecretSlice};

use super::TenancyError;

/// A key to sign with.
pub struct SigningKey {
    pkcs8: SecretSlice<u8>,
    /// The public half as a JWK has it (RFC 8037): base64url without padding.
    pub public: String,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Takes the key of that name from the key store, making it on first use.
    pub fn open(keys: &KeyStore, name: &str) -> Result<Self, TenancyError> {
        let pkcs8 = match keys.named_secret(name)? {
            Some(pkcs8) => pkcs8,
            None => {
                let made =
                    Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).map_err(|_| {
                        TenancyError::KeyStoreMismatch("a signing key could not be made".to_owned())
                    })?;
                // Two processes may start for the first time together: both take the one that is there then.
                keys.named_secret_or_put(name, made.as_ref())?
            }
        };
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8)
            .map_err(|_| TenancyError::KeyStoreMismatch(format!("the key `{name}` is damaged")))?;
        let public = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        Ok(Self { public, pkcs8: pkcs8.to_vec().into() })
    }

    /// For the signer.
    pub fn pkcs8(&self) -> &[u8] {
        self.pkcs8.expose_secret()
    }
}
