//! Cautions and warnings over columns: what tells tier 1 from tier 2.

use odyssey_types::Nutrient;

use super::gates::rows_with;
use crate::Flag;
use crate::engine::snapshot::bits::{self, NO_ROWS, Words};
use crate::engine::snapshot::column::{TOP_STEP, UNKNOWN, UNKNOWN_STEP};
use crate::engine::snapshot::{Block, Single, single_bit};
use crate::engine::{AmountCaution, AmountTest, Basis, ClassWarning, Policy, fat_share_exceeds};

/// Below this many rows of a block it is quicker to look at each than to compare them all. Rows.
const FEW_ROWS: u64 = 768;

/// Where any warning fires.
pub(super) fn warned(policy: &Policy, block: &Block) -> Words {
    let mut warned = NO_ROWS;
    policy.warnings.iter().for_each(|warning| bits::or(&mut warned, &warning_rows(warning, block)));
    warned
}

/// Where any caution fires, among `open`.
pub(super) fn cautioned(policy: &Policy, block: &Block, open: &Words) -> Words {
    let count = bits::count(open);
    if count == 0 || policy.cautions.is_empty() {
        return NO_ROWS;
    }
    let per_reference = lowest_cautions(&policy.cautions, Basis::Reference);
    let mut fired = if count < FEW_ROWS {
        caution_few(&per_reference, block, open)
    } else {
        let mut fired = NO_ROWS;
        per_reference.iter().for_each(|caution| bits::or(&mut fired, &caution_rows(caution, block)));
        fired
    };
    for caution in lowest_cautions(&policy.cautions, Basis::Per100) {
        bits::or(&mut fired, &block.per_100_rows(caution.nutrient, Some(caution.above), open).0);
    }
    bits::and(&mut fired, open);
    fired
}

/// A nutrient's cautions on one basis as one: the lowest of them fires whenever any does.
struct LowestCaution {
    nutrient: Nutrient,
    above: i64,
    assumed_above: i64,
}

fn lowest_cautions(cautions: &[AmountCaution], basis: Basis) -> Vec<LowestCaution> {
    let mut lowest: Vec<LowestCaution> = Vec::with_capacity(cautions.len());
    for caution in cautions.iter().filter(|c| c.basis == basis) {
        let AmountCaution { nutrient, above, assumed_above, .. } = *caution;
        match lowest.iter_mut().find(|l| l.nutrient == nutrient) {
            Some(known) => {
                known.above = known.above.min(above);
                known.assumed_above = known.assumed_above.min(assumed_above);
            }
            None => lowest.push(LowestCaution { nutrient, above, assumed_above }),
        }
    }
    lowest
}

/// Where the caution fires.
fn caution_rows(caution: &LowestCaution, block: &Block) -> Words {
    let column = block.per_reference(caution.nutrient);
    let mut rows = column.rows_above(caution.above);
    let assumed = block.bits(single_bit(Single::ReferenceAssumed));
    if !assumed.is_empty() {
        let assumed = assumed.to_words();
        bits::and_not(&mut rows, &assumed);
        let mut of_assumed = column.rows_above(caution.assumed_above);
        bits::and(&mut of_assumed, &assumed);
        bits::or(&mut rows, &of_assumed);
    }
    rows
}

/// Where any of the cautions fires among a few rows: by their steps, and exactly where a step is not
/// enough to tell.
fn caution_few(cautions: &[LowestCaution], block: &Block, among: &Words) -> Words {
    let assumed = block.bits(single_bit(Single::ReferenceAssumed)).to_words();
    let mut rows = Vec::with_capacity(FEW_ROWS as usize);
    bits::for_each(among, |row| rows.push((row, bits::has(&assumed, row))));
    let (mut fired, mut scratch) = (NO_ROWS, Vec::new());
    for caution in cautions {
        let column = block.per_reference(caution.nutrient);
        let steps = column.steps(block.len(), &mut scratch);
        let edge = |limit: i64| (limit / i64::from(steps.unit)).clamp(0, i64::from(TOP_STEP)) as u16;
        let edges = [edge(caution.above), edge(caution.assumed_above)];
        for (row, assumed) in &rows {
            let step = steps.steps[usize::from(*row)];
            let edge = edges[usize::from(*assumed)];
            if step < edge || step == UNKNOWN_STEP {
                continue;
            }
            let above = if *assumed { caution.assumed_above } else { caution.above };
            if step > edge || i64::from(column.get(*row)) > above {
                bits::set(&mut fired, *row);
            }
        }
    }
    fired
}

fn warning_rows(warning: &ClassWarning, block: &Block) -> Words {
    let mut rows = if warning.keys.is_empty() {
        bits::first_rows(block.len())
    } else {
        rows_with(block, warning.keys, Flag::Contains)
    };
    if warning.drinks_only {
        bits::and(&mut rows, &block.bits(single_bit(Single::Volume)).to_words());
    }
    match warning.test {
        Some(test) if rows != NO_ROWS => {
            bits::and(&mut rows, &test_rows(test, !warning.keys.is_empty(), block));
        }
        _ => {}
    }
    rows
}

/// Rows whose amount passes the test; rows without an amount where `unknown_passes`.
fn test_rows(test: AmountTest, unknown_passes: bool, block: &Block) -> Words {
    let (mut rows, unknown) = match test {
        AmountTest::AtLeast { nutrient, amount } => {
            let column = block.per_reference(nutrient);
            (column.rows_above(amount - 1), column.rows_unknown())
        }
        AmountTest::FatAbovePercentOfEnergy { percent } => {
            let (fat, energy) = (block.per_reference(Nutrient::Fat), block.per_reference(Nutrient::Energy));
            let (mut rows, mut unknown) = (NO_ROWS, NO_ROWS);
            for row in 0..block.len() as u16 {
                let (fat, energy) = (fat.get(row), energy.get(row));
                if fat == UNKNOWN || energy == UNKNOWN {
                    bits::set(&mut unknown, row);
                } else if fat_share_exceeds(i64::from(fat), i64::from(energy), percent) {
                    bits::set(&mut rows, row);
                }
            }
            (rows, unknown)
        }
    };
    if unknown_passes {
        bits::or(&mut rows, &unknown);
    }
    rows
}
