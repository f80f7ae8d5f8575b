//! A block: up to 4,096 products in columns, immutable once built.

use std::collections::BTreeMap;

use odyssey_types::{Nutrient, ProductId};

use super::bits::{Bits, NO_ROWS, Words, and, and_not, for_each, or, rows_that_both, set};
use super::column::{Column, UNKNOWN};
use super::energy_shares::EnergyShares;
use super::names::Names;
use super::per_hundred::PerHundred;
use super::row::{BIT_COUNT, EncodedRow, grade_bit, group_bit};
use crate::engine::curves::energy_share_bp;
use crate::{Grade, Nova};

static NO_BITS: Bits = Bits::Empty;
static NO_COLUMN: Column = Column::Absent;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Block {
    /// Ascending.
    pub ids: Box<[ProductId]>,
    pub changed: Box<[u32]>,
    /// Hashes of names; 0 is none.
    pub brands: Names,
    pub categories: Names,
    pub prices: Column,
    pub currencies: Column,
    /// Days since 1970.
    pub label_days: Column,
    pub(super) reference_amounts: Column,
    /// By bit number, which of the forms it has, counted from 1; 0 is empty, and so are the numbers past
    /// the end. Bits that are alike (what US labels must declare, say) are kept once.
    pub(super) bits: Box<[u16]>,
    pub(super) forms: Box<[Bits]>,
    /// By hash.
    pub(super) tags: Box<[(u32, Bits)]>,
    pub(super) amounts: Box<[(u8, Column, PerHundred)]>,
    /// Not stored anywhere else: computed from the amounts.
    pub energy_shares: Option<EnergyShares>,
    /// Not stored anywhere else: computed from the bits. Nutri-Score grade counted from 1 in the lower half
    /// of a byte, NOVA group in the upper; 0 is unknown.
    pub models: Box<[u8]>,
}

/// What a block is put together from, whether from rows or from bytes.
pub(super) struct BlockParts {
    pub ids: Box<[ProductId]>,
    pub changed: Box<[u32]>,
    pub brands: Names,
    pub categories: Names,
    pub prices: Column,
    pub currencies: Column,
    /// Days since 1970.
    pub label_days: Column,
    pub reference_amounts: Column,
    pub bits: Box<[u16]>,
    pub forms: Box<[Bits]>,
    pub tags: Box<[(u32, Bits)]>,
    pub amounts: Box<[(u8, Column, PerHundred)]>,
}

impl Block {
    /// From rows with ascending ids.
    pub fn build(rows: &[EncodedRow]) -> Self {
        let reference: Vec<u32> = rows.iter().map(|r| r.reference_amount).collect();
        let tags = rows.iter().enumerate().flat_map(|(at, r)| r.tags.iter().map(move |t| (*t, at as u16)));
        let (bits, forms) = shared(rows);
        let column = |of: fn(&EncodedRow) -> u32| -> Vec<u32> { rows.iter().map(of).collect() };
        Self::of_parts(BlockParts {
            ids: rows.iter().map(|r| r.id).collect(),
            changed: rows.iter().map(|r| r.changed).collect(),
            brands: Names::of_rows(&column(|r| r.brand)),
            categories: Names::of_rows(&column(|r| r.category)),
            prices: Column::of_rows(&column(|r| r.price)),
            currencies: Column::of_rows(&column(|r| r.currency)),
            label_days: Column::of_rows(&column(|r| r.label_day)),
            bits,
            forms,
            tags: grouped(tags.collect(), rows.len()),
            amounts: amounts(rows, &reference),
            reference_amounts: Column::of_rows(&reference),
        })
    }

    pub(super) fn of_parts(parts: BlockParts) -> Self {
        let mut block = Self {
            ids: parts.ids,
            changed: parts.changed,
            brands: parts.brands,
            categories: parts.categories,
            prices: parts.prices,
            currencies: parts.currencies,
            label_days: parts.label_days,
            reference_amounts: parts.reference_amounts,
            bits: parts.bits,
            forms: parts.forms,
            tags: parts.tags,
            amounts: parts.amounts,
            energy_shares: None,
            models: Box::default(),
        };
        block.models = block.find_models();
        let macros = [Nutrient::Energy, Nutrient::Protein, Nutrient::Fat, Nutrient::Carbohydrate];
        let columns = macros.map(|nutrient| block.per_reference(nutrient));
        block.energy_shares = EnergyShares::of_columns(block.len(), columns, energy_share_bp);
        block
    }

