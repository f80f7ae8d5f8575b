//! A profile compiled once per request: gates, cautions, warnings and the parts of the score.
//!
//! Owns: no table. Promises: the strictest of several rules wins in whatever order they stand; two
//! profiles that mean the same have the same digest; a target never becomes a ceiling; what cannot be
//! mapped blocks or is named in `not_considered`. Never: looks at a product.

mod compile;
mod gates;
mod scoring;
#[cfg(test)]
mod tests;

use chrono::NaiveDate;
use odyssey_types::{HealthProfile, Nutrient, ProductId};
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    AmountTest, Basis, Blocked, FitFigures, InteractionCheck, NotConsidered, Notice, RulePack, RuleRef,
    ScoringPolicy,
};
use crate::{Diet, KeySet};

pub use gates::{Action, AmountGate, ClassGate, DietGate, Gate, KeyActions, KeyGate, Severity};
pub use scoring::{Component, Part, Preferences};

/// Version of the decisions and the score: raised with every change of behaviour.
pub const ALGORITHM_VERSION: &str = "2";

/// One of a closed list of texts. An alias, since what is read back is one of ours and borrows nothing.
pub type Code = &'static str;

/// What a policy is compiled from.
#[derive(Debug, Clone, Copy)]
pub struct PolicyInput<'a> {
    pub profile: &'a HealthProfile,
    /// From the birth date; the profile's own age counts where there is none.
    pub age_years: Option<u8>,
    /// The day the answer is for.
    pub as_of: NaiveDate,
    /// Products the customer never wants to see.
    pub never_list: &'a [ProductId],
    /// Products whose soft terms and preference gates are lifted.
    pub allow_list: &'a [ProductId],
    pub vendor_policy: ScoringPolicy,
    /// The vendor's limit: labels of an earlier day, or of none, prove nothing. `None`: no limit.
    pub label_oldest: Option<NaiveDate>,
}

/// What holds where the reference amount is assumed to be 100 g or ml.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assumed {
    /// Makes no difference.
    Ignore,
    /// Counts as unknown.
    Unknown,
    /// At most a caution up to this amount (a fifth of the cap, which holds for any serving up to
    /// 250 g), unverified above.
    PassUpTo(i64),
}

/// A soft cap of which one reference amount uses too much, or an amount that is marked red: tier 2.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AmountCaution {
    /// `WN_CAP_…` above a half, `WN_RED_…` above a red mark.
    pub code: String,
    pub nutrient: Nutrient,
    pub basis: Basis,
    /// Fires above this; µg (energy: J) per reference amount or per 100.
    pub above: i64,
    /// The same where the reference amount is assumed.
    pub assumed_above: i64,
    /// The day's limit it is a share of; `None` for a mark on one product.
    pub limit: Option<i64>,
    pub rule: RuleRef,
}

/// A class, a cross-reacting allergen or an amount that is worth a caution: tier 2.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClassWarning {
    pub code: String,
    /// What it is about: `class.alcohol`, `tree_nut`; the interaction for a drug.
    pub subject: String,
    /// The drugs on record, where it is an interaction.
    pub drug: Option<String>,
    /// What is meant, in a sentence.
    pub about: String,
    pub advice: Option<String>,
    /// Any of these is contained; empty: every product that passes the rest.
    pub keys: KeySet,
    pub drinks_only: bool,
    /// With keys an unknown amount passes; without, it does not.
    pub test: Option<AmountTest>,
    pub rule: RuleRef,
}

