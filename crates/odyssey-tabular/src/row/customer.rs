//! A customer row, read once.

use chrono::{Datelike, NaiveDate};
use odyssey_types::{
    ActivityLevel, CustomerIdentity, CustomerStatus, DietEntry, ExplicitLimit, Fixed, HealthProfile,
    LimitPeriod, MacroTargets, Nutrient, Phi, ReproductiveStatus, Sex,
};

use super::RowSettings;
use super::codes::{read_conditions, read_medications};
use super::context::{Context, source_bytes};
use super::sealed::Parse;
use crate::error::{RejectedRow, RowErrorCode, RowWarning, WarningCode};
use crate::first_seen::FirstSeen;
use crate::limits::{LIST_MAX, LONG_TEXT_MAX, SHORT_TEXT_MAX};
use crate::target::{Target, TargetSet};
use crate::unit::Unit;
use crate::value::allergens::read_allergies;
use crate::value::number::read_number;
use crate::value::text::{code_form, is_placeholder, read_bool, read_list};

/// What the consent columns of a row say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConsentColumns {
    /// Consent to the use of health data: given, refused or withdrawn, or not stated.
    pub granted: Option<bool>,
    pub at: Option<NaiveDate>,
    pub version: Option<String>,
}

/// A customer row that was taken; after it nobody sees a raw text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerRow {
    /// 1-based number of the data row.
    pub row: u64,
    /// 1-based line of the decoded file where the row begins.
    pub line: u64,
    /// Trimmed, NFC, case-sensitive, leading zeros kept.
    pub external_id: Phi<String>,
    pub identity: Phi<CustomerIdentity>,
    pub profile: Phi<HealthProfile>,
    /// `None`: not stated.
    pub status: Option<CustomerStatus>,
    pub consent: ConsentColumns,
    /// The targets that the file has columns for: what is not present is to be kept as it is stored,
    /// what is present and empty is unknown.
    pub present: TargetSet,
    pub warnings: Vec<RowWarning>,
    /// The mapped part of the source row, to be hashed under the vendor's key.
    pub source: Phi<Vec<u8>>,
}

/// Parts of fields that several columns make together.
#[derive(Default)]
struct Parts {
    first_name: Option<String>,
    last_name: Option<String>,
    street: Option<String>,
    city: Option<String>,
    region: Option<String>,
    postal_code: Option<String>,
    country: Option<String>,
    protein: Option<Fixed<1>>,
    fat: Option<Fixed<1>>,
    carbohydrate: Option<Fixed<1>>,
    died: bool,
}

/// Everything that is read of a row.
#[derive(Default)]
struct Draft {
    external_id: Option<String>,
    identity: CustomerIdentity,
    profile: HealthProfile,
    status: Option<CustomerStatus>,
    consent: ConsentColumns,
    parts: Parts,
}

impl Parse for CustomerRow {
    fn parse(
        mut row: Context<'_>,
        settings: &RowSettings,
        seen: &mut FirstSeen,
    ) -> Result<Self, RejectedRow> {
        let mut draft = Draft::default();
        if row.readable() {
            let plan = row.plan;
            for (target, columns) in &plan.targets {
                if let Some((column, cell)) = row.known(columns) {
                    read_cell(&mut row, &mut draft, *target, column, cell);
                }
            }
            draft.external_id = read_identity(&mut row, seen);
            join(&mut draft);
            super::person::check(&mut row, &draft.identity, &draft.profile, settings.as_of);
        }
        let (plan, record) = (row.plan, row.record);
        row.finish(|warnings| {
            Some(Self {
                row: record.number,
                line: record.line,
                external_id: Phi::new(draft.external_id?),
                identity: Phi::new(draft.identity),
                profile: Phi::new(draft.profile),
                status: draft.status,
                consent: draft.consent,
                present: plan.present,
                warnings,
                source: Phi::new(source_bytes(plan, record)),
            })
        })
    }

    fn note_identity(mut row: Context<'_>, seen: &mut FirstSeen) {
        if row.readable() {
            read_identity(&mut row, seen);
        }
    }
}

