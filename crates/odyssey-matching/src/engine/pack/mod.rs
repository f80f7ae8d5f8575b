//! The rule pack: every figure the engine uses, as versioned data with a source beside it.
//!
//! Owns: `data/rules/*.toml`. Promises: a pack that loads is valid (amounts parse in the nutrient's own
//! unit, ids are unique, every source exists); an unreviewed figure never raises a score. Never: holds
//! a figure that is not in the data.

mod load;
mod raw;
mod rules;
#[cfg(test)]
mod tests;
mod vendor_rules;
mod view;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use odyssey_types::{Guideline, Nutrient, Sex};
use serde::Serialize;

use crate::{Diet, DietTable, KeySet};

pub use load::PackError;
pub use rules::{
    AmountTest, Basis, CapRule, DailyAmount, GateKind, GateRule, MinimumRule, NoticeRule, RequireRule,
    RuleSet, Scope, ServingRule, States, TargetRule, UnknownAmount, WarningRule,
};
pub(crate) use rules::{UNKNOWN_AGE_YEARS, no_keys};
pub use vendor_rules::{ChangeOrigin, ClassAction, RULE_CHANGES_MAX, RuleChange, RuleChangeError};
pub use view::{PackView, RuleView};

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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
pub struct RuleRef {
    /// Rule id: `htn.sodium`.
    pub rule: String,
    /// Version of the pack that holds it.
    pub version: String,
    pub citation: String,
    pub status: Status,
}

/// What a profile has to name before a condition can be judged at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// The code itself names the food, or an override says that the allergies on record are all.
    NamedFood,
    /// At least one allergy on record that is more than a preference: the person's own triggers.
    Allergens,
    /// A limit on protein per serving: the prescription.
    ProteinLimit,
}

/// A condition and what it asks of products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionTemplate {
    pub id: String,
    pub label: String,
    /// False: a profile with this condition is not ranked at all.
    pub implemented: bool,
    /// Its figures hold for adults only: a younger person with it is not ranked.
    pub adults_only: bool,
    /// Dot-less prefixes.
    pub icd10cm: Vec<String>,
    /// Dot-less codes that are claimed exactly: categories without their subdivision.
    pub icd10cm_exact: Vec<String>,
    pub icd10cm_except: Vec<String>,
    pub snomed: Vec<String>,
    /// Claimed by age in years, inclusive.
    pub ages: Option<(u8, u8)>,
    /// Templates whose rules hold as well.
    pub includes: Vec<String>,
    /// Of the included rules only those that score, mark or warn.
    pub includes_soft_only: bool,
    /// Templates that are claimed with this one.
    pub implies: Vec<String>,
    pub needs: Vec<Need>,
    /// No deficit of energy, no score for losing weight.
    pub no_weight_loss: bool,
    /// No energy, no weight, no share of a day is scored or pointed out.
    pub no_numbers: bool,
    /// Diets that are not applied beside it (`DQ_PROFILE_CONFLICT`).
    pub blocks_diets: Vec<Diet>,
    /// What a label cannot show, and what was made of it.
    pub note: Option<String>,
    pub rules: RuleSet,
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
    /// Diets that are not applied beside it (`DQ_PROFILE_CONFLICT`).
    pub blocks_diets: Vec<Diet>,
    /// Goals that are not scored beside it (`DQ_PROFILE_CONFLICT`).
    pub blocks_goals: Vec<String>,
    pub note: Option<String>,
    pub rules: RuleSet,
}

/// Names that stand for any of several templates, interactions or drugs in the scope of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateGroup {
    pub id: String,
    pub of: Vec<String>,
}

/// Two things that contradict each other in one profile; the sentence says which rule was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConflictRule {
    pub between: (String, String),
    pub sentence: String,
    pub source: RuleRef,
}

/// The limits that hold for everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuidelineRules {
    pub guideline: Guideline,
    pub label: String,
    pub rules: RuleSet,
}

