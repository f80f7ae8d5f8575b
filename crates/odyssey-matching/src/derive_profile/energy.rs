//! Body mass index, resting energy, total energy, energy target.

use odyssey_types::{ActivityLevel, EnergyFormula, Fixed, HealthProfile, ReproductiveStatus, Sex};

use super::{BmiClass, Derived, div_half_even, is_pregnant};
use crate::engine::{EerEquation, EerGroup, EnergyGoal, RulePack, Situation};

/// Adults of the body mass index.
const BMI_ADULT_FROM_YEARS: u8 = 20;
/// Mifflin-St Jeor, and the equations of men and women, were derived on adults.
const ADULT_EQUATIONS_FROM_YEARS: u8 = 19;
/// The equations of children begin here; there is none for younger ones.
const CHILD_EQUATIONS_FROM_YEARS: u8 = 3;
/// Up to this week a pregnancy needs no more energy.
const FIRST_TRIMESTER_WEEKS: u8 = 13;
/// Upper bounds of the classes in tenths of kg/m².
const BMI_CLASSES: [(i64, BmiClass); 5] = [
    (185, BmiClass::Underweight),
    (250, BmiClass::Healthy),
    (300, BmiClass::Overweight),
    (350, BmiClass::Obesity1),
    (400, BmiClass::Obesity2),
];

/// Body mass index in tenths of kg/m² and its class, which only adults have. In pregnancy it is that of the
/// weight before it.
pub(crate) fn bmi_of(profile: &HealthProfile, age_years: Option<u8>) -> Option<(Fixed<1>, Option<BmiClass>)> {
    let weight = if is_pregnant(profile) { profile.pre_pregnancy_weight_kg } else { profile.weight_kg }?;
    let height = profile.height_cm?;
    if height.0 <= 0 || weight.0 <= 0 {
        return None;
    }
    // weight in g, height in mm: kg/m² in tenths = g × 10,000 / mm².
    let (tenths, square) = (weight.0 * 10_000, height.0 * height.0);
    let class = BMI_CLASSES.iter().find(|(below, _)| tenths < below * square);
    let class = class.map_or(BmiClass::Obesity3, |(_, class)| *class);
    let adult = age_years.is_some_and(|age| age >= BMI_ADULT_FROM_YEARS);
    Some((Fixed(div_half_even(tenths, square)), adult.then_some(class)))
}

pub(super) fn derive_bmi(profile: &HealthProfile, derived: &mut Derived) {
    let Some((bmi, class)) = bmi_of(profile, derived.age_years) else { return };
    (derived.bmi, derived.bmi_class) = (Some(bmi), class);
    if class.is_none() && derived.age_years.is_some() {
        // Children are classed by percentiles of a growth table, which is not loaded.
        derived.notes.push("DRV_BMI_UNKNOWN_CHILD");
    }
}

pub(super) fn derive_energy(situation: &Situation<'_>, derived: &mut Derived) {
    let (profile, pack) = (&situation.profile, situation.pack);
    let resting = mifflin_mkcal(profile, derived);
    derived.bmr_kcal = resting.map(|mkcal| div_half_even(mkcal, 1000));
    let by_requirement = resting.is_none() || profile.energy_formula == Some(EnergyFormula::Eer2023);
    let total = if by_requirement {
        requirement_kcal(profile, pack, derived)
    } else {
        resting.zip(profile.activity_level).map(|(mkcal, level)| {
            derived.notes.push("DRV_MIFFLIN");
            div_half_even(mkcal * pack.energy.factors[factor_of(level)], 1_000_000)
        })
    };
    if resting.is_some() && total.is_none() {
        derived.notes.push("DRV_MIFFLIN");
    }
    if (resting.is_some() || total.is_some()) && profile.sex == Some(Sex::Unspecified) {
        derived.notes.push("DRV_SEX_MEAN");
    }
    derived.tdee_kcal = total;
    derived.energy_target_kcal = match profile.energy_target_kcal {
        Some(stated) => Some(i64::from(stated)),
        None => total.map(|kcal| adjusted(kcal, situation, derived)),
    };
}

const fn factor_of(level: ActivityLevel) -> usize {
    match level {
        ActivityLevel::Sedentary => 0,
        ActivityLevel::Light => 1,
        ActivityLevel::Moderate => 2,
        ActivityLevel::Very => 3,
        ActivityLevel::Extra => 4,
    }
}

/// The level of the reference intakes: inactive, low active, active, very active.
const fn requirement_level(level: ActivityLevel) -> usize {
    match level {
        ActivityLevel::Sedentary | ActivityLevel::Light => 0,
        ActivityLevel::Moderate => 1,
        ActivityLevel::Very => 2,
        ActivityLevel::Extra => 3,
    }
}

