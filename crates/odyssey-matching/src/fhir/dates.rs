//! Dates of FHIR: a year, a month, a day or an instant.

use chrono::{DateTime, Days, Months, NaiveDate, NaiveTime, Utc};

/// The first instant of a date or time, in UTC; a date without a zone is taken as UTC's.
pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.with_timezone(&Utc));
    }
    Some(first_day(text)?.and_time(NaiveTime::MIN).and_utc())
}

/// The last day that a date covers: all of 2014 ends with December.
pub(super) fn last_day(text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.date_naive());
    }
    let first = first_day(text)?;
    match text.len() {
        4 => first.checked_add_months(Months::new(12))?.checked_sub_days(Days::new(1)),
        7 => first.checked_add_months(Months::new(1))?.checked_sub_days(Days::new(1)),
        _ => Some(first),
    }
}

fn first_day(text: &str) -> Option<NaiveDate> {
    match text.len() {
        4 => NaiveDate::from_ymd_opt(text.parse().ok()?, 1, 1),
        7 => format!("{text}-01").parse().ok(),
        10 => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_begins_early_and_ends_late() {
        let day = |text: &str| text.parse::<NaiveDate>().ok();
        assert_eq!(instant("2014").map(|i| i.date_naive()), day("2014-01-01"));
        assert_eq!(last_day("2014"), day("2014-12-31"));
        assert_eq!(last_day("2024-02"), day("2024-02-29"));
        assert_eq!(last_day("2024-02-03"), day("2024-02-03"));
        assert_eq!(instant("2014-01-01T01:00:00+02:00").map(|i| i.date_naive()), day("2013-12-31"));
        for text in ["", "20", "yesterday", "2024-13", "2024-02-30", "éé"] {
            assert_eq!((instant(text), last_day(text)), (None, None), "{text}");
        }
    }
}