/// Shares of energy that a diet should keep within, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MacroRange {
    pub ages: (u8, u8),
    pub carbohydrate: (u8, u8),
    pub protein: (u8, u8),
    pub fat: (u8, u8),
}

/// Goals by age and sex. Amounts in µg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    pub nutrient: Nutrient,
    pub is_minimum: bool,
    pub rows: Vec<IntakeRow>,
    /// In pregnancy, 19 to 50 years.
    pub pregnant: Option<i64>,
    /// In lactation, 19 to 50 years.
    pub lactating: Option<i64>,
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

/// What a person with one allergy may react to as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CrossReaction {
    /// As written: `tree_nut`, `class.insect`.
    pub subject: String,
    pub keys: KeySet,
    /// Excludes unless overridden, rather than warns.
    pub excludes: bool,
    pub source: RuleRef,
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
    /// Equations of the estimated energy requirement.
    pub equations: Vec<EerEquation>,
    /// kcal for the growth of children, by age: (ages, female, male).
    pub growth: Vec<((u8, u8), i64, i64)>,
    /// kcal stored in the second and third trimester, by class of the body mass index before the pregnancy:
    /// underweight, healthy, overweight, obesity.
    pub deposition_kcal: [i64; 4],
    /// kcal for lactation; the lower of the two figures for its halves, since the month is not known.
    pub lactation_kcal: i64,
}

/// Whom an equation of the estimated energy requirement holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EerGroup {
    Men,
    Women,
    Boys,
    Girls,
    Pregnant,
}

/// `constant + age × years + height × cm + weight × kg + gestation × weeks`, in hundredths of a kcal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EerEquation {
    pub group: EerGroup,
    /// 0 inactive, 1 low active, 2 active, 3 very active.
    pub activity: usize,
    pub constant: i64,
    pub age: i64,
    pub height: i64,
    pub weight: i64,
    pub gestation: i64,
}

/// Figures of the fit components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct FitFigures {
    pub snack_percent: i64,
    pub main_dish_percent: i64,
    pub meal_percent: i64,
    pub macro_from_kcal: i64,
}

/// What the grades of profile models are worth, 0 to 1,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFigures {
    /// Nutri-Score A to E.
    pub nutri_score: [u16; 5],
    /// NOVA 1 to 4.
    pub nova: [u16; 4],
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
    /// Amounts not to go above in a day, whatever a target says.
    pub upper_levels: BTreeMap<Nutrient, i64>,
    pub macro_ranges: Vec<MacroRange>,
    pub guidelines: Vec<GuidelineRules>,
    pub states: Vec<StateGroup>,
    pub conflicts: Vec<ConflictRule>,
    pub conditions: Vec<ConditionTemplate>,
    /// SNOMED codes that say "no known allergy".
    pub negations: Vec<String>,
    pub interactions: Vec<Interaction>,
    pub not_affected: Vec<Drug>,
    pub cross_reactions: BTreeMap<String, Vec<CrossReaction>>,
    /// Allergies to what is no food (latex, birch pollen): they gate nothing and warn of foods.
    pub airborne: Vec<String>,
    pub diets: DietTable,
    pub goals: Vec<Goal>,
    pub fit: FitFigures,
    pub models: ModelFigures,
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

    /// The limits that hold for everybody under the guideline a person chose.
    pub fn guideline(&self, chosen: Option<Guideline>) -> Option<&GuidelineRules> {
        let chosen = chosen.unwrap_or(Guideline::Dga2020);
        self.guidelines.iter().find(|g| g.guideline == chosen)
    }

    pub fn goal(&self, id: &str) -> Option<&Goal> {
        self.goals.iter().find(|g| g.id == id)
    }

    /// Every set of rules with its owner, in the order of the files.
    pub fn rule_sets(&self) -> impl Iterator<Item = (&str, &RuleSet)> {
        (self.guidelines.iter().map(|g| (g.guideline.as_str(), &g.rules)))
            .chain(self.conditions.iter().map(|c| (c.id.as_str(), &c.rules)))
            .chain(self.interactions.iter().map(|i| (i.id.as_str(), &i.rules)))
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
