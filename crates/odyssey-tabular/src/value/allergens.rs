//! Allergens as vendors and customers name them.

use std::collections::HashMap;
use std::sync::OnceLock;

use odyssey_types::{AllergyEntry, AllergySeverity, DeclaredAllergens, FreeFromClaim, Strictness};

use super::text::{code_form, read_list};

/// Which list of the declaration a column speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statement {
    Contains,
    MayContain,
    Facility,
    FreeFrom,
}

/// What an entry names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    Code(&'static str),
    NotFood,
    /// Nothing we know: kept as written.
    Unmapped,
    /// `none`: no name at all.
    None,
}

/// Oddities met in a cell, to be reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Oddities {
    pub none: bool,
    pub unmapped: bool,
    pub not_food: bool,
}

/// Adds a cell of a product's allergen column to its declaration. An entry may say itself that it is
/// meant otherwise than its column: `may contain: soy`, `free from milk`, `gluten-free`.
pub(crate) fn declare(declared: &mut DeclaredAllergens, cell: &str, column: Statement) -> Oddities {
    let mut oddities = Oddities::default();
    // In running text (`milk, may contain soy, wheat`) a prefix holds until the next one; where entries
    // are set apart by more than commas it holds for its own entry only.
    let running = !cell.starts_with(['[', '{']) && !cell.contains(['\n', ';', '|']);
    let mut statement = column;
    for entry in read_list(cell) {
        if !running {
            statement = column;
        }
        for part in entry.split(',') {
            let (own, words) = take_prefix(part.trim());
            statement = own.unwrap_or(statement);
            declare_one(declared, words, statement, &mut oddities);
        }
    }
    oddities
}

fn declare_one(declared: &mut DeclaredAllergens, words: &str, statement: Statement, oddities: &mut Oddities) {
    let (statement, words) = match words.to_ascii_lowercase() {
        lower if lower.ends_with("-free") || lower.ends_with(" free") => {
            (Statement::FreeFrom, &words[..words.len() - 5])
        }
        _ => (statement, words),
    };
    if words.trim().is_empty() {
        return;
    }
    let name = match name(words) {
        Named::None => {
            oddities.none = true;
            return;
        }
        Named::Code(code) => code.to_owned(),
        Named::NotFood | Named::Unmapped => {
            oddities.unmapped = true;
            words.trim().to_owned()
        }
    };
    let list = match statement {
        Statement::Contains => &mut declared.contains,
        Statement::MayContain => &mut declared.may_contain,
        Statement::Facility => &mut declared.facility,
        Statement::FreeFrom => {
            if !declared.free_from.iter().any(|claim| claim.allergen == name) {
                declared.free_from.push(FreeFromClaim {
                    allergen: name,
                    certified: false,
                    certificate: None,
                });
            }
            return;
        }
    };
    if !list.contains(&name) {
        list.push(name);
    }
}

fn take_prefix(entry: &str) -> (Option<Statement>, &str) {
    const PREFIXES: &[(&str, Statement)] = &[
        ("may contain traces of", Statement::MayContain),
        ("may contain", Statement::MayContain),
        ("may also contain", Statement::MayContain),
        ("traces of", Statement::MayContain),
        ("traces:", Statement::MayContain),
        ("made in a facility with", Statement::Facility),
        ("made in a facility that processes", Statement::Facility),
        ("processed in a facility with", Statement::Facility),
        ("contains no", Statement::FreeFrom),
        ("does not contain", Statement::FreeFrom),
        ("free from", Statement::FreeFrom),
        ("free of", Statement::FreeFrom),
        ("contains", Statement::Contains),
        ("contient", Statement::Contains),
    ];
    for (prefix, statement) in PREFIXES {
        if let Some(head) = entry.get(..prefix.len())
            && head.eq_ignore_ascii_case(prefix)
        {
            let rest = entry[prefix.len()..].trim_start_matches([':', ' ']);
            return (Some(*statement), rest);
        }
    }
    (None, entry)
}

/// The allergen that a whole value names; `en:milk`, `Milk` and `Cow's milk (substance)` are all milk.
pub(crate) fn name(words: &str) -> Named {
    let words = words.trim();
    let bare = match words.split_once(':') {
        Some((language, rest)) if language.len() == 2 && language.bytes().all(|b| b.is_ascii_lowercase()) => {
            rest
        }
        _ => words,
    };
    // Open Food Facts means the tree nuts of the EU list with this tag, where peanuts stand apart.
    if words == "en:nuts" {
        return Named::Code("tree_nut");
    }
    // French writes both `œuf` and `oeuf`.
    let code = code_form(&bare.replace(['œ', 'Œ'], "oe"));
    let code = code.strip_suffix("_substance").unwrap_or(&code);
    let code = code.strip_prefix("allergy_to_").or_else(|| code.strip_suffix("_allergy")).unwrap_or(code);
    if is_none(code) {
        return Named::None;
    }
    match names().get(code) {
        Some(&"not_food") => Named::NotFood,
        Some(known) => Named::Code(known),
        None => Named::Unmapped,
    }
}

/// `none` in all its forms. It is never read as "free of": nobody says free of what.
fn is_none(code: &str) -> bool {
    const WORDS: &[&str] = &[
        "",
        "none",
        "no",
        "n",
        "0",
        "na",
        "n_a",
        "nil",
        "no_allergens",
        "no_known_allergens",
        "none_declared",
        "aucun",
        "aucune",
        "keine",
        "ninguno",
        "nessuno",
        "no_known_allergies",
        "no_known_allergy",
        "nka",
        "nkda",
        "nkfa",
        "no_known_food_allergy",
        "no_known_food_allergies",
        "free",
        "unknown",
        "false",
        "not_stated",
    ];
    WORDS.contains(&code)
}

