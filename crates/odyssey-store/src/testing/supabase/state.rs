//! What the double knows.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};

use super::faults::Fault;

/// Bytes of every chunk but the last.
pub const CHUNK_BYTES: u64 = 6 << 20;

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Method and path.
    pub request: String,
    /// Bytes that it announced.
    pub bytes: u64,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub bucket: &'static str,
    pub key: &'static str,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub public: bool,
    pub objects: BTreeMap<String, Object>,
    pub uploads: BTreeMap<String, Upload>,
    pub faults: Vec<Fault>,
    pub seen: Vec<Seen>,
    /// PATCH requests that came.
    pub patches: u64,
    /// Files that were ever stored: each has an entity tag and a time of its own.
    stored: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Object {
    pub bytes: Bytes,
    pub tag: String,
    pub modified_at: DateTime<Utc>,
}

#[derive(Debug, Default)]
pub(super) struct Upload {
    pub name: String,
    pub bytes: BytesMut,
    pub length: Option<u64>,
    pub expired: bool,
    pub complete: bool,
}

impl Shared {
    pub fn new(bucket: &'static str, key: &'static str) -> Self {
        Self { bucket, key, inner: Mutex::default() }
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    pub fn insert(&mut self, name: &str, bytes: Bytes) {
        self.stored += 1;
        let modified_at =
            DateTime::from_timestamp(1_800_000_000 + i64::from(self.stored), 0).unwrap_or_default();
        let tag = format!("\"{:08x}\"", self.stored);
        self.objects.insert(name.to_owned(), Object { bytes, tag, modified_at });
    }

    /// An id that no upload has.
    pub fn new_upload_id(&self) -> u64 {
        self.seen.len() as u64 * 1_000 + self.uploads.len() as u64
    }
}
