//! NutritionOrder: diets, foods that are left out, and allergies that only the order names.

use odyssey_types::{DietEntry, DietKind, ExplicitLimit, LimitPeriod, Nutrient, parse_fixed_rounding};

use super::allergies::{self, Food};
use super::codes::has_words;
use super::conditions::text_entry;
use super::diet_codes::{DietMeaning, meaning_of};
use super::draft::{Draft, Place};
use super::model::{Concept, NutrientModifier, NutritionOrder, Quantity, Reference};
use super::{Change, Line, LineStatus, Note, Reason};
use crate::Diet;

/// SNOMED CT: sodium, as a nutrient of an order.
const SODIUM: &str = "39972003";

/// Reads an order: a line for each of its parts, or one that says why it has none.
pub(super) fn read(draft: &mut Draft<'_>, place: Place) {
    let Ok(order) = serde_json::from_value::<NutritionOrder>(draft.value(place).clone()) else {
        return draft.unreadable(place);
    };
    let mut notes = Vec::new();
    let line = draft.line(place);
    if draft.is_about_another(place, order.patient.as_ref(), &mut notes) {
        return draft.settle(line, LineStatus::Ignored, Reason::OtherPatient);
    }
    match order.status.as_deref() {
        Some("active") => {}
        Some("entered-in-error") => {
            return draft.settle(line, LineStatus::Ignored, Reason::EnteredInError);
        }
        Some("draft" | "on-hold" | "revoked" | "completed") => {
            return draft.settle(line, LineStatus::Ignored, Reason::StatusNotCurrent);
        }
        Some(_) | None => notes.push(Note::StatusMissing),
    }
    if matches!(order.intent.as_deref(), Some("proposal" | "plan" | "option")) {
        return draft.settle(line, LineStatus::Ignored, Reason::NotAnOrder);
    }
    if draft.has_unknown_modifier(place) {
        notes.push(Note::ModifierIgnored);
    }
    let before = draft.lines.len();
    read_parts(draft, place, &order, &notes);
    if draft.lines.len() == before {
        // Formulas and supplements say what to give, not what to leave out.
        draft.settle(line, LineStatus::Ignored, Reason::ResourceEmpty);
    }
}

fn read_parts(draft: &mut Draft<'_>, place: Place, order: &NutritionOrder, notes: &[Note]) {
    let part = |draft: &Draft<'_>, below: String| {
        let mut line = draft.line(place);
        line.pointer.push_str(&below);
        line.notes = notes.to_vec();
        line
    };
    for (at, reference) in order.allergy_intolerance.iter().enumerate() {
        let line = part(draft, format!("/allergyIntolerance/{at}"));
        read_named_allergy(draft, place, line, reference);
    }
    for (at, concept) in order.exclude_food_modifier.iter().enumerate() {
        let line = part(draft, format!("/excludeFoodModifier/{at}"));
        read_exclusion(draft, line, concept);
    }
    for (at, concept) in order.food_preference_modifier.iter().enumerate() {
        let line = part(draft, format!("/foodPreferenceModifier/{at}"));
        read_diet(draft, line, concept, false);
    }
    let Some(diet) = &order.oral_diet else { return };
    for (at, concept) in diet.r#type.iter().enumerate() {
        let line = part(draft, format!("/oralDiet/type/{at}"));
        read_diet(draft, line, concept, true);
    }
    for (at, modifier) in diet.nutrient.iter().enumerate() {
        let line = part(draft, format!("/oralDiet/nutrient/{at}"));
        read_nutrient(draft, line, modifier);
    }
}

/// An allergy that is in the bundle has a line of its own; one that is not has its name here and nowhere else.
fn read_named_allergy(draft: &mut Draft<'_>, place: Place, mut line: Line, reference: &Reference) {
    let found = reference.reference.as_deref().and_then(|r| draft.bundle.resolve(place.0, r));
    if found.is_some_and(|at| draft.bundle.resources[at].kind == "AllergyIntolerance") {
        return;
    }
    let concept = Concept { coding: Vec::new(), text: reference.display.clone() };
    line.text = concept.name();
    let resolved = allergies::resolve(&concept, &[]);
    line.notes.extend(resolved.notes);
    line.suggests = resolved.suggests;
    match resolved.food {
        Food::Allergens { allergens, reason } => {
            line.proposes = allergies::entries(&allergens, line.text.as_deref(), None);
            draft.settle(line, LineStatus::Mapped, reason);
        }
        Food::Other(reason) => draft.settle(line, LineStatus::NotFood, reason),
        Food::Negation => draft.settle(line, LineStatus::Ignored, Reason::Negation),
        Food::Unmapped(_) => {
            line.proposes = vec![allergies::unmapped_entry(line.text.as_deref(), None)];
            draft.settle(line, LineStatus::Unmapped, Reason::ReferenceUnresolved);
        }
    }
}

