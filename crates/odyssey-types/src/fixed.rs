//! Decimal numbers with a documented finest step, held as integers.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text is not a number of the wanted step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FixedError {
    #[error("is not a decimal number")]
    Unreadable,
    #[error("is finer than the smallest step of this field")]
    TooFine,
    #[error("is too large")]
    TooLarge,
}

/// A decimal number with `D` digits after the point, as an integer count of `10^-D`.
///
/// In JSON it is a number. A number finer than the step is refused, so that what is accepted reads
/// back equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fixed<const D: u32>(pub i64);

impl<const D: u32> Fixed<D> {
    /// The value as a float, for display and for formulas whose result is rounded anyway.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 10f64.powi(D as i32)
    }

    pub fn parse(text: &str) -> Result<Self, FixedError> {
        parse_fixed(text, D).map(Self)
    }
}

impl<const D: u32> std::fmt::Display for Fixed<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&render_fixed(self.0, D))
    }
}

impl<const D: u32> Serialize for Fixed<D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_fixed(self.0, D, serializer)
    }
}

impl<'de, const D: u32> Deserialize<'de> for Fixed<D> {
    fn deserialize<De: Deserializer<'de>>(deserializer: De) -> Result<Self, De::Error> {
        let number = f64::deserialize(deserializer)?;
        parse_json_number(number, D).map(Self).map_err(de::Error::custom)
    }
}

pub(crate) fn serialize_fixed<S: Serializer>(
    value: i64,
    digits: u32,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let unit = 10i64.pow(digits);
    if value % unit == 0 {
        serializer.serialize_i64(value / unit)
    } else {
        // The shortest float of the decimal text prints as that text again (15 significant digits).
        serializer.serialize_f64(render_fixed(value, digits).parse().unwrap_or_default())
    }
}

/// A JSON number, which `serde_json` hands over as a float, as an integer count of `10^-digits`.
pub(crate) fn parse_json_number(number: f64, digits: u32) -> Result<i64, FixedError> {
    if !number.is_finite() || number.abs() >= 1e15 {
        return Err(FixedError::TooLarge);
    }
    // Rust prints the shortest text that reads back as the same float: the text that was sent, up to
    // 15 significant digits.
    parse_fixed(&format!("{number}"), digits)
}

/// Reads `[+-]digits[.digits][e[+-]digits]` as an integer count of `10^-digits`; finer is an error.
pub fn parse_fixed(text: &str, digits: u32) -> Result<i64, FixedError> {
    let (value, exact) = parse_fixed_rounding(text, digits)?;
    if exact { Ok(value) } else { Err(FixedError::TooFine) }
}

/// Like [`parse_fixed`], but rounds half-even what is finer and says whether it was exact.
pub fn parse_fixed_rounding(text: &str, digits: u32) -> Result<(i64, bool), FixedError> {
    let text = text.trim();
    let (negative, text) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().map_err(|_| FixedError::Unreadable)?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(FixedError::Unreadable);
    }
    if !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return Err(FixedError::Unreadable);
    }
    if exponent.abs() > 64 || mantissa.len() > 64 {
        return Err(FixedError::TooLarge);
    }
    let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|b| b - b'0').collect();
    // Digits before the point of the scaled integer.
    let keep = whole.len() as i64 + i64::from(exponent) + i64::from(digits);
    let mut value: i64 = 0;
    for at in 0..keep.max(0) {
        let digit = all.get(at as usize).copied().unwrap_or(0);
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(i64::from(digit)))
            .ok_or(FixedError::TooLarge)?;
    }
    let rest: Vec<u8> = if keep < 0 {
        std::iter::repeat_n(0, (-keep) as usize).chain(all.iter().copied()).collect()
    } else {
        all.get(keep as usize..).unwrap_or_default().to_vec()
    };
    let exact = rest.iter().all(|d| *d == 0);
    let above_half = rest.first().is_some_and(|d| *d > 5 || (*d == 5 && rest[1..].iter().any(|d| *d > 0)));
    let tie = rest.first() == Some(&5) && rest[1..].iter().all(|d| *d == 0);
    if above_half || (tie && value % 2 == 1) {
        value = value.checked_add(1).ok_or(FixedError::TooLarge)?;
    }
    Ok((if negative { -value } else { value }, exact))
}

/// Writes an integer count of `10^-digits` without trailing zeros.
pub fn render_fixed(value: i64, digits: u32) -> String {
    let unit = 10u64.pow(digits);
    let (whole, fraction) = (value.unsigned_abs() / unit, value.unsigned_abs() % unit);
    let sign = if value < 0 { "-" } else { "" };
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    let fraction = format!("{fraction:0width$}", width = digits as usize);
    format!("{sign}{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_text_is_read_exactly_or_refused() {
        assert_eq!(parse_fixed("1.5", 3), Ok(1500));
        assert_eq!(parse_fixed("-0.001", 3), Ok(-1));
        assert_eq!(parse_fixed(".5", 1), Ok(5));
        assert_eq!(parse_fixed("1.71e-05", 6), Err(FixedError::TooFine));
        assert_eq!(parse_fixed("1.71e-05", 7), Ok(171));
        assert_eq!(parse_fixed("2e3", 0), Ok(2000));
        assert_eq!(parse_fixed("", 3), Err(FixedError::Unreadable));
        assert_eq!(parse_fixed("1,5", 3), Err(FixedError::Unreadable));
        assert_eq!(parse_fixed("99999999999999999999", 3), Err(FixedError::TooLarge));
    }

    #[test]
    fn finer_text_is_rounded_half_even() {
        assert_eq!(parse_fixed_rounding("0.0005", 3), Ok((0, false)));
        assert_eq!(parse_fixed_rounding("0.0015", 3), Ok((2, false)));
        assert_eq!(parse_fixed_rounding("0.00051", 3), Ok((1, false)));
        assert_eq!(parse_fixed_rounding("1.71e-05", 6), Ok((17, false)));
        assert_eq!(parse_fixed_rounding("4e-9", 6), Ok((0, false)));
    }

    #[test]
    fn every_three_digit_number_survives_json() {
        for value in (-20_000..2_000_000).step_by(37) {
            let number = Fixed::<3>(value);
            let text = render_fixed(value, 3);
            let through: f64 = text.parse().expect("a float");
            assert_eq!(parse_json_number(through, 3).map(Fixed), Ok(number), "{text}");
        }
    }
}
