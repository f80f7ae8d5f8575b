//! The catalog, and random draws from it that anyone can repeat.

use std::error::Error;
use std::fs::File;

use chrono::NaiveDate;
use odyssey_matching::EvidenceKey;
use odyssey_types::{AllergenData, Jurisdiction, ProductFields};
use sha2::{Digest, Sha256};

/// One row: its number from 0 and its ingredient text.
pub struct Row {
    pub number: usize,
    pub text: String,
}

/// The allergens that are audited: those of the US, the EU and Canada, and coconut.
pub fn audited() -> impl Iterator<Item = EvidenceKey> {
    EvidenceKey::ALL.iter().copied().take_while(|k| *k <= EvidenceKey::Sulfite)
}

/// Rows with an ingredient text.
pub fn read(file: &str) -> Result<Vec<Row>, Box<dyn Error>> {
    let mut reader = csv::Reader::from_reader(zstd::Decoder::new(File::open(file)?)?);
    let mut rows = Vec::new();
    for (number, record) in reader.records().enumerate() {
        let record = record?;
        let column = |at: usize| record.get(at).unwrap_or_default().to_owned();
        if !column(2).trim().is_empty() {
            rows.push(Row { number, text: column(2) });
        }
    }
    Ok(rows)
}

/// A label of the catalog's day (14 June 2019) and country whose vendor attests its allergens.
pub fn attested(text: &str) -> ProductFields {
    ProductFields {
        ingredients: Some(text.to_owned()),
        label_jurisdiction: Jurisdiction::Us,
        label_as_of: NaiveDate::from_ymd_opt(2019, 6, 14),
        allergen_data: AllergenData::Complete,
        ..ProductFields::default()
    }
}

/// The first eight digits of the SHA-256 of a text.
pub fn fingerprint(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()), 4)
}

/// A place in the order of a draw.
pub fn order(seed: &str, what: &str) -> String {
    hex(&Sha256::digest(format!("{seed}:{what}").as_bytes()), 32)
}

fn hex(bytes: &[u8], count: usize) -> String {
    bytes.iter().take(count).map(|b| format!("{b:02x}")).collect()
}

/// Lines of a file of labels: row number, fingerprint and the rest, `#` lines left out.
pub fn labels(file: &str) -> Result<Vec<(usize, String, String)>, Box<dyn Error>> {
    let content = std::fs::read_to_string(file)?;
    let mut lines = Vec::new();
    for line in content.lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty()) {
        let mut columns = line.splitn(3, '\t');
        let number = columns.next().ok_or("no row number")?.parse()?;
        let hash = columns.next().ok_or("no fingerprint")?.to_owned();
        lines.push((number, hash, columns.next().unwrap_or_default().to_owned()));
    }
    Ok(lines)
}
