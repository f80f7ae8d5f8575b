//! What a lane has claimed and not yet settled, claim by claim and vendor by vendor.
//!
//! A claim's jobs are settled together when the last has ended; one that has waited [`SETTLE_WAIT`] for slower
//! companions is settled without them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::claim::ReadyRow;
use super::settle::Entry;
use crate::context::Lease;

/// A finished job waits so long for the others of its lease.
pub(super) const SETTLE_WAIT: Duration = Duration::from_millis(15);

/// The jobs of one claim.
struct Batch {
    lease: Arc<Lease>,
    /// Claimed, and not ended.
    unfinished: usize,
    /// Ended, and not handed to a settlement.
    entries: Vec<Entry>,
    oldest_entry: Option<Instant>,
    /// Handed to a settlement that is on its way.
    settling: usize,
}

#[derive(Default)]
pub(super) struct Ledger {
    batches: HashMap<i64, Batch>,
    /// Claimed here and not settled, by vendor.
    held: HashMap<Uuid, usize>,
}

impl Ledger {
    pub(super) fn open(&mut self, lease: &Arc<Lease>, rows: &[ReadyRow]) {
        let (unfinished, lease) = (rows.len(), Arc::clone(lease));
        let batch = Batch { unfinished, entries: Vec::new(), oldest_entry: None, settling: 0, lease };
        self.batches.insert(batch.lease.id, batch);
        for row in rows {
            *self.held.entry(row.vendor_id).or_default() += 1;
        }
    }

    /// Notes how a job ended, or, without an entry, that its lease was lost.
    pub(super) fn ended(&mut self, lease_id: i64, entry: Option<Entry>) {
        let Some(batch) = self.batches.get_mut(&lease_id) else { return };
        batch.unfinished -= 1;
        if let Some(entry) = entry {
            batch.oldest_entry.get_or_insert_with(Instant::now);
            batch.entries.push(entry);
        }
    }

    /// Takes out what is to be settled now, by lease.
    pub(super) fn take_due(&mut self) -> Vec<(Arc<Lease>, Vec<Entry>)> {
        let mut due = Vec::new();
        for batch in self.batches.values_mut() {
            let waited = batch.oldest_entry.is_some_and(|since| since.elapsed() >= SETTLE_WAIT);
            if !batch.entries.is_empty() && (waited || batch.unfinished == 0) {
                batch.oldest_entry = None;
                batch.settling += batch.entries.len();
                due.push((Arc::clone(&batch.lease), std::mem::take(&mut batch.entries)));
            }
        }
        due
    }

    /// Notes that a settlement of so many entries has ended.
    pub(super) fn settled(&mut self, lease_id: i64, count: usize) {
        if let Some(batch) = self.batches.get_mut(&lease_id) {
            batch.settling -= count;
        }
    }

    /// Lets go of one job of the vendor; says how many were held before.
    pub(super) fn let_go(&mut self, vendor_id: Uuid) -> usize {
        let Some(held) = self.held.get_mut(&vendor_id) else { return 0 };
        let before = *held;
        *held -= 1;
        if *held == 0 {
            self.held.remove(&vendor_id);
        }
        before
    }

    /// Forgets the leases of which nothing is left and names them.
    pub(super) fn close_done(&mut self) -> Vec<i64> {
        let done = |batch: &Batch| batch.unfinished == 0 && batch.settling == 0 && batch.entries.is_empty();
        let ids: Vec<i64> = self.batches.iter().filter(|(_, batch)| done(batch)).map(|(id, _)| *id).collect();
        for id in &ids {
            self.batches.remove(id);
        }
        ids
    }

    pub(super) fn has_entries(&self) -> bool {
        self.batches.values().any(|batch| !batch.entries.is_empty())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }
}
