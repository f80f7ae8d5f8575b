//! Facts as JSON: codes instead of positions, and only what is known, so that a document outlives the order of
//! our tables.

use std::collections::BTreeMap;

use odyssey_types::{Nutrient, Nutrients};
use serde::{Deserialize, Serialize};

use crate::{
    DIET_COUNT, Diet, DietFact, EvidenceKey, Facts, Flag, Flags, Indices, KEY_COUNT, KeySet, ListState,
    ReferenceSource, Truth,
};

/// [`Facts`] by code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactsDocument {
    /// Flags by key; a key without any is left out.
    flags: BTreeMap<String, Vec<Flag>>,
    list_state: ListState,
    coverage_permille: u16,
    container_term: bool,
    mandatory: KeySet,
    attested: bool,
    /// By diet; one of which nothing is known is left out.
    diets: BTreeMap<String, DietFact>,
    /// By nutrient; µg, energy J.
    per_100: BTreeMap<Nutrient, i64>,
    per_reference: BTreeMap<Nutrient, i64>,
    reference_amount: i64,
    reference_source: ReferenceSource,
    is_volume: bool,
    indices: Indices,
}

/// A code that is none of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a code of these facts")]
pub struct UnknownCode(String);

const NOTHING: DietFact = DietFact { truth: Truth::Unknown, certified: false, precaution: false };

impl From<Facts> for FactsDocument {
    fn from(facts: Facts) -> Self {
        let flags_of = |key: &EvidenceKey| {
            let flags: Vec<Flag> =
                Flag::ALL.iter().copied().filter(|flag| facts.flags_of(*key).has(*flag)).collect();
            (!flags.is_empty()).then(|| (key.code().to_owned(), flags))
        };
        let diet = |diet: &Diet| {
            let fact = facts.diets[*diet as usize];
            (fact != NOTHING).then(|| (diet.code().to_owned(), fact))
        };
        Self {
            flags: EvidenceKey::ALL.iter().filter_map(flags_of).collect(),
            diets: Diet::ALL.iter().filter_map(diet).collect(),
            list_state: facts.list_state,
            coverage_permille: facts.coverage_permille,
            container_term: facts.container_term,
            mandatory: facts.mandatory,
            attested: facts.attested,
            per_100: facts.per_100.iter().collect(),
            per_reference: facts.per_reference.iter().collect(),
            reference_amount: facts.reference_amount,
            reference_source: facts.reference_source,
            is_volume: facts.is_volume,
            indices: facts.indices,
        }
    }
}

impl TryFrom<FactsDocument> for Facts {
    type Error = UnknownCode;

    fn try_from(document: FactsDocument) -> Result<Self, UnknownCode> {
        let mut flags = [Flags::NONE; KEY_COUNT];
        for (code, found) in document.flags {
            let key = EvidenceKey::from_code(&code).ok_or(UnknownCode(code))?;
            flags[key as usize] = found.into_iter().fold(Flags::NONE, Flags::with);
        }
        let mut diets = [NOTHING; DIET_COUNT];
        for (code, fact) in document.diets {
            let diet = Diet::from_code(&code).ok_or(UnknownCode(code))?;
            diets[diet as usize] = fact;
        }
        Ok(Self {
            flags,
            diets,
            list_state: document.list_state,
            coverage_permille: document.coverage_permille,
            container_term: document.container_term,
            mandatory: document.mandatory,
            attested: document.attested,
            per_100: amounts(&document.per_100),
            per_reference: amounts(&document.per_reference),
            reference_amount: document.reference_amount,
            reference_source: document.reference_source,
            is_volume: document.is_volume,
            indices: document.indices,
        })
    }
}

fn amounts(known: &BTreeMap<Nutrient, i64>) -> Nutrients {
    let mut amounts = Nutrients::default();
    for (nutrient, amount) in known {
        amounts.set(*nutrient, Some(*amount));
    }
    amounts
}
