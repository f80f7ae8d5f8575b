//! Bounds on scores, many rows at a time.
//!
//! A bound is never below the score that `evaluate` gives, so a row whose bound cannot reach the worst
//! of the best k needs no exact score. Everything counts in *points*: [`FULL`] is a score of 1000 in
//! every part. The loops are free of branches and of divisions and work on two-byte lanes, which the
//! compiler turns into vector instructions on every machine it builds for.
//!
//! All rounding goes up: steps are amounts rounded down, so a cap takes the step and a target the next
//! one; slopes are rounded to the side that keeps the line above the curve; and the curves' own integer
//! divisions are covered by [`Line`]'s allowance.

use super::curve_table::Curve;
use crate::engine::snapshot::column::{Steps, TOP_STEP, UNKNOWN_STEP};
use crate::engine::snapshot::energy_shares::{SHARE_STEP_BP, SHARE_TOP, SHARE_UNKNOWN};

/// Points of a perfect score.
pub(super) const FULL: u32 = 32_000;
/// Points of one permille.
pub(super) const POINTS_PER_PERMILLE: u32 = FULL / 1000;

/// Daily amounts above 10^12 (a tonne) are no limits; below, everything here fits 64 bits.
const DAILY_MAX: u64 = 1_000_000_000_000;

/// The points that a weight is worth at most.
pub(super) fn points_of(weight: u64, total: u64) -> u16 {
    if total == 0 { 0 } else { (u64::from(FULL) * weight).div_ceil(total).min(u64::from(FULL)) as u16 }
}

/// `a × steps` in points, for steps below `last`, as a shift and a two-byte slope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slope {
    last: u16,
    shift: u32,
    slope: u16,
}

impl Slope {
    /// `points / amount` for each amount, times `unit` amounts a step, rounded down. A step past `last`
    /// takes too little away, which only loosens a bound.
    fn falling(points: u64, amount: u64, unit: u32) -> Self {
        let scaled = |shift: u32| ((points * u64::from(unit)) << 16) / (amount << shift);
        let shift = (0..15).find(|shift| u16::try_from(scaled(*shift)).is_ok()).unwrap_or(15);
        let slope = u16::try_from(scaled(shift)).unwrap_or(u16::MAX);
        Self { last: u16::MAX >> shift, shift, slope }
    }

    /// The same rounded up; `None` when `last` would be reached before every point is.
    fn rising(points: u64, amount: u64, unit: u32) -> Option<Self> {
        let scaled = |shift: u32| ((points * u64::from(unit)) << 16).div_ceil(amount << shift);
        // With a slope of a half or more, 2^16 − 2^10 steps are worth more than everything.
        let shift = (0..=10).find(|shift| u16::try_from(scaled(*shift)).is_ok())?;
        Some(Self { last: u16::MAX >> shift, shift, slope: scaled(shift) as u16 })
    }

    /// Rounded down. A step past `last` counts as `last`.
    fn points(self, step: u16) -> u16 {
        high_half(step.min(self.last) << self.shift, self.slope)
    }
}

const fn high_half(one: u16, other: u16) -> u16 {
    ((one as u32 * other as u32) >> 16) as u16
}

/// What the integer divisions of a curve may add to it: under two permille of the part.
fn allowance(most: u16) -> u16 {
    (u32::from(most) * 2).div_ceil(1000) as u16 + 2
}

/// The bound of one part over one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnBound {
    /// The same for every row.
    Flat(u16),
    /// Two falling lines, the higher of which counts.
    Falling { most: u16, from: [u16; 2], slopes: [Slope; 2] },
    /// Two rising lines, the lower of which counts.
    Rising { most: u16, from: [u16; 2], slopes: [Slope; 2] },
    /// Full around a step, falling on both sides.
    Around { most: u16, from: u16, low: u16, high: u16, slope: Slope },
}

