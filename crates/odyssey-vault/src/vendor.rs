//! The keys of one vendor.
//!
//! Owns: nothing on disk; it reads the vendor's file of the key store. Promises: ids, hashes and tokens never
//! change; what an older data key sealed stays readable after a rotation, also one made by another process;
//! after the vendor was removed, nothing of it opens. Never: writes.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use odyssey_types::{CustomerId, Phi, UploadId, VendorId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::frames::FileKey;
use crate::identity::{BlindKind, IdentityKeys};
use crate::key::{DerivingKey, KeyId, NamedSecret};
use crate::store::{VendorFile, VendorMaterial};
use crate::{Aad, PersonKey, VaultError, envelope, json};

const VALUE: &str = "vendor-value";
const PERSON_KEY: &str = "person-key";
const FILE_KEY: &str = "file-key";

/// Derives the ids of one vendor and seals for it. Shared as an `Arc`, cheap to use from many threads.
pub struct VendorKeys {
    vendor: VendorId,
    identity: IdentityKeys,
    fingerprint: String,
    file: VendorFile,
    /// Oldest first, the last is active; none when the vendor was removed.
    data_keys: RwLock<Vec<Arc<DerivingKey>>>,
}

impl VendorKeys {
    pub const fn vendor(&self) -> VendorId {
        self.vendor
    }

    /// Names the keys that never rotate, as 64 hexadecimal digits, for the database to hold beside the vendor.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The id of a customer: HMAC-SHA256(customer-id key, `odyssey/customer-id/v1` ‖ 0x00 ‖ vendor ‖
    /// canonical external id, see [`crate::canonical_external_id`]), the first 16 bytes, with version (8) and
    /// variant set as RFC 9562 says. Without the key, a member number cannot be guessed back from it.
    pub fn customer_id(&self, external_id: &str) -> CustomerId {
        self.identity.customer_id(external_id)
    }

    /// HMAC-SHA256(row-hash key, `odyssey/row-hash/v1` ‖ 0x00 ‖ bytes): equal for equal rows, and of no use to
    /// whoever guesses at a row's content.
    pub fn row_hash(&self, bytes: &[u8]) -> [u8; 32] {
        self.identity.row_hash(bytes)
    }

    /// A token for exact lookup: the first 8 bytes, big-endian, of HMAC-SHA256(blind-index key,
    /// `odyssey/blind-index/v1` ‖ 0x00 ‖ vendor ‖ kind (1 to 5, in the order of [`BlindKind`]) ‖ text). The
    /// caller has normalised the text. Two texts may share a token, so what is found is compared once opened.
    pub fn blind_index(&self, kind: BlindKind, normalised: &str) -> i64 {
        self.identity.blind_index(kind, normalised)
    }

    /// A new random key for a person, and its wrapped form to be stored with the customer.
    pub fn new_person_key(&self, customer: CustomerId) -> Result<(PersonKey, Vec<u8>), VaultError> {
        let named = NamedSecret::generate()?;
        Ok((PersonKey::new(&named), self.wrap(PERSON_KEY, &self.person_context(customer), &named)?))
    }

    /// Unwraps the key of a person.
    pub fn open_person_key(&self, customer: CustomerId, wrapped: &[u8]) -> Result<PersonKey, VaultError> {
        self.unwrap(PERSON_KEY, &self.person_context(customer), wrapped).map(|named| PersonKey::new(&named))
    }

    /// Wraps the key of a person under the active data key; `None` when it is already. What the person key
    /// sealed stays as it is.
    pub fn rewrap_person_key(
        &self,
        customer: CustomerId,
        wrapped: &[u8],
    ) -> Result<Option<Vec<u8>>, VaultError> {
        if envelope::derived_key_id(wrapped, PERSON_KEY)? == self.active()?.id() {
            return Ok(None);
        }
        let context = self.person_context(customer);
        let named = self.unwrap(PERSON_KEY, &context, wrapped)?;
        self.wrap(PERSON_KEY, &context, &named).map(Some)
    }

    /// A new random key for an uploaded file, and its wrapped form to be stored with the upload.
    pub fn new_file_key(&self, upload: UploadId) -> Result<(FileKey, Vec<u8>), VaultError> {
        let named = NamedSecret::generate()?;
        Ok((FileKey::new(&named), self.wrap(FILE_KEY, &self.file_context(upload), &named)?))
    }

    /// Unwraps the key of a file.
    pub fn open_file_key(&self, upload: UploadId, wrapped: &[u8]) -> Result<FileKey, VaultError> {
        self.unwrap(FILE_KEY, &self.file_context(upload), wrapped).map(|named| FileKey::new(&named))
    }

    /// Seals a value that belongs to the vendor and to no single customer, under the active data key.
    pub fn seal_vendor(&self, aad: &Aad, plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.check_vendor(aad)?;
        envelope::seal_derived(self.active()?.as_ref(), VALUE, &aad.context(), plaintext)
    }

