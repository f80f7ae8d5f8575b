//! Can these amounts be true? The checks of reference 1.3, in integers; its figures are those of
//! [`odyssey_types::plausible`].
//!
//! A *reject* finding is an impossible value: an importer refuses the row. A *flag* is only unlikely.

use odyssey_types::plausible::{
    ENERGY_PER_100G_MAX, ENERGY_TOLERANCE, FAT_KINDS_TOLERANCE, GRAM, KILOCALORIE, MACROS_PERMILLE_MAX,
    MASS_PER_100G_MAX, MASS_PER_100ML_MAX, PART_TOLERANCE, POTASSIUM_PER_100G_HIGH, POTASSIUM_PER_100G_MAX,
    SODIUM_PER_100G_HIGH, SODIUM_PER_100G_MAX,
};
use odyssey_types::{
    Jurisdiction, Nutrient, NutrientUnit, Nutrients, Nutrition, NutritionBasis, ServingSize,
};

use super::nutrients::per_100;

/// What to do about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingSeverity {
    Reject,
    Flag,
}

/// One implausible value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NutritionFinding {
    /// Stable: `nutrient_negative`, `sugars_exceed_carbohydrate`, …
    pub code: &'static str,
    pub severity: FindingSeverity,
    pub nutrient: Nutrient,
}

/// Salt and sodium that differ by less than this differ by rounding: 50 mg.
const SALT_TOLERANCE: i64 = GRAM / 20;

/// Checks declared nutrition. Limits per 100 g apply where the basis can be converted; comparisons of
/// two lines apply on any basis.
pub fn check_nutrition(nutrition: &Nutrition, serving: Option<&ServingSize>) -> Vec<NutritionFinding> {
    check_nutrition_of(nutrition, serving, Jurisdiction::Unknown)
}

/// Like [`check_nutrition`], with what depends on whose label it is: US carbohydrate includes fibre.
pub fn check_nutrition_of(
    nutrition: &Nutrition,
    serving: Option<&ServingSize>,
    jurisdiction: Jurisdiction,
) -> Vec<NutritionFinding> {
    let mut findings = Vec::new();
    let declared = Amounts(&nutrition.amounts);
    check_signs(declared, &mut findings);
    check_relations(declared, jurisdiction, &mut findings);
    if let Some((amounts, is_volume)) = per_100(nutrition, serving) {
        let mass_max = if is_volume { MASS_PER_100ML_MAX } else { MASS_PER_100G_MAX };
        check_ranges(Amounts(&amounts), mass_max, &mut findings);
    }
    if nutrition.basis != NutritionBasis::PerServing || declared.energy_is_large() {
        check_energy(declared, &mut findings);
    }
    findings.sort_unstable();
    findings.dedup();
    findings
}

#[derive(Clone, Copy)]
struct Amounts<'a>(&'a Nutrients);

impl Amounts<'_> {
    fn get(self, nutrient: Nutrient) -> Option<i64> {
        self.0.get(nutrient)
    }

    /// The amount, or zero where it is unknown; only for sums of which a part suffices.
    fn part(self, nutrient: Nutrient) -> i128 {
        i128::from(self.get(nutrient).unwrap_or(0).max(0))
    }

    fn energy_is_large(self) -> bool {
        self.part(Nutrient::Energy) > i128::from(50 * KILOCALORIE)
    }
}

fn reject(code: &'static str, nutrient: Nutrient) -> NutritionFinding {
    NutritionFinding { code, severity: FindingSeverity::Reject, nutrient }
}

fn flag(code: &'static str, nutrient: Nutrient) -> NutritionFinding {
    NutritionFinding { code, severity: FindingSeverity::Flag, nutrient }
}

fn check_signs(amounts: Amounts<'_>, findings: &mut Vec<NutritionFinding>) {
    for (nutrient, stored) in amounts.0.iter() {
        if stored < 0 {
            findings.push(reject("nutrient_negative", nutrient));
        }
    }
}