fn read_identity(row: &mut Context<'_>, seen: &mut FirstSeen) -> Option<String> {
    let columns =
        row.plan.targets.iter().find(|(target, _)| *target == Target::ExternalId).map(|(_, columns)| columns);
    let Some((column, cell)) = columns.and_then(|columns| row.known(columns)) else {
        row.fail(RowErrorCode::IdentityMissing, None, "");
        return None;
    };
    let identity = super::external_id(row, column, cell)?;
    if let Some(first) = seen.note(&identity, row.record.number) {
        row.fail_with(RowErrorCode::DuplicateInFile, Some(column), cell, None, Some(first));
    }
    Some(identity)
}

fn read_cell(row: &mut Context<'_>, draft: &mut Draft, target: Target, column: usize, cell: &str) {
    let short = SHORT_TEXT_MAX;
    let Draft { identity, profile, parts, consent, .. } = draft;
    match target {
        Target::Status => draft.status = row.code(column, cell, status),
        Target::FullName => identity.name = row.text(column, cell, short),
        Target::FirstName => parts.first_name = row.text(column, cell, short),
        Target::LastName => parts.last_name = row.text(column, cell, short),
        Target::Email => identity.email = row.text(column, cell, short),
        Target::Phone => identity.phone = row.text(column, cell, short),
        Target::BirthDate => identity.birth_date = row.date(column, cell),
        Target::DeathDate => parts.died = row.date(column, cell).is_some(),
        Target::Address => parts.street = row.text(column, cell, short),
        Target::City => parts.city = row.text(column, cell, short),
        Target::Region => parts.region = row.text(column, cell, short),
        Target::PostalCode => parts.postal_code = row.text(column, cell, short),
        Target::Country => parts.country = row.text(column, cell, short),
        Target::MemberNumber => identity.member_number = row.text(column, cell, short),
        Target::Tags => identity.tags = row.list(column, cell).unwrap_or_default(),
        Target::Notes => identity.notes = row.text(column, cell, LONG_TEXT_MAX),
        Target::Age => profile.age_years = whole(row, column, cell, 0, 120),
        Target::Sex => profile.sex = row.code(column, cell, sex),
        Target::Height => profile.height_cm = height(row, column, cell),
        Target::Weight => profile.weight_kg = weight(row, column, cell),
        Target::Activity => profile.activity_level = row.code(column, cell, activity),
        Target::Reproductive => profile.reproductive_status = row.code(column, cell, reproductive),
        Target::Gestation => profile.gestation_weeks = whole(row, column, cell, 1, 44),
        Target::Allergies => read_allergy_cell(row, profile, column, cell),
        Target::Conditions => {
            let Some(cell) = row.text(column, cell, LONG_TEXT_MAX) else { return };
            let (conditions, unmapped) = read_conditions(&cell);
            profile.conditions = within_list_limit(row, column, &cell, conditions);
            if unmapped {
                row.warn(WarningCode::ConditionUnmapped, Some(column));
            }
        }
        Target::Medications => {
            let Some(cell) = row.text(column, cell, LONG_TEXT_MAX) else { return };
            profile.medications = within_list_limit(row, column, &cell, read_medications(&cell));
        }
        Target::Diets => profile.diets = read_diets(&row.list(column, cell).unwrap_or_default()),
        Target::Limits => read_limits(row, profile, column, cell),
        Target::Goals => {
            profile.goals = row.list(column, cell).unwrap_or_default().iter().map(|g| code_form(g)).collect();
        }
        Target::ProteinShare => parts.protein = share(row, column, cell),
        Target::FatShare => parts.fat = share(row, column, cell),
        Target::CarbohydrateShare => parts.carbohydrate = share(row, column, cell),
        Target::EnergyTarget => profile.energy_target_kcal = whole(row, column, cell, 800, 6_000),
        Target::LikedBrands => profile.liked_brands = row.list(column, cell).unwrap_or_default(),
        Target::DislikedBrands => profile.disliked_brands = row.list(column, cell).unwrap_or_default(),
        Target::LikedCategories => profile.liked_categories = row.list(column, cell).unwrap_or_default(),
        Target::DislikedCategories => {
            profile.disliked_categories = row.list(column, cell).unwrap_or_default()
        }
        Target::Consent => match read_bool(cell) {
            Some(granted) => consent.granted = Some(granted),
            None => row.fail(RowErrorCode::EnumUnknown, Some(column), cell),
        },
        Target::ConsentAt => consent.at = row.date(column, cell),
        Target::ConsentVersion => consent.version = row.text(column, cell, short),
        // The identity is read apart; targets of products are never mapped in a customer file.
        _ => {}
    }
}

