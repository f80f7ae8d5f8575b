//! What the rest of a list says of an allergen once the statement that names it is taken out.

use std::collections::BTreeMap;

use odyssey_matching::label::{Label, LabelStatement, StatementKind, Tables, derive, parse};
use odyssey_matching::{EvidenceKey, Facts, Flag, ListState};
use odyssey_types::{AllergenData, ProductFields};

use super::Outcome;
use super::catalog::{self, Row, attested, audited};

/// The coverage that an allergy asks for (reference 8.1).
const ALLERGY_COVERAGE_PERMILLE: u16 = 980;

#[derive(Default, Clone, Copy)]
struct Counts {
    yes: usize,
    may: usize,
    unknown: usize,
    /// The list is complete, of enough coverage, and silent.
    no: usize,
    /// What remains `NO` where the vendor besides attests that the label is complete.
    no_attested: usize,
}

pub fn report(rows: &[Row]) -> Outcome {
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut statements = 0;
    let mut misses = Vec::new();
    for row in rows {
        let tree = parse(&row.text);
        // "Flour (contains malted barley flour)" is the list itself: with it the ingredient would be gone.
        let apart = |s: &&LabelStatement| s.kind == StatementKind::Contains && !s.of_ingredient;
        let stated: Vec<_> = tree.statements.iter().filter(apart).collect();
        if stated.is_empty() {
            continue;
        }
        statements += stated.len();
        let mut rest = row.text.clone();
        for statement in stated.iter().rev() {
            rest.replace_range(statement.start as usize..statement.end as usize, " ");
        }
        let of = |fields: &ProductFields| derive(&Label { fields, holds: &[] }, Tables::embedded()).facts;
        let attested = of(&attested(&rest));
        let facts = of(&ProductFields { allergen_data: AllergenData::Unknown, ..catalog::attested(&rest) });
        for key in audited() {
            if !stated.iter().any(|s| s.allergens.iter().any(|a| a == key.code())) || is_group(key) {
                continue;
            }
            let flags = facts.flags_of(key);
            let line = counts.entry(key.code()).or_default();
            let silent = |facts: &Facts| {
                facts.list_state == ListState::Complete
                    && facts.coverage_permille >= ALLERGY_COVERAGE_PERMILLE
            };
            let doubt = [Flag::Ambiguous, Flag::Pal, Flag::Facility, Flag::Exempt];
            let attested_flags = attested.flags_of(key);
            let cleared = ![Flag::Contains, Flag::Ambiguous, Flag::Pal, Flag::Facility, Flag::Exempt]
                .iter()
                .any(|f| attested_flags.has(*f))
                && !attested.is_incomplete(key, ALLERGY_COVERAGE_PERMILLE);
            if cleared {
                line.no_attested += 1;
                misses.push(format!("as attested, row {} {}", row.number, key.code()));
            }
            if flags.has(Flag::Contains) {
                line.yes += 1;
            } else if doubt.iter().any(|f| flags.has(*f)) {
                line.may += 1;
            } else if !silent(&facts) {
                line.unknown += 1;
            } else {
                line.no += 1;
                misses.push(format!("row {} {}", row.number, key.code()));
            }
        }
    }
    for miss in &misses {
        println!("reads NO: {miss}");
    }
    println!("{statements} statements masked; US labels of 2019-06-14; coverage {ALLERGY_COVERAGE_PERMILLE}");
    println!("| allergen | stated | YES | MAY | UNKNOWN | NO | not NO | NO where attested |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut all = Counts::default();
    for (key, line) in &counts {
        print_line(key, *line);
        all.yes += line.yes;
        all.may += line.may;
        all.unknown += line.unknown;
        all.no += line.no;
        all.no_attested += line.no_attested;
    }
    print_line("all", all);
    Ok(())
}

/// "Tree nuts" and "gluten" are judged by their members; a list names those.
fn is_group(key: EvidenceKey) -> bool {
    matches!(key, EvidenceKey::TreeNut | EvidenceKey::GlutenCereal)
}

fn print_line(name: &str, counts: Counts) {
    let total = counts.yes + counts.may + counts.unknown + counts.no;
    let share = (total - counts.no) as f64 * 100.0 / total.max(1) as f64;
    println!(
        "| {name} | {total} | {} | {} | {} | {} | {share:.2} % | {} |",
        counts.yes, counts.may, counts.unknown, counts.no, counts.no_attested
    );
}
