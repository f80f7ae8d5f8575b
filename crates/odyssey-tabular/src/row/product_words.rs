//! The words and codes of product files: prices, currencies, closed lists, tags.

use odyssey_types::{Jurisdiction, NutritionBasis, ProductStatus, render_fixed};

use crate::value::text::code_form;

/// `1,00 €` → `1,00` and EUR. `$` alone is the dollar of no certain country and names no currency.
pub(super) fn take_currency(cell: &str) -> (&str, Option<String>) {
    let trimmed = cell.trim();
    for (mark, code) in [("€", "EUR"), ("£", "GBP"), ("US$", "USD"), ("$", "")] {
        let rest = trimmed.strip_suffix(mark).or_else(|| trimmed.strip_prefix(mark));
        if let Some(rest) = rest {
            return (rest.trim(), (!code.is_empty()).then(|| code.to_owned()));
        }
    }
    let letters = |c: char| c.is_ascii_alphabetic();
    let bare = trimmed.trim_start_matches(letters).trim_end_matches(letters);
    let word: String = trimmed.chars().filter(char::is_ascii_alphabetic).collect();
    (bare.trim(), currency(&word.to_ascii_uppercase()))
}

pub(super) fn currency(code: &str) -> Option<String> {
    (code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase())).then(|| code.to_owned())
}

/// A price as plain decimal text: at most 12 digits before and 4 after the point; cents are kept.
pub(super) fn read_price(text: &str) -> Option<String> {
    let number = crate::value::number::read_number(text).ok()?;
    let (value, exact) = number.times((10_000, 1)).ok()?;
    if !exact || number.is_negative() || number.unit.is_some() || value >= 10_i64.pow(16) {
        return None;
    }
    let written = render_fixed(value, 4);
    let decimals = text.rsplit_once(['.', ',']).map_or(0, |(_, d)| d.trim().len()).min(2);
    Some(match written.split_once('.') {
        Some((whole, fraction)) => format!("{whole}.{fraction:0<decimals$}"),
        None if decimals > 0 => format!("{written}.{:0<decimals$}", ""),
        None => written,
    })
}

pub(super) fn status(code: &str) -> Option<ProductStatus> {
    match code {
        "true" | "1" | "yes" | "enabled" | "published" | "available" => Some(ProductStatus::Active),
        "false" | "0" | "no" | "disabled" | "draft" | "unavailable" | "archived" => {
            Some(ProductStatus::Inactive)
        }
        other => ProductStatus::parse(other),
    }
}

pub(super) fn jurisdiction(code: &str) -> Option<Jurisdiction> {
    match code {
        "usa" | "united_states" => Some(Jurisdiction::Us),
        "canada" => Some(Jurisdiction::Ca),
        "uk" => Some(Jurisdiction::Gb),
        "unknown" => Some(Jurisdiction::Unknown),
        other => Jurisdiction::parse(&other.to_ascii_uppercase()),
    }
}

pub(super) fn basis(code: &str) -> Option<NutritionBasis> {
    match code {
        "100g" | "100_g" | "per_100_g" | "100" => Some(NutritionBasis::Per100g),
        "100ml" | "100_ml" | "per_100_ml" => Some(NutritionBasis::Per100ml),
        "serving" | "portion" | "per_portion" => Some(NutritionBasis::PerServing),
        other => NutritionBasis::parse(other),
    }
}

/// Codes of the diets and claims we know.
const KNOWN: &[&str] = &[
    "vegan",
    "vegetarian",
    "pescatarian",
    "gluten_free",
    "dairy_free",
    "lactose_free",
    "nut_free",
    "halal",
    "kosher",
    "keto",
    "paleo",
    "low_carb",
    "low_fat",
    "low_sodium",
    "low_sugar",
    "sugar_free",
    "no_added_sugar",
    "high_protein",
    "high_fiber",
    "organic",
    "non_gmo",
    "plant_based",
    "low_fodmap",
    "whole30",
];

/// Whether a tag is one of the diets and claims we know.
pub(super) fn is_known_tag(tag: &str) -> bool {
    KNOWN.contains(&tag)
}

/// A tag that means one of the diets we know gets that code; any other is kept as it is written, but for
/// the language prefix of Open Food Facts.
pub(super) fn tag(written: &str) -> String {
    let bare = match written.split_once(':') {
        Some((language, rest)) if language.len() == 2 => rest,
        _ => written,
    };
    let code = code_form(bare);
    if is_known_tag(&code) { code } else { bare.to_owned() }
}
