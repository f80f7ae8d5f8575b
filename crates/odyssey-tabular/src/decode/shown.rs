//! A cell of a workbook as a person sees it.

use calamine::{DataRef, ExcelDateTime};

/// A spreadsheet shows 15 digits and keeps no more.
const DIGITS_MAX: i32 = 15;
/// From here on a spreadsheet shows a whole number in its short form, unless the column is told otherwise.
const SHORT_FORM_FROM: f64 = 1e11;
/// Digits of that short form.
const SHORT_FORM_DIGITS: usize = 6;

/// Bytes of the text of a cell that its file decides over; what else is shown is short.
pub(super) fn len(value: &DataRef<'_>) -> usize {
    match value {
        DataRef::String(words) | DataRef::DateTimeIso(words) | DataRef::DurationIso(words) => words.len(),
        DataRef::SharedString(words) => words.len(),
        DataRef::Empty
        | DataRef::Bool(_)
        | DataRef::Int(_)
        | DataRef::Float(_)
        | DataRef::DateTime(_)
        | DataRef::Error(_) => 0,
    }
}

/// Appends the text of a cell.
pub(super) fn show(value: &DataRef<'_>, text: &mut String) {
    match value {
        DataRef::Empty => {}
        DataRef::String(words) => text.push_str(words),
        DataRef::SharedString(words) => text.push_str(words),
        DataRef::Bool(yes) => text.push_str(if *yes { "true" } else { "false" }),
        DataRef::Int(number) => text.push_str(&number.to_string()),
        DataRef::Float(number) => text.push_str(&show_number(*number)),
        DataRef::DateTime(time) => text.push_str(&show_time(*time)),
        DataRef::DateTimeIso(time) => {
            text.push_str(time.strip_suffix("T00:00:00").unwrap_or(time));
        }
        DataRef::DurationIso(time) => text.push_str(time),
        DataRef::Error(error) => text.push_str(&error.to_string()),
    }
}

/// Whole numbers without a point, others to fifteen digits. A long number of few digits is what is left of a
/// barcode that a spreadsheet shortened, and one of more than fifteen has lost its last ones: both are shown
/// in the short form, so that nobody takes their zeros for digits.
fn show_number(number: f64) -> String {
    if !number.is_finite() {
        return String::new();
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{number:.14e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let lost = exponent >= DIGITS_MAX;
    let short = number.abs() >= SHORT_FORM_FROM && digits <= SHORT_FORM_DIGITS;
    if lost || short {
        return format!("{mantissa}E+{exponent:02}");
    }
    // Rounded to fifteen digits and written out: 0.30000000000000004 is shown as 0.3.
    scientific.parse::<f64>().unwrap_or(number).to_string()
}

/// `2019-06-14`, with the time where there is one; a time alone as `10:30:00`.
fn show_time(time: ExcelDateTime) -> String {
    if time.is_duration() {
        let seconds = (time.as_f64() * 86_400.0).round();
        let (sign, seconds) = (if seconds < 0.0 { "-" } else { "" }, seconds.abs() as u64);
        return format!("{sign}{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    }
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    let clock = format!("{hour:02}:{minute:02}:{second:02}");
    let date = format!("{year:04}-{month:02}-{day:02}");
    match (time.as_f64() < 1.0, clock == "00:00:00") {
        (true, _) => clock,
        (false, true) => date,
        (false, false) => format!("{date}T{clock}"),
    }
}

#[cfg(test)]
mod tests {
    use calamine::ExcelDateTimeType;

    use super::*;

    #[test]
    fn numbers_are_shown_without_digits_that_nobody_wrote() {
        for (number, shown) in [
            (12.0, "12"),
            (0.0, "0"),
            (-0.0, "0"),
            (1.10, "1.1"),
            (0.1 + 0.2, "0.3"),
            (-2.5, "-2.5"),
            (0.000_012, "0.000012"),
            (4_006_381_333_931.0, "4006381333931"),
            (36_000_291_452.0, "36000291452"),
            (7.61e12, "7.61E+12"),
            (1e11, "1E+11"),
            (5e10, "50000000000"),
            (123_456_789_012_345.0, "123456789012345"),
            (123_456_789_012_345_678.0, "1.23456789012346E+17"),
            (f64::NAN, ""),
            (f64::INFINITY, ""),
        ] {
            assert_eq!(show_number(number), shown, "{number}");
        }
    }

    #[test]
    fn dates_are_shown_as_iso() {
        let shown = |value, kind| show_time(ExcelDateTime::new(value, kind, false));
        assert_eq!(shown(43_630.0, ExcelDateTimeType::DateTime), "2019-06-14");
        assert_eq!(shown(43_630.437_5, ExcelDateTimeType::DateTime), "2019-06-14T10:30:00");
        assert_eq!(shown(0.437_5, ExcelDateTimeType::DateTime), "10:30:00");
        assert_eq!(shown(1.5, ExcelDateTimeType::TimeDelta), "36:00:00");
        assert_eq!(shown(f64::MAX, ExcelDateTimeType::TimeDelta).split(':').count(), 3);
        assert!(!shown(f64::NAN, ExcelDateTimeType::DateTime).is_empty());
    }
}
