//! What the columns of a file settle among themselves: units, rivals, the basis.

use std::collections::HashMap;

use odyssey_types::{Nutrient, NutritionBasis};

use super::decided::Tier;
use super::infer::{Inferred, infer_unit};
use super::mapping::{
    BasisSource, ColumnMap, ColumnStatus, HeaderSynonyms, IgnoredReason, Transform, ignore,
};
use super::normalise::Parts;
use super::synonyms::{DefaultUnit, find_parts};
use super::treatment::ColumnSource;
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
            match default_unit(column, target, &parts[column.index], mode) {
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

/// The unit of numbers under a header that states none: as our table says of the header; under another's word for
/// the field as the values say; where a person named the field, the field's own.
fn default_unit(column: &ColumnMap, target: Target, parts: &Parts, mode: Mode) -> DefaultUnit {
    let known = find_parts(parts, mode).filter(|s| s.target == target).map(|s| s.unit);
    let is_word = matches!(column.source, Some(ColumnSource::Synonym | ColumnSource::PlatformSynonym));
    match (known, own_unit(target)) {
        (Some(unit), _) => unit,
        (None, Some(own)) if is_word => DefaultUnit::Inferred(own),
        (None, _) => DefaultUnit::None,
    }
}

/// The same header twice.
pub(super) fn mark_twins(columns: &mut [ColumnMap], parts: &[Parts]) {
    let mut count: HashMap<&str, usize> = HashMap::new();
    for parts in parts {
        *count.entry(parts.full.as_str()).or_default() += 1;
    }
    for column in columns.iter_mut() {
        let parts = &parts[column.index];
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
        let key_of = |column: &ColumnMap| (column.tier, column.rank);
        rivals.sort_by_key(|at| (key_of(&columns[*at]), *at));
        let best = key_of(&columns[rivals[0]]);
        let tied = rivals.iter().filter(|at| key_of(&columns[**at]) == best).count() > 1;
        let mut last_rank = None;
        for (nth, at) in rivals.iter().enumerate() {
            let rank = key_of(&columns[*at]);
            let twin = rivals.iter().any(|other| other != at && key_of(&columns[*other]) == rank);
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

/// The place of a read column among those of its target, where a decision put it elsewhere than its rank does.
pub(super) fn out_of_rank(columns: &[ColumnMap], column: &ColumnMap) -> Option<usize> {
    let reads = |c: &&ColumnMap| matches!(c.status, ColumnStatus::Mapped | ColumnStatus::Fallback);
    if column.tier == Tier::Found && columns.iter().all(|c| c.tier == Tier::Found) {
        return None;
    }
    let rivals: Vec<&ColumnMap> =
        columns.iter().filter(reads).filter(|c| c.target == column.target).collect();
    let place = |before: &dyn Fn(&ColumnMap) -> bool| rivals.iter().filter(|c| before(c)).count();
    let key = |c: &ColumnMap| (c.tier, c.rank, c.index);
    let decided = place(&|c| key(c) < key(column));
    let ranked = place(&|c| (c.rank, c.index) < (column.rank, column.index));
    (decided != ranked).then_some(decided)
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
    let said = [
        (overrides.basis, BasisSource::Override),
        (overrides.vocabulary.basis, BasisSource::Saved),
        (preset, BasisSource::Preset),
    ];
    let said = said.into_iter().find_map(|(basis, source)| Some((basis?, source)));
    let (basis, source) = match (said, most) {
        (Some(said), _) => said,
        (None, Some((1.., basis))) => (basis, BasisSource::Headers),
        _ => {
            let basis = if has(Target::ServingSize) { PerServing } else { Per100g };
            (basis, if has(Target::Basis) { BasisSource::Column } else { BasisSource::Assumed })
        }
    };
    let chosen_is_stated = columns.iter().any(|c| nutrient(c) && c.basis == Some(basis));
    let told = matches!(source, BasisSource::Override | BasisSource::Saved | BasisSource::Preset);
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
