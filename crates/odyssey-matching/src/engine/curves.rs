//! The piecewise linear curves of the score, in integers (reference 8.4).

/// Share of a daily amount in basis points, divided by the role, rounded down. A limit of nothing is
/// used up by anything.
pub(super) const fn share_bp(amount: u32, limit: i64, role: i64) -> i64 {
    if limit <= 0 {
        return if amount == 0 { 0 } else { i64::MAX };
    }
    amount as i64 * 10_000 / (limit * role)
}

/// ≤ 5 %: 1000 · 5 → 20 %: 1000 → 500 · 20 → 50 %: 500 → 0 · above: 0.
pub(super) const fn cap_score(share_bp: i64) -> i64 {
    match share_bp {
        ..=500 => 1000,
        501..=2000 => 1000 - (share_bp - 500) * 500 / 1500,
        2001..=5000 => 500 - (share_bp - 2000) * 500 / 3000,
        _ => 0,
    }
}

/// 0 → 5 %: 0 → 300 · 5 → 20 %: 300 → 1000 · above: 1000.
pub(super) const fn target_score(share_bp: i64) -> i64 {
    match share_bp {
        ..=500 => share_bp * 300 / 500,
        501..=2000 => 300 + (share_bp - 500) * 700 / 1500,
        _ => 1000,
    }
}

/// Joules in a gram, times 1: 4 and 9 kcal.
const CARBOHYDRATE_J_PER_G: i64 = 4 * 4184;
const FAT_J_PER_G: i64 = 9 * 4184;

/// Amounts in µg, energy in J (not zero), wanted shares in basis points:
/// `1000 − 20 × the largest distance in percentage points`.
pub(super) fn macro_score(energy: u32, amounts: [u32; 3], wanted_bp: [i64; 3]) -> i64 {
    let mut worst = 0;
    for at in 0..3 {
        worst = worst.max((energy_share_bp(energy, at, amounts[at]) - wanted_bp[at]).abs());
    }
    (1000 - worst / 5).max(0)
}

/// What share of the energy (J, not zero) an amount (µg) of protein, fat or carbohydrate (0, 1, 2)
/// makes, in basis points, rounded down.
pub(super) fn energy_share_bp(energy: u32, which: usize, amount: u32) -> i64 {
    const JOULES_PER_GRAM: [i64; 3] = [CARBOHYDRATE_J_PER_G, FAT_J_PER_G, CARBOHYDRATE_J_PER_G];
    // µg × J/g / 10^6 = J; share in basis points = J × 10^4 / energy.
    i64::from(amount) * JOULES_PER_GRAM[which] / (100 * i64::from(energy))
}

/// Within 15 % of the slot: 1000, then 20 less per percent.
pub(super) fn energy_score(energy: u32, slot_joules: i64) -> i64 {
    if slot_joules <= 0 {
        return 0;
    }
    let off_bp = (i64::from(energy) - slot_joules).abs() * 10_000 / slot_joules;
    if off_bp <= 1500 { 1000 } else { (1000 - (off_bp - 1500) / 5).max(0) }
}

/// 500 + 250 per like − 500 per dislike, clamped.
pub(super) fn preference_score(likes: i64, dislikes: i64) -> i64 {
    (500 + 250 * likes - 500 * dislikes).clamp(0, 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curves_pass_through_the_points_of_the_contract() {
        assert_eq!(
            [0, 500, 501, 1250, 2000, 3500, 5000, 5001].map(cap_score),
            [1000, 1000, 1000, 750, 500, 250, 0, 0]
        );
        assert_eq!([0, 250, 500, 1250, 2000, 9000].map(target_score), [0, 150, 300, 650, 1000, 1000]);
    }

    #[test]
    fn a_limit_of_nothing_is_used_up_by_anything() {
        assert_eq!(cap_score(share_bp(0, 0, 1)), 1000);
        assert_eq!(cap_score(share_bp(1, 0, 1)), 0);
    }

    #[test]
    fn macro_fit_loses_twenty_points_per_percentage_point() {
        // 100 kcal with 5 g protein (20 %), 2 g fat (18 %), 15.5 g carbohydrate (62 %).
        let amounts = [5_000_000, 2_000_000, 15_500_000];
        assert_eq!(macro_score(418_400, amounts, [2000, 1800, 6200]), 1000);
        assert_eq!(macro_score(418_400, amounts, [3000, 1800, 6200]), 800);
        assert_eq!(macro_score(418_400, amounts, [9000, 1800, 6200]), 0);
    }

    #[test]
    fn energy_fit_is_full_within_fifteen_percent() {
        assert_eq!(energy_score(1150, 1000), 1000);
        assert_eq!(energy_score(1250, 1000), 800);
        assert_eq!(energy_score(3000, 1000), 0);
    }
}
