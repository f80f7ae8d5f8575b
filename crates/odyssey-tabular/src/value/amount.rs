//! Amounts of food inside words: serving sizes and package weights.

use odyssey_types::{Fixed, ServingSize};

use super::number::{Number, read_number};
use crate::unit::Unit;

/// Largest serving, in g or ml: nobody eats more at once.
const SERVING_MAX: i64 = 10_000_000_000;
/// Largest package: 1,000 kg, in milligrams.
const PACKAGE_MAX: i64 = 1_000_000_000;

/// What a serving cell said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Serving {
    pub size: ServingSize,
    pub out_of_range: bool,
}

/// Reads `60g`, `85.0` with the unit of its column, `1 cup (240 ml)`, `2.5 oz.`; the words are kept when
/// there is more to them than the amount.
pub(crate) fn read_serving(cell: &str, column_unit: Option<Unit>) -> Serving {
    let mut serving = Serving::default();
    if let Ok(number) = read_number(cell.trim_end_matches('.')) {
        if set_amount(&mut serving, &number, column_unit) || serving.out_of_range {
            return serving;
        }
        serving.size.text = Some(cell.to_owned());
        return serving;
    }
    // A mass or volume in brackets restates the household measure before it.
    let bracket = cell.rsplit_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(inner, _)| inner);
    for candidate in bracket.into_iter().chain(pieces(cell)) {
        if let Ok(number) = read_number(candidate.trim().trim_end_matches('.'))
            && number.unit.is_some()
            && set_amount(&mut serving, &number, None)
        {
            break;
        }
    }
    serving.size.text = Some(cell.to_owned());
    serving
}

/// Stretches of the text that may be an amount: parts between slashes, bars and brackets, whole, from their first digit
/// on, or from the last number that stands behind a word (`1 cookie 31 g`).
fn pieces(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(['/', '(', ')', ';', '|']).flat_map(|part| {
        let from = part.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
        [Some(part), Some(&part[from..]), behind_a_word(part)].into_iter().flatten()
    })
}

/// The text from its last number on, if what stands before that is a thing and neither a range nor a product.
fn behind_a_word(part: &str) -> Option<&str> {
    const JOINING: &[&str] =
        &["x", "to", "or", "and", "of", "bis", "oder", "und", "à", "a", "ou", "et", "de", "y", "o"];
    let last = part.rfind(|c: char| c.is_ascii_digit())?;
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',');
    let from = part[..last]
        .rfind(|c: char| !is_number(c))
        .map(|at| at + part[at..].chars().next().map_or(1, char::len_utf8))?;
    let word = part[..from].strip_suffix(' ')?.split_whitespace().next_back()?;
    let is_thing = word.chars().all(char::is_alphabetic) && !JOINING.contains(&word.to_lowercase().as_str());
    is_thing.then(|| &part[from..])
}

fn set_amount(serving: &mut Serving, number: &Number, column_unit: Option<Unit>) -> bool {
    let Some(unit) = number.unit.or(column_unit) else { return false };
    let amount = match (unit.micrograms(), unit.nanolitres()) {
        (Some(factor), _) => number.times(factor).map(|(v, _)| (v, true)),
        (_, Some(factor)) => number.times(factor).map(|(v, _)| (v, false)),
        _ => return false,
    };
    let Ok((amount @ 1..=SERVING_MAX, mass)) = amount else {
        serving.out_of_range = true;
        return false;
    };
    if mass {
        serving.size.amount_g = Some(Fixed(amount));
    } else {
        serving.size.amount_ml = Some(Fixed(amount));
    }
    true
}

/// Reads a package weight in grams, where the cell is one mass (`32 ONZ`, ` 500 g`) or restates one
/// mass in two units (`12 oz/340 g`, grams preferred). `6 ud. x 125 g` and volumes are words only.
pub(crate) fn read_package(cell: &str, column_unit: Option<Unit>) -> Option<Fixed<3>> {
    let parts: Vec<&str> =
        cell.split(['/', '(']).map(|p| p.trim().trim_end_matches(')').trim_end_matches('.')).collect();
    let mut found: Option<(Fixed<3>, bool)> = None;
    for part in parts {
        let number = read_number(part).ok()?;
        let unit = number.unit.or(column_unit)?;
        let Some((numerator, denominator)) = unit.micrograms() else { continue };
        // Milligrams: the finest step of the field.
        let (value, _) = number.times((numerator, denominator * 1_000)).ok()?;
        if !(1..=PACKAGE_MAX).contains(&value) {
            return None;
        }
        let metric = matches!(unit, Unit::Gram | Unit::Kilogram | Unit::Milligram);
        if found.is_none_or(|(_, found_metric)| metric && !found_metric) {
            found = Some((Fixed(value), metric));
        }
    }
    found.map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servings_give_an_amount_and_keep_their_words() {
        for (cell, unit, grams, millilitres, words) in [
            ("60g", None, Some("60"), None, None),
            ("85.0", Some(Unit::Gram), Some("85"), None, None),
            ("1 cup (240 ml)", None, None, Some("240"), Some("1 cup (240 ml)")),
            ("1 1/2 Cup", None, None, None, Some("1 1/2 Cup")),
            ("2.5 oz.", None, Some("70.873808"), None, None),
            ("1 serving", None, None, None, Some("1 serving")),
            ("1 cookie 31 g", None, Some("31"), None, Some("1 cookie 31 g")),
            ("1 Stück 12,5g", None, Some("12.5"), None, Some("1 Stück 12,5g")),
            ("2 cookies 30 to 40 g", None, None, None, Some("2 cookies 30 to 40 g")),
            ("1 pack 2 x 31 g", None, None, None, Some("1 pack 2 x 31 g")),
            ("1 cookie 30-40 g", None, None, None, Some("1 cookie 30-40 g")),
            ("2 tbsp | 30 g", None, Some("30"), None, Some("2 tbsp | 30 g")),
            ("100", None, None, None, Some("100")),
        ] {
            let size = read_serving(cell, unit).size;
            let text = |amount: Option<Fixed<6>>| amount.map(|a| a.to_string());
            assert_eq!(
                (text(size.amount_g).as_deref(), text(size.amount_ml).as_deref(), size.text.as_deref()),
                (grams, millilitres, words),
                "{cell}"
            );
        }
        assert!(read_serving("0 g", None).out_of_range);
    }

    #[test]
    fn packages_give_grams_only_where_one_mass_is_stated() {
        for (cell, expected) in [
            ("32 ONZ", Some("907.185")),
            (" 500 g", Some("500")),
            ("12 oz/340 g", Some("340")),
            ("1 kg", Some("1000")),
            ("33 cl", None),
            ("6 ud. x 125 g", None),
            ("Bote 1 kg", None),
            ("300g", Some("300")),
        ] {
            assert_eq!(read_package(cell, None).map(|w| w.to_string()).as_deref(), expected, "{cell}");
        }
    }
}
