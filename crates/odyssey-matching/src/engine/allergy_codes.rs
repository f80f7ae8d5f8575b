//! From the code of an allergy on record to an allergen of ours.
//!
//! Owns: `data/rules/allergen_codes.tsv`. Promises: a code that names no food is never read as one; a
//! display that speaks of something else than its code counts beside it, so that neither is lost; a
//! code that we do not know is unmapped, never ignored. Never: guesses from a group.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use odyssey_types::AllergySeverity;
use serde::Serialize;

use crate::{EvidenceKey, KeySet, keys_of_allergen};

/// Where an allergy's code comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AllergyCodeSystem {
    /// SNOMED CT, a substance or a finding.
    Snomed,
    /// FDA's identifier of substances.
    Unii,
    /// ICD-10-CM, with or without its dot.
    Icd10Cm,
    /// RxNorm codes drugs; no allergy to a food is read from it.
    RxNorm,
}

impl AllergyCodeSystem {
    fn parse(code: &str) -> Option<Self> {
        Some(match code {
            "snomed" => Self::Snomed,
            "unii" => Self::Unii,
            "icd10cm" => Self::Icd10Cm,
            _ => return None,
        })
    }
}

/// What a code on record means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AllergyMapping {
    /// One allergen, by a code that [`keys_of_allergen`] knows.
    Mapped {
        allergen: String,
        /// What the code itself says about severity: `anaphylaxis` for T78.0-, `intolerance` for lactose.
        severity: Option<AllergySeverity>,
    },
    /// An allergy to some food, which the code does not name: blocks until somebody says which.
    GroupOnly,
    /// "No known allergy": never a constraint.
    Negation,
    /// An allergy to something that is no food (latex, nickel): no constraint.
    NotFood,
    /// No row of the table: blocks until somebody maps it.
    Unmapped,
    /// `DQ_CODE_DISPLAY_MISMATCH`: code and display speak of different things.
    DisplayMismatch {
        /// The union of what both name, sorted; empty where neither names a food that we know.
        allergens: Vec<String>,
        severity: Option<AllergySeverity>,
        /// False: the display names nothing we know, so the union may lack something; a person decides.
        display_understood: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Meaning {
    Allergen(String),
    Group,
    Negation,
    NotFood,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    meaning: Meaning,
    severity: Option<AllergySeverity>,
    /// Phrases in single words; one of them stands in a display that agrees.
    phrases: Vec<Vec<String>>,
}

struct Table {
    rows: BTreeMap<(AllergyCodeSystem, String), Row>,
}

const DATA: &str = include_str!("../../data/rules/allergen_codes.tsv");

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| parse(DATA).expect("the table is a constant, and a test loads it"))
}

/// What a code of an allergy means, checked against its display where there is one.
pub fn resolve_allergy_code(system: AllergyCodeSystem, code: &str, display: Option<&str>) -> AllergyMapping {
    let table = table();
    let Some(row) = table.find(system, code) else { return AllergyMapping::Unmapped };
    let of_code = match &row.meaning {
        Meaning::Group => return AllergyMapping::GroupOnly,
        Meaning::Allergen(allergen) => match keys_of_allergen(allergen) {
            Some(keys) => Some((allergen.clone(), keys)),
            // A name that the evidence keys do not know constrains nothing, so it is no mapping.
            None => return AllergyMapping::Unmapped,
        },
        Meaning::Negation | Meaning::NotFood => None,
    };
    let display = display.map(words).filter(|w| !w.is_empty());
    let agrees = display.as_ref().is_none_or(|d| row.phrases.iter().any(|p| holds(d, p)));
    let known = of_code.as_ref().map_or(KeySet::EMPTY, |(_, keys)| *keys);
    let other: Vec<String> = display
        .iter()
        .flat_map(|d| table.named_in(d))
        .filter(|a| keys_of_allergen(a).is_some_and(|keys| keys.iter().all(|k| !known.contains(k))))
        .collect();
    if agrees && other.is_empty() {
        return match (of_code, &row.meaning) {
            (Some((allergen, _)), _) => AllergyMapping::Mapped { allergen, severity: row.severity },
            (None, Meaning::Negation) => AllergyMapping::Negation,
            (None, _) => AllergyMapping::NotFood,
        };
    }
    let display_understood = agrees || !other.is_empty();
    let mut allergens: Vec<String> = of_code.into_iter().map(|(allergen, _)| allergen).chain(other).collect();
    allergens.sort();
    allergens.dedup();
    AllergyMapping::DisplayMismatch { allergens, severity: row.severity, display_understood }
}

/// The allergens that a text names, sorted: a proposal for a person to confirm, never a mapping.
pub fn allergens_named_in(text: &str) -> Vec<String> {
    let mut named = table().named_in(&words(text));
    named.sort();
    named.dedup();
    named
}

