//! Reading the diets: TOML to rules, refusing what does not add up.

use std::collections::BTreeMap;

use odyssey_types::Nutrient;

use super::{
    Bound, DietRule, DietTable, Exception, ListProof, MedicalUse, NutrientTest, SnomedDiet, SnomedMeaning,
    TagProof, raw,
};
use crate::engine::{RuleRef, Status};
use crate::facts::{Diet, EvidenceKey, KeySet, keys_of_allergen};

/// Why the diets do not load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DietTableError {
    #[error("diets cannot be read: {0}")]
    Unreadable(String),
    #[error("diets: {place}: {problem}")]
    Invalid { place: String, problem: String },
}

pub(super) fn load(text: &str) -> Result<DietTable, DietTableError> {
    let raw: raw::Diets = toml::from_str(text).map_err(|e| DietTableError::Unreadable(e.to_string()))?;
    let mut rules: BTreeMap<u8, DietRule> = BTreeMap::new();
    for diet in &raw.diet {
        let rule = rule(diet, &raw)?;
        if rules.insert(rule.diet as u8, rule).is_some() {
            return invalid(&diet.id, "stands twice");
        }
    }
    if let Some(missing) = Diet::ALL.iter().find(|d| !rules.contains_key(&(**d as u8))) {
        return invalid(missing.code(), "has no rule");
    }
    Ok(DietTable { rules: rules.into_values().collect(), snomed: snomed(&raw.snomed)? })
}

fn invalid<T>(place: &str, problem: impl Into<String>) -> Result<T, DietTableError> {
    Err(DietTableError::Invalid { place: place.to_owned(), problem: problem.into() })
}

fn rule(raw: &raw::Diet, all: &raw::Diets) -> Result<DietRule, DietTableError> {
    let place = raw.id.as_str();
    let diet = diet(place, place)?;
    let mut terms = vec![diet];
    for other in &raw.terms {
        terms.push(self::diet(place, other)?);
    }
    let rule = DietRule {
        diet,
        excludes: keys(place, &raw.excludes)?,
        doubts: keys(place, &raw.doubts)?,
        list_without: keys(place, &raw.list_without)?,
        together: raw
            .together
            .iter()
            .map(|t| Ok((keys(place, &t.one)?, keys(place, &t.other)?)))
            .collect::<Result<_, _>>()?,
        terms,
        exceptions: raw.except.iter().map(|e| exception(place, e)).collect::<Result<_, _>>()?,
        tests: raw.test.iter().map(|t| test(place, t)).collect::<Result<_, _>>()?,
        list: raw.list,
        tag: raw.tag,
        certificate: raw.certificate,
        exempt_is_doubt: raw.exempt_is_doubt,
        process: raw.process,
        pattern: raw.pattern,
        free_of: keys(place, &raw.free_of)?,
        medical: raw.medical.as_ref().map(|m| medical(place, m)).transpose()?,
        source: source(raw, all)?,
    };
    check(place, &rule)?;
    Ok(rule)
}

fn check(place: &str, rule: &DietRule) -> Result<(), DietTableError> {
    if rule.source.status == Status::Unreviewed && rule.list != ListProof::Never {
        return invalid(place, "is general knowledge, so that no list may prove it");
    }
    if rule.process && (rule.list == ListProof::Complete || rule.tag == TagProof::Proves) {
        return invalid(place, "is a law of process, which neither a list nor a tag proves of animals");
    }
    if rule.process && rule.list != ListProof::Never && rule.list_without.is_empty() {
        return invalid(place, "is a law of process, so that a list proves it only `list_without` animals");
    }
    if let Some(stray) = rule.exceptions.iter().find(|e| !rule.excludes.contains(e.key)) {
        return invalid(
            place,
            format!("has an exception to {}, which it does not exclude", stray.key.code()),
        );
    }
    if !rule.free_of.without(rule.excludes).is_empty() {
        return invalid(place, "is free of a key that it does not exclude");
    }
    Ok(())
}

fn source(raw: &raw::Diet, all: &raw::Diets) -> Result<RuleRef, DietTableError> {
    let Some(citation) = all.sources.get(&raw.source) else {
        return invalid(&raw.id, format!("names the unknown source `{}`", raw.source));
    };
    Ok(RuleRef {
        rule: format!("diet.{}", raw.id),
        version: all.version.clone(),
        citation: citation.clone(),
        status: raw.status,
    })
}

fn diet(place: &str, code: &str) -> Result<Diet, DietTableError> {
    match Diet::from_code(code) {
        Some(diet) => Ok(diet),
        None => invalid(place, format!("`{code}` is not a diet")),
    }
}

fn key(place: &str, code: &str) -> Result<EvidenceKey, DietTableError> {
    match EvidenceKey::from_code(code) {
        Some(key) => Ok(key),
        None => invalid(place, format!("`{code}` is not a key")),
    }
}

