//! Delimiter, quoting and header row, guessed from a sample of the text.

use std::collections::HashMap;

use csv_core::{ReadRecordResult, ReaderBuilder};

use super::Options;
use crate::header::{looks_like_header, names_columns, rows_above_header};

/// Rows of the sample that are looked at.
pub(super) const ROWS_MAX: usize = 300;

pub(super) struct Dialect {
    pub delimiter: u8,
    pub quoting: bool,
    pub has_header: bool,
    pub rows_above_header: usize,
    pub confidence: u8,
    pub columns: usize,
}

impl Dialect {
    /// Of objects, which name their fields themselves.
    pub const NONE: Self = Self {
        delimiter: b',',
        quoting: true,
        has_header: true,
        rows_above_header: 0,
        confidence: 99,
        columns: 0,
    };
}

/// How much more a delimiter counts under which the first row names columns that we know: a list in a cell may be split
/// as evenly as the cells themselves, and the names of columns are not.
const NAMED_FACTOR: u64 = 4;

/// Tries each delimiter with and without quoting and takes the one under which most rows have the
/// same number of columns, more columns and known names of columns counting more.
pub(super) fn guess(text: &str, whole: bool, options: &Options) -> Dialect {
    let delimiters = options.delimiter.map_or_else(|| b",;\t|".to_vec(), |d| vec![d]);
    let mut best: Option<(u64, Dialect)> = None;
    for delimiter in delimiters {
        let quoting = options.quoting.unwrap_or_else(|| guess_quoting(text, whole, delimiter));
        let rows = split(text, whole, delimiter, quoting);
        let rows_above_header = rows_above_header(&rows, options);
        let rows = &rows[rows_above_header..];
        let (columns, agreeing) = most_common_width(rows);
        let share = if rows.is_empty() { 0 } else { agreeing * 100 / rows.len() };
        let confidence = if columns < 2 { 20 } else { share.clamp(20, 99) as u8 };
        // A wrong delimiter that occurs inside texts yields uneven rows, so evenness counts squared.
        let score =
            if columns < 2 { 0 } else { (share * share) as u64 * u64::from(columns.min(64).ilog2() + 4) };
        let is_named = options.has_header != Some(false)
            && rows.first().is_some_and(|first| names_columns(first, options));
        let score = if is_named { score * NAMED_FACTOR } else { score };
        if best.as_ref().is_none_or(|(top, _)| score > *top) {
            let has_header = has_header(rows, options);
            best = Some((
                score,
                Dialect { delimiter, quoting, has_header, rows_above_header, confidence, columns },
            ));
        }
    }
    // There is always a delimiter to try.
    best.map_or(Dialect::NONE, |(_, dialect)| dialect)
}

/// Of rows that come in cells already.
pub(super) fn of_rows(rows: &[Vec<String>], options: &Options) -> Dialect {
    let rows_above_header = rows_above_header(rows, options);
    let has_header = has_header(&rows[rows_above_header..], options);
    Dialect { has_header, rows_above_header, ..Dialect::NONE }
}

/// Whether the first of these rows is a header, by the caller's word or by its looks.
fn has_header(rows: &[Vec<String>], options: &Options) -> bool {
    options.has_header.unwrap_or_else(|| {
        let second = rows.get(1).map(Vec::as_slice);
        rows.first().is_some_and(|first| looks_like_header(first, second, options))
    })
}

/// Quotes are quotes, except in tab-separated files where those that open a field do not close it:
/// big exports never quote, and an inch mark would then swallow rows.
fn guess_quoting(text: &str, whole: bool, delimiter: u8) -> bool {
    if delimiter != b'\t' {
        return true;
    }
    let mut opened = 0;
    for row in split(text, whole, delimiter, false) {
        for field in row.iter().filter(|f| f.starts_with('"')) {
            opened += 1;
            let inner = field.strip_prefix('"').and_then(|f| f.strip_suffix('"'));
            if inner.is_none_or(|inner| inner.replace("\"\"", "").contains('"')) {
                return false;
            }
        }
    }
    opened > 0
}

fn most_common_width(rows: &[Vec<String>]) -> (usize, usize) {
    let mut widths: HashMap<usize, usize> = HashMap::new();
    for row in rows {
        *widths.entry(row.len()).or_default() += 1;
    }
    widths.into_iter().max_by_key(|(width, count)| (*count, *width)).unwrap_or((0, 0))
}

/// The first rows of the sample; its last one is dropped where the sample cuts it.
fn split(text: &str, whole: bool, delimiter: u8, quoting: bool) -> Vec<Vec<String>> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).quoting(quoting).build();
    let mut input = text.as_bytes();
    let mut output = vec![0; text.len() + 1];
    let mut ends = vec![0; text.len() + 2];
    let mut rows = Vec::new();
    let (mut out_len, mut end_len) = (0, 0);
    while rows.len() < ROWS_MAX {
        let (result, read, written, ended) =
            reader.read_record(input, &mut output[out_len..], &mut ends[end_len..]);
        let exhausted = input.is_empty();
        input = &input[read..];
        out_len += written;
        end_len += ended;
        match result {
            ReadRecordResult::Record => {
                // The record that end of input closed is whole only if the sample is.
                if whole || !exhausted {
                    rows.push(fields(&output[..out_len], &ends[..end_len]));
                }
                (out_len, end_len) = (0, 0);
            }
            ReadRecordResult::InputEmpty if !exhausted => {}
            _ => break,
        }
    }
    rows
}

fn fields(output: &[u8], ends: &[usize]) -> Vec<String> {
    let mut start = 0;
    let text = |from: usize, to: usize| {
        String::from_utf8_lossy(output.get(from..to).unwrap_or_default()).into_owned()
    };
    ends.iter()
        .map(|end| {
            let field = text(start, *end);
            start = *end;
            field
        })
        .collect()
}
