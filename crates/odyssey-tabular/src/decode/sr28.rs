//! The ASCII tables of USDA SR28: fields between `^`, texts between `~`, no header.

use super::Detected;
use crate::error::ReadError;
use crate::header::headers_of;

const LAYOUT: &str = "usda_sr28";

/// Whether the text begins as each of these tables does: with a key between tildes.
pub(super) fn is_table(text: &str) -> bool {
    let key = text.strip_prefix('~').and_then(|rest| rest.split_once("~^")).map(|(key, _)| key);
    key.is_some_and(|key| (1..=8).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Only the abbreviated table has foods and amounts in one.
pub(super) fn set_layout(text: &str, detected: &mut Detected) -> Result<(), ReadError> {
    let columns = text.lines().next().map_or(0, |line| line.split('^').count());
    if columns != headers_of(LAYOUT).len() {
        return Err(ReadError::OneTableOfSr28);
    }
    detected.delimiter = b'^';
    detected.quote = b'~';
    detected.quoting = true;
    detected.has_header = false;
    detected.rows_above_header = 0;
    detected.confidence = 99;
    detected.columns = columns;
    detected.layout = Some(LAYOUT);
    Ok(())
}
