//! Nutrients on both bases: per 100 g or ml, and per reference amount.

use odyssey_types::{
    Fixed, Jurisdiction, Nutrient, Nutrients, Nutrition, NutritionBasis, ProductFields, ServingSize,
};

use super::evidence::Collector;
use super::plausibility::{FindingSeverity, check_nutrition_of};
use super::racc::Racc;
use super::serving_text;
use super::tables::Tables;
use crate::facts::ReferenceSource;

/// 100 g in micrograms, and 100 ml in nanolitres.
const HUNDRED: i64 = 100_000_000;

/// Nutrition as facts.
#[derive(Debug)]
pub(super) struct NutrientFacts {
    pub per_100: Nutrients,
    pub per_reference: Nutrients,
    pub reference_amount: i64,
    /// The smaller of labelled serving and customary amount, where both are known.
    pub least_amount: i64,
    pub reference_source: ReferenceSource,
    pub is_volume: bool,
    /// As declared, without impossible amounts.
    pub nutrition: Option<Nutrition>,
    /// The labelled serving and the customary amount, each with whether it is a volume.
    pub serving: Option<(i64, bool)>,
    pub racc: Option<(i64, bool)>,
}

/// Amounts per 100 g or ml, and whether it is ml; `None` where the basis cannot be converted.
pub(super) fn per_100(nutrition: &Nutrition, serving: Option<&ServingSize>) -> Option<(Nutrients, bool)> {
    match nutrition.basis {
        NutritionBasis::Per100g => Some((nutrition.amounts.clone(), false)),
        NutritionBasis::Per100ml => Some((nutrition.amounts.clone(), true)),
        NutritionBasis::PerServing => {
            let (amount, is_volume) = serving_amount(serving?)?;
            Some((nutrition.amounts.scaled(HUNDRED, amount)?, is_volume))
        }
    }
}

/// The declared serving; where only its words are given, with the amount that they name
/// (`DQ_SERVING_FROM_TEXT`).
fn serving(fields: &ProductFields, collector: &mut Collector) -> Option<ServingSize> {
    let serving = fields.serving_size.as_ref()?;
    if serving.amount_g.is_some() || serving.amount_ml.is_some() {
        return Some(serving.clone());
    }
    let text = serving.text.as_deref().unwrap_or_default();
    let Some((amount, is_volume)) = serving_text::amount(text) else { return Some(serving.clone()) };
    collector.issue("DQ_SERVING_FROM_TEXT", "serving_size", text);
    let (mass, volume) = if is_volume { (None, Some(amount)) } else { (Some(amount), None) };
    Some(ServingSize { amount_g: mass.map(Fixed), amount_ml: volume.map(Fixed), text: serving.text.clone() })
}

/// The serving as µg or nl; mass where both are given.
fn serving_amount(serving: &ServingSize) -> Option<(i64, bool)> {
    let mass = serving.amount_g.map(|Fixed(v)| (v, false));
    mass.or(serving.amount_ml.map(|Fixed(v)| (v, true))).filter(|(v, _)| *v > 0)
}

pub(super) fn derive(fields: &ProductFields, tables: &Tables, collector: &mut Collector) -> NutrientFacts {
    let racc = category_racc(fields, tables);
    let serving = serving(fields, collector);
    let serving = serving.as_ref();
    let nutrition = fields.nutrition.as_ref().map(|n| plausible(n, serving, fields, collector));
    let basis = nutrition.as_ref().and_then(|n| per_100(n, serving));
    let is_volume = match (&basis, serving.and_then(serving_amount)) {
        (Some((_, is_volume)), _) => *is_volume,
        (None, Some((_, is_volume))) => is_volume,
        (None, None) => racc.is_some_and(|r| r.is_volume),
    };
    let Reference { amount, least, source } = reference(serving, racc, is_volume, collector);
    let per_reference = per_reference(nutrition.as_ref(), serving, basis.as_ref(), amount);
    NutrientFacts {
        per_100: basis.map(|(amounts, _)| amounts).unwrap_or_default(),
        per_reference,
        reference_amount: amount,
        least_amount: least,
        reference_source: source,
        is_volume,
        serving: serving.and_then(serving_amount),
        racc: racc.map(|r| (r.amount, r.is_volume)),
        nutrition,
    }
}

fn category_racc(fields: &ProductFields, tables: &Tables) -> Option<Racc> {
    let of = |code: &Option<String>| code.as_deref().and_then(|c| tables.racc.of_category(c));
    of(&fields.sub_category_id).or_else(|| of(&fields.category_id))
}

