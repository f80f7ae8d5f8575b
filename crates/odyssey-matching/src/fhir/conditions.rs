//! Condition: which template of ours its codes claim; one that records a food allergy is one (reference 3.1).

use odyssey_types::{AllergySeverity, CodeSystem, ConditionEntry, HealthProfile};

use super::allergies::{self, Food, Resolved};
use super::codes::{System, shorten};
use super::draft::{Draft, Place};
use super::model::{Concept, Condition};
use super::{Change, Line, LineStatus, Note, Reason};
use crate::{AllergyCodeSystem, RulePack, resolve_conditions};

/// Templates that stand for an allergy to a food and nothing else: the allergy says it all, and once a person
/// has mapped it nothing of them is left to block.
const ALLERGY_TEMPLATES: [&str; 3] = ["food_allergy", "fpies", "wheat_allergy"];

/// Parts of the words for an allergy.
const ALLERGY_WORDS: [&str; 4] = ["allerg", "anaphyla", "alergi", "hypersensitiv"];

/// Reads one Condition into one line.
pub(super) fn read(draft: &mut Draft<'_>, place: Place) {
    let Ok(condition) = serde_json::from_value::<Condition>(draft.value(place).clone()) else {
        return draft.unreadable(place);
    };
    let concept = condition.code.clone().unwrap_or_default();
    let mut line = draft.line(place);
    line.codes = concept.shown();
    line.text = concept.name();
    if draft.is_about_another(place, condition.subject.as_ref(), &mut line.notes) {
        return draft.settle(line, LineStatus::Ignored, Reason::OtherPatient);
    }
    if let Some(reason) = not_so(&condition, &mut line.notes) {
        return draft.settle(line, LineStatus::Ignored, reason);
    }
    let allergy = as_allergy(&concept);
    if draft.has_unknown_modifier(place) {
        line.notes.push(Note::ModifierIgnored);
    }
    if let Some(resolved) = allergy {
        return settle_allergy(draft, line, &concept, resolved);
    }
    settle_condition(draft, line, &concept);
}

fn settle_condition(draft: &mut Draft<'_>, mut line: Line, concept: &Concept) {
    match entries_of(concept, draft.pack, &[]) {
        Entries::Negation => draft.settle(line, LineStatus::Ignored, Reason::Negation),
        Entries::Claimed(entries) => {
            line.proposes = entries.into_iter().map(Change::Conditions).collect();
            draft.settle(line, LineStatus::Mapped, Reason::Coded);
        }
        Entries::Unclaimed(entry) => {
            line.proposes = vec![Change::Conditions(entry)];
            draft.settle(line, LineStatus::Unmapped, Reason::NoRule);
        }
        Entries::Words => match line.text.clone() {
            Some(text) => {
                line.proposes = vec![Change::Conditions(text_entry(&text))];
                draft.settle(line, LineStatus::Unmapped, Reason::TextOnly);
            }
            None => draft.settle(line, LineStatus::Unusable, Reason::ResourceEmpty),
        },
    }
}

/// A condition in words, which blocks matching until somebody maps it.
pub(super) fn text_entry(text: &str) -> ConditionEntry {
    ConditionEntry { system: CodeSystem::Text, code: text.to_owned(), display: None }
}

/// The allergy to a food that a diagnosis records: by its codes, or by words that say "allergy". Other words of a
/// diagnosis name foods for many reasons.
fn as_allergy(concept: &Concept) -> Option<Resolved> {
    coded_allergy(concept).or_else(|| worded_allergy(concept))
}

/// "Peanut allergy", "allergic to shellfish", "anaphylaxis due to egg". With a code beside it ("allergic rhinitis"),
/// only what names a food of ours; in words alone also what we do not understand.
fn worded_allergy(concept: &Concept) -> Option<Resolved> {
    let text = concept.name()?;
    let says = text.to_lowercase();
    if !ALLERGY_WORDS.iter().any(|word| says.contains(word)) {
        return None;
    }
    let is_coded = concept.codings().any(|(system, ..)| matches!(system, System::Icd10 | System::Snomed));
    let anaphylaxis = allergies::is_anaphylaxis(&text).then_some(AllergySeverity::Anaphylaxis);
    let mut resolved = allergies::resolve(&Concept { coding: Vec::new(), text: Some(text) }, &[]);
    resolved.severity = resolved.severity.or(anaphylaxis);
    let counts = match resolved.food {
        Food::Allergens { .. } => true,
        Food::Unmapped(_) => !is_coded,
        Food::Other(_) | Food::Negation => false,
    };
    counts.then_some(resolved)
}