fn join(draft: &mut Draft) {
    let Draft { identity, profile, parts, status, .. } = draft;
    let joined = |parts: [&Option<String>; 5], between: &str| {
        let said: Vec<&str> = parts.into_iter().filter_map(|p| p.as_deref()).collect();
        (!said.is_empty()).then(|| said.join(between))
    };
    identity.name = identity
        .name
        .take()
        .or_else(|| joined([&parts.first_name, &parts.last_name, &None, &None, &None], " "));
    let place = [&parts.street, &parts.city, &parts.region, &parts.postal_code, &parts.country];
    identity.address = joined(place, ", ");
    if let (Some(protein_pct), Some(fat_pct), Some(carbohydrate_pct)) =
        (parts.protein, parts.fat, parts.carbohydrate)
    {
        profile.macro_targets = Some(MacroTargets { protein_pct, fat_pct, carbohydrate_pct });
    }
    if parts.died {
        *status = Some(CustomerStatus::Inactive);
    }
}

fn within_list_limit<T>(row: &mut Context<'_>, column: usize, cell: &str, list: Vec<T>) -> Vec<T> {
    if list.len() > LIST_MAX {
        row.fail(RowErrorCode::ListTooLong, Some(column), cell);
    }
    list
}

fn read_allergy_cell(row: &mut Context<'_>, profile: &mut HealthProfile, column: usize, cell: &str) {
    let Some(cell) = row.text(column, cell, LONG_TEXT_MAX) else { return };
    let (allergies, oddities) = read_allergies(&cell);
    // JSON objects that are none of ours must not be cut up into words.
    if cell.starts_with("[{")
        && allergies.iter().any(|a| a.allergen.is_none() && a.text.as_ref().is_some_and(|t| t.contains('{')))
    {
        row.fail(RowErrorCode::EnumUnknown, Some(column), &cell);
        return;
    }
    profile.allergies = within_list_limit(row, column, &cell, allergies);
    if oddities.none {
        row.warn(WarningCode::AllergensNone, Some(column));
    }
    if oddities.unmapped {
        row.warn(WarningCode::AllergenUnmapped, Some(column));
    }
    if oddities.not_food {
        row.warn(WarningCode::AllergyNotFood, Some(column));
    }
}

fn whole<T: TryFrom<i64>>(
    row: &mut Context<'_>,
    column: usize,
    cell: &str,
    least: i64,
    most: i64,
) -> Option<T> {
    let number = row.number(column, cell)?;
    match number.times((1, 1)) {
        Ok((value, exact)) if exact && (least..=most).contains(&value) => T::try_from(value).ok(),
        _ => {
            row.fail(RowErrorCode::ValueOutOfRange, Some(column), cell);
            None
        }
    }
}

/// Percent with one digit.
fn share(row: &mut Context<'_>, column: usize, cell: &str) -> Option<Fixed<1>> {
    let number = row.number(column, cell)?;
    match number.times((10, 1)) {
        Ok((value @ 0..=1000, _)) if matches!(number.unit, None | Some(Unit::Percent)) => Some(Fixed(value)),
        _ => {
            row.fail(RowErrorCode::ValueOutOfRange, Some(column), cell);
            None
        }
    }
}

/// `172`, `1.72 m`, `5'11"`, `5 ft 11 in`.
fn height(row: &mut Context<'_>, column: usize, cell: &str) -> Option<Fixed<1>> {
    let tenths = match feet_and_inches(cell) {
        Some(tenths) => tenths,
        None => {
            let number = row.number(column, cell)?;
            let unit = number.unit.or(row.plan.mapping.columns[column].unit);
            let Some((numerator, denominator)) = unit.and_then(Unit::tenth_millimetres) else {
                row.fail(RowErrorCode::NumberUnreadable, Some(column), cell);
                return None;
            };
            // Tenths of a centimetre: the finest step of the field.
            let Ok((value, exact)) = number.times((numerator, denominator * 10)) else {
                row.fail(RowErrorCode::ValueOutOfRange, Some(column), cell);
                return None;
            };
            if !exact {
                row.warn(WarningCode::NumberRounded, Some(column));
            }
            value
        }
    };
    Some(Fixed(tenths))
}

