//! Diets by the codes of orders: `data/fhir/diets.tsv`.

use std::sync::OnceLock;

use super::codes::System;

/// What a diet code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DietMeaning {
    /// A diet code of ours; the diet itself may not be there yet.
    Diet {
        diet: String,
        looser: bool,
    },
    /// A food that is left out.
    Allergen(String),
    /// A condition template that a person could mean.
    Condition(String),
    None,
}

#[derive(Debug)]
struct Row {
    system: System,
    code: String,
    means: DietMeaning,
}

const DATA: &str = include_str!("../../data/fhir/diets.tsv");

/// What a code stands for; `None` for one that is not in the table.
pub(super) fn meaning_of(system: System, code: &str) -> Option<&'static DietMeaning> {
    static TABLE: OnceLock<Vec<Row>> = OnceLock::new();
    let table = TABLE.get_or_init(|| parse(DATA).expect("the table is a constant, and a test loads it"));
    table.iter().find(|row| row.system == system && row.code == code).map(|row| &row.means)
}

fn parse(text: &str) -> Result<Vec<Row>, String> {
    let mut rows: Vec<Row> = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, l)| !l.starts_with('#') && !l.is_empty()) {
        let fault = |problem: &str| format!("diets.tsv, line {}: {problem}", at + 1);
        let columns: Vec<&str> = line.split('\t').collect();
        let [system, code, means, note, status, source] = columns[..] else {
            return Err(fault("needs six columns"));
        };
        if !matches!(status, "sourced" | "unreviewed") || source.is_empty() || code.is_empty() {
            return Err(fault("needs a code, a status and a source"));
        }
        let system = match system {
            "snomed" => System::Snomed,
            "diet" => System::Diet,
            _ => return Err(fault("is of no known system")),
        };
        let looser = match note {
            "-" => false,
            "looser" => true,
            _ => return Err(fault("has a note that nobody knows")),
        };
        let means = match means.split_once(':') {
            Some(("diet", diet)) => DietMeaning::Diet { diet: diet.to_owned(), looser },
            Some(("allergen", allergen)) => DietMeaning::Allergen(allergen.to_owned()),
            Some(("condition", id)) => DietMeaning::Condition(id.to_owned()),
            None if means == "none" => DietMeaning::None,
            _ => return Err(fault("means nothing")),
        };
        if rows.iter().any(|row| row.system == system && row.code == code) {
            return Err(fault("stands twice"));
        }
        rows.push(Row { system, code: code.to_owned(), means });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RulePack, keys_of_allergen};

    #[test]
    fn every_row_names_something_of_ours() {
        for row in parse(DATA).expect("the table loads") {
            match &row.means {
                DietMeaning::Allergen(allergen) => assert!(keys_of_allergen(allergen).is_some(), "{row:?}"),
                DietMeaning::Condition(id) => {
                    assert!(RulePack::embedded().condition(id).is_some(), "{row:?}");
                }
                // A diet that is not there yet is reported as unmapped, so it may stand here before it is.
                DietMeaning::Diet { .. } | DietMeaning::None => {}
            }
        }
    }

    #[test]
    fn a_table_that_does_not_add_up_is_refused() {
        for line in [
            "snomed\t1\tdiet:vegan\t-\tsourced",
            "icd\t1\tdiet:vegan\t-\tsourced\tx",
            "snomed\t1\tvegan\t-\tsourced\tx",
            "snomed\t1\tdiet:vegan\tstricter\tsourced\tx",
            "snomed\t1\tdiet:vegan\t-\tguessed\tx",
            "snomed\t1\tnone\t-\tsourced\tx\nsnomed\t1\tnone\t-\tsourced\tx",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
