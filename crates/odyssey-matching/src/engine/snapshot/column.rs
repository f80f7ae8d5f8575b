//! Exact amounts of a block in two halves: a step of two bytes, which the ranking reads for every row,
//! and what the step leaves out, which it reads for the few rows that matter.
//!
//! `amount = step × unit + rest`. The unit is chosen per column, so that the steps of nearly all rows
//! fit; a row whose amount does not fit is an odd one and kept whole. The step of an odd row is still
//! the amount rounded down, so a bound computed from steps alone holds for every row.

use super::bits::{self, BLOCK_ROWS, NO_ROWS, Words};

/// Marks an unknown amount.
pub(in crate::engine) const UNKNOWN: u32 = u32::MAX;
/// The step of an unknown amount.
pub(in crate::engine) const UNKNOWN_STEP: u16 = u16::MAX;
/// The last step: the amount is as much or more.
pub(in crate::engine) const TOP_STEP: u16 = u16::MAX - 1;

/// One row in so many may be odd before a column gets a rest.
const ODD_SHARE: usize = 32;
/// What a row of a sparse column takes.
const SPARSE_ROW_BYTES: usize = 6;
/// How many times the bytes of a sparse column a dense one may take.
const SPREAD_WORTH: usize = 2;
/// Steps that labels are written in; the finest that fits wins.
const DECIMAL_UNITS: [u32; 6] = [1, 10, 100, 1_000, 10_000, 100_000];

/// One amount per row, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Column {
    Absent,
    Dense(Dense),
    /// Few rows have one: ascending rows and their amounts. The unit is a power of two.
    Sparse {
        unit: u32,
        rows: Box<[u16]>,
        amounts: Box<[u32]>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Dense {
    pub(super) unit: u32,
    pub(super) steps: Box<[u16]>,
    pub(super) rest: Rest,
    pub(super) odd: Option<Box<Odd>>,
}

/// What the steps leave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rest {
    Nothing,
    Bytes(Box<[u8]>),
    Pairs(Box<[u16]>),
}

/// The rows that step and rest do not give back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Odd {
    pub words: Words,
    pub rows: Box<[u16]>,
    pub amounts: Box<[u32]>,
}

/// The coarse half of a column, one step a row.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Steps<'a> {
    pub unit: u32,
    pub steps: &'a [u16],
}

impl Column {
    pub fn of_rows(values: &[u32]) -> Self {
        let known = values.iter().filter(|v| **v != UNKNOWN).count();
        if known == 0 {
            return Self::Absent;
        }
        if known * SPARSE_ROW_BYTES * SPREAD_WORTH >= values.len() {
            let dense = Dense::of_rows(values);
            // Spreading a sparse column out takes time in every ranking, which some bytes are worth.
            if known * SPARSE_ROW_BYTES * SPREAD_WORTH >= dense.heap_bytes() {
                return Self::Dense(dense);
            }
        }
        let present = || values.iter().enumerate().filter(|(_, v)| **v != UNKNOWN);
        let most = present().map(|(_, v)| *v).max().unwrap_or(0);
        Self::Sparse {
            unit: binary_unit(|unit| usize::from(most / unit >= u32::from(TOP_STEP)), 0),
            rows: present().map(|(row, _)| row as u16).collect(),
            amounts: present().map(|(_, v)| *v).collect(),
        }
    }

    pub fn get(&self, row: u16) -> u32 {
        match self {
            Self::Absent => UNKNOWN,
            Self::Dense(dense) => dense.get(row),
            Self::Sparse { rows, amounts, .. } => rows.binary_search(&row).map_or(UNKNOWN, |at| amounts[at]),
        }
    }

    /// The steps of the first `len` rows; a sparse column is spread out in `scratch`.
    pub fn steps<'a>(&'a self, len: usize, scratch: &'a mut Vec<u16>) -> Steps<'a> {
        match self {
            Self::Dense(dense) => Steps { unit: dense.unit, steps: &dense.steps },
            Self::Absent => {
                scratch.clear();
                scratch.resize(len, UNKNOWN_STEP);
                Steps { unit: 1, steps: scratch }
            }
            Self::Sparse { unit, rows, amounts } => {
                scratch.clear();
                scratch.resize(len, UNKNOWN_STEP);
                let shift = unit.trailing_zeros();
                for (row, amount) in rows.iter().zip(amounts) {
                    scratch[usize::from(*row)] = (amount >> shift).min(u32::from(TOP_STEP)) as u16;
                }
                Steps { unit: *unit, steps: scratch }
            }
        }
    }

