//! AllergyIntolerance: to which food, how badly, or why it is no constraint (reference 4.4).

use odyssey_types::{AllergyEntry, AllergySeverity};
use serde_json::Value;

use super::codes::{System, has_words, shorten, words};
use super::draft::{Draft, Place};
use super::limits::CODINGS_MAX;
use super::model::{AllergyIntolerance, Concept};
use super::{Change, LineStatus, Note, Reason};
use crate::{AllergyCodeSystem, AllergyMapping, allergens_named_in, resolve_allergy_code};

/// SNOMED CT: anaphylaxis.
const ANAPHYLAXIS: &str = "39579001";
/// SNOMED CT: latex, as a substance and as an allergy. Cross-reacts with banana, avocado, kiwi and chestnut
/// (reference 4.5).
const LATEX: [&str; 2] = ["111088007", "300916003"];
/// SNOMED CT codes of no food, as synthetic records write them without a category: mould, house dust mite,
/// pollen of grass and trees, dander, bee venom, as substances and as allergies, and latex.
const NOT_FOOD: [&str; 15] = [
    "111088007",
    "300916003",
    "84489001",
    "419474003",
    "260147004",
    "232350006",
    "256277009",
    "418689008",
    "782576004",
    "419263009",
    "264287008",
    "232347008",
    "288328004",
    "424213003",
    "33396006",
];
/// Names of no food. What also names a food is not among them: pollen alone may be that of bees.
const NOT_FOOD_WORDS: [&str; 22] = [
    "latex",
    "mold",
    "mould",
    "dust mite",
    "dust mites",
    "house dust",
    "grass pollen",
    "tree pollen",
    "ragweed",
    "dander",
    "bee venom",
    "wasp venom",
    "bee sting",
    "nickel",
    "penicillin",
    "amoxicillin",
    "aspirin",
    "ibuprofen",
    "codeine",
    "sulfonamide",
    "adhesive",
    "contrast media",
];

/// What a concept says about food.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Food {
    /// Allergens of ours, sorted; how sure that is, is among the notes.
    Allergens {
        allergens: Vec<String>,
        reason: Reason,
    },
    Unmapped(Reason),
    /// Something that is no food.
    Other(Reason),
    Negation,
}

/// A concept, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolved {
    pub food: Food,
    pub severity: Option<AllergySeverity>,
    pub notes: Vec<Note>,
    pub suggests: Vec<String>,
}

/// What the codes of a concept amount to, all of them together.
#[derive(Default)]
struct Codes {
    allergens: Vec<String>,
    severity: Option<AllergySeverity>,
    group: bool,
    negation: bool,
    not_food: bool,
    drug: bool,
    /// A display names something that we do not understand, or there is more than is looked at.
    unsure: bool,
    notes: Vec<Note>,
}

/// The allergy code system that a coding is of, where we know its codes.
pub(super) fn allergy_system(system: System) -> Option<AllergyCodeSystem> {
    Some(match system {
        System::Snomed => AllergyCodeSystem::Snomed,
        System::Icd10 => AllergyCodeSystem::Icd10Cm,
        System::Unii => AllergyCodeSystem::Unii,
        System::RxNorm => AllergyCodeSystem::RxNorm,
        System::Loinc | System::Diet | System::Drugs | System::Other => return None,
    })
}

fn read_codes(concept: &Concept) -> Codes {
    let mut codes = Codes { unsure: concept.exceeds_limits(), ..Codes::default() };
    for (system, code, display) in concept.codings() {
        codes.drug |= matches!(system, System::RxNorm | System::Drugs);
        if system == System::Snomed && NOT_FOOD.contains(&code) {
            // The table of codes knows fewer; a display that names a food is still looked at.
            let named = display.map(allergens_named_in).unwrap_or_default();
            if named.is_empty() {
                codes.not_food = true;
                if LATEX.contains(&code) {
                    codes.notes.push(Note::CrossReacts);
                }
            } else {
                codes.notes.push(Note::DisplayMismatch);
                codes.allergens.extend(named);
            }
            continue;
        }
        let Some(system) = allergy_system(system) else { continue };
        match resolve_allergy_code(system, code, display) {
            AllergyMapping::Mapped { allergen, severity } => {
                codes.allergens.push(allergen);
                codes.severity = strictest(codes.severity, severity);
            }
            AllergyMapping::DisplayMismatch { allergens, severity, display_understood } => {
                codes.unsure |= allergens.is_empty() || !display_understood;
                codes.allergens.extend(allergens);
                codes.severity = strictest(codes.severity, severity);
                codes.notes.push(Note::DisplayMismatch);
            }
            AllergyMapping::GroupOnly => codes.group = true,
            AllergyMapping::Negation => codes.negation = true,
            AllergyMapping::NotFood => codes.not_food = true,
            AllergyMapping::Unmapped => {}
        }
    }
    codes.allergens.sort();
    codes.allergens.dedup();
    codes
}

