//! What a nutrition panel cannot be (refused) and what it hardly is (flagged).
//!
//! Owns: the rules; the figures are those of [`odyssey_types::plausible`]. Promises: pure; judges only what
//! is declared, an unknown amount breaks no rule. Emits: findings. Never: changes a value.

use odyssey_types::plausible::{
    ENERGY_PER_100G_MAX, ENERGY_TOLERANCE, FAT_KINDS_TOLERANCE, GRAM, KILOCALORIE, MACROS_PERMILLE_MAX,
    MASS_PER_100G_MAX, PART_TOLERANCE, PER_100ML_PERMILLE, POTASSIUM_PER_100G_HIGH, POTASSIUM_PER_100G_MAX,
    SODIUM_PER_100G_HIGH, SODIUM_PER_100G_MAX,
};
use odyssey_types::{Nutrient, Nutrition, NutritionBasis, ServingSize};

use crate::error::{RowErrorCode, WarningCode};

/// One thing about a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    pub kind: FindingKind,
    /// The amount that is at fault, or the larger one of two that disagree.
    pub nutrient: Nutrient,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingKind {
    Reject(RowErrorCode),
    Flag(WarningCode),
}

/// Everything that is wrong or odd with a panel. A panel per serving is judged per 100 g where the
/// serving's mass is known; else only by what needs no mass.
pub fn check(nutrition: &Nutrition, serving: Option<&ServingSize>) -> Vec<Finding> {
    let mut findings = Vec::new();
    negatives(nutrition, &mut findings);
    if findings.is_empty() {
        ranges(nutrition, serving, &mut findings);
        parts(nutrition, &mut findings);
    }
    if findings.is_empty() {
        flags(nutrition, serving, &mut findings);
    }
    findings
}

fn negatives(nutrition: &Nutrition, findings: &mut Vec<Finding>) {
    for (nutrient, amount) in nutrition.amounts.iter() {
        if amount < 0 {
            findings.push(Finding { kind: FindingKind::Reject(RowErrorCode::NutrientNegative), nutrient });
        }
    }
}

fn ranges(nutrition: &Nutrition, serving: Option<&ServingSize>, findings: &mut Vec<Finding>) {
    // A serving of unknown mass has at most the 10 kg that a serving may have.
    let scale = Scale::of(nutrition.basis, serving).unwrap_or(Scale { numerator: 1, denominator: 100 });
    for (nutrient, amount) in nutrition.amounts.iter() {
        if scale.exceeds(amount, limit(nutrient)) {
            findings.push(Finding { kind: FindingKind::Reject(RowErrorCode::NutrientOutOfRange), nutrient });
        }
    }
}

/// The most there can be in 100 g.
fn limit(nutrient: Nutrient) -> i64 {
    match nutrient {
        Nutrient::Energy => ENERGY_PER_100G_MAX,
        Nutrient::Sodium => SODIUM_PER_100G_MAX,
        Nutrient::Potassium => POTASSIUM_PER_100G_MAX,
        _ => MASS_PER_100G_MAX,
    }
}

fn parts(nutrition: &Nutrition, findings: &mut Vec<Finding>) {
    let rules = [
        (Nutrient::SaturatedFat, Nutrient::Fat, RowErrorCode::SaturatedFatExceedsFat),
        (Nutrient::Sugars, Nutrient::Carbohydrate, RowErrorCode::SugarsExceedCarbohydrate),
        (Nutrient::AddedSugars, Nutrient::Sugars, RowErrorCode::AddedSugarsExceedSugars),
    ];
    for (part, whole, code) in rules {
        let pair = nutrition.amounts.get(part).zip(nutrition.amounts.get(whole));
        if pair.is_some_and(|(part, whole)| part > whole.saturating_add(PART_TOLERANCE)) {
            findings.push(Finding { kind: FindingKind::Reject(code), nutrient: part });
        }
    }
}

