//! Any words of a vendor and a platform before any file: mapped by them, recorded and restored, and read.
//!
//! Run with `cargo +nightly fuzz run saved_mapping` from the root of the repository. The first byte picks the kind
//! of file and what its amounts are counted per. Then come the words, one a line and up to an empty line:
//! `header TAB field TAB treatment` is a column of the saved mapping (lines of one header after each other are its
//! fields, without a field it is not read), `+header TAB field TAB treatment` a synonym of the vendor,
//! `*header TAB field TAB treatment` one of the platform, `=field TAB written TAB meant` one of a value. The rest is
//! the file.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use odyssey_tabular::{
    CustomerRow, ErrorsCsv, FieldRule, HeaderSynonyms, Mapping, Mode, Options, Outcome, ParseRow, ProductRow,
    RowSettings, Rows, Table, Target, Treatment, Vocabulary, WordOwner, map_headers, open, value_target,
};
use odyssey_types::NutritionBasis;

const LINES_MAX: usize = 50;

fuzz_target!(|data: &[u8]| {
    let Some((choice, mut rest)) = data.split_first() else { return };
    let mode = if choice & 1 == 1 { Mode::Customers } else { Mode::Products };
    let mut lines = Vec::new();
    while lines.len() < LINES_MAX {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = rest.get(end + 1..).unwrap_or_default();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let mut words = vocabulary(&lines, mode);
    words.basis = match choice >> 1 & 3 {
        1 => Some(NutritionBasis::Per100g),
        2 => Some(NutritionBasis::Per100ml),
        3 => Some(NutritionBasis::PerServing),
        _ => None,
    };
    match mode {
        Mode::Products => read::<ProductRow>(rest, mode, words),
        Mode::Customers => read::<CustomerRow>(rest, mode, words),
    }
});

fn vocabulary(lines: &[String], mode: Mode) -> Vocabulary {
    let mut words = Vocabulary::default();
    let mut saved: Vec<(&str, Vec<FieldRule>)> = Vec::new();
    for line in lines {
        let mut parts = line.splitn(3, '\t');
        let mut next = || parts.next().unwrap_or_default();
        let (first, second, third) = (next(), next(), next());
        if let Some(field) = first.strip_prefix('=') {
            if let Some(target) = value_target(field, mode) {
                words.add_value(target, second, third);
            }
        } else if let Some(header) = first.strip_prefix('+') {
            rule(second, third).into_iter().for_each(|rule| words.add_header(header, rule, WordOwner::Vendor));
        } else if let Some(header) = first.strip_prefix('*') {
            rule(second, third).into_iter().for_each(|rule| words.add_header(header, rule, WordOwner::Platform));
        } else {
            match saved.last_mut() {
                Some((header, fields)) if *header == first => fields.extend(rule(second, third)),
                _ => saved.push((first, rule(second, third).into_iter().collect())),
            }
        }
    }
    for (header, fields) in saved {
        words.save(header, fields);
    }
    words
}

fn rule(field: &str, treatment: &str) -> Option<FieldRule> {
    let target = Target::from_code(field)?;
    let treatment = match treatment {
        "" => Treatment::default(),
        text => Treatment::parse(text, target).ok()?,
    };
    Some(FieldRule { target, treatment })
}

fn read<T: ParseRow>(file: &[u8], mode: Mode, words: Vocabulary) {
    let vocabulary = Arc::new(words);
    let options = Options {
        mode: Some(mode),
        vocabulary: Arc::clone(&vocabulary),
        decompressed_bytes_max: Some(16 << 20),
        ..Options::default()
    };
    let Ok(decoded) = open(file, &options) else { return };
    let Ok(table) = Table::new(decoded) else { return };
    let synonyms = HeaderSynonyms { vocabulary, ..HeaderSynonyms::default() };
    let mapping = map_headers(table.headers(), &table.sample(), mode, &synonyms);
    let digest = mapping.digest();
    // As it is kept: through text.
    let record = mapping.to_record().expect("a mapping is written").to_string();
    let restored = Mapping::from_record(serde_json::from_str(&record).expect("JSON")).expect("a mapping is read");
    assert_eq!(restored.digest(), digest, "a restored mapping means the same");
    assert_eq!(restored, mapping, "a restored mapping is the same");

    let headers = table.headers().to_vec();
    let rows = Rows::<_, T>::new(table, restored, RowSettings::new(chrono::NaiveDate::default())).expect("the mapping fits");
    let mut errors = ErrorsCsv::new(Vec::new(), &headers).expect("into memory");
    for row in rows {
        match row {
            Ok(Outcome::Accepted(_)) => {}
            Ok(Outcome::Rejected(row)) => errors.write(&row).expect("into memory"),
            Err(_) => break,
        }
    }
    errors.finish().expect("into memory");
}
