//! The tables of a Synthea export but that of patients: a row for each allergy, condition or observation of somebody.

/// Whether the header is that of one of them: whose row it is, in which encounter it was noted, and what.
pub(super) fn is_table(text: &str, delimiter: u8) -> bool {
    let header = text.lines().next().unwrap_or_default();
    let has = |name: &str| {
        let mut columns = header.split(char::from(delimiter));
        columns.any(|column| column.trim().trim_matches('"').eq_ignore_ascii_case(name))
    };
    ["PATIENT", "ENCOUNTER", "CODE", "DESCRIPTION"].into_iter().all(has)
}
