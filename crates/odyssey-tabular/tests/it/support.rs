//! What every test needs: a file in memory, read in one line.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use chrono::NaiveDate;
use odyssey_tabular::{
    CustomerRow, HeaderSynonyms, Mapping, Mode, Options, Outcome, ParseRow, ProductRow, RejectedRow,
    RowSettings, Rows, Table, map_headers, open,
};

/// Everything a file gave.
pub struct Parsed<T> {
    pub accepted: Vec<T>,
    pub rejected: Vec<RejectedRow>,
    pub mapping: Mapping,
}

impl<T> Parsed<T> {
    /// Rows per reject code, a row counted once per code.
    pub fn codes(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for row in &self.rejected {
            let codes: std::collections::BTreeSet<_> = row.errors.iter().map(|e| e.code.as_str()).collect();
            for code in codes {
                *counts.entry(code).or_default() += 1;
            }
        }
        counts
    }
}

pub fn settings() -> RowSettings {
    RowSettings::new(NaiveDate::from_ymd_opt(2026, 1, 31).expect("a day"))
}

pub fn products(file: impl Read) -> Parsed<ProductRow> {
    parse(file, Mode::Products)
}

pub fn customers(file: impl Read) -> Parsed<CustomerRow> {
    parse(file, Mode::Customers)
}

fn parse<T: ParseRow>(file: impl Read, mode: Mode) -> Parsed<T> {
    let table = Table::new(open(file, &Options::default()).expect("opens")).expect("has a header");
    let mapping = map_headers(table.headers(), &table.sample(), mode, &HeaderSynonyms::default());
    let mut parsed = Parsed { accepted: Vec::new(), rejected: Vec::new(), mapping: mapping.clone() };
    for row in Rows::<_, T>::new(table, mapping, settings()).expect("fits") {
        match row.expect("readable") {
            Outcome::Accepted(row) => parsed.accepted.push(row),
            Outcome::Rejected(row) => parsed.rejected.push(row),
        }
    }
    parsed
}

/// A file of the shared data, or `None` (said on the screen) where there is none.
pub fn shared(path: &str) -> Option<std::fs::File> {
    let root = std::env::var_os("ODYSSEY_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let file = std::fs::File::open(root.join(path)).ok();
    if file.is_none() {
        println!("skipped: shared data not present");
    }
    file
}
