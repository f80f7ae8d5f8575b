//! The vendors' catalogs in memory: loaded whole, then kept by exact deltas.
//!
//! A snapshot is never older than the transaction that asks for it: the caller says which version it
//! reads, and a snapshot that is behind is refreshed first, one refresh at a time per vendor. Catalogs are
//! also kept on local disk (`disk`), from where a restart takes them and applies what was committed since.

mod saving;

pub use saving::read_cached_catalog;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use odyssey_matching::{Snapshot, SnapshotBuilder, SnapshotRow};
use odyssey_types::{CustomerId, VendorId};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::MatchingError;
use super::answers::Answers;
use super::disk::DiskCache;
use crate::catalog::{self, CommitMark, StoredFacts};
use crate::db::{Database, LOADER_CONNECTIONS, ReadTx};
use crate::tenancy::{self, Actor, VendorScope};

/// Rows of one page of a full load: some ten megabytes at a time, two of them at once.
const LOAD_PAGE: i64 = 10_000;
/// Versions behind after which a full load is cheaper than the delta.
const DELTA_VERSIONS_MAX: i64 = 10_000;
/// Vendors that apply a delta at the same time, on the connections that requests use. A cold vendor has
/// the loader's own and never makes these wait.
const DELTAS_MAX: usize = 4;

/// One vendor's catalog at one version.
#[derive(Debug)]
pub struct VendorSnapshot {
    pub version: i64,
    /// The commit that made this version, by which another database's version of the same number is
    /// told from it; `None` for a catalog without any.
    pub(super) mark: Option<CommitMark>,
    pub snapshot: Snapshot,
}

/// The snapshots of this process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Snapshots {
    database: Database,
    inner: Arc<Inner>,
    answers: Answers,
    cache: Option<DiskCache>,
}

#[derive(Debug)]
struct Inner {
    /// Bytes of snapshots kept; the least recently used vendors go first.
    budget_bytes: usize,
    slots: Mutex<Slots>,
    whole_loads: Semaphore,
    deltas: Semaphore,
}

#[derive(Debug, Default)]
struct Slots {
    by_vendor: HashMap<VendorId, Slot>,
    /// Counts uses, so that the smallest is the least recent.
    clock: u64,
}

#[derive(Debug, Default)]
struct Slot {
    current: Option<Arc<VendorSnapshot>>,
    used: u64,
    /// Held while this vendor is refreshed.
    refresh: Arc<tokio::sync::Mutex<()>>,
    saved: Saved,
    /// Set while the file is written.
    saving: Arc<AtomicBool>,
}

/// How far the file on disk is behind.
#[derive(Debug, Clone, Copy, Default)]
struct Saved {
    /// The version in it; 0 for none.
    version: i64,
    at: Option<DateTime<Utc>>,
    rows_since: usize,
}

/// A catalog that was just loaded, and what that means for the file on disk.
struct Fresh {
    snapshot: VendorSnapshot,
    /// Products that differ from the catalog it was made of; all of a whole load.
    rows_changed: usize,
    /// It was read from the file of this version.
    from_file: Option<i64>,
}

impl Snapshots {
    pub fn new(database: Database, budget_bytes: usize) -> Self {
        let inner = Inner {
            budget_bytes,
            slots: Mutex::default(),
            whole_loads: Semaphore::new(LOADER_CONNECTIONS as usize),
            deltas: Semaphore::new(DELTAS_MAX),
        };
        Self { database, inner: Arc::new(inner), answers: Answers::default(), cache: None }
    }

    /// Keeps catalogs in files of this folder, which is made when it is needed.
    pub fn with_cache_dir(mut self, dir: PathBuf) -> Self {
        self.cache = Some(DiskCache::new(dir));
        self
    }

    /// The answers kept beside the snapshots.
    pub(super) const fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Forgets what was answered about a customer, ahead of the versions that would tell.
    pub fn forget_customer(&self, customer_id: CustomerId) {
        self.answers.forget_customer(customer_id);
    }

    /// The snapshot, when it is in memory and not older than `version`.
    pub fn ready(&self, vendor_id: VendorId, version: i64) -> Option<Arc<VendorSnapshot>> {
        let mut slots = self.slots();
        slots.clock += 1;
        let now = slots.clock;
        let slot = slots.by_vendor.get_mut(&vendor_id)?;
        slot.used = now;
        slot.current.clone().filter(|current| current.version >= version)
    }

