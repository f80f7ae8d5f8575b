//! Exact amounts of a block, in the smallest form that loses nothing.

use super::bits::BLOCK_ROWS;

/// Marks an unknown amount.
pub(in crate::engine) const UNKNOWN: u32 = u32::MAX;

pub(in crate::engine) static NOTHING_KNOWN: [u32; BLOCK_ROWS] = [UNKNOWN; BLOCK_ROWS];

/// One amount per row, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Column {
    Absent,
    Dense(Box<[u32]>),
    /// Fewer than half of the rows have one: ascending rows and their amounts.
    Sparse {
        rows: Box<[u16]>,
        amounts: Box<[u32]>,
    },
}

impl Column {
    pub fn of_rows(values: &[u32]) -> Self {
        let known = values.iter().filter(|v| **v != UNKNOWN).count();
        if known == 0 {
            return Self::Absent;
        }
        if known * 2 >= values.len() {
            return Self::Dense(values.into());
        }
        let present = || values.iter().enumerate().filter(|(_, v)| **v != UNKNOWN);
        Self::Sparse {
            rows: present().map(|(row, _)| row as u16).collect(),
            amounts: present().map(|(_, v)| *v).collect(),
        }
    }

    pub fn get(&self, row: u16) -> u32 {
        match self {
            Self::Absent => UNKNOWN,
            Self::Dense(values) => values.get(usize::from(row)).copied().unwrap_or(UNKNOWN),
            Self::Sparse { rows, amounts } => rows.binary_search(&row).map_or(UNKNOWN, |at| amounts[at]),
        }
    }

    /// All rows side by side; a sparse column is spread out in `scratch`.
    pub fn spread<'a>(&'a self, scratch: &'a mut Vec<u32>) -> &'a [u32] {
        match self {
            Self::Absent => &NOTHING_KNOWN,
            Self::Dense(values) => values,
            Self::Sparse { rows, amounts } => {
                scratch.clear();
                scratch.resize(BLOCK_ROWS, UNKNOWN);
                rows.iter().zip(amounts).for_each(|(row, amount)| scratch[usize::from(*row)] = *amount);
                scratch
            }
        }
    }

    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Absent => 0,
            Self::Dense(values) => values.len() * 4,
            Self::Sparse { rows, .. } => rows.len() * 6,
        }
    }
}

/// Amounts per 100 g or ml beside those per reference amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum PerHundred {
    /// Always what [`computed`] says.
    Computed,
    /// Off by a little, because one of the two was rounded from the other.
    Corrected(Box<[i8]>),
    Exact(Column),
}

impl PerHundred {
    /// From both amounts and the reference amount of every row.
    pub fn of_rows(per_reference: &[u32], per_100: &[u32], reference: &[u32]) -> Self {
        let guess = |row: usize| computed(per_reference[row], reference[row]);
        if (0..per_100.len()).all(|row| guess(row) == per_100[row]) {
            return Self::Computed;
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
            Self::Exact(column) => column.get(row),
        }
    }

    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Computed => 0,
            Self::Corrected(corrections) => corrections.len(),
            Self::Exact(column) => column.heap_bytes(),
        }
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
