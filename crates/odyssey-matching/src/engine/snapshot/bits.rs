//! One bit per product of a block, in the smallest of five forms.

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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) enum Bits {
    Empty,
    /// Every row of the block (and the bits past its end, which no caller looks at).
    Full,
    Rows(Box<[u16]>),
    /// Every row but these.
    AllBut(Box<[u16]>),
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
        } else if len - rows.len() < SPARSE_BELOW {
            let mut set = rows.iter().copied().peekable();
            Self::AllBut((0..len as u16).filter(|row| set.next_if_eq(row).is_none()).collect())
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
            Self::AllBut(rows) => rows.binary_search(&row).is_err(),
            Self::Words(words) => has(words, row),
        }
    }

    /// `words |= self`
    pub fn or_into(&self, words: &mut Words) {
        match self {
            Self::Empty => {}
            Self::Full => *words = [u64::MAX; WORDS],
            Self::Rows(rows) => rows.iter().for_each(|row| set(words, *row)),
            Self::AllBut(rows) => {
                let mut own = [u64::MAX; WORDS];
                rows.iter().for_each(|row| own[usize::from(*row) / 64] &= !(1 << (row % 64)));
                or(words, &own);
            }
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
            Self::Rows(rows) | Self::AllBut(rows) => rows.len() * 2,
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

/// One bit per value. The comparisons go into bytes first, which the compiler does many at a time.
pub(in crate::engine) fn rows_that<T: Copy>(values: &[T], holds: impl Fn(T) -> bool) -> Words {
    let mut rows = NO_ROWS;
    for (word, chunk) in rows.iter_mut().zip(values.chunks(64)) {
        let mut bytes = [0u8; 64];
        match <&[T; 64]>::try_from(chunk) {
            // A length known beforehand is what the compiler needs.
            Ok(whole) => (0..64).for_each(|at| bytes[at] = u8::from(holds(whole[at]))),
            Err(_) => {
                bytes.iter_mut().zip(chunk).for_each(|(byte, value)| *byte = u8::from(holds(*value)));
            }
        }
        *word = gathered(&bytes);
    }
    rows
}

/// The same over two lists side by side.
pub(in crate::engine) fn rows_that_both(
    one: &[u16],
    other: &[u16],
    holds: impl Fn(u16, u16) -> bool,
) -> Words {
    let mut rows = NO_ROWS;
    for (word, (one, other)) in rows.iter_mut().zip(one.chunks(64).zip(other.chunks(64))) {
        let mut bytes = [0u8; 64];
        match (<&[u16; 64]>::try_from(one), <&[u16; 64]>::try_from(other)) {
            (Ok(one), Ok(other)) => {
                (0..64).for_each(|at| bytes[at] = u8::from(holds(one[at], other[at])));
            }
            _ => {
                let pairs = one.iter().zip(other);
                bytes.iter_mut().zip(pairs).for_each(|(byte, (a, b))| *byte = u8::from(holds(*a, *b)));
            }
        }
        *word = gathered(&bytes);
    }
    rows
}

/// Sixty-four bytes of 0 and 1 as bits: eight at a time by one multiplication.
fn gathered(bytes: &[u8; 64]) -> u64 {
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let eights = bytes.as_chunks::<8>().0.iter().enumerate();
    eights.fold(0, |word, (at, eight)| {
        word | (u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56) << (8 * at)
    })
}
