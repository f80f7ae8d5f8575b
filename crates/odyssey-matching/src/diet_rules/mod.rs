//! Diets as data: what breaks each, what leaves it open and what proves it.
//!
//! Owns: `data/rules/diets.toml`. Promises: a table that loads has one rule for every [`Diet`], with a
//! source; a rule that is general knowledge only ever says "no" by itself, since a list proves a diet
//! only if the list of what it excludes is whole, and nobody has read a source for that. Emits:
//! nothing. Never: judges a label (that is `label::diets`) or a customer (that is the policy).

mod load;
mod raw;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use odyssey_types::Nutrient;

use crate::engine::{RuleRef, Severity};
use crate::facts::{Diet, EvidenceKey, KeySet};

pub use load::DietTableError;
pub(crate) use load::kcal_per_gram;

pub(crate) const EMBEDDED: &str = include_str!("../../data/rules/diets.toml");

/// How far an ingredient list proves a diet. In every case the list is complete and wholly recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListProof {
    Never,
    Complete,
    /// And holds no collective name: spices, natural flavor.
    NoContainer,
    /// A collective name only where the label is attested and must declare every excluded key.
    Declared,
}

/// How far the vendor's own word proves a diet, where nothing contradicts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TagProof {
    Never,
    Proves,
    /// Only beside a complete list that leaves none of the excluded keys in doubt.
    WithList,
    /// Only where nothing of `list_without` is there.
    Plants,
}

/// A bound on an amount in stored units (µg, energy J).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    AtMost(i64),
    Below(i64),
    AtLeast(i64),
}

/// A test on the nutrition of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NutrientTest {
    /// Per reference amount *and* per labelled serving; upper bounds of small reference amounts (30 g or
    /// ml, or less) also per 50 g or ml.
    Amount { nutrient: Nutrient, bound: Bound },
    /// Per 100 g, or per 100 ml.
    Density { nutrient: Nutrient, at_most_per_100_g: i64, at_most_per_100_ml: i64 },
    /// Energy of a macronutrient (4-4-9) below this percentage of all energy.
    EnergyShare { nutrient: Nutrient, below_percent: i64 },
    /// Little carbohydrate without fibre, much fat, in percent of energy.
    Ketogenic {
        net_carbohydrate_below_percent: i64,
        fat_at_least_percent: i64,
        /// Below this energy (J) per reference amount the shares say nothing.
        shares_from_joules: i64,
        /// µg per reference amount, where the shares say nothing.
        net_carbohydrate_below: i64,
    },
}

/// Terms of an excluded key that a diet allows all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    pub key: EvidenceKey,
    /// As written in the term tables.
    pub terms: Vec<String>,
}

/// What a medical use of the diet is a gate on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MedicalUse {
    /// An allergen code: `gluten`, `milk`.
    pub allergen: String,
    pub severity: Severity,
}

/// One diet's rule. The fields are explained at the head of `data/rules/diets.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DietRule {
    pub diet: Diet,
    pub excludes: KeySet,
    pub doubts: KeySet,
    pub list_without: KeySet,
    pub together: Vec<(KeySet, KeySet)>,
    /// Diets whose terms apply, the diet itself among them.
    pub terms: Vec<Diet>,
    pub exceptions: Vec<Exception>,
    pub tests: Vec<NutrientTest>,
    pub list: ListProof,
    pub tag: TagProof,
    pub certificate: bool,
    pub exempt_is_doubt: bool,
    pub process: bool,
    pub pattern: bool,
    pub free_of: KeySet,
    pub medical: Option<MedicalUse>,
    pub source: RuleRef,
}

impl DietRule {
    /// The keys whose evidence explains a verdict on the diet.
    pub const fn quoted(&self) -> KeySet {
        self.excludes.union(self.doubts).union(self.list_without)
    }

    /// Nothing but nutrition decides: no list, no word and no certificate is asked for.
    pub fn is_by_figures_alone(&self) -> bool {
        !self.tests.is_empty()
            && self.list == ListProof::Never
            && self.tag == TagProof::Never
            && !self.certificate
    }

    pub fn exception(&self, key: EvidenceKey) -> Option<&Exception> {
        self.exceptions.iter().find(|e| e.key == key)
    }
}

/// What a SNOMED CT diet code asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnomedDiet {
    pub code: String,
    /// The concept's name, to be compared with what the sender displays.
    pub display: String,
    /// `None` where we know the code, and no rule of ours computes it.
    pub meaning: Option<SnomedMeaning>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnomedMeaning {
    Diet(Diet),
    /// An allergen code to avoid.
    Allergen(String),
}

/// Every diet's rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DietTable {
    /// By the number of the diet.
    rules: Vec<DietRule>,
    /// By code.
    snomed: Vec<SnomedDiet>,
}

impl DietTable {
    /// The table that this build carries.
    pub fn embedded() -> &'static Self {
        static TABLE: OnceLock<DietTable> = OnceLock::new();
        TABLE.get_or_init(|| {
            Self::parse(EMBEDDED).expect("the embedded diets are a constant, and a test loads them")
        })
    }

    /// Reads and validates `diets.toml`.
    pub fn parse(text: &str) -> Result<Self, DietTableError> {
        load::load(text)
    }

    pub fn rule(&self, diet: Diet) -> &DietRule {
        &self.rules[diet as usize]
    }

    pub fn rules(&self) -> &[DietRule] {
        &self.rules
    }

    /// What a SNOMED CT diet code asks for; `None` for a code that is no diet of ours.
    pub fn snomed(&self, code: &str) -> Option<&SnomedDiet> {
        self.snomed.binary_search_by(|s| s.code.as_str().cmp(code)).ok().map(|at| &self.snomed[at])
    }

    pub fn snomed_codes(&self) -> &[SnomedDiet] {
        &self.snomed
    }
}

/// The diet that a SNOMED CT code of a nutrition order or a preference asks for. Codes that ask to avoid
/// an allergen, or that no rule of ours computes, have none: see [`DietTable::snomed`].
pub fn diet_of_snomed(code: &str) -> Option<Diet> {
    match DietTable::embedded().snomed(code)?.meaning {
        Some(SnomedMeaning::Diet(diet)) => Some(diet),
        _ => None,
    }
}
