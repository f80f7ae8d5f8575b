//! What a health profile must satisfy before it is stored: one error per fault, with a JSON pointer.

use std::collections::BTreeSet;

use odyssey_types::{
    AllergySeverity, CodeSystem, HealthProfile, LimitPeriod, MacroTargets, Nutrient, Strictness,
};
use serde::Serialize;

use super::situation::GROUP_OVERRIDE;
use super::{MacroRange, RulePack};
use crate::{Diet, keys_of_allergen};

/// One fault of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProfileError {
    /// JSON pointer into the profile: `/allergies/0/strictness`.
    pub pointer: String,
    pub code: &'static str,
    pub detail: String,
}

/// Something on record that is possible but unlikely: taken, and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProfileWarning {
    /// JSON pointer into the profile: `/height_cm`.
    pub pointer: &'static str,
    pub code: &'static str,
    pub detail: String,
}

/// What `profile` says that is unlikely (reference 1.3), in the order of its fields. Nothing here refuses.
pub fn profile_warnings(
    profile: &HealthProfile,
    age_years: Option<u8>,
    pack: &RulePack,
) -> Vec<ProfileWarning> {
    let mut warnings = Vec::new();
    let mut warn = |holds: bool, pointer: &'static str, detail: &str| {
        if holds {
            warnings.push(ProfileWarning { pointer, code: "unlikely", detail: detail.to_owned() });
        }
    };
    let age = age_years.or(profile.age_years);
    warn(age.is_some_and(|a| !(2..=100).contains(&a)), "/age_years", "is rarely below 2 or above 100");
    if age.is_none_or(|a| a >= ADULT_FROM_YEARS) {
        let (height, weight) = (profile.height_cm.map(|h| h.0), profile.weight_kg.map(|w| w.0));
        warn(
            height.is_some_and(|h| !(1300..=2200).contains(&h)),
            "/height_cm",
            "is rarely outside 130 to 220 cm",
        );
        warn(
            weight.is_some_and(|w| !(35_000..=250_000).contains(&w)),
            "/weight_kg",
            "is rarely outside 35 to 250 kg",
        );
        if let (Some(h), Some(w)) = (height, weight) {
            let square = h.saturating_mul(h);
            let odd = w.saturating_mul(1000) < square.saturating_mul(15)
                || w.saturating_mul(1000) > square.saturating_mul(60);
            warn(odd, "/weight_kg", "makes a body mass index outside 15 to 60");
        }
    }
    warn(
        profile.gestation_weeks.is_some_and(|w| !(4..=42).contains(&w)),
        "/gestation_weeks",
        "is rarely below 4 or above 42",
    );
    warn(
        profile.energy_target_kcal.is_some_and(|kcal| !(1200..=4500).contains(&kcal)),
        "/energy_target_kcal",
        "is rarely below 1200 or above 4500 kcal",
    );
    let sodium = daily_limits(profile, Nutrient::Sodium).any(|max| max < 1_000_000);
    warn(sodium, "/limits", "a limit of less than 1000 mg of sodium a day is rarely meant");
    if let Some(weight) = profile.weight_kg.filter(|w| w.0 > 0) {
        // 0.6 and 2.2 g per kg, in µg per g of body weight.
        let odd = daily_limits(profile, Nutrient::Protein)
            .any(|max| max < weight.0.saturating_mul(600) || max > weight.0.saturating_mul(2200));
        warn(odd, "/limits", "protein is rarely below 0.6 or above 2.2 g per kg of body weight a day");
    }
    if let (Some(wanted), Some(age)) = (&profile.macro_targets, age)
        && let Some(range) = pack.macro_ranges.iter().find(|r| (r.ages.0..=r.ages.1).contains(&age))
    {
        warn(outside(wanted, range), "/macro_targets", &range_text(range));
    }
    warnings
}

fn daily_limits(profile: &HealthProfile, nutrient: Nutrient) -> impl Iterator<Item = i64> {
    profile
        .limits
        .iter()
        .filter(move |l| l.nutrient == nutrient && l.period == LimitPeriod::Day)
        .map(|l| l.max)
}

fn outside(wanted: &MacroTargets, range: &MacroRange) -> bool {
    let shares = [
        (wanted.carbohydrate_pct.0, range.carbohydrate),
        (wanted.protein_pct.0, range.protein),
        (wanted.fat_pct.0, range.fat),
    ];
    shares.iter().any(|(share, (low, high))| *share < i64::from(*low) * 10 || *share > i64::from(*high) * 10)
}

