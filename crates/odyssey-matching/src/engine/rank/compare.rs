//! Two policies over one catalog: what the one lets through and the other does not.

use odyssey_types::ProductId;

use super::gates::{self, BlockVerdicts};
use super::tally::Tally;
use super::{ListedRows, Lists};
use crate::engine::snapshot::bits::{self, NO_ROWS, Words};
use crate::engine::snapshot::{Placed, Single, single_bit};
use crate::engine::{Policy, Snapshot};

/// What a change of a policy does to one person's catalog.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    /// Active products.
    pub considered: u64,
    pub fits_before: u64,
    pub fits_after: u64,
    /// Products that fit only by the later policy.
    pub gained: u64,
    /// Products that fit only by the earlier one.
    pub lost: u64,
    /// The first of them, in the order of the snapshot.
    pub gained_ids: Vec<ProductId>,
    pub lost_ids: Vec<ProductId>,
}

/// Judges every product by both and counts; names up to `named` products on each side.
pub fn compare(snapshot: &Snapshot, before: &Policy, after: &Policy, named: usize) -> Comparison {
    let mut sides = [Side::new(snapshot, before), Side::new(snapshot, after)];
    let mut found = Comparison::default();
    for (number, placed) in snapshot.placed().enumerate() {
        let mut considered = placed.live();
        bits::and(&mut considered, &placed.block.bits(single_bit(Single::Active)).to_words());
        found.considered += bits::count(&considered);
        let [was, is] = sides.each_mut().map(|side| side.fits(number, placed, &considered));
        found.fits_before += bits::count(&was);
        found.fits_after += bits::count(&is);
        let (mut gained, mut lost) = (is, was);
        bits::and_not(&mut gained, &was);
        bits::and_not(&mut lost, &is);
        found.gained += bits::count(&gained);
        found.lost += bits::count(&lost);
        for (rows, ids) in [(&gained, &mut found.gained_ids), (&lost, &mut found.lost_ids)] {
            bits::for_each(rows, |row| {
                if ids.len() < named {
                    ids.push(placed.block.ids[usize::from(row)]);
                }
            });
        }
    }
    found
}

struct Side<'a> {
    policy: &'a Policy,
    lists: Lists,
    tally: Tally,
}

impl<'a> Side<'a> {
    fn new(snapshot: &Snapshot, policy: &'a Policy) -> Self {
        Self { policy, lists: Lists::new(snapshot, policy), tally: Tally::new(policy) }
    }

    /// The rows of a block that fit; none for a profile that cannot be ranked.
    fn fits(&mut self, number: usize, placed: &Placed, considered: &Words) -> Words {
        if self.policy.is_blocked() {
            return NO_ROWS;
        }
        let rows =
            ListedRows { never: self.lists.never.get(&number), allowed: self.lists.allowed.get(&number) };
        let verdicts = gates::judge(self.policy, &placed.block, considered, rows, &mut self.tally);
        let BlockVerdicts { one, two, .. } = verdicts;
        let mut fits = one;
        bits::or(&mut fits, &two);
        fits
    }
}
