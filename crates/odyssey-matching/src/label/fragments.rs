//! Words that no table knows, run together or misread, that still have an allergen's name in them.

use super::tables::{Rows, TableError};
use crate::facts::EvidenceKey;

#[derive(Debug)]
pub(super) struct Fragments {
    list: Vec<(String, EvidenceKey)>,
}

impl Fragments {
    /// The fragments inside a word of a label, with their place in the list.
    pub fn of<'a>(&'a self, word: &str) -> impl Iterator<Item = (usize, &'a str, EvidenceKey)> {
        let word = word.to_lowercase();
        let found =
            self.list.iter().enumerate().filter(move |(_, (fragment, _))| word.contains(fragment.as_str()));
        found.map(|(at, (fragment, key))| (at, fragment.as_str(), *key))
    }

    pub fn read(rows: &Rows<'_>) -> Result<Self, TableError> {
        let mut list = Vec::new();
        for row in rows.columns::<3>() {
            let (line, [fragment, key, _source]) = row?;
            let key = EvidenceKey::from_code(key)
                .ok_or_else(|| rows.error(line, format!("`{key}` is not a key")))?;
            let entry = (fragment.to_owned(), key);
            if fragment.len() < 4 || list.contains(&entry) {
                return Err(rows.error(line, format!("`{fragment}` is too short or stands twice")));
            }
            list.push(entry);
        }
        Ok(Self { list })
    }
}