/// What a concept says, by its codes, then by its words. `stated`: the categories on record.
pub(super) fn resolve(concept: &Concept, stated: &[String]) -> Resolved {
    let codes = read_codes(concept);
    let mut named: Vec<String> = concept.texts().flat_map(allergens_named_in).collect();
    named.sort();
    named.dedup();
    let is_food = stated.iter().any(|c| c == "food");
    let is_other = !is_food && stated.iter().any(|c| OTHER_CATEGORIES.contains(&c.as_str()));
    let mut notes = codes.notes;
    let unmapped = |reason| (Food::Unmapped(reason), named.clone());
    let (food, suggests) = if codes.unsure {
        // What the display says is lost on us, so the union may lack something.
        let mut all = codes.allergens.clone();
        all.extend(named.clone());
        all.sort();
        all.dedup();
        (Food::Unmapped(Reason::Contradicts), all)
    } else if !codes.allergens.is_empty() {
        if codes.negation || codes.not_food {
            notes.push(Note::DisplayMismatch);
        }
        (Food::Allergens { allergens: codes.allergens, reason: Reason::Coded }, Vec::new())
    } else if codes.group {
        unmapped(Reason::GroupOnly)
    } else if codes.negation || (named.is_empty() && concept.texts().any(says_no_known)) {
        // "No known allergy", and beside it the name of a food.
        if named.is_empty() { (Food::Negation, Vec::new()) } else { unmapped(Reason::Contradicts) }
    } else if codes.not_food {
        match (is_food, named.is_empty()) {
            (false, true) => (Food::Other(Reason::NotFoodByCode), Vec::new()),
            _ => unmapped(Reason::Contradicts),
        }
    } else if !named.is_empty() {
        notes.push(Note::FromWords);
        (Food::Allergens { allergens: named, reason: Reason::Worded }, Vec::new())
    } else if is_food {
        unmapped(Reason::FoodUnmapped)
    } else if is_other {
        (Food::Other(Reason::NotFoodByCategory), Vec::new())
    } else if codes.drug {
        (Food::Other(Reason::DrugByCode), Vec::new())
    } else if concept.texts().any(names_no_food) {
        (Food::Other(Reason::NotFoodByWords), Vec::new())
    } else {
        unmapped(Reason::KindUnstated)
    };
    notes.sort();
    notes.dedup();
    Resolved { food, severity: codes.severity, notes, suggests }
}

/// Categories of the standard that are no food.
const OTHER_CATEGORIES: [&str; 3] = ["medication", "environment", "biologic"];

/// "No known drug allergies", but not "no known allergies except to …".
fn says_no_known(text: &str) -> bool {
    const ABBREVIATIONS: [&str; 3] = ["nka", "nkda", "nkfa"];
    let words = words(text);
    if let [only] = words.as_slice() {
        return ABBREVIATIONS.contains(&only.as_str());
    }
    let begins = words.first().is_some_and(|w| w == "no") && words.get(1).is_some_and(|w| w == "known");
    let excepts = ["except", "but", "other", "than", "only", "besides"];
    begins
        && words.iter().any(|w| w.starts_with("allerg") || w.starts_with("intoleran"))
        && !words.iter().any(|w| excepts.contains(&w.as_str()))
}

fn names_no_food(text: &str) -> bool {
    NOT_FOOD_WORDS.iter().any(|phrase| has_words(text, phrase))
}