fn coded_allergy(concept: &Concept) -> Option<Resolved> {
    let coded: Vec<_> = concept
        .coding
        .iter()
        .filter(|c| allergies::allergy_system(System::of(c)).is_some_and(|s| s != AllergyCodeSystem::RxNorm))
        .cloned()
        .collect();
    let coded = Concept { coding: coded, text: None };
    let resolved = allergies::resolve(&coded, &[]);
    match &resolved.food {
        Food::Allergens { reason: Reason::Coded, .. } => Some(resolved),
        Food::Unmapped(Reason::GroupOnly | Reason::Contradicts) => Some(resolved),
        Food::Allergens { .. } | Food::Unmapped(_) | Food::Other(_) | Food::Negation => None,
    }
}

/// The allergy, and beside it the templates that the same codes claim: celiac disease by its finding, say.
fn settle_allergy(draft: &mut Draft<'_>, mut line: Line, concept: &Concept, resolved: Resolved) {
    line.notes.extend(resolved.notes);
    line.suggests.extend(resolved.suggests);
    let claimed = match entries_of(concept, draft.pack, &ALLERGY_TEMPLATES) {
        Entries::Claimed(entries) => entries.into_iter().map(Change::Conditions).collect(),
        _ => Vec::new(),
    };
    let text = line.text.clone();
    match resolved.food {
        Food::Allergens { allergens, reason } => {
            line.proposes = allergies::entries(&allergens, text.as_deref(), resolved.severity);
            line.proposes.extend(claimed);
            draft.settle(line, LineStatus::Mapped, reason);
        }
        Food::Unmapped(reason) => {
            line.proposes = vec![allergies::unmapped_entry(text.as_deref(), resolved.severity)];
            line.proposes.extend(claimed);
            draft.settle(line, LineStatus::Unmapped, reason);
        }
        Food::Other(_) | Food::Negation => settle_condition(draft, line, concept),
    }
}

/// Active, recurrence and relapse count; a missing status is taken as active.
fn not_so(condition: &Condition, notes: &mut Vec<Note>) -> Option<Reason> {
    if let Some(verification) = &condition.verification_status {
        if verification.says(&["entered-in-error"]) {
            return Some(Reason::EnteredInError);
        }
        if verification.says(&["refuted"]) {
            return Some(Reason::Refuted);
        }
        if verification.says(&["unconfirmed", "provisional", "differential"]) {
            notes.push(Note::Unconfirmed);
        }
    }
    match &condition.clinical_status {
        Some(status) if status.says(&["active", "recurrence", "relapse"]) => None,
        Some(status) if !status.coding.is_empty() => Some(Reason::NotActive),
        Some(_) | None => {
            notes.push(Note::StatusMissing);
            None
        }
    }
}

enum Entries {
    /// Each claims a template that the ones before do not.
    Claimed(Vec<ConditionEntry>),
    /// A code that no template claims.
    Unclaimed(ConditionEntry),
    Negation,
    /// No code of a system that we read.
    Words,
}

fn entries_of(concept: &Concept, pack: &RulePack, except: &[&str]) -> Entries {
    let (mut claimed, mut entries, mut first) = (Vec::<&str>::new(), Vec::new(), None);
    for (system, code, display) in concept.codings() {
        let system = match system {
            System::Icd10 => CodeSystem::Icd10Cm,
            System::Snomed => CodeSystem::Snomed,
            _ => continue,
        };
        if system == CodeSystem::Snomed && pack.negations.iter().any(|negation| negation == code) {
            return Entries::Negation;
        }
        let display = display.map(shorten).or_else(|| concept.name());
        let entry = ConditionEntry { system, code: shorten(code), display };
        let mut templates = templates_of(&entry, pack);
        templates.retain(|id| !claimed.contains(id) && !except.contains(id));
        if !templates.is_empty() {
            claimed.extend(templates);
            entries.push(entry.clone());
        }
        first.get_or_insert(entry);
    }
    match (entries.is_empty(), first) {
        (false, _) => Entries::Claimed(entries),
        (true, Some(first)) => Entries::Unclaimed(first),
        (true, None) => Entries::Words,
    }
}

/// Ids of the templates that an entry claims.
fn templates_of<'a>(entry: &ConditionEntry, pack: &'a RulePack) -> Vec<&'a str> {
    let one = HealthProfile { conditions: vec![entry.clone()], ..HealthProfile::default() };
    resolve_conditions(&one, pack).claimed.into_iter().map(|template| template.id.as_str()).collect()
}
