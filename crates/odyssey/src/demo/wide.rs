//! The product file of a vendor that exports all it has: long descriptions, and columns that mean nothing to us.

use std::io;

use super::csv::CsvLines;
use super::product::Maker;
use super::products::{COLUMNS, cells};
use super::random::Random;

/// Columns of a warehouse system; no field of ours.
const UNMAPPED_COLUMNS: usize = 24;
/// Sentences of a description, and of a cell that is not mapped.
const DESCRIPTION_SENTENCES: usize = 8;
const UNMAPPED_SENTENCES: usize = 1;
/// Sentences that rows are made of.
const POOL: usize = 4_096;
const STREAM: u64 = 5;
const DESCRIPTION: usize = 4;

/// Names of all columns.
pub fn wide_columns() -> Vec<String> {
    let unmapped = (1..=UNMAPPED_COLUMNS).map(|nth| format!("wms_attribute_{nth:02}"));
    COLUMNS.iter().map(|name| (*name).to_owned()).chain(unmapped).collect()
}

/// As [`write_products_csv`](super::write_products_csv), with some 2.6 KB a row: the same products and faults.
pub fn write_wide_products_csv(out: &mut impl io::Write, seed: u64, rows: u64) -> io::Result<()> {
    let maker = Maker::new().map_err(io::Error::other)?;
    let mut random = Random::of_row(seed, STREAM, 0);
    let pool: Vec<String> = (0..POOL)
        .map(|_| {
            let product = maker.make(&mut random);
            format!("{} of {}, made of {}.", product.plain_name, product.brand, product.recipe.category)
        })
        .collect();
    let mut lines = CsvLines::new(out);
    for column in wide_columns() {
        lines.cell(&column);
    }
    lines.end_line()?;
    let mut text = String::new();
    for row in 1..=rows {
        let mut random = Random::of_row(seed, STREAM, row);
        let mut sentences = |text: &mut String, count: usize| {
            for _ in 0..count {
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(random.pick(&pool).map_or("", String::as_str));
            }
        };
        for (nth, cell) in cells(&maker, seed, row).into_iter().enumerate() {
            if nth == DESCRIPTION {
                text.clear();
                text.push_str(&cell);
                sentences(&mut text, DESCRIPTION_SENTENCES);
                lines.cell(&text);
            } else {
                lines.cell(&cell);
            }
        }
        for _ in 0..UNMAPPED_COLUMNS {
            text.clear();
            sentences(&mut text, UNMAPPED_SENTENCES);
            lines.cell(&text);
        }
        lines.end_line()?;
    }
    lines.finish()
}
