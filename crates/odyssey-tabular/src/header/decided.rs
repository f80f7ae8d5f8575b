//! Columns that somebody decided about: whoever starts the import, the vendor's saved mapping, synonyms.

use serde::{Deserialize, Serialize};

use super::mapping::{ColumnMap, ColumnStatus, HeaderSynonyms, IgnoredReason, Transform, assign};
use super::normalise::{Parts, take_apart};
use super::treatment::{ColumnSource, Treatment};
use super::vocabulary::{FieldRule, WordOwner};
use crate::target::Mode;

/// Who is heard first when columns have one target: a request, the saved mapping, the vendor's words, the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub(crate) enum Tier {
    Request,
    /// Where it stands in the saved mapping: the first is read first.
    Saved(u16),
    Word,
    #[default]
    Found,
}

/// Rank of a platform's word among those of our table: behind the surest, before the doubtful.
const PLATFORM_RANK: u8 = 9;

/// A column that nobody need look up: a person decided on this file, or it has no name. Else it comes back as it was.
pub(super) fn by_request(
    mut column: ColumnMap,
    parts: &Parts,
    mode: Mode,
    overrides: &HeaderSynonyms,
) -> Result<ColumnMap, ColumnMap> {
    if parts.full.is_empty() {
        column.reason = Some(IgnoredReason::EmptyHeader);
        return Ok(column);
    }
    let Some(wish) = overrides.overrides.iter().find(|o| take_apart(&o.header).full == parts.full) else {
        return Err(column);
    };
    column.known = true;
    column.source = Some(ColumnSource::Request);
    column.tier = Tier::Request;
    column.unit = wish.unit.or(column.unit);
    column.basis = wish.basis.or(column.basis);
    match wish.target.filter(|t| t.belongs_to(mode)) {
        Some(target) => assign(&mut column, target, 100, 0),
        None => column.reason = Some(IgnoredReason::ByRequest),
    }
    Ok(column)
}

/// What the saved mapping says of a column, and the further fields that it is read into.
pub(super) fn by_saved(
    found: &ColumnMap,
    order: u16,
    fields: &[FieldRule],
    parts: &Parts,
) -> (ColumnMap, Vec<ColumnMap>) {
    let mut columns = fields.iter().map(|rule| {
        let mut column = decided(found.clone(), rule, parts, ColumnSource::Saved);
        column.tier = Tier::Saved(order);
        column.confidence = 100;
        column
    });
    let first = columns.next().unwrap_or_else(|| ColumnMap {
        target: None,
        status: ColumnStatus::Ignored,
        reason: Some(IgnoredReason::BySaved),
        source: Some(ColumnSource::Saved),
        tier: Tier::Saved(order),
        confidence: 100,
        known: true,
        ..found.clone()
    });
    (first, columns.collect())
}

/// What a synonym says of a column.
pub(super) fn by_word(found: ColumnMap, rule: &FieldRule, parts: &Parts, owner: WordOwner) -> ColumnMap {
    match owner {
        WordOwner::Vendor => {
            let mut column = decided(found, rule, parts, ColumnSource::Synonym);
            column.tier = Tier::Word;
            column.confidence = 99;
            column
        }
        WordOwner::Platform => {
            let mut column = decided(found, rule, parts, ColumnSource::PlatformSynonym);
            if column.rank == 0 {
                column.rank = PLATFORM_RANK;
            }
            column.confidence = 98;
            column
        }
    }
}

/// A decision over what was found. Where both say the same, what was found stands, so that confirming a mapping
/// changes nothing about what a row becomes.
fn decided(found: ColumnMap, rule: &FieldRule, parts: &Parts, source: ColumnSource) -> ColumnMap {
    let Treatment { transform, separator, unit, basis, decimal } = &rule.treatment;
    let is_same = found.status == ColumnStatus::Mapped
        && found.target == Some(rule.target)
        && transform.as_ref().is_none_or(|transform| *transform == found.transform)
        && separator.is_none_or(|separator| found.separator.is_none_or(|known| known == separator));
    let mut column = found;
    if !is_same {
        column.transform = transform.clone().unwrap_or(Transform::Plain);
        column.separator = None;
        column.unit = parts.unit;
        column.basis = parts.basis;
        column.reason = None;
        assign(&mut column, rule.target, 100, 0);
    }
    column.separator = separator.or(column.separator);
    column.unit = unit.or(column.unit);
    column.basis = basis.or(column.basis);
    column.decimal = *decimal;
    column.source = Some(source);
    column.known = true;
    column
}