    /// Rows with a known amount above `limit`: by the steps, and where a step could be either, exactly.
    pub fn rows_above(&self, limit: i64) -> Words {
        if limit >= i64::from(UNKNOWN - 1) {
            return NO_ROWS;
        }
        match self {
            Self::Absent => NO_ROWS,
            Self::Dense(dense) => dense.rows_above(limit),
            Self::Sparse { rows, amounts, .. } => {
                let mut above = NO_ROWS;
                let exceeding = rows.iter().zip(amounts).filter(|(_, amount)| i64::from(**amount) > limit);
                exceeding.for_each(|(row, _)| bits::set(&mut above, *row));
                above
            }
        }
    }

    /// Rows (of a block of any length) without a known amount.
    pub fn rows_unknown(&self) -> Words {
        match self {
            Self::Absent => [u64::MAX; NO_ROWS.len()],
            Self::Dense(dense) => bits::rows_that(&dense.steps, |step| step == UNKNOWN_STEP),
            Self::Sparse { rows, .. } => {
                let mut unknown = [u64::MAX; NO_ROWS.len()];
                rows.iter().for_each(|row| unknown[usize::from(*row) / 64] &= !(1 << (row % 64)));
                unknown
            }
        }
    }

    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Absent => 0,
            Self::Dense(dense) => dense.heap_bytes(),
            Self::Sparse { rows, .. } => rows.len() * 6,
        }
    }
}

impl Dense {
    fn of_rows(values: &[u32]) -> Self {
        let odd_max = values.len() / ODD_SHARE;
        let known = || values.iter().copied().filter(|v| *v != UNKNOWN);
        let too_large = |unit: u32| known().filter(|v| v / unit >= u32::from(TOP_STEP)).count();
        let uneven = |unit: &u32| {
            known().filter(|v| v % unit != 0 || v / unit >= u32::from(TOP_STEP)).count() <= odd_max
        };
        let decimal = DECIMAL_UNITS.into_iter().find(uneven);
        let unit = decimal.unwrap_or_else(|| binary_unit(too_large, odd_max));
        let rest_of = |v: u32| if v == UNKNOWN { 0 } else { v % unit };
        let rest = match unit {
            _ if decimal.is_some() => Rest::Nothing,
            0..=256 => Rest::Bytes(values.iter().map(|v| rest_of(*v) as u8).collect()),
            _ => Rest::Pairs(values.iter().map(|v| rest_of(*v) as u16).collect()),
        };
        let steps = values.iter().map(|v| if *v == UNKNOWN { UNKNOWN_STEP } else { step_of(*v, unit) });
        let mut dense = Self { unit, steps: steps.collect(), rest, odd: None };
        let odd: Vec<(u16, u32)> = values
            .iter()
            .enumerate()
            .map(|(row, v)| (row as u16, *v))
            .filter(|(row, v)| dense.get(*row) != *v)
            .collect();
        if !odd.is_empty() {
            let rows = odd.iter().map(|(row, _)| *row).collect();
            dense.odd = Some(Box::new(Odd::new(rows, odd.iter().map(|(_, v)| *v).collect())));
        }
        dense
    }

    fn get(&self, row: u16) -> u32 {
        let at = usize::from(row);
        let Some(step) = self.steps.get(at).copied().filter(|step| *step != UNKNOWN_STEP) else {
            return UNKNOWN;
        };
        if let Some(odd) = &self.odd
            && bits::has(&odd.words, row)
        {
            return odd.rows.binary_search(&row).map_or(UNKNOWN, |at| odd.amounts[at]);
        }
        let rest = match &self.rest {
            Rest::Nothing => 0,
            Rest::Bytes(rest) => u32::from(rest[at]),
            Rest::Pairs(rest) => u32::from(rest[at]),
        };
        // At most 65,534 × 65,536 + 65,535, which fits.
        u32::from(step) * self.unit + rest
    }

    fn rows_above(&self, limit: i64) -> Words {
        let Ok(limit) = u32::try_from(limit) else {
            return bits::not(&bits::rows_that(&self.steps, |step| step == UNKNOWN_STEP));
        };
        let edge = step_of(limit, self.unit);
        // One subtraction instead of two comparisons: the unknown wraps to the top and falls out.
        let span = UNKNOWN_STEP - edge;
        let mut above = bits::rows_that(&self.steps, |step| step.wrapping_sub(edge) < span);
        for (at, chunk) in self.steps.chunks(64).enumerate() {
            // Nearly no row stands exactly on the edge, which one look at many tells.
            if chunk.iter().fold(false, |any, step| any | (*step == edge)) {
                for (place, _) in chunk.iter().enumerate().filter(|(_, step)| **step == edge) {
                    let row = (at * 64 + place) as u16;
                    if self.get(row) <= limit {
                        above[at] &= !(1 << place);
                    }
                }
            }
        }
        above
    }

    fn heap_bytes(&self) -> usize {
        let rest = match &self.rest {
            Rest::Nothing => 0,
            Rest::Bytes(rest) => rest.len(),
            Rest::Pairs(rest) => rest.len() * 2,
        };
        let odd = self.odd.as_ref().map_or(0, |odd| size_of::<Odd>() + odd.rows.len() * 6);
        self.steps.len() * 2 + rest + odd
    }
}

