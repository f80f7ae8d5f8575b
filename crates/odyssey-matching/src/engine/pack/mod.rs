//! The rule pack: every figure the engine uses, as versioned data with a source beside it.
//!
//! Owns: `data/rules/*.toml`. Promises: a pack that loads is valid (amounts parse in the nutrient's own
//! unit, ids are unique, every source exists); an unreviewed figure never raises a score. Never: holds
//! a figure that is not in the data.

mod load;
mod raw;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use odyssey_types::{Nutrient, Sex};
use serde::Serialize;

use crate::{DietTable, EvidenceKey};

pub use load::PackError;

/// The texts a pack is read from.
#[derive(Debug, Clone, Copy)]
pub struct PackText<'a> {
    pub figures: &'a str,
    pub conditions: &'a str,
    pub drugs: &'a str,
    pub scoring: &'a str,
    pub diets: &'a str,
}

/// How far a figure may be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A document was opened for it.
    Sourced,
    /// General knowledge: may exclude or warn, never raises a score or betters a tier.
    Unreviewed,
    /// Our own engineering choice.
    Policy,
}

/// Where a decision comes from: quoted beside every reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RuleRef {
    /// Rule id: `htn.sodium`.
    pub rule: String,
    /// Version of the pack that holds it.
    pub version: String,
    pub citation: String,
    pub status: Status,
}

/// An amount per day: fixed, or growing with the energy a person needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum DailyAmount {
    /// µg (energy: J).
    Fixed(i64),
    /// Tenths of a percent of the day's energy; of a nutrient whose grams carry `kcal_per_gram`.
    EnergyShare { tenths_percent: i64, kcal_per_gram: i64 },
    /// µg per 1,000 kcal.
    PerThousandKcal(i64),
}

impl DailyAmount {
    /// The amount in µg for a day of `kcal`, rounded down.
    pub const fn at(self, kcal: i64) -> i64 {
        match self {
            Self::Fixed(amount) => amount,
            Self::EnergyShare { tenths_percent, kcal_per_gram } => {
                kcal * tenths_percent * 1_000_000 / (1000 * kcal_per_gram)
            }
            Self::PerThousandKcal(amount) => kcal * amount / 1000,
        }
    }

    pub const fn depends_on_energy(self) -> bool {
        !matches!(self, Self::Fixed(_))
    }
}

/// A ceiling for a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CapRule {
    pub nutrient: Nutrient,
    pub amount: DailyAmount,
    /// What would be better still; shown, not scored. µg.
    pub ideal: Option<i64>,
    /// One reference amount above half of the cap excludes; unknown is not verified.
    pub star: bool,
    /// A share above this is marked red, which is a caution. Basis points.
    pub red_above_bp: Option<u32>,
    /// Ages in years it holds for, inclusive.
    pub ages: (u8, u8),
    pub source: RuleRef,
}

/// Something to reach in a day. Inactive when unreviewed, because it could only raise scores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetRule {
    pub nutrient: Nutrient,
    pub amount: DailyAmount,
    pub active: bool,
    pub source: RuleRef,
}

/// A nutrient that has to be stated before a product can be verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequireRule {
    pub nutrient: Nutrient,
    pub source: RuleRef,
}

/// An ingredient class that is worth a caution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WarningRule {
    pub code: String,
    #[serde(skip)]
    pub class: EvidenceKey,
    /// Only products measured in millilitres.
    pub drinks_only: bool,
    pub source: RuleRef,
}

/// A condition and what it asks of products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionTemplate {
    pub id: String,
    pub label: String,
    /// False: a profile with this condition is not ranked at all.
    pub implemented: bool,
    pub adults_only: bool,
    /// Dot-less prefixes.
    pub icd10cm: Vec<String>,
    pub icd10cm_except: Vec<String>,
    pub snomed: Vec<String>,
    pub caps: Vec<CapRule>,
    pub targets: Vec<TargetRule>,
    pub requires: Vec<RequireRule>,
    pub warnings: Vec<WarningRule>,
}

/// A drug by RxNorm ingredient and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drug {
    pub name: String,
    pub rxcui: Option<String>,
}

/// An interaction of drugs with food.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interaction {
    pub id: String,
    pub implemented: bool,
    pub trigger: String,
    pub drugs: Vec<Drug>,
}

