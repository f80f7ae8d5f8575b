//! MedicationStatement and MedicationRequest: what is taken now (reference 9).
//!
//! There is no table from a product to its ingredients, so a drug is known by an ingredient's code, or by
//! its name standing as words in a display.

use chrono::Days;
use odyssey_types::MedicationEntry;

use super::codes::{System, has_words, shorten};
use super::dates::last_day;
use super::draft::{Draft, Place};
use super::model::{Concept, Medication, MedicationUse};
use super::{Change, Line, LineStatus, Note, Reason};
use crate::{Drug, RulePack};

/// Irreversible MAO inhibitors: they act on after the last dose.
const WASH_OUT_DRUGS: [&str; 3] = ["phenelzine", "tranylcypromine", "isocarboxazid"];
/// How long they do, in days.
const WASH_OUT_DAYS: u64 = 14;

/// Reads one statement or request into one line.
pub(super) fn read(draft: &mut Draft<'_>, place: Place) {
    let Ok(medication) = serde_json::from_value::<MedicationUse>(draft.value(place).clone()) else {
        return draft.unreadable(place);
    };
    let mut line = draft.line(place);
    if draft.is_about_another(place, medication.subject.as_ref(), &mut line.notes) {
        return draft.settle(line, LineStatus::Ignored, Reason::OtherPatient);
    }
    if draft.has_unknown_modifier(place) {
        line.notes.push(Note::ModifierIgnored);
    }
    let Some(concepts) = concepts_of(draft, place, &medication) else {
        return draft.settle(line, LineStatus::Unusable, Reason::ReferenceUnresolved);
    };
    line.codes = concepts.iter().flat_map(Concept::shown).collect();
    line.text = concepts.iter().find_map(Concept::name);
    if let Some(reason) = not_taken(draft, &medication, &concepts, &mut line.notes) {
        return draft.settle(line, LineStatus::Ignored, reason);
    }
    let entries = entries_of(&concepts, draft.pack);
    if entries.is_empty() {
        return draft.settle(line, LineStatus::Unusable, Reason::ResourceEmpty);
    }
    settle(draft, line, entries);
}

fn settle(draft: &mut Draft<'_>, mut line: Line, entries: Vec<(MedicationEntry, bool)>) {
    let known = entries.iter().any(|(_, known)| *known);
    if !entries.iter().all(|(_, known)| *known) {
        line.notes.push(Note::DrugUnrecognised);
    }
    line.proposes = entries.into_iter().map(|(entry, _)| Change::Medications(entry)).collect();
    if known {
        draft.settle(line, LineStatus::Mapped, Reason::Coded);
    } else {
        draft.settle(line, LineStatus::Unmapped, Reason::NoRule);
    }
}

/// What is taken: its own code, or the medication referred to and its ingredients.
fn concepts_of(draft: &Draft<'_>, place: Place, medication: &MedicationUse) -> Option<Vec<Concept>> {
    if let Some(concept) = &medication.medication_codeable_concept {
        return Some(vec![concept.clone()]);
    }
    let reference = medication.medication_reference.as_ref()?;
    let found = reference.reference.as_deref().and_then(|r| draft.bundle.resolve(place.0, r));
    let Some(at) = found else {
        // Its name is all there is.
        let name = reference.display.clone()?;
        return Some(vec![Concept { coding: Vec::new(), text: Some(name) }]);
    };
    let found: Medication = serde_json::from_value(draft.value(Place(at)).clone()).ok()?;
    let ingredients = found.ingredient.iter().filter_map(|ingredient| {
        ingredient.item_codeable_concept.clone().or_else(|| {
            let reference = ingredient.item_reference.as_ref()?.reference.as_deref()?;
            let at = draft.bundle.resolve(at, reference)?;
            let inner: Medication = serde_json::from_value(draft.value(Place(at)).clone()).ok()?;
            inner.code
        })
    });
    let concepts: Vec<Concept> = found.code.clone().into_iter().chain(ingredients).collect();
    (!concepts.is_empty()).then_some(concepts)
}

/// Why it is not taken now. A status that is missing or unknown is taken as active.
fn not_taken(
    draft: &Draft<'_>,
    medication: &MedicationUse,
    concepts: &[Concept],
    notes: &mut Vec<Note>,
) -> Option<Reason> {
    if medication.do_not_perform == Some(true)
        || matches!(medication.intent.as_deref(), Some("proposal" | "plan" | "option"))
    {
        return Some(Reason::NotAnOrder);
    }
    let end = medication.effective_period.as_ref().and_then(|p| p.end.as_deref());
    let end = end.and_then(last_day);
    let ended = end.is_some_and(|end| end < draft.as_of);
    let reason = match medication.status.as_deref() {
        Some("entered-in-error") => return Some(Reason::EnteredInError),
        Some("active" | "intended") if ended => Reason::Over,
        Some("active" | "intended") => return None,
        Some("completed" | "stopped" | "cancelled" | "not-taken" | "on-hold" | "draft") => {
            Reason::StatusNotCurrent
        }
        Some(_) | None => {
            notes.push(Note::StatusMissing);
            return None;
        }
    };
    let stopped = matches!(medication.status.as_deref(), Some("active" | "completed" | "stopped"));
    let acts_on = concepts
        .iter()
        .any(|c| c.texts().any(|text| WASH_OUT_DRUGS.iter().any(|drug| has_words(text, drug))));
    let long_ago = end
        .and_then(|end| end.checked_add_days(Days::new(WASH_OUT_DAYS)))
        .is_some_and(|acts_until| acts_until < draft.as_of);
    if stopped && acts_on && !long_ago {
        notes.push(Note::WashOut);
        return None;
    }
    Some(reason)
}

/// An entry for each concept, and whether a drug of ours is recognised in it.
fn entries_of(concepts: &[Concept], pack: &RulePack) -> Vec<(MedicationEntry, bool)> {
    let mut entries: Vec<(MedicationEntry, bool)> = Vec::new();
    for concept in concepts {
        let rxnorm: Vec<&str> = concept
            .codings()
            .filter(|(system, ..)| *system == System::RxNorm)
            .map(|(_, code, _)| code)
            .collect();
        let name = concept.texts().next().map(shorten);
        let drug = drugs_of(pack).find(|drug| {
            let coded = drug.rxcui.as_deref().is_some_and(|cui| rxnorm.contains(&cui));
            coded || concept.texts().any(|text| has_words(text, &drug.name))
        });
        // The ingredient's own code where it was sent; else the product's, which still names it.
        let own = drug.and_then(|d| d.rxcui.as_deref()).filter(|cui| rxnorm.contains(cui));
        let rxnorm = own.or_else(|| rxnorm.first().copied()).map(shorten);
        // The engine looks for the drug's name among the words, so the text that has it must be kept.
        let name = drug
            .and_then(|d| concept.texts().find(|text| has_words(text, &d.name)).map(shorten))
            .or(name)
            .or_else(|| concept.name());
        if rxnorm.is_none() && name.is_none() {
            continue;
        }
        let entry = MedicationEntry { rxnorm, name };
        if !entries.iter().any(|(known, _)| *known == entry) {
            entries.push((entry, drug.is_some()));
        }
    }
    entries
}

/// Every drug that a rule names, those without an effect among them.
fn drugs_of(pack: &RulePack) -> impl Iterator<Item = &Drug> {
    pack.interactions.iter().flat_map(|interaction| &interaction.drugs).chain(&pack.not_affected)
}