impl Odd {
    pub(super) fn new(rows: Box<[u16]>, amounts: Box<[u32]>) -> Self {
        let mut words = NO_ROWS;
        rows.iter().for_each(|row| bits::set(&mut words, *row));
        Self { words, rows, amounts }
    }
}

/// The amount rounded down to steps; the last step for all that is more.
fn step_of(amount: u32, unit: u32) -> u16 {
    (amount / unit).min(u32::from(TOP_STEP)) as u16
}

/// The smallest power of two with which at most `odd_max` amounts are too large.
fn binary_unit(too_large: impl Fn(u32) -> usize, odd_max: usize) -> u32 {
    (0..16).map(|shift| 1 << shift).find(|unit| too_large(*unit) <= odd_max).unwrap_or(1 << 16)
}

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

    /// A comparison by steps of these units; `None` where there is none or it would not fit.
    pub fn coarse(&self, amount_unit: u32, reference_unit: u32, limit: i64) -> Option<CoarsePerHundred> {
        let limit = u64::try_from(limit).ok().filter(|limit| *limit < 1 << 30)?;
        match self {
            Self::Computed | Self::But { .. } => Some(CoarsePerHundred {
                amount: u64::from(amount_unit) * 100_000_000,
                limit: [limit * u64::from(reference_unit), (limit + 1) * u64::from(reference_unit)],
            }),
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

/// Compares an amount per 100 with a limit by steps alone, where they suffice.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct CoarsePerHundred {
    /// An amount's step times this is its 10^8-fold.
    amount: u64,
    /// A reference amount's step times these is what that is compared with: the limit, and the limit and one.
    limit: [u64; 2],
}

impl CoarsePerHundred {
    /// `None` where only the exact amounts can tell.
    pub fn is_above(self, amount: u16, reference: u16) -> Option<bool> {
        if amount >= TOP_STEP || reference >= TOP_STEP {
            return None;
        }
        let (amount, reference) = (u64::from(amount), u64::from(reference));
        if amount * self.amount >= (reference + 1) * self.limit[1] {
            // A reference amount of nothing has a step of 0 too, and gives nothing per 100.
            return (reference > 0).then_some(true);
        }
        // Half a reference amount of rounding stays below the limit and one.
        ((amount + 1) * self.amount <= reference * self.limit[0]).then_some(false)
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

/// Names as hashes: a code a row into the block's own list of them, where that is smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Names {
    Plain(Box<[u32]>),
    /// Ascending hashes.
    Bytes {
        names: Box<[u32]>,
        codes: Box<[u8]>,
    },
    Pairs {
        names: Box<[u32]>,
        codes: Box<[u16]>,
    },
}

impl Names {
    pub fn of_rows(hashes: &[u32]) -> Self {
        let mut names = hashes.to_vec();
        names.sort_unstable();
        names.dedup();
        let code = |hash: &u32| names.partition_point(|name| name < hash);
        if names.len() <= 256 && hashes.len() > 8 {
            let codes = hashes.iter().map(|h| code(h) as u8).collect();
            Self::Bytes { codes, names: names.into() }
        } else if names.len() * 2 < hashes.len() {
            let codes = hashes.iter().map(|h| code(h) as u16).collect();
            Self::Pairs { codes, names: names.into() }
        } else {
            Self::Plain(hashes.into())
        }
    }

    pub fn get(&self, row: u16) -> u32 {
        let at = usize::from(row);
        match self {
            Self::Plain(hashes) => hashes[at],
            Self::Bytes { names, codes } => names[usize::from(codes[at])],
            Self::Pairs { names, codes } => names[usize::from(codes[at])],
        }
    }

    /// The rows with any of the wanted names; 0 is none and never wanted.
    pub fn rows_with(&self, wanted: &[u32]) -> Words {
        let mut rows = NO_ROWS;
        for hash in wanted.iter().filter(|hash| **hash != 0) {
            let found = match self {
                Self::Plain(hashes) => bits::rows_that(hashes, |h| h == *hash),
                Self::Bytes { names, codes } => match names.binary_search(hash) {
                    Ok(code) => bits::rows_that(codes, |c| c == code as u8),
                    Err(_) => continue,
                },
                Self::Pairs { names, codes } => match names.binary_search(hash) {
                    Ok(code) => bits::rows_that(codes, |c| c == code as u16),
                    Err(_) => continue,
                },
            };
            bits::or(&mut rows, &found);
        }
        rows
    }

    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Plain(hashes) => hashes.len() * 4,
            Self::Bytes { names, codes } => names.len() * 4 + codes.len(),
            Self::Pairs { names, codes } => names.len() * 4 + codes.len() * 2,
        }
    }
}

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
