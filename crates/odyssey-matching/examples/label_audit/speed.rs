//! Lists a second.

use std::hint::black_box;
use std::time::Instant;

use odyssey_matching::label::{Label, Tables, derive, parse};

use super::Outcome;
use super::catalog::{Row, attested};

const ROUNDS: usize = 5;
/// Every eighth list: enough for stable figures.
const STEP: usize = 8;

pub fn report(rows: &[Row]) -> Outcome {
    let fields: Vec<_> = rows.iter().step_by(STEP).map(|row| attested(&row.text)).collect();
    let tables = Tables::embedded();
    let mut derived = Vec::new();
    let mut parsed = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for fields in &fields {
            black_box(derive(&Label { fields, holds: &[] }, tables));
        }
        derived.push(start.elapsed().as_micros());
        let start = Instant::now();
        for fields in &fields {
            black_box(parse(fields.ingredients.as_deref().unwrap_or_default()));
        }
        parsed.push(start.elapsed().as_micros());
    }
    for (name, mut micros) in [("derived", derived), ("parsed", parsed)] {
        micros.sort_unstable();
        let median = micros[ROUNDS / 2].max(1);
        println!(
            "{name}: {} lists a second (median of {ROUNDS} rounds of {} lists)",
            fields.len() as u128 * 1_000_000 / median,
            fields.len()
        );
    }
    Ok(())
}
