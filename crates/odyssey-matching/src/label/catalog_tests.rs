//! The deriver over a real catalog (Open Food Facts, ODbL 1.0), where it is present.

use std::path::PathBuf;
use std::time::Instant;

use odyssey_types::ProductFields;

use super::{Label, Tables, derive};
use crate::facts::{Facts, ListState};

/// Enough rows for stable shares, few enough for every test run.
const ROWS: usize = 20_000;

#[test]
fn cut_lists_of_the_real_catalog_are_truncated_and_coverage_is_reported() {
    let Some(lists) = real_lists(8, ROWS) else {
        println!("skipped: shared data not present");
        return;
    };
    let tables = Tables::embedded();
    let rows: Vec<ProductFields> = lists
        .into_iter()
        .map(|text| ProductFields { ingredients: Some(text), ..ProductFields::default() })
        .collect();
    let start = Instant::now();
    let facts: Vec<Facts> =
        rows.iter().map(|fields| derive(&Label { fields, holds: &[] }, tables).facts).collect();
    let elapsed = start.elapsed();
    for (fields, facts) in rows.iter().zip(&facts) {
        let text = fields.ingredients.as_deref().unwrap_or_default();
        if [254, 255].contains(&text.chars().count()) && facts.list_state != ListState::Absent {
            assert_eq!(facts.list_state, ListState::Truncated, "{text}");
        }
    }
    report(&facts, elapsed.as_micros());
    let complete = facts.iter().filter(|f| f.list_state == ListState::Complete);
    assert!(complete.count() > facts.len() / 3, "most uncut lists are complete");
}

fn report(facts: &[Facts], micros: u128) {
    let uncut: Vec<&Facts> = facts.iter().filter(|f| f.list_state != ListState::Truncated).collect();
    let share = |at_least: u16| {
        let reached = uncut.iter().filter(|f| f.coverage_permille >= at_least).count();
        reached * 1000 / uncut.len().max(1)
    };
    println!(
        "{} lists, {} uncut; permille of uncut lists that reach coverage 1000: {}, 980: {}, 950: {}, 900: {}; {} lists/s",
        facts.len(),
        uncut.len(),
        share(1000),
        share(980),
        share(950),
        share(900),
        facts.len() as u128 * 1_000_000 / micros.max(1),
    );
    for state in [ListState::Absent, ListState::Truncated, ListState::OtherLanguage, ListState::Complete] {
        println!("{state:?}: {}", facts.iter().filter(|f| f.list_state == state).count());
    }
}

/// Every `step`th ingredient text of the catalog, blank ones left out.
pub(super) fn real_lists(step: usize, rows: usize) -> Option<Vec<String>> {
    let root = std::env::var_os("ODYSSEY_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let file = std::fs::File::open(root.join("products/lifyzer_off_us_213592.csv.zst")).ok()?;
    let mut reader = csv::Reader::from_reader(zstd::Decoder::new(file).ok()?);
    let texts = reader.records().filter_map(Result::ok).filter_map(|r| r.get(2).map(str::to_owned));
    Some(texts.filter(|t| !t.trim().is_empty()).step_by(step).take(rows).collect())
}
