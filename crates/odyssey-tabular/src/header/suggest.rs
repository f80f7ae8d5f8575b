//! The mapping of a file, as its owner would save it.

use odyssey_types::NutritionBasis;

use super::mapping::{BasisSource, ColumnMap, ColumnStatus, IgnoredReason, Mapping, Transform};
use super::treatment::Treatment;
use super::vocabulary::FieldRule;
use crate::target::Target;

impl Mapping {
    /// Each column that is read, or that somebody decided not to read (no fields), so that a file with the same
    /// headers is read the same way when this is saved. Of columns with one target the one that is read first
    /// stands first.
    pub fn suggested(&self) -> Vec<(String, Vec<FieldRule>)> {
        let reads = |c: &ColumnMap| matches!(c.status, ColumnStatus::Mapped | ColumnStatus::Fallback);
        let left_out =
            |c: &ColumnMap| matches!(c.reason, Some(IgnoredReason::ByRequest | IgnoredReason::BySaved));
        let mut columns: Vec<&ColumnMap> =
            self.columns.iter().take(self.width).filter(|c| reads(c) || left_out(c)).collect();
        columns.sort_by_key(|c| (c.status != ColumnStatus::Mapped, c.tier, c.rank, c.index));
        let suggested = columns.into_iter().map(|column| {
            let same = self.columns.iter().filter(|c| c.index == column.index && reads(c));
            let rules = same.filter_map(|c| Some(FieldRule { target: c.target?, treatment: treatment(c) }));
            (column.header.clone(), rules.collect())
        });
        suggested.collect()
    }

    /// What the amounts are counted per, where anything states it and there are any.
    pub fn stated_basis(&self) -> Option<NutritionBasis> {
        let stated = !matches!(self.basis_source, BasisSource::Assumed | BasisSource::Column);
        (stated && self.targets().has_nutrients()).then_some(self.basis)
    }
}

/// What of a column's treatment can be said of its target.
fn treatment(column: &ColumnMap) -> Treatment {
    let Some(target) = column.target else { return Treatment::default() };
    let fits = |part: Treatment| if part.check(target).is_ok() { part } else { Treatment::default() };
    let transform = Some(&column.transform).filter(|t| **t != Transform::Plain).cloned();
    let basis = column.basis.filter(|_| matches!(target, Target::Nutrient(_)));
    let parts = [
        Treatment { transform, ..Treatment::default() },
        Treatment { separator: column.separator, ..Treatment::default() },
        Treatment { unit: column.unit, ..Treatment::default() },
        Treatment { basis, ..Treatment::default() },
        Treatment { decimal: column.decimal, ..Treatment::default() },
    ];
    parts.into_iter().fold(Treatment::default(), |all, part| all.or(fits(part)))
}
