//! What stands above a header: titles, remarks and empty rows.

use std::collections::HashSet;

use super::{Names, looks_like_header};
use crate::decode::Options;
use crate::limits::HEADER_ROW_MAX;

/// Names of ours that make a row further down a header; one may be a word of a title.
const NAMES_MIN: usize = 2;

/// Whether a third of a row's cells, and more than one, are names of columns that we know, each counted once: a list of
/// ingredients has salt and sugar among many others.
pub(crate) fn names_columns(row: &[String], options: &Options) -> bool {
    let names = Names::new(options);
    let known: HashSet<&str> = row.iter().map(|cell| cell.trim()).filter(|cell| names.knows(cell)).collect();
    known.len() >= NAMES_MIN && known.len() * 3 >= row.len()
}

/// Rows above the header; 0 unless it is unambiguous: a row further down is a header by its names, each
/// row above it fills at most half as many cells, and what follows is a table of its width.
pub(crate) fn rows_above_header(rows: &[Vec<String>], options: &Options) -> usize {
    if options.has_header == Some(false) {
        return 0;
    }
    let names = Names::new(options);
    let is_header = |at: usize| {
        let known = rows[at].iter().filter(|cell| names.knows(cell)).count();
        known >= NAMES_MIN && looks_like_header(&rows[at], rows.get(at + 1).map(Vec::as_slice), options)
    };
    let Some(at) = (0..rows.len().min(HEADER_ROW_MAX)).find(|at| is_header(*at)) else { return 0 };
    let width = filled(&rows[at]);
    let above_is_narrow = rows[..at].iter().all(|row| filled(row) * 2 <= width);
    let below = &rows[at + 1..];
    let below_is_wide = below.is_empty() || below.iter().any(|row| row.len() * 2 > width);
    if above_is_narrow && below_is_wide { at } else { 0 }
}

fn filled(row: &[String]) -> usize {
    row.iter().filter(|cell| !cell.trim().is_empty()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Mode;

    fn check(mode: Mode, text: &str, expected: usize) {
        let rows: Vec<Vec<String>> =
            text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
        let options = Options { mode: Some(mode), ..Options::default() };
        assert_eq!(rows_above_header(&rows, &options), expected, "{text}");
    }

    #[test]
    fn titles_and_remarks_stand_above_a_header_that_its_names_make_sure() {
        check(Mode::Products, "Product list 2026\nsku,name,fat\n1,a,2", 1);
        check(Mode::Products, "# exported by,Till 4,,\n,,,\nsku,name,fat,salt\n1,a,2,3", 2);
        check(Mode::Products, "sep=;\nsku,name\n1,a", 1);
        check(Mode::Customers, "Members\ncustomer_id,name,allergies\nM-1,Ada,milk", 1);
        check(Mode::Products, &format!("{}sku,name\n1,a", "x\n".repeat(19)), 19);
    }

    #[test]
    fn a_first_row_stays_the_first_where_anything_is_in_doubt() {
        for text in [
            "sku,name,fat\n1,a,2",
            "sku,name\nsku,name,fat\n1,a,2",
            "Bar,a,b\nsku,name,fat\n1,a,2",
            "Product list\nTuote,Nimi,Hinta\n1,a,2",
            "Product list\nsku,Nimi,Hinta\n1,a,2",
            "Product list\nsku,name,fat,salt\n1\n2",
            "1,a,2\n2,b,3",
        ] {
            check(Mode::Products, text, 0);
        }
        check(Mode::Customers, "M-77\nname,sex,weight\nAda,female,70", 0);
        check(Mode::Products, &format!("{}sku,name\n1,a", "x\n".repeat(20)), 0);
        check(Mode::Products, "", 0);
    }
}
