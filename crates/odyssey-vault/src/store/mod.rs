//! The key store: a directory outside the database, readable by its owner alone.
//!
//! Owns these files:
//!
//! ```text
//! kek               the key-encryption key, the only secret in the clear
//! vendors/<uuid>    the keys of one vendor, wrapped by it
//! secrets/<name>    a named secret of the service, wrapped by it
//! erasures          the erasure ledger, one line per erased person, only ever appended to
//! lock              taken by whoever changes something
//! ```
//!
//! Promises: a file is either as it was or as it should be, also after a crash; two processes that create the
//! same thing end up with one and the same; a lost or foreign key store is refused. Several processes of one
//! machine may share it; over a network file system the lock may not hold.
//!
//! Removing a vendor unlinks its file. What the disk, a snapshot or a backup of the key store still holds of
//! it is beyond this crate; the operator's backup of the key store must forget removed vendors too.

mod files;
mod kek;
mod ledger;
mod secrets;
#[cfg(test)]
mod tests;
mod vendor_file;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use odyssey_types::{CustomerId, VendorId};
use uuid::Uuid;
use zeroize::Zeroizing;

pub use ledger::Erasure;
pub(crate) use vendor_file::{VendorFile, VendorMaterial};

use crate::{VaultError, VendorKeys};
use files::DirectoryLock;
use kek::Kek;
use ledger::Ledger;

/// The "vendor" whose keys seal what belongs to no vendor (the nil UUID). Created like any other.
pub const PLATFORM: VendorId = VendorId::from_uuid(Uuid::nil());

const VENDORS: &str = "vendors";
const SECRETS: &str = "secrets";

/// The open key store of one node. Shared between threads by reference.
pub struct KeyStore {
    root: PathBuf,
    kek: Arc<Kek>,
    vendors: RwLock<HashMap<VendorId, Arc<VendorKeys>>>,
}

