//! What the caller narrows the catalog to. Filters never change a gate.

use std::collections::BTreeMap;

use odyssey_types::ProductId;

use crate::engine::Snapshot;
use crate::engine::name_hash;
use crate::engine::snapshot::column::UNKNOWN;
use crate::engine::snapshot::{Placed, bits, currency_number};

/// Every filter that is set must hold; several values of one filter are alternatives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filters {
    pub brands: Vec<String>,
    pub categories: Vec<String>,
    /// Any of these tags.
    pub tags: Vec<String>,
    /// Hundredths, inclusive; a product without a price is left out, and so is one in another currency where one
    /// is named.
    pub price_min_hundredths: Option<u32>,
    pub price_max_hundredths: Option<u32>,
    /// ISO 4217. What is no code of a currency leaves nothing.
    pub currency: Option<String>,
    /// Only these products (the answer of a text search, say). An empty list leaves nothing.
    pub restrict_to: Option<Vec<ProductId>>,
}

/// Filters with names hashed and ids located.
pub(super) struct Prepared<'a> {
    filters: &'a Filters,
    brands: Vec<u32>,
    categories: Vec<u32>,
    tags: Vec<u32>,
    restrict_to: Option<BTreeMap<usize, bits::Words>>,
}

impl<'a> Prepared<'a> {
    pub fn new(snapshot: &Snapshot, filters: &'a Filters) -> Self {
        let hashes = |names: &[String]| names.iter().map(|n| name_hash(n)).collect();
        Self {
            filters,
            brands: hashes(&filters.brands),
            categories: hashes(&filters.categories),
            tags: hashes(&filters.tags),
            restrict_to: filters.restrict_to.as_deref().map(|ids| snapshot.locate_all(ids)),
        }
    }

    /// The rows of block `number` that count.
    pub fn block(&self, number: usize, placed: &Placed) -> bits::Words {
        let block = &placed.block;
        let mut rows = placed.live();
        if let Some(restricted) = &self.restrict_to {
            bits::and(&mut rows, restricted.get(&number).unwrap_or(&bits::NO_ROWS));
        }
        for (wanted, column) in [(&self.brands, &block.brands), (&self.categories, &block.categories)] {
            if !wanted.is_empty() {
                bits::and(&mut rows, &column.rows_with(wanted));
            }
        }
        if !self.tags.is_empty() {
            let mut tagged = bits::NO_ROWS;
            self.tags.iter().for_each(|tag| block.tag(*tag).or_into(&mut tagged));
            bits::and(&mut rows, &tagged);
        }
        let (min, max) = (self.filters.price_min_hundredths, self.filters.price_max_hundredths);
        if min.is_some() || max.is_some() {
            let prices = &block.prices;
            bits::and_not(&mut rows, &prices.rows_unknown());
            bits::and_not(&mut rows, &prices.rows_above(i64::from(max.unwrap_or(UNKNOWN - 1))));
            if let Some(min) = min {
                bits::and(&mut rows, &prices.rows_above(i64::from(min) - 1));
            }
        }
        if let Some(code) = &self.filters.currency {
            let number = currency_number(code).map_or(i64::from(UNKNOWN), i64::from);
            bits::and_not(&mut rows, &block.currencies.rows_unknown());
            bits::and_not(&mut rows, &block.currencies.rows_above(number));
            bits::and(&mut rows, &block.currencies.rows_above(number - 1));
        }
        rows
    }
}