/// Amounts without the impossible ones, and with sodium where only salt is declared.
fn plausible(
    nutrition: &Nutrition,
    serving: Option<&ServingSize>,
    fields: &ProductFields,
    collector: &mut Collector,
) -> Nutrition {
    let mut plausible = nutrition.clone();
    let findings = check_nutrition_of(nutrition, serving, fields.label_jurisdiction);
    for finding in findings {
        let value = format!("{}: {}", finding.nutrient.field(), finding.code);
        collector.issue("DQ_NUTRIENT_IMPLAUSIBLE", "nutrition", value);
        if finding.severity == FindingSeverity::Reject {
            plausible.amounts.set(finding.nutrient, None);
        }
    }
    let amounts = &mut plausible.amounts;
    if let (None, Some(salt)) = (amounts.get(Nutrient::Sodium), amounts.get(Nutrient::Salt)) {
        amounts.set(Nutrient::Sodium, Some(sodium_of_salt(salt, fields.label_jurisdiction)));
    }
    plausible
}

/// Sodium of declared salt. North American salt is sodium chloride: × 22.99 / 58.44 = 0.3934. The EU
/// declares salt as sodium × 2.5 (Regulation 1169/2011, Annex I), so sodium is salt ÷ 2.5; an unknown
/// label is read so too, which gives the larger, stricter figure.
fn sodium_of_salt(salt: i64, jurisdiction: Jurisdiction) -> i64 {
    let permyriad = match jurisdiction {
        Jurisdiction::Us | Jurisdiction::Ca => 3934,
        _ => 4000,
    };
    i64::try_from((i128::from(salt) * permyriad + 5000) / 10_000).unwrap_or(i64::MAX)
}

/// The larger and the smaller of labelled serving and customary amount, in the unit of the basis.
struct Reference {
    amount: i64,
    least: i64,
    source: ReferenceSource,
}

fn reference(
    serving: Option<&ServingSize>,
    racc: Option<Racc>,
    is_volume: bool,
    collector: &mut Collector,
) -> Reference {
    let water_like = racc.is_some_and(|r| r.water_like);
    let mut density_assumed = false;
    let mut same_unit = |amount: i64, volume: bool| {
        if volume == is_volume {
            return Some(amount);
        }
        // One millilitre is taken as one gram only for what is nearly water.
        density_assumed |= water_like;
        water_like.then_some(amount)
    };
    let serving = serving.and_then(|s| {
        let wanted = if is_volume { s.amount_ml } else { s.amount_g };
        let other = if is_volume { s.amount_g } else { s.amount_ml };
        let exact = wanted.and_then(|Fixed(v)| same_unit(v, is_volume));
        exact.or_else(|| other.and_then(|Fixed(v)| same_unit(v, !is_volume))).filter(|v| *v > 0)
    });
    let racc = racc.and_then(|r| same_unit(r.amount, r.is_volume));
    if density_assumed {
        collector.issue("DQ_DENSITY_ASSUMED", "serving_size", "1 ml as 1 g");
    }
    let (amount, source) = match (serving, racc) {
        (Some(serving), Some(racc)) if racc > serving => (racc, ReferenceSource::Racc),
        (Some(serving), _) => (serving, ReferenceSource::Serving),
        (None, Some(racc)) => (racc, ReferenceSource::Racc),
        (None, None) => {
            let unit = if is_volume { "100 ml" } else { "100 g" };
            collector.issue("DQ_SERVING_ASSUMED", "serving_size", unit);
            (HUNDRED, ReferenceSource::Assumed)
        }
    };
    let least = serving.into_iter().chain(racc).min().unwrap_or(amount);
    Reference { amount, least, source }
}

/// Scaled from the declared basis in one step, so that a serving that is the reference amount keeps
/// its declared figures.
fn per_reference(
    nutrition: Option<&Nutrition>,
    serving: Option<&ServingSize>,
    basis: Option<&(Nutrients, bool)>,
    amount: i64,
) -> Nutrients {
    let (Some(nutrition), Some((per_100, _))) = (nutrition, basis) else { return Nutrients::default() };
    let scaled = match (nutrition.basis, serving.and_then(serving_amount)) {
        (NutritionBasis::PerServing, Some((serving, _))) => nutrition.amounts.scaled(amount, serving),
        _ => per_100.scaled(amount, HUNDRED),
    };
    scaled.unwrap_or_default()
}
