//! Blocks as bytes and back, for a cache on local disk.
//!
//! Little-endian and without padding; every list has its length before it. What is read is checked as far
//! as the ranking relies on it, so that bytes of another layout are refused, not misread. Checksums are
//! the caller's, who reads the file.

use std::sync::Arc;

use odyssey_types::{Nutrient, ProductId};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::bits::{BLOCK_ROWS, Bits, NO_ROWS, Words};
use super::block::{Block, BlockParts};
use super::column::{Column, Dense, Names, Odd, PerHundred, Rest, UNKNOWN_STEP};
use super::row::BIT_COUNT;
use super::{Placed, Run, Snapshot, bits};
use crate::{Diet, EvidenceKey, Flag};

/// Raised when the bytes of a block change their meaning.
const FORMAT: u32 = 1;

/// Bytes that are no block of this layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are no block of a snapshot: {0}")]
pub struct SnapshotError(&'static str);

type Result<T> = std::result::Result<T, SnapshotError>;

/// SHA-256 over everything that gives a bit or a column of a block its meaning: the format, the keys,
/// flags, diets and nutrients in their order. Bytes may be read back only where it is the same.
pub fn snapshot_layout() -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(FORMAT.to_le_bytes());
    digest.update((BLOCK_ROWS as u64).to_le_bytes());
    digest.update((BIT_COUNT as u64).to_le_bytes());
    digest.update((Flag::ALL.len() as u64).to_le_bytes());
    let names = EvidenceKey::ALL.iter().map(|k| k.code());
    let names =
        names.chain(Diet::ALL.iter().map(|d| d.code())).chain(Nutrient::ALL.iter().map(|n| n.field()));
    for name in names {
        digest.update(name.as_bytes());
        digest.update([0]);
    }
    digest.finalize().into()
}

impl Snapshot {
    /// The blocks as bytes, to be pushed into a [`SnapshotDecoder`] in the same order.
    pub fn encode_blocks(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        self.runs
            .iter()
            .enumerate()
            .flat_map(|(run, blocks)| blocks.iter().map(move |placed| encode(run, placed)))
    }
}

/// Puts a snapshot together from the bytes of its blocks.
#[derive(Debug, Default)]
pub struct SnapshotDecoder {
    runs: Vec<Run>,
    live: usize,
}

impl SnapshotDecoder {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next block.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let mut input = Input { bytes };
        let run = input.u32()? as usize;
        let dead = match input.u8()? {
            0 => None,
            _ => Some(Arc::new(input.words()?)),
        };
        let block = decode_block(&mut input)?;
        if !input.bytes.is_empty() {
            return Err(SnapshotError("something follows the block"));
        }
        if run == self.runs.len() {
            self.runs.push(Vec::new());
        }
        // Blocks come run by run, and ascend within one.
        let last = self.runs.len().checked_sub(1).filter(|last| *last == run);
        let Some(blocks) = last.map(|last| &mut self.runs[last]) else {
            return Err(SnapshotError("a run is missing"));
        };
        let before = blocks.last().and_then(|p| p.block.ids.last());
        if before.is_some_and(|before| block.ids.first().is_none_or(|first| first <= before)) {
            return Err(SnapshotError("the blocks do not ascend"));
        }
        let placed = Placed { block: Arc::new(block), dead };
        self.live += bits::count(&placed.live()) as usize;
        blocks.push(placed);
        Ok(())
    }

    pub fn finish(self) -> Snapshot {
        Snapshot { runs: self.runs, live: self.live }
    }
}

