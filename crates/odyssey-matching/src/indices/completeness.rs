//! How much of a complete record is stated, and what is missing from it.

use std::collections::BTreeMap;

use odyssey_types::{Jurisdiction, Nutrient};
use serde::Deserialize;

use super::IndexInput;
use super::kinds;
use super::tables::{Files, Problem, Sources};
use crate::facts::{ListState, QualityIssue, ReferenceSource};

const FILE: &str = "indices/completeness.toml";
/// The coverage that an allergy asks for (reference 8.1): below it the list is worth a look.
const COVERAGE_PERMILLE: u16 = 980;

/// Whether a field of the weights is stated; `None` for a name that is none of ours.
fn is_stated(input: &IndexInput<'_>, field: &str) -> Option<bool> {
    let fields = input.fields;
    let text = |value: &Option<String>| value.as_deref().is_some_and(|t| !t.trim().is_empty());
    let nutrient = |n: Nutrient| input.nutrition.is_some_and(|nutrition| nutrition.amounts.get(n).is_some());
    Some(match field {
        "name" => text(&fields.name),
        "brand" => text(&fields.brand),
        "gtin" => fields.gtin.is_some(),
        "category" => kinds::has_category(input),
        "ingredients" => input.list_state == ListState::Complete,
        "allergens" => input.attested,
        "jurisdiction" => fields.label_jurisdiction != Jurisdiction::Unknown,
        "label_date" => fields.label_as_of.is_some(),
        "serving" => input.serving.is_some(),
        "energy" => nutrient(Nutrient::Energy),
        "fat" => nutrient(Nutrient::Fat),
        "saturated_fat" => nutrient(Nutrient::SaturatedFat),
        "carbohydrate" => nutrient(Nutrient::Carbohydrate),
        "sugars" => nutrient(Nutrient::Sugars),
        "added_sugars" => nutrient(Nutrient::AddedSugars),
        "fiber" => nutrient(Nutrient::Fiber),
        "protein" => nutrient(Nutrient::Protein),
        "sodium" => nutrient(Nutrient::Sodium) || nutrient(Nutrient::Salt),
        "image" => fields.images.as_ref().is_some_and(|images| !images.is_empty()),
        _ => return None,
    })
}

pub(super) fn permille(input: &IndexInput<'_>, weights: &BTreeMap<String, u16>) -> u16 {
    weights.iter().filter(|(field, _)| is_stated(input, field) == Some(true)).map(|(_, weight)| weight).sum()
}

/// What is missing so that matches are lost.
pub(super) fn findings(input: &IndexInput<'_>, issues: &mut Vec<QualityIssue>) {
    let mut found = |code: &str, field: &str, value: &str| issues.push(QualityIssue::new(code, field, value));
    match input.list_state {
        ListState::Absent => found("DQ_INGREDIENTS_MISSING", "ingredients", ""),
        ListState::Truncated => found("DQ_LIST_TRUNCATED", "ingredients", "the end is missing"),
        ListState::OtherLanguage => found("DQ_LIST_LANGUAGE", "ingredients", "not read in full"),
        ListState::Complete if input.coverage_permille < COVERAGE_PERMILLE => {
            let coverage = format!("{} of 1000 recognised", input.coverage_permille);
            found("DQ_LOW_COVERAGE", "ingredients", &coverage);
        }
        ListState::Complete | ListState::Stale => {}
    }
    if input.nutrition.is_none() {
        found("DQ_NUTRITION_MISSING", "nutrition", "");
    }
    if !input.attested {
        found("DQ_ALLERGENS_NOT_ATTESTED", "allergen_data", input.fields.allergen_data.as_str());
    }
    if !kinds::has_category(input) {
        found("DQ_CATEGORY_MISSING", "category_id", "");
    }
    if input.fields.label_jurisdiction == Jurisdiction::Unknown {
        found("DQ_JURISDICTION_UNKNOWN", "label_jurisdiction", "unknown");
    }
    debug_assert!(
        input.reference_source != ReferenceSource::Serving || input.serving.is_some(),
        "a reference amount from the serving needs one"
    );
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    sources: Sources,
    weights: BTreeMap<String, toml::Value>,
}

pub(super) fn read_weights(files: &Files<'_>) -> Result<BTreeMap<String, u16>, Problem> {
    let mut raw: RawTable = files.read(FILE)?;
    let source = raw.weights.remove("source");
    raw.sources.check(FILE, source.as_ref().and_then(toml::Value::as_str).unwrap_or_default())?;
    let weights = raw
        .weights
        .into_iter()
        .map(|(field, weight)| {
            let weight = weight.as_integer().and_then(|w| u16::try_from(w).ok());
            Ok((field.clone(), weight.ok_or((FILE, format!("the weight of `{field}` is no number")))?))
        })
        .collect::<Result<BTreeMap<String, u16>, Problem>>()?;
    if weights.values().sum::<u16>() != 1000 {
        return Err((FILE, "weights add up to 1000".to_owned()));
    }
    Ok(weights)
}
