//! A vendor's facts in memory: blocks of columns and bitmaps behind `Arc`.
//!
//! Owns: no table. Promises: exact (what goes in comes out of the ranking as if each product had been
//! judged alone); a delta costs what changed, not what is there; an older snapshot stays valid while a
//! newer one is made. A snapshot can be written as bytes and read back, block by block. Never: knows
//! which vendor it belongs to, nor its version.

pub(in crate::engine) mod bits;
mod block;
mod codec;
pub(in crate::engine) mod column;
pub(in crate::engine) mod energy_shares;
mod names;
mod per_hundred;
mod row;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use odyssey_types::ProductId;

use bits::{BLOCK_ROWS, NO_ROWS, Words};
pub(in crate::engine) use block::Block;
pub use codec::{SnapshotDecoder, SnapshotError, snapshot_layout};
pub use row::SnapshotRow;
pub(in crate::engine) use row::{
    DietBit, EncodedRow, Single, currency_number, day_number, diet_bit, flag_bit, good_bit, mandatory_bit,
    single_bit,
};

/// Runs of changes up to this many rows together are merged, so that finding a product stays quick and
/// no delta pays for more than this many rows of earlier ones.
const MERGED_ROWS_MAX: usize = 1 << 15;
/// With more runs than this everything is packed anew.
const RUNS_MAX: usize = 64;
/// For so many rows of a delta one block is freed of the rows that newer ones replaced: quicker than they
/// arise, and no delta pays for much more than itself.
const ROWS_PER_COMPACTION: usize = 256;

/// A block and the rows of it that newer rows replaced.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Placed {
    pub block: Arc<Block>,
    pub dead: Option<Arc<Words>>,
}

impl Placed {
    /// The rows that count.
    pub fn live(&self) -> Words {
        let mut live = bits::first_rows(self.block.len());
        if let Some(dead) = &self.dead {
            bits::and_not(&mut live, dead);
        }
        live
    }

    fn dead_rows(&self) -> usize {
        self.dead.as_deref().map_or(0, |dead| bits::count(dead) as usize)
    }

    fn is_dead(&self, row: u16) -> bool {
        self.dead.as_ref().is_some_and(|dead| bits::has(dead, row))
    }

    fn bury(&mut self, row: u16) {
        let mut dead = self.dead.as_deref().copied().unwrap_or(NO_ROWS);
        bits::set(&mut dead, row);
        self.dead = Some(Arc::new(dead));
    }
}

/// Blocks whose ids ascend from one to the next.
type Run = Vec<Placed>;

/// An immutable state of a vendor's catalog.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    runs: Vec<Run>,
    live: usize,
}

/// Builds a snapshot from rows. Rows in ascending order of ids are packed as they come; others wait
/// until the end. A later row replaces an earlier one of the same id.
#[derive(Debug, Default)]
pub struct SnapshotBuilder {
    blocks: Run,
    pending: Vec<EncodedRow>,
    stragglers: Vec<EncodedRow>,
}

impl SnapshotBuilder {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn push(&mut self, row: &SnapshotRow) {
        let encoded = EncodedRow::of(row);
        let last =
            self.pending.last().map(|r| r.id).or_else(|| self.blocks.last()?.block.ids.last().copied());
        if last.is_some_and(|last| encoded.id <= last) {
            self.stragglers.push(encoded);
            return;
        }
        self.pending.push(encoded);
        if self.pending.len() == BLOCK_ROWS {
            self.blocks.extend(pack(std::mem::take(&mut self.pending)));
        }
    }

    pub fn finish(mut self) -> Snapshot {
        self.blocks.extend(pack(self.pending));
        let live = self.blocks.iter().map(|p| p.block.len()).sum();
        let runs = if self.blocks.is_empty() { Vec::new() } else { vec![self.blocks] };
        let base = Snapshot { runs, live };
        if self.stragglers.is_empty() { base } else { base.replaced(self.stragglers, &[]).merged(0) }
    }
}

impl Snapshot {
    /// Products in the snapshot, active or not.
    pub fn len(&self) -> usize {
        self.live
    }

    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The snapshot with `removed` gone and then the rows of `delta` put in or replaced. This one
    /// stays as it is; blocks that did not change are shared.
    pub fn apply(&self, delta: Vec<SnapshotRow>, removed: Vec<ProductId>) -> Self {
        let changed = delta.len() + removed.len();
        let encoded = delta.iter().map(EncodedRow::of).collect();
        let mut next = self.replaced(encoded, &removed);
        next.compact(1 + changed / ROWS_PER_COMPACTION);
        next.merge_small();
        if next.runs.len() > RUNS_MAX { next.merged(0) } else { next }
    }

