//! The rules of a pack: what a template, an interaction or a guideline asks of products.

use std::collections::BTreeSet;

use odyssey_types::Nutrient;
use serde::Serialize;

use super::RuleRef;
use crate::KeySet;

/// Names of what holds for a person: claimed templates, touched interactions, `drug.` and a drug's name,
/// and the groups of the pack's `[[state]]` entries.
pub type States = BTreeSet<String>;

/// When a rule holds. Empty lists ask nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scope {
    /// At least one of these.
    pub when: Vec<String>,
    /// None of these.
    pub unless: Vec<String>,
    /// At least one of these drugs, by name.
    pub drugs: Vec<String>,
    /// Ages in years, inclusive. An unknown age counts as adult.
    pub ages: (u8, u8),
}

/// The age that stands for an unknown one: the rules of adults are those that always hold.
pub(crate) const UNKNOWN_AGE_YEARS: u8 = 30;

impl Scope {
    /// Holds for everybody.
    pub const fn always() -> Self {
        Self { when: Vec::new(), unless: Vec::new(), drugs: Vec::new(), ages: (0, u8::MAX) }
    }

    pub fn holds(&self, states: &States, age_years: Option<u8>) -> bool {
        let age = age_years.unwrap_or(UNKNOWN_AGE_YEARS);
        (self.when.is_empty() || self.when.iter().any(|s| states.contains(s)))
            && !self.unless.iter().any(|s| states.contains(s))
            && (self.drugs.is_empty() || self.drugs.iter().any(|d| states.contains(&format!("drug.{d}"))))
            && (self.ages.0..=self.ages.1).contains(&age)
    }
}

/// An amount per day: fixed, or following from the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DailyAmount {
    /// µg (energy: J).
    Fixed(i64),
    /// Tenths of a percent of the day's energy; of a nutrient whose grams carry `kcal_per_gram`.
    EnergyShare { tenths_percent: i64, kcal_per_gram: i64 },
    /// µg per 1,000 kcal.
    PerThousandKcal(i64),
    /// µg (energy: J) per kg of body weight.
    PerKilogram(i64),
    /// The person's own goal by age, sex and reproductive state.
    Intake,
}

impl DailyAmount {
    pub const fn depends_on_energy(self) -> bool {
        matches!(self, Self::EnergyShare { .. } | Self::PerThousandKcal(_))
    }
}

/// A ceiling for a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CapRule {
    pub nutrient: Nutrient,
    pub amount: DailyAmount,
    /// What would be better still; shown, not scored. µg.
    pub ideal: Option<i64>,
    /// One reference amount above half of the cap excludes (`HARD?`, so it can be overridden); unknown is not verified.
    pub star: bool,
    /// An unknown amount does not matter where these keys are known to be absent.
    #[serde(skip_serializing_if = "no_keys")]
    pub absent_lifts: KeySet,
    /// A share above this is marked red, which is a caution. Basis points.
    pub red_above_bp: Option<u32>,
    pub scope: Scope,
    pub source: RuleRef,
}

pub(crate) const fn no_keys(keys: &KeySet) -> bool {
    keys.is_empty()
}

/// Something to reach in a day. Inactive when unreviewed, because it could only raise scores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetRule {
    pub nutrient: Nutrient,
    pub amount: DailyAmount,
    pub active: bool,
    pub scope: Scope,
    pub source: RuleRef,
}

/// The least a day should bring; shown, never a reason to exclude a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MinimumRule {
    pub nutrient: Nutrient,
    pub amount: DailyAmount,
    pub scope: Scope,
    pub source: RuleRef,
}

/// A nutrient that has to be stated before a product can be verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequireRule {
    pub nutrient: Nutrient,
    pub scope: Scope,
    pub source: RuleRef,
}

/// How hard a gate on ingredients is: its row in the table of reference 8.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    Celiac,
    /// PKU, galactosaemia, HFI, G6PD.
    Metabolic,
    Allergy,
    /// HARD for a drug.
    Drug,
    /// HARD for a condition or an age.
    Condition,
    /// `HARD?`: excludes unless a stored override says otherwise.
    Overridable,
}

impl GateKind {
    /// Whether an override may let the whole gate through.
    pub const fn is_overridable(self) -> bool {
        matches!(self, Self::Overridable)
    }

