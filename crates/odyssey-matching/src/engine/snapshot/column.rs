//! Exact amounts of a block in two halves: a step of two bytes, which the ranking reads for every row,
//! and what the step leaves out, which it reads for the few rows that matter.
//!
//! `amount = step × unit + rest`. The unit is chosen per column, so that the steps of nearly all rows
//! fit; a row whose amount does not fit is an odd one and kept whole. The step of an odd row is still
//! the amount rounded down, so a bound computed from steps alone holds for every row.

use super::bits::{self, NO_ROWS, Words};

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
