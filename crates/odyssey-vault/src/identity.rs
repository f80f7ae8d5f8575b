//! Ids, hashes and tokens that are derived, not drawn. Their bytes are stored for good: the layouts below are
//! a wire format, and `tests` holds known answers for each.
//!
//! In all of them the domain tag ends in a zero byte and the vendor is the 16 bytes of its UUID.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use odyssey_types::{CustomerId, ProductId, VendorId};
use sha2::{Digest, Sha256};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use uuid::Uuid;

use crate::key::Secret;

/// The id of a product: SHA-256(`odyssey/product-id/v1` ‖ 0x00 ‖ vendor ‖ canonical external id), the first
/// 16 bytes, with version (8) and variant set as RFC 9562 says. Needs no key, because product numbers are no
/// secret; the same external id always yields the same id.
pub fn product_id(vendor: VendorId, external_id: &str) -> ProductId {
    let digest = Sha256::new()
        .chain_update(b"odyssey/product-id/v1\0")
        .chain_update(vendor.as_uuid().as_bytes())
        .chain_update(canonical_external_id(external_id).as_bytes())
        .finalize();
    ProductId::from_uuid(uuid_of(&digest.into()))
}

/// An external id as it is hashed: white space at both ends removed, then Unicode NFC. Case is kept, since
/// vendors tell `a1` from `A1`.
pub fn canonical_external_id(external_id: &str) -> Cow<'_, str> {
    let trimmed = external_id.trim();
    match is_nfc_quick(trimmed.chars()) {
        IsNormalized::Yes => Cow::Borrowed(trimmed),
        IsNormalized::Maybe | IsNormalized::No => Cow::Owned(trimmed.nfc().collect()),
    }
}

/// What a blind-index token stands for. Tokens of two kinds never match, even for the same text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlindKind {
    Email,
    Phone,
    ExternalId,
    MemberNumber,
    /// A prefix of a name; the caller makes one token per prefix length that can be searched.
    NamePrefix,
}

impl BlindKind {
    /// Part of the hashed bytes, so never renumbered.
    const fn tag(self) -> u8 {
        match self {
            Self::Email => 1,
            Self::Phone => 2,
            Self::ExternalId => 3,
            Self::MemberNumber => 4,
            Self::NamePrefix => 5,
        }
    }
}

/// The three keyed hashes of a vendor, which never rotate: ids and stored hashes would change with them.
pub(crate) struct IdentityKeys {
    vendor: VendorId,
    customer_ids: Hmac<Sha256>,
    row_hashes: Hmac<Sha256>,
    blind_indexes: Hmac<Sha256>,
}

impl IdentityKeys {
    pub(crate) fn new(
        vendor: VendorId,
        customer_ids: &Secret,
        row_hashes: &Secret,
        blind_indexes: &Secret,
    ) -> Self {
        let keyed = |secret: &Secret| {
            Hmac::new_from_slice(secret.as_slice()).expect("HMAC takes a key of any length")
        };
        Self {
            vendor,
            customer_ids: keyed(customer_ids),
            row_hashes: keyed(row_hashes),
            blind_indexes: keyed(blind_indexes),
        }
    }

    pub(crate) fn customer_id(&self, external_id: &str) -> CustomerId {
        let digest = hash(
            &self.customer_ids,
            &[
                b"odyssey/customer-id/v1\0",
                self.vendor.as_uuid().as_bytes(),
                canonical_external_id(external_id).as_bytes(),
            ],
        );
        CustomerId::from_uuid(uuid_of(&digest))
    }

    pub(crate) fn row_hash(&self, bytes: &[u8]) -> [u8; 32] {
        hash(&self.row_hashes, &[b"odyssey/row-hash/v1\0", bytes])
    }

    pub(crate) fn blind_index(&self, kind: BlindKind, normalised: &str) -> i64 {
        let digest = hash(
            &self.blind_indexes,
            &[
                b"odyssey/blind-index/v1\0",
                self.vendor.as_uuid().as_bytes(),
                &[kind.tag()],
                normalised.as_bytes(),
            ],
        );
        let mut token = [0; 8];
        token.copy_from_slice(&digest[..8]);
        i64::from_be_bytes(token)
    }

    /// SHA-256 over one keyed hash of each key: tells two sets of keys apart and reveals neither.
    pub(crate) fn fingerprint(&self) -> String {
        let mut digest = Sha256::new_with_prefix(b"odyssey/vendor-fingerprint/v1\0");
        digest.update(self.vendor.as_uuid().as_bytes());
        for keyed in [&self.customer_ids, &self.row_hashes, &self.blind_indexes] {
            digest.update(hash(keyed, &[b"odyssey/vendor-fingerprint/v1\0"]));
        }
        hex::encode(digest.finalize())
    }
}

fn hash(keyed: &Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = keyed.clone();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn uuid_of(digest: &[u8; 32]) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uuid::new_v8(bytes)
}
