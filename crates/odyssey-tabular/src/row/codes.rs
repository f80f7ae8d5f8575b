//! Conditions and medications as files write them.

use std::collections::HashMap;
use std::sync::OnceLock;

use odyssey_types::{CodeSystem, ConditionEntry, MedicationEntry};

use crate::value::text::{code_form, is_placeholder, read_list};

/// Reads `I10`, `icd10cm:E11.9 Type 2 diabetes`, `snomed:59621000 Hypertension`, `38341003`, `htn`,
/// `Hypertension`, or a JSON array of condition objects as our API writes them. The flag says whether an
/// entry stayed words that nobody has mapped.
pub(super) fn read_conditions(cell: &str) -> (Vec<ConditionEntry>, bool) {
    if cell.starts_with('[')
        && let Ok(entries) = serde_json::from_str::<Vec<ConditionEntry>>(cell)
    {
        return (entries, false);
    }
    let mut conditions: Vec<ConditionEntry> = Vec::new();
    let mut unmapped = false;
    for entry in read_list(cell) {
        if is_placeholder(&entry) || matches!(code_form(&entry).as_str(), "no_known_conditions" | "healthy") {
            continue;
        }
        let condition = read_condition(&entry);
        unmapped |= condition.system == CodeSystem::Text;
        if !conditions.iter().any(|c| c.system == condition.system && c.code == condition.code) {
            conditions.push(condition);
        }
    }
    (conditions, unmapped)
}

fn read_condition(entry: &str) -> ConditionEntry {
    let (system, rest) = match entry.split_once(':') {
        Some((prefix, rest)) => match system(&code_form(prefix)) {
            Some(system) => (Some(system), rest.trim()),
            None => (None, entry),
        },
        None => (None, entry),
    };
    let (code, words) = rest.split_once(' ').map_or((rest, ""), |(code, words)| (code, words.trim()));
    let display = |words: &str| (!words.is_empty()).then(|| words.to_owned());
    let coded =
        |system, code: &str| ConditionEntry { system, code: code.to_owned(), display: display(words) };
    match system {
        Some(CodeSystem::Text) => {
            return ConditionEntry { system: CodeSystem::Text, code: rest.to_owned(), display: None };
        }
        Some(system) => return coded(system, code),
        None => {}
    }
    if is_icd10(code) {
        return coded(CodeSystem::Icd10Cm, &code.to_ascii_uppercase());
    }
    if (6..=18).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit()) {
        return coded(CodeSystem::Snomed, code);
    }
    match templates().get(code_form(rest).as_str()) {
        Some(template) => ConditionEntry {
            system: CodeSystem::Template,
            code: (*template).to_owned(),
            display: display(rest),
        },
        None => ConditionEntry { system: CodeSystem::Text, code: rest.to_owned(), display: None },
    }
}

fn system(prefix: &str) -> Option<CodeSystem> {
    match prefix {
        "icd10" | "icd_10" | "icd_10_cm" | "icd10_cm" => Some(CodeSystem::Icd10Cm),
        "sct" | "snomed_ct" => Some(CodeSystem::Snomed),
        other => CodeSystem::parse(other),
    }
}

/// A letter, a digit, a letter or digit, then up to four more behind an optional dot.
fn is_icd10(code: &str) -> bool {
    let bytes = code.as_bytes();
    let [letter, digit, third, tail @ ..] = bytes else { return false };
    let tail = tail.strip_prefix(b".").unwrap_or(tail);
    letter.is_ascii_alphabetic()
        && digit.is_ascii_digit()
        && third.is_ascii_alphanumeric()
        && tail.len() <= 4
        && tail.iter().all(u8::is_ascii_alphanumeric)
}

fn templates() -> &'static HashMap<&'static str, &'static str> {
    static TEMPLATES: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    TEMPLATES.get_or_init(|| {
        let lines = include_str!("../../data/condition_names.tsv").lines().filter(|l| !l.starts_with('#'));
        lines.filter_map(|l| l.split_once('\t')).map(|(template, name)| (name, template)).collect()
    })
}

/// Reads `Warfarin`, `11289`, `rxnorm:11289 Warfarin`, or a JSON array of medication objects.
pub(super) fn read_medications(cell: &str) -> Vec<MedicationEntry> {
    if cell.starts_with('[')
        && let Ok(entries) = serde_json::from_str::<Vec<MedicationEntry>>(cell)
    {
        return entries;
    }
    let mut medications: Vec<MedicationEntry> = Vec::new();
    for entry in read_list(cell).iter().filter(|e| !is_placeholder(e)) {
        let rest = entry.strip_prefix("rxnorm:").map_or(entry.as_str(), str::trim);
        let (code, words) = rest.split_once(' ').map_or((rest, ""), |(code, words)| (code, words.trim()));
        let medication = if !code.is_empty() && code.len() <= 8 && code.bytes().all(|b| b.is_ascii_digit()) {
            MedicationEntry {
                rxnorm: Some(code.to_owned()),
                name: (!words.is_empty()).then(|| words.to_owned()),
            }
        } else {
            MedicationEntry { rxnorm: None, name: Some(rest.to_owned()) }
        };
        if !medications.contains(&medication) {
            medications.push(medication);
        }
    }
    medications
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_known_by_code_or_by_an_unmistakable_name() {
        for (cell, system, code) in [
            ("I10", CodeSystem::Icd10Cm, "I10"),
            ("e11.9", CodeSystem::Icd10Cm, "E11.9"),
            ("icd10:E11.9 Type 2 diabetes", CodeSystem::Icd10Cm, "E11.9"),
            ("snomed:59621000 Hypertension", CodeSystem::Snomed, "59621000"),
            ("38341003", CodeSystem::Snomed, "38341003"),
            ("High blood pressure", CodeSystem::Template, "htn"),
            ("htn", CodeSystem::Template, "htn"),
            ("Diabetes", CodeSystem::Text, "Diabetes"),
        ] {
            let (conditions, unmapped) = read_conditions(cell);
            assert_eq!((conditions[0].system, conditions[0].code.as_str()), (system, code), "{cell}");
            assert_eq!(unmapped, system == CodeSystem::Text, "{cell}");
        }
        assert_eq!(read_conditions("none"), (Vec::new(), false));
    }

    #[test]
    fn medications_are_known_by_code_or_kept_by_name() {
        let read = read_medications("[\"rxnorm:198405 Ibuprofen 100 MG, Oral\", \"Warfarin\"]");
        let short: Vec<_> = read.iter().map(|m| (m.rxnorm.as_deref(), m.name.as_deref())).collect();
        assert_eq!(short, [(Some("198405"), Some("Ibuprofen 100 MG, Oral")), (None, Some("Warfarin"))]);
    }
}