fn names() -> &'static HashMap<&'static str, &'static str> {
    static NAMES: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let lines = include_str!("../../data/allergen_names.tsv").lines().filter(|l| !l.starts_with('#'));
        lines.filter_map(|l| l.split_once('\t')).map(|(code, name)| (name, code)).collect()
    })
}

/// Reads a customer's allergies: entries such as `peanut`, `peanut:anaphylaxis`, `milk:intolerance:facility`,
/// `Sesame (severe)`, or a JSON array of allergy objects as our API writes them. What nobody has mapped
/// stays an entry with its words, which blocks matching until somebody does; what is no food is left out.
pub(crate) fn read_allergies(cell: &str) -> (Vec<AllergyEntry>, Oddities) {
    let mut oddities = Oddities::default();
    if cell.starts_with('[')
        && let Ok(entries) = serde_json::from_str::<Vec<AllergyEntry>>(cell)
    {
        return (entries, oddities);
    }
    let mut entries: Vec<AllergyEntry> = Vec::new();
    for text in read_list(cell) {
        let (words, severity, strictness) = take_grades(&text);
        let allergen = match name(words) {
            Named::None => {
                oddities.none = true;
                continue;
            }
            Named::NotFood => {
                oddities.not_food = true;
                continue;
            }
            Named::Code(code) => Some(code.to_owned()),
            Named::Unmapped => {
                oddities.unmapped = true;
                None
            }
        };
        let kept = (allergen.as_deref() != Some(words)).then(|| words.to_owned());
        let entry = AllergyEntry { allergen, text: kept, severity, strictness, ..AllergyEntry::default() };
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    (entries, oddities)
}

fn take_grades(text: &str) -> (&str, Option<AllergySeverity>, Option<Strictness>) {
    let (mut words, mut severity, mut strictness) = (text.trim(), None, None);
    if let Some((head, tail)) = words.strip_suffix(')').and_then(|w| w.rsplit_once('('))
        && let Some(found) = severity_of(&code_form(tail))
    {
        (words, severity) = (head.trim(), Some(found));
    }
    while let Some((head, tail)) = words.rsplit_once(':') {
        let code = code_form(tail);
        if let Some(found) = severity_of(&code) {
            severity = Some(found);
        } else if let Some(found) = Strictness::parse(&code) {
            strictness = Some(found);
        } else {
            break;
        }
        words = head.trim();
    }
    (words, severity, strictness)
}

fn severity_of(code: &str) -> Option<AllergySeverity> {
    match code {
        "severe" | "life_threatening" | "anaphylactic" | "critical" | "high" => {
            Some(AllergySeverity::Anaphylaxis)
        }
        "moderate" | "mild" | "low" | "medium" => Some(AllergySeverity::Allergy),
        other => AllergySeverity::parse(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(cell: &str) -> (DeclaredAllergens, Oddities) {
        let mut declared = DeclaredAllergens::default();
        let oddities = declare(&mut declared, cell, Statement::Contains);
        (declared, oddities)
    }

    #[test]
    fn names_and_tags_of_allergens_become_codes() {
        let (found, oddities) = declared("en:milk,Soja, Gluten,en:nuts");
        assert_eq!(found.contains, ["milk", "soy", "gluten", "tree_nut"]);
        assert_eq!(oddities, Oddities::default());
    }

    #[test]
    fn eggs_are_eggs_with_and_without_the_ligature() {
        for cell in ["Œufs", "œuf", "oeufs", "Œuf (substance)"] {
            let (found, oddities) = declared(cell);
            assert_eq!((found.contains, oddities.unmapped), (vec!["egg".to_owned()], false), "{cell}");
        }
    }

    #[test]
    fn none_is_no_declaration_of_absence() {
        for cell in ["none", "{none}", "en:none", "No known allergens", "N/A"] {
            let (found, oddities) = declared(cell);
            assert!(found.is_empty() && oddities.none, "{cell}");
        }
    }

    #[test]
    fn an_entry_may_mean_another_list_than_its_column() {
        let (found, _) = declared("Contains: milk, soy; may contain: peanuts, Sesame; gluten-free");
        assert_eq!(found.contains, ["milk", "soy"]);
        assert_eq!(found.may_contain, ["peanut", "sesame"]);
        assert_eq!(found.free_from.iter().map(|c| c.allergen.as_str()).collect::<Vec<_>>(), ["gluten"]);
    }

    #[test]
    fn an_unknown_allergen_is_kept_as_written() {
        let (found, oddities) = declared("milk; dragon scales");
        assert_eq!(found.contains, ["milk", "dragon scales"]);
        assert!(oddities.unmapped);
    }

    #[test]
    fn a_customers_allergies_keep_severity_and_unmapped_words_and_lose_what_is_no_food() {
        let (entries, oddities) = read_allergies(
            "peanut:anaphylaxis; milk:intolerance:facility; Latex; Kiwi fruit; Sesame (severe)",
        );
        let short: Vec<_> = entries
            .iter()
            .map(|e| (e.allergen.as_deref(), e.text.as_deref(), e.severity, e.strictness))
            .collect();
        assert_eq!(
            short,
            [
                (Some("peanut"), None, Some(AllergySeverity::Anaphylaxis), None),
                (Some("milk"), None, Some(AllergySeverity::Intolerance), Some(Strictness::Facility)),
                (None, Some("Kiwi fruit"), None, None),
                (Some("sesame"), Some("Sesame"), Some(AllergySeverity::Anaphylaxis), None),
            ]
        );
        assert!(oddities.not_food && oddities.unmapped && !oddities.none);
    }
}
