//! What a deserializer complained about, without the value it complained about.
//!
//! serde's errors are prose that quotes the offending value, which here may be somebody's name or
//! illness. The only parts that are ours to repeat are the name of an unknown or missing field and the
//! text after the last "expected", both written by serde's own `de::Error` methods in a fixed form.

use serde_path_to_error::{Path, Segment};

use crate::problem::ProblemError;

/// Longest field name that is repeated to whoever sent it.
const NAME_LENGTH_MAX: usize = 64;

/// A fault in the body.
pub(super) fn in_body(path: &Path, message: &str) -> ProblemError {
    let (code, detail) = describe(message);
    let mut pointer = pointer_of(path);
    if let Some(name) = quoted(message, "missing field `") {
        pointer = format!("{pointer}/{}", escape(name));
    }
    ProblemError::at(pointer, code, detail)
}

/// A fault in the query.
pub(super) fn in_query(path: &Path, message: &str) -> ProblemError {
    let (code, detail) = describe(message);
    let named = quoted(message, "unknown field `").or_else(|| quoted(message, "missing field `"));
    let name = named.map_or_else(
        || path.iter().find_map(name_of).unwrap_or_else(|| "query".to_owned()),
        ToOwned::to_owned,
    );
    ProblemError::parameter(shown(&name), code, detail)
}

/// A name in the query that the contract does not have.
pub(super) fn unknown_parameter(name: &str) -> ProblemError {
    let name = shown(name);
    let detail = format!("There is no field \"{name}\" here.");
    ProblemError::parameter(name, "unknown_field", detail)
}

fn describe(message: &str) -> (&'static str, String) {
    if let Some(name) = quoted(message, "unknown field `") {
        return ("unknown_field", format!("There is no field \"{}\" here.", shown(name)));
    }
    if let Some(name) = quoted(message, "missing field `") {
        return ("missing_field", format!("The field \"{}\" is required.", shown(name)));
    }
    if quoted(message, "duplicate field `").is_some() {
        return ("duplicate_field", "The field is given twice.".to_owned());
    }
    if message.starts_with("unknown variant `") {
        // "expected one of" is followed by names of ours alone.
        return ("unknown_value", expectation(message, "This is not one of the values it can have"));
    }
    if message.starts_with("invalid type: ") {
        return ("wrong_type", expectation(message, "The value is of another type"));
    }
    if message.starts_with("invalid value: ") || message.starts_with("invalid length ") {
        return ("invalid_value", expectation(message, "The value cannot be used"));
    }
    ("invalid_value", "The value cannot be used here.".to_owned())
}

fn expectation(message: &str, otherwise: &str) -> String {
    // The last "expected": an earlier one could be part of the quoted value.
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => {
            let end = expected.rfind(" at line ").unwrap_or(expected.len());
            format!("{otherwise}: expected {}.", in_words(&expected[..end]))
        }
        None => format!("{otherwise}."),
    }
}

/// Names of our numbers' types mean nothing to whoever sent one.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number that is not negative",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        words => words,
    }
}

fn quoted<'a>(message: &'a str, prefix: &str) -> Option<&'a str> {
    message.strip_prefix(prefix)?.split_once('`').map(|(name, _)| name)
}

/// A name that a client made up, fit to be repeated: short and plain, or not at all.
fn shown(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if plain && name.len() <= NAME_LENGTH_MAX { name.to_owned() } else { "…".to_owned() }
}

fn pointer_of(path: &Path) -> String {
    let mut pointer = "#".to_owned();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", escape(&shown(key)))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

fn name_of(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Map { key } => Some(key.clone()),
        Segment::Seq { .. } | Segment::Enum { .. } | Segment::Unknown => None,
    }
}

/// RFC 6901.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
