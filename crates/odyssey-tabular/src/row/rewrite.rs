//! What is done with cells before they are read: transforms, decimals, words for values, one column for several fields.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::known::{denies, loses_meaning, takes_more};
use crate::header::{ColumnMap, DecimalMark, Mapping, Transform, ValueWords, is_list};
use crate::records::Record;
use crate::target::Target;
use crate::value::html::words_of_html;
use crate::value::text::{code_form, is_unknown, read_list_by, usual_separator};

/// What a mapping does with cells; made only where it does anything.
#[derive(Debug, Clone)]
pub(super) struct Rewriting {
    values: BTreeMap<Target, ValueWords>,
}

impl Rewriting {
    pub fn of(mapping: &Mapping) -> Option<Self> {
        let rewrites = |column: &ColumnMap| {
            column.decimal.is_some()
                || match column.transform {
                    Transform::Digits | Transform::Part { .. } => true,
                    // Of a description the reader of rows takes the tags out itself.
                    Transform::Html => column.target != Some(Target::Description),
                    Transform::Plain
                    | Transform::Flag(_)
                    | Transform::GtinOrId
                    | Transform::Apostrophe
                    | Transform::Exact => false,
                }
        };
        let any = mapping.columns.len() > mapping.width
            || !mapping.values.is_empty()
            || mapping.read_columns().any(rewrites);
        any.then(|| Self { values: mapping.values.clone() })
    }

    /// The row with one cell for each column of the mapping.
    pub fn rewrite(&self, mapping: &Mapping, record: &Record) -> Record {
        let cell = |column: &ColumnMap| {
            let raw = record.cell(column.index);
            let read = self.cell(column, raw.trim());
            if read == raw.trim() { raw.to_owned() } else { read.into_owned() }
        };
        let cells: Vec<String> = mapping.columns.iter().map(cell).collect();
        let mut read = Record::of_cells(&cells);
        (read.number, read.line, read.left_out) = (record.number, record.line, record.left_out);
        read
    }

    fn cell<'a>(&self, column: &ColumnMap, cell: &'a str) -> Cow<'a, str> {
        let Some(target) = column.target.filter(|_| !is_unknown(cell)) else { return Cow::Borrowed(cell) };
        let mut cell = match &column.transform {
            Transform::Digits => digits(cell),
            Transform::Part { nth, separator } => {
                Cow::Borrowed(cell.split(*separator).nth(usize::from(*nth) - 1).unwrap_or("").trim())
            }
            Transform::Html if target != Target::Description => Cow::Owned(words_of_html(cell)),
            Transform::Flag(_) | Transform::Exact => return Cow::Borrowed(cell),
            Transform::Html | Transform::Plain | Transform::GtinOrId | Transform::Apostrophe => {
                Cow::Borrowed(cell)
            }
        };
        if let Some(mark) = column.decimal {
            cell = with_points(cell, mark);
        }
        match self.values.get(&target).and_then(|words| meant(words, target, column.separator, &cell)) {
            Some(meant) => Cow::Owned(meant),
            None => cell,
        }
    }
}

/// The digits of a cell; one without any stays, so that what is wrong with it is told.
fn digits(cell: &str) -> Cow<'_, str> {
    let digits: String = cell.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() { Cow::Borrowed(cell) } else { Cow::Owned(digits) }
}

