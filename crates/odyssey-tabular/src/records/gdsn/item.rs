//! One trade item as named cells.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use serde_json::Value;

use super::node::{all, child, measure, text, text_of};
use crate::unit::Unit;

/// A name and the text under it.
pub(super) type Field = (String, String);

/// The columns that every file of trade items has; those of its nutrients follow.
pub(super) const COLUMNS: &[&str] = &[
    "tradeItem.gtin",
    "tradeItem.tradeItemDescription",
    "tradeItem.regulatedProductName",
    "tradeItem.functionalName",
    "tradeItem.descriptionShort",
    "tradeItem.brandName",
    "tradeItem.partyName",
    "tradeItem.gpcCategoryCode",
    "tradeItem.ingredientStatement",
    "tradeItem.netContent",
    "tradeItem.image",
    "tradeItem.contains",
    "tradeItem.mayContain",
    "tradeItem.freeFrom",
    "tradeItem.serving",
    "nutrientBasis",
];

pub(super) fn fields(item: &Value) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut put = |name: &str, text: Option<String>| {
        fields.extend(text.map(|text| (name.to_owned(), text)));
    };
    put("tradeItem.gtin", child(item, "gtin").and_then(text));
    for name in [
        "tradeItemDescription",
        "regulatedProductName",
        "functionalName",
        "descriptionShort",
        "brandName",
        "gpcCategoryCode",
        "ingredientStatement",
    ] {
        put(&format!("tradeItem.{name}"), text_of(item, name));
    }
    let owner = child(item, "brandOwner").and_then(|owner| text_of(owner, "partyName"));
    put("tradeItem.partyName", owner.filter(|name| name.contains(char::is_alphabetic)));
    put("tradeItem.netContent", net_content(item));
    put("tradeItem.image", images(item));
    let [contains, may_contain, free_from] = allergens(item);
    put("tradeItem.contains", contains);
    put("tradeItem.mayContain", may_contain);
    put("tradeItem.freeFrom", free_from);
    fields.extend(nutrition(item));
    fields
}

/// The first content that is a mass or a volume, not a count of pieces.
fn net_content(item: &Value) -> Option<String> {
    let found = all(item, "netContent").into_iter().filter_map(measure);
    let mut amounts = found.filter(|(_, unit)| Unit::parse(unit).is_some());
    amounts.next().map(|(amount, unit)| format!("{amount} {}", unit_as_on_labels(&unit)))
}

/// The words of a package are shown to people.
fn unit_as_on_labels(code: &str) -> &str {
    match code {
        "GRM" => "g",
        "KGM" => "kg",
        "MGM" => "mg",
        "MLT" => "ml",
        "CLT" => "cl",
        "LTR" => "l",
        other => other,
    }
}

fn images(item: &Value) -> Option<String> {
    let files = all(item, "referencedFileHeader").into_iter().filter(|file| {
        let kind = child(file, "referencedFileTypeCode").and_then(text);
        kind.is_some_and(|kind| kind == "PRODUCT_IMAGE")
    });
    let addresses: Vec<String> =
        files.filter_map(|file| text_of(file, "uniformResourceIdentifier")).collect();
    (!addresses.is_empty()).then(|| Value::from(addresses).to_string())
}

/// What it contains, may contain and is free from. An unknown level counts as a trace: it says that there
/// is something to say.
fn allergens(item: &Value) -> [Option<String>; 3] {
    let mut lists: [Vec<String>; 3] = Default::default();
    let mut seen = HashSet::new();
    for allergen in all(item, "allergen") {
        let Some(code) = child(allergen, "allergenTypeCode").and_then(text) else { continue };
        let level = child(allergen, "levelOfContainmentCode").and_then(text).unwrap_or_default();
        let list = match level.as_str() {
            "CONTAINS" | "CONTAINS_DERIVATIVES" | "DERIVED_FROM_INGREDIENT" => 0,
            "FREE_FROM" => 2,
            "UNDECLARED"
            | "UNKNOWN"
            | "NOT_DERIVED_FROM_INGREDIENT"
            | "NOT_INTENTIONALLY_NOR_INHERENTLY_INCLUDED" => continue,
            _ => 1,
        };
        let name =
            allergen_names().get(code.as_str()).map_or_else(|| format!("GS1 {code}"), |n| (*n).to_owned());
        if seen.insert((list, name.clone())) {
            lists[list].push(name);
        }
    }
    lists.map(|list| (!list.is_empty()).then(|| list.join("; ")))
}

