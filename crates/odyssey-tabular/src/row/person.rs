//! What a person's figures cannot be (refused) and what they hardly are (flagged): reference
//! `health-matching`, section 1.3.

use chrono::NaiveDate;
use odyssey_types::{CustomerIdentity, HealthProfile, LimitPeriod, Nutrient};

use super::context::Context;
use super::customer::years_between;
use crate::error::{RowErrorCode, WarningCode};
use crate::target::Target;

/// From this age the ranges of adults hold.
const ADULT_YEARS: i32 = 18;

/// Checks the figures of one person as of a day.
pub(super) fn check(
    row: &mut Context<'_>,
    identity: &CustomerIdentity,
    profile: &HealthProfile,
    as_of: NaiveDate,
) {
    let age = age(row, identity, profile, as_of);
    body(row, profile, age.is_some_and(|age| age >= ADULT_YEARS));
    targets(row, profile);
}

fn age(
    row: &mut Context<'_>,
    identity: &CustomerIdentity,
    profile: &HealthProfile,
    as_of: NaiveDate,
) -> Option<i32> {
    let from_birth = identity.birth_date.map(|birth| years_between(birth, as_of));
    if identity.birth_date.is_some_and(|birth| birth > as_of) {
        fail(row, RowErrorCode::BirthDateInFuture, Target::BirthDate);
        return None;
    }
    if from_birth.is_some_and(|age| age > 120) {
        fail(row, RowErrorCode::ValueOutOfRange, Target::BirthDate);
    }
    let stated = profile.age_years.map(i32::from);
    if let (Some(from_birth), Some(stated)) = (from_birth, stated)
        && (from_birth - stated).abs() > 1
    {
        fail(row, RowErrorCode::AgeContradictsBirthDate, Target::Age);
    }
    let age = from_birth.or(stated)?;
    if !(2..=100).contains(&age) {
        warn(
            row,
            WarningCode::UnusualAge,
            if from_birth.is_some() { Target::BirthDate } else { Target::Age },
        );
    }
    Some(age)
}

/// Height in tenths of a centimetre, weight in grams. The reference gives ranges for adults; for a child
/// or an unknown age only what no person ever was is refused: 20 to 250 cm, 0.2 to 500 kg.
fn body(row: &mut Context<'_>, profile: &HealthProfile, adult: bool) {
    let (height, weight) = (profile.height_cm.map(|h| h.0), profile.weight_kg.map(|w| w.0));
    let least = if adult { (900, 20_000) } else { (200, 200) };
    if height.is_some_and(|h| !(least.0..=2_500).contains(&h)) {
        fail(row, RowErrorCode::ValueOutOfRange, Target::Height);
        return;
    }
    if weight.is_some_and(|w| !(least.1..=500_000).contains(&w)) {
        fail(row, RowErrorCode::ValueOutOfRange, Target::Weight);
        return;
    }
    if !adult {
        return;
    }
    if height.is_some_and(|h| !(1_300..=2_200).contains(&h)) {
        warn(row, WarningCode::UnusualHeight, Target::Height);
    }
    if weight.is_some_and(|w| !(35_000..=250_000).contains(&w)) {
        warn(row, WarningCode::UnusualWeight, Target::Weight);
    }
    if let (Some(height), Some(weight)) = (height, weight) {
        // kg/m² in thousandths: g × 1,000 / (tenths of a cm)².
        let bmi = weight * 1_000_000 / (height * height);
        if !(10_000..=100_000).contains(&bmi) {
            fail(row, RowErrorCode::ValueOutOfRange, Target::Weight);
        } else if !(15_000..=60_000).contains(&bmi) {
            warn(row, WarningCode::UnusualBmi, Target::Weight);
        }
    }
}

fn targets(row: &mut Context<'_>, profile: &HealthProfile) {
    if profile.energy_target_kcal.is_some_and(|kcal| !(1_200..=4_500).contains(&kcal)) {
        warn(row, WarningCode::UnusualEnergyTarget, Target::EnergyTarget);
    }
    if profile.gestation_weeks.is_some_and(|weeks| !(4..=42).contains(&weeks)) {
        warn(row, WarningCode::UnusualGestation, Target::Gestation);
    }
    let sodium =
        profile.limits.iter().find(|l| l.nutrient == Nutrient::Sodium && l.period == LimitPeriod::Day);
    match sodium.map(|limit| limit.max) {
        Some(max) if !(500_000..=10_000_000).contains(&max) => {
            fail(row, RowErrorCode::ValueOutOfRange, Target::Limits);
        }
        Some(max) if max < 1_000_000 => warn(row, WarningCode::UnusualSodiumTarget, Target::Limits),
        _ => {}
    }
    if let Some(shares) = profile.macro_targets {
        let sum = shares.protein_pct.0 + shares.fat_pct.0 + shares.carbohydrate_pct.0;
        if !(980..=1_020).contains(&sum) {
            fail(row, RowErrorCode::MacroTargetsSum, Target::ProteinShare);
        }
    } else if [Target::ProteinShare, Target::FatShare, Target::CarbohydrateShare]
        .iter()
        .any(|t| place(row, *t).is_some())
    {
        fail(row, RowErrorCode::MacroTargetsSum, Target::ProteinShare);
    }
}

/// Where the target stands in this row, and what stands there.
fn place<'a>(row: &Context<'a>, target: Target) -> Option<(usize, &'a str)> {
    let columns = row.plan.targets.iter().find(|(t, _)| *t == target).map(|(_, columns)| columns)?;
    row.known(columns)
}

fn fail(row: &mut Context<'_>, code: RowErrorCode, target: Target) {
    let place = place(row, target);
    row.fail(code, place.map(|(column, _)| column), place.map_or("", |(_, cell)| cell));
}

fn warn(row: &mut Context<'_>, code: WarningCode, target: Target) {
    let column = place(row, target).map(|(column, _)| column);
    row.warn(code, column);
}
