//! A header in its parts: the name, and the unit and basis that stand beside it.

use odyssey_types::NutritionBasis;
use unicode_normalization::UnicodeNormalization;

use crate::unit::Unit;

/// A header taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Lower case, without accents, words joined by `_`: `energy`, `matieres_grasses_lipides`.
    pub name: String,
    /// The whole header in the same form, unit and basis included.
    pub full: String,
    /// The last name of a path into a nutrition panel, unit and basis included: `sodium_mg` of
    /// `nutrition.sodium_mg`. Name, unit and basis are then those of the last name.
    pub inner: Option<String>,
    pub unit: Option<Unit>,
    pub basis: Option<NutritionBasis>,
}

/// `Sodium_(mg)` → `sodium`, mg; `energy-kcal_100g` → `energy`, kcal, per 100 g;
/// `Énergie (kJ) pour 100 g / 100 ml` → `energie`, kJ, per 100 g.
pub(crate) fn take_apart(header: &str) -> Parts {
    let words = words(header);
    let full = words.join("_");
    match take_panel(header) {
        Some((last, outer)) => {
            let inner = take_words(&last);
            let basis = inner.basis.or(outer);
            Parts { full, inner: Some(inner.full), basis, ..inner }
        }
        None => Parts { full, ..take_words(&self::words(own_name(header))) },
    }
}

/// `Ingredients (product.metafields.custom.ingredients)`: a field that a shop has added is called by what
/// stands before the brackets.
fn own_name(header: &str) -> &str {
    let field = ["product", "variant"].iter().find_map(|of| header.find(&format!(" ({of}.metafields.")));
    field.map_or(header, |at| &header[..at])
}

fn take_words(words: &[String]) -> Parts {
    let full = words.join("_");
    let mut rest: Vec<&str> = words.iter().map(String::as_str).collect();
    let basis = take_basis(&mut rest);
    let unit = take_unit(&mut rest);
    let basis = basis.or_else(|| take_basis(&mut rest));
    Parts { name: rest.join("_"), full, inner: None, unit, basis }
}

/// Objects that hold the amounts of a nutrition panel, and nothing else that we know by the same name.
const PANELS: &[&str] = &[
    "nutrition",
    "nutritions",
    "nutriments",
    "nutrients",
    "nutrient",
    "nutrition_facts",
    "nutritional_facts",
    "nutrition_information",
    "nutritional_information",
    "nutritional_values",
    "nutrition_values",
    "nutrition_info",
    "nutrition_panel",
    "macros",
    "macronutrients",
    "micronutrients",
    "vitamins",
    "minerals",
    "amounts",
    "values",
];

/// The last name of a dotted path and the basis that the path states, where all that leads there is a
/// nutrition panel: `nutrition.per_100g.fat`.
fn take_panel(header: &str) -> Option<(Vec<String>, Option<NutritionBasis>)> {
    let mut steps: Vec<Vec<String>> = header.split('.').map(words).collect();
    let last = steps.pop().filter(|last| !last.is_empty() && !steps.is_empty())?;
    let (mut basis, mut panels) = (None, 0);
    for step in &steps {
        // A basis is taken off a name only.
        let mut rest: Vec<&str> = std::iter::once("panel").chain(step.iter().map(String::as_str)).collect();
        basis = take_basis(&mut rest).or(basis);
        let name = rest[1..].join("_");
        panels += usize::from(PANELS.contains(&name.as_str()));
        if !name.is_empty() && !PANELS.contains(&name.as_str()) {
            return None;
        }
    }
    (panels > 0).then_some((last, basis))
}

fn words(header: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut last_lower = false;
    for c in header.trim().nfkd() {
        let c = match c {
            'μ' | 'µ' => 'u',
            '\u{300}'..='\u{36f}' => continue,
            '\'' | '’' => ' ',
            c => c,
        };
        let last = words.len() - 1;
        if c.is_alphanumeric() || c == '%' {
            // `birthDate`, `externalId`: a capital after a small letter begins a word; `kJ` does not.
            let unit_tail = matches!(words[last].as_str(), "k" | "m" | "u") && words[last].len() == 1;
            if c.is_uppercase() && last_lower && !unit_tail {
                words.push(String::new());
            }
            last_lower = c.is_lowercase();
            let at = words.len() - 1;
            words[at].extend(c.to_lowercase());
        } else {
            last_lower = false;
            if !words[last].is_empty() {
                words.push(String::new());
            }
        }
    }
    words.retain(|w| !w.is_empty());
    words
}

