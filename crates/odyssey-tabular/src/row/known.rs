//! What our own tables know of a word. A synonym may make such a word mean more, and never less: it takes no allergen
//! from a person or a label, no condition, no refusal.

use odyssey_types::{
    AllergenData, AllergyEntry, AllergySeverity, CodeSystem, DeclaredAllergens, DietEntry, DietKind,
    Strictness,
};

use super::codes::{read_conditions, read_medications};
use super::customer_words::{read_diets, read_limit, reproductive};
use super::product_words::{basis, is_known_tag, jurisdiction, tag};
use crate::target::Target;
use crate::value::allergens::{Named, Statement, declare, name, read_allergies};
use crate::value::number::read_number;
use crate::value::text::{code_form, is_placeholder, read_bool, read_date, read_list};

/// Whether `meant` leaves out something that `written` is known to say in this field.
pub fn loses_meaning(target: Target, written: &str, meant: &str) -> bool {
    match target {
        Target::Allergies => {
            let meant = read_allergies(meant).0;
            let mut known = read_allergies(written).0.into_iter().filter(|own| own.allergen.is_some());
            known.any(|own| !meant.iter().any(|new| covers(new, &own)))
        }
        Target::Contains | Target::MayContain | Target::Facility | Target::FreeFrom => {
            declares_less(statement_of(target), written, meant)
        }
        Target::Conditions => {
            let meant = read_conditions(meant).0;
            let mut known =
                read_conditions(written).0.into_iter().filter(|own| own.system != CodeSystem::Text);
            known.any(|own| !meant.iter().any(|new| (new.system, &new.code) == (own.system, &own.code)))
        }
        Target::Medications => {
            let meant = read_medications(meant);
            let mut known = read_medications(written).into_iter().filter_map(|own| own.rxnorm);
            known.any(|own| !meant.iter().any(|new| new.rxnorm.as_ref() == Some(&own)))
        }
        Target::Diets => {
            let meant = diets(meant);
            let mut known = diets(written).into_iter().filter(|own| is_known_tag(&own.diet));
            known.any(|own| {
                !meant.iter().any(|new| new.diet == own.diet && caution(new.kind) >= caution(own.kind))
            })
        }
        Target::DietaryTags => {
            differs(written, meant, |word| Some(tag(word)).filter(|tag| is_known_tag(tag)))
        }
        Target::Limits => differs(written, meant, read_limit),
        Target::AllergenData => attests(written, meant),
        Target::Consent => differs(written, meant, read_bool),
        Target::Reproductive => differs(written, meant, |word| reproductive(&code_form(word))),
        Target::LabelJurisdiction => differs(written, meant, |word| jurisdiction(&code_form(word))),
        Target::Basis => differs(written, meant, |word| basis(&code_form(word))),
        Target::BirthDate | Target::DeathDate | Target::LabelAsOf | Target::ConsentAt => {
            differs(written, meant, read_date)
        }
        Target::Age | Target::Gestation | Target::Height | Target::Weight | Target::EnergyTarget => {
            read_number(written).is_ok() && written != meant
        }
        _ => false,
    }
}

/// Fields in which a known word may get a meaning more, besides its own.
pub(super) const fn takes_more(target: Target) -> bool {
    matches!(
        target,
        Target::Allergies
            | Target::Contains
            | Target::MayContain
            | Target::Facility
            | Target::Conditions
            | Target::Medications
            | Target::Diets
    )
}

/// Whether a meaning says that something is not there, in a field that says what is.
pub(super) fn denies(target: Target, meant: &str) -> bool {
    matches!(target, Target::Contains | Target::MayContain | Target::Facility)
        && !declared(statement_of(target), meant).free_from.is_empty()
}

/// A word with one meaning, which another word must have too to stand for it.
fn differs<T: PartialEq>(written: &str, meant: &str, read: impl Fn(&str) -> Option<T>) -> bool {
    read(written).is_some_and(|own| read(meant) != Some(own))
}

/// Nobody attests by a word that says no, or that nothing is known.
fn attests(written: &str, meant: &str) -> bool {
    let read = |word: &str| AllergenData::parse(&code_form(word));
    let denied = is_placeholder(written) || read_bool(written) == Some(false);
    differs(written, meant, read)
        || (denied && read(meant).is_some_and(|meant| meant != AllergenData::Unknown))
}

