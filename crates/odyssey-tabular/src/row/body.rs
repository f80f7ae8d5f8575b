//! Height and weight of a person, in every way they are written.

use odyssey_types::Fixed;

use super::context::Context;
use crate::error::{RowErrorCode, WarningCode};
use crate::unit::Unit;
use crate::value::number::read_number;

/// `172`, `1.72 m`, `5'11"`, `5 ft 11 in`.
pub(super) fn height(row: &mut Context<'_>, column: usize, cell: &str) -> Option<Fixed<1>> {
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

pub(super) fn weight(row: &mut Context<'_>, column: usize, cell: &str) -> Option<Fixed<3>> {
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