/// Tenths of a centimetre of `5'11"`, `5' 11`, `5ft 11in`, `6'`.
fn feet_and_inches(cell: &str) -> Option<i64> {
    let plain =
        cell.to_ascii_lowercase().replace(['’', '′'], "'").replace(['”', '″', '"'], "").replace("''", "");
    let (feet, inches) =
        plain.split_once('\'').or_else(|| plain.split_once("feet")).or_else(|| plain.split_once("ft"))?;
    let feet: i64 = feet.trim().parse().ok().filter(|f| (0..=9).contains(f))?;
    let inches = inches
        .trim()
        .trim_start_matches('.')
        .trim()
        .trim_end_matches("inches")
        .trim_end_matches("in.")
        .trim_end_matches("in")
        .trim();
    let hundredths = if inches.is_empty() { 0 } else { read_number(inches).ok()?.times((100, 1)).ok()?.0 };
    if !(0..1_200).contains(&hundredths) {
        return None;
    }
    // 1 ft = 30.48 cm, 1 in = 2.54 cm, in millionths of a centimetre; rounded half-even to tenths.
    let total = feet * 30_480_000 + hundredths * 25_400;
    let (tenths, rest) = (total / 100_000, total % 100_000);
    let up = rest > 50_000 || rest == 50_000 && tenths % 2 == 1;
    Some(tenths + i64::from(up))
}

fn weight(row: &mut Context<'_>, column: usize, cell: &str) -> Option<Fixed<3>> {
    let number = row.number(column, cell)?;
    let unit = number.unit.or(row.plan.mapping.columns[column].unit);
    let Some((numerator, denominator)) = unit.and_then(Unit::micrograms) else {
        row.fail(RowErrorCode::NumberUnreadable, Some(column), cell);
        return None;
    };
    // Grams: the finest step of the field.
    match number.times((numerator, denominator * 1_000_000)) {
        Ok((value, exact)) => {
            if !exact {
                row.warn(WarningCode::NumberRounded, Some(column));
            }
            Some(Fixed(value))
        }
        Err(_) => {
            row.fail(RowErrorCode::ValueOutOfRange, Some(column), cell);
            None
        }
    }
}

/// `vegan`, `halal:religious`.
fn read_diets(entries: &[String]) -> Vec<DietEntry> {
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
fn read_limits(row: &mut Context<'_>, profile: &mut HealthProfile, column: usize, cell: &str) {
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

fn read_limit(entry: &str) -> Option<ExplicitLimit> {
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

fn status(code: &str) -> Option<CustomerStatus> {
    match code {
        "true" | "1" | "yes" | "enabled" => Some(CustomerStatus::Active),
        "false" | "0" | "no" | "disabled" | "cancelled" | "canceled" | "deceased" => {
            Some(CustomerStatus::Inactive)
        }
        other => CustomerStatus::parse(other),
    }
}

fn sex(code: &str) -> Option<Sex> {
    match code {
        "f" | "woman" | "w" => Some(Sex::Female),
        "m" | "man" => Some(Sex::Male),
        "u" | "x" | "o" | "other" | "unknown" | "nonbinary" | "non_binary" | "diverse"
        | "prefer_not_to_say" => Some(Sex::Unspecified),
        other => Sex::parse(other),
    }
}

fn activity(code: &str) -> Option<ActivityLevel> {
    match code {
        "inactive" | "none" => Some(ActivityLevel::Sedentary),
        "lightly_active" | "low" | "low_active" => Some(ActivityLevel::Light),
        "moderately_active" | "medium" => Some(ActivityLevel::Moderate),
        "very_active" | "high" => Some(ActivityLevel::Very),
        "extra_active" | "extremely_active" | "athlete" => Some(ActivityLevel::Extra),
        other => ActivityLevel::parse(other),
    }
}

fn reproductive(code: &str) -> Option<ReproductiveStatus> {
    match code {
        "yes" | "true" | "pregnancy" => Some(ReproductiveStatus::Pregnant),
        "lactation" | "breastfeeding" | "nursing" => Some(ReproductiveStatus::Lactating),
        "no" | "false" | "none" | "not_pregnant" => Some(ReproductiveStatus::Neither),
        other => ReproductiveStatus::parse(other),
    }
}

/// Full years between two days.
pub(super) fn years_between(birth: NaiveDate, day: NaiveDate) -> i32 {
    day.year() - birth.year() - i32::from((day.month(), day.day()) < (birth.month(), birth.day()))
}