fn keys(place: &str, codes: &[String]) -> Result<KeySet, DietTableError> {
    let mut keys = KeySet::EMPTY;
    for code in codes {
        keys.insert(key(place, code)?);
    }
    Ok(keys)
}

fn exception(place: &str, raw: &raw::Except) -> Result<Exception, DietTableError> {
    Ok(Exception { key: key(place, &raw.key)?, terms: raw.terms.clone() })
}

fn medical(place: &str, raw: &raw::Medical) -> Result<MedicalUse, DietTableError> {
    if keys_of_allergen(&raw.allergen).is_none() {
        return invalid(place, format!("`{}` is not an allergen", raw.allergen));
    }
    Ok(MedicalUse { allergen: raw.allergen.clone(), severity: raw.severity })
}

fn test(place: &str, raw: &raw::Test) -> Result<NutrientTest, DietTableError> {
    Ok(match raw {
        raw::Test::Amount { nutrient, at_most, below, at_least } => {
            let bound = match (at_most, below, at_least) {
                (Some(text), None, None) => Bound::AtMost(amount(place, *nutrient, text)?),
                (None, Some(text), None) => Bound::Below(amount(place, *nutrient, text)?),
                (None, None, Some(text)) => Bound::AtLeast(amount(place, *nutrient, text)?),
                _ => return invalid(place, "needs exactly one of `at_most`, `below` and `at_least`"),
            };
            NutrientTest::Amount { nutrient: *nutrient, bound }
        }
        raw::Test::Density { nutrient, at_most_per_100_g, at_most_per_100_ml } => NutrientTest::Density {
            nutrient: *nutrient,
            at_most_per_100_g: amount(place, *nutrient, at_most_per_100_g)?,
            at_most_per_100_ml: amount(place, *nutrient, at_most_per_100_ml)?,
        },
        raw::Test::EnergyShare { nutrient, below_percent } => {
            if kcal_per_gram(*nutrient).is_none() {
                return invalid(place, format!("{nutrient} has no share of energy"));
            }
            let below_percent = percent(place, *below_percent)?;
            NutrientTest::EnergyShare { nutrient: *nutrient, below_percent }
        }
        raw::Test::Ketogenic {
            net_carbohydrate_below_percent,
            fat_at_least_percent,
            shares_from_kcal,
            net_carbohydrate_below_g,
        } => NutrientTest::Ketogenic {
            net_carbohydrate_below_percent: percent(place, *net_carbohydrate_below_percent)?,
            fat_at_least_percent: percent(place, *fat_at_least_percent)?,
            shares_from_joules: amount(place, Nutrient::Energy, shares_from_kcal)?,
            net_carbohydrate_below: amount(place, Nutrient::Carbohydrate, net_carbohydrate_below_g)?,
        },
    })
}

/// Energy in a gram, for shares of energy (4-4-9).
pub(crate) const fn kcal_per_gram(nutrient: Nutrient) -> Option<i64> {
    match nutrient {
        Nutrient::Fat => Some(9),
        Nutrient::Carbohydrate | Nutrient::Protein => Some(4),
        _ => None,
    }
}

fn percent(place: &str, percent: i64) -> Result<i64, DietTableError> {
    if (1..=100).contains(&percent) {
        Ok(percent)
    } else {
        invalid(place, format!("`{percent}` is not a share of energy"))
    }
}

fn amount(place: &str, nutrient: Nutrient, text: &str) -> Result<i64, DietTableError> {
    match nutrient.parse_rounding(text) {
        Ok((stored, true)) if stored > 0 => Ok(stored),
        Ok(_) => invalid(place, format!("`{text}` is not a positive amount of {nutrient} in its own steps")),
        Err(e) => invalid(place, format!("`{text}` {e}")),
    }
}

fn snomed(raw: &[raw::Snomed]) -> Result<Vec<SnomedDiet>, DietTableError> {
    let mut codes = Vec::with_capacity(raw.len());
    for row in raw {
        let place = row.code.as_str();
        if !place.bytes().all(|b| b.is_ascii_digit()) || place.len() < 6 {
            return invalid(place, "is not a SNOMED CT id");
        }
        let meaning = match (&row.diet, &row.allergen) {
            (Some(code), None) => Some(SnomedMeaning::Diet(diet(place, code)?)),
            (None, Some(code)) if keys_of_allergen(code).is_some() => {
                Some(SnomedMeaning::Allergen(code.clone()))
            }
            (None, None) => None,
            _ => return invalid(place, "means one diet, or one allergen that we know"),
        };
        codes.push(SnomedDiet { code: row.code.clone(), display: row.display.clone(), meaning });
    }
    codes.sort_by(|a, b| a.code.cmp(&b.code));
    if let Some(twice) = codes.windows(2).find(|w| w[0].code == w[1].code) {
        return invalid(&twice[0].code, "stands twice");
    }
    Ok(codes)
}
