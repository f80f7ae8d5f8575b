//! What the deriver hands to the indices: figures, facts, and which words of the list are statements.

use odyssey_types::Nutrient;

use super::nutrients::NutrientFacts;
use super::statements::{Mode, Modes};
use super::text::Words;
use super::{Label, Tables};
use crate::facts::{EvidenceKey, Facts, Flag, QualityIssue, Truth};
use crate::indices::{self, IndexInput, Indices};

/// Byte ranges of the words that are no ingredients: precautions, claims, "contains: …".
pub(super) fn statements(words: &Words, modes: &Modes) -> Vec<(u32, u32)> {
    let stated = |at: &usize| modes.of(*at as u32, *at as u32 + 1) != Mode::List;
    (0..words.list.len()).filter(stated).map(|at| (words.list[at].start, words.list[at].end)).collect()
}

pub(super) fn derive(
    label: &Label<'_>,
    tables: &Tables,
    facts: &Facts,
    nutrients: &NutrientFacts,
    statements: &[(u32, u32)],
    issues: &mut Vec<QualityIssue>,
) -> Indices {
    let contains = |key| facts.flags_of(key).has(Flag::Contains);
    let input = IndexInput {
        fields: label.fields,
        nutrition: nutrients.nutrition.as_ref(),
        per_100: &facts.per_100,
        is_volume: facts.is_volume,
        serving: nutrients.serving,
        racc: nutrients.racc,
        reference_source: facts.reference_source,
        list_state: facts.list_state,
        coverage_permille: facts.coverage_permille,
        statements,
        added_sugar: added_sugar(facts),
        red_meat: contains(EvidenceKey::Meat) || contains(EvidenceKey::Pork),
        poultry: contains(EvidenceKey::Poultry),
        attested: facts.attested,
    };
    indices::derive(&input, &tables.indices, issues)
}

/// Whether sugar is added: named or declared, ruled out by a list that is read in full, or not known.
fn added_sugar(facts: &Facts) -> Truth {
    let key = EvidenceKey::AddedSugar;
    let declared = facts.per_100.get(Nutrient::AddedSugars);
    if facts.flags_of(key).has(Flag::Contains) || declared.is_some_and(|amount| amount > 0) {
        Truth::Yes
    } else if facts.flags_of(key).has(Flag::Ambiguous) || facts.is_incomplete(key, 1000) {
        Truth::Unknown
    } else {
        Truth::No
    }
}
