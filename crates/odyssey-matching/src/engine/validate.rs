//! What a health profile must satisfy before it is stored: one error per fault, with a JSON pointer.

use odyssey_types::{AllergySeverity, CodeSystem, HealthProfile, MacroTargets, Strictness};
use serde::Serialize;

use super::RulePack;
use crate::{Diet, keys_of_allergen};

/// One fault of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProfileError {
    /// JSON pointer into the profile: `/allergies/0/strictness`.
    pub pointer: String,
    pub code: &'static str,
    pub detail: String,
}

/// Ages from which the ranges of adults hold.
const ADULT_FROM_YEARS: u8 = 18;
/// Together, wanted shares of energy in tenths of a percent.
const MACRO_SUM: std::ops::RangeInclusive<i64> = 980..=1020;

/// Every fault of `profile`, in the order of its fields. Empty: it may be stored.
pub fn validate_profile(profile: &HealthProfile, pack: &RulePack) -> Vec<ProfileError> {
    let mut errors = Errors::default();
    errors.body(profile);
    errors.allergies(profile);
    errors.codes(profile, pack);
    errors.limits(profile);
    if let Some(targets) = &profile.macro_targets {
        errors.macros(targets);
    }
    errors.0
}

#[derive(Default)]
struct Errors(Vec<ProfileError>);

impl Errors {
    fn add(&mut self, pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        self.0.push(ProfileError { pointer: pointer.into(), code, detail: detail.into() });
    }

    /// Ranges of reference 1.3; those of height, weight and body mass index hold for adults and where
    /// the age is not known.
    fn body(&mut self, profile: &HealthProfile) {
        if profile.age_years.is_some_and(|age| age > 120) {
            self.add("/age_years", "out_of_range", "must be 0 to 120");
        }
        if profile.gestation_weeks.is_some_and(|weeks| !(1..=44).contains(&weeks)) {
            self.add("/gestation_weeks", "out_of_range", "must be 1 to 44");
        }
        if profile.energy_target_kcal.is_some_and(|kcal| !(800..=6000).contains(&kcal)) {
            self.add("/energy_target_kcal", "out_of_range", "must be 800 to 6000 kcal");
        }
        let (height, weight) = (profile.height_cm.map(|h| h.0), profile.weight_kg.map(|w| w.0));
        if height.is_some_and(|h| h <= 0) {
            self.add("/height_cm", "out_of_range", "must be positive");
        }
        if weight.is_some_and(|w| w <= 0) {
            self.add("/weight_kg", "out_of_range", "must be positive");
        }
        if profile.age_years.is_some_and(|age| age < ADULT_FROM_YEARS) {
            return;
        }
        let height_fits = height.is_none_or(|h| (900..=2500).contains(&h));
        let weight_fits = weight.is_none_or(|w| (20_000..=500_000).contains(&w));
        if height.is_some_and(|h| h > 0) && !height_fits {
            self.add("/height_cm", "out_of_range", "must be 90 to 250 cm for an adult");
        }
        if weight.is_some_and(|w| w > 0) && !weight_fits {
            self.add("/weight_kg", "out_of_range", "must be 20 to 500 kg for an adult");
        }
        if let (Some(h), Some(w), true, true) = (height, weight, height_fits, weight_fits) {
            // kg/m² = g × 1,000 / mm².
            let square = h * h;
            if w * 1000 < 10 * square || w * 1000 > 100 * square {
                self.add("/weight_kg", "out_of_range", "makes a body mass index outside 10 to 100");
            }
        }
    }

    fn allergies(&mut self, profile: &HealthProfile) {
        for (at, entry) in profile.allergies.iter().enumerate() {
            let pointer = |field: &str| format!("/allergies/{at}/{field}");
            match &entry.allergen {
                Some(code) if keys_of_allergen(code).is_none() => {
                    self.add(pointer("allergen"), "unknown_allergen", "is not an allergen code of ours");
                }
                None if entry.text.as_deref().is_none_or(|t| t.trim().is_empty()) => {
                    self.add(
                        pointer("allergen"),
                        "missing",
                        "needs an allergen code, or the words it was recorded in",
                    );
                }
                _ => {}
            }
            let loosened = matches!(entry.strictness, Some(Strictness::Contains | Strictness::MayContain));
            if entry.severity == Some(AllergySeverity::Anaphylaxis) && loosened {
                let detail = "cannot be looser than `facility` for anaphylaxis";
                self.add(pointer("strictness"), "strictness_loosened", detail);
            }
        }
    }

    fn codes(&mut self, profile: &HealthProfile, pack: &RulePack) {
        for (at, entry) in profile.conditions.iter().enumerate() {
            let pointer = format!("/conditions/{at}/code");
            if entry.code.trim().is_empty() {
                self.add(pointer, "missing", "must not be empty");
            } else if entry.system == CodeSystem::Template && pack.condition(&entry.code).is_none() {
                self.add(pointer, "unknown_condition", "is not a condition template of ours");
            }
        }
        for (at, entry) in profile.medications.iter().enumerate() {
            let blank = |text: &Option<String>| text.as_deref().is_none_or(|t| t.trim().is_empty());
            if blank(&entry.rxnorm) && blank(&entry.name) {
                self.add(format!("/medications/{at}"), "missing", "needs an RxNorm code or a name");
            }
        }
        for (at, entry) in profile.diets.iter().enumerate() {
            if Diet::from_code(&entry.diet).is_none() {
                self.add(format!("/diets/{at}/diet"), "unknown_diet", "is not a diet code of ours");
            }
        }
    }

    fn limits(&mut self, profile: &HealthProfile) {
        for (at, limit) in profile.limits.iter().enumerate() {
            if limit.max < 0 {
                self.add(format!("/limits/{at}/max"), "out_of_range", "must not be negative");
            }
        }
    }

    fn macros(&mut self, targets: &MacroTargets) {
        let shares = [targets.protein_pct.0, targets.fat_pct.0, targets.carbohydrate_pct.0];
        if shares.iter().any(|s| *s < 0) {
            self.add("/macro_targets", "out_of_range", "shares must not be negative");
        } else if !MACRO_SUM.contains(&shares.iter().sum()) {
            self.add("/macro_targets", "macro_sum", "shares must add up to 98 to 102 percent");
        }
    }
}

#[cfg(test)]
mod tests;
