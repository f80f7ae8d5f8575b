//! A customer row, read once.

use chrono::{Datelike, NaiveDate};
use odyssey_types::{
    CustomerIdentity, CustomerStatus, EnergyFormula, Fixed, Guideline, HealthProfile, MacroTargets, Phi,
};

use super::body::{height, weight};
use super::codes::{read_conditions, read_medications};
use super::context::Context;
use super::customer_words::{activity, read_diets, read_limits, reproductive, sex, status};
use super::sealed::Parse;
use super::source::source_bytes;
use super::{RowSettings, exact};
use crate::error::{RejectedRow, RowErrorCode, RowWarning, WarningCode};
use crate::first_seen::FirstSeen;
use crate::limits::{LIST_MAX, LONG_TEXT_MAX, SHORT_TEXT_MAX};
use crate::target::{Target, TargetSet};
use crate::unit::Unit;
use crate::value::allergens::read_allergies;
use crate::value::text::{code_form, read_bool};

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
                if let Some((column, cell)) = row.value(columns) {
                    read_cell(&mut row, &mut draft, *target, column, cell);
                }
            }
            for (target, tag) in row.flags() {
                match target {
                    Target::Diets => draft.profile.diets.extend(read_diets(&[tag])),
                    _ => draft.identity.tags.push(tag),
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

    fn note_identity(mut row: Context<'_>, seen: &mut FirstSeen) -> Option<String> {
        if row.readable() { read_identity(&mut row, seen) } else { None }
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
    if row.is_exact(column) && exact::read_profile_cell(row, profile, target, column, cell) {
        return;
    }
    match target {
        Target::Status => draft.status = row.code(column, cell, status),
        Target::FullName => identity.name = row.text(column, cell, short),
        Target::FirstName => parts.first_name = row.text(column, cell, short),
        Target::LastName => parts.last_name = row.text(column, cell, short),
        Target::Email => identity.email = row.text(column, cell, short),
        Target::Phone => identity.phone = row.text(column, cell, short),
        Target::BirthDate => identity.birth_date = row.date(column, cell),
        Target::DeathDate => parts.died = row.date(column, cell).is_some(),
        Target::Address => parts.street = row.text(column, cell, short * 4),
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
        Target::PrePregnancyWeight => profile.pre_pregnancy_weight_kg = weight(row, column, cell),
        Target::EnergyFormula => profile.energy_formula = row.code(column, cell, EnergyFormula::parse),
        Target::Guideline => profile.guideline = row.code(column, cell, Guideline::parse),
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
            profile.disliked_categories = row.list(column, cell).unwrap_or_default();
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

/// Full years between two days.
pub(super) fn years_between(birth: NaiveDate, day: NaiveDate) -> i32 {
    day.year() - birth.year() - i32::from((day.month(), day.day()) < (birth.month(), birth.day()))
}