fn encode(run: usize, placed: &Placed) -> Vec<u8> {
    let block = &placed.block;
    let mut out = Output { bytes: Vec::with_capacity(block.memory_bytes()) };
    out.u32(run as u32);
    match placed.dead.as_deref() {
        None => out.u8(0),
        Some(dead) => {
            out.u8(1);
            out.words(dead);
        }
    }
    out.u32(block.len() as u32);
    block.ids.iter().for_each(|id| out.bytes.extend_from_slice(id.as_uuid().as_bytes()));
    block.changed.iter().for_each(|at| out.u32(*at));
    out.names(&block.brands);
    out.names(&block.categories);
    out.column(&block.prices);
    out.column(&block.reference_amounts);
    out.u16s(&block.bits);
    out.u32(block.forms.len() as u32);
    block.forms.iter().for_each(|form| out.bits(form));
    out.u32(block.tags.len() as u32);
    for (tag, rows) in &block.tags {
        out.u32(*tag);
        out.bits(rows);
    }
    out.u32(block.amounts.len() as u32);
    for (nutrient, column, per_100) in &block.amounts {
        out.u8(*nutrient);
        out.column(column);
        out.per_100(per_100);
    }
    out.bytes
}

fn decode_block(input: &mut Input<'_>) -> Result<Block> {
    let len = input.u32()? as usize;
    if len == 0 || len > BLOCK_ROWS {
        return Err(SnapshotError("a block of no or too many rows"));
    }
    let ids: Box<[ProductId]> = input
        .take(len * 16)?
        .as_chunks::<16>()
        .0
        .iter()
        .map(|bytes| ProductId::from_uuid(Uuid::from_bytes(*bytes)))
        .collect();
    if !ids.is_sorted_by(|one, other| one < other) {
        return Err(SnapshotError("the ids do not ascend"));
    }
    let changed = input.u32s_of(len)?;
    let (brands, categories) = (input.names(len)?, input.names(len)?);
    let (prices, reference_amounts) = (input.column(len)?, input.column(len)?);
    let bits = input.u16s()?;
    let forms = input.list(|input| input.bits(len))?;
    if bits.len() > BIT_COUNT || bits.iter().any(|form| usize::from(*form) > forms.len()) {
        return Err(SnapshotError("a bit without its rows"));
    }
    let tags = input.list(|input| Ok((input.u32()?, input.bits(len)?)))?;
    let amounts = input.list(|input| Ok((input.u8()?, input.column(len)?, input.per_100(len)?)))?;
    let known = |number: u8| usize::from(number) < Nutrient::ALL.len();
    if !tags.is_sorted_by(|one, other| one.0 < other.0)
        || !amounts.is_sorted_by(|one, other| one.0 < other.0)
        || !amounts.iter().all(|(number, ..)| known(*number))
    {
        return Err(SnapshotError("tags or nutrients out of order"));
    }
    Ok(Block::of_parts(BlockParts {
        ids,
        changed,
        brands,
        categories,
        prices,
        reference_amounts,
        bits,
        forms,
        tags,
        amounts,
    }))
}

struct Output {
    bytes: Vec<u8>,
}

impl Output {
    fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn u16s(&mut self, values: &[u16]) {
        self.u32(values.len() as u32);
        values.iter().for_each(|value| self.bytes.extend_from_slice(&value.to_le_bytes()));
    }

    fn u32s(&mut self, values: &[u32]) {
        self.u32(values.len() as u32);
        values.iter().for_each(|value| self.u32(*value));
    }

    fn u8s(&mut self, values: &[u8]) {
        self.u32(values.len() as u32);
        self.bytes.extend_from_slice(values);
    }

    fn words(&mut self, words: &Words) {
        words.iter().for_each(|word| self.bytes.extend_from_slice(&word.to_le_bytes()));
    }

    fn bits(&mut self, bits: &Bits) {
        match bits {
            Bits::Empty => self.u8(0),
            Bits::Full => self.u8(1),
            Bits::Rows(rows) => {
                self.u8(2);
                self.u16s(rows);
            }
            Bits::AllBut(rows) => {
                self.u8(3);
                self.u16s(rows);
            }
            Bits::Words(words) => {
                self.u8(4);
                self.words(words);
            }
        }
    }

