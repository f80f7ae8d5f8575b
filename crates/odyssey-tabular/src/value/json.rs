//! An object of JSON as named texts: numbers as they are written, objects within by dotted names, arrays
//! as lists.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::export::EXPORT_LINE;
use crate::limits::{COLUMNS_MAX, HEADER_BYTES_MAX, JSON_DEPTH_MAX};

/// A value and the way to it: `nutrition.sodium_mg`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub name: String,
    pub text: String,
}

/// Why a line is no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JsonFault {
    /// What the parser says.
    Unreadable(String),
    /// Too deep, too many fields, or a name too long.
    TooDeep,
}

/// Reads one object; its fields in the order in which they stand, repeated ones repeated.
pub(crate) fn flatten(line: &str) -> Result<Vec<Field>, JsonFault> {
    let mut fields = Vec::new();
    // A list of our own files stays the JSON that it is.
    let own = line.starts_with(EXPORT_LINE);
    walk(line, "", (1, own), &mut fields)?;
    Ok(fields)
}

fn walk(
    object: &str,
    path: &str,
    (depth, own): (usize, bool),
    fields: &mut Vec<Field>,
) -> Result<(), JsonFault> {
    if depth > JSON_DEPTH_MAX {
        return Err(JsonFault::TooDeep);
    }
    for (key, value) in read::<Members<'_>>(object)?.0 {
        let name = if path.is_empty() { key } else { format!("{path}.{key}") };
        // A long name above many fields would be written out with each of them.
        if name.len() > HEADER_BYTES_MAX {
            return Err(JsonFault::TooDeep);
        }
        let value = value.get();
        if value.starts_with('{') {
            walk(value, &name, (depth + 1, own), fields)?;
            continue;
        }
        if fields.len() == COLUMNS_MAX {
            return Err(JsonFault::TooDeep);
        }
        let as_written = own && value.starts_with('[');
        fields.push(Field { name, text: if as_written { value.to_owned() } else { text_of(value)? } });
    }
    Ok(())
}

fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, JsonFault> {
    serde_json::from_str(text).map_err(|error| JsonFault::Unreadable(error.to_string()))
}

/// A value that is no object, as a cell has it.
fn text_of(value: &str) -> Result<String, JsonFault> {
    match value.as_bytes().first() {
        Some(b'"') => read(value),
        Some(b'[') => list(value),
        Some(b'n') => Ok(String::new()),
        _ => Ok(value.to_owned()),
    }
}

/// An array of texts and numbers as a list that our lists are read from; any other as it is written, as
/// our own API takes allergies and conditions.
fn list(value: &str) -> Result<String, JsonFault> {
    let items: Vec<&RawValue> = read(value)?;
    if items.iter().any(|item| item.get().starts_with(['{', '['])) {
        return Ok(value.to_owned());
    }
    let mut entries = items.iter().map(|item| text_of(item.get())).collect::<Result<Vec<_>, _>>()?;
    entries.retain(|entry| !entry.trim().is_empty());
    let plain = match entries.as_slice() {
        [single] => !single.contains(['\n', ';', '|', ',']),
        _ => !entries.iter().any(|entry| entry.contains(['\n', ';'])),
    };
    if plain && !entries.first().is_some_and(|first| first.starts_with(['[', '{'])) {
        return Ok(entries.join("; "));
    }
    // A separator inside an entry: only quotes keep it whole.
    serde_json::to_string(&entries).map_err(|error| JsonFault::Unreadable(error.to_string()))
}

/// The members of an object, repeated keys included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;

        impl<'de> Visitor<'de> for Walk {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Walk).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::text::read_list;

    fn check(line: &str, expected: &[(&str, &str)]) {
        let fields = flatten(line).expect("an object");
        let short: Vec<_> = fields.iter().map(|f| (f.name.as_str(), f.text.as_str())).collect();
        assert_eq!(short, expected, "{line}");
    }

    #[test]
    fn numbers_and_texts_are_kept_as_they_are_written() {
        check(
            r#"{"a":"0012","b":1.10,"c":12345678901234567890123,"d":7.61e12,"e":true,"f":null,"g":-0}"#,
            &[
                ("a", "0012"),
                ("b", "1.10"),
                ("c", "12345678901234567890123"),
                ("d", "7.61e12"),
                ("e", "true"),
                ("f", ""),
                ("g", "-0"),
            ],
        );
        check(r#"{"a":"\u00e9 \"x\"\n"}"#, &[("a", "é \"x\"\n")]);
    }

    #[test]
    fn objects_within_get_dotted_names_and_empty_ones_say_nothing() {
        check(
            r#"{"nutrition":{"sodium_mg": 1.0,"fat":{"trans":0}},"more":{}, "x":1, "x":2}"#,
            &[("nutrition.sodium_mg", "1.0"), ("nutrition.fat.trans", "0"), ("x", "1"), ("x", "2")],
        );
    }

    #[test]
    fn an_array_comes_back_whole_from_the_list_parser() {
        for (array, entries) in [
            (r#"["milk","soy"]"#, &["milk", "soy"][..]),
            (r#"["milk, whole","soy"]"#, &["milk, whole", "soy"]),
            (r#"["milk, whole"]"#, &["milk, whole"]),
            (r#"["a;b","c|d"]"#, &["a;b", "c|d"]),
            (r#"["{a,b}","c"]"#, &["{a,b}", "c"]),
            (r#"[1.10,"x",null,true]"#, &["1.10", "x", "true"]),
            ("[]", &[]),
        ] {
            let fields = flatten(&format!(r#"{{"a":{array}}}"#)).expect("an object");
            assert_eq!(read_list(&fields[0].text), entries, "{array}");
        }
        check(r#"{"a":[ {"b":1}]}"#, &[("a", r#"[ {"b":1}]"#)]);
    }

    #[test]
    fn what_is_no_object_or_too_deep_is_refused_without_a_stack_to_overflow() {
        for line in ["", "1", "[1]", "{", r#"{"a":1} x"#, r#"{"a":01}"#, r#"{"a":"\ud800"}"#] {
            assert!(matches!(flatten(line), Err(JsonFault::Unreadable(_))), "{line}");
        }
        let deep = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        assert!(flatten(&deep(JSON_DEPTH_MAX)).is_ok());
        assert_eq!(flatten(&deep(JSON_DEPTH_MAX + 1)), Err(JsonFault::TooDeep));
        assert!(flatten(&format!(r#"{{"a":{}"#, "[".repeat(100_000))).is_err());
        let wide: Vec<String> = (0..=COLUMNS_MAX).map(|at| format!(r#""k{at}":1"#)).collect();
        assert_eq!(flatten(&format!("{{{}}}", wide.join(","))), Err(JsonFault::TooDeep));
    }
}