    /// The snapshot at `version` or later, refreshed when behind. Runs in a task of its own: a caller that
    /// stops waiting leaves the refresh to the next one.
    pub async fn at_least(
        &self,
        scope: VendorScope,
        version: i64,
    ) -> Result<Arc<VendorSnapshot>, MatchingError> {
        if let Some(ready) = self.ready(scope.vendor_id(), version) {
            return Ok(ready);
        }
        let snapshots = self.clone();
        let task = tokio::spawn(async move { snapshots.refresh(scope, version).await });
        task.await.map_err(|_| MatchingError::Unavailable("the catalog could not be loaded"))?
    }

    /// The same, giving up after `patience`; the refresh goes on.
    pub async fn at_least_within(
        &self,
        scope: VendorScope,
        version: i64,
        patience: Duration,
    ) -> Result<Option<Arc<VendorSnapshot>>, MatchingError> {
        match tokio::time::timeout(patience, self.at_least(scope, version)).await {
            Ok(loaded) => Ok(Some(loaded?)),
            Err(_) => Ok(None),
        }
    }

    /// Brings a vendor's snapshot up to date ahead of demand, when it is in memory at all. A failure costs
    /// nothing but time: whoever asks next refreshes it.
    pub async fn refresh_if_loaded(&self, vendor_id: VendorId) {
        let loaded = self.slots().by_vendor.get(&vendor_id).is_some_and(|slot| slot.current.is_some());
        if !loaded {
            return;
        }
        if let Err(error) = self.catch_up(vendor_id).await {
            tracing::debug!(vendor.id = %vendor_id, %error, "A snapshot was not refreshed ahead of demand");
        }
    }

    async fn catch_up(&self, vendor_id: VendorId) -> Result<(), MatchingError> {
        let scope = tenancy::scope_for_job(&self.database, vendor_id).await?;
        let mut read = ReadTx::begin(&self.database, scope, Actor::command_line()).await?;
        let version = catalog::catalog_version(read.tx()).await?;
        read.finish().await?;
        self.at_least(scope, version).await?;
        Ok(())
    }

    /// Forgets a vendor, in memory and on disk: it was removed or suspended.
    pub fn forget(&self, vendor_id: VendorId) {
        self.evict(vendor_id);
        if let Some(cache) = &self.cache {
            cache.remove(vendor_id);
        }
    }

    /// Drops a vendor's catalog from memory; the file on disk stays.
    pub fn evict(&self, vendor_id: VendorId) {
        self.slots().by_vendor.remove(&vendor_id);
        self.answers.forget_vendor(vendor_id);
    }

    /// Vendors in memory, and bytes of their snapshots.
    pub fn usage(&self) -> (usize, usize) {
        let slots = self.slots();
        let loaded = slots.by_vendor.values().filter_map(|slot| slot.current.as_ref());
        loaded.fold((0, 0), |(count, bytes), current| (count + 1, bytes + current.snapshot.memory_bytes()))
    }

    async fn refresh(&self, scope: VendorScope, version: i64) -> Result<Arc<VendorSnapshot>, MatchingError> {
        let vendor_id = scope.vendor_id();
        let refresh = self.slots().by_vendor.entry(vendor_id).or_default().refresh.clone();
        let _one_at_a_time = refresh.lock().await;
        if let Some(ready) = self.ready(vendor_id, version) {
            return Ok(ready);
        }
        let current = self.slots().by_vendor.get(&vendor_id).and_then(|slot| slot.current.clone());
        let fresh = match current {
            Some(current) if version - current.version <= DELTA_VERSIONS_MAX => {
                let _permit = permit(&self.inner.deltas).await?;
                self.load_delta(scope, &current).await?
            }
            _ => match self.load_cached(scope).await? {
                Some(cached) => cached,
                None => self.load_whole(scope).await?,
            },
        };
        let Fresh { snapshot, rows_changed, from_file } = fresh;
        let fresh = Arc::new(snapshot);
        self.keep(vendor_id, Arc::clone(&fresh), rows_changed, from_file);
        if self.is_save_due(vendor_id) {
            // Nobody waits for it; a failure is logged where it happens.
            drop(self.save(vendor_id));
        }
        Ok(fresh)
    }

