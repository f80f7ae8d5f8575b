//! The UK nutrient profiling model of 2004-5 (reference 6.2), per 100 g.

use odyssey_types::{Nutrient, Nutrients};
use serde::Deserialize;

use super::facts::UkNpm;
use super::tables::{Files, FruitPoints, Problem, RawThresholds, Sources, Thresholds, fruit_points};

const FILE: &str = "indices/uk_npm.toml";

/// What the model is computed from, per 100 g or 100 ml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NpmInput {
    pub is_drink: bool,
    /// µg; energy in J.
    pub amounts: Nutrients,
    /// Proved share of fruit, vegetables and nuts.
    pub fruit_permille: Option<u16>,
}

/// Computes the score with the tables of this build. Energy, saturates, sugars or sodium missing: none.
/// Fibre, protein and fruit that are not stated count nothing, which is the stricter reading.
pub fn uk_npm(input: &NpmInput) -> Option<UkNpm> {
    compute(input, &crate::label::Tables::embedded().indices.uk_npm)
}

#[derive(Debug)]
pub(super) struct NpmTable {
    energy: Thresholds,
    saturates: Thresholds,
    sugars: Thresholds,
    sodium: Thresholds,
    fiber: Thresholds,
    protein: Thresholds,
    fruit: FruitPoints,
    rules: RawRules,
}

pub(super) fn compute(input: &NpmInput, table: &NpmTable) -> Option<UkNpm> {
    let get = |nutrient| input.amounts.get(nutrient).filter(|a| *a >= 0);
    let or_zero = |part, whole| get(part).or_else(|| get(whole).filter(|w| *w == 0));
    let a = table.energy.exceeded((get(Nutrient::Energy)? + 50) / 100)
        + table.saturates.exceeded(or_zero(Nutrient::SaturatedFat, Nutrient::Fat)?)
        + table.sugars.exceeded(or_zero(Nutrient::Sugars, Nutrient::Carbohydrate)?)
        + table.sodium.exceeded(get(Nutrient::Sodium)?);
    let fruit = table.fruit.of(input.fruit_permille.unwrap_or(0));
    let fiber = table.fiber.exceeded(get(Nutrient::Fiber).unwrap_or(0));
    let protein = table.protein.exceeded(get(Nutrient::Protein).unwrap_or(0));
    let counts_protein = a < table.rules.protein_below || fruit >= table.rules.fruit_full;
    let score = a - fruit - fiber - if counts_protein { protein } else { 0 };
    let bound = if input.is_drink { table.rules.less_healthy_drink } else { table.rules.less_healthy_food };
    Some(UkNpm { score, less_healthy: score >= bound })
}

impl NpmTable {
    pub fn read(files: &Files<'_>) -> Result<Self, Problem> {
        let raw: RawTable = files.read(FILE)?;
        let sources = &raw.sources;
        sources.check(FILE, &raw.fruit.source)?;
        sources.check(FILE, &raw.rules.source)?;
        Ok(Self {
            energy: raw.a.energy.parse(FILE, 1, sources)?,
            saturates: raw.a.saturates.parse(FILE, 6, sources)?,
            sugars: raw.a.sugars.parse(FILE, 6, sources)?,
            sodium: raw.a.sodium.parse(FILE, 3, sources)?,
            fiber: raw.c.fiber.parse(FILE, 6, sources)?,
            protein: raw.c.protein.parse(FILE, 6, sources)?,
            fruit: fruit_points(FILE, &raw.fruit.above, &raw.fruit.points)?,
            rules: raw.rules,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    sources: Sources,
    a: RawA,
    c: RawC,
    fruit: RawFruit,
    rules: RawRules,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawA {
    energy: RawThresholds,
    saturates: RawThresholds,
    sugars: RawThresholds,
    sodium: RawThresholds,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawC {
    fiber: RawThresholds,
    protein: RawThresholds,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFruit {
    above: Vec<String>,
    points: Vec<i8>,
    source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRules {
    protein_below: i8,
    fruit_full: i8,
    less_healthy_food: i8,
    less_healthy_drink: i8,
    source: String,
}
