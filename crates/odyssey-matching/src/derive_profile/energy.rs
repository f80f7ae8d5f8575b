//! Body mass index, resting energy, total energy, energy target.

use odyssey_types::{ActivityLevel, Fixed, HealthProfile, ReproductiveStatus, Sex};

use super::{BmiClass, Derived, div_half_even, is_pregnant};
use crate::engine::{EnergyGoal, ResolvedConditions, RulePack};

/// Adults of the body mass index.
const BMI_ADULT_FROM_YEARS: u8 = 20;
/// Mifflin-St Jeor was derived on adults.
const MIFFLIN_FROM_YEARS: u8 = 19;
/// Upper bounds of the classes in tenths of kg/m².
const BMI_CLASSES: [(i64, BmiClass); 5] = [
    (185, BmiClass::Underweight),
    (250, BmiClass::Healthy),
    (300, BmiClass::Overweight),
    (350, BmiClass::Obesity1),
    (400, BmiClass::Obesity2),
];
/// No deficit where these are on record.
const NO_DEFICIT: [&str; 4] = ["eating_disorder", "ckd_5d", "t1dm", "pregnancy"];

pub(super) fn derive_bmi(profile: &HealthProfile, derived: &mut Derived) {
    let (Some(height), Some(weight)) = (profile.height_cm, profile.weight_kg) else { return };
    if height.0 <= 0 || weight.0 <= 0 || is_pregnant(profile) {
        return;
    }
    // weight in g, height in mm: kg/m² in tenths = g × 10,000 / mm².
    let (tenths, square) = (weight.0 * 10_000, height.0 * height.0);
    derived.bmi = Some(Fixed(div_half_even(tenths, square)));
    match derived.age_years {
        Some(age) if age >= BMI_ADULT_FROM_YEARS => {
            let class = BMI_CLASSES.iter().find(|(below, _)| tenths < below * square);
            derived.bmi_class = Some(class.map_or(BmiClass::Obesity3, |(_, class)| *class));
        }
        // Children are classed by percentiles of a growth table, which is not loaded.
        Some(_) => derived.notes.push("DRV_BMI_UNKNOWN_CHILD"),
        None => {}
    }
}

pub(super) fn derive_energy(
    profile: &HealthProfile,
    pack: &RulePack,
    conditions: &ResolvedConditions<'_>,
    derived: &mut Derived,
) {
    let resting = mifflin_mkcal(profile, derived);
    derived.bmr_kcal = resting.map(|mkcal| div_half_even(mkcal, 1000));
    let total = resting.zip(profile.activity_level).map(|(mkcal, level)| {
        let factor = pack.energy.factors[match level {
            ActivityLevel::Sedentary => 0,
            ActivityLevel::Light => 1,
            ActivityLevel::Moderate => 2,
            ActivityLevel::Very => 3,
            ActivityLevel::Extra => 4,
        }];
        div_half_even(mkcal * factor, 1_000_000)
    });
    derived.tdee_kcal = total;
    derived.energy_target_kcal = match profile.energy_target_kcal {
        Some(stated) => Some(i64::from(stated)),
        None => total.map(|kcal| adjusted(kcal, profile, pack, conditions, derived)),
    };
}

/// Resting energy in thousandths of a kcal, exactly: `10 w + 6.25 h − 5 a + s`.
fn mifflin_mkcal(profile: &HealthProfile, derived: &mut Derived) -> Option<i64> {
    let (height, weight) = (profile.height_cm?, profile.weight_kg?);
    let (age, sex) = (derived.age_years?, profile.sex?);
    let lactating = profile.reproductive_status == Some(ReproductiveStatus::Lactating);
    if age < MIFFLIN_FROM_YEARS || is_pregnant(profile) || lactating {
        return None;
    }
    let constant = match sex {
        Sex::Male => 5,
        Sex::Female => -161,
        Sex::Unspecified => -78,
    };
    let mkcal = weight.0 * 10 + height.0 * 625 - i64::from(age) * 5000 + constant * 1000;
    if mkcal <= 0 {
        return None;
    }
    derived.notes.push("DRV_MIFFLIN");
    if sex == Sex::Unspecified {
        derived.notes.push("DRV_SEX_MEAN");
    }
    Some(mkcal)
}

/// Total energy with the adjustment of the person's goals, never under the floor nor under resting
/// energy, and never above what is spent when the goal is loss.
fn adjusted(
    total: i64,
    profile: &HealthProfile,
    pack: &RulePack,
    conditions: &ResolvedConditions<'_>,
    derived: &mut Derived,
) -> i64 {
    let goals = || profile.goals.iter().filter_map(|g| pack.goal(g)).filter_map(|g| g.energy);
    let wants = |goal: EnergyGoal| goals().any(|g| g == goal);
    // Opposite goals cancel each other.
    match (wants(EnergyGoal::Loss), wants(EnergyGoal::Gain)) {
        (true, false) => {}
        (false, true) => return total + pack.energy.gain_kcal,
        _ => return total,
    }
    let forbidden = derived.bmi_class.is_none_or(|c| c == BmiClass::Underweight)
        || NO_DEFICIT.iter().any(|id| conditions.claimed.iter().any(|c| c.id == *id));
    if forbidden {
        return total;
    }
    let floor = match profile.sex {
        Some(Sex::Female) => pack.energy.floor_female_kcal,
        _ => pack.energy.floor_male_kcal,
    };
    let wanted = total - pack.energy.loss_kcal;
    let target = wanted.max(floor).max(derived.bmr_kcal.unwrap_or(0)).min(total);
    if target != wanted {
        derived.notes.push("DRV_FLOOR");
    }
    target
}