fn range_text(range: &MacroRange) -> String {
    let text = |(low, high): (u8, u8)| format!("{low} to {high}");
    format!(
        "at this age {} percent of energy from carbohydrate, {} from protein and {} from fat are advised",
        text(range.carbohydrate),
        text(range.protein),
        text(range.fat)
    )
}

/// The rules that a stored override may name: those that are `HARD?`, the half of a starred cap, traces for metabolic
/// and coeliac rules, and the decision that allergies on record are all that a group code means.
pub(crate) fn overridable_rules(pack: &RulePack) -> BTreeSet<String> {
    let mut rules = BTreeSet::from([GROUP_OVERRIDE.to_owned()]);
    for (_, set) in pack.rule_sets() {
        rules.extend(set.caps.iter().filter(|r| r.star).map(|r| r.source.rule.clone()));
        let serving = set.servings.iter().filter(|r| r.exclude_above.is_some());
        rules.extend(serving.map(|r| r.source.rule.clone()));
        let gates = set.gates.iter();
        rules.extend(gates.clone().filter(|r| r.kind.is_overridable()).map(|r| r.source.rule.clone()));
        let traces = gates.filter(|r| r.kind.may_let_traces_through());
        rules.extend(traces.map(|r| format!("{}.traces", r.source.rule)));
    }
    let reactions = pack.cross_reactions.values().flatten().filter(|r| r.excludes);
    rules.extend(reactions.map(|r| r.source.rule.clone()));
    rules
}

/// Ages from which the ranges of adults hold.
const ADULT_FROM_YEARS: u8 = 18;
/// Together, wanted shares of energy in tenths of a percent.
const MACRO_SUM: std::ops::RangeInclusive<i64> = 980..=1020;

/// Every fault of `profile`, in the order of its fields. Empty: it may be stored.
pub fn validate_profile(profile: &HealthProfile, pack: &RulePack) -> Vec<ProfileError> {
    let mut errors = Errors::default();
    errors.body(profile);
    errors.allergies(profile, pack);
    errors.codes(profile, pack);
    errors.limits(profile);
    errors.overrides(profile, pack);
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
        if profile.pre_pregnancy_weight_kg.is_some_and(|w| !(20_000..=500_000).contains(&w.0)) {
            self.add("/pre_pregnancy_weight_kg", "out_of_range", "must be 20 to 500 kg");
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

    fn allergies(&mut self, profile: &HealthProfile, pack: &RulePack) {
        for (at, entry) in profile.allergies.iter().enumerate() {
            let pointer = |field: &str| format!("/allergies/{at}/{field}");
            match &entry.allergen {
                Some(code) if keys_of_allergen(code).is_none() && !pack.airborne.contains(code) => {
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
            let pointer = format!("/limits/{at}/max");
            if limit.max < 0 {
                self.add(pointer, "out_of_range", "must not be negative");
                continue;
            }
            let day = limit.period == LimitPeriod::Day;
            // 500 mg to 10 g of sodium a day.
            if day && limit.nutrient == Nutrient::Sodium && !(500_000..=10_000_000).contains(&limit.max) {
                self.add(pointer.clone(), "out_of_range", "must be 500 to 10000 mg of sodium a day");
            }
            let weight = profile.weight_kg.map_or(0, |w| w.0);
            // 0.25 to 4 g per kg, in µg per g of body weight.
            let per_kg = weight.saturating_mul(250)..=weight.saturating_mul(4000);
            if day && limit.nutrient == Nutrient::Protein && weight > 0 && !per_kg.contains(&limit.max) {
                self.add(
                    pointer,
                    "out_of_range",
                    "must be 0.25 to 4 g of protein per kg of body weight a day",
                );
            }
        }
    }

    fn overrides(&mut self, profile: &HealthProfile, pack: &RulePack) {
        if profile.overrides.is_empty() {
            return;
        }
        let allowed = overridable_rules(pack);
        for (at, entry) in profile.overrides.iter().enumerate() {
            let pointer = |field: &str| format!("/overrides/{at}/{field}");
            if !allowed.contains(&entry.rule) {
                let detail = "is no rule that may be overridden: hard rules and anaphylaxis never are";
                self.add(pointer("rule"), "override_refused", detail);
            }
            for (field, text) in [("by", &entry.by), ("reason", &entry.reason)] {
                if text.trim().is_empty() {
                    self.add(pointer(field), "missing", "says who decided, and why");
                }
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