    /// Everything, page by page in one transaction of its own. The version is read first: rows of a later
    /// commit may come along and are applied again by the next delta, which changes nothing. While one page
    /// is packed, the next is read.
    async fn load_whole(&self, scope: VendorScope) -> Result<Fresh, MatchingError> {
        let stopped = |_| MatchingError::Unavailable("the catalog could not be loaded");
        let _permit = permit(&self.inner.whole_loads).await?;
        let mut read = ReadTx::begin_for_loading(&self.database, scope, Actor::command_line()).await?;
        let version = catalog::catalog_version(read.tx()).await?;
        let mark = catalog::find_commit(read.tx(), version).await?;
        let mut packing = spawn_blocking(SnapshotBuilder::new);
        let mut after = None;
        loop {
            let page = catalog::load_facts(read.tx(), after, LOAD_PAGE).await?;
            after = page.last().map(|row| row.product_id);
            let done = (page.len() as i64) < LOAD_PAGE;
            let mut builder = packing.await.map_err(stopped)?;
            packing = spawn_blocking(move || {
                page.into_iter().for_each(|row| builder.push(&row_of(row)));
                builder
            });
            if done {
                break;
            }
        }
        read.finish().await?;
        let builder = packing.await.map_err(stopped)?;
        let snapshot = spawn_blocking(move || builder.finish()).await.map_err(stopped)?;
        let rows_changed = snapshot.len();
        Ok(Fresh { snapshot: VendorSnapshot { version, mark, snapshot }, rows_changed, from_file: None })
    }

    async fn load_delta(&self, scope: VendorScope, current: &VendorSnapshot) -> Result<Fresh, MatchingError> {
        let mut read = ReadTx::begin(&self.database, scope, Actor::command_line()).await?;
        let (version, rows) = catalog::load_facts_of_batches(read.tx(), current.version).await?;
        let mark = catalog::find_commit(read.tx(), version).await?;
        read.finish().await?;
        let (rows_changed, before) = (rows.len(), current.snapshot.clone());
        let apply = move || before.apply(rows.into_iter().map(row_of).collect(), Vec::new());
        let snapshot = spawn_blocking(apply).await;
        let snapshot = snapshot.map_err(|_| MatchingError::Unavailable("the catalog could not be loaded"))?;
        Ok(Fresh { snapshot: VendorSnapshot { version, mark, snapshot }, rows_changed, from_file: None })
    }

    fn keep(
        &self,
        vendor_id: VendorId,
        fresh: Arc<VendorSnapshot>,
        rows_changed: usize,
        from_file: Option<i64>,
    ) {
        let mut slots = self.slots();
        slots.clock += 1;
        let now = slots.clock;
        let slot = slots.by_vendor.entry(vendor_id).or_default();
        slot.current = Some(fresh);
        slot.used = now;
        slot.saved.rows_since += rows_changed;
        slot.saved.version = from_file.unwrap_or(slot.saved.version);
        let mut bytes: usize = slots
            .by_vendor
            .values()
            .filter_map(|s| s.current.as_ref())
            .map(|c| c.snapshot.memory_bytes())
            .sum();
        while bytes > self.inner.budget_bytes {
            // The one just loaded stays: somebody waits for it.
            let oldest = slots
                .by_vendor
                .iter()
                .filter(|(id, slot)| **id != vendor_id && slot.current.is_some())
                .min_by_key(|(_, slot)| slot.used)
                .map(|(id, _)| *id);
            let Some(oldest) = oldest else { break };
            if let Some(gone) = slots.by_vendor.get_mut(&oldest).and_then(|slot| slot.current.take()) {
                bytes -= gone.snapshot.memory_bytes();
            }
        }
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn permit(semaphore: &Semaphore) -> Result<tokio::sync::SemaphorePermit<'_>, MatchingError> {
    let permit = semaphore.acquire().await;
    permit.map_err(|_| MatchingError::Unavailable("the loader of catalogs has stopped"))
}

fn row_of(stored: StoredFacts) -> SnapshotRow {
    SnapshotRow {
        id: stored.product_id,
        facts: stored.facts,
        active: stored.active,
        brand: stored.brand,
        category: stored.category_id,
        role: stored.role,
        tags: stored.dietary_tags,
        price_hundredths: stored.price_hundredths,
        currency: stored.currency,
        label_as_of: stored.label_as_of,
        changed_at_seconds: stored.changed_at.timestamp(),
    }
}
