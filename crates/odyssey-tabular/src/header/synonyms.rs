//! The table of known headers.

use std::collections::HashMap;
use std::sync::OnceLock;

use odyssey_types::NutritionBasis;

use super::mapping::Transform;
use super::normalise::Parts;
use crate::target::{Mode, Target};
use crate::unit::Unit;

/// The unit of a column's numbers when the header states none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DefaultUnit {
    None,
    Known(Unit),
    /// Settled by the values; the unit is that of our own field.
    Inferred(Unit),
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Synonym {
    pub target: Target,
    pub rank: u8,
    pub unit: DefaultUnit,
    pub basis: Option<NutritionBasis>,
    pub transform: Transform,
}

/// What the table knows about a header (already in its normal form) in files of this kind.
pub(super) fn find(name: &str, mode: Mode) -> Option<&'static Synonym> {
    table().get(name)?.iter().find(|s| s.target.belongs_to(mode))
}

/// The whole header or, of one inside an object, its last name; else the name without unit and basis.
pub(super) fn find_parts(parts: &Parts, mode: Mode) -> Option<&'static Synonym> {
    let inner = || parts.inner.as_deref().and_then(|inner| find(inner, mode));
    find(&parts.full, mode).or_else(inner).or_else(|| find(&parts.name, mode)).filter(|synonym| {
        parts.inner.is_none()
            || matches!(
                synonym.target,
                Target::Nutrient(_)
                    | Target::Basis
                    | Target::ServingSize
                    | Target::ServingUnit
                    | Target::ServingText
            )
    })
}

/// True when the table knows the header in files of any kind.
pub(super) fn is_known(name: &str) -> bool {
    table().contains_key(name)
}

fn table() -> &'static HashMap<&'static str, Vec<Synonym>> {
    static TABLE: OnceLock<HashMap<&'static str, Vec<Synonym>>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table: HashMap<&'static str, Vec<Synonym>> = HashMap::new();
        for (name, synonym) in lines().filter_map(|line| parse(line).ok()) {
            table.entry(name).or_default().push(synonym);
        }
        table
    })
}

fn lines() -> impl Iterator<Item = &'static str> {
    include_str!("../../data/header_synonyms.tsv").lines().filter(|l| !l.starts_with('#') && !l.is_empty())
}

fn parse(line: &'static str) -> Result<(&'static str, Synonym), String> {
    let fields: Vec<&str> = line.split('\t').collect();
    let at = |index: usize| fields.get(index).copied().unwrap_or("");
    let fault = |what: &str| format!("{what}: {line}");
    let target = Target::from_code(at(0)).ok_or_else(|| fault("target"))?;
    let rank = at(2).parse().map_err(|_| fault("rank"))?;
    let unit = match at(3) {
        "" => DefaultUnit::None,
        text => match text.strip_prefix('?') {
            Some(unit) => DefaultUnit::Inferred(Unit::parse(unit).ok_or_else(|| fault("unit"))?),
            None => DefaultUnit::Known(Unit::parse(text).ok_or_else(|| fault("unit"))?),
        },
    };
    let basis = match at(4) {
        "" => None,
        text => Some(NutritionBasis::parse(text).ok_or_else(|| fault("basis"))?),
    };
    let transform = match at(5) {
        "" => Transform::Plain,
        "gtin_or_id" => Transform::GtinOrId,
        text => Transform::Flag(text.strip_prefix("flag:").ok_or_else(|| fault("transform"))?.to_owned()),
    };
    if at(1).is_empty() {
        return Err(fault("header"));
    }
    Ok((at(1), Synonym { target, rank, unit, basis, transform }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::normalise::take_apart;

    #[test]
    fn every_line_of_the_table_is_read_and_can_be_met() {
        let mut seen = std::collections::HashSet::new();
        for line in lines() {
            let (name, synonym) = parse(line).expect("a readable line");
            assert_eq!(take_apart(name).full, name, "is in normal form");
            for mode in [Mode::Products, Mode::Customers] {
                if synonym.target.belongs_to(mode) {
                    assert!(seen.insert((name, mode)), "one meaning in {}: {line}", mode.as_str());
                }
            }
        }
    }
}
