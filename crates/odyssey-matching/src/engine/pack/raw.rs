//! The pack as it is written in TOML, before it is checked.

use std::collections::BTreeMap;

use odyssey_types::{Guideline, Nutrient};
use serde::Deserialize;

use super::{Basis, EerGroup, EnergyGoal, GateKind, Need, ScoringPolicy, Status, UnknownAmount};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Figures {
    pub id: String,
    pub version: String,
    pub sources: BTreeMap<String, String>,
    pub energy: Energy,
    pub daily_value: Vec<DailyValue>,
    pub intake: Vec<Intake>,
    pub upper_level: Vec<UpperLevel>,
    pub macro_range: Vec<MacroRange>,
    pub guideline: Vec<GuidelineRules>,
    pub airborne: Vec<String>,
    pub cross_reaction: Vec<CrossReaction>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpperLevel {
    pub nutrient: Nutrient,
    pub amount: String,
    pub source: String,
    pub status: Status,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MacroRange {
    pub ages: (u8, u8),
    pub carbohydrate: (u8, u8),
    pub protein: (u8, u8),
    pub fat: (u8, u8),
    pub source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GuidelineRules {
    pub id: Guideline,
    pub label: String,
    #[serde(default)]
    pub cap: Vec<Cap>,
    #[serde(default)]
    pub target: Vec<Target>,
    #[serde(default)]
    pub serving: Vec<Serving>,
    #[serde(default)]
    pub warning: Vec<Warning>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Energy {
    pub sedentary: i64,
    pub light: i64,
    pub moderate: i64,
    pub very: i64,
    pub extra: i64,
    pub source: String,
    pub status: Status,
    pub default_kcal: i64,
    pub default_source: String,
    pub floor_female_kcal: i64,
    pub floor_male_kcal: i64,
    pub loss_kcal: i64,
    pub gain_kcal: i64,
    pub adjustment_source: String,
    pub adjustment_status: Status,
    pub equation: Vec<Equation>,
    pub equation_source: String,
    pub growth: Vec<Growth>,
    pub deposition_kcal: [i64; 4],
    pub lactation_kcal: i64,
}

/// Figures as text with two decimals.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Equation {
    pub group: EerGroup,
    pub activity: usize,
    pub constant: String,
    pub age: String,
    pub height: String,
    pub weight: String,
    pub gestation: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Growth {
    pub ages: (u8, u8),
    pub female: i64,
    pub male: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DailyValue {
    pub nutrient: Nutrient,
    pub amount: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Intake {
    pub nutrient: Nutrient,
    pub kind: IntakeKind,
    pub rows: Vec<IntakeRow>,
    pub pregnant: Option<String>,
    pub lactating: Option<String>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum IntakeKind {
    Min,
    Target,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IntakeRow {
    pub ages: (u8, u8),
    pub female: String,
    pub male: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cap {
    pub rule: String,
    pub nutrient: Nutrient,
    pub amount: Option<String>,
    pub percent_energy: Option<String>,
    pub per_kg: Option<String>,
    pub ideal: Option<String>,
    #[serde(default)]
    pub star: bool,
    #[serde(default)]
    pub absent_lifts: Vec<String>,
    pub red_above_bp: Option<u32>,
    pub source: String,
    pub status: Status,
    #[serde(default)]
    pub when: Vec<String>,
    #[serde(default)]
    pub unless: Vec<String>,
    #[serde(default)]
    pub drugs: Vec<String>,
    pub ages: Option<(u8, u8)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    pub rule: String,
    pub nutrient: Nutrient,
    pub amount: Option<String>,
    pub per_1000_kcal: Option<String>,
    pub per_kg: Option<String>,
    /// The person's own goal by age and sex.
    #[serde(default)]
    pub intake: bool,
    pub source: String,
    pub status: Status,
    #[serde(default)]
    pub when: Vec<String>,
    #[serde(default)]
    pub unless: Vec<String>,
    #[serde(default)]
    pub drugs: Vec<String>,
    pub ages: Option<(u8, u8)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Minimum {
    pub rule: String,
    pub nutrient: Nutrient,
    pub amount: Option<String>,
    pub per_kg: Option<String>,
    pub source: String,
    pub status: Status,
    #[serde(default)]
    pub when: Vec<String>,
    #[serde(default)]
    pub unless: Vec<String>,
    #[serde(default)]
    pub drugs: Vec<String>,
    pub ages: Option<(u8, u8)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Require {
    pub rule: String,
    pub nutrient: Nutrient,
    pub source: String,
    pub status: Status,
    #[serde(default)]
    pub when: Vec<String>,
    #[serde(default)]
    pub unless: Vec<String>,
    #[serde(default)]
    pub drugs: Vec<String>,
    pub ages: Option<(u8, u8)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gate {
    pub rule: String,
    pub kind: GateKind,
    pub code: Option<String>,
    pub keys: Vec<String>,
    pub about: Option<String>,
    #[serde(default)]
    pub ambiguous_excludes: bool,
    #[serde(default)]
    pub traces_caution: bool,
    pub advice: Option<String>,
    pub source: String,
    pub status: Status,
    #[serde(default)]
    pub when: Vec<String>,
    #[serde(default)]
    pub unless: Vec<String>,
    #[serde(default)]
    pub drugs: Vec<String>,
    pub ages: Option<(u8, u8)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Serving {
    pub rule: String,
    pub nutrient: Nutrient,
    pub basis: Option<Basis>,
    pub exclude_above: Option<String>,
    pub mark_above: Option<String>,
    pub unknown: Option<UnknownAmount>,
    #[serde(default)]
    pub replaced_by_limit: bool,
    pub source: String,
    pub status: Status,
    #[serde(default)]
    pub when: Vec<String>,
    #[serde(default)]
    pub unless: Vec<String>,
    #[serde(default)]
    pub drugs: Vec<String>,
    pub ages: Option<(u8, u8)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Warning {
    pub rule: String,
    pub code: String,
    #[serde(default)]
    pub keys: Vec<String>,
    #[serde(default)]
    pub drinks_only: bool,
    pub nutrient: Option<Nutrient>,
    pub at_least: Option<String>,
    pub fat_percent_energy: Option<i64>,
    pub about: Option<String>,
    pub advice: Option<String>,
    pub source: String,
    pub status: Status,
    #[serde(default)]
    pub when: Vec<String>,
    #[serde(default)]
    pub unless: Vec<String>,
    #[serde(default)]
    pub drugs: Vec<String>,
    pub ages: Option<(u8, u8)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Notice {
    pub rule: String,
    pub code: String,
    pub sentence: String,
    #[serde(default)]
    pub diets: Vec<String>,
    pub source: String,
    pub status: Status,
    #[serde(default)]
    pub when: Vec<String>,
    #[serde(default)]
    pub unless: Vec<String>,
    #[serde(default)]
    pub drugs: Vec<String>,
    pub ages: Option<(u8, u8)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CrossReaction {
    pub allergen: String,
    #[serde(default)]
    pub warn: Vec<String>,
    #[serde(default)]
    pub exclude: Vec<String>,
    pub source: String,
    pub status: Status,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Conditions {
    pub negations_snomed: Vec<String>,
    pub state: Vec<StateGroup>,
    pub conflict: Vec<Conflict>,
    pub condition: Vec<Condition>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StateGroup {
    pub id: String,
    pub of: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Conflict {
    pub rule: String,
    pub between: (String, String),
    pub sentence: String,
    pub source: String,
    pub status: Status,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    pub id: String,
    pub label: String,
    pub implemented: bool,
    #[serde(default)]
    pub adults_only: bool,
    #[serde(default)]
    pub icd10cm: Vec<String>,
    #[serde(default)]
    pub icd10cm_exact: Vec<String>,
    #[serde(default)]
    pub icd10cm_except: Vec<String>,
    #[serde(default)]
    pub snomed: Vec<String>,
    pub ages: Option<(u8, u8)>,
    #[serde(default)]
    pub includes: Vec<String>,
    #[serde(default)]
    pub includes_soft_only: bool,
    #[serde(default)]
    pub implies: Vec<String>,
    #[serde(default)]
    pub needs: Vec<Need>,
    #[serde(default)]
    pub no_weight_loss: bool,
    #[serde(default)]
    pub no_numbers: bool,
    #[serde(default)]
    pub blocks_diets: Vec<String>,
    pub note: Option<String>,
    #[serde(default)]
    pub cap: Vec<Cap>,
    #[serde(default)]
    pub target: Vec<Target>,
    #[serde(default)]
    pub minimum: Vec<Minimum>,
    #[serde(default)]
    pub require: Vec<Require>,
    #[serde(default)]
    pub gate: Vec<Gate>,
    #[serde(default)]
    pub serving: Vec<Serving>,
    #[serde(default)]
    pub warning: Vec<Warning>,
    #[serde(default)]
    pub notice: Vec<Notice>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Drugs {
    pub interaction: Vec<Interaction>,
    pub not_affected: Vec<NotAffected>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Interaction {
    pub id: String,
    pub implemented: bool,
    pub trigger: String,
    pub drugs: Vec<Drug>,
    #[serde(default)]
    pub blocks_diets: Vec<String>,
    #[serde(default)]
    pub blocks_goals: Vec<String>,
    pub note: Option<String>,
    #[serde(default)]
    pub cap: Vec<Cap>,
    #[serde(default)]
    pub target: Vec<Target>,
    #[serde(default)]
    pub minimum: Vec<Minimum>,
    #[serde(default)]
    pub require: Vec<Require>,
    #[serde(default)]
    pub gate: Vec<Gate>,
    #[serde(default)]
    pub serving: Vec<Serving>,
    #[serde(default)]
    pub warning: Vec<Warning>,
    #[serde(default)]
    pub notice: Vec<Notice>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Drug {
    pub name: String,
    pub rxcui: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NotAffected {
    pub reason: String,
    pub drugs: Vec<Drug>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scoring {
    pub weights: ScoringPolicy,
    pub fit: Fit,
    pub models: super::ModelFigures,
    pub goal: Vec<Goal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fit {
    pub snack_percent: i64,
    pub main_dish_percent: i64,
    pub meal_percent: i64,
    pub macro_from_kcal: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Goal {
    pub id: String,
    pub energy: Option<EnergyGoal>,
    pub cap: Vec<Nutrient>,
    pub target: Vec<Nutrient>,
}