    fn find_models(&self) -> Box<[u8]> {
        let mut models = vec![0u8; self.len()];
        let mut mark = |bits: &Bits, value: u8| {
            for_each(&bits.to_words(), |row| {
                // A full form has bits past the end of a short block.
                if let Some(model) = models.get_mut(usize::from(row)) {
                    *model |= value;
                }
            });
        };
        for grade in Grade::ALL {
            mark(self.bits(grade_bit(*grade)), *grade as u8 + 1);
        }
        for group in Nova::ALL {
            mark(self.bits(group_bit(*group)), (*group as u8) << 4);
        }
        models.into()
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn bits(&self, bit: u16) -> &Bits {
        match self.bits.get(usize::from(bit)).copied().unwrap_or(0) {
            0 => &NO_BITS,
            form => &self.forms[usize::from(form) - 1],
        }
    }

    pub fn tag(&self, hash: u32) -> &Bits {
        self.tags.binary_search_by_key(&hash, |(tag, _)| *tag).map_or(&NO_BITS, |at| &self.tags[at].1)
    }

    /// Amounts per reference amount.
    pub fn per_reference(&self, nutrient: Nutrient) -> &Column {
        self.amounts_of(nutrient).map_or(&NO_COLUMN, |(_, column, _)| column)
    }

    /// Of the rows in `among`, those with a known amount per 100 g or ml above `limit` (`None`: above
    /// nothing), and those without a known one. Told by steps where they suffice.
    pub fn per_100_rows(&self, nutrient: Nutrient, limit: Option<i64>, among: &Words) -> (Words, Words) {
        let Some((_, column, per_100)) = self.amounts_of(nutrient) else {
            return (NO_ROWS, *among);
        };
        let references = &self.reference_amounts;
        let limit = limit.unwrap_or(i64::MAX);
        let (mut above, mut unknown, mut open) = (NO_ROWS, NO_ROWS, *among);
        let (mut one, mut other) = (Vec::new(), Vec::new());
        let amounts = column.steps(self.len(), &mut one);
        let wholes = references.steps(self.len(), &mut other);
        // Above everything is nobody: only what is unknown remains to be found.
        let none_above = limit >= i64::from(UNKNOWN);
        let coarse = per_100.coarse(amounts.unit, wholes.unit, if none_above { 0 } else { limit });
        if let Some(coarse) = coarse {
            unknown = column.rows_unknown();
            or(&mut unknown, &references.rows_unknown());
            and(&mut unknown, among);
            above = rows_that_both(amounts.steps, wholes.steps, |a, r| coarse.is_above(a, r));
            and(&mut above, among);
            let told = rows_that_both(amounts.steps, wholes.steps, |a, r| coarse.is_not_above(a, r));
            and_not(&mut open, &told);
            and_not(&mut open, &above);
            for row in per_100.odd_rows() {
                let (word, bit) = (usize::from(*row) / 64, 1 << (row % 64));
                above[word] &= !bit;
                unknown[word] &= !bit;
                open[word] |= bit & among[word];
            }
            if none_above {
                above = NO_ROWS;
            }
        }
        for_each(&open, |row| match per_100.is_above(row, column.get(row), references.get(row), limit) {
            None => set(&mut unknown, row),
            Some(true) => set(&mut above, row),
            Some(false) => {}
        });
        (above, unknown)
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
            brand: self.brands.get(row),
            category: self.categories.get(row),
            price: self.prices.get(row),
            currency: self.currencies.get(row),
            label_day: self.label_days.get(row),
            reference_amount,
            bits: (0..self.bits.len() as u16).filter(|bit| self.bits(*bit).contains(row)).collect(),
            tags: self.tags.iter().filter(|(_, bits)| bits.contains(row)).map(|(tag, _)| *tag).collect(),
            amounts: self.amounts.iter().filter_map(amount).collect(),
        }
    }

    /// Bytes of the block with everything it owns.
    pub fn memory_bytes(&self) -> usize {
        let forms: usize = self.forms.iter().map(|b| size_of::<Bits>() + b.heap_bytes()).sum();
        let bits = forms + self.bits.len() * size_of::<u16>();
        let tags: usize = self.tags.iter().map(|(_, b)| size_of::<(u32, Bits)>() + b.heap_bytes()).sum();
        let amounts: usize = self
            .amounts
            .iter()
            .map(|(_, c, h)| size_of::<(u8, Column, PerHundred)>() + c.heap_bytes() + h.heap_bytes())
            .sum();
        let ids = self.len() * (size_of::<ProductId>() + size_of::<u32>()) + self.models.len();
        size_of::<Self>()
            + ids
            + self.brands.heap_bytes()
            + self.categories.heap_bytes()
            + self.energy_shares.as_ref().map_or(0, EnergyShares::heap_bytes)
            + bits
            + tags
            + amounts
            + self.prices.heap_bytes()
            + self.currencies.heap_bytes()
            + self.label_days.heap_bytes()
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

/// The bits of all rows by number; those that are alike once.
fn shared(rows: &[EncodedRow]) -> (Box<[u16]>, Box<[Bits]>) {
    let mut rows_of: Vec<Vec<u16>> = vec![Vec::new(); BIT_COUNT];
    for (at, row) in rows.iter().enumerate() {
        row.bits.iter().for_each(|bit| rows_of[usize::from(*bit)].push(at as u16));
    }
    let used = rows_of.iter().rposition(|rows| !rows.is_empty()).map_or(0, |last| last + 1);
    let mut forms: Vec<Bits> = Vec::new();
    let mut known: BTreeMap<Bits, u16> = BTreeMap::new();
    let mut form_of = |set: &Vec<u16>| {
        if set.is_empty() {
            return 0;
        }
        *known.entry(Bits::of_rows(set, rows.len())).or_insert_with_key(|form| {
            forms.push(form.clone());
            forms.len() as u16
        })
    };
    let bits = rows_of[..used].iter().map(&mut form_of).collect();
    (bits, forms.into())
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
