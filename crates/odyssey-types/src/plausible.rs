//! What the amounts of a nutrition panel can be at most: the figures, stated once for whoever judges a panel
//! (the reader of files, the API, the deriver of facts). Source: reference `health-matching`, section 1.3.
//!
//! Masses are in the stored unit (micrograms), energy in joules.

/// One gram.
pub const GRAM: i64 = 1_000_000;
/// One kilocalorie.
pub const KILOCALORIE: i64 = 4_184;

/// Energy in 100 g at most: pure fat has 9 kcal/g; 905 leaves the rounding of labels.
pub const ENERGY_PER_100G_MAX: i64 = 905 * KILOCALORIE;
/// Sodium in 100 g at most: pure salt has 39.34 g.
pub const SODIUM_PER_100G_MAX: i64 = 39_400_000;
/// Potassium in 100 g at most: pure potassium chloride.
pub const POTASSIUM_PER_100G_MAX: i64 = 52_500_000;
/// 100 g hold 100 g.
pub const MASS_PER_100G_MAX: i64 = 100 * GRAM;
/// Honey and syrups weigh up to 1.45 g/ml, so 100 ml may hold half as much again as 100 g.
pub const PER_100ML_PERMILLE: i64 = 1_500;
/// What 100 ml hold at most.
pub const MASS_PER_100ML_MAX: i64 = MASS_PER_100G_MAX / 1_000 * PER_100ML_PERMILLE;

/// A part may exceed its whole by this much through the rounding of labels: 0.5 g.
pub const PART_TOLERANCE: i64 = GRAM / 2;

/// Unlikely, not impossible: fat, carbohydrate, protein, salt and alcohol together beyond this share of the mass.
pub const MACROS_PERMILLE_MAX: i64 = 1_050;
/// Unlikely: more sodium than this in 100 g of anything but salt and stock.
pub const SODIUM_PER_100G_HIGH: i64 = 10 * GRAM;
/// Unlikely: more potassium than this in 100 g.
pub const POTASSIUM_PER_100G_HIGH: i64 = 5 * GRAM;
/// Unlikely: kinds of fat that exceed fat together by more than this.
pub const FAT_KINDS_TOLERANCE: i64 = GRAM;
/// Declared energy off by less than this is rounding, in joules: 25 kcal.
pub const ENERGY_TOLERANCE: i64 = 25 * KILOCALORIE;