fn check_relations(amounts: Amounts<'_>, jurisdiction: Jurisdiction, findings: &mut Vec<NutritionFinding>) {
    use Nutrient as N;
    let exceeds = |part: Nutrient, whole: Nutrient| {
        amounts
            .get(part)
            .zip(amounts.get(whole))
            .is_some_and(|(p, w)| i128::from(p) > i128::from(w) + i128::from(PART_TOLERANCE))
    };
    if exceeds(N::SaturatedFat, N::Fat) {
        findings.push(reject("saturated_fat_exceeds_fat", N::SaturatedFat));
    }
    if exceeds(N::Sugars, N::Carbohydrate) {
        findings.push(reject("sugars_exceed_carbohydrate", N::Sugars));
    }
    if exceeds(N::AddedSugars, N::Sugars) {
        findings.push(reject("added_sugars_exceed_sugars", N::AddedSugars));
    }
    if jurisdiction == Jurisdiction::Us && exceeds(N::Fiber, N::Carbohydrate) {
        findings.push(flag("fiber_exceeds_carbohydrate", N::Fiber));
    }
    let kinds = [N::SaturatedFat, N::TransFat, N::MonounsaturatedFat, N::PolyunsaturatedFat];
    let sum: i128 = kinds.iter().map(|n| amounts.part(*n)).sum();
    if amounts.get(N::Fat).is_some_and(|fat| sum > i128::from(fat) + i128::from(FAT_KINDS_TOLERANCE)) {
        findings.push(flag("fats_exceed_fat", N::Fat));
    }
    // Salt is 2.5 times sodium by convention; more than 10 % apart they cannot both be right.
    if let Some((salt, sodium)) = amounts.get(N::Salt).zip(amounts.get(N::Sodium)) {
        let (salt, as_salt) = (i128::from(salt), i128::from(sodium) * 5 / 2);
        let apart = (salt - as_salt).abs();
        if apart * 10 > salt.max(as_salt) && apart > i128::from(SALT_TOLERANCE) {
            findings.push(flag("salt_differs_from_sodium", N::Salt));
        }
    }
}

fn check_ranges(amounts: Amounts<'_>, mass_max: i64, findings: &mut Vec<NutritionFinding>) {
    use Nutrient as N;
    for (nutrient, stored) in amounts.0.iter() {
        let max = match nutrient {
            N::Energy => ENERGY_PER_100G_MAX,
            N::Sodium => SODIUM_PER_100G_MAX,
            N::Potassium => POTASSIUM_PER_100G_MAX,
            _ => mass_max,
        };
        if stored > max {
            findings.push(reject("nutrient_out_of_range", nutrient));
        }
    }
    let parts = [N::Fat, N::Carbohydrate, N::Protein, N::Salt, N::Alcohol];
    let sum: i128 = parts.iter().map(|n| amounts.part(*n)).sum();
    if sum > i128::from(mass_max) * i128::from(MACROS_PERMILLE_MAX) / 1_000 {
        findings.push(flag("macros_exceed_mass", N::Carbohydrate));
    }
    if amounts.get(N::Sodium).is_some_and(|s| s > SODIUM_PER_100G_HIGH) {
        findings.push(flag("sodium_high", N::Sodium));
    }
    if amounts.get(N::Potassium).is_some_and(|p| p > POTASSIUM_PER_100G_HIGH) {
        findings.push(flag("potassium_high", N::Potassium));
    }
}

/// Declared energy against 4-4-9-7 kcal/g. Fibre and polyols may count from nothing to full, so the
/// energy must lie within 20 % and 25 kcal of the range between (reference 1.3).
fn check_energy(amounts: Amounts<'_>, findings: &mut Vec<NutritionFinding>) {
    use Nutrient as N;
    let known = amounts.get(N::Fat).zip(amounts.get(N::Carbohydrate)).zip(amounts.get(N::Protein));
    let Some((energy, _)) = amounts.get(N::Energy).zip(known) else { return };
    debug_assert!(matches!(N::Energy.unit(), NutrientUnit::Kilocalorie));
    let joules = |micrograms: i128, kcal_per_gram: i128| {
        micrograms * kcal_per_gram * i128::from(KILOCALORIE) / i128::from(GRAM)
    };
    let base = joules(amounts.part(N::Fat), 9)
        + joules(amounts.part(N::Protein), 4)
        + joules(amounts.part(N::Alcohol), 7);
    let (carbohydrate, soft) =
        (amounts.part(N::Carbohydrate), amounts.part(N::Fiber) + amounts.part(N::Polyols));
    let low = base + joules((carbohydrate - soft).max(0), 4);
    // An EU label keeps fibre out of carbohydrate; it then adds 2 kcal/g.
    let high = base + joules(carbohydrate, 4) + joules(amounts.part(N::Fiber), 2);
    let (energy, slack) = (i128::from(energy), i128::from(ENERGY_TOLERANCE));
    let below = energy * 10 < low * 8 && energy + slack < low;
    let above = energy * 10 > high * 12 && energy > high + slack;
    if below || above {
        findings.push(flag("energy_implausible", N::Energy));
    }
}