    /// Whether an override may let precautionary statements through (reference 8.2: clinician opt-in).
    pub const fn may_let_traces_through(self) -> bool {
        matches!(self, Self::Celiac | Self::Metabolic)
    }
}

/// Ingredients to keep out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GateRule {
    pub kind: GateKind,
    /// `HX_CONDITION_INGREDIENT`, `HX_DRUG`, `HX_PREGNANCY`, `HX_AGE`.
    pub code: &'static str,
    /// The codes the rule was written with; gates on allergens take their name from the first.
    pub subjects: Vec<String>,
    pub keys: KeySet,
    /// What is meant, in a sentence: "raw or unpasteurised foods".
    pub about: String,
    /// Terms whose source is not stated exclude as well, whatever the row of the table says.
    pub ambiguous_excludes: bool,
    /// Precautionary statements are a caution, whatever the row of the table says.
    pub traces_caution: bool,
    /// What to know beside it, in words.
    pub advice: Option<String>,
    pub scope: Scope,
    pub source: RuleRef,
}

/// What an amount is counted per.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    Reference,
    #[serde(rename = "per_100")]
    Per100,
}

/// What an amount that is not stated does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownAmount {
    /// Nothing: what is excluded is a rare excess that labels state.
    Pass,
    Unverified,
    Exclude,
}

/// A limit on one product, not on the day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServingRule {
    pub nutrient: Nutrient,
    pub basis: Basis,
    /// Excludes above this (`HARD?`); µg (energy: J).
    pub exclude_above: Option<i64>,
    /// Marked red above this; µg (energy: J).
    pub mark_above: Option<i64>,
    /// With `exclude_above` only.
    pub unknown: UnknownAmount,
    /// A limit of the person's own on the nutrient takes its place: the prescription.
    pub replaced_by_limit: bool,
    pub scope: Scope,
    pub source: RuleRef,
}

/// A test of an amount beside, or instead of, an ingredient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AmountTest {
    /// At least this per reference amount; µg (energy: J).
    AtLeast { nutrient: Nutrient, amount: i64 },
    /// Fat carries more than this share of the energy, in percent.
    FatAbovePercentOfEnergy { percent: i64 },
}

/// Something that is worth a caution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WarningRule {
    pub code: String,
    /// The codes the rule was written with.
    pub subjects: Vec<String>,
    /// Any of these; empty: every product that passes the rest.
    pub keys: KeySet,
    /// Only products measured in millilitres.
    pub drinks_only: bool,
    /// With keys an unknown amount passes the test; without, it does not.
    pub test: Option<AmountTest>,
    /// What is meant, in a sentence.
    pub about: String,
    pub advice: Option<String>,
    pub scope: Scope,
    pub source: RuleRef,
}

/// Something to say once beside the whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeRule {
    pub code: String,
    pub sentence: String,
    /// Only where one of these diets is kept or preferred; empty: always.
    pub diets: Vec<String>,
    pub scope: Scope,
    pub source: RuleRef,
}

/// Everything a template, an interaction or a guideline asks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RuleSet {
    pub caps: Vec<CapRule>,
    pub targets: Vec<TargetRule>,
    pub minimums: Vec<MinimumRule>,
    pub requires: Vec<RequireRule>,
    pub gates: Vec<GateRule>,
    pub servings: Vec<ServingRule>,
    pub warnings: Vec<WarningRule>,
    pub notices: Vec<NoticeRule>,
}

impl RuleSet {
    /// Every rule's reference and scope, in the order of the kinds.
    pub fn refs(&self) -> impl Iterator<Item = (&RuleRef, &Scope)> {
        (self.caps.iter().map(|r| (&r.source, &r.scope)))
            .chain(self.targets.iter().map(|r| (&r.source, &r.scope)))
            .chain(self.minimums.iter().map(|r| (&r.source, &r.scope)))
            .chain(self.requires.iter().map(|r| (&r.source, &r.scope)))
            .chain(self.gates.iter().map(|r| (&r.source, &r.scope)))
            .chain(self.servings.iter().map(|r| (&r.source, &r.scope)))
            .chain(self.warnings.iter().map(|r| (&r.source, &r.scope)))
            .chain(self.notices.iter().map(|r| (&r.source, &r.scope)))
    }

    pub fn is_empty(&self) -> bool {
        self.refs().next().is_none()
    }
}
