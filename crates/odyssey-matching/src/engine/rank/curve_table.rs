//! The curves of the score with the division by a daily limit prepared.
//!
//! A division by a number that stays the same becomes a multiplication (Granlund and Montgomery); the
//! result is exact for every amount that a curve does not clamp, which a test holds against division.

use crate::engine::curves::{cap_score, target_score};
use crate::engine::snapshot::column::UNKNOWN;

/// Roles divide a share by 1, 2 or 3.
const ROLES: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    Cap,
    Target,
}

/// One curve against one daily amount, by role.
#[derive(Debug, Clone)]
pub(super) struct CurveTable {
    pub curve: Curve,
    pub daily: i64,
    roles: [Share; ROLES],
}

impl CurveTable {
    pub fn new(curve: Curve, daily: i64) -> Self {
        let clamp_bp = match curve {
            Curve::Cap => 5000,
            Curve::Target => 2000,
        };
        let share = |role: i64| Share::new(daily.max(0) as u64 * role as u64, clamp_bp);
        Self { curve, daily, roles: [share(1), share(2), share(3)] }
    }

    /// The sub-score of a known amount; `role` counts from 0.
    pub fn score(&self, amount: u32, role: usize) -> u32 {
        debug_assert!(amount != UNKNOWN, "an unknown amount has no share");
        let share = &self.roles[role];
        let clamped = u64::from(amount) >= share.clamped_from;
        match self.curve {
            Curve::Cap if clamped => 0,
            Curve::Target if clamped => 1000,
            Curve::Cap => cap_score(share.bp(amount)) as u32,
            Curve::Target => target_score(share.bp(amount)) as u32,
        }
    }
}

/// The energy fit of one slot of the day.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlotTable {
    pub joules: i64,
    distance: Share,
}

impl SlotTable {
    pub fn new(joules: i64) -> Self {
        // 65 % off, 15 % forgiven and 20 points a percent: nothing is left.
        Self { joules, distance: Share::new(joules.max(0) as u64, 6500) }
    }

    pub fn score(&self, energy: u32) -> u32 {
        let distance = (i64::from(energy) - self.joules).unsigned_abs();
        if self.joules <= 0 || distance >= self.distance.clamped_from {
            return 0;
        }
        // Below the clamp the distance is less than the slot, which is far below 2^32 joules a day.
        let off_bp = u32::try_from(distance).map_or(i64::MAX, |distance| self.distance.bp(distance));
        if off_bp <= 1500 { 1000 } else { (1000 - (off_bp - 1500) / 5).max(0) as u32 }
    }
}

/// `amount × 10,000 / whole`, rounded down, for amounts below `clamped_from`.
#[derive(Debug, Clone, Copy)]
struct Share {
    /// From here on the curve does not change any more.
    clamped_from: u64,
    magic: u64,
    shift: u32,
}

impl Share {
    fn new(whole: u64, clamp_bp: u64) -> Self {
        if whole == 0 {
            // Anything uses up nothing.
            return Self { clamped_from: 1, magic: 0, shift: 0 };
        }
        // amount × 10,000 >= clamp × whole
        let clamped_from =
            u64::try_from((u128::from(clamp_bp) * u128::from(whole)).div_ceil(10_000)).unwrap_or(u64::MAX);
        // With 2^(bits-1) <= whole < 2^bits, ceil(2^(63+bits) / whole) needs 64 bits at most, and the
        // error stays below one part in 2^63, while amount × 10,000 stays below 2^46.
        let bits = 64 - whole.leading_zeros();
        let shift = 63 + bits;
        let magic = (1u128 << shift).div_ceil(u128::from(whole));
        match u64::try_from(magic) {
            Ok(magic) => Self { clamped_from, magic, shift },
            // A power of two: one bit less.
            Err(_) => Self { clamped_from, magic: 1 << 63, shift: shift - 1 },
        }
    }

    fn bp(&self, amount: u32) -> i64 {
        let scaled = u128::from(u64::from(amount) * 10_000) * u128::from(self.magic);
        (scaled >> self.shift) as i64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Curve, CurveTable, SlotTable};
    use crate::engine::curves::{cap_score, energy_score, share_bp, target_score};

    fn check(daily: i64, amount: u32) {
        for role in 1..=3 {
            let share = share_bp(amount, daily, role);
            let at = role as usize - 1;
            assert_eq!(
                i64::from(CurveTable::new(Curve::Cap, daily).score(amount, at)),
                cap_score(share),
                "{daily} {amount}"
            );
            let target = CurveTable::new(Curve::Target, daily).score(amount, at);
            assert_eq!(i64::from(target), target_score(share), "{daily} {amount}");
        }
    }

    #[test]
    fn prepared_shares_equal_division_at_the_edges() {
        for daily in [
            0,
            1,
            2,
            3,
            20,
            1 << 20,
            (1 << 20) - 1,
            2_300_000,
            20_000_000,
            8_368_000,
            i64::from(u32::MAX) * 4,
        ] {
            let near = |at: i64| (at - 2..=at + 2).filter_map(|a| u32::try_from(a).ok());
            let edges = [0, daily / 20, daily / 5, daily / 2, daily, daily * 3];
            edges
                .into_iter()
                .flat_map(near)
                .filter(|a| *a != u32::MAX)
                .for_each(|amount| check(daily, amount));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn prepared_shares_equal_division(daily in 0..20_000_000_000i64, amount in 0..u32::MAX) {
            check(daily, amount);
            check(daily % 100_000_000, amount % 50_000_000);
        }

        #[test]
        fn prepared_slots_equal_division(slot in 0..30_000_000i64, energy in 0..60_000_000u32) {
            for energy in [energy, energy % 3_000_000, (slot + i64::from(energy % 7)) as u32] {
                prop_assert_eq!(i64::from(SlotTable::new(slot).score(energy)), energy_score(energy, slot));
            }
        }
    }
}