fn strictest(a: Option<AllergySeverity>, b: Option<AllergySeverity>) -> Option<AllergySeverity> {
    // From worst to least.
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Reads one AllergyIntolerance. Whatever it holds, it becomes exactly one line.
pub(super) fn read(draft: &mut Draft<'_>, place: Place) {
    let value = draft.value(place);
    let Ok(allergy) = serde_json::from_value::<AllergyIntolerance>(value.clone()) else {
        return unreadable(draft, place);
    };
    let concept = allergy.code.clone().unwrap_or_default();
    let mut line = draft.line(place);
    line.codes = concept.shown();
    line.text = concept.name();
    if draft.is_about_another(place, allergy.patient.as_ref(), &mut line.notes) {
        return draft.settle(line, LineStatus::Ignored, Reason::OtherPatient);
    }
    if draft.has_unknown_modifier(place) {
        line.notes.push(Note::ModifierIgnored);
    }
    if let Some(reason) = not_so(&allergy) {
        return draft.settle(line, LineStatus::Ignored, reason);
    }
    if allergy.verification_status.as_ref().is_some_and(|v| v.says(&["unconfirmed", "presumed"])) {
        line.notes.push(Note::Unconfirmed);
    }
    let resolved = resolve(&concept, &allergy.category);
    line.notes.extend(resolved.notes);
    line.suggests = resolved.suggests;
    let substances = allergy.reaction.iter().take(CODINGS_MAX).filter_map(|r| r.substance.as_ref());
    match resolved.food {
        Food::Negation => draft.settle(line, LineStatus::Ignored, Reason::Negation),
        Food::Other(reason) => draft.settle(line, LineStatus::NotFood, reason),
        Food::Allergens { allergens, reason } => {
            let severity = severity_of(&allergy, resolved.severity, &mut line.notes);
            line.proposes = entries(&allergens, line.text.as_deref(), severity);
            draft.settle(line, LineStatus::Mapped, reason);
        }
        Food::Unmapped(reason) => {
            line.suggests.extend(substances.flat_map(Concept::texts).flat_map(allergens_named_in));
            let severity = severity_of(&allergy, resolved.severity, &mut line.notes);
            line.proposes = vec![unmapped_entry(line.text.as_deref(), severity)];
            draft.settle(line, LineStatus::Unmapped, reason);
        }
    }
}

/// An allergy that cannot be read is still one: it is kept in whatever words it has.
fn unreadable(draft: &mut Draft<'_>, place: Place) {
    let mut line = draft.line(place);
    line.text = any_words(draft.value(place).get("code"));
    line.proposes = vec![unmapped_entry(line.text.as_deref(), None)];
    draft.settle(line, LineStatus::Unmapped, Reason::AllergyUnreadable);
}

/// The first text or display somewhere in a concept of whatever shape.
fn any_words(value: Option<&Value>) -> Option<String> {
    let value = value?;
    let own = |name: &str| value.get(name).and_then(Value::as_str).map(str::trim).filter(|t| !t.is_empty());
    own("text").or_else(|| own("display")).map(shorten).or_else(|| match value {
        Value::String(text) if !text.trim().is_empty() => Some(shorten(text)),
        Value::Array(items) => items.iter().find_map(|item| any_words(Some(item))),
        Value::Object(fields) => any_words(fields.get("coding")),
        _ => None,
    })
}

/// Why an allergy on record is none now. A status that we do not know never makes it one of these.
fn not_so(allergy: &AllergyIntolerance) -> Option<Reason> {
    let verification = allergy.verification_status.as_ref();
    let clinical = allergy.clinical_status.as_ref();
    if verification.is_some_and(|v| v.says(&["entered-in-error"]) && !v.says(&["confirmed"])) {
        return Some(Reason::EnteredInError);
    }
    if verification.is_some_and(|v| v.says(&["refuted"]) && !v.says(&["confirmed"])) {
        return Some(Reason::Refuted);
    }
    (clinical.is_some_and(|c| c.says(&["inactive", "resolved"]) && !c.says(&["active"])))
        .then_some(Reason::NotActive)
}

/// Reference 4.4: an intolerance is one; high criticality, a severe reaction or anaphylaxis makes an allergy
/// anaphylactic; otherwise it is an allergy. What the code itself says counts where it is stricter.
fn severity_of(
    allergy: &AllergyIntolerance,
    of_code: Option<AllergySeverity>,
    notes: &mut Vec<Note>,
) -> Option<AllergySeverity> {
    let anaphylactic = allergy
        .reaction
        .iter()
        .any(|r| r.manifestation.iter().any(|m| m.says(&[ANAPHYLAXIS]) || m.texts().any(is_anaphylaxis)));
    let severe = anaphylactic
        || allergy.criticality.as_deref() == Some("high")
        || allergy.reaction.iter().any(|r| r.severity.as_deref() == Some("severe"));
    let stated = match (allergy.r#type.as_deref(), severe) {
        (Some("intolerance"), _) => {
            if severe {
                notes.push(Note::SevereIntolerance);
            }
            AllergySeverity::Intolerance
        }
        (_, true) => AllergySeverity::Anaphylaxis,
        (_, false) => AllergySeverity::Allergy,
    };
    match of_code {
        // Lactose is an intolerance, unless somebody recorded it as an allergy.
        Some(AllergySeverity::Intolerance) if allergy.r#type.is_none() && !severe => of_code,
        of_code => strictest(Some(stated), of_code),
    }
}

pub(super) fn is_anaphylaxis(text: &str) -> bool {
    words(text).iter().any(|w| w.starts_with("anaphyla"))
}

/// An entry of a profile that says no more than this.
pub(super) fn entry(
    allergen: Option<&str>,
    text: Option<&str>,
    severity: Option<AllergySeverity>,
) -> AllergyEntry {
    AllergyEntry {
        allergen: allergen.map(str::to_owned),
        text: text.map(str::to_owned),
        severity,
        strictness: None,
        exempt_allowed: false,
        never: false,
        species_only: false,
    }
}

/// One entry for each allergen, all under the words they were recorded in.
pub(super) fn entries(
    allergens: &[String],
    text: Option<&str>,
    severity: Option<AllergySeverity>,
) -> Vec<Change> {
    allergens.iter().map(|allergen| Change::Allergies(entry(Some(allergen), text, severity))).collect()
}

/// What stands for the words of an allergy that has none.
pub(super) const WORDLESS: &str = "an allergy recorded without words";

/// Words without an allergen, which block matching until somebody maps them.
pub(super) fn unmapped_entry(text: Option<&str>, severity: Option<AllergySeverity>) -> Change {
    Change::Allergies(entry(None, Some(text.unwrap_or(WORDLESS)), severity))
}
