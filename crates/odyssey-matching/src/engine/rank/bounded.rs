//! Bounds on the scores of a block, part by part.

use super::bound::{ColumnBound, MacroBound, points_of};
use super::curve_table::CurveTable;
use super::score::{Columns, ENERGY, Prepared, Scorer};
use crate::engine::curves::preference_score;
use crate::engine::snapshot::Block;
use crate::engine::snapshot::bits::{self, Words};
use crate::engine::snapshot::column::Steps;
use crate::engine::snapshot::energy_shares::EnergyShares;

/// Space that every block uses again.
#[derive(Default)]
pub(super) struct Scratch {
    /// The bounds, one a row.
    pub points: Vec<u16>,
    steps: Vec<u16>,
    gathered: Vec<u16>,
    shares: [Vec<u8>; 3],
}

impl Scorer<'_> {
    /// Bounds the scores of a block (of `rows` only, where given) as if every row had this role, counted
    /// from 0. A score of `floor` and more is never bounded below it; a lower one may be.
    pub fn bound(
        &self,
        columns: &Columns<'_>,
        role: usize,
        rows: Option<&[u16]>,
        floor: u16,
        scratch: &mut Scratch,
    ) {
        let Scratch { points, steps, gathered, shares } = scratch;
        points.clear();
        points.resize(rows.map_or(columns.block.len(), <[u16]>::len), 0);
        let mut lanes = Lanes { columns, rows, steps, gathered };
        for (weight, part) in &self.parts {
            let most = points_of(u64::from(*weight), self.weight);
            match part {
                Prepared::Curve { column, table, .. } => lanes.add_curve(points, *column, table, role, most),
                Prepared::Goal { curves } => {
                    let each = u32::from(most).div_ceil((curves.len() as u32).max(1)) as u16;
                    for (column, table, _) in curves {
                        lanes.add_curve(points, *column, table, role, each);
                    }
                }
                Prepared::EnergyFit { slots } => {
                    let energy = lanes.of(ENERGY);
                    ColumnBound::of_slot(most, slots[role].joules, energy.unit).add(points, energy.steps);
                }
                Prepared::MacroFit { wanted_bp } => {
                    let absent = (u32::from(most) * u32::from(floor)).div_ceil(1000) as u16;
                    let bound = MacroBound::new(most, *wanted_bp, self.fit.macro_from_kcal * 4184);
                    match shares_of(columns.block.energy_shares.as_ref(), rows, shares) {
                        Some(shares) => bound.add(points, lanes.of(ENERGY), shares, absent),
                        // Nothing is known, but the part may still not apply.
                        None => points.iter_mut().for_each(|p| *p = p.wrapping_add(absent)),
                    }
                }
                Prepared::Model { scores, shift } => {
                    add_model(columns.block, rows, scores, *shift, most, points);
                }
                Prepared::Preference => self.add_preference(columns, rows, most, points),
            }
        }
    }

    /// Likes count in full, a dislike only where nothing is liked.
    fn add_preference(&self, columns: &Columns<'_>, rows: Option<&[u16]>, most: u16, points: &mut [u16]) {
        let worth = |score: i64| (u32::from(most) * score as u32).div_ceil(1000) as u16;
        let (neutral, like) = (worth(preference_score(0, 0)), worth(250));
        points.iter_mut().for_each(|p| *p = p.wrapping_add(neutral));
        let wanted = &self.policy.preferences;
        let Block { brands, categories, .. } = columns.block;
        let liked = [brands.rows_with(&wanted.liked_brands), categories.rows_with(&wanted.liked_categories)];
        let mut disliked = brands.rows_with(&wanted.disliked_brands);
        bits::or(&mut disliked, &categories.rows_with(&wanted.disliked_categories));
        columns.disliked.iter().for_each(|rows| bits::or(&mut disliked, rows));
        liked.iter().chain(columns.allowed).for_each(|rows| bits::and_not(&mut disliked, rows));
        each_row(&liked[0], rows, |at| points[at] = points[at].wrapping_add(like));
        each_row(&liked[1], rows, |at| points[at] = points[at].wrapping_add(like));
        each_row(&disliked, rows, |at| points[at] = points[at].wrapping_sub(neutral));
    }
}

/// Steps of columns for a bound, of every row or of some.
struct Lanes<'a> {
    columns: &'a Columns<'a>,
    rows: Option<&'a [u16]>,
    steps: &'a mut Vec<u16>,
    gathered: &'a mut Vec<u16>,
}

impl Lanes<'_> {
    fn of(&mut self, column: usize) -> Steps<'_> {
        let spread = self.columns.columns[column].steps(self.columns.block.len(), self.steps);
        let Some(rows) = self.rows else { return spread };
        self.gathered.clear();
        self.gathered.extend(rows.iter().map(|row| spread.steps[usize::from(*row)]));
        Steps { unit: spread.unit, steps: self.gathered }
    }

    fn add_curve(&mut self, points: &mut [u16], column: usize, table: &CurveTable, role: usize, most: u16) {
        let daily = table.daily.saturating_mul(role as i64 + 1);
        let steps = self.of(column);
        ColumnBound::of_curve(table.curve, most, daily, steps.unit).add(points, steps.steps);
    }
}

/// The energy shares of every row or of some; `None` where none is known.
fn shares_of<'a>(
    shares: Option<&'a EnergyShares>,
    rows: Option<&[u16]>,
    gathered: &'a mut [Vec<u8>; 3],
) -> Option<[&'a [u8]; 3]> {
    let shares = shares?;
    let Some(rows) = rows else { return Some([0, 1, 2].map(|which| &*shares.shares[which])) };
    for (into, from) in gathered.iter_mut().zip(&shares.shares) {
        into.clear();
        into.extend(rows.iter().map(|row| from[usize::from(*row)]));
    }
    let [protein, fat, carbohydrate] = gathered;
    Some([protein, fat, carbohydrate])
}

/// The places of the set rows: the rows themselves, or where they stand in `rows`.
fn each_row(set: &Words, rows: Option<&[u16]>, mut with: impl FnMut(usize)) {
    match rows {
        None => bits::for_each(set, |row| with(usize::from(row))),
        Some(rows) => {
            rows.iter().enumerate().filter(|(_, row)| bits::has(set, **row)).for_each(|(at, _)| with(at));
        }
    }
}

/// Adds what each row's grade is worth, rounded up as bounds are.
fn add_model(
    block: &Block,
    rows: Option<&[u16]>,
    scores: &[u16; 16],
    shift: u8,
    most: u16,
    points: &mut [u16],
) {
    let worth = scores.map(|score| (u32::from(most) * u32::from(score)).div_ceil(1000) as u16);
    let of = |model: u8| worth[usize::from((model >> shift) & 0xf)];
    match rows {
        None => points.iter_mut().zip(&block.models).for_each(|(p, model)| *p = p.wrapping_add(of(*model))),
        Some(rows) => {
            for (point, row) in points.iter_mut().zip(rows) {
                *point = point.wrapping_add(of(block.models[usize::from(*row)]));
            }
        }
    }
}