    fn names(&mut self, names: &Names) {
        match names {
            Names::Plain(hashes) => {
                self.u8(0);
                self.u32s(hashes);
            }
            Names::Bytes { names, codes } => {
                self.u8(1);
                self.u32s(names);
                self.u8s(codes);
            }
            Names::Pairs { names, codes } => {
                self.u8(2);
                self.u32s(names);
                self.u16s(codes);
            }
        }
    }

    fn column(&mut self, column: &Column) {
        match column {
            Column::Absent => self.u8(0),
            Column::Sparse { unit, rows, amounts } => {
                self.u8(1);
                self.u32(*unit);
                self.u16s(rows);
                self.u32s(amounts);
            }
            Column::Dense(dense) => {
                self.u8(2);
                self.dense(dense);
            }
        }
    }

    fn dense(&mut self, dense: &Dense) {
        self.u32(dense.unit);
        self.u16s(&dense.steps);
        match &dense.rest {
            Rest::Nothing => self.u8(0),
            Rest::Bytes(rest) => {
                self.u8(1);
                self.u8s(rest);
            }
            Rest::Pairs(rest) => {
                self.u8(2);
                self.u16s(rest);
            }
        }
        match dense.odd.as_deref() {
            None => self.u8(0),
            Some(odd) => {
                self.u8(1);
                self.u16s(&odd.rows);
                self.u32s(&odd.amounts);
            }
        }
    }

    fn per_100(&mut self, per_100: &PerHundred) {
        match per_100 {
            PerHundred::Computed => self.u8(0),
            PerHundred::Corrected(corrections) => {
                self.u8(1);
                self.u32(corrections.len() as u32);
                self.bytes.extend(corrections.iter().map(|c| c.cast_unsigned()));
            }
            PerHundred::But { rows, amounts } => {
                self.u8(2);
                self.u16s(rows);
                self.u32s(amounts);
            }
            PerHundred::Exact(column) => {
                self.u8(3);
                self.column(column);
            }
        }
    }
}

struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(SnapshotError("cut off"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn u32(&mut self) -> Result<u32> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn u16s(&mut self) -> Result<Box<[u16]>> {
        let count = self.u32()? as usize;
        let bytes = self.take(count.saturating_mul(2))?;
        Ok(bytes.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b)).collect())
    }

    fn u32s(&mut self) -> Result<Box<[u32]>> {
        let count = self.u32()? as usize;
        self.u32s_of(count)
    }

    fn u32s_of(&mut self, count: usize) -> Result<Box<[u32]>> {
        let bytes = self.take(count.saturating_mul(4))?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect())
    }

    fn u8s(&mut self) -> Result<&'a [u8]> {
        let count = self.u32()? as usize;
        self.take(count)
    }

    fn words(&mut self) -> Result<Words> {
        let bytes = self.take(size_of::<Words>())?;
        let mut words = NO_ROWS;
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Ok(words)
    }

    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T>) -> Result<Box<[T]>> {
        // No capacity ahead: a length that lies ends in "cut off", not in memory.
        let count = self.u32()?;
        (0..count).map(|_| read(self)).collect()
    }

    /// Ascending rows of a block of `len`.
    fn rows(&mut self, len: usize) -> Result<Box<[u16]>> {
        let rows = self.u16s()?;
        let ascending = rows.is_sorted_by(|one, other| one < other);
        if !ascending || rows.last().is_some_and(|last| usize::from(*last) >= len) {
            return Err(SnapshotError("rows out of order"));
        }
        Ok(rows)
    }

    fn bits(&mut self, len: usize) -> Result<Bits> {
        Ok(match self.u8()? {
            0 => Bits::Empty,
            1 => Bits::Full,
            2 => Bits::Rows(self.rows(len)?),
            3 => Bits::AllBut(self.rows(len)?),
            4 => Bits::Words(Box::new(self.words()?)),
            _ => return Err(SnapshotError("an unknown form of bits")),
        })
    }

    fn names(&mut self, len: usize) -> Result<Names> {
        let kind = self.u8()?;
        let names = self.u32s()?;
        let names = match kind {
            0 if names.len() == len => return Ok(Names::Plain(names)),
            1 => Names::Bytes { names, codes: self.u8s()?.into() },
            2 => Names::Pairs { names, codes: self.u16s()? },
            _ => return Err(SnapshotError("an unknown form of names")),
        };
        let fits = match &names {
            Names::Plain(_) => true,
            Names::Bytes { names, codes } => {
                codes.len() == len && codes.iter().all(|code| usize::from(*code) < names.len())
            }
            Names::Pairs { names, codes } => {
                codes.len() == len && codes.iter().all(|code| usize::from(*code) < names.len())
            }
        };
        if fits { Ok(names) } else { Err(SnapshotError("a name without its code")) }
    }

    fn column(&mut self, len: usize) -> Result<Column> {
        Ok(match self.u8()? {
            0 => Column::Absent,
            1 => {
                let unit = self.unit()?;
                let (rows, amounts) = (self.rows(len)?, self.u32s()?);
                if rows.len() != amounts.len() || !unit.is_power_of_two() {
                    return Err(SnapshotError("a sparse column out of step"));
                }
                Column::Sparse { unit, rows, amounts }
            }
            2 => Column::Dense(self.dense(len)?),
            _ => return Err(SnapshotError("an unknown form of column")),
        })
    }

    fn dense(&mut self, len: usize) -> Result<Dense> {
        let (unit, steps) = (self.unit()?, self.u16s()?);
        let rest = match self.u8()? {
            0 => Rest::Nothing,
            1 => Rest::Bytes(self.u8s()?.into()),
            2 => Rest::Pairs(self.u16s()?),
            _ => return Err(SnapshotError("an unknown form of rest")),
        };
        let rests = match &rest {
            Rest::Nothing => len,
            Rest::Bytes(rest) => rest.len(),
            Rest::Pairs(rest) => rest.len(),
        };
        let odd = match self.u8()? {
            0 => None,
            _ => {
                let (rows, amounts) = (self.rows(len)?, self.u32s()?);
                if rows.len() != amounts.len() {
                    return Err(SnapshotError("odd rows out of step"));
                }
                Some(Box::new(Odd::new(rows, amounts)))
            }
        };
        let known = steps.iter().copied().filter(|step| *step != UNKNOWN_STEP);
        let most = known.max().map_or(0, |step| u64::from(step) * u64::from(unit) + u64::from(unit));
        if steps.len() != len || rests != len || most > 1 << 32 {
            return Err(SnapshotError("a column of another length"));
        }
        Ok(Dense { unit, steps, rest, odd })
    }

    fn per_100(&mut self, len: usize) -> Result<PerHundred> {
        Ok(match self.u8()? {
            0 => PerHundred::Computed,
            1 => {
                let corrections: Box<[i8]> = self.u8s()?.iter().map(|c| c.cast_signed()).collect();
                if corrections.len() != len {
                    return Err(SnapshotError("a column of another length"));
                }
                PerHundred::Corrected(corrections)
            }
            2 => {
                let (rows, amounts) = (self.rows(len)?, self.u32s()?);
                if rows.len() != amounts.len() {
                    return Err(SnapshotError("amounts out of step"));
                }
                PerHundred::But { rows, amounts }
            }
            3 => PerHundred::Exact(self.column(len)?),
            _ => return Err(SnapshotError("an unknown form of amounts")),
        })
    }

    fn unit(&mut self) -> Result<u32> {
        // The largest that columns are built with; steps times unit stay within 32 bits.
        match self.u32()? {
            unit @ 1..=100_000 => Ok(unit),
            _ => Err(SnapshotError("a unit out of range")),
        }
    }
}