/// The allergen codes that rows of the table map to, sorted.
pub fn coded_allergens() -> Vec<&'static str> {
    let mut codes: Vec<&str> = table()
        .rows
        .values()
        .filter_map(|row| match &row.meaning {
            Meaning::Allergen(allergen) => Some(allergen.as_str()),
            _ => None,
        })
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

impl Table {
    fn find(&self, system: AllergyCodeSystem, code: &str) -> Option<&Row> {
        let code: String =
            code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
        if system != AllergyCodeSystem::Icd10Cm {
            return self.rows.get(&(system, code));
        }
        // The longest prefix counts: T78.01 before T78.0.
        (3..=code.len()).rev().find_map(|length| self.rows.get(&(system, code[..length].to_owned())))
    }

    /// Allergens whose words stand in the display; a name inside a longer one does not count by itself
    /// ("nut" in "pine nut").
    fn named_in(&self, display: &[String]) -> Vec<String> {
        let mut found: Vec<(usize, usize, &str)> = Vec::new();
        let keys = EvidenceKey::ALL.iter().filter(|k| k.is_allergen()).map(|k| (k.code(), words(k.label())));
        let names: Vec<(&str, Vec<String>)> = keys.collect();
        let coded = self.rows.values().flat_map(|row| match &row.meaning {
            Meaning::Allergen(allergen) => row.phrases.iter().map(|p| (allergen.as_str(), p)).collect(),
            _ => Vec::new(),
        });
        for (allergen, phrase) in names.iter().map(|(a, p)| (*a, p)).chain(coded) {
            for start in places(display, phrase) {
                found.push((start, start + phrase.len(), allergen));
            }
        }
        let inside = |a: &(usize, usize, &str), b: &(usize, usize, &str)| {
            b.0 <= a.0 && a.1 <= b.1 && (b.1 - b.0) > (a.1 - a.0)
        };
        found.iter().filter(|a| !found.iter().any(|b| inside(a, b))).map(|(.., a)| (*a).to_owned()).collect()
    }
}

/// Lower-case words, plurals made single.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty() && *w != "s")
        .map(|word| {
            let word = word.to_lowercase();
            match word.strip_suffix("ies") {
                Some(stem) if stem.len() > 2 => format!("{stem}y"),
                _ if word.ends_with("oes") => word[..word.len() - 2].to_owned(),
                _ if word.len() > 3 && word.ends_with('s') && !word.ends_with("ss") => {
                    word[..word.len() - 1].to_owned()
                }
                _ => word,
            }
        })
        .collect()
}

fn places<'a>(display: &'a [String], phrase: &'a [String]) -> impl Iterator<Item = usize> + 'a {
    let windows = if phrase.is_empty() { 1 } else { phrase.len() };
    display.windows(windows).enumerate().filter(move |(_, w)| *w == phrase).map(|(at, _)| at)
}

fn holds(display: &[String], phrase: &[String]) -> bool {
    places(display, phrase).next().is_some()
}

fn parse(text: &str) -> Result<Table, String> {
    let mut rows = BTreeMap::new();
    for (at, line) in text.lines().enumerate().filter(|(_, l)| !l.starts_with('#') && !l.is_empty()) {
        let fault = |problem: &str| format!("allergen_codes.tsv, line {}: {problem}", at + 1);
        let columns: Vec<&str> = line.split('\t').collect();
        let [system, code, means, severity, phrases, status, source] = columns[..] else {
            return Err(fault("needs seven columns"));
        };
        if !matches!(status, "sourced" | "unreviewed") || source.is_empty() {
            return Err(fault("needs a status and a source"));
        }
        let system = AllergyCodeSystem::parse(system).ok_or_else(|| fault("is of no known system"))?;
        let meaning = match means {
            "group" => Meaning::Group,
            "negation" => Meaning::Negation,
            "not_food" => Meaning::NotFood,
            allergen => Meaning::Allergen(allergen.to_owned()),
        };
        let severity = match severity {
            "-" => None,
            written => Some(AllergySeverity::parse(written).ok_or_else(|| fault("has no severity of ours"))?),
        };
        let phrases: Vec<Vec<String>> = phrases.split('|').map(words).collect();
        if phrases.iter().any(Vec::is_empty) {
            return Err(fault("has an empty phrase"));
        }
        if code.is_empty() || !code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
            return Err(fault("has a code that is not plain"));
        }
        if rows.insert((system, code.to_owned()), Row { meaning, severity, phrases }).is_some() {
            return Err(fault("stands twice"));
        }
    }
    Ok(Table { rows })
}

#[cfg(test)]
mod tests;