fn covers(new: &AllergyEntry, own: &AllergyEntry) -> bool {
    let severity = |severity: Option<AllergySeverity>| match severity {
        Some(AllergySeverity::Preference) => 0,
        Some(AllergySeverity::Intolerance) => 1,
        None | Some(AllergySeverity::Allergy) => 2,
        Some(AllergySeverity::Anaphylaxis) => 3,
    };
    let strictness = |strictness: Option<Strictness>| match strictness {
        Some(Strictness::Contains) => 0,
        Some(Strictness::MayContain) => 1,
        None => 2,
        Some(Strictness::Facility) => 3,
        Some(Strictness::ConfirmedFree) => 4,
    };
    new.allergen == own.allergen
        && severity(new.severity) >= severity(own.severity)
        && strictness(new.strictness) >= strictness(own.strictness)
        && (own.exempt_allowed || !new.exempt_allowed)
        && (own.species_only || !new.species_only)
        && (new.never || !own.never)
}

fn declares_less(column: Statement, written: &str, meant: &str) -> bool {
    let (mut own, mut new) = (declared(column, written), declared(column, meant));
    for list in [&mut own.contains, &mut own.may_contain, &mut own.facility] {
        list.retain(|code| is_known(code));
    }
    own.free_from.retain(|claim| is_known(&claim.allergen));
    if own.is_empty() {
        return false;
    }
    // Of claims the word makes these and no others.
    for claims in [&mut own.free_from, &mut new.free_from] {
        claims.sort_by(|a, b| a.allergen.cmp(&b.allergen));
    }
    if own.free_from != new.free_from {
        return true;
    }
    let stated = |code: &String, lists: &[&Vec<String>]| lists.iter().any(|list| list.contains(code));
    let less = |own: &[String], lists: &[&Vec<String>]| own.iter().any(|code| !stated(code, lists));
    less(&own.contains, &[&new.contains])
        || less(&own.may_contain, &[&new.contains, &new.may_contain])
        || less(&own.facility, &[&new.contains, &new.may_contain, &new.facility])
}

fn declared(column: Statement, words: &str) -> DeclaredAllergens {
    let mut declared = DeclaredAllergens::default();
    declare(&mut declared, words, column);
    declared
}

fn is_known(code: &str) -> bool {
    matches!(name(code), Named::Code(_))
}

const fn statement_of(target: Target) -> Statement {
    match target {
        Target::MayContain => Statement::MayContain,
        Target::Facility => Statement::Facility,
        Target::FreeFrom => Statement::FreeFrom,
        _ => Statement::Contains,
    }
}

fn diets(words: &str) -> Vec<DietEntry> {
    read_diets(&read_list(words))
}

fn caution(kind: Option<DietKind>) -> u8 {
    match kind {
        Some(DietKind::Preference) => 0,
        None | Some(DietKind::Ethical) => 1,
        Some(DietKind::Religious) => 2,
        Some(DietKind::Medical) => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_word_loses_nothing_and_an_unknown_one_may_mean_anything() {
        for (target, written, meant, loses) in [
            (Target::Allergies, "peanut", "none", true),
            (Target::Allergies, "Cow's milk (substance)", "egg", true),
            (Target::Allergies, "peanut:anaphylaxis", "peanut", true),
            (Target::Allergies, "peanut", "peanut:anaphylaxis", false),
            (Target::Allergies, "milk", "milk; egg", false),
            (Target::Allergies, "milk and egg man", "none", false),
            (Target::Allergies, "geen", "none", false),
            (Target::Contains, "milk", "none", true),
            (Target::Contains, "milk", "may contain milk", true),
            (Target::Contains, "milk", "free from milk", true),
            (Target::Contains, "may contain milk", "none", true),
            (Target::Contains, "Milcheiweiss", "milk", false),
            (Target::MayContain, "milk", "contains milk", false),
            (Target::FreeFrom, "milk", "egg", true),
            (Target::FreeFrom, "milk", "milk, egg", true),
            (Target::FreeFrom, "sans lait", "milk", false),
            (Target::Conditions, "htn", "none", true),
            (Target::Conditions, "Diabetes", "E11.9", false),
            (Target::Diets, "halal:religious", "halal:preference", true),
            (Target::Diets, "vegan", "keto", true),
            (Target::DietaryTags, "vegetarian", "vegan", true),
            (Target::AllergenData, "no", "complete", true),
            (Target::AllergenData, "partial", "complete", true),
            (Target::AllergenData, "vollständig", "complete", false),
            (Target::AllergenData, "no", "unknown", false),
            (Target::Consent, "no", "yes", true),
            (Target::Consent, "einverstanden", "yes", false),
            (Target::Reproductive, "pregnant", "neither", true),
            (Target::Limits, "sodium_mg<=600/serving", "sodium_mg<=6000/serving", true),
            (Target::Age, "3", "30", true),
            (Target::Status, "draft", "active", false),
        ] {
            assert_eq!(loses_meaning(target, written, meant), loses, "{target:?}: {written} → {meant}");
        }
    }
}
