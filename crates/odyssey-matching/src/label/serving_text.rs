//! Servings that a label gives only in words: "1 cup (240 ml)", "2 cookies (30g)", "30 g".
//!
//! Only an amount in grams or millilitres is taken, and only where the words name one: "1 bottle (8 fl
//! oz)" names none, and "2 x 15 g (30 g)" is what its bracket says.

use odyssey_types::parse_fixed;

/// More than this is a package, not a serving: 2 kg or 2 l, in micrograms or nanolitres.
const SERVING_MAX: i64 = 2_000_000_000;

/// The amount in micrograms (or nanolitres, then true) that the words name: the one in brackets, else the
/// only one there is.
pub(super) fn amount(text: &str) -> Option<(i64, bool)> {
    let bracket = text.find(['(', '[']).map(|open| {
        let rest = &text[open + 1..];
        &rest[..rest.find([')', ']']).unwrap_or(rest.len())]
    });
    bracket.and_then(only_amount).or_else(|| if bracket.is_none() { only_amount(text) } else { None })
}

/// The single amount in grams or millilitres of a text; of "30 g / 28 ml" neither.
fn only_amount(text: &str) -> Option<(i64, bool)> {
    let mut found = None;
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let number = &rest[start..];
        let length =
            number.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ',')).unwrap_or(number.len());
        let (number, behind) = number.split_at(length);
        let unit: String = behind.trim_start().chars().take_while(|c| c.is_alphabetic()).collect();
        // A fraction ("1/2 g"), a product ("2 x 15 g") and a range ("30-40 g") are not read.
        let joined = rest[..start].trim_end().ends_with(['/', '-', '\u{2013}', 'x', '\u{d7}', '*']);
        if let Some(is_volume) = volume_unit(&unit) {
            let value = parse_fixed(&number.trim_end_matches(['.', ',']).replace(',', "."), 6).ok()?;
            let fresh = (value, is_volume);
            if joined || !(1..=SERVING_MAX).contains(&value) || found.is_some_and(|f| f != fresh) {
                return None;
            }
            found = Some(fresh);
        }
        rest = behind;
    }
    found
}

fn volume_unit(unit: &str) -> Option<bool> {
    match unit.to_ascii_lowercase().as_str() {
        "g" | "gr" | "gm" | "gms" | "grm" | "gram" | "grams" => Some(false),
        "ml" | "mls" | "mlt" | "milliliter" | "milliliters" | "millilitre" | "millilitres" => Some(true),
        _ => None,
    }
}
