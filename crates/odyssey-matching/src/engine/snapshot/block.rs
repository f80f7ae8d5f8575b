//! A block: up to 4,096 products in columns, immutable once built.

use odyssey_types::{Nutrient, ProductId};

use super::bits::{Bits, Words};
use super::column::{Column, PerHundred, UNKNOWN};
use super::row::EncodedRow;

static NO_BITS: Bits = Bits::Empty;
static NO_COLUMN: Column = Column::Absent;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Block {
    /// Ascending.
    pub ids: Box<[ProductId]>,
    pub changed: Box<[u32]>,
    /// Hashes of names; 0 is none.
    pub brands: Box<[u32]>,
    pub categories: Box<[u32]>,
    pub prices: Column,
    reference_amounts: Column,
    /// By bit number; empty ones are absent.
    bits: Box<[(u16, Bits)]>,
    /// By hash.
    tags: Box<[(u32, Bits)]>,
    amounts: Box<[(u8, Column, PerHundred)]>,
}

impl Block {
    /// From rows with ascending ids.
    pub fn build(rows: &[EncodedRow]) -> Self {
        let reference: Vec<u32> = rows.iter().map(|r| r.reference_amount).collect();
        let pairs = rows.iter().enumerate().flat_map(|(at, r)| r.bits.iter().map(move |b| (*b, at as u16)));
        let tags = rows.iter().enumerate().flat_map(|(at, r)| r.tags.iter().map(move |t| (*t, at as u16)));
        Self {
            ids: rows.iter().map(|r| r.id).collect(),
            changed: rows.iter().map(|r| r.changed).collect(),
            brands: rows.iter().map(|r| r.brand).collect(),
            categories: rows.iter().map(|r| r.category).collect(),
            prices: Column::of_rows(&rows.iter().map(|r| r.price).collect::<Vec<_>>()),
            bits: grouped(pairs.collect(), rows.len()),
            tags: grouped(tags.collect(), rows.len()),
            amounts: amounts(rows, &reference),
            reference_amounts: Column::of_rows(&reference),
        }
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn bits(&self, bit: u16) -> &Bits {
        self.bits.binary_search_by_key(&bit, |(number, _)| *number).map_or(&NO_BITS, |at| &self.bits[at].1)
    }

    pub fn tag(&self, hash: u32) -> &Bits {
        self.tags.binary_search_by_key(&hash, |(tag, _)| *tag).map_or(&NO_BITS, |at| &self.tags[at].1)
    }

    /// Amounts per reference amount.
    pub fn per_reference(&self, nutrient: Nutrient) -> &Column {
        self.amounts_of(nutrient).map_or(&NO_COLUMN, |(_, column, _)| column)
    }

    /// Amounts per 100 g or ml, spread out into `into`.
    pub fn per_100(&self, nutrient: Nutrient, into: &mut Vec<u32>) {
        into.clear();
        let Some((_, column, per_100)) = self.amounts_of(nutrient) else {
            into.resize(self.len(), UNKNOWN);
            return;
        };
        into.extend(
            (0..self.len() as u16)
                .map(|row| per_100.get(row, column.get(row), self.reference_amounts.get(row))),
        );
    }

    fn amounts_of(&self, nutrient: Nutrient) -> Option<&(u8, Column, PerHundred)> {
        let at = self.amounts.binary_search_by_key(&(nutrient as u8), |(number, ..)| *number).ok()?;
        Some(&self.amounts[at])
    }

    /// Takes the rows that are not `dead` apart again.
    pub fn decode(&self, dead: Option<&Words>) -> Vec<EncodedRow> {
        let living = |row: &u16| dead.is_none_or(|words| !super::bits::has(words, *row));
        (0..self.len() as u16).filter(living).map(|row| self.decode_row(row)).collect()
    }

    fn decode_row(&self, row: u16) -> EncodedRow {
        let at = usize::from(row);
        let reference_amount = self.reference_amounts.get(row);
        let amount = |(nutrient, column, per_100): &(u8, Column, PerHundred)| {
            let per_reference = column.get(row);
            let per_100 = per_100.get(row, per_reference, reference_amount);
            (per_reference != UNKNOWN || per_100 != UNKNOWN).then_some((*nutrient, per_reference, per_100))
        };
        EncodedRow {
            id: self.ids[at],
            changed: self.changed[at],
            brand: self.brands[at],
            category: self.categories[at],
            price: self.prices.get(row),
            reference_amount,
            bits: self.bits.iter().filter(|(_, bits)| bits.contains(row)).map(|(bit, _)| *bit).collect(),
            tags: self.tags.iter().filter(|(_, bits)| bits.contains(row)).map(|(tag, _)| *tag).collect(),
            amounts: self.amounts.iter().filter_map(amount).collect(),
        }
    }

    /// Bytes of the block with everything it owns.
    pub fn memory_bytes(&self) -> usize {
        let bits: usize = self.bits.iter().map(|(_, b)| size_of::<(u16, Bits)>() + b.heap_bytes()).sum();
        let tags: usize = self.tags.iter().map(|(_, b)| size_of::<(u32, Bits)>() + b.heap_bytes()).sum();
        let amounts: usize = self
            .amounts
            .iter()
            .map(|(_, c, h)| size_of::<(u8, Column, PerHundred)>() + c.heap_bytes() + h.heap_bytes())
            .sum();
        let ids = self.len() * (size_of::<ProductId>() + 3 * size_of::<u32>());
        size_of::<Self>()
            + ids
            + bits
            + tags
            + amounts
            + self.prices.heap_bytes()
            + self.reference_amounts.heap_bytes()
    }
}

/// Row numbers by key, as bits.
fn grouped<K: Ord + Copy>(mut pairs: Vec<(K, u16)>, len: usize) -> Box<[(K, Bits)]> {
    pairs.sort_unstable();
    pairs
        .chunk_by(|a, b| a.0 == b.0)
        .map(|group| {
            let rows: Vec<u16> = group.iter().map(|(_, row)| *row).collect();
            (group[0].0, Bits::of_rows(&rows, len))
        })
        .collect()
}

fn amounts(rows: &[EncodedRow], reference: &[u32]) -> Box<[(u8, Column, PerHundred)]> {
    let mut by_nutrient: Vec<Option<(Vec<u32>, Vec<u32>)>> = vec![None; Nutrient::ALL.len()];
    for (at, row) in rows.iter().enumerate() {
        for (nutrient, per_reference, per_100) in &row.amounts {
            let unknown = || (vec![UNKNOWN; rows.len()], vec![UNKNOWN; rows.len()]);
            let columns = by_nutrient[usize::from(*nutrient)].get_or_insert_with(unknown);
            columns.0[at] = *per_reference;
            columns.1[at] = *per_100;
        }
    }
    let build = |(number, columns): (usize, Option<(Vec<u32>, Vec<u32>)>)| {
        let (per_reference, per_100) = columns?;
        let hundred = PerHundred::of_rows(&per_reference, &per_100, reference);
        Some((number as u8, Column::of_rows(&per_reference), hundred))
    };
    by_nutrient.into_iter().enumerate().filter_map(build).collect()
}
