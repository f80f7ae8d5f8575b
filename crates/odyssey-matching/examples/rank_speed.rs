//! How fast a whole catalog is ranked, and how much memory it takes.
//!
//! `cargo run --release -p odyssey-matching --example rank_speed [products] [rounds]` (500,000 without a number)
//! makes a synthetic catalog, ranks it for a strict and a loose profile, applies a delta, writes and reads its
//! bytes, judges a product by twice as many customers, and prints
//! milliseconds (best, median and worst of 21 rounds unless told) and bytes per product.

use std::error::Error;
use std::time::Instant;

use odyssey_matching::{Audience, AudienceProduct, Query, Snapshot, SnapshotDecoder, SnapshotRow, rank};
use odyssey_types::CustomerId;
use uuid::Uuid;

#[path = "../benches/engine/synthetic.rs"]
mod synthetic;

use synthetic::{Dice, LOOSE, STRICT, catalog, policy_of, row};

fn main() -> Result<(), Box<dyn Error>> {
    let products: u64 = std::env::args().nth(1).map_or(Ok(500_000), |text| text.parse())?;
    let started = Instant::now();
    let snapshot = catalog(products);
    println!("{products} products built in {} ms", started.elapsed().as_millis());
    println!("{} bytes per product", snapshot.memory_bytes() as u64 / products.max(1));
    let rounds: usize = std::env::args().nth(2).map_or(Ok(21), |text| text.parse())?;
    for (name, profile) in [("strict", STRICT), ("loose", LOOSE)] {
        measure(name, profile, &snapshot, rounds)?;
    }
    let delta: Vec<SnapshotRow> =
        (0..10_000).map(|n| row(&mut Dice(n + 1), n * 7 % products.max(1))).collect();
    let started = Instant::now();
    let next = snapshot.apply(delta, Vec::new());
    println!("delta of 10,000 applied in {} ms ({} products)", started.elapsed().as_millis(), next.len());
    measure("strict after the delta", STRICT, &next, rounds)?;
    let started = Instant::now();
    let blocks: Vec<Vec<u8>> = snapshot.encode_blocks().collect();
    let written = started.elapsed();
    let started = Instant::now();
    let mut decoder = SnapshotDecoder::new();
    for block in &blocks {
        decoder.push(block)?;
    }
    let read = decoder.finish();
    println!(
        "written as {} MiB in {} ms, read back in {} ms ({} products)",
        blocks.iter().map(Vec::len).sum::<usize>() >> 20,
        written.as_millis(),
        started.elapsed().as_millis(),
        read.len()
    );
    reverse(products)
}

/// One product against twice as many customers as there are products.
fn reverse(products: u64) -> Result<(), Box<dyn Error>> {
    let mut dice = Dice(9);
    let count = products * 2;
    let started = Instant::now();
    let mut audience = Audience::new();
    for number in 0..count {
        let policy = policy_of(&person(&mut dice))?;
        audience.put(CustomerId::from_uuid(Uuid::from_u64_pair(number << 8, number)), &policy);
    }
    let (rules, sets) = audience.dictionary();
    println!(
        "{count} customers compiled in {} ms: {} bytes a customer, {rules} rules, {sets} sets",
        started.elapsed().as_millis(),
        audience.bytes_per_customer()
    );
    let mut times: Vec<u128> = Vec::new();
    for number in 0..21 {
        let product = row(&mut Dice(number), number);
        let started = Instant::now();
        let counts =
            audience.judge(&AudienceProduct { facts: &product.facts, active: true, listed: &[] }).counts();
        times.push(started.elapsed().as_micros());
        std::hint::black_box(counts);
    }
    times.sort_unstable();
    println!(
        "one product against all: best {} µs, median {} µs, worst {} µs",
        times[0], times[10], times[20]
    );
    Ok(())
}

/// A person with what people have: mostly nothing, some allergies and conditions, a body of their own.
fn person(dice: &mut Dice) -> String {
    const ALLERGENS: [&str; 9] =
        ["milk", "egg", "peanut", "tree_nut", "soy", "wheat", "fish", "crustacean", "sesame"];
    const CONDITIONS: [&str; 3] = ["I10", "E11.9", "J30.1"];
    let mut lists = [Vec::new(), Vec::new(), Vec::new()];
    for allergen in ALLERGENS {
        if dice.percent(6) {
            let severity = ["anaphylaxis", "allergy", "intolerance"][dice.below(3) as usize];
            lists[0].push(format!(r#"{{"allergen":"{allergen}","severity":"{severity}"}}"#));
        }
    }
    for condition in CONDITIONS {
        if dice.percent(12) {
            lists[1].push(format!(r#"{{"system":"icd10cm","code":"{condition}"}}"#));
        }
    }
    for diet in ["vegan", "vegetarian", "halal", "gluten_free"] {
        if dice.percent(5) {
            lists[2].push(format!(r#"{{"diet":"{diet}","kind":"ethical"}}"#));
        }
    }
    let [allergies, conditions, diets] = lists.map(|list| list.join(","));
    format!(
        r#"{{"age_years":{},"sex":"{}","height_cm":{},"weight_kg":{},"activity_level":"light","allergies":[{allergies}],"conditions":[{conditions}],"diets":[{diets}]}}"#,
        18 + dice.below(70),
        ["female", "male"][dice.below(2) as usize],
        150 + dice.below(45),
        45 + dice.below(80),
    )
}

fn measure(name: &str, profile: &str, snapshot: &Snapshot, rounds: usize) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let policy = policy_of(profile)?;
    let compiled = started.elapsed();
    let query = Query { k: 20, ..Query::default() };
    let mut times: Vec<u128> = Vec::with_capacity(rounds);
    let mut ranked = rank(snapshot, &policy, &query);
    for _ in 0..rounds {
        let started = Instant::now();
        ranked = rank(snapshot, &policy, &query);
        times.push(started.elapsed().as_micros());
    }
    times.sort_unstable();
    println!(
        "{name}: compile {} µs, rank best {} µs, median {} µs, worst {} µs; {} of {} fit, best {}",
        compiled.as_micros(),
        times[0],
        times[rounds / 2],
        times[rounds - 1],
        ranked.fits_total,
        ranked.considered,
        ranked.fits.first().map_or(0, |c| c.score_permille),
    );
    Ok(())
}
