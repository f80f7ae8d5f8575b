//! Where a product's energy comes from, coarsely.

use super::bits::BLOCK_ROWS;
use super::column::{Column, UNKNOWN};

/// The shares of protein, fat and carbohydrate in a product's energy, in steps of half a percent,
/// rounded down: what a macro fit is bounded by without dividing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct EnergyShares {
    pub shares: [Box<[u8]>; 3],
}

/// A step of [`EnergyShares`] in basis points.
pub(in crate::engine) const SHARE_STEP_BP: i64 = 50;
/// The share is as much or more.
pub(in crate::engine) const SHARE_TOP: u8 = 254;
pub(in crate::engine) const SHARE_UNKNOWN: u8 = 255;

impl EnergyShares {
    /// From the columns of energy, protein, fat and carbohydrate; `None` where none can be known.
    pub fn of_columns(
        len: usize,
        columns: [&Column; 4],
        share: impl Fn(u32, usize, u32) -> i64,
    ) -> Option<Self> {
        if len > BLOCK_ROWS || columns.contains(&&Column::Absent) {
            return None;
        }
        let step = |row: u16, which: usize| {
            let (energy, amount) = (columns[0].get(row), columns[which + 1].get(row));
            if energy == UNKNOWN || energy == 0 || amount == UNKNOWN {
                return SHARE_UNKNOWN;
            }
            (share(energy, which, amount) / SHARE_STEP_BP).min(i64::from(SHARE_TOP)) as u8
        };
        let shares = [0, 1, 2].map(|which| (0..len as u16).map(|row| step(row, which)).collect());
        Some(Self { shares })
    }

    pub fn heap_bytes(&self) -> usize {
        self.shares.iter().map(|s| s.len()).sum()
    }
}