/// Goals by age and sex. Amounts in µg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    pub nutrient: Nutrient,
    pub is_minimum: bool,
    pub rows: Vec<IntakeRow>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntakeRow {
    pub ages: (u8, u8),
    pub female: i64,
    pub male: i64,
}

impl IntakeRow {
    /// The goal for a sex; where it is not stated, the higher of both (the safer minimum).
    pub fn amount(self, sex: Option<Sex>) -> i64 {
        match sex {
            Some(Sex::Female) => self.female,
            Some(Sex::Male) => self.male,
            Some(Sex::Unspecified) | None => self.female.max(self.male),
        }
    }
}

/// What a goal does to the energy target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnergyGoal {
    Loss,
    Gain,
}

/// A goal that customers may choose, as the nutrients it looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    pub id: String,
    pub energy: Option<EnergyGoal>,
    pub caps: Vec<Nutrient>,
    pub targets: Vec<Nutrient>,
}

/// Energy figures: activity factors in permille of resting energy, amounts in kcal per day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnergyFigures {
    /// By [`odyssey_types::ActivityLevel`], from sedentary to extra.
    pub factors: [i64; 5],
    pub default_kcal: i64,
    pub floor_female_kcal: i64,
    pub floor_male_kcal: i64,
    pub loss_kcal: i64,
    pub gain_kcal: i64,
}

/// Figures of the fit components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FitFigures {
    pub snack_percent: i64,
    pub main_dish_percent: i64,
    pub meal_percent: i64,
    pub macro_from_kcal: i64,
}

/// Weights of the groups of the score; a vendor's scoring policy replaces the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoringPolicy {
    pub caps: u32,
    pub targets: u32,
    pub fit: u32,
    pub goal: u32,
    /// Nutri-Score and NOVA.
    pub models: u32,
    pub preference: u32,
}

/// A valid rule pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePack {
    pub id: String,
    pub version: String,
    /// SHA-256 of the texts it was read from, in hex.
    pub digest: String,
    pub sources: BTreeMap<String, String>,
    pub energy: EnergyFigures,
    pub daily_values: BTreeMap<Nutrient, i64>,
    pub intakes: Vec<Intake>,
    pub general_caps: Vec<CapRule>,
    pub conditions: Vec<ConditionTemplate>,
    /// SNOMED codes that say "no known allergy".
    pub negations: Vec<String>,
    pub interactions: Vec<Interaction>,
    pub not_affected: Vec<Drug>,
    pub cross_reactions: BTreeMap<String, Vec<String>>,
    pub diets: DietTable,
    pub goals: Vec<Goal>,
    pub fit: FitFigures,
    pub scoring: ScoringPolicy,
}

impl RulePack {
    /// The pack that ships with this build.
    pub fn embedded() -> &'static Self {
        static PACK: OnceLock<RulePack> = OnceLock::new();
        PACK.get_or_init(|| {
            Self::parse(EMBEDDED).expect("the embedded pack is a constant, and a test loads it")
        })
    }

    /// Reads and validates a pack.
    pub fn parse(text: PackText<'_>) -> Result<Self, PackError> {
        load::load(text)
    }

    pub fn condition(&self, id: &str) -> Option<&ConditionTemplate> {
        self.conditions.iter().find(|c| c.id == id)
    }

    pub fn goal(&self, id: &str) -> Option<&Goal> {
        self.goals.iter().find(|g| g.id == id)
    }

    /// A reference to one of the pack's own rules, citing `source`.
    pub fn rule(&self, rule: &str, source: &str, status: Status) -> RuleRef {
        RuleRef {
            rule: rule.to_owned(),
            version: self.version.clone(),
            citation: self.sources.get(source).cloned().unwrap_or_default(),
            status,
        }
    }
}

pub(crate) const EMBEDDED: PackText<'static> = PackText {
    figures: include_str!("../../../data/rules/figures.toml"),
    conditions: include_str!("../../../data/rules/conditions.toml"),
    drugs: include_str!("../../../data/rules/drugs.toml"),
    scoring: include_str!("../../../data/rules/scoring.toml"),
    diets: crate::diet_rules::EMBEDDED,
};