/// The numbers of a cell with a point before their decimals and nothing between thousands. What cannot be a number
/// with this mark is made unreadable: `1.5` under a decimal comma is neither one and a half nor fifteen.
fn with_points(cell: Cow<'_, str>, mark: DecimalMark) -> Cow<'_, str> {
    if !cell.contains(['.', ',']) {
        return cell;
    }
    let mut out = String::with_capacity(cell.len() + 1);
    let mut rest: &str = &cell;
    while let Some(begin) = rest.find(|c: char| c.is_ascii_digit()) {
        out.push_str(&rest[..begin]);
        rest = &rest[begin..];
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ',')).unwrap_or(rest.len());
        // A mark that ends a run ends a sentence: `30 g, 1 bar`.
        let run = rest[..end].trim_end_matches(['.', ',']);
        out.push_str(&with_point(run, mark));
        rest = &rest[run.len()..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn with_point(run: &str, mark: DecimalMark) -> Cow<'_, str> {
    let (decimal, group) = match mark {
        DecimalMark::Comma => (',', '.'),
        DecimalMark::Point => ('.', ','),
    };
    let (whole, decimals) = run.split_once(decimal).map_or((run, None), |(whole, rest)| (whole, Some(rest)));
    let mut groups = whole.split(group);
    let first = groups.next().unwrap_or("");
    let grouped = whole.contains(group);
    let fits = groups.all(|group| group.len() == 3)
        && (!grouped || (1..=3).contains(&first.len()))
        && decimals.is_none_or(|decimals| !decimals.is_empty() && !decimals.contains([',', '.']));
    if !fits {
        // Two marks side by side are in no number.
        return Cow::Owned(run.replacen(['.', ','], ".,", 1));
    }
    let whole = whole.replace(group, "");
    Cow::Owned(match decimals {
        Some(decimals) => format!("{whole}.{decimals}"),
        None => whole,
    })
}

/// What a cell means by the words of its field: as a whole, or entry by entry of a list. `None`: as it is written.
/// What is known keeps its own meaning: a word may only add to it.
fn meant(words: &ValueWords, target: Target, separator: Option<char>, cell: &str) -> Option<String> {
    if !is_list(target) {
        let meant = words.get(&code_form(cell))?;
        return (!loses_meaning(target, cell, meant)).then(|| meant.clone());
    }
    // Objects are no words, whatever their letters.
    if takes_more(target) && cell.starts_with("[{") {
        return None;
    }
    let all = read_list_by(cell, separator);
    let one = all.len() <= 1;
    if let Some(meant) = words.get(&code_form(cell))
        && (one || !takes_more(target))
        && !loses_meaning(target, cell, meant)
    {
        return Some(meant.clone());
    }
    // Several words in one entry are several, and what one denies must not reach the entries behind it.
    let known = |entry: &str| {
        let meant = words.get(&code_form(entry))?;
        let reaches = takes_more(target) && (entry.contains(',') || (!one && denies(target, meant)));
        (!reaches).then_some(meant.as_str())
    };
    if cell.starts_with(['[', '{']) {
        if !all.iter().any(|entry| known(entry).is_some()) {
            return None;
        }
        let meant: Vec<&str> =
            all.iter().flat_map(|entry| meanings(target, entry, known(entry))).flatten().collect();
        return serde_json::to_string(&meant).ok();
    }
    let separator = separator.unwrap_or_else(|| usual_separator(cell));
    let entries: Vec<&str> = cell.split(separator).collect();
    if !entries.iter().any(|entry| known(entry.trim()).is_some()) {
        return None;
    }
    let meant: Vec<&str> =
        entries.iter().flat_map(|entry| meanings(target, entry, known(entry.trim()))).flatten().collect();
    Some(meant.join(&separator.to_string()))
}

/// What stands for one entry: the entry, what is meant by it, or both where the entry is known to say more.
fn meanings<'a>(target: Target, entry: &'a str, meant: Option<&'a str>) -> [Option<&'a str>; 2] {
    match meant {
        None => [Some(entry), None],
        Some(meant) if !loses_meaning(target, entry.trim(), meant) => [Some(meant), None],
        Some(meant) if takes_more(target) && !denies(target, meant) => [Some(entry), Some(meant)],
        Some(_) => [Some(entry), None],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_the_mark_that_was_named_and_no_other() {
        for (mark, cell, expected) in [
            (DecimalMark::Comma, "1,234", "1.234"),
            (DecimalMark::Comma, "1.234,5 mg", "1234.5 mg"),
            (DecimalMark::Comma, "1.234", "1234"),
            (DecimalMark::Comma, "0,5", "0.5"),
            (DecimalMark::Comma, "< 0,5 g", "< 0.5 g"),
            (DecimalMark::Comma, "30,5 g, 1 bar", "30.5 g, 1 bar"),
            (DecimalMark::Comma, "12", "12"),
            (DecimalMark::Point, "1,234", "1234"),
            (DecimalMark::Point, "1,234.5", "1234.5"),
            (DecimalMark::Point, "1.234", "1.234"),
            (DecimalMark::Comma, "1.5", "1.,5"),
            (DecimalMark::Comma, "1,5,2", "1.,5,2"),
            (DecimalMark::Point, "1,5", "1.,5"),
        ] {
            assert_eq!(with_points(Cow::Borrowed(cell), mark), expected, "{mark:?} {cell}");
        }
        for unreadable in ["1.,5", "1.,5,2"] {
            assert!(crate::value::number::read_number(unreadable).is_err(), "{unreadable}");
        }
    }

    #[test]
    fn words_stand_for_a_whole_cell_or_for_entries_of_a_list() {
        let words: ValueWords =
            [("milch", "milk"), ("auf_lager", "active")].map(|(w, m)| (w.to_owned(), m.to_owned())).into();
        let check = |target, cell: &str, expected: Option<&str>| {
            assert_eq!(meant(&words, target, None, cell).as_deref(), expected, "{cell}");
        };
        check(Target::Status, "Auf Lager", Some("active"));
        check(Target::Status, "Milch, Soja", None);
        check(Target::Contains, "Milch, Soja", Some("milk, Soja"));
        check(Target::Contains, "Soja; MILCH", Some("Soja;milk"));
        check(Target::Contains, "[\"Milch\",\"Soja\"]", Some("[\"milk\",\"Soja\"]"));
        check(Target::Contains, "Soja", None);
    }

    #[test]
    fn a_known_word_keeps_its_meaning_whatever_it_is_said_to_mean() {
        let words: ValueWords = [
            ("peanut", "none"),
            ("milk", "egg"),
            ("peanut_milk", "none"),
            ("allergen_peanut", "none"),
            ("foo", "free from egg"),
            ("no", "complete"),
        ]
        .map(|(w, m)| (w.to_owned(), m.to_owned()))
        .into();
        let check = |target, cell: &str, expected: Option<&str>| {
            assert_eq!(meant(&words, target, None, cell).as_deref(), expected, "{cell}");
        };
        check(Target::Allergies, "Peanut", Some("Peanut,none"));
        check(Target::Allergies, "peanut; milk", Some("peanut;none; milk;egg"));
        check(Target::Allergies, "[{\"allergen\":\"peanut\"}]", None);
        check(Target::Contains, "Peanut, milk", Some("Peanut,none, milk,egg"));
        check(Target::Contains, "[\"milk\"]", Some("[\"milk\",\"egg\"]"));
        check(Target::FreeFrom, "milk", Some("milk"));
        check(Target::Contains, "foo", Some("free from egg"));
        check(Target::Contains, "foo, milk", Some("foo, milk,egg"));
        check(Target::AllergenData, "no", None);
        check(Target::Consent, "no", None);
    }
}
