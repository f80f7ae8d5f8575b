//! What follows from a health profile: body mass index, energy, limits for a day.
//!
//! Owns: no table. Promises: what is missing stays missing, no value is guessed from another; every
//! limit names its rule; integers throughout, each result rounded once (half to even where shown, down
//! for caps, up for nothing). Never: applies the adult formulas to children or in pregnancy.

mod energy;
mod limits;
#[cfg(test)]
mod tests;

use odyssey_types::{Fixed, HealthProfile, ReproductiveStatus};
use serde::Serialize;

use crate::engine::{MacroRange, ProfileWarning, RulePack, Situation, profile_warnings};

pub(crate) use energy::bmi_of;
pub(crate) use limits::{CapInForce, caps_in_force, strictest_caps, targets_in_force};
pub use limits::{DailyLimit, LimitKind};

/// Classes of the body mass index for adults of 20 years and over (CDC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BmiClass {
    /// Below 18.5.
    Underweight,
    /// 18.5 to below 25.
    Healthy,
    /// 25 to below 30.
    Overweight,
    /// 30 to below 35.
    Obesity1,
    /// 35 to below 40.
    Obesity2,
    /// 40 and above.
    Obesity3,
}

/// What a profile amounts to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Derived {
    /// Version of the rule pack whose formulas were used.
    pub formula_version: String,
    pub age_years: Option<u8>,
    /// kg/m², rounded half to even at one digit; the class is taken before rounding.
    pub bmi: Option<Fixed<1>>,
    pub bmi_class: Option<BmiClass>,
    /// Resting energy, kcal per day (Mifflin-St Jeor), rounded half to even.
    pub bmr_kcal: Option<i64>,
    /// Total energy, kcal per day.
    pub tdee_kcal: Option<i64>,
    /// The energy to aim at: as stated, else total energy with the goal's adjustment.
    pub energy_target_kcal: Option<i64>,
    /// The strictest limit of each kind per nutrient; sorted by nutrient and kind.
    pub daily_limits: Vec<DailyLimit>,
    /// Shares of energy that a diet should keep within at this age, in percent; `None` without an age.
    pub macro_range: Option<MacroRange>,
    /// Figures on record that are possible but unlikely: to be looked at.
    pub warnings: Vec<ProfileWarning>,
    /// `DRV_…` codes that say how the figures came about, sorted.
    pub notes: Vec<&'static str>,
}

impl Derived {
    /// Energy of a day for limits in percent of energy, and whether it is the default of the daily
    /// values. `None` below 4 years, where no default holds.
    pub(crate) fn day_kcal(&self, pack: &RulePack) -> Option<(i64, bool)> {
        match self.energy_target_kcal {
            Some(kcal) => Some((kcal, false)),
            None if self.age_years.is_none_or(|a| a >= 4) => Some((pack.energy.default_kcal, true)),
            None => None,
        }
    }
}

/// Derives everything that follows from `profile`. `age_years` comes from the birth date; without one
/// the profile's own age counts.
pub fn derive_profile(profile: &HealthProfile, age_years: Option<u8>, pack: &RulePack) -> Derived {
    derive(&Situation::new(profile, age_years.or(profile.age_years), pack))
}

/// The same for a record that has been read already.
pub(crate) fn derive(situation: &Situation<'_>) -> Derived {
    let (profile, pack, age_years) = (&situation.profile, situation.pack, situation.age_years);
    let mut derived = Derived {
        formula_version: pack.version.clone(),
        age_years,
        bmi: None,
        bmi_class: None,
        bmr_kcal: None,
        tdee_kcal: None,
        energy_target_kcal: None,
        daily_limits: Vec::new(),
        macro_range: age_years
            .and_then(|age| pack.macro_ranges.iter().find(|r| (r.ages.0..=r.ages.1).contains(&age)).copied()),
        warnings: profile_warnings(profile, age_years, pack),
        notes: Vec::new(),
    };
    energy::derive_bmi(profile, &mut derived);
    energy::derive_energy(situation, &mut derived);
    derived.daily_limits = limits::daily_limits(situation, &mut derived);
    derived.notes.sort_unstable();
    derived.notes.dedup();
    derived
}

/// Pregnancy, stated or to be concluded from a stated week of gestation.
pub(crate) fn is_pregnant(profile: &HealthProfile) -> bool {
    profile.reproductive_status == Some(ReproductiveStatus::Pregnant) || profile.gestation_weeks.is_some()
}

/// `numerator / denominator`, rounded half to even. Both must be positive.
pub(crate) const fn div_half_even(numerator: i64, denominator: i64) -> i64 {
    let (quotient, rest) = (numerator / denominator, numerator % denominator);
    let twice = rest * 2;
    if twice > denominator || (twice == denominator && quotient % 2 == 1) { quotient + 1 } else { quotient }
}