    /// Bytes of all blocks with everything they own, and of the lists that hold them.
    pub fn memory_bytes(&self) -> usize {
        let dead = |p: &Placed| if p.dead.is_some() { size_of::<Words>() } else { 0 };
        let blocks: usize =
            self.placed().map(|p| p.block.memory_bytes() + dead(p) + size_of::<Placed>()).sum();
        size_of::<Self>() + self.runs.len() * size_of::<Run>() + blocks
    }

    /// The hashes of brand and category of a product, 0 for none.
    pub fn name_hashes(&self, id: ProductId) -> Option<(u32, u32)> {
        let (run, block, row) = locate(&self.runs, id)?;
        let block = &self.runs[run][block].block;
        Some((block.brands.get(row), block.categories.get(row)))
    }

    /// Every block, older runs first.
    pub(in crate::engine) fn placed(&self) -> impl Iterator<Item = &Placed> {
        self.runs.iter().flatten()
    }

    /// The rows of `ids` by the number of their block in [`Self::placed`].
    pub(in crate::engine) fn locate_all(&self, ids: &[ProductId]) -> BTreeMap<usize, Words> {
        let mut starts = Vec::with_capacity(self.runs.len());
        let mut start = 0;
        for run in &self.runs {
            starts.push(start);
            start += run.len();
        }
        let mut found: BTreeMap<usize, Words> = BTreeMap::new();
        for id in ids {
            if let Some((run, block, row)) = locate(&self.runs, *id) {
                bits::set(found.entry(starts[run] + block).or_insert(NO_ROWS), row);
            }
        }
        found
    }

    fn replaced(&self, mut rows: Vec<EncodedRow>, removed: &[ProductId]) -> Self {
        // Stable: of two rows with one id the later one stands.
        rows.sort_by_key(|r| r.id);
        rows.reverse();
        rows.dedup_by(|earlier, later| earlier.id == later.id);
        rows.reverse();
        let mut next = self.clone();
        for id in removed.iter().copied().chain(rows.iter().map(|r| r.id)) {
            if let Some((run, block, row)) = locate(&next.runs, id) {
                next.runs[run][block].bury(row);
                next.live -= 1;
            }
        }
        next.live += rows.len();
        let run: Run = pack(rows);
        if !run.is_empty() {
            next.runs.push(run);
        }
        next
    }

    /// Packs up to `most` blocks anew that are mostly dead. Where "mostly" begins differs a little from
    /// block to block: changes fall on all blocks alike, and they should not all be due at once.
    fn compact(&mut self, most: usize) {
        let mut left = most;
        for run in &mut self.runs {
            let mut number = 0;
            while left > 0 && number < run.len() {
                let placed = &run[number];
                let (rows, dead) = (placed.block.len(), placed.dead_rows());
                let due = rows / 4 + rows * (number * 37 % 64) / 256;
                if dead <= due || dead == 0 {
                    number += 1;
                    continue;
                }
                left -= 1;
                let living = placed.block.decode(placed.dead.as_deref());
                run.splice(number..=number, pack(living));
            }
        }
        self.runs.retain(|run| !run.is_empty());
    }

    /// Merges the newest run into the one before it while that is not much larger, so that few runs hold
    /// all changes; the first run, the catalog as it was loaded, is left alone.
    fn merge_small(&mut self) {
        let rows_of = |run: &Run| run.iter().map(|p| p.block.len() - p.dead_rows()).sum::<usize>();
        while let [_, .., before, newest] = &self.runs[..] {
            let (before, newest) = (rows_of(before), rows_of(newest));
            if before > newest * 2 || before + newest > MERGED_ROWS_MAX {
                break;
            }
            let from = self.runs.len() - 2;
            *self = std::mem::take(self).merged(from);
        }
    }

    /// Packs the runs from number `from` on into one.
    fn merged(mut self, from: usize) -> Self {
        let runs = self.runs.split_off(from.min(self.runs.len()));
        let mut rows: Vec<EncodedRow> =
            runs.iter().flatten().flat_map(|p| p.block.decode(p.dead.as_deref())).collect();
        rows.sort_unstable_by_key(|r| r.id);
        let run = pack(rows);
        if !run.is_empty() {
            self.runs.push(run);
        }
        self
    }
}

fn pack(rows: Vec<EncodedRow>) -> Run {
    rows.chunks(BLOCK_ROWS).map(|rows| Placed { block: Arc::new(Block::build(rows)), dead: None }).collect()
}

/// Run, block and row of a living product.
fn locate(runs: &[Run], id: ProductId) -> Option<(usize, usize, u16)> {
    runs.iter().enumerate().find_map(|(number, run)| {
        let after = run.partition_point(|p| p.block.ids.first().is_some_and(|first| *first <= id));
        let block = after.checked_sub(1)?;
        let row = run[block].block.ids.binary_search(&id).ok()? as u16;
        (!run[block].is_dead(row)).then_some((number, block, row))
    })
}
