//! The unit of a column whose header states none, from its values.

use crate::target::Target;
use crate::unit::Unit;
use crate::value::number::read_number;
use odyssey_types::Nutrient;

/// Values needed before anything is concluded.
const VALUES_MIN: usize = 3;

/// What the values say, and how sure that is (0 to 100).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inferred {
    Unit(Unit, u8),
    /// The values carry their units themselves.
    InCells,
    /// Nothing can be told.
    Unsure,
}

/// `cells` are the sample values of the column; `salt` those of the salt column (grams) in the same
/// rows, where the file has one.
pub(super) fn infer_unit(target: Target, own: Unit, cells: &[&str], salt: Option<&[&str]>) -> Inferred {
    let numbers: Vec<_> = cells.iter().filter_map(|c| read_number(c).ok()).collect();
    let feet = |cell: &&&str| cell.contains(['\'', '’', '′']) || cell.to_ascii_lowercase().contains("ft");
    if target == Target::Height && cells.iter().filter(feet).count() > numbers.len() {
        return Inferred::InCells;
    }
    let with_unit = numbers.iter().filter(|n| n.unit.is_some()).count();
    if with_unit * 2 > numbers.len() {
        return Inferred::InCells;
    }
    let mut values: Vec<f64> = numbers.iter().map(|n| n.to_f64()).filter(|v| *v > 0.0).collect();
    values.sort_by(f64::total_cmp);
    let median = values.get(values.len() / 2).copied();
    match (target, median) {
        (Target::Nutrient(Nutrient::Energy), _) => {
            // No food has more than 905 kcal per 100 g, so larger numbers are kilojoules.
            let over = values.iter().filter(|v| **v > 905.0).count();
            if over * 50 > values.len() {
                Inferred::Unit(Unit::Kilojoule, 80)
            } else {
                Inferred::Unit(own, 60)
            }
        }
        (Target::Nutrient(Nutrient::Sodium), Some(median)) => sodium(own, cells, salt, &values, median),
        (Target::Nutrient(_), _) => Inferred::Unit(own, 60),
        (Target::Height, Some(median)) if values.len() >= VALUES_MIN => match median {
            100.0..=230.0 => Inferred::Unit(Unit::Centimetre, 90),
            1.0..=2.3 => Inferred::Unit(Unit::Metre, 90),
            48.0..=84.0 => Inferred::Unit(Unit::Inch, 70),
            _ => Inferred::Unsure,
        },
        // 150 may be pounds or kilograms: a guess here would change every limit that follows.
        _ => Inferred::Unsure,
    }
}

/// Sodium in grams or milligrams: salt beside it decides, else the size of the numbers.
fn sodium(own: Unit, cells: &[&str], salt: Option<&[&str]>, values: &[f64], median: f64) -> Inferred {
    if let Some(salt) = salt {
        let mut ratios: Vec<f64> = cells
            .iter()
            .zip(salt)
            .filter_map(|(sodium, salt)| {
                let sodium = read_number(sodium).ok().filter(|n| n.unit.is_none())?.to_f64();
                let salt = read_number(salt).ok()?;
                let salt = salt.times(salt.unit.unwrap_or(Unit::Gram).micrograms()?).ok()?.0 as f64 / 1e6;
                (sodium > 0.0 && salt > 0.0).then_some(salt / sodium)
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        match ratios.get(ratios.len() / 2) {
            Some(2.3..=2.8) => return Inferred::Unit(Unit::Gram, 95),
            Some(0.0023..=0.0028) => return Inferred::Unit(Unit::Milligram, 95),
            _ => {}
        }
    }
    // Foods have 1 to 2,000 mg sodium per 100 g, that is up to 2 g.
    let largest = values.last().copied().unwrap_or(0.0);
    if values.len() >= VALUES_MIN && median < 2.0 && largest <= 40.0 {
        return Inferred::Unit(Unit::Gram, 60);
    }
    Inferred::Unit(own, 60)
}
