//! Texts, lists, dates and yes-or-no.

use std::borrow::Cow;

use chrono::NaiveDate;
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Empty, or the literal `NULL`: unknown.
pub(crate) fn is_unknown(cell: &str) -> bool {
    cell.is_empty() || cell.eq_ignore_ascii_case("null")
}

/// Words that vendors put where nothing is known; read so only in columns of numbers, dates and codes.
pub(crate) fn is_placeholder(cell: &str) -> bool {
    const WORDS: &[&str] =
        &["n/a", "na", "n.a.", "nan", "-", "--", "---", "?", "unknown", "tbd", "none", "nil", "#n/a"];
    WORDS.iter().any(|word| cell.eq_ignore_ascii_case(word))
}

/// In Unicode normal form C; nearly always as it is.
pub(crate) fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

/// Lower case, without accents, words joined by `_`: how names in our tables are written.
pub(crate) fn code_form(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    for c in text.nfkd() {
        match c {
            '\u{300}'..='\u{36f}' | '\'' | '’' => {}
            c if c.is_alphanumeric() => code.extend(c.to_lowercase()),
            _ if code.ends_with('_') || code.is_empty() => {}
            _ => code.push('_'),
        }
    }
    while code.ends_with('_') {
        code.pop();
    }
    code
}

/// Reads yes and no in the ways they are written.
pub(crate) fn read_bool(cell: &str) -> Option<bool> {
    const YES: &[&str] = &["true", "t", "yes", "y", "1", "x", "oui", "ja", "si", "sí", "granted", "✓", "on"];
    const NO: &[&str] = &["false", "f", "no", "n", "0", "non", "nein", "denied", "withdrawn", "off"];
    let is = |words: &[&str]| words.iter().any(|w| w.eq_ignore_ascii_case(cell));
    if is(YES) { Some(true) } else { is(NO).then_some(false) }
}

/// Reads `2019-06-14` (also with a time behind it), `20190614`, `14.06.2019` and `Jun 14, 2019`; with
/// slashes only where day and month cannot be confused.
pub(crate) fn read_date(cell: &str) -> Option<NaiveDate> {
    let day = cell
        .get(..10)
        .filter(|_| matches!(cell.as_bytes().get(10), None | Some(b'T' | b' ')))
        .unwrap_or(cell);
    for format in ["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%b %d, %Y", "%B %d, %Y", "%d %B %Y"] {
        if let Ok(date) =
            NaiveDate::parse_from_str(day, format).or_else(|_| NaiveDate::parse_from_str(cell, format))
        {
            return in_range(date);
        }
    }
    if cell.len() == 8 && cell.bytes().all(|b| b.is_ascii_digit()) {
        return NaiveDate::parse_from_str(cell, "%Y%m%d").ok().and_then(in_range);
    }
    slashed(cell)
}

fn in_range(date: NaiveDate) -> Option<NaiveDate> {
    use chrono::Datelike;
    (1850..=2200).contains(&date.year()).then_some(date)
}

/// `06/14/2019` can only be month first, `14/06/2019` only day first; `05/06/2019` is both and neither.
fn slashed(cell: &str) -> Option<NaiveDate> {
    let numbers: Vec<u32> = cell.split(['/', '-']).map(str::parse).collect::<Result<_, _>>().ok()?;
    let [first, second, year] = numbers[..] else { return None };
    let year = i32::try_from(year).ok().filter(|y| *y >= 1000)?;
    let (month, day) = match (first, second) {
        (1..=12, 13..=31) => (first, second),
        (13..=31, 1..=12) => (second, first),
        (same, other) if same == other => (first, second),
        _ => return None,
    };
    NaiveDate::from_ymd_opt(year, month, day).and_then(in_range)
}

/// Splits a list: JSON `["a","b"]`, PostgreSQL `{a,"b c"}`, else by the first of line break, `;`, `|`,
/// `,` that occurs. Entries are trimmed, empty ones dropped, repeated ones kept once.
pub(crate) fn read_list(cell: &str) -> Vec<String> {
    read_list_by(cell, None)
}

/// As [`read_list`], with the one separator that the format has.
pub(crate) fn read_list_by(cell: &str, separator: Option<char>) -> Vec<String> {
    let entries: Vec<String> = if let Some(json) = json_strings(cell) {
        json
    } else if let Some(inner) = cell.strip_prefix('{').and_then(|c| c.strip_suffix('}')) {
        split_quoted(inner, ',')
    } else {
        let separator = separator.unwrap_or_else(|| usual_separator(cell));
        cell.split(separator).map(str::to_owned).collect()
    };
    let mut list: Vec<String> = Vec::with_capacity(entries.len());
    for entry in entries {
        let entry = nfc(entry.trim()).into_owned();
        if !is_unknown(&entry) && !list.contains(&entry) {
            list.push(entry);
        }
    }
    list
}

/// What parts the entries of a list whose separator nobody named.
pub(crate) fn usual_separator(cell: &str) -> char {
    ['\n', ';', '|', ','].into_iter().find(|separator| cell.contains(*separator)).unwrap_or(',')
}

fn json_strings(cell: &str) -> Option<Vec<String>> {
    if !cell.starts_with('[') {
        return None;
    }
    let values: Vec<serde_json::Value> = serde_json::from_str(cell).ok()?;
    values
        .into_iter()
        .map(|value| match value {
            serde_json::Value::String(text) => Some(text),
            serde_json::Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
        .collect()
}

fn split_quoted(text: &str, separator: char) -> Vec<String> {
    let mut entries = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        let last = entries.len() - 1;
        match c {
            _ if escaped => {
                entries[last].push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            c if c == separator && !quoted => entries.push(String::new()),
            c => entries[last].push(c),
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_in_every_way_they_are_written() {
        for (cell, expected) in [
            ("milk, soy", vec!["milk", "soy"]),
            ("milk; soy, fermented", vec!["milk", "soy, fermented"]),
            ("low-sugar|high-protein|keto", vec!["low-sugar", "high-protein", "keto"]),
            ("[\"a\", \"b,c\"]", vec!["a", "b,c"]),
            ("{organic ingredients}", vec!["organic ingredients"]),
            ("{a,\"b, c\",NULL}", vec!["a", "b, c"]),
            ("one", vec!["one"]),
            ("a,,a , b", vec!["a", "b"]),
        ] {
            assert_eq!(read_list(cell), expected, "{cell}");
        }
    }

    #[test]
    fn a_date_is_read_only_where_it_cannot_be_another() {
        let day = NaiveDate::from_ymd_opt(2019, 6, 14);
        for cell in [
            "2019-06-14",
            "2019-06-14T10:00:00Z",
            "20190614",
            "06/14/2019",
            "14/06/2019",
            "14.06.2019",
            "Jun 14, 2019",
        ] {
            assert_eq!(read_date(cell), day, "{cell}");
        }
        for cell in ["05/06/2019", "2019", "14/06/19", "2019-13-01", "0019-06-14", "soon"] {
            assert_eq!(read_date(cell), None, "{cell}");
        }
    }

    #[test]
    fn a_name_in_code_form_has_no_case_accents_or_punctuation() {
        assert_eq!(code_form("  Fruits à coque "), "fruits_a_coque");
        assert_eq!(code_form("Cow's milk"), "cows_milk");
        assert_eq!(code_form("en:sesame-seeds"), "en_sesame_seeds");
    }
}