/// Resting energy in thousandths of a kcal, exactly: `10 w + 6.25 h − 5 a + s`.
fn mifflin_mkcal(profile: &HealthProfile, derived: &Derived) -> Option<i64> {
    let (height, weight) = (profile.height_cm?, profile.weight_kg?);
    let (age, sex) = (derived.age_years?, profile.sex?);
    if age < ADULT_EQUATIONS_FROM_YEARS || is_pregnant(profile) || is_lactating(profile) {
        return None;
    }
    let constant = match sex {
        Sex::Male => 5,
        Sex::Female => -161,
        Sex::Unspecified => -78,
    };
    let mkcal = weight.0 * 10 + height.0 * 625 - i64::from(age) * 5000 + constant * 1000;
    (mkcal > 0).then_some(mkcal)
}

fn is_lactating(profile: &HealthProfile) -> bool {
    profile.reproductive_status == Some(ReproductiveStatus::Lactating)
}

/// Estimated energy requirement, kcal per day, rounded half to even.
fn requirement_kcal(profile: &HealthProfile, pack: &RulePack, derived: &mut Derived) -> Option<i64> {
    let (age, sex, level) = (derived.age_years?, profile.sex?, profile.activity_level?);
    let adult = age >= ADULT_EQUATIONS_FROM_YEARS;
    let late = is_pregnant(profile) && profile.gestation_weeks.is_none_or(|w| w > FIRST_TRIMESTER_WEEKS);
    let (hundred_thousandths, extra) = if late {
        // The stored energy follows the class before the pregnancy; without it nothing is guessed.
        let class = derived.bmi_class?;
        profile.gestation_weeks.filter(|_| adult)?;
        let stored = pack.energy.deposition_kcal[match class {
            BmiClass::Underweight => 0,
            BmiClass::Healthy => 1,
            BmiClass::Overweight => 2,
            BmiClass::Obesity1 | BmiClass::Obesity2 | BmiClass::Obesity3 => 3,
        }];
        (equation(profile, pack, age, level, EerGroup::Pregnant)?, stored)
    } else {
        let groups = match (adult, sex) {
            (true, Sex::Female) => vec![EerGroup::Women],
            (true, Sex::Male) => vec![EerGroup::Men],
            (true, Sex::Unspecified) => vec![EerGroup::Women, EerGroup::Men],
            (false, _) if age < CHILD_EQUATIONS_FROM_YEARS => return None,
            (false, Sex::Female) => vec![EerGroup::Girls],
            (false, Sex::Male) => vec![EerGroup::Boys],
            (false, Sex::Unspecified) => vec![EerGroup::Girls, EerGroup::Boys],
        };
        let mut sum = 0;
        for group in &groups {
            let growth = pack.energy.growth.iter().find(|(ages, ..)| (ages.0..=ages.1).contains(&age));
            let growth = match (group, growth) {
                (EerGroup::Girls, Some((_, female, _))) => *female,
                (EerGroup::Boys, Some((.., male))) => *male,
                _ => 0,
            };
            sum += equation(profile, pack, age, level, *group)? + growth * 100_000;
        }
        let lactation = if is_lactating(profile) && adult { pack.energy.lactation_kcal } else { 0 };
        (sum / groups.len() as i64, lactation)
    };
    if hundred_thousandths <= 0 {
        return None;
    }
    derived.notes.push("DRV_EER");
    Some(div_half_even(hundred_thousandths, 100_000) + extra)
}

/// One equation, in hundred-thousandths of a kcal.
fn equation(
    profile: &HealthProfile,
    pack: &RulePack,
    age: u8,
    level: ActivityLevel,
    group: EerGroup,
) -> Option<i64> {
    let (height, weight) = (profile.height_cm?, profile.weight_kg?);
    let level = requirement_level(level);
    let of = |e: &&EerEquation| e.group == group && e.activity == level;
    let e = pack.energy.equations.iter().find(of)?;
    let weeks = i64::from(profile.gestation_weeks.unwrap_or(0));
    // Height stands in tenths of a cm, weight in g.
    Some(
        (e.constant + e.age * i64::from(age) + e.gestation * weeks) * 1000
            + e.height * height.0 * 100
            + e.weight * weight.0,
    )
}

/// Total energy with the adjustment of the person's goals, never under the floor nor under resting
/// energy, and never above what is spent when the goal is loss.
fn adjusted(total: i64, situation: &Situation<'_>, derived: &mut Derived) -> i64 {
    let (profile, pack) = (&situation.profile, situation.pack);
    let goals = || profile.goals.iter().filter_map(|g| pack.goal(g)).filter_map(|g| g.energy);
    let wants = |goal: EnergyGoal| goals().any(|g| g == goal);
    // Opposite goals cancel each other.
    match (wants(EnergyGoal::Loss), wants(EnergyGoal::Gain)) {
        (true, false) => {}
        (false, true) => return total + pack.energy.gain_kcal,
        _ => return total,
    }
    // Without a class of the body mass index no deficit is planned; what forbids one has taken the goal away.
    let Some(resting) = derived.bmr_kcal.filter(|_| derived.bmi_class.is_some()) else { return total };
    let floor = match profile.sex {
        Some(Sex::Female) => pack.energy.floor_female_kcal,
        _ => pack.energy.floor_male_kcal,
    };
    let wanted = total - pack.energy.loss_kcal;
    let target = wanted.max(floor).max(resting).min(total);
    if target != wanted {
        derived.notes.push("DRV_FLOOR");
    }
    target
}
