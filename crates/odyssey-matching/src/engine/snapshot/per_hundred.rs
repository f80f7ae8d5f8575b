//! Amounts per 100 g or ml: mostly what amount and reference amount give, and what does not is kept.

use super::column::{Column, TOP_STEP, UNKNOWN, UNKNOWN_STEP};

/// Amounts per 100 g or ml beside those per reference amount: mostly what [`computed`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum PerHundred {
    Computed,
    /// Off by a little, because one of the two was rounded from the other.
    Corrected(Box<[i8]>),
    /// Computed but for these rows: ascending rows and their exact amounts.
    But {
        rows: Box<[u16]>,
        amounts: Box<[u32]>,
    },
    Exact(Column),
}

impl PerHundred {
    /// From both amounts and the reference amount of every row.
    pub fn of_rows(per_reference: &[u32], per_100: &[u32], reference: &[u32]) -> Self {
        let guess = |row: usize| computed(per_reference[row], reference[row]);
        let off: Vec<u16> =
            (0..per_100.len()).filter(|row| guess(*row) != per_100[*row]).map(|row| row as u16).collect();
        if off.is_empty() {
            return Self::Computed;
        }
        // Six bytes for each of a few, or one for every row.
        if off.len() * 6 <= per_100.len() {
            let amounts = off.iter().map(|row| per_100[usize::from(*row)]).collect();
            return Self::But { rows: off.into(), amounts };
        }
        let correction = |row: usize| match (guess(row), per_100[row]) {
            (UNKNOWN, UNKNOWN) => Some(0),
            (UNKNOWN, _) | (_, UNKNOWN) => None,
            (guess, exact) => i8::try_from(i64::from(exact) - i64::from(guess)).ok(),
        };
        match (0..per_100.len()).map(correction).collect::<Option<Box<[i8]>>>() {
            Some(corrections) => Self::Corrected(corrections),
            None => Self::Exact(Column::of_rows(per_100)),
        }
    }

    pub fn get(&self, row: u16, per_reference: u32, reference: u32) -> u32 {
        match self {
            Self::Computed => computed(per_reference, reference),
            Self::Corrected(corrections) => match computed(per_reference, reference) {
                UNKNOWN => UNKNOWN,
                guess => guess.wrapping_add_signed(i32::from(corrections[usize::from(row)])),
            },
            Self::But { rows, amounts } => match rows.binary_search(&row) {
                Ok(at) => amounts[at],
                Err(_) => computed(per_reference, reference),
            },
            Self::Exact(column) => column.get(row),
        }
    }

    /// A comparison by steps of these units; `None` where amounts are not computed, or the limit is where
    /// they are cut off.
    pub fn coarse(&self, amount_unit: u32, reference_unit: u32, limit: i64) -> Option<CoarsePerHundred> {
        let limit = u64::from(u32::try_from(limit).ok().filter(|limit| *limit < UNKNOWN - 1)?);
        match self {
            Self::Computed | Self::But { .. } => Some(CoarsePerHundred::new(
                u64::from(amount_unit) * 100_000_000,
                [limit * u64::from(reference_unit), (limit + 1) * u64::from(reference_unit)],
            )),
            Self::Corrected(_) | Self::Exact(_) => None,
        }
    }

    /// The rows that are not computed.
    pub fn odd_rows(&self) -> &[u16] {
        match self {
            Self::But { rows, .. } => rows,
            Self::Computed | Self::Corrected(_) | Self::Exact(_) => &[],
        }
    }

    /// Whether [`Self::get`] is more than `limit`; `None` where it is unknown. Multiplies where `get`
    /// divides.
    pub fn is_above(&self, row: u16, per_reference: u32, reference: u32, limit: i64) -> Option<bool> {
        let computed = match self {
            Self::Computed => true,
            Self::But { rows, .. } => rows.binary_search(&row).is_err(),
            Self::Corrected(_) | Self::Exact(_) => false,
        };
        if !computed {
            let amount = self.get(row, per_reference, reference);
            return (amount != UNKNOWN).then_some(i64::from(amount) > limit);
        }
        if per_reference == UNKNOWN || reference == UNKNOWN || reference == 0 {
            return None;
        }
        let Ok(limit) = u32::try_from(limit) else { return Some(limit < 0) };
        // floor((amount × 10^8 + half) / reference) > limit, and nothing above is ever cut off.
        let reference = u64::from(reference);
        let amount = u64::from(per_reference) * 100_000_000 + reference / 2;
        Some(limit < UNKNOWN - 1 && amount >= (u64::from(limit) + 1) * reference)
    }

    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Computed => 0,
            Self::Corrected(corrections) => corrections.len(),
            Self::But { rows, .. } => rows.len() * 6,
            Self::Exact(column) => column.heap_bytes(),
        }
    }
}

/// Compares amounts per 100 with a limit by steps alone, where they suffice; in two-byte numbers, so that
/// many are compared at a time.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct CoarsePerHundred {
    /// What a step of the amount and a step of the reference amount weigh when "above" is to be sure: the
    /// one rounded down, the other up.
    above: [u16; 2],
    /// The same when "not above" is to be sure: the other way.
    below: [u16; 2],
}

impl CoarsePerHundred {
    /// `amount` is the 10^8-fold of a step of the amount, `limits` are a step of the reference amount times
    /// the limit, and times the limit and one.
    fn new(amount: u64, limits: [u64; 2]) -> Self {
        let bits = 64 - amount.max(limits[1]).leading_zeros();
        let shift = bits.saturating_sub(15);
        let down = |value: u64| (value >> shift) as u16;
        let up = |value: u64| value.div_ceil(1 << shift) as u16;
        Self { above: [down(amount), up(limits[1])], below: [up(amount), down(limits[0])] }
    }

    /// Known to be above. A reference amount of nothing has a step of 0 too, and gives nothing per 100.
    pub fn is_above(self, amount: u16, reference: u16) -> bool {
        let compared = u32::from(amount) * u32::from(self.above[0])
            >= (u32::from(reference) + 1) * u32::from(self.above[1]);
        compared & (reference > 0) & (amount < TOP_STEP) & (reference < TOP_STEP)
    }

    /// Known not to be above, or unknown. Half a reference amount of rounding stays below the limit and one.
    pub fn is_not_above(self, amount: u16, reference: u16) -> bool {
        let compared = (u32::from(amount) + 1) * u32::from(self.below[0])
            <= u32::from(reference) * u32::from(self.below[1]);
        (compared & (amount < TOP_STEP) & (reference < TOP_STEP))
            | (amount == UNKNOWN_STEP)
            | (reference == UNKNOWN_STEP)
    }
}

/// What an amount per reference amount makes per 100 g or ml, rounded half up.
fn computed(per_reference: u32, reference: u32) -> u32 {
    if per_reference == UNKNOWN || reference == UNKNOWN || reference == 0 {
        return UNKNOWN;
    }
    let reference = u64::from(reference);
    let amount = (u64::from(per_reference) * 100_000_000 + reference / 2) / reference;
    u32::try_from(amount).unwrap_or(UNKNOWN).min(UNKNOWN - 1)
}