/// The compiled policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    #[serde(deserialize_with = "same_algorithm")]
    pub algorithm_version: Code,
    pub pack_version: String,
    pub pack_digest: String,
    /// In the fixed order of the funnel.
    pub gates: Vec<Gate>,
    pub cautions: Vec<AmountCaution>,
    pub warnings: Vec<ClassWarning>,
    /// Sorted by code; weights in thousandths.
    pub parts: Vec<Part>,
    pub preferences: Preferences,
    pub fit: FitFigures,
    /// Sorted.
    pub never_list: Vec<ProductId>,
    /// Sorted.
    pub allow_list: Vec<ProductId>,
    /// Not empty: nothing is ranked (`DQ_PROFILE_UNSAFE`).
    pub blocked: Vec<Blocked>,
    /// On record, but looked at by no rule.
    pub not_considered: Vec<NotConsidered>,
    /// What is to be said once beside the whole answer: contradictions of the profile, advice on drugs.
    pub notices: Vec<Notice>,
    /// The known interactions that were checked, for each drug on record.
    pub interactions_checked: Vec<InteractionCheck>,
    /// Labels of an earlier day, or of none, prove nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_oldest: Option<NaiveDate>,
    /// The day the answer is for. No part of the digest: answers are cached by it separately.
    #[serde(skip)]
    pub as_of: NaiveDate,
}

impl Policy {
    /// Compiles what `input` asks for with the figures of `pack`.
    pub fn compile(input: &PolicyInput<'_>, pack: &RulePack) -> Self {
        compile::compile(input, pack, true)
    }

    /// The same without the parts of the score and without likes: everything that decides a tier, and
    /// nothing else. For judging many customers by one product; its digest is that of no answer.
    pub fn compile_gates(input: &PolicyInput<'_>, pack: &RulePack) -> Self {
        compile::compile(input, pack, false)
    }

    /// SHA-256, in hex, over the policy's canonical bytes: its own fields as JSON, lists sorted.
    pub fn digest(&self) -> String {
        // Integers, strings and closed enums always have a JSON form.
        let bytes = serde_json::to_vec(self).expect("a policy has no map with keys that are not text");
        crate::engine::hex(&Sha256::digest(&bytes))
    }

    pub fn is_blocked(&self) -> bool {
        !self.blocked.is_empty()
    }

    /// Whether a label of that day is too old to prove anything.
    pub fn is_stale(&self, label_as_of: Option<NaiveDate>) -> bool {
        self.label_oldest.is_some_and(|oldest| label_as_of.is_none_or(|day| day < oldest))
    }

    pub(crate) fn lists_never(&self, id: ProductId) -> bool {
        self.never_list.binary_search(&id).is_ok()
    }

    pub(crate) fn lists_allowed(&self, id: ProductId) -> bool {
        self.allow_list.binary_search(&id).is_ok()
    }
}

impl Gate {
    /// Whether it decides the same, whatever version of whose rules it comes from.
    pub fn decides_like(&self, other: &Self) -> bool {
        let (mut this, mut that) = (self.clone(), other.clone());
        this.rule_mut().clone_from(that.rule_mut());
        this == that
    }

    const fn rule_mut(&mut self) -> &mut RuleRef {
        match self {
            Self::Keys(gate) => &mut gate.rule,
            Self::Class(gate) => &mut gate.rule,
            Self::Diet(gate) => &mut gate.rule,
            Self::Amount(gate) => &mut gate.rule,
        }
    }
}

/// A policy of another algorithm is judged by the program that has it, and by no other.
fn same_algorithm<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static str, D::Error> {
    let version = String::deserialize(deserializer)?;
    if version == ALGORITHM_VERSION {
        return Ok(ALGORITHM_VERSION);
    }
    Err(de::Error::custom(format!("algorithm {version}; this program has algorithm {ALGORITHM_VERSION}")))
}

/// The codes of gates are a closed list.
fn deserialize_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static str, D::Error> {
    const CODES: [&str; 6] =
        ["HX_CONDITION_INGREDIENT", "HX_DRUG", "HX_PREGNANCY", "HX_AGE", "HX_LIMIT", "HX_CONDITION_NUTRIENT"];
    let code = String::deserialize(deserializer)?;
    let known = CODES.into_iter().find(|known| *known == code);
    known.ok_or_else(|| de::Error::custom(format!("`{code}` is no code of a gate")))
}

fn deserialize_diet<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Diet, D::Error> {
    let code = String::deserialize(deserializer)?;
    Diet::from_code(&code).ok_or_else(|| de::Error::custom(format!("`{code}` is not a diet")))
}

pub(crate) fn serialize_diet<S: serde::Serializer>(diet: &Diet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(diet.code())
}
