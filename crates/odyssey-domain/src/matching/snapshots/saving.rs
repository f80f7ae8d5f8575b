//! Catalogs between memory and the files on local disk: when a file is believed, and when it is written.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;
use odyssey_matching::Snapshot;
use odyssey_types::VendorId;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{DELTA_VERSIONS_MAX, Fresh, Saved, Snapshots, permit};
use crate::catalog;
use crate::db::ReadTx;
use crate::matching::MatchingError;
use crate::matching::disk::DiskCache;
use crate::tenancy::{Actor, VendorScope};

/// Products changed since the file on disk was written, from which on it is written anew: what a restart
/// would have to read from PostgreSQL at most, more or less.
const SAVE_AFTER_ROWS: usize = 20_000;
/// But not more often than this.
const SAVE_INTERVAL: TimeDelta = TimeDelta::minutes(1);

/// How often the end of a save is looked for on the way out.
const SAVING_POLL: Duration = Duration::from_millis(20);

impl Snapshots {
    /// Writes the files that are behind, and waits for them: on the way out.
    pub async fn save_all(&self) {
        let behind: Vec<VendorId> = {
            let slots = self.slots();
            let behind = slots.by_vendor.iter().filter(|(_, slot)| {
                slot.current.as_ref().is_some_and(|current| current.version > slot.saved.version)
            });
            behind.map(|(id, _)| *id).collect()
        };
        for vendor_id in behind {
            if let Some(saving) = self.save(vendor_id)
                && saving.await.is_err()
            {
                tracing::warn!(vendor.id = %vendor_id, "Saving a catalog to disk stopped half-way");
            }
        }
        // Those that were under way already.
        while self.slots().by_vendor.values().any(|slot| slot.saving.load(Ordering::Acquire)) {
            tokio::time::sleep(SAVING_POLL).await;
        }
    }

    /// The file on disk with what was committed since, if there is a file that can be believed. Waits for
    /// no other vendor: a file needs no connection, the rest is a delta.
    pub(super) async fn load_cached(&self, scope: VendorScope) -> Result<Option<Fresh>, MatchingError> {
        let Some(cache) = self.cache.clone() else { return Ok(None) };
        let vendor_id = scope.vendor_id();
        let reader = cache.clone();
        let read = spawn_blocking(move || reader.read(vendor_id)).await;
        let cached = match read.map_err(|_| MatchingError::Unavailable("the catalog could not be loaded"))? {
            Ok(Some(cached)) => cached,
            Ok(None) => return Ok(None),
            Err(refusal) => {
                tracing::warn!(vendor.id = %vendor_id, %refusal, "A cached catalog was refused and is rebuilt");
                cache.remove(vendor_id);
                return Ok(None);
            }
        };
        let _permit = permit(&self.inner.deltas).await?;
        let mut read = ReadTx::begin(&self.database, scope, Actor::command_line()).await?;
        let version = catalog::catalog_version(read.tx()).await?;
        let mark = catalog::find_commit(read.tx(), cached.version).await?;
        read.finish().await?;
        // A database that was restored from a backup may have committed other things under this number.
        if mark != cached.mark || version - cached.version > DELTA_VERSIONS_MAX {
            tracing::info!(vendor.id = %vendor_id, "A cached catalog is not of this database's past and is rebuilt");
            cache.remove(vendor_id);
            return Ok(None);
        }
        let from_file = Some(cached.version);
        if version == cached.version {
            return Ok(Some(Fresh { snapshot: cached, rows_changed: 0, from_file }));
        }
        let fresh = self.load_delta(scope, &cached).await?;
        Ok(Some(Fresh { from_file, ..fresh }))
    }

    pub(super) fn is_save_due(&self, vendor_id: VendorId) -> bool {
        let now = self.database.clock().now();
        self.slots().by_vendor.get(&vendor_id).is_some_and(|slot| {
            let saved = slot.saved;
            let enough = saved.version == 0 || saved.rows_since >= SAVE_AFTER_ROWS;
            enough && saved.at.is_none_or(|at| now - at >= SAVE_INTERVAL)
        })
    }

    /// Writes the vendor's file on a thread of its own, unless it is being written.
    pub(super) fn save(&self, vendor_id: VendorId) -> Option<JoinHandle<()>> {
        let cache = self.cache.clone()?;
        let (snapshot, saving, rows) = {
            let slots = self.slots();
            let slot = slots.by_vendor.get(&vendor_id)?;
            (slot.current.clone()?, Arc::clone(&slot.saving), slot.saved.rows_since)
        };
        if saving.swap(true, Ordering::AcqRel) {
            return None;
        }
        let snapshots = self.clone();
        Some(spawn_blocking(move || {
            match cache.write(vendor_id, &snapshot) {
                Ok(()) => snapshots.note_saved(vendor_id, snapshot.version, rows),
                // The catalog is in memory and in the database; only the next start is slower.
                Err(error) => {
                    tracing::warn!(vendor.id = %vendor_id, %error, "A catalog could not be saved to disk");
                }
            }
            saving.store(false, Ordering::Release);
        }))
    }

    fn note_saved(&self, vendor_id: VendorId, version: i64, rows: usize) {
        let now = self.database.clock().now();
        match self.slots().by_vendor.get_mut(&vendor_id) {
            Some(slot) => {
                let rows_since = slot.saved.rows_since.saturating_sub(rows);
                slot.saved = Saved { version, at: Some(now), rows_since };
            }
            // The vendor was forgotten meanwhile, and its file with it.
            None => {
                if let Some(cache) = &self.cache {
                    cache.remove(vendor_id);
                }
            }
        }
    }
}

/// The catalog in a vendor's file, unchecked against any database: to look at, never to serve. `None` where
/// there is no file.
pub fn read_cached_catalog(dir: &Path, vendor_id: VendorId) -> Result<Option<Snapshot>, MatchingError> {
    let read = DiskCache::new(dir.to_owned()).read(vendor_id);
    let read = read.map_err(|_| MatchingError::Unavailable("the cached catalog is refused"))?;
    Ok(read.map(|cached| cached.snapshot))
}
