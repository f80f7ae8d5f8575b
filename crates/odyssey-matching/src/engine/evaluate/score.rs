//! The score of one product, part by part, on exact integers.

use std::collections::BTreeMap;

use odyssey_types::Nutrient;

use super::ScorePart;
use crate::engine::curves::{cap_score, energy_score, macro_score, preference_score, share_bp, target_score};
use crate::engine::product::per_reference;
use crate::engine::{Component, FitFigures, Part, Policy, ProductMeta, Role, name_hash};
use crate::{Diet, Facts, Flag, ReferenceSource, Truth};

pub(super) struct Score {
    pub permille: u16,
    pub confidence: u16,
    pub parts: Vec<ScorePart>,
}

/// `Σ w s / Σ w` over the parts that apply, divided once at the end; an unknown part scores 0 and
/// keeps its weight.
pub(super) fn score(policy: &Policy, facts: &Facts, meta: &ProductMeta) -> Score {
    let parts: Vec<ScorePart> =
        policy.parts.iter().filter_map(|p| score_part(p, policy, facts, meta)).collect();
    let weight: i64 = parts.iter().map(|p| i64::from(p.weight_milli)).sum();
    let earned: i64 = parts.iter().map(|p| i64::from(p.weight_milli) * i64::from(p.sub_score)).sum();
    let known: i64 = parts.iter().filter(|p| p.known).map(|p| i64::from(p.weight_milli)).sum();
    let per = |total: i64| if weight == 0 { 0 } else { (total / weight) as u16 };
    Score { permille: per(earned), confidence: per(known * 1000), parts }
}

/// A sub-score, and whether everything it needs is known; `None` where the part does not apply.
type SubScore = Option<(i64, bool)>;

fn score_part(part: &Part, policy: &Policy, facts: &Facts, meta: &ProductMeta) -> Option<ScorePart> {
    let mut params = BTreeMap::new();
    let (sub_score, known) = match &part.component {
        Component::Cap { nutrient, limit } => {
            params.insert("limit", nutrient.render(*limit));
            share_param(&mut params, facts, *nutrient, *limit, meta.role);
            cap(facts, *nutrient, *limit, meta.role)
        }
        Component::Target { nutrient, goal } => {
            params.insert("goal", nutrient.render(*goal));
            share_param(&mut params, facts, *nutrient, *goal, meta.role);
            target(facts, *nutrient, *goal, meta.role)
        }
        Component::MacroFit { protein_bp, fat_bp, carbohydrate_bp } => {
            macro_fit(facts, [*protein_bp, *fat_bp, *carbohydrate_bp], policy.fit)?
        }
        Component::EnergyFit { day_joules } => energy_fit(facts, *day_joules, meta.role, policy.fit),
        Component::Goal { caps, targets } => goal(facts, caps, targets, meta.role),
        Component::NutriScore { scores } => {
            let found = facts.indices.nutri_score;
            if let Some(found) = found {
                params.insert("grade", found.grade.code().to_owned());
                params.insert("score", found.score.to_string());
            }
            model(found.map(|n| scores[n.grade as usize]))
        }
        Component::Nova { scores } => {
            let found = facts.indices.nova;
            if let Some(found) = found {
                params.insert("group", found.code().to_owned());
            }
            model(found.map(|n| scores[n as usize - 1]))
        }
        Component::Preference => preference(policy, facts, meta, &mut params),
    };
    Some(ScorePart {
        code: part.code.clone(),
        weight_milli: part.weight_milli,
        sub_score: sub_score as u16,
        known,
        params,
        source: part.rule.clone(),
    })
}

fn share_param(
    params: &mut BTreeMap<&'static str, String>,
    facts: &Facts,
    nutrient: Nutrient,
    of: i64,
    role: Role,
) {
    if let Some(amount) = per_reference(facts, nutrient) {
        params.insert("amount", nutrient.render(i64::from(amount)));
        params.insert("share_bp", share_bp(amount, of, role as i64).to_string());
    }
}

fn is_assumed(facts: &Facts) -> bool {
    facts.reference_source == ReferenceSource::Assumed
}

