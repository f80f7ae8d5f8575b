//! A customer's identity and health profile, as written. Health data: held in `Phi`, stored sealed.

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::fixed::{parse_json_number, serialize_fixed};
use crate::label::codes;
use crate::{Fixed, Nutrient};

codes! {
    /// Sex for the energy formulas. `unspecified` uses the mean of both (`DRV_SEX_MEAN`).
    Sex { Female = "female", Male = "male", Unspecified = "unspecified" }
}

codes! {
    /// Usual physical activity.
    ActivityLevel {
        Sedentary = "sedentary", Light = "light", Moderate = "moderate", Very = "very", Extra = "extra",
    }
}

codes! {
    /// How badly an allergen harms. A missing severity is read as `allergy`.
    AllergySeverity {
        Anaphylaxis = "anaphylaxis", Allergy = "allergy", Intolerance = "intolerance", Preference = "preference",
    }
}

codes! {
    /// Which evidence an allergen gate acts on, from loosest to strictest.
    Strictness {
        Contains = "contains", MayContain = "may_contain", Facility = "facility", ConfirmedFree = "confirmed_free",
    }
}

codes! {
    /// Why a diet is kept: a preference is a gate only with `never`.
    DietKind { Medical = "medical", Religious = "religious", Ethical = "ethical", Preference = "preference" }
}

codes! {
    /// Where a code comes from. `text` is free text that nobody has mapped.
    CodeSystem { Icd10Cm = "icd10cm", Snomed = "snomed", RxNorm = "rxnorm", Template = "template", Text = "text" }
}

codes! {
    /// Pregnancy and lactation.
    ReproductiveStatus { Pregnant = "pregnant", Lactating = "lactating", Neither = "neither" }
}

codes! {
    /// The span an explicit limit is counted over.
    LimitPeriod { Serving = "serving", Per100 = "per_100", Day = "day" }
}

codes! {
    /// The equation of a person's energy: Mifflin-St Jeor with an activity factor, or the estimated energy
    /// requirement of the Dietary Reference Intakes 2023 (`DRV_EER`). Adults choose; below 19 years, in pregnancy and in
    /// lactation only the latter holds.
    EnergyFormula { Mifflin = "mifflin", Eer2023 = "eer_2023" }
}

codes! {
    /// The dietary guidelines whose limits hold for everybody: those of 2020-2025 (the default), or 2025-2030.
    Guideline { Dga2020 = "dga_2020", Dga2025 = "dga_2025" }
}

codes! {
    /// Whether the vendor still serves the customer.
    CustomerStatus { Active = "active", Inactive = "inactive" }
}

/// An allergen to avoid.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AllergyEntry {
    /// Allergen code (`peanut`, `tree_nut.almond`, `gluten`); `None` when nobody has mapped it yet,
    /// which blocks matching until somebody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allergen: Option<String>,
    /// The words it was recorded in, kept for display and for mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<AllergySeverity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strictness: Option<Strictness>,
    /// Opt-in: exempt derivatives (highly refined oil) are let through with a caution.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exempt_allowed: bool,
    /// A preference that is a gate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub never: bool,
    /// Opt-in: an allergy to one tree nut (`tree_nut.almond`) leaves the others to a warning; without it the
    /// whole group is avoided.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub species_only: bool,
}

/// A diagnosis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ConditionEntry {
    pub system: CodeSystem,
    /// ICD-10-CM (with or without dot), SNOMED CT id, or template id; the words when `system` is `text`.
    pub code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
}

/// A medication taken now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MedicationEntry {
    /// RxNorm concept id of the ingredient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rxnorm: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A diet that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DietEntry {
    /// Diet code: `vegan`, `halal`, `gluten_free`.
    pub diet: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<DietKind>,
    /// Refuse precautionary statements as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refuse_may_contain: bool,
    /// A preference that is a gate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub never: bool,
}

/// A ceiling the customer or a clinician set. In JSON `max` is in the nutrient's own unit:
/// `{"nutrient": "sodium_mg", "max": 600, "period": "serving"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplicitLimit {
    pub nutrient: Nutrient,
    /// µg (energy: J).
    pub max: i64,
    pub period: LimitPeriod,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplicitLimitJson<N> {
    nutrient: Nutrient,
    max: N,
    period: LimitPeriod,
}

struct Steps(i64, u32);

impl Serialize for Steps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_fixed(self.0, self.1, serializer)
    }
}

impl Serialize for ExplicitLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let unit = self.nutrient.unit();
        let max = Steps(unit.steps_of_stored(self.max), unit.digits());
        ExplicitLimitJson { nutrient: self.nutrient, max, period: self.period }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ExplicitLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = ExplicitLimitJson::<f64>::deserialize(deserializer)?;
        let unit = json.nutrient.unit();
        let steps = parse_json_number(json.max, unit.digits())
            .map_err(|e| de::Error::custom(format!("`max` {e}")))?;
        if steps < 0 {
            return Err(de::Error::custom("`max` must not be negative"));
        }
        Ok(Self { nutrient: json.nutrient, max: unit.stored_of_steps(steps), period: json.period })
    }
}

/// Wanted shares of energy, in percent; together 98 to 102.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MacroTargets {
    pub protein_pct: Fixed<1>,
    pub fat_pct: Fixed<1>,
    pub carbohydrate_pct: Fixed<1>,
}

/// A decision of a clinician or the person about one rule that may be overridden: what it excludes is let
/// through with a caution. Hard rules and anaphylaxis cannot be overridden.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RuleOverride {
    /// Id of the rule: `hyperkalaemia.potassium_salt`. With `.traces` behind the id of a metabolic or coeliac
    /// rule, only precautionary statements are let through.
    pub rule: String,
    /// Who decided, in words.
    pub by: String,
    /// Why, in words.
    pub reason: String,
    /// The day it was decided.
    pub on: NaiveDate,
}

/// The health profile as written. Absent is unknown; nothing is ever filled in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct HealthProfile {
    /// Finest step 0.1 cm.
    pub height_cm: Option<Fixed<1>>,
    /// Finest step 1 g.
    pub weight_kg: Option<Fixed<3>>,
    /// Used where the customer has no birth date.
    pub age_years: Option<u8>,
    pub sex: Option<Sex>,
    pub activity_level: Option<ActivityLevel>,
    pub reproductive_status: Option<ReproductiveStatus>,
    pub gestation_weeks: Option<u8>,
    /// Weight before the pregnancy, for the body mass index and the energy of a pregnancy. Finest step 1 g.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_pregnancy_weight_kg: Option<Fixed<3>>,
    pub allergies: Vec<AllergyEntry>,
    pub conditions: Vec<ConditionEntry>,
    pub medications: Vec<MedicationEntry>,
    pub diets: Vec<DietEntry>,
    pub limits: Vec<ExplicitLimit>,
    /// Goal codes: `weight_loss`, `more_fiber`, …
    pub goals: Vec<String>,
    pub macro_targets: Option<MacroTargets>,
    /// Wanted energy per day, kcal.
    pub energy_target_kcal: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_formula: Option<EnergyFormula>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guideline: Option<Guideline>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<RuleOverride>,
    pub liked_brands: Vec<String>,
    pub disliked_brands: Vec<String>,
    pub liked_categories: Vec<String>,
    pub disliked_categories: Vec<String>,
}

impl HealthProfile {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A customer's identity and contact, as written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct CustomerIdentity {
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub birth_date: Option<NaiveDate>,
    pub address: Option<String>,
    pub member_number: Option<String>,
    pub tags: Vec<String>,
    pub notes: Option<String>,
}
