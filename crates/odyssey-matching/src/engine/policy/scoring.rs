//! The parts of the score and their weights (reference 8.4).

use odyssey_types::{AllergySeverity, DietKind, HealthProfile, Nutrient, NutrientUnit};
use serde::{Deserialize, Serialize};

use super::{RuleRef, ScoringPolicy};
use crate::derive_profile::{CapInForce, Derived, LimitKind, strictest_caps, targets_in_force};
use crate::engine::{RulePack, Situation, Status, name_hash};
use crate::{Diet, KeySet, keys_of_allergen};

/// One thing that is scored from 0 to 1000. Amounts are µg (energy: J) per day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    Cap {
        nutrient: Nutrient,
        limit: i64,
    },
    Target {
        nutrient: Nutrient,
        goal: i64,
    },
    /// Wanted shares of energy in basis points.
    MacroFit {
        protein_bp: i64,
        fat_bp: i64,
        carbohydrate_bp: i64,
    },
    EnergyFit {
        day_joules: i64,
    },
    /// The mean of several caps and targets.
    Goal {
        caps: Vec<(Nutrient, i64)>,
        targets: Vec<(Nutrient, i64)>,
    },
    /// What each grade is worth, A to E.
    NutriScore {
        scores: [u16; 5],
    },
    /// What each group is worth, 1 to 4.
    Nova {
        scores: [u16; 4],
    },
    Preference,
}

/// A component with its weight in thousandths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// `SC_CAP_sodium_mg`, `SC_MACRO_FIT`, …
    pub code: String,
    pub weight_milli: u32,
    pub component: Component,
    pub rule: RuleRef,
}

/// Likes and dislikes, as hashes of names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Preferences {
    pub liked_brands: Vec<u32>,
    pub disliked_brands: Vec<u32>,
    pub liked_categories: Vec<u32>,
    pub disliked_categories: Vec<u32>,
    /// Allergens that are merely disliked.
    pub disliked_keys: Vec<KeySet>,
    /// Diets that are merely preferred.
    pub preferred_diets: Vec<u8>,
}

