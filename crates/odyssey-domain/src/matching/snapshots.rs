//! The vendors' catalogs in memory: loaded whole, then kept by exact deltas.
//!
//! A snapshot is never older than the transaction that asks for it: the caller says which version it
//! reads, and a snapshot that is behind is refreshed first, one refresh at a time per vendor.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use odyssey_matching::{Role, Snapshot, SnapshotBuilder, SnapshotRow};
use odyssey_types::{CustomerId, VendorId};
use tokio::sync::Semaphore;

use super::MatchingError;
use super::answers::Answers;
use crate::catalog::{self, StoredFacts};
use crate::db::{Database, ReadTx};
use crate::tenancy::{self, Actor, VendorScope};

/// Rows of one page of a full load: a few megabytes at a time.
const LOAD_PAGE: i64 = 20_000;
/// Versions behind after which a full load is cheaper than the delta.
const DELTA_VERSIONS_MAX: i64 = 10_000;
/// Connections the loader may use: it never starves requests.
const LOADER_CONNECTIONS: usize = 2;

/// One vendor's catalog at one version.
#[derive(Debug)]
pub struct VendorSnapshot {
    pub version: i64,
    pub snapshot: Snapshot,
}

/// The snapshots of this process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Snapshots {
    database: Database,
    inner: Arc<Inner>,
    answers: Answers,
}

#[derive(Debug)]
struct Inner {
    /// Bytes of snapshots kept; the least recently used vendors go first.
    budget_bytes: usize,
    slots: Mutex<Slots>,
    loader: Semaphore,
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
}

impl Snapshots {
    pub fn new(database: Database, budget_bytes: usize) -> Self {
        let inner =
            Inner { budget_bytes, slots: Mutex::default(), loader: Semaphore::new(LOADER_CONNECTIONS) };
        Self { database, inner: Arc::new(inner), answers: Answers::default() }
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

    /// Forgets a vendor: it was removed or suspended.
    pub fn forget(&self, vendor_id: VendorId) {
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
        let _connection = self
            .inner
            .loader
            .acquire()
            .await
            .map_err(|_| MatchingError::Unavailable("the loader of catalogs has stopped"))?;
        let current = self.slots().by_vendor.get(&vendor_id).and_then(|slot| slot.current.clone());
        let fresh = match current {
            Some(current) if version - current.version <= DELTA_VERSIONS_MAX => {
                self.load_delta(scope, &current).await?
            }
            _ => self.load_whole(scope).await?,
        };
        let fresh = Arc::new(fresh);
        self.keep(vendor_id, Arc::clone(&fresh));
        Ok(fresh)
    }

    /// Everything, page by page in one transaction of its own. The version is read first: rows of a later
    /// commit may come along and are applied again by the next delta, which changes nothing.
    async fn load_whole(&self, scope: VendorScope) -> Result<VendorSnapshot, MatchingError> {
        let mut read = ReadTx::begin(&self.database, scope, Actor::command_line()).await?;
        let version = catalog::catalog_version(read.tx()).await?;
        let mut builder = SnapshotBuilder::new();
        let mut after = None;
        loop {
            let page = catalog::load_facts(read.tx(), after, LOAD_PAGE).await?;
            after = page.last().map(|row| row.product_id);
            let done = (page.len() as i64) < LOAD_PAGE;
            for row in page {
                builder.push(&row_of(row));
            }
            if done {
                break;
            }
        }
        read.finish().await?;
        Ok(VendorSnapshot { version, snapshot: builder.finish() })
    }

    async fn load_delta(
        &self,
        scope: VendorScope,
        current: &VendorSnapshot,
    ) -> Result<VendorSnapshot, MatchingError> {
        let mut read = ReadTx::begin(&self.database, scope, Actor::command_line()).await?;
        let (version, rows) = catalog::load_facts_of_batches(read.tx(), current.version).await?;
        read.finish().await?;
        let rows: Vec<SnapshotRow> = rows.into_iter().map(row_of).collect();
        Ok(VendorSnapshot { version, snapshot: current.snapshot.apply(rows, Vec::new()) })
    }

    fn keep(&self, vendor_id: VendorId, fresh: Arc<VendorSnapshot>) {
        let mut slots = self.slots();
        slots.clock += 1;
        let now = slots.clock;
        let slot = slots.by_vendor.entry(vendor_id).or_default();
        slot.current = Some(fresh);
        slot.used = now;
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

fn row_of(stored: StoredFacts) -> SnapshotRow {
    SnapshotRow {
        id: stored.product_id,
        facts: stored.facts,
        active: stored.active,
        brand: stored.brand,
        category: stored.category_id,
        // Categories of vendors are not bound to meal roles yet: everything counts as a snack, the strictest.
        role: Role::Snack,
        tags: stored.dietary_tags,
        price_hundredths: None,
        changed_at_seconds: stored.changed_at.timestamp(),
    }
}
