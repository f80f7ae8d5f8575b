//! The file of one vendor: an envelope under the key-encryption key, bound to the vendor.
//!
//! Its plaintext: version (1) ‖ customer-id key (32) ‖ row-hash key (32) ‖ blind-index key (32) ‖ data keys,
//! each id (8) ‖ key (32), oldest first, at least one. One envelope for all of it, so that no key can be
//! taken out, exchanged or reordered.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use odyssey_types::VendorId;
use zeroize::Zeroizing;

use super::files;
use super::kek::Kek;
use crate::identity::IdentityKeys;
use crate::key::{DerivingKey, KEY_BYTES, NamedSecret, Secret, random_secret};
use crate::{VaultError, envelope};

const PURPOSE: &str = "vendor-keys";
const VERSION: u8 = 1;

/// Where a vendor's keys are, and which state of the file was read last.
pub(crate) struct VendorFile {
    path: PathBuf,
    vendor: VendorId,
    kek: Arc<Kek>,
    stamp: Mutex<Option<Stamp>>,
}

/// Tells a file from the one that replaced it: a rotation makes a new, longer file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl VendorFile {
    pub(super) const fn new(path: PathBuf, vendor: VendorId, kek: Arc<Kek>) -> Self {
        Self { path, vendor, kek, stamp: Mutex::new(None) }
    }

    pub(crate) const fn vendor(&self) -> VendorId {
        self.vendor
    }

    /// `None` when the vendor has no keys (any more).
    pub(crate) fn read(&self) -> Result<Option<VendorMaterial>, VaultError> {
        let Some((sealed, metadata)) = files::read(&self.path)? else { return Ok(None) };
        let key = self.kek.key();
        let opened = envelope::open_derived(key, PURPOSE, self.vendor.as_uuid().as_bytes(), &sealed);
        let plaintext = opened.map_err(|error| match error {
            VaultError::UnknownKey { found, .. } => {
                VaultError::WrongKek { path: self.path.clone(), expected: key.id(), found }
            }
            _ => self.corrupt("it does not open under the key-encryption key"),
        })?;
        let material = VendorMaterial::decode(&plaintext)
            .ok_or_else(|| self.corrupt("its content is not of a known version"))?;
        *self.stamp.lock().unwrap_or_else(PoisonError::into_inner) = Some(Stamp::of(&metadata));
        Ok(Some(material))
    }

    /// Writes the file where there is none; whether it did.
    pub(super) fn create(&self, material: &VendorMaterial) -> Result<bool, VaultError> {
        files::create(&self.path, &self.seal(material)?)
    }

    pub(super) fn replace(&self, material: &VendorMaterial) -> Result<(), VaultError> {
        files::replace(&self.path, &self.seal(material)?)
    }

    pub(crate) fn is_unchanged(&self) -> Result<bool, VaultError> {
        let seen = *self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        match std::fs::metadata(&self.path) {
            Ok(metadata) => Ok(seen == Some(Stamp::of(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(files::io_error("look at", &self.path)(error)),
        }
    }

    pub(crate) fn corrupt(&self, what: &'static str) -> VaultError {
        VaultError::Corrupt { path: self.path.clone(), what }
    }

    fn seal(&self, material: &VendorMaterial) -> Result<Vec<u8>, VaultError> {
        let context = self.vendor.as_uuid();
        envelope::seal_derived(self.kek.key(), PURPOSE, context.as_bytes(), &material.encode())
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// The keys of a vendor as they lie in its file.
pub(crate) struct VendorMaterial {
    customer_ids: Secret,
    row_hashes: Secret,
    blind_indexes: Secret,
    data: Vec<NamedSecret>,
}

impl VendorMaterial {
    pub(super) fn generate() -> Result<Self, VaultError> {
        let mut material = Self {
            customer_ids: random_secret()?,
            row_hashes: random_secret()?,
            blind_indexes: random_secret()?,
            data: Vec::with_capacity(1),
        };
        material.add_data_key()?;
        Ok(material)
    }

    pub(super) fn add_data_key(&mut self) -> Result<(), VaultError> {
        self.data.push(NamedSecret::generate()?);
        Ok(())
    }

    pub(crate) fn identity(&self, vendor: VendorId) -> IdentityKeys {
        IdentityKeys::new(vendor, &self.customer_ids, &self.row_hashes, &self.blind_indexes)
    }

    /// Oldest first.
    pub(crate) fn data_keys(&self) -> Vec<Arc<DerivingKey>> {
        self.data.iter().map(|named| Arc::new(DerivingKey::new(named.id, &named.secret))).collect()
    }

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let length = 1 + 3 * KEY_BYTES + self.data.len() * NamedSecret::BYTES;
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        bytes.push(VERSION);
        for secret in [&self.customer_ids, &self.row_hashes, &self.blind_indexes] {
            bytes.extend_from_slice(secret.as_slice());
        }
        for named in &self.data {
            bytes.extend_from_slice(named.encode().as_slice());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (&version, mut rest) = bytes.split_first()?;
        if version != VERSION {
            return None;
        }
        let customer_ids = take_secret(&mut rest)?;
        let row_hashes = take_secret(&mut rest)?;
        let blind_indexes = take_secret(&mut rest)?;
        let data: Vec<_> = rest.chunks(NamedSecret::BYTES).map(NamedSecret::decode).collect::<Option<_>>()?;
        (!data.is_empty()).then_some(Self { customer_ids, row_hashes, blind_indexes, data })
    }
}

fn take_secret(rest: &mut &[u8]) -> Option<Secret> {
    let (taken, after) = rest.split_first_chunk::<KEY_BYTES>()?;
    *rest = after;
    let mut secret = Secret::default();
    secret.copy_from_slice(taken);
    Some(secret)
}