impl ColumnBound {
    /// A cap or a target of `daily` (times the role) over steps of `unit`.
    pub fn of_curve(curve: Curve, most: u16, daily: i64, unit: u32) -> Self {
        let points = u64::from(most);
        let daily = u64::try_from(daily).unwrap_or(0);
        if most == 0 || daily == 0 || daily > DAILY_MAX {
            // A cap of nothing is used up by anything, a target of nothing is always met.
            return Self::Flat(most);
        }
        let allow = allowance(most);
        let part = |numerator: u32, denominator: u32| {
            ((u32::from(most) * numerator).div_ceil(denominator) as u16).saturating_add(allow)
        };
        match curve {
            // 1000 − (share − 500) / 3 and 500 − (share − 2000) / 6, the share being amount × 10,000 / daily.
            Curve::Cap => Self::Falling {
                most,
                from: [part(7, 6), part(5, 6)],
                slopes: [
                    Slope::falling(points * 10, daily * 3, unit),
                    Slope::falling(points * 10, daily * 6, unit),
                ],
            },
            // share × 3 / 5 and 300 + (share − 500) × 7 / 15.
            Curve::Target => {
                let slopes =
                    (Slope::rising(points * 6, daily, unit), Slope::rising(points * 14, daily * 3, unit));
                match slopes {
                    (Some(first), Some(second)) => {
                        Self::Rising { most, from: [allow, part(1, 15)], slopes: [first, second] }
                    }
                    // Steeper than can be written: any amount may reach the target.
                    _ => Self::Flat(most),
                }
            }
        }
    }

    /// The fit to `slot` joules over steps of `unit` joules.
    pub fn of_slot(most: u16, slot: i64, unit: u32) -> Self {
        let Ok(slot) = u64::try_from(slot) else { return Self::Flat(0) };
        let at = slot / u64::from(unit);
        if slot > DAILY_MAX {
            return Self::Flat(most);
        }
        if slot == 0 || most == 0 {
            // No slot is never met.
            return Self::Flat(0);
        }
        if at + 1 >= u64::from(TOP_STEP) {
            return Self::Flat(most);
        }
        // 1000 − (distance × 10,000 / slot − 1500) / 5
        let slope = Slope::falling(u64::from(most) * 2, slot, unit);
        Self::Around {
            most,
            from: ((u32::from(most) * 13).div_ceil(10) as u16).saturating_add(allowance(most)),
            low: at as u16,
            high: at as u16 + 1,
            slope,
        }
    }

    /// Adds the bound of every row; an unknown amount is worth nothing.
    pub fn add(&self, points: &mut [u16], steps: &[u16]) {
        match *self {
            Self::Flat(most) => add_each(points, steps, |_| most),
            Self::Falling { most, from, slopes: [first, second] } => {
                add_each(points, steps, |step| {
                    let first = from[0].saturating_sub(first.points(step));
                    let second = from[1].saturating_sub(second.points(step));
                    first.max(second).min(most)
                });
            }
            Self::Rising { most, from, slopes: [first, second] } => {
                add_each(points, steps, |step| {
                    // The amount is below the next step.
                    let next = step.wrapping_add(1);
                    let first = from[0].saturating_add(first.points(next));
                    let second = from[1].saturating_add(second.points(next));
                    // The last step stands for any amount above it.
                    let top = if step == TOP_STEP { most } else { 0 };
                    first.min(second).min(most).max(top)
                });
            }
            Self::Around { most, from, low, high, slope } => {
                add_each(points, steps, |step| {
                    let off = step.saturating_sub(high).max(low.saturating_sub(step.saturating_add(1)));
                    from.saturating_sub(slope.points(off)).min(most)
                });
            }
        }
    }
}

fn add_each(points: &mut [u16], steps: &[u16], bound: impl Fn(u16) -> u16) {
    for (points, step) in points.iter_mut().zip(steps) {
        let known = if *step == UNKNOWN_STEP { 0 } else { bound(*step) };
        *points = points.wrapping_add(known);
    }
}

/// The bound of a macro fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MacroBound {
    most: u16,
    /// The wanted shares: steps surely below and surely above.
    low: [u16; 3],
    high: [u16; 3],
    slope: Slope,
    /// Energy below which the part does not apply, J.
    asked_from: i64,
}

impl MacroBound {
    pub fn new(most: u16, wanted_bp: [i64; 3], asked_from: i64) -> Self {
        let at = wanted_bp.map(|bp| bp.max(0) / SHARE_STEP_BP);
        Self {
            most,
            // Past the scale nothing can be said of a distance from below.
            low: at.map(|at| if at >= i64::from(SHARE_TOP) { 0 } else { at as u16 }),
            high: at.map(|at| (at + 1).min(i64::from(u16::MAX)) as u16),
            // distance / 5 permille, the distance in steps of 50: ten permille a step.
            slope: Slope::falling(u64::from(most) * 10, 1000, 1),
            asked_from,
        }
    }

