//! What the columns of a file settle among themselves: units, rivals, the basis.

use std::collections::HashMap;

use odyssey_types::{Nutrient, NutritionBasis};

use super::infer::{Inferred, infer_unit};
use super::mapping::{
    BasisSource, ColumnMap, ColumnStatus, HeaderSynonyms, IgnoredReason, Transform, ignore,
};
use super::normalise::Parts;
use super::synonyms::{DefaultUnit, find_parts};
use crate::target::{Mode, Target};
use crate::unit::Unit;

pub(super) fn settle_units(columns: &mut [ColumnMap], parts: &[Parts], sample: &[Vec<String>], mode: Mode) {
    let cells = |index: usize| -> Vec<&str> {
        sample.iter().map(|row| row.get(index).map_or("", String::as_str)).collect()
    };
    let salt_at =
        columns.iter().find(|c| c.target == Some(Target::Nutrient(Nutrient::Salt))).map(|c| c.index);
    let salt = salt_at.map(cells);
    for column in columns.iter_mut() {
        let Some(target) = column.target else { continue };
        if column.unit.is_none() {
            match find_parts(&parts[column.index], mode).map_or(DefaultUnit::None, |s| s.unit) {
                DefaultUnit::Known(unit) => column.unit = Some(unit),
                DefaultUnit::Inferred(own) => {
                    match infer_unit(target, own, &cells(column.index), salt.as_deref()) {
                        Inferred::Unit(unit, confidence) => {
                            column.unit = Some(unit);
                            column.confidence = column.confidence.min(confidence);
                        }
                        Inferred::InCells => {}
                        Inferred::Unsure => ignore(column, IgnoredReason::UnitMissing),
                    }
                }
                DefaultUnit::None => column.unit = own_unit(target),
            }
        }
        if column.unit.is_some_and(|unit| !unit_fits(target, unit)) {
            ignore(column, IgnoredReason::UnitUnsupported);
        }
    }
}

/// The same header twice.
pub(super) fn mark_twins(columns: &mut [ColumnMap], parts: &[Parts]) {
    let mut count: HashMap<&str, usize> = HashMap::new();
    for parts in parts {
        *count.entry(parts.full.as_str()).or_default() += 1;
    }
    for (column, parts) in columns.iter_mut().zip(parts) {
        if column.status == ColumnStatus::Mapped && count.get(parts.full.as_str()).is_some_and(|n| *n > 1) {
            column.status = ColumnStatus::Duplicate;
        }
    }
}

pub(super) fn settle_targets(columns: &mut [ColumnMap]) {
    let mut by_target: HashMap<Target, Vec<usize>> = HashMap::new();
    for (at, column) in columns.iter().enumerate() {
        if let (ColumnStatus::Mapped, Some(target), false) =
            (column.status, column.target, matches!(column.transform, Transform::Flag(_)))
        {
            by_target.entry(target).or_default().push(at);
        }
    }
    for (target, mut rivals) in by_target {
        rivals.sort_by_key(|at| (columns[*at].rank, *at));
        let best = columns[rivals[0]].rank;
        let tied = rivals.iter().filter(|at| columns[**at].rank == best).count() > 1;
        let mut last_rank = None;
        for (nth, at) in rivals.iter().enumerate() {
            let rank = columns[*at].rank;
            let twin = rivals.iter().any(|other| other != at && columns[*other].rank == rank);
            let column = &mut columns[*at];
            if tied && rank == best || twin && last_rank.is_some() {
                column.status = ColumnStatus::Ambiguous;
            } else if tied {
                ignore(column, IgnoredReason::TargetAmbiguous);
            } else if nth > 0 && !falls_back(target) {
                ignore(column, IgnoredReason::BetterIdentity);
            } else if nth > 0 {
                column.status = ColumnStatus::Fallback;
            }
            last_rank = Some(rank);
        }
    }
}

const fn falls_back(target: Target) -> bool {
    !matches!(
        target,
        Target::ExternalId
            | Target::Gtin
            | Target::Basis
            | Target::Consent
            | Target::ConsentAt
            | Target::ConsentVersion
    )
}

/// One file has one basis: the one an override names, its format has, or most headers state; columns that state
/// another are not read.
pub(super) fn settle_basis(
    columns: &mut [ColumnMap],
    overrides: &HeaderSynonyms,
    preset: Option<NutritionBasis>,
) -> (NutritionBasis, BasisSource) {
    use NutritionBasis::{Per100g, Per100ml, PerServing};
    let reads = |c: &ColumnMap| matches!(c.status, ColumnStatus::Mapped | ColumnStatus::Fallback);
    let nutrient = |c: &ColumnMap| matches!(c.target, Some(Target::Nutrient(_))) && reads(c);
    let has = |target: Target| columns.iter().any(|c| c.target == Some(target) && reads(c));
    let stated = |basis| columns.iter().filter(|c| nutrient(c) && c.basis == Some(basis)).count();
    let most =
        [Per100g, Per100ml, PerServing].into_iter().map(|b| (stated(b), b)).rev().max_by_key(|(n, _)| *n);
    let (basis, source) = match (overrides.basis.or(preset), most) {
        (Some(basis), _) if overrides.basis.is_some() => (basis, BasisSource::Override),
        (Some(basis), _) => (basis, BasisSource::Preset),
        (None, Some((1.., basis))) => (basis, BasisSource::Headers),
        _ => {
            let basis = if has(Target::ServingSize) { PerServing } else { Per100g };
            (basis, if has(Target::Basis) { BasisSource::Column } else { BasisSource::Assumed })
        }
    };
    let chosen_is_stated = columns.iter().any(|c| nutrient(c) && c.basis == Some(basis));
    let told = matches!(source, BasisSource::Override | BasisSource::Preset);
    if source == BasisSource::Headers || told && chosen_is_stated {
        for column in columns.iter_mut().filter(|c| nutrient(c) && c.basis.is_some_and(|b| b != basis)) {
            ignore(column, IgnoredReason::OtherBasis);
        }
    }
    (basis, source)
}

/// The unit that the field itself is in.
pub(crate) fn own_unit(target: Target) -> Option<Unit> {
    use odyssey_types::NutrientUnit as U;
    Some(match target {
        Target::Nutrient(nutrient) => match nutrient.unit() {
            U::Gram => Unit::Gram,
            U::Milligram => Unit::Milligram,
            U::Microgram => Unit::Microgram,
            U::Kilocalorie => Unit::Kilocalorie,
        },
        Target::Height => Unit::Centimetre,
        Target::Weight => Unit::Kilogram,
        _ => return None,
    })
}

/// Whether amounts in this unit can be read into the field.
pub(crate) fn unit_fits(target: Target, unit: Unit) -> bool {
    match target {
        Target::Nutrient(Nutrient::Energy) => unit.millikilocalories().is_some(),
        Target::Nutrient(Nutrient::VitaminD) if unit == Unit::Iu => true,
        Target::Nutrient(Nutrient::Alcohol) if unit == Unit::PercentVolume => true,
        Target::Nutrient(_) | Target::Weight => unit.micrograms().is_some(),
        Target::Height => unit.tenth_millimetres().is_some(),
        _ => true,
    }
}
