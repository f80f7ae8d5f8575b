//! Numbers as files write them, read exactly and converted without floats.

use crate::unit::Unit;

/// How the number stood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Qualifier {
    Exact,
    /// `<0.5`: the bound is what is known.
    Below,
    /// `~5`.
    About,
}

/// A decimal number: `mantissa × 10^-scale`, with the unit that stood behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number {
    mantissa: i128,
    scale: i32,
    pub unit: Option<Unit>,
    pub qualifier: Qualifier,
}

/// Why a text is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberFault {
    Unreadable,
    /// `1,500`: a thousand and a half, or one and a half?
    CommaUnclear,
    TooLarge,
}

/// Significant digits that are read; no label has more than 17.
const DIGITS_MAX: usize = 24;

/// Reads `1.5`, `1,5`, `1.234,5`, `1 409`, `1.71e-05`, `<0.5`, `~3`, `99.9mg`, `1.70 g`.
///
/// One comma with exactly three digits behind it is refused unless the whole part is 0: it may stand
/// for thousands or for decimals.
pub(crate) fn read_number(text: &str) -> Result<Number, NumberFault> {
    let (qualifier, text) = take_qualifier(text.trim());
    let (negative, text) = match text.as_bytes().first() {
        Some(b'-') => (true, text[1..].trim_start()),
        Some(b'+') => (false, text[1..].trim_start()),
        _ => match text.strip_prefix('−') {
            Some(rest) => (true, rest.trim_start()),
            None => (false, text),
        },
    };
    let body_len = number_len(text);
    let (body, tail) = text.split_at(body_len);
    let (exponent, tail) = take_exponent(tail);
    let tail = tail.trim();
    let unit = if tail.is_empty() { None } else { Some(Unit::parse(tail).ok_or(NumberFault::Unreadable)?) };
    let (mantissa, decimals) = read_digits(body)?;
    let mantissa = if negative { -mantissa } else { mantissa };
    Ok(Number { mantissa, scale: decimals - exponent, unit, qualifier })
}

impl Number {
    pub fn is_negative(&self) -> bool {
        self.mantissa < 0
    }

    /// The number times `numerator / denominator`, as a whole count, rounded half-even; the flag says
    /// whether it was exact.
    pub fn times(&self, (numerator, denominator): (i128, i128)) -> Result<(i64, bool), NumberFault> {
        let product = self.mantissa.checked_mul(numerator).ok_or(NumberFault::TooLarge)?;
        if self.scale <= 0 {
            let power = 10_i128.checked_pow(self.scale.unsigned_abs()).ok_or(NumberFault::TooLarge)?;
            return divide(product.checked_mul(power).ok_or(NumberFault::TooLarge)?, denominator);
        }
        // Nothing of 24 digits and a factor below 10^13 is left so far behind the point.
        let Some(divisor) =
            10_i128.checked_pow(self.scale.unsigned_abs()).and_then(|p| p.checked_mul(denominator))
        else {
            return Ok((0, self.mantissa == 0));
        };
        divide(product, divisor)
    }

    /// For guesses only.
    pub fn to_f64(self) -> f64 {
        self.mantissa as f64 * 10_f64.powi(-self.scale)
    }
}

fn divide(dividend: i128, divisor: i128) -> Result<(i64, bool), NumberFault> {
    let (quotient, remainder) = (dividend / divisor, dividend % divisor);
    let twice = remainder.unsigned_abs() * 2;
    let up = twice > divisor.unsigned_abs() || twice == divisor.unsigned_abs() && quotient % 2 != 0;
    let rounded = if up { quotient + dividend.signum() * divisor.signum() } else { quotient };
    i64::try_from(rounded).map(|value| (value, remainder == 0)).map_err(|_| NumberFault::TooLarge)
}

fn take_qualifier(text: &str) -> (Qualifier, &str) {
    for (prefixes, qualifier) in
        [(["<=", "<", "≤", "less than"], Qualifier::Below), (["~", "≈", "ca.", "approx."], Qualifier::About)]
    {
        for prefix in prefixes {
            if let Some(head) = text.get(..prefix.len())
                && head.eq_ignore_ascii_case(prefix)
            {
                return (qualifier, text[prefix.len()..].trim_start());
            }
        }
    }
    (Qualifier::Exact, text)
}

/// Bytes of the digits, points, commas and grouping spaces that a number begins with.
fn number_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'0'..=b'9' | b'.' | b',' => at += 1,
            _ => {
                let gap = text[at..]
                    .chars()
                    .next()
                    .filter(|c| matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}'));
                let Some(gap) = gap else { break };
                let next = at + gap.len_utf8();
                // A space groups thousands only between a digit and exactly three digits.
                let three = bytes.get(next..next + 3).is_some_and(|d| d.iter().all(u8::is_ascii_digit));
                let more = bytes.get(next + 3).is_some_and(u8::is_ascii_digit);
                if at == 0 || !three || more {
                    break;
                }
                at = next;
            }
        }
    }
    at
}

