//! Where a lane's claims go on, in memory: the last id handed out for each vendor and priority.
//!
//! A hint only saves work. What it hides (a lower id committed late, rows of a lease given back) a sweep brings
//! back, so a wrong hint delays a job and never loses it.

use std::collections::HashMap;

use uuid::Uuid;

use super::claim::{ReadyRow, SweptPair};

/// Pairs not seen for this many events are forgotten.
const FORGET_AFTER: u64 = 1_000_000;

#[derive(Debug, Clone, Copy)]
struct Pair {
    /// Rows up to this id have been handed out.
    after_id: i64,
    /// Whether there may be rows after it.
    live: bool,
    touched: u64,
}

/// The arguments of a claim, column by column.
#[derive(Debug, Default)]
pub(super) struct ClaimHints {
    pub(super) vendor_ids: Vec<Uuid>,
    pub(super) prios: Vec<i16>,
    pub(super) after_ids: Vec<i64>,
    pub(super) served: Vec<i64>,
    pub(super) oldest_lease: i64,
}

#[derive(Debug, Default)]
pub(super) struct Hints {
    pairs: HashMap<(Uuid, i16), Pair>,
    /// When each vendor was last given a turn, as a count of events.
    served: HashMap<Uuid, u64>,
    events: u64,
    oldest_lease: i64,
}

impl Hints {
    /// There is a ready row with this id: claims start at it or before it.
    pub(super) fn lower(&mut self, vendor_id: Uuid, prio: i16, ready_id: i64) {
        self.events += 1;
        let before = ready_id - 1;
        let pair =
            self.pairs.entry((vendor_id, prio)).or_insert(Pair { after_id: before, live: true, touched: 0 });
        pair.after_id = pair.after_id.min(before);
        pair.live = true;
        pair.touched = self.events;
    }

    /// There may be new rows of this pair, ids unknown.
    pub(super) fn revive(&mut self, vendor_id: Uuid, prio: i16) {
        self.events += 1;
        let pair =
            self.pairs.entry((vendor_id, prio)).or_insert(Pair { after_id: 0, live: true, touched: 0 });
        pair.live = true;
        pair.touched = self.events;
    }

    /// A mark to give to [`Hints::swept`]: what is touched after it is newer than the sweep.
    pub(super) fn mark(&self) -> u64 {
        self.events
    }

    /// Takes over the lowest ready ids; pairs that have no ready rows and were not touched since are no longer
    /// asked for. Says whether anything is ready.
    pub(super) fn swept(&mut self, mark: u64, found: &[SweptPair]) -> bool {
        for pair in self.pairs.values_mut() {
            if pair.touched <= mark {
                pair.live = false;
            }
        }
        for pair in found {
            self.lower(pair.vendor_id, pair.prio, pair.lowest_id);
        }
        let oldest = self.events.saturating_sub(FORGET_AFTER);
        self.pairs.retain(|_, pair| pair.live || pair.touched > oldest);
        self.served.retain(|_, served| *served > oldest);
        self.pairs.values().any(|pair| pair.live)
    }

    /// Takes over what a claim handed out.
    pub(super) fn claimed(&mut self, rows: &[ReadyRow], oldest_lease: i64) {
        self.events += 1;
        self.oldest_lease = self.oldest_lease.max(oldest_lease);
        for row in rows {
            if let Some(pair) = self.pairs.get_mut(&(row.vendor_id, row.prio)) {
                pair.after_id = pair.after_id.max(row.ready_id);
                pair.touched = self.events;
            }
            self.served.insert(row.vendor_id, self.events);
        }
    }

    pub(super) fn for_claim(&self) -> ClaimHints {
        let mut hints = ClaimHints { oldest_lease: self.oldest_lease, ..ClaimHints::default() };
        for ((vendor_id, prio), pair) in self.pairs.iter().filter(|(_, pair)| pair.live) {
            hints.vendor_ids.push(*vendor_id);
            hints.prios.push(*prio);
            hints.after_ids.push(pair.after_id);
            hints.served.push(self.served.get(vendor_id).map_or(0, |served| *served as i64));
        }
        hints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(hints: &Hints, vendor_id: Uuid, prio: i16) -> Option<i64> {
        let asked = hints.for_claim();
        let place =
            (0..asked.prios.len()).find(|i| asked.vendor_ids[*i] == vendor_id && asked.prios[*i] == prio)?;
        Some(asked.after_ids[place])
    }

    #[test]
    fn a_lower_id_brings_the_hint_back_and_a_higher_one_leaves_it() {
        let vendor = Uuid::from_u128(1);
        let mut hints = Hints::default();
        hints.lower(vendor, 20, 50);
        assert_eq!(after(&hints, vendor, 20), Some(49));
        hints.lower(vendor, 20, 70);
        assert_eq!(after(&hints, vendor, 20), Some(49));
        hints.lower(vendor, 20, 10);
        assert_eq!(after(&hints, vendor, 20), Some(9));
    }

    #[test]
    fn a_sweep_stops_asking_for_empty_pairs_but_not_for_those_touched_since_it_began() {
        let (empty, woken) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut hints = Hints::default();
        hints.lower(empty, 20, 50);
        let mark = hints.mark();
        hints.lower(woken, 20, 60);
        assert!(hints.swept(mark, &[]));
        assert_eq!(after(&hints, empty, 20), None);
        assert_eq!(after(&hints, woken, 20), Some(59));
    }
}
