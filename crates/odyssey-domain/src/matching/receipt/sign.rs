//! Signing receipts: a compact JWS (RFC 7515) with Ed25519 (RFC 8037), which any library reads.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use odyssey_vault::KeyStore;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ReceiptContent;
use crate::matching::MatchingError;
use crate::tenancy::{SigningKey, TenancyError};

/// Name of the key in the key store; another one than that of tokens, since it signs for years.
const SIGNING_KEY: &str = "receipt-signing";
/// What the signed thing is (the header's `typ`).
pub(super) const TYPE: &str = "odyssey-receipt+jws";
/// Of the bytes that are kept: a policy and its products are mostly words that repeat.
const COMPRESSION_LEVEL: i32 = 6;
/// Bytes of one receipt unpacked, at most: 200 products of 60 kB.
const UNPACKED_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A public key as a JWK (RFC 7517, RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    pub kty: String,
    pub crv: String,
    /// Base64url without padding.
    pub x: String,
    /// The thumbprint of RFC 7638.
    pub kid: String,
    #[serde(rename = "use")]
    pub used_for: String,
    pub alg: String,
}

impl PublicKey {
    pub(super) fn of(public: &str) -> Self {
        Self {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            x: public.to_owned(),
            kid: thumbprint(public),
            used_for: "sig".to_owned(),
            alg: "EdDSA".to_owned(),
        }
    }
}

/// RFC 7638 over the members that RFC 8037 names, in the order of their names.
pub(super) fn thumbprint(public: &str) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}

/// What was signed, and the key to check it by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignedReceipt {
    /// The compact serialisation.
    pub jws: String,
    pub key: PublicKey,
    /// The signed content once more, to be read.
    pub content: serde_json::Value,
}

/// Signs receipts with the key of this installation.
pub struct ReceiptSigner {
    encoding: EncodingKey,
    key: PublicKey,
}

impl std::fmt::Debug for ReceiptSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceiptSigner").field("kid", &self.key.kid).finish_non_exhaustive()
    }
}

impl ReceiptSigner {
    /// Takes the signing key from the key store, making it on first use.
    pub fn open(keys: &KeyStore) -> Result<Self, TenancyError> {
        let key = SigningKey::open(keys, SIGNING_KEY)?;
        Ok(Self { encoding: EncodingKey::from_ed_der(key.pkcs8()), key: PublicKey::of(&key.public) })
    }

    pub const fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// Signs, and packs what is to be kept.
    pub(super) fn sign(&self, content: &ReceiptContent) -> Result<Vec<u8>, MatchingError> {
        let header = Header {
            typ: Some(TYPE.to_owned()),
            kid: Some(self.key.kid.clone()),
            jwk: None,
            ..Header::new(Algorithm::EdDSA)
        };
        let jws = jsonwebtoken::encode(&header, content, &self.encoding).map_err(TenancyError::Token)?;
        pack(&jws, &self.key).ok_or(MatchingError::Unavailable("a receipt could not be packed"))
    }

    /// What was kept, as it was signed; the error says what is wrong with it.
    pub(super) fn unpack(&self, packed: &[u8]) -> Result<SignedReceipt, &'static str> {
        let bytes =
            zstd::bulk::decompress(packed, UNPACKED_BYTES_MAX).map_err(|_| "a receipt cannot be unpacked")?;
        let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
        let (Some(frame), Some(key), Some(payload)) = (lines.next(), lines.next(), lines.next()) else {
            return Err("a receipt is cut");
        };
        let frame = std::str::from_utf8(frame).map_err(|_| "a receipt has no frame")?;
        let (header, signature) = frame.split_once('.').ok_or("a receipt has no signature")?;
        Ok(SignedReceipt {
            jws: format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(payload)),
            key: serde_json::from_slice(key).map_err(|_| "a receipt has no key")?,
            content: serde_json::from_slice(payload).map_err(|_| "a receipt is no JSON")?,
        })
    }
}

/// Header and signature, the key, and the payload as it is and not in base64, which hardly compresses.
fn pack(jws: &str, key: &PublicKey) -> Option<Vec<u8>> {
    let (header, rest) = jws.split_once('.')?;
    let (payload, signature) = rest.split_once('.')?;
    let mut bytes = format!("{header}.{signature}\n{}\n", serde_json::to_string(key).ok()?).into_bytes();
    bytes.extend(URL_SAFE_NO_PAD.decode(payload).ok()?);
    zstd::bulk::compress(&bytes, COMPRESSION_LEVEL).ok()
}
