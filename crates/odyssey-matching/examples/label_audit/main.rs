//! How well labels are read, over a real catalog (Open Food Facts, ODbL 1.0) that is not in the repository.
//!
//! `cargo run --release -p odyssey-matching --example label_audit -- <command> <catalog.csv.zst> …` with
//!
//! - `draw <seed> <count>`: rows whose text may hold a statement, drawn by SHA-256 of seed and row number,
//!   with the hash of each text; what a person labels.
//! - `marks <labels.tsv>`: what the parser reads in those rows.
//! - `explain <row>`: the evidence of one row, and its tree.
//! - `statements <labels.tsv>…`: precision and recall of the statement parser against labels made by hand.
//! - `masked`: with the "contains" statement taken out, what the rest of the list says of each allergen.
//! - `positives <labels.tsv>`: precision of positives that were judged by hand.
//! - `draw-positives <seed> <count>`: positives drawn at random, to be judged.
//! - `speed`: lists derived and parsed a second.
//!
//! Files of labels hold row numbers (from 0, without the header), the first eight digits of the SHA-256 of the
//! text, and labels; never the text. `docs/benchmarks/allergens.md` says what came out.

mod catalog;
mod masked;
mod positives;
mod speed;
mod statements;

use std::error::Error;

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["draw", file, seed, count] => statements::draw(&catalog::read(file)?, seed, count.parse()?),
        ["statements", file, labels @ ..] if !labels.is_empty() => {
            statements::judge(&catalog::read(file)?, labels)
        }
        ["marks", file, labels] => statements::marks(&catalog::read(file)?, labels),
        ["explain", file, row] => statements::explain(&catalog::read(file)?, row.parse()?),
        ["masked", file] => masked::report(&catalog::read(file)?),
        ["positives", file, labels] => positives::judge(&catalog::read(file)?, labels),
        ["draw-positives", file, seed, count] => positives::draw(&catalog::read(file)?, seed, count.parse()?),
        ["speed", file] => speed::report(&catalog::read(file)?),
        _ => Err("see the first lines of examples/label_audit/main.rs".into()),
    }
}
