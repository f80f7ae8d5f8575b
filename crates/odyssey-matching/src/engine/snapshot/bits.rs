//! One bit per product of a block, in the smallest of four forms.

/// Rows of a block: small enough that its working set stays in the first cache, large enough that a
/// block's own tables cost nothing per row.
pub(in crate::engine) const BLOCK_ROWS: usize = 4096;
const WORDS: usize = BLOCK_ROWS / 64;
/// Below this many rows their numbers are smaller than the words.
const SPARSE_BELOW: usize = WORDS * 8 / 2;

/// A block's bits as plain words.
pub(in crate::engine) type Words = [u64; WORDS];

pub(in crate::engine) const NO_ROWS: Words = [0; WORDS];

/// A set of rows of one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Bits {
    Empty,
    /// Every row of the block (and the bits past its end, which no caller looks at).
    Full,
    Rows(Box<[u16]>),
    Words(Box<Words>),
}

impl Bits {
    /// From ascending row numbers of a block of `len` rows.
    pub fn of_rows(rows: &[u16], len: usize) -> Self {
        if rows.is_empty() {
            Self::Empty
        } else if rows.len() == len {
            Self::Full
        } else if rows.len() < SPARSE_BELOW {
            Self::Rows(rows.into())
        } else {
            let mut words = Box::new(NO_ROWS);
            for row in rows {
                set(&mut words, *row);
            }
            Self::Words(words)
        }
    }

    pub fn contains(&self, row: u16) -> bool {
        match self {
            Self::Empty => false,
            Self::Full => true,
            Self::Rows(rows) => rows.binary_search(&row).is_ok(),
            Self::Words(words) => has(words, row),
        }
    }

    /// `words |= self`
    pub fn or_into(&self, words: &mut Words) {
        match self {
            Self::Empty => {}
            Self::Full => *words = [u64::MAX; WORDS],
            Self::Rows(rows) => rows.iter().for_each(|row| set(words, *row)),
            Self::Words(own) => (0..WORDS).for_each(|at| words[at] |= own[at]),
        }
    }

    pub fn to_words(&self) -> Words {
        let mut words = NO_ROWS;
        self.or_into(&mut words);
        words
    }

    pub const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Empty | Self::Full => 0,
            Self::Rows(rows) => rows.len() * 2,
            Self::Words(_) => WORDS * 8,
        }
    }
}

pub(in crate::engine) fn set(words: &mut Words, row: u16) {
    words[row as usize / 64] |= 1 << (row % 64);
}

pub(in crate::engine) const fn has(words: &Words, row: u16) -> bool {
    words[row as usize / 64] & (1 << (row % 64)) != 0
}

/// `into |= words`
pub(in crate::engine) fn or(into: &mut Words, words: &Words) {
    (0..WORDS).for_each(|at| into[at] |= words[at]);
}

/// `into &= words`
pub(in crate::engine) fn and(into: &mut Words, words: &Words) {
    (0..WORDS).for_each(|at| into[at] &= words[at]);
}

/// `into &= !words`
pub(in crate::engine) fn and_not(into: &mut Words, words: &Words) {
    (0..WORDS).for_each(|at| into[at] &= !words[at]);
}

pub(in crate::engine) fn not(words: &Words) -> Words {
    words.map(|w| !w)
}

pub(in crate::engine) fn count(words: &Words) -> u64 {
    words.iter().map(|w| u64::from(w.count_ones())).sum()
}

pub(in crate::engine) fn count_both(one: &Words, other: &Words) -> u64 {
    (0..WORDS).map(|at| u64::from((one[at] & other[at]).count_ones())).sum()
}

/// The first `len` rows.
pub(in crate::engine) fn first_rows(len: usize) -> Words {
    let mut words = NO_ROWS;
    for (at, word) in words.iter_mut().enumerate() {
        let rows = len.saturating_sub(at * 64).min(64);
        *word = if rows == 64 { u64::MAX } else { (1 << rows) - 1 };
    }
    words
}

/// Calls `with` for every row, ascending.
pub(in crate::engine) fn for_each(words: &Words, mut with: impl FnMut(u16)) {
    for (at, word) in words.iter().enumerate() {
        let mut rest = *word;
        while rest != 0 {
            with((at * 64) as u16 + rest.trailing_zeros() as u16);
            rest &= rest - 1;
        }
    }
}