    /// Adds the bound of every row. A row of so little energy that the part does not apply is worth
    /// `absent`: dropping a weight counts like scoring what the others must reach.
    pub fn add(&self, points: &mut [u16], energy: Steps<'_>, shares: [&[u8]; 3], absent: u16) {
        let from = self.most.saturating_add(allowance(self.most));
        // At this step the energy may be on either side.
        let edge = (self.asked_from.max(0) / i64::from(energy.unit)).min(i64::from(TOP_STEP)) as u16;
        // Slices of one length, so that no index is checked in the loop.
        let len = points.len();
        let steps = &energy.steps[..len];
        let [protein, fat, carbohydrate] = shares.map(|shares| &shares[..len]);
        for (at, points) in points.iter_mut().enumerate() {
            let step = steps[at];
            let three = [protein[at], fat[at], carbohydrate[at]];
            let mut off = 0;
            let mut known = u16::from(step != UNKNOWN_STEP);
            for (which, value) in three.into_iter().enumerate() {
                let share = u16::from(value);
                known &= u16::from(value != SHARE_UNKNOWN);
                off = off
                    .max(share.saturating_sub(self.high[which]))
                    .max(self.low[which].saturating_sub(share + 1));
            }
            let bound = from.saturating_sub(self.slope.points(off)).min(self.most) * known;
            let may_be_absent = u16::from(step <= edge);
            *points = points.wrapping_add(bound.max(absent * may_be_absent));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::curves::{cap_score, energy_score, macro_score, share_bp, target_score};

    fn bound(bound: ColumnBound, step: u16) -> u16 {
        let mut points = [0];
        bound.add(&mut points, &[step]);
        points[0]
    }

    /// `score` permille of a part worth `most`, rounded down.
    fn points(most: u16, score: i64) -> u64 {
        u64::from(most) * score as u64 / 1000
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_bound_is_never_below_the_curve(
            amount in 0..4_000_000_000_u32, small in 1..40_u32, unit_bits in 0..17_u32, daily in 0..6_000_000_000_i64,
            daily_small in 0..34_u32, most in 0..32_000_u16,
        ) {
            let (amount, daily, unit) = (amount >> (small % 32), daily >> daily_small, 1 << unit_bits);
            let step = (amount / unit).min(u32::from(TOP_STEP)) as u16;
            let cap = ColumnBound::of_curve(Curve::Cap, most, daily, unit);
            let target = ColumnBound::of_curve(Curve::Target, most, daily, unit);
            let slot = ColumnBound::of_slot(most, daily, unit);
            let share = share_bp(amount, daily, 1);
            prop_assert!(u64::from(bound(cap, step)) >= points(most, cap_score(share)), "{cap:?} {step}");
            prop_assert!(u64::from(bound(target, step)) >= points(most, target_score(share)), "{target:?} {step}");
            prop_assert!(u64::from(bound(slot, step)) >= points(most, energy_score(amount, daily)), "{slot:?} {step}");
        }

        #[test]
        fn a_bound_is_close_to_the_curve_where_steps_are_fine(daily in 100_000..10_000_000_i64, amount in 0..10_000_000_u32) {
            let unit = 200;
            let step = (amount / unit) as u16;
            let share = share_bp(amount, daily, 1);
            for (curve, score) in [(Curve::Cap, cap_score(share)), (Curve::Target, target_score(share))] {
                let loose = i64::from(bound(ColumnBound::of_curve(curve, 20_000, daily, unit), step)) - score * 20;
                prop_assert!((0..300).contains(&loose), "{curve:?} {loose}");
            }
        }

        #[test]
        fn a_bound_on_the_macro_fit_is_never_below_it(
            energy in 1..5_000_000_u32, amounts in prop::array::uniform3(0..100_000_000_u32),
            wanted in prop::array::uniform3(0..10_000_i64), most in 0..32_000_u16,
        ) {
            let macros = MacroBound::new(most, wanted, 209_200);
            let share = |which: usize| {
                let bp = crate::engine::curves::energy_share_bp(energy, which, amounts[which]);
                (bp / SHARE_STEP_BP).min(i64::from(SHARE_TOP)) as u8
            };
            let mut found = [0];
            let steps = [(energy / 128) as u16];
            let shares = [share(0), share(1), share(2)];
            macros.add(&mut found, Steps { unit: 128, steps: &steps }, [&shares[..1], &shares[1..2], &shares[2..]], 0);
            prop_assert!(u64::from(found[0]) >= points(most, macro_score(energy, amounts, wanted)));
        }
    }
}
