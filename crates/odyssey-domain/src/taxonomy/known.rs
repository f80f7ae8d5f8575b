//! Value synonyms for words that are known already: one may add to what a word means and takes nothing away from it.

use odyssey_matching::label::{Label, Tables, derive};
use odyssey_matching::{EvidenceKey, Flag};
use odyssey_tabular::{Mode, Target, loses_meaning, value_target};
use odyssey_types::{DeclaredAllergens, ProductFields};

/// Whether a value synonym would make a word mean less than it is known to mean, by the words that files are read by or
/// by those that labels are read by.
pub(super) fn takes_away(domain: &str, written: &str, meant: &str, tables: &Tables) -> bool {
    targets(domain).any(|target| loses_meaning(target, written, meant))
        || hides_allergen(domain, written, meant, tables)
}

/// Whether only labels are read for a word that the synonym would hide from them: whoever reads files does not know that
/// it has a meaning to keep.
pub(super) fn is_known_to_labels_alone(domain: &str, written: &str, meant: &str, tables: &Tables) -> bool {
    hides_allergen(domain, written, meant, tables)
        && !targets(domain).any(|target| loses_meaning(target, written, meant))
}

fn hides_allergen(domain: &str, written: &str, meant: &str, tables: &Tables) -> bool {
    targets(domain).any(|target| {
        let own = match target {
            Target::Allergies
            | Target::Contains
            | Target::MayContain
            | Target::Facility
            | Target::FreeFrom => allergens_of(written, tables),
            _ => return false,
        };
        if target == Target::FreeFrom {
            // To be free of more than was said would be a claim that nobody made.
            return !own.is_empty() && written != meant;
        }
        let new = allergens_of(meant, tables);
        own.iter().any(|key| !new.contains(key))
    })
}

fn targets(domain: &str) -> impl Iterator<Item = Target> {
    [Mode::Products, Mode::Customers].into_iter().filter_map(move |mode| value_target(domain, mode))
}

/// The allergens that a label with these words names, declared or among its ingredients.
fn allergens_of(words: &str, tables: &Tables) -> Vec<String> {
    let contains = words.split([',', ';', '|']).map(|word| word.trim().to_owned()).collect();
    let fields = ProductFields {
        allergens: Some(DeclaredAllergens { contains, ..DeclaredAllergens::default() }),
        ingredients: Some(words.to_owned()),
        ..ProductFields::default()
    };
    let found = derive(&Label { fields: &fields, holds: &[] }, tables).evidence;
    let named = found.into_iter().filter(|evidence| {
        matches!(evidence.flag, Flag::Contains | Flag::Pal | Flag::Facility)
            && EvidenceKey::from_code(&evidence.key).is_some_and(EvidenceKey::is_allergen)
    });
    named.map(|evidence| evidence.key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_labels_are_read_for_is_known_and_local_words_for_nothing_are_not() {
        let tables = Tables::embedded();
        for (domain, written, meant, takes) in [
            ("contains", "ghee", "none", true),
            ("contains", "ghee", "milk", false),
            ("contains", "tahini", "egg", true),
            ("allergies", "peanut", "none", true),
            ("allergies", "ghee", "none", true),
            ("free_from", "ghee", "milk", true),
            ("contains", "geen", "none", false),
            ("contains", "keine Allergene deklariert", "none", false),
            ("category_id", "milk", "dairy", false),
        ] {
            assert_eq!(takes_away(domain, written, meant, tables), takes, "{domain}: {written} → {meant}");
        }
    }
}