impl KeyStore {
    /// Makes a new key store, at the very first start and never again. Directories above it are made as needed.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, VaultError> {
        let root = path.into();
        files::create_directory(&root)?;
        files::create_directory(&root.join(VENDORS))?;
        files::create_directory(&root.join(SECRETS))?;
        let lock = DirectoryLock::take(&root)?;
        lock.sweep(&root)?;
        if files::exists(&kek_path(&root))? {
            return Err(VaultError::AlreadyExists { path: root });
        }
        let ledger = Ledger::at(&root);
        if has_entries(&root)? || !ledger.is_fresh()? {
            return Err(VaultError::Remnants { path: root });
        }
        ledger.create()?;
        // Last, since the key store exists from the moment its key does.
        if !Kek::create(&kek_path(&root))? {
            return Err(VaultError::AlreadyExists { path: root });
        }
        drop(lock);
        Self::open(root)
    }

    /// Opens the key store and proves that each of its files opens under its key-encryption key.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, VaultError> {
        let root = path.into();
        if !files::exists(&kek_path(&root))? {
            return Err(VaultError::Missing { path: root });
        }
        for directory in [root.clone(), root.join(VENDORS), root.join(SECRETS)] {
            files::check_directory(&directory)?;
        }
        let kek = Kek::read(&kek_path(&root))?.ok_or_else(|| VaultError::Missing { path: root.clone() })?;
        let store = Self { kek: Arc::new(kek), vendors: RwLock::default(), root };
        store.ledger().check()?;
        for vendor in store.vendors()? {
            match store.vendor(vendor) {
                // Removed by another process in between.
                Ok(_) | Err(VaultError::UnknownVendor { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        for name in files::names(&store.root.join(SECRETS))? {
            store.named_secret(&name)?;
        }
        Ok(store)
    }

    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Names the key-encryption key, as 64 hexadecimal digits derived from it, for the database to hold: a
    /// node whose key store has another fingerprint must not start.
    pub fn fingerprint(&self) -> &str {
        self.kek.fingerprint()
    }

    /// The vendors that have keys, in no order.
    pub fn vendors(&self) -> Result<Vec<VendorId>, VaultError> {
        let directory = self.root.join(VENDORS);
        let vendor = |name: String| {
            name.parse().map_err(|_| VaultError::Corrupt {
                path: directory.join(&name),
                what: "its name is no id of a vendor",
            })
        };
        files::names(&directory)?.into_iter().map(vendor).collect()
    }

    /// Makes the keys of a vendor, or reads them where they have been made already, also at the same time by
    /// another process. For a vendor new to the database only: whoever calls this for one whose keys were
    /// lost gets others, which the vendor's fingerprint in the database will tell.
    pub fn create_vendor(&self, vendor: VendorId) -> Result<Arc<VendorKeys>, VaultError> {
        let lock = DirectoryLock::take(&self.root)?;
        lock.sweep(&self.root.join(VENDORS))?;
        self.vendor_file(vendor).create(&VendorMaterial::generate()?)?;
        drop(lock);
        self.vendor(vendor)
    }

    /// The keys of a vendor; `UnknownVendor` when there are none. Costs one look at the file when they are in
    /// memory, so that a rotation or removal by another process is noticed at once.
    pub fn vendor(&self, vendor: VendorId) -> Result<Arc<VendorKeys>, VaultError> {
        let cached = self.vendors.read().unwrap_or_else(PoisonError::into_inner).get(&vendor).cloned();
        let Some(keys) = cached else { return self.load(vendor) };
        if keys.is_current()? {
            return Ok(keys);
        }
        match keys.refresh() {
            Ok(()) => Ok(keys),
            Err(error) => {
                self.evict(vendor);
                Err(error)
            }
        }
    }

    /// Looks at the file of each vendor in memory anew. [`KeyStore::vendor`] does so for the one it returns.
    pub fn reload(&self) -> Result<(), VaultError> {
        let cached: Vec<_> =
            self.vendors.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
        for vendor in cached {
            match self.vendor(vendor) {
                Ok(_) | Err(VaultError::UnknownVendor { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Erases a vendor: its keys leave the disk and the memory of this process. Whether there were any.
    pub fn remove_vendor(&self, vendor: VendorId) -> Result<bool, VaultError> {
        let lock = DirectoryLock::take(&self.root)?;
        lock.sweep(&self.root.join(VENDORS))?;
        let removed = files::remove(&self.vendor_path(vendor))?;
        self.evict(vendor);
        Ok(removed)
    }

    /// Gives a vendor a new data key. What older ones sealed stays readable.
    pub fn rotate_data_key(&self, vendor: VendorId) -> Result<(), VaultError> {
        let lock = DirectoryLock::take(&self.root)?;
        lock.sweep(&self.root.join(VENDORS))?;
        let file = self.vendor_file(vendor);
        let mut material = file.read()?.ok_or(VaultError::UnknownVendor { vendor })?;
        material.add_data_key()?;
        file.replace(&material)?;
        drop(lock);
        self.vendor(vendor)?;
        Ok(())
    }

    /// A secret of the service, such as `token-signing`; `None` when it was never put.
    pub fn named_secret(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        secrets::read(&self.kek, &self.secret_path(name)?, name)
    }

    /// Puts a secret of the service in place of any former one.
    pub fn put_named_secret(&self, name: &str, secret: &[u8]) -> Result<(), VaultError> {
        let path = self.secret_path(name)?;
        let lock = DirectoryLock::take(&self.root)?;
        lock.sweep(&self.root.join(SECRETS))?;
        secrets::replace(&self.kek, &path, name, secret)
    }

    /// Puts a secret where there is none, and returns the one that is there then: of two processes that start
    /// for the first time together, both get the same.
    pub fn named_secret_or_put(&self, name: &str, secret: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let path = self.secret_path(name)?;
        let lock = DirectoryLock::take(&self.root)?;
        lock.sweep(&self.root.join(SECRETS))?;
        secrets::create(&self.kek, &path, name, secret)?;
        secrets::read(&self.kek, &path, name)?
            .ok_or(VaultError::Corrupt { path, what: "it vanished while it was being read" })
    }

    /// Writes an erased person to the ledger. On the disk when this returns.
    pub fn record_erasure(
        &self,
        vendor: VendorId,
        customer: CustomerId,
        at: DateTime<Utc>,
    ) -> Result<(), VaultError> {
        let _lock = DirectoryLock::take(&self.root)?;
        self.ledger().append(&Erasure { vendor, customer, at })
    }

    /// The erased people of one vendor, in the order of their erasure.
    pub fn erasures(&self, vendor: VendorId) -> Result<Vec<Erasure>, VaultError> {
        let mut erasures = self.all_erasures()?;
        erasures.retain(|erasure| erasure.vendor == vendor);
        Ok(erasures)
    }

    /// The erased people of all vendors, in the order of their erasure: what is replayed after a restore.
    pub fn all_erasures(&self) -> Result<Vec<Erasure>, VaultError> {
        self.ledger().read()
    }

    fn load(&self, vendor: VendorId) -> Result<Arc<VendorKeys>, VaultError> {
        let file = self.vendor_file(vendor);
        let material = file.read()?.ok_or(VaultError::UnknownVendor { vendor })?;
        let keys = Arc::new(VendorKeys::new(file, &material));
        let mut vendors = self.vendors.write().unwrap_or_else(PoisonError::into_inner);
        // Where another thread was faster, all share its value, so that a removal reaches every holder.
        Ok(Arc::clone(vendors.entry(vendor).or_insert(keys)))
    }

    fn evict(&self, vendor: VendorId) {
        let evicted = self.vendors.write().unwrap_or_else(PoisonError::into_inner).remove(&vendor);
        if let Some(keys) = evicted {
            keys.forget();
        }
    }

    fn ledger(&self) -> Ledger {
        Ledger::at(&self.root)
    }

    fn vendor_file(&self, vendor: VendorId) -> VendorFile {
        VendorFile::new(self.vendor_path(vendor), vendor, Arc::clone(&self.kek))
    }

    fn vendor_path(&self, vendor: VendorId) -> PathBuf {
        self.root.join(VENDORS).join(vendor.to_string())
    }

    fn secret_path(&self, name: &str) -> Result<PathBuf, VaultError> {
        secrets::check_name(name)?;
        Ok(self.root.join(SECRETS).join(name))
    }
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStore").field("root", &self.root).finish_non_exhaustive()
    }
}

fn kek_path(root: &Path) -> PathBuf {
    root.join("kek")
}

/// Whether keys or secrets of an earlier key-encryption key are left.
fn has_entries(root: &Path) -> Result<bool, VaultError> {
    let none = files::names(&root.join(VENDORS))?.is_empty() && files::names(&root.join(SECRETS))?.is_empty();
    Ok(!none)
}
