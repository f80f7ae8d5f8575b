//! Positives (an allergen said to be contained), drawn at random and judged by hand.

use std::collections::BTreeMap;

use odyssey_matching::label::{Label, Tables, derive};
use odyssey_matching::{EvidenceKey, Flag};

use super::Outcome;
use super::catalog::{Row, attested, audited, fingerprint, labels, order};

fn positives(row: &Row) -> impl Iterator<Item = EvidenceKey> {
    let fields = attested(&row.text);
    let facts = derive(&Label { fields: &fields, holds: &[] }, Tables::embedded()).facts;
    audited().filter(move |key| facts.flags_of(*key).has(Flag::Contains))
}

/// Prints row, hash and allergen of a draw among all positives of the catalog, and what they rest on for the
/// person who judges; that is text of the catalog and does not belong into a file of labels.
pub fn draw(rows: &[Row], seed: &str, count: usize) -> Outcome {
    let mut all: Vec<(String, &Row, EvidenceKey)> = Vec::new();
    for row in rows {
        for key in positives(row) {
            all.push((order(seed, &format!("{}:{}", row.number, key.code())), row, key));
        }
    }
    println!("# {} positives among {} texts", all.len(), rows.len());
    all.sort_by(|a, b| a.0.cmp(&b.0));
    for (_, row, key) in all.into_iter().take(count) {
        println!("{}\t{}\t{}\t{}", row.number, fingerprint(&row.text), key.code(), grounds(row, key));
    }
    Ok(())
}

/// The first piece of evidence with what stands around it.
fn grounds(row: &Row, key: EvidenceKey) -> String {
    let fields = attested(&row.text);
    let evidence = derive(&Label { fields: &fields, holds: &[] }, Tables::embedded()).evidence;
    let Some(found) = evidence.iter().find(|e| e.key == key.code() && e.flag == Flag::Contains) else {
        return String::new();
    };
    let at = found.offset as usize;
    let before: String = row.text[..at].chars().rev().take(AROUND).collect();
    let before: String = before.chars().rev().collect();
    let after: String = row.text[at + found.matched.len()..].chars().take(AROUND).collect();
    format!("{before}[{}]{after}", found.matched).replace(['\t', '\n'], " ")
}

/// Characters shown on either side of a match.
const AROUND: usize = 32;

/// Lines say `<allergen> <right|wrong>`; a line whose positive is gone is counted apart.
pub fn judge(rows: &[Row], file: &str) -> Outcome {
    let by_number: BTreeMap<usize, &Row> = rows.iter().map(|r| (r.number, r)).collect();
    let (mut right, mut wrong, mut gone) = (0, 0, 0);
    for (number, hash, verdict) in labels(file)? {
        let row = by_number.get(&number).ok_or("no such row")?;
        if fingerprint(&row.text) != hash {
            return Err(format!("row {number} is not the text that was labelled").into());
        }
        let (code, verdict) = verdict.split_once(' ').ok_or("no verdict")?;
        let stands = positives(row).any(|key| key.code() == code);
        match (stands, verdict.split(' ').next()) {
            (false, _) => gone += 1,
            (true, Some("right")) => right += 1,
            _ => {
                wrong += 1;
                println!("row {number} wrongly contains {code}");
            }
        }
    }
    let share = f64::from(right) * 100.0 / f64::from((right + wrong).max(1));
    println!("{right} right, {wrong} wrong, {gone} no longer positive; precision {share:.2} %");
    Ok(())
}
