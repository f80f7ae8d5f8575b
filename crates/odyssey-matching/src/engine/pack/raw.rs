//! The pack as it is written in TOML, before it is checked.

use std::collections::BTreeMap;

use odyssey_types::Nutrient;
use serde::Deserialize;

use super::{EnergyGoal, ScoringPolicy, Status};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Figures {
    pub id: String,
    pub version: String,
    pub sources: BTreeMap<String, String>,
    pub energy: Energy,
    pub daily_value: Vec<DailyValue>,
    pub intake: Vec<Intake>,
    pub general_cap: Vec<Cap>,
    pub cross_reaction: Vec<CrossReaction>,
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
    pub ideal: Option<String>,
    #[serde(default)]
    pub star: bool,
    pub red_above_bp: Option<u32>,
    pub ages: Option<(u8, u8)>,
    pub source: String,
    pub status: Status,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    pub rule: String,
    pub nutrient: Nutrient,
    pub amount: Option<String>,
    pub per_1000_kcal: Option<String>,
    pub source: String,
    pub status: Status,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Require {
    pub rule: String,
    pub nutrient: Nutrient,
    pub source: String,
    pub status: Status,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Warning {
    pub rule: String,
    pub code: String,
    pub class: String,
    #[serde(default)]
    pub drinks_only: bool,
    pub source: String,
    pub status: Status,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CrossReaction {
    pub allergen: String,
    pub warn: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Conditions {
    pub negations_snomed: Vec<String>,
    pub condition: Vec<Condition>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    pub id: String,
    pub label: String,
    pub implemented: bool,
    #[serde(default)]
    pub adults_only: bool,
    pub icd10cm: Vec<String>,
    #[serde(default)]
    pub icd10cm_except: Vec<String>,
    pub snomed: Vec<String>,
    #[serde(default)]
    pub cap: Vec<Cap>,
    #[serde(default)]
    pub target: Vec<Target>,
    #[serde(default)]
    pub require: Vec<Require>,
    #[serde(default)]
    pub warning: Vec<Warning>,
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
