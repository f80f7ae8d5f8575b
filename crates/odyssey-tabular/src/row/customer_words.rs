//! The words and codes of customer files: closed lists, diets, limits.

use odyssey_types::{
    ActivityLevel, CustomerStatus, DietEntry, ExplicitLimit, HealthProfile, LimitPeriod, Nutrient,
    ReproductiveStatus, Sex,
};

use super::context::Context;
use crate::error::RowErrorCode;
use crate::value::text::{code_form, is_placeholder, read_list};

/// `vegan`, `halal:religious`.
pub(super) fn read_diets(entries: &[String]) -> Vec<DietEntry> {
    let mut diets: Vec<DietEntry> = Vec::new();
    for entry in entries.iter().filter(|e| !is_placeholder(e)) {
        let (diet, kind) =
            entry.rsplit_once(':').map_or((entry.as_str(), None), |(d, k)| (d, Some(code_form(k))));
        let kind = kind.and_then(|k| odyssey_types::DietKind::parse(&k));
        let diet = code_form(diet);
        if !diet.is_empty() && !diets.iter().any(|d| d.diet == diet) {
            diets.push(DietEntry { diet, kind, refuse_may_contain: false, never: false });
        }
    }
    diets
}

/// `sodium_mg<=600/serving; sugars_g<=25/day`, or a JSON array as our API writes it.
pub(super) fn read_limits(row: &mut Context<'_>, profile: &mut HealthProfile, column: usize, cell: &str) {
    if cell.starts_with('[') {
        match serde_json::from_str::<Vec<ExplicitLimit>>(cell) {
            Ok(limits) => profile.limits = limits,
            Err(_) => row.fail(RowErrorCode::EnumUnknown, Some(column), cell),
        }
        return;
    }
    for entry in read_list(cell) {
        match read_limit(&entry) {
            Some(limit) => profile.limits.push(limit),
            None => row.fail(RowErrorCode::EnumUnknown, Some(column), &entry),
        }
    }
}

pub(super) fn read_limit(entry: &str) -> Option<ExplicitLimit> {
    let (nutrient, rest) = entry.split_once("<=").or_else(|| entry.split_once('≤'))?;
    let (max, period) = rest.split_once('/')?;
    let nutrient = Nutrient::from_field(nutrient.trim())?;
    let (max, _) = nutrient.parse_rounding(max.trim()).ok()?;
    let period = match code_form(period).as_str() {
        "100" | "100g" => LimitPeriod::Per100,
        other => LimitPeriod::parse(other)?,
    };
    (max >= 0).then_some(ExplicitLimit { nutrient, max, period })
}

pub(super) fn status(code: &str) -> Option<CustomerStatus> {
    match code {
        "true" | "1" | "yes" | "enabled" => Some(CustomerStatus::Active),
        "false" | "0" | "no" | "disabled" | "cancelled" | "canceled" | "deceased" => {
            Some(CustomerStatus::Inactive)
        }
        other => CustomerStatus::parse(other),
    }
}

pub(super) fn sex(code: &str) -> Option<Sex> {
    match code {
        "f" | "woman" | "w" => Some(Sex::Female),
        "m" | "man" => Some(Sex::Male),
        "u" | "x" | "o" | "other" | "unknown" | "nonbinary" | "non_binary" | "diverse"
        | "prefer_not_to_say" => Some(Sex::Unspecified),
        other => Sex::parse(other),
    }
}

pub(super) fn activity(code: &str) -> Option<ActivityLevel> {
    match code {
        "inactive" | "none" => Some(ActivityLevel::Sedentary),
        "lightly_active" | "low" | "low_active" => Some(ActivityLevel::Light),
        "moderately_active" | "medium" => Some(ActivityLevel::Moderate),
        "very_active" | "high" => Some(ActivityLevel::Very),
        "extra_active" | "extremely_active" | "athlete" => Some(ActivityLevel::Extra),
        other => ActivityLevel::parse(other),
    }
}

pub(super) fn reproductive(code: &str) -> Option<ReproductiveStatus> {
    match code {
        "yes" | "true" | "pregnancy" => Some(ReproductiveStatus::Pregnant),
        "lactation" | "breastfeeding" | "nursing" => Some(ReproductiveStatus::Lactating),
        "no" | "false" | "none" | "not_pregnant" => Some(ReproductiveStatus::Neither),
        other => ReproductiveStatus::parse(other),
    }
}
