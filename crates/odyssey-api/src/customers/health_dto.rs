//! Health profiles as they go out. No `Debug`: it is health data.

use chrono::{DateTime, Utc};
use odyssey_domain::customers::HealthRecord;
use odyssey_matching::{DailyLimit, Derived};
use odyssey_types::{CustomerId, HealthProfile};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::problem::Problem;

/// A health profile and what derives from it. What is missing is absent and never filled in.
#[derive(Serialize, ToSchema)]
pub(super) struct HealthDto {
    #[schema(value_type = Uuid)]
    pub customer_id: CustomerId,
    #[schema(value_type = HealthProfile)]
    pub profile: Value,
    pub derived: DerivedDto,
    /// 0 where nothing has been recorded yet.
    pub row_version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime<Utc>>,
    /// When a person last edited the profile; absent when an import wrote it since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<DateTime<Utc>>,
}

/// What follows from a profile. A figure is absent where something that it needs is missing.
#[derive(Serialize, ToSchema)]
pub(super) struct DerivedDto {
    /// Version of the rules whose formulas were used.
    pub formula_version: String,
    /// From the birth date where there is one, else as stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_years: Option<u8>,
    /// Body mass index, kg/m².
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub bmi: Option<odyssey_types::Fixed<1>>,
    /// `underweight`, `healthy`, `overweight` or `obesity1` to `obesity3`; adults only.
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schema(value_type = Option<String>)]
    pub bmi_class: Value,
    /// Resting energy, kcal per day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bmr_kcal: Option<i64>,
    /// Total energy, kcal per day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tdee_kcal: Option<i64>,
    /// The energy to aim at, kcal per day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_target_kcal: Option<i64>,
    pub daily_limits: Vec<DailyLimitDto>,
    /// Shares of energy that are advised at this age; absent without an age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub macro_range: Option<MacroRangeDto>,
    /// Figures that were taken but are unlikely, to be looked at.
    pub warnings: Vec<ProfileWarningDto>,
    /// `DRV_…` codes that say how the figures came about.
    pub notes: Vec<&'static str>,
}

/// Shares of energy, in percent: the lowest and the highest that are advised.
#[derive(Serialize, ToSchema)]
pub(super) struct MacroRangeDto {
    pub carbohydrate_pct: [u8; 2],
    pub protein_pct: [u8; 2],
    pub fat_pct: [u8; 2],
}

/// A figure that was taken but is unlikely.
#[derive(Serialize, ToSchema)]
pub(super) struct ProfileWarningDto {
    /// JSON pointer into the profile: `/height_cm`.
    pub pointer: &'static str,
    /// `unlikely`.
    pub code: &'static str,
    pub detail: String,
}

/// One amount per day, in the unit that the nutrient's name ends with.
#[derive(Serialize, ToSchema)]
pub(super) struct DailyLimitDto {
    pub nutrient: &'static str,
    /// `cap` (not more than), `target` (good to reach) or `min` (the least a diet should bring).
    #[schema(value_type = String)]
    pub kind: Value,
    pub amount: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ideal: Option<f64>,
    /// Id of the rule: `htn.sodium`.
    pub rule: String,
    /// Version of the rules it is part of.
    pub rule_version: String,
    /// Where the rule comes from.
    pub source: String,
    /// How well the rule is founded: `sourced`, `policy`, …
    #[schema(value_type = String)]
    pub rule_status: Value,
}

impl HealthDto {
    pub(super) fn new(record: HealthRecord) -> Result<Self, Problem> {
        Ok(Self {
            customer_id: record.customer_id,
            profile: without_nulls(json(record.profile.expose())?),
            derived: DerivedDto::new(record.derived.into_exposed())?,
            row_version: record.row_version,
            updated_at: record.updated_at,
            edited_at: record.edited_at,
        })
    }
}

impl DerivedDto {
    fn new(derived: Derived) -> Result<Self, Problem> {
        Ok(Self {
            formula_version: derived.formula_version,
            age_years: derived.age_years,
            bmi: derived.bmi,
            bmi_class: json(&derived.bmi_class)?,
            bmr_kcal: derived.bmr_kcal,
            tdee_kcal: derived.tdee_kcal,
            energy_target_kcal: derived.energy_target_kcal,
            daily_limits: derived
                .daily_limits
                .into_iter()
                .map(DailyLimitDto::new)
                .collect::<Result<_, _>>()?,
            macro_range: derived.macro_range.map(|range| MacroRangeDto {
                carbohydrate_pct: range.carbohydrate.into(),
                protein_pct: range.protein.into(),
                fat_pct: range.fat.into(),
            }),
            warnings: derived
                .warnings
                .into_iter()
                .map(|w| ProfileWarningDto { pointer: w.pointer, code: w.code, detail: w.detail })
                .collect(),
            notes: derived.notes,
        })
    }
}

impl DailyLimitDto {
    fn new(limit: DailyLimit) -> Result<Self, Problem> {
        // The text of an amount is a decimal number, so it reads as one.
        let number = |stored| limit.nutrient.render(stored).parse::<f64>().unwrap_or_default();
        Ok(Self {
            nutrient: limit.nutrient.field(),
            kind: json(&limit.kind)?,
            amount: number(limit.amount),
            ideal: limit.ideal.map(number),
            rule: limit.rule.rule,
            rule_version: limit.rule.version,
            source: limit.rule.citation,
            rule_status: json(&limit.rule.status)?,
        })
    }
}

pub(super) fn json(value: &impl Serialize) -> Result<Value, Problem> {
    serde_json::to_value(value).map_err(|error| Problem::internal(&error))
}

/// The fields that are known.
pub(super) fn without_nulls(profile: Value) -> Value {
    match profile {
        Value::Object(fields) => {
            Value::Object(fields.into_iter().filter(|(_, value)| !value.is_null()).collect())
        }
        other => other,
    }
}