    /// Opens what [`VendorKeys::seal_vendor`] made, under whichever data key.
    pub fn open_vendor(&self, aad: &Aad, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        self.check_vendor(aad)?;
        self.open(VALUE, &aad.context(), sealed)
    }

    /// Seals a vendor-level value as JSON.
    pub fn seal_vendor_json<T: Serialize>(&self, aad: &Aad, value: &T) -> Result<Vec<u8>, VaultError> {
        self.seal_vendor(aad, &json::to_plaintext(aad, value)?)
    }

    /// Opens what [`VendorKeys::seal_vendor_json`] made.
    pub fn open_vendor_json<T: DeserializeOwned>(
        &self,
        aad: &Aad,
        sealed: &[u8],
    ) -> Result<Phi<T>, VaultError> {
        json::from_plaintext(aad, &self.open_vendor(aad, sealed)?)
    }

    pub(crate) fn new(file: VendorFile, material: &VendorMaterial) -> Self {
        let identity = material.identity(file.vendor());
        Self {
            vendor: file.vendor(),
            fingerprint: identity.fingerprint(),
            identity,
            data_keys: RwLock::new(material.data_keys()),
            file,
        }
    }

    /// Takes over what another process did to the vendor's file: new data keys, or its removal.
    pub(crate) fn refresh(&self) -> Result<(), VaultError> {
        let Some(material) = self.file.read()? else {
            self.forget();
            return Err(VaultError::UnknownVendor { vendor: self.vendor });
        };
        if material.identity(self.vendor).fingerprint() != self.fingerprint {
            self.forget();
            return Err(self.file.corrupt("the keys that never rotate are others than before"));
        }
        *self.data_keys.write().unwrap_or_else(PoisonError::into_inner) = material.data_keys();
        Ok(())
    }

    /// Whether the file is the one these keys were read from.
    pub(crate) fn is_current(&self) -> Result<bool, VaultError> {
        self.file.is_unchanged()
    }

    /// Drops the data keys: whoever still holds this value can open and seal nothing more.
    pub(crate) fn forget(&self) {
        self.data_keys.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn wrap(
        &self,
        purpose: &'static str,
        context: &[u8],
        named: &NamedSecret,
    ) -> Result<Vec<u8>, VaultError> {
        envelope::seal_derived(self.active()?.as_ref(), purpose, context, named.encode().as_slice())
    }

    fn unwrap(
        &self,
        purpose: &'static str,
        context: &[u8],
        wrapped: &[u8],
    ) -> Result<NamedSecret, VaultError> {
        let secret = self.open(purpose, context, wrapped)?;
        NamedSecret::decode(&secret).ok_or(VaultError::Format { what: purpose })
    }

    fn open(
        &self,
        purpose: &'static str,
        context: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let id = envelope::derived_key_id(sealed, purpose)?;
        let key = match self.find(id)? {
            Some(key) => key,
            // Another process may have rotated since we read the file.
            None => {
                self.refresh()?;
                self.find(id)?.ok_or(VaultError::UnknownKey { what: purpose, found: id })?
            }
        };
        envelope::open_derived(&key, purpose, context, sealed)
    }

    fn active(&self) -> Result<Arc<DerivingKey>, VaultError> {
        let keys = self.data_keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.last().cloned().ok_or(VaultError::UnknownVendor { vendor: self.vendor })
    }

    fn find(&self, id: KeyId) -> Result<Option<Arc<DerivingKey>>, VaultError> {
        let keys = self.data_keys.read().unwrap_or_else(PoisonError::into_inner);
        if keys.is_empty() {
            return Err(VaultError::UnknownVendor { vendor: self.vendor });
        }
        Ok(keys.iter().rev().find(|key| key.id() == id).cloned())
    }

    fn check_vendor(&self, aad: &Aad) -> Result<(), VaultError> {
        if aad.vendor == self.vendor {
            Ok(())
        } else {
            Err(VaultError::ForeignVendor { keys: self.vendor, value: aad.vendor })
        }
    }

    fn person_context(&self, customer: CustomerId) -> [u8; 32] {
        context_of(self.vendor, customer.as_uuid())
    }

    fn file_context(&self, upload: UploadId) -> [u8; 32] {
        context_of(self.vendor, upload.as_uuid())
    }
}

/// Vendor ‖ id: what binds a wrapped key to its owner. The purpose in the key derivation tells customers from
/// uploads.
fn context_of(vendor: VendorId, id: uuid::Uuid) -> [u8; 32] {
    let mut context = [0; 32];
    context[..16].copy_from_slice(vendor.as_uuid().as_bytes());
    context[16..].copy_from_slice(id.as_bytes());
    context
}

impl fmt::Debug for VendorKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VendorKeys").field("vendor", &self.vendor).finish_non_exhaustive()
    }
}
