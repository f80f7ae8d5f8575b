//! Cells of files that we wrote ourselves: read as they stand, so that what is written reads back equal.

use odyssey_types::{Fixed, HealthProfile, ProductFields};
use serde::de::DeserializeOwned;

use super::context::Context;
use crate::error::RowErrorCode;
use crate::target::Target;

/// Reads a cell that a stranger's file would write in another way; false where both are written alike.
pub(super) fn read_product_cell(
    row: &mut Context<'_>,
    fields: &mut ProductFields,
    target: Target,
    column: usize,
    cell: &str,
) -> bool {
    match target {
        Target::Price => fields.price = Some(cell.to_owned()),
        Target::Currency => fields.currency = Some(cell.to_owned()),
        Target::DietaryTags => fields.dietary_tags = row.list(column, cell),
        Target::Contains => declared(fields).contains = row.list(column, cell).unwrap_or_default(),
        Target::MayContain => declared(fields).may_contain = row.list(column, cell).unwrap_or_default(),
        Target::Facility => declared(fields).facility = row.list(column, cell).unwrap_or_default(),
        Target::FreeFrom => declared(fields).free_from = row.json(column, cell).unwrap_or_default(),
        Target::ServingSize => serving(fields).amount_g = number(row, column, cell),
        Target::ServingVolume => serving(fields).amount_ml = number(row, column, cell),
        Target::ServingText => {
            let text = row.text(column, cell, crate::limits::SHORT_TEXT_MAX);
            serving(fields).text = text;
        }
        Target::PackageWeight => fields.package_weight_g = number(row, column, cell),
        _ => return false,
    }
    true
}

/// The same for what a customer's file says of a profile.
pub(super) fn read_profile_cell(
    row: &mut Context<'_>,
    profile: &mut HealthProfile,
    target: Target,
    column: usize,
    cell: &str,
) -> bool {
    match target {
        Target::Allergies => list(row, &mut profile.allergies, column, cell),
        Target::Conditions => list(row, &mut profile.conditions, column, cell),
        Target::Medications => list(row, &mut profile.medications, column, cell),
        Target::Diets => list(row, &mut profile.diets, column, cell),
        Target::Limits => list(row, &mut profile.limits, column, cell),
        Target::Goals => profile.goals = row.list(column, cell).unwrap_or_default(),
        _ => return false,
    }
    true
}

fn list<T: DeserializeOwned>(row: &mut Context<'_>, into: &mut Vec<T>, column: usize, cell: &str) {
    if let Some(read) = row.json(column, cell) {
        *into = read;
    }
}

fn declared(fields: &mut ProductFields) -> &mut odyssey_types::DeclaredAllergens {
    fields.allergens.get_or_insert_default()
}

fn serving(fields: &mut ProductFields) -> &mut odyssey_types::ServingSize {
    fields.serving_size.get_or_insert_default()
}

fn number<const D: u32>(row: &mut Context<'_>, column: usize, cell: &str) -> Option<Fixed<D>> {
    let read = Fixed::parse(cell).ok();
    if read.is_none() {
        row.fail(RowErrorCode::NumberUnreadable, Some(column), cell);
    }
    read
}
