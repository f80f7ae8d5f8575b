//! Which identities a file has shown already, at no more than 24 bytes a row.

use sha2::{Digest, Sha256};

/// Tables that grow one by one, so that little of the memory is ever empty or copied.
const SHARDS: usize = 256;
/// Slots of a new shard.
const SLOTS_MIN: usize = 16;

/// The first row of each identity. Keyed by 96 bits of a keyed hash within one of 256 shards (104 bits
/// in all: two of ten million identities meet with a chance below 10^-17), so that identities of
/// customers are not held in memory.
///
/// A slot takes 16 bytes; shards grow by a quarter when nine tenths full, so a row costs 18 to 23 bytes.
pub struct FirstSeen {
    key: [u8; 16],
    shards: Vec<Shard>,
    len: u64,
}

#[derive(Default)]
struct Shard {
    slots: Vec<Slot>,
    used: usize,
}

/// 96 bits of hash and a row number; row 0 is an empty slot.
#[derive(Clone, Copy, Default)]
struct Slot {
    high: u32,
    middle: u32,
    low: u32,
    row: u32,
}

impl Slot {
    const fn same_hash(&self, other: &Self) -> bool {
        self.high == other.high && self.middle == other.middle && self.low == other.low
    }
}

impl FirstSeen {
    /// `key` is of the import; any value gives right answers.
    pub fn new(key: [u8; 16]) -> Self {
        Self { key, shards: std::iter::repeat_with(Shard::default).take(SHARDS).collect(), len: 0 }
    }

    /// Notes that `row` (1-based) has this identity; the earlier row that has it, if there is one.
    pub fn note(&mut self, identity: &str, row: u64) -> Option<u64> {
        let digest: [u8; 32] = Sha256::new().chain_update(self.key).chain_update(identity).finalize().into();
        let word =
            |at: usize| u32::from_le_bytes([digest[at], digest[at + 1], digest[at + 2], digest[at + 3]]);
        // Files have fewer than 2^32 rows: 64 GiB hold no more.
        let slot = Slot {
            high: word(1),
            middle: word(5),
            low: word(9),
            row: u32::try_from(row).unwrap_or(u32::MAX),
        };
        let first = self.shards[usize::from(digest[0])].note(slot);
        self.len += u64::from(first.is_none());
        first
    }

    /// Identities noted.
    pub const fn len(&self) -> u64 {
        self.len
    }

    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(|s| s.slots.capacity() * size_of::<Slot>()).sum()
    }
}

impl Shard {
    fn note(&mut self, slot: Slot) -> Option<u64> {
        if self.used * 10 >= self.slots.len() * 9 {
            self.grow();
        }
        let at = self.place_of(&slot);
        if self.slots[at].row != 0 {
            return Some(u64::from(self.slots[at].row));
        }
        self.slots[at] = slot;
        self.used += 1;
        None
    }

    /// Where the hash is, or the empty slot where it belongs.
    fn place_of(&self, slot: &Slot) -> usize {
        // The high bits of a product spread evenly over any number of slots.
        let mut at = ((u64::from(slot.high) * self.slots.len() as u64) >> 32) as usize;
        while self.slots[at].row != 0 && !self.slots[at].same_hash(slot) {
            at = (at + 1) % self.slots.len();
        }
        at
    }

    fn grow(&mut self) {
        let slots = (self.slots.len() + self.slots.len() / 4).max(SLOTS_MIN);
        let old = std::mem::replace(&mut self.slots, vec![Slot::default(); slots]);
        for slot in old.into_iter().filter(|s| s.row != 0) {
            let at = self.place_of(&slot);
            self.slots[at] = slot;
        }
    }
}

impl std::fmt::Debug for FirstSeen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FirstSeen").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_of_an_identity_is_remembered_within_24_bytes() {
        let mut seen = FirstSeen::new([7; 16]);
        for row in 1..=200_000 {
            assert_eq!(seen.note(&format!("sku-{row}"), row), None);
        }
        for row in (1..=200_000).step_by(97) {
            assert_eq!(seen.note(&format!("sku-{row}"), row + 500_000), Some(row));
        }
        assert_eq!(seen.len(), 200_000);
        assert!(seen.bytes() <= 200_000 * 24, "{} bytes", seen.bytes());
    }
}
