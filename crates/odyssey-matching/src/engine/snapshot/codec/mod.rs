//! Blocks as bytes and back, for a cache on local disk.
//!
//! Little-endian and without padding; every list has its length before it. What is read is checked as far
//! as the ranking relies on it, so that bytes of another layout are refused, not misread. Checksums are
//! the caller's, who reads the file.

mod read;
mod write;

use std::sync::Arc;

use odyssey_types::{Nutrient, ProductId};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::bits::BLOCK_ROWS;
use super::block::{Block, BlockParts};
use super::row::BIT_COUNT;
use super::{Placed, Run, Snapshot, bits};
use crate::{Diet, EvidenceKey, Flag};
use read::Input;
use write::Output;

/// Raised when the bytes of a block change their meaning.
const FORMAT: u32 = 2;

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
    out.column(&block.currencies);
    out.column(&block.label_days);
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
    let (prices, currencies, label_days) = (input.column(len)?, input.column(len)?, input.column(len)?);
    let reference_amounts = input.column(len)?;
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
        currencies,
        label_days,
        reference_amounts,
        bits,
        forms,
        tags,
        amounts,
    }))
}