/// Ways of saying "per 100 g" after the name, longest first.
const BASES: &[(&[&str], NutritionBasis)] = &[
    (&["pour", "100", "g", "100", "ml"], NutritionBasis::Per100g),
    (&["per", "100", "g", "100", "ml"], NutritionBasis::Per100g),
    (&["per", "100", "g"], NutritionBasis::Per100g),
    (&["per", "100g"], NutritionBasis::Per100g),
    (&["pour", "100", "g"], NutritionBasis::Per100g),
    (&["pour", "100g"], NutritionBasis::Per100g),
    (&["je", "100", "g"], NutritionBasis::Per100g),
    (&["pro", "100", "g"], NutritionBasis::Per100g),
    (&["por", "100", "g"], NutritionBasis::Per100g),
    (&["per", "100", "ml"], NutritionBasis::Per100ml),
    (&["per", "100ml"], NutritionBasis::Per100ml),
    (&["pour", "100", "ml"], NutritionBasis::Per100ml),
    (&["100", "g"], NutritionBasis::Per100g),
    (&["100g"], NutritionBasis::Per100g),
    (&["100", "ml"], NutritionBasis::Per100ml),
    (&["100ml"], NutritionBasis::Per100ml),
    (&["per", "serving"], NutritionBasis::PerServing),
    (&["per", "portion"], NutritionBasis::PerServing),
    (&["par", "portion"], NutritionBasis::PerServing),
    (&["serving"], NutritionBasis::PerServing),
];

fn take_basis(words: &mut Vec<&str>) -> Option<NutritionBasis> {
    for (phrase, basis) in BASES {
        if words.len() > phrase.len() && words.ends_with(phrase) {
            words.truncate(words.len() - phrase.len());
            return Some(*basis);
        }
    }
    None
}

/// A unit as the last word (or the first of `g protein`-like headers is left alone: it is rare and a
/// one-letter word may be a name).
fn take_unit(words: &mut Vec<&str>) -> Option<Unit> {
    if words.len() < 2 {
        return None;
    }
    if words.ends_with(&["fl", "oz"]) && words.len() > 2 {
        words.truncate(words.len() - 2);
        return Some(Unit::FluidOunce);
    }
    let unit = match *words.last()? {
        // A metre or a litre alone is more often an abbreviation of something else.
        "m" | "l" | "mc" | "st" | "cc" | "kilo" | "in" if words.len() < 2 => None,
        "calories" | "calorie" => None,
        last => Unit::parse(last),
    }?;
    words.pop();
    Some(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use NutritionBasis::{Per100g, PerServing};

    #[test]
    fn a_path_into_a_nutrition_panel_is_read_by_its_last_name() {
        for (header, inner, name, unit, basis) in [
            ("nutrition.sodium_mg", "sodium_mg", "sodium", Some(Unit::Milligram), None),
            ("nutriments.fat_100g", "fat_100g", "fat", None, Some(Per100g)),
            ("nutrition.per_100g.fat", "fat", "fat", None, Some(Per100g)),
            (
                "Nutrition Facts.per serving.Total Fat (g)",
                "total_fat_g",
                "total_fat",
                Some(Unit::Gram),
                Some(PerServing),
            ),
        ] {
            let parts = take_apart(header);
            assert_eq!(
                (parts.inner.as_deref(), parts.name.as_str(), parts.unit, parts.basis),
                (Some(inner), name, unit, basis),
                "{header}"
            );
        }
        for header in
            ["brand.name", "limits.sodium_mg", "item no.", "nutrition.", ".fat", "per_100g.fat", "nutrition"]
        {
            assert_eq!(take_apart(header).inner, None, "{header}");
        }
    }

    #[test]
    fn a_header_gives_up_its_unit_and_its_basis() {
        for (header, name, unit, basis) in [
            ("Sodium_(mg)", "sodium", Some(Unit::Milligram), None),
            ("Selenium_(µg)", "selenium", Some(Unit::Microgram), None),
            ("Vit_A_RAE_(µg)_", "vit_a_rae", Some(Unit::Microgram), None),
            ("energy-kcal_100g", "energy", Some(Unit::Kilocalorie), Some(Per100g)),
            ("sodium_100g", "sodium", None, Some(Per100g)),
            ("calories_per_100g", "calories", None, Some(Per100g)),
            ("Énergie (kJ) pour 100 g / 100 ml", "energie", Some(Unit::Kilojoule), Some(Per100g)),
            ("saturated-fat_serving", "saturated_fat", None, Some(PerServing)),
            ("protein_g", "protein", Some(Unit::Gram), None),
            ("protein_g_per_serving", "protein", Some(Unit::Gram), Some(PerServing)),
            ("BIRTHDATE", "birthdate", None, None),
            ("birthDate", "birth_date", None, None),
            ("weight (lb)", "weight", Some(Unit::Pound), None),
            ("Taille d'une portion", "taille_d_une_portion", None, None),
            ("height_cm", "height", Some(Unit::Centimetre), None),
            ("Salt (mg) (product.metafields.custom.salt)", "salt", Some(Unit::Milligram), None),
        ] {
            let parts = take_apart(header);
            assert_eq!((parts.name.as_str(), parts.unit, parts.basis), (name, unit, basis), "{header}");
        }
    }
}