fn take_exponent(tail: &str) -> (i32, &str) {
    let bytes = tail.as_bytes();
    if !matches!(bytes.first(), Some(b'e' | b'E')) {
        return (0, tail);
    }
    let sign = usize::from(matches!(bytes.get(1), Some(b'+' | b'-')));
    let digits = bytes[1 + sign..].iter().take_while(|b| b.is_ascii_digit()).count();
    let end = 1 + sign + digits;
    match tail[1..end].parse::<i32>() {
        Ok(exponent) if digits > 0 && exponent.abs() <= 400 => (exponent, &tail[end..]),
        _ => (0, tail),
    }
}

fn read_digits(body: &str) -> Result<(i128, i32), NumberFault> {
    let decimal_at = decimal_mark(body)?;
    let mut mantissa: i128 = 0;
    let mut decimals = 0;
    let mut digits = 0;
    for (at, byte) in body.bytes().enumerate() {
        if byte.is_ascii_digit() {
            if digits == DIGITS_MAX {
                if decimal_at.is_some_and(|mark| at > mark) {
                    // Digits beyond any step of ours.
                    continue;
                }
                return Err(NumberFault::TooLarge);
            }
            mantissa = mantissa * 10 + i128::from(byte - b'0');
            digits += usize::from(mantissa != 0);
            decimals += i32::from(decimal_at.is_some_and(|mark| at > mark));
        }
    }
    if body.bytes().any(|b| b.is_ascii_digit()) {
        Ok((mantissa, decimals))
    } else {
        Err(NumberFault::Unreadable)
    }
}

/// Where the decimal mark stands, if there is one; the other marks group thousands and must do it right.
fn decimal_mark(body: &str) -> Result<Option<usize>, NumberFault> {
    let marks: Vec<(usize, u8)> =
        body.bytes().enumerate().filter(|(_, b)| matches!(b, b'.' | b',')).collect();
    let digits_behind = |at: usize| body[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
    match marks.as_slice() {
        [] => Ok(None),
        [(at, b'.')] => Ok(Some(*at)),
        [(at, _)] => {
            let whole = &body[..*at];
            let zero = !whole.is_empty() && whole.bytes().all(|b| b == b'0');
            if digits_behind(*at) == 3 && !zero && whole.len() <= 3 && !whole.is_empty() {
                return Err(NumberFault::CommaUnclear);
            }
            Ok(Some(*at))
        }
        [groups @ .., (last, mark)] => {
            let alike = groups.iter().all(|(_, m)| *m == groups[0].1);
            let grouped = groups.iter().all(|(at, _)| digits_behind(*at) == 3);
            let decimal = groups[0].1 != *mark;
            if !alike || !grouped || (!decimal && digits_behind(*last) != 3) {
                return Err(NumberFault::Unreadable);
            }
            Ok(decimal.then_some(*last))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAM: (i128, i128) = (1_000_000, 1);

    fn micrograms(text: &str) -> Result<(i64, bool), NumberFault> {
        let number = read_number(text)?;
        number.times(number.unit.and_then(Unit::micrograms).unwrap_or(GRAM))
    }

    #[test]
    fn numbers_are_read_as_vendors_write_them() {
        for (text, expected) in [
            ("7", (7_000_000, true)),
            ("3.08", (3_080_000, true)),
            ("0.551181102362205", (551_181, false)),
            ("1.71e-05", (17, false)),
            ("1.7000000476837g", (1_700_000, false)),
            ("99.9mg", (99_900, true)),
            (" 1,5 ", (1_500_000, true)),
            ("0,125", (125_000, true)),
            ("1.234,5", (1_234_500_000, true)),
            ("1,234.5", (1_234_500_000, true)),
            ("1 409", (1_409_000_000, true)),
            ("20 g", (20_000_000, true)),
            ("<0.5 g", (500_000, true)),
            ("~5", (5_000_000, true)),
            ("-0.5", (-500_000, true)),
            ("−0.5", (-500_000, true)),
            ("0.0000005", (0, false)),
            ("0.0000015", (2, false)),
            ("32 ONZ", (907_184_740, true)),
            ("1lb", (453_592_370, true)),
            ("15 µg", (15, true)),
            ("1e-300", (0, false)),
        ] {
            assert_eq!(micrograms(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_single_number_is_refused() {
        for (text, fault) in [
            ("", NumberFault::Unreadable),
            ("abc", NumberFault::Unreadable),
            ("1-2", NumberFault::Unreadable),
            ("1.2.3", NumberFault::Unreadable),
            ("12 apples", NumberFault::Unreadable),
            ("1,500", NumberFault::CommaUnclear),
            (".", NumberFault::Unreadable),
            ("1e99", NumberFault::TooLarge),
            ("99999999999999999999999999", NumberFault::TooLarge),
        ] {
            assert_eq!(micrograms(text), Err(fault), "{text}");
        }
    }
}
