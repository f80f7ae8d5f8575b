//! Reference amounts customarily consumed, 21 CFR 101.12(b), by category (`data/label/racc.tsv`).

use std::collections::BTreeMap;

use odyssey_types::parse_fixed;

use super::tables::{Rows, TableError};

/// The reference amount of a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Racc {
    /// Micrograms, or nanolitres where `is_volume`.
    pub amount: i64,
    pub is_volume: bool,
    /// One millilitre may be taken as one gram.
    pub water_like: bool,
}

#[derive(Debug)]
pub(super) struct RaccTable {
    categories: BTreeMap<String, Racc>,
}

impl RaccTable {
    /// By the category's code, or the last part of a code with dots or slashes; `Ice-Cream` is `ice_cream`.
    pub fn of_category(&self, category: &str) -> Option<Racc> {
        let last = category.rsplit(['.', '/', '>', ':']).next().unwrap_or(category);
        let slug: String = last
            .trim()
            .chars()
            .map(|c| if c == '-' || c == ' ' { '_' } else { c.to_ascii_lowercase() })
            .collect();
        self.categories.get(&slug).copied()
    }

    pub fn read(rows: &Rows<'_>) -> Result<Self, TableError> {
        let mut categories = BTreeMap::new();
        for row in rows.columns::<5>() {
            let (line, [category, amount, unit, water_like, _source]) = row?;
            let racc = Racc {
                amount: parse_fixed(amount, 6)
                    .ok()
                    .filter(|a| *a > 0)
                    .ok_or_else(|| rows.error(line, format!("`{amount}` is no amount")))?,
                is_volume: match unit {
                    "g" => false,
                    "ml" => true,
                    other => return Err(rows.error(line, format!("`{other}` is neither g nor ml"))),
                },
                water_like: match water_like {
                    "yes" => true,
                    "no" => false,
                    other => return Err(rows.error(line, format!("`{other}` is neither yes nor no"))),
                },
            };
            if categories.insert(category.to_owned(), racc).is_some() {
                return Err(rows.error(line, format!("`{category}` stands twice")));
            }
        }
        Ok(Self { categories })
    }
}