fn cap(facts: &Facts, nutrient: Nutrient, limit: i64, role: Role) -> (i64, bool) {
    match per_reference(facts, nutrient) {
        Some(amount) => (cap_score(share_bp(amount, limit, role as i64)), true),
        None => (0, false),
    }
}

/// A target is not reached by a reference amount that is merely assumed.
fn target(facts: &Facts, nutrient: Nutrient, goal: i64, role: Role) -> (i64, bool) {
    match per_reference(facts, nutrient) {
        Some(amount) if !is_assumed(facts) => (target_score(share_bp(amount, goal, role as i64)), true),
        _ => (0, false),
    }
}

/// Asked only of products with enough energy to matter; unknown energy counts as asked.
fn macro_fit(facts: &Facts, wanted_bp: [i64; 3], fit: FitFigures) -> SubScore {
    let Some(energy) = per_reference(facts, Nutrient::Energy) else { return Some((0, false)) };
    if i64::from(energy) < fit.macro_from_kcal * 4184 {
        return None;
    }
    let amounts = [Nutrient::Protein, Nutrient::Fat, Nutrient::Carbohydrate].map(|n| per_reference(facts, n));
    Some(match amounts {
        [Some(protein), Some(fat), Some(carbohydrate)] => {
            (macro_score(energy, [protein, fat, carbohydrate], wanted_bp), true)
        }
        _ => (0, false),
    })
}

fn energy_fit(facts: &Facts, day_joules: i64, role: Role, fit: FitFigures) -> (i64, bool) {
    let percent = match role {
        Role::Snack => fit.snack_percent,
        Role::MainDish => fit.main_dish_percent,
        Role::Meal => fit.meal_percent,
    };
    match per_reference(facts, Nutrient::Energy) {
        Some(energy) if !is_assumed(facts) => (energy_score(energy, day_joules * percent / 100), true),
        _ => (0, false),
    }
}

/// A grade that is not known is worth nothing.
fn model(score: Option<u16>) -> (i64, bool) {
    (i64::from(score.unwrap_or(0)), score.is_some())
}

/// The mean of what the goals name; known only when all of it is.
fn goal(facts: &Facts, caps: &[(Nutrient, i64)], targets: &[(Nutrient, i64)], role: Role) -> (i64, bool) {
    let caps = caps.iter().map(|(n, limit)| cap(facts, *n, *limit, role));
    let targets = targets.iter().map(|(n, goal)| target(facts, *n, *goal, role));
    let scores: Vec<(i64, bool)> = caps.chain(targets).collect();
    let sum: i64 = scores.iter().map(|(score, _)| score).sum();
    (sum / (scores.len() as i64).max(1), scores.iter().all(|(_, known)| *known))
}

fn preference(
    policy: &Policy,
    facts: &Facts,
    meta: &ProductMeta,
    params: &mut BTreeMap<&'static str, String>,
) -> (i64, bool) {
    let wanted = &policy.preferences;
    let named = |list: &[u32], name: Option<&str>| name.is_some_and(|n| list.contains(&name_hash(n)));
    let (brand, category) = (meta.brand.as_deref(), meta.category.as_deref());
    let likes =
        i64::from(named(&wanted.liked_brands, brand)) + i64::from(named(&wanted.liked_categories, category));
    let contained =
        wanted.disliked_keys.iter().filter(|keys| keys.iter().any(|k| facts.flags_of(k).has(Flag::Contains)));
    let broken = Diet::ALL.iter().filter(|d| {
        wanted.preferred_diets.contains(&(**d as u8)) && facts.diets[**d as usize].truth == Truth::No
    });
    let mut dislikes = i64::from(named(&wanted.disliked_brands, brand))
        + i64::from(named(&wanted.disliked_categories, category))
        + contained.count() as i64
        + broken.count() as i64;
    if policy.lists_allowed(meta.id) {
        dislikes = 0;
    }
    params.insert("likes", likes.to_string());
    params.insert("dislikes", dislikes.to_string());
    (preference_score(likes, dislikes), true)
}