fn allergen_names() -> &'static HashMap<&'static str, &'static str> {
    static NAMES: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let lines = include_str!("../../../data/gs1_allergens.tsv").lines().filter(|l| !l.starts_with('#'));
        lines.filter_map(|line| line.split_once('\t')).collect()
    })
}

/// The amounts of the food as it is sold: per 100 g or ml where they are given so, else per serving. Amounts
/// of the prepared food and those on no stated basis are left out.
fn nutrition(item: &Value) -> Vec<Field> {
    let mut panels: Vec<(u8, &Value, Option<String>)> = Vec::new();
    for header in all(item, "nutrientHeader") {
        let prepared = child(header, "preparationStateCode").and_then(text);
        if prepared.is_some_and(|state| state != "UNPREPARED") {
            continue;
        }
        let quantity = |name: &str| child(header, name).and_then(measure);
        let Some((amount, unit)) = quantity("nutrientBasisQuantity").or_else(|| quantity("servingSize"))
        else {
            continue;
        };
        let hundred = amount.parse::<f64>().is_ok_and(|amount| (amount - 100.0).abs() < 1e-9);
        let by_serving =
            child(header, "nutrientBasisQuantityTypeCode").and_then(text).as_deref() == Some("BY_SERVING");
        panels.push(match Unit::parse(&unit) {
            Some(Unit::Gram) if hundred && !by_serving => (0, header, None),
            Some(Unit::Millilitre) if hundred && !by_serving => (1, header, None),
            Some(_) => (2, header, Some(format!("{amount} {unit}"))),
            None => continue,
        });
    }
    let serving = panels.iter().find_map(|(.., serving)| serving.clone());
    let mut fields: Vec<Field> =
        serving.map(|text| ("tradeItem.serving".to_owned(), text)).into_iter().collect();
    let Some((basis, header, _)) = panels.into_iter().min_by_key(|(basis, ..)| *basis) else { return fields };
    let basis = ["100g", "100ml", "serving"][usize::from(basis)];
    fields.push(("nutrientBasis".to_owned(), basis.to_owned()));
    let alcohol = text_of(item, "percentageOfAlcoholByVolume").filter(|_| basis != "serving");
    fields.extend(alcohol.map(|percent| ("nutrient.alcoholByVolume".to_owned(), percent)));
    let mut seen: HashSet<String> = HashSet::new();
    for detail in all(header, "nutrientDetail") {
        for (name, text) in amounts(detail) {
            if seen.insert(name.clone()) {
                fields.push((name, text));
            }
        }
    }
    fields
}

/// Energy in each unit that it is given in, any other nutrient once.
fn amounts(detail: &Value) -> Vec<Field> {
    let Some(code) = child(detail, "nutrientTypeCode").and_then(text) else { return Vec::new() };
    let less = child(detail, "measurementPrecisionCode").and_then(text).as_deref() == Some("LESS_THAN");
    let code = code.trim_end_matches('-');
    let measures = all(detail, "quantityContained").into_iter().filter_map(measure);
    let fields = measures.filter_map(|(amount, unit)| {
        let name = match (code, Unit::parse(&unit)?) {
            ("ENER", Unit::Kilocalorie) => "nutrient.ENER_KCAL".to_owned(),
            ("ENER", Unit::Kilojoule) => "nutrient.ENER_KJ".to_owned(),
            _ => format!("nutrient.{code}"),
        };
        Some((name, format!("{}{amount} {unit}", if less { "<" } else { "" })))
    });
    fields.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::allergens::{Statement, declare};

    #[test]
    fn every_allergen_code_leads_to_an_allergen_of_ours() {
        assert!(allergen_names().len() > 20);
        for (code, name) in allergen_names() {
            let mut declared = odyssey_types::DeclaredAllergens::default();
            let oddities = declare(&mut declared, name, Statement::Contains);
            assert!(!oddities.unmapped && declared.contains.len() == 1, "{code} {name}");
        }
    }
}