impl Preferences {
    pub(super) fn of_profile(profile: &HealthProfile, pack: &RulePack) -> Self {
        let hashes = |names: &[String]| sorted(names.iter().map(|n| name_hash(n)).collect());
        let disliked = profile
            .allergies
            .iter()
            .filter(|a| a.severity == Some(AllergySeverity::Preference) && !a.never)
            .filter_map(|a| keys_of_allergen(a.allergen.as_deref()?));
        let preferred = profile
            .diets
            .iter()
            .filter_map(|d| Some((d, Diet::from_code(&d.diet)?)))
            .filter(|(d, diet)| {
                pack.diets.rule(*diet).pattern || (d.kind == Some(DietKind::Preference) && !d.never)
            })
            .map(|(_, diet)| diet as u8);
        Self {
            liked_brands: hashes(&profile.liked_brands),
            disliked_brands: hashes(&profile.disliked_brands),
            liked_categories: hashes(&profile.liked_categories),
            disliked_categories: hashes(&profile.disliked_categories),
            disliked_keys: sorted(disliked.collect()),
            preferred_diets: sorted(preferred.collect()),
        }
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort();
    list.dedup();
    list
}

/// Every part that applies to the profile, sorted by code. A component that the profile does not have
/// has no weight.
pub(super) fn parts(
    situation: &Situation<'_>,
    derived: &Derived,
    caps: &[CapInForce],
    weights: ScoringPolicy,
    preferences: &Preferences,
) -> Vec<Part> {
    let (profile, pack) = (&situation.profile, situation.pack);
    let mut parts = weighted(weights.caps, cap_parts(caps));
    parts.extend(weighted(weights.targets, target_parts(situation, derived, caps)));
    if !situation.hides_numbers() {
        parts.extend(weighted(weights.fit, fit_parts(profile, pack, derived)));
    }
    parts.extend(weighted(weights.goal, goal_part(profile, pack, derived).into_iter().collect()));
    let mut models = weighted(weights.models, model_parts(pack));
    let mut liked = weighted(
        weights.preference,
        if preferences.is_empty() { Vec::new() } else { vec![preference_part(pack)] },
    );
    // Macro fit is not asked of every product, and must not be counted on for the bounds.
    let sure = parts.iter().filter(|p| !matches!(p.component, Component::MacroFit { .. }));
    let bounds = bounded(sure.map(|p| p.weight_milli).sum(), weight_of(&models), weight_of(&liked));
    scale(&mut models, bounds.0);
    scale(&mut liked, bounds.1);
    parts.extend(models);
    parts.extend(liked);
    parts.retain(|p| p.weight_milli > 0);
    parts.sort_by(|a, b| a.code.cmp(&b.code));
    parts
}

/// The weights of models and preference beside `sure`, scaled down where models would exceed 15 % of the
/// whole, or preference 10 %.
fn bounded(sure: u32, models: u32, preference: u32) -> (u32, u32) {
    let (sure, wide) = (u64::from(sure), |w: u32| u64::from(w));
    let most_models = |preference: u64| wide(models).min((sure + preference) * 3 / 17);
    let most_preference = |models: u64| wide(preference).min((sure + models) / 9);
    // Each bound allows more when the other part weighs more, so that both begin at their most and fall.
    let (mut m, mut p) = (wide(models), wide(preference));
    loop {
        let next = (most_models(p), most_preference(m));
        if next == (m, p) {
            return (m as u32, p as u32);
        }
        (m, p) = next;
    }
}

fn weight_of(parts: &[Part]) -> u32 {
    parts.iter().map(|p| p.weight_milli).sum()
}

/// Shares `weight` anew among the parts.
fn scale(parts: &mut [Part], weight: u32) {
    let count = parts.len() as u32;
    if let Some(share) = weight.checked_div(count) {
        for part in parts.iter_mut() {
            part.weight_milli = share;
        }
        parts[0].weight_milli += weight % count;
    }
}

fn preference_part(pack: &RulePack) -> Part {
    let rule = pack.rule("score.preference", "engine", Status::Policy);
    Part { code: "SC_PREF".to_owned(), weight_milli: 0, component: Component::Preference, rule }
}

fn model_parts(pack: &RulePack) -> Vec<Part> {
    let part = |code: &str, rule: &str, component| Part {
        code: code.to_owned(),
        weight_milli: 0,
        component,
        rule: pack.rule(rule, "engine", Status::Policy),
    };
    let models = pack.models;
    vec![
        part("SC_NUTRISCORE", "score.nutri_score", Component::NutriScore { scores: models.nutri_score }),
        part("SC_NOVA", "score.nova", Component::Nova { scores: models.nova }),
    ]
}

/// Shares a group's weight equally in thousandths; what is left over goes to the first by code.
fn weighted(weight: u32, mut parts: Vec<Part>) -> Vec<Part> {
    parts.sort_by(|a, b| a.code.cmp(&b.code));
    let count = parts.len() as u32;
    // A policy's weights are bounded where it is written; saturation keeps this total.
    let milli = weight.min(1_000_000) * 1000;
    if let Some(share) = milli.checked_div(count) {
        for part in &mut parts {
            part.weight_milli = share;
        }
        parts[0].weight_milli += milli % count;
    }
    parts
}

fn cap_parts(caps: &[CapInForce]) -> Vec<Part> {
    let part = |cap: &CapInForce| Part {
        code: format!("SC_CAP_{}", cap.nutrient.field()),
        weight_milli: 0,
        component: Component::Cap { nutrient: cap.nutrient, limit: cap.limit },
        rule: cap.rule.clone(),
    };
    strictest_caps(caps).into_iter().map(part).collect()
}

fn target_parts(situation: &Situation<'_>, derived: &Derived, caps: &[CapInForce]) -> Vec<Part> {
    let part = |(nutrient, goal, rule): (Nutrient, i64, RuleRef)| Part {
        code: format!("SC_TARGET_{}", nutrient.field()),
        weight_milli: 0,
        component: Component::Target { nutrient, goal },
        rule,
    };
    targets_in_force(situation, derived, caps).into_iter().map(part).collect()
}

fn fit_parts(profile: &HealthProfile, pack: &RulePack, derived: &Derived) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Some(wanted) = profile.macro_targets {
        let component = Component::MacroFit {
            protein_bp: wanted.protein_pct.0 * 10,
            fat_bp: wanted.fat_pct.0 * 10,
            carbohydrate_bp: wanted.carbohydrate_pct.0 * 10,
        };
        let rule = pack.rule("score.macro_fit", "customer", Status::Policy);
        parts.push(Part { code: "SC_MACRO_FIT".to_owned(), weight_milli: 0, component, rule });
    }
    if let Some(kcal) = derived.energy_target_kcal.filter(|kcal| *kcal > 0) {
        let day_joules = NutrientUnit::Kilocalorie.stored_of_steps(kcal * 1000);
        let component = Component::EnergyFit { day_joules };
        let rule = pack.rule("score.energy_fit", "engine", Status::Policy);
        parts.push(Part { code: "SC_ENERGY_FIT".to_owned(), weight_milli: 0, component, rule });
    }
    parts
}

/// One part for all goals: the nutrients they name, each once, against the person's own limit or else
/// the daily value. A nutrient with neither is left out.
fn goal_part(profile: &HealthProfile, pack: &RulePack, derived: &Derived) -> Option<Part> {
    let goals: Vec<_> = profile.goals.iter().filter_map(|g| pack.goal(g)).collect();
    let amount = |nutrient: Nutrient, kinds: &[LimitKind]| {
        let own = derived.daily_limits.iter().find(|l| l.nutrient == nutrient && kinds.contains(&l.kind));
        own.map(|l| l.amount).or_else(|| pack.daily_values.get(&nutrient).copied())
    };
    let pairs = |nutrients: Vec<Nutrient>, kinds: &[LimitKind]| -> Vec<(Nutrient, i64)> {
        sorted(nutrients).into_iter().filter_map(|n| Some((n, amount(n, kinds)?))).collect()
    };
    let caps = pairs(goals.iter().flat_map(|g| g.caps.clone()).collect(), &[LimitKind::Cap]);
    let targets =
        pairs(goals.iter().flat_map(|g| g.targets.clone()).collect(), &[LimitKind::Target, LimitKind::Min]);
    if caps.is_empty() && targets.is_empty() {
        return None;
    }
    Some(Part {
        code: "SC_GOAL".to_owned(),
        weight_milli: 0,
        component: Component::Goal { caps, targets },
        rule: pack.rule("score.goal", "engine", Status::Policy),
    })
}
