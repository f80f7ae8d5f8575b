//! Checking a receipt without a database: the signature, the policy, every verdict.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use odyssey_matching::{ALGORITHM_VERSION, Discrepancy};
use odyssey_types::{CustomerId, ReceiptId};
use serde::Deserialize;
use serde_json::Value;

use super::sign::{TYPE, thumbprint};
use super::{FORMAT, PublicKey, ReceiptContent};

/// A receipt as it lies in a file: every field that the service hands out, and no other.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandedReceipt {
    pub id: ReceiptId,
    pub customer_id: CustomerId,
    pub issued_at: DateTime<Utc>,
    /// What was signed, to be read.
    pub content: Value,
    /// The compact serialisation.
    pub jws: String,
    pub key: PublicKey,
}

/// Why a receipt proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptFault {
    #[error("the signature does not fit: the receipt was changed, or another key signed it")]
    Signature,
    #[error("the key {kid} is not among the trusted ones")]
    KeyNotTrusted { kid: String },
    #[error("what is said of the key is not so: it is an Ed25519 key, named by its thumbprint")]
    KeyDiffers,
    #[error("this is no receipt of format {FORMAT}: {0}")]
    Format(String),
    #[error("the readable content is not what was signed")]
    ContentDiffers,
    /// The verdicts were made by rules that this program does not have.
    #[error(
        "the receipt was made by algorithm {made_by}, and this program has algorithm {ALGORITHM_VERSION}: use the version that made it"
    )]
    Algorithm { made_by: String },
    #[error("{count} of its verdicts or its policy do not come out as they are stated")]
    NotRecomputed { count: usize, discrepancies: Vec<Discrepancy> },
}

/// A receipt that holds.
#[derive(Debug)]
pub struct VerifiedReceipt {
    pub content: ReceiptContent,
    pub kid: String,
    /// Whether the key was among those that the caller trusts; without any, only that it fits.
    pub key_trusted: bool,
}

/// Checks a receipt: that its key signed it, that what is to be read is what was signed, and that every verdict
/// comes out again. With `trusted`, its key has to be one of them; without, the caller has to compare the key.
pub fn verify_receipt(
    receipt: &HandedReceipt,
    trusted: Option<&[PublicKey]>,
) -> Result<VerifiedReceipt, ReceiptFault> {
    let public = &receipt.key.x;
    let kid = thumbprint(public);
    if receipt.key != PublicKey::of(public) {
        return Err(ReceiptFault::KeyDiffers);
    }
    if let Some(trusted) = trusted
        && !trusted.iter().any(|key| key.x == *public)
    {
        return Err(ReceiptFault::KeyNotTrusted { kid });
    }
    let payload = signed_payload(&receipt.jws, public)?;
    if payload != receipt.content {
        return Err(ReceiptFault::ContentDiffers);
    }
    let made_by = payload.pointer("/proof/policy/algorithm_version").and_then(Value::as_str);
    if let Some(made_by) = made_by.filter(|version| *version != ALGORITHM_VERSION) {
        return Err(ReceiptFault::Algorithm { made_by: made_by.to_owned() });
    }
    let content: ReceiptContent =
        serde_json::from_value(payload).map_err(|error| ReceiptFault::Format(error.to_string()))?;
    if content.format != FORMAT {
        return Err(ReceiptFault::Format(format!("it has format {}", content.format)));
    }
    let head = (content.id, content.customer_id, content.issued_at);
    if head != (receipt.id, receipt.customer_id, receipt.issued_at) {
        return Err(ReceiptFault::ContentDiffers);
    }
    let discrepancies = content.proof.recompute();
    if !discrepancies.is_empty() {
        return Err(ReceiptFault::NotRecomputed { count: discrepancies.len(), discrepancies });
    }
    Ok(VerifiedReceipt { content, kid, key_trusted: trusted.is_some() })
}

fn signed_payload(jws: &str, public: &str) -> Result<Value, ReceiptFault> {
    let key = DecodingKey::from_ed_components(public).map_err(|_| ReceiptFault::Signature)?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    // A receipt has none of a token's claims: it does not expire, and is for nobody in particular.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let token = jsonwebtoken::decode::<Value>(jws, &key, &validation).map_err(|_| ReceiptFault::Signature)?;
    if token.header.typ.as_deref() != Some(TYPE) {
        return Err(ReceiptFault::Format("it was signed as something else".to_owned()));
    }
    // The library's own reading; the bytes once more, so that a number cannot be read in two ways.
    let bytes = jws.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let read: Option<Value> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    read.filter(|read| *read == token.claims).ok_or(ReceiptFault::Signature)
}