fn flags(nutrition: &Nutrition, serving: Option<&ServingSize>, findings: &mut Vec<Finding>) {
    let get = |nutrient| nutrition.amounts.get(nutrient);
    let mut flag = |code, nutrient| findings.push(Finding { kind: FindingKind::Flag(code), nutrient });
    let total = |list: &[Nutrient]| list.iter().filter_map(|n| get(*n)).sum::<i64>();

    if let Some(scale) = Scale::of(nutrition.basis, serving) {
        let mass = total(&[
            Nutrient::Fat,
            Nutrient::Carbohydrate,
            Nutrient::Protein,
            Nutrient::Salt,
            Nutrient::Alcohol,
        ]);
        if scale.exceeds(mass, MASS_PER_100G_MAX / 1_000 * MACROS_PERMILLE_MAX) {
            flag(WarningCode::MacrosExceedMass, Nutrient::Carbohydrate);
        }
        if get(Nutrient::Sodium).is_some_and(|v| scale.exceeds(v, SODIUM_PER_100G_HIGH)) {
            flag(WarningCode::SodiumHigh, Nutrient::Sodium);
        }
        if get(Nutrient::Potassium).is_some_and(|v| scale.exceeds(v, POTASSIUM_PER_100G_HIGH)) {
            flag(WarningCode::PotassiumHigh, Nutrient::Potassium);
        }
    }
    let kinds = total(&[
        Nutrient::SaturatedFat,
        Nutrient::TransFat,
        Nutrient::MonounsaturatedFat,
        Nutrient::PolyunsaturatedFat,
    ]);
    if get(Nutrient::Fat).is_some_and(|fat| kinds > fat + FAT_KINDS_TOLERANCE) {
        flag(WarningCode::FatPartsExceedFat, Nutrient::Fat);
    }
    if get(Nutrient::Fiber)
        .zip(get(Nutrient::Carbohydrate))
        .is_some_and(|(fiber, carbohydrate)| fiber > carbohydrate)
    {
        flag(WarningCode::FiberExceedsCarbohydrate, Nutrient::Fiber);
    }
    if let Some((salt, sodium)) = get(Nutrient::Salt).zip(get(Nutrient::Sodium)) {
        let expected = sodium * 5 / 2;
        // 0.02 g: what rounding to the label's step can make of small amounts.
        if (salt - expected).abs() > (expected / 10).max(GRAM / 50) {
            flag(WarningCode::SaltContradictsSodium, Nutrient::Salt);
        }
    }
    if energy_contradicts(nutrition) {
        flag(WarningCode::EnergyContradictsMacros, Nutrient::Energy);
    }
}

/// Atwater: 9 kcal/g fat, 4 carbohydrate and protein, 7 alcohol. Off by more than 20 % and by more than
/// 25 kcal. Only where all three macronutrients are declared and nothing has a factor of its own.
fn energy_contradicts(nutrition: &Nutrition) -> bool {
    let get = |nutrient| nutrition.amounts.get(nutrient);
    let (Some(energy), Some(fat), Some(carbohydrate), Some(protein)) =
        (get(Nutrient::Energy), get(Nutrient::Fat), get(Nutrient::Carbohydrate), get(Nutrient::Protein))
    else {
        return false;
    };
    if get(Nutrient::Polyols).is_some_and(|v| v > 0) {
        return false;
    }
    let alcohol = get(Nutrient::Alcohol).unwrap_or(0);
    // µg × kcal/g × 4,184 J/kcal / 10^6.
    let expected = (fat * 9 + (carbohydrate + protein) * 4 + alcohol * 7) / 1_000 * KILOCALORIE / 1_000;
    let off = (energy - expected).abs();
    off * 5 > expected && off > ENERGY_TOLERANCE
}

/// How an amount of the panel compares with a limit per 100 g, without division.
struct Scale {
    /// amount × numerator > limit × denominator: too much.
    numerator: i128,
    denominator: i128,
}

impl Scale {
    fn of(basis: NutritionBasis, serving: Option<&ServingSize>) -> Option<Self> {
        match basis {
            NutritionBasis::Per100g => Some(Self { numerator: 1, denominator: 1 }),
            NutritionBasis::Per100ml => {
                Some(Self { numerator: 1_000, denominator: i128::from(PER_100ML_PERMILLE) })
            }
            NutritionBasis::PerServing => {
                let size = serving?;
                let (amount, permille) = match (size.amount_g, size.amount_ml) {
                    (Some(grams), _) => (grams.0, 1_000),
                    (None, Some(millilitres)) => (millilitres.0, PER_100ML_PERMILLE),
                    (None, None) => return None,
                };
                Some(Self {
                    numerator: i128::from(MASS_PER_100G_MAX) * 1_000,
                    denominator: i128::from(amount) * i128::from(permille),
                })
            }
        }
    }

    fn exceeds(&self, amount: i64, limit: i64) -> bool {
        i128::from(amount) * self.numerator > i128::from(limit) * self.denominator
    }
}