/// A food that the order leaves out is kept as an allergy of unstated severity, the safe side.
fn read_exclusion(draft: &mut Draft<'_>, mut line: Line, concept: &Concept) {
    line.codes = concept.shown();
    line.text = concept.name();
    let resolved = allergies::resolve(concept, &["food".to_owned()]);
    line.notes.extend(resolved.notes);
    line.suggests = resolved.suggests;
    match resolved.food {
        Food::Allergens { allergens, reason } => {
            line.proposes = allergies::entries(&allergens, line.text.as_deref(), resolved.severity);
            draft.settle(line, LineStatus::Mapped, reason);
        }
        Food::Negation => draft.settle(line, LineStatus::Ignored, Reason::Negation),
        Food::Unmapped(_) | Food::Other(_) => {
            line.proposes = vec![allergies::unmapped_entry(line.text.as_deref(), None)];
            draft.settle(line, LineStatus::Unmapped, Reason::ExclusionUnmapped);
        }
    }
}

fn read_diet(draft: &mut Draft<'_>, mut line: Line, concept: &Concept, ordered: bool) {
    line.codes = concept.shown();
    line.text = concept.name();
    for (system, code, _) in concept.codings() {
        let Some(meaning) = meaning_of(system, code) else { continue };
        let change = match meaning {
            DietMeaning::Diet { diet, looser } => {
                if *looser {
                    line.notes.push(Note::LooserThanOrdered);
                }
                diet_entry(diet, ordered).map(|entry| vec![Change::Diets(entry)])
            }
            DietMeaning::Allergen(allergen) => {
                Some(allergies::entries(std::slice::from_ref(allergen), line.text.as_deref(), None))
            }
            DietMeaning::Condition(id) => {
                line.suggests.push(format!("condition:{id}"));
                None
            }
            DietMeaning::None => None,
        };
        if let Some(changes) = change {
            line.proposes
                .extend(changes.into_iter().filter(|c| !line.proposes.contains(c)).collect::<Vec<_>>());
        }
    }
    if !line.proposes.is_empty() {
        return draft.settle(line, LineStatus::Mapped, Reason::Coded);
    }
    let named = Diet::ALL.iter().filter(|d| concept.texts().any(|text| has_words(text, d.label())));
    line.suggests.extend(named.map(|d| format!("diet:{}", d.code())));
    match (ordered, line.text.clone()) {
        // A diet that somebody ordered and that we cannot keep makes the profile unsafe.
        (true, Some(text)) => {
            line.proposes = vec![Change::Conditions(text_entry(&text))];
            draft.settle(line, LineStatus::Unmapped, Reason::DietUnmapped);
        }
        (false, Some(_)) => draft.settle(line, LineStatus::Unmapped, Reason::NoRule),
        (_, None) => draft.settle(line, LineStatus::Unusable, Reason::ResourceEmpty),
    }
}

/// `None` for a diet that we do not judge by yet.
fn diet_entry(diet: &str, ordered: bool) -> Option<DietEntry> {
    let diet = Diet::from_code(diet)?;
    let kind = match diet.code() {
        "halal" | "kosher" => Some(DietKind::Religious),
        // Kept as a matter of conscience, whoever wrote it down.
        "vegan" | "vegetarian" => None,
        _ => ordered.then_some(DietKind::Medical),
    };
    Some(DietEntry { diet: diet.code().to_owned(), kind, refuse_may_contain: false, never: false })
}

/// An amount of sodium is a ceiling for the day; of anything else nobody says whether it is one.
fn read_nutrient(draft: &mut Draft<'_>, mut line: Line, modifier: &NutrientModifier) {
    let concept = modifier.modifier.clone().unwrap_or_default();
    line.codes = concept.shown();
    line.text = concept.name();
    let amount = modifier.amount.as_ref().and_then(milligrams);
    match amount {
        Some(sodium_mg) if concept.says(&[SODIUM]) => {
            let nutrient = Nutrient::Sodium;
            let max = nutrient.unit().stored_of_steps(sodium_mg * 10_i64.pow(nutrient.unit().digits()));
            line.proposes = vec![Change::Limits(ExplicitLimit { nutrient, max, period: LimitPeriod::Day })];
            draft.settle(line, LineStatus::Mapped, Reason::Coded);
        }
        _ if concept == Concept::default() => {
            draft.settle(line, LineStatus::Unusable, Reason::ResourceEmpty);
        }
        _ => draft.settle(line, LineStatus::Unmapped, Reason::AmountUnread),
    }
}

/// Whole milligrams, rounded down: a ceiling is never raised.
fn milligrams(amount: &Quantity) -> Option<i64> {
    let unit = amount.code.as_deref().or(amount.unit.as_deref()).unwrap_or_default();
    let in_one = match unit.trim() {
        "g" | "grams" => 1_000,
        "mg" => 1,
        _ => return None,
    };
    if amount.comparator.as_deref().is_some_and(|c| c.starts_with('>')) {
        return None;
    }
    let (thousandths, _) = parse_fixed_rounding(&amount.value.as_ref()?.to_string(), 3).ok()?;
    // Nobody eats a kilogram of it.
    (0..=1_000_000).contains(&thousandths).then(|| thousandths * in_one / 1_000)
}
