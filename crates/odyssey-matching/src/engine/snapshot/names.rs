//! Names of brands and categories, as hashes.

use super::bits::{self, NO_ROWS, Words};

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
