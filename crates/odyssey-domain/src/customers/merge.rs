//! A patch over a customer, and errors that say where and what was expected but never what was there.

use odyssey_types::{CustomerIdentity, CustomerStatus, HealthProfile};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::field::FieldError;
use crate::json;

/// What a customer's own record holds. No `Debug`: it is personal.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub identity: CustomerIdentity,
    pub status: CustomerStatus,
}

impl Default for Record {
    fn default() -> Self {
        Self { identity: CustomerIdentity::default(), status: CustomerStatus::Active }
    }
}

/// Applies the identity and status fields of a patch (RFC 7396): absent keeps, null is unknown; a status
/// of null is `active`. `profile` is another matter and not looked at.
pub(super) fn merge_record(current: &Record, patch: &Map<String, Value>) -> Result<Record, Vec<FieldError>> {
    let mut target =
        json::to_object(&current.identity).map_err(|e| vec![unreadable(&e.pointer, &e.detail)])?;
    let mut status = current.status;
    let mut fields = patch.clone();
    fields.remove("profile");
    match fields.remove("status") {
        None => {}
        Some(Value::Null) => status = CustomerStatus::Active,
        Some(value) => {
            let read = value.as_str().and_then(CustomerStatus::parse);
            status = read.ok_or_else(|| {
                vec![FieldError::new("/status", "unreadable", "a status is `active` or `inactive`")]
            })?;
        }
    }
    json::merge_patch(&mut target, &fields);
    let identity = from_object(target, "")?;
    Ok(Record { identity, status })
}

/// Applies a patch to a health profile: a field that is not named keeps its value, and what is missing
/// stays missing.
pub(super) fn merge_profile(
    current: &HealthProfile,
    patch: &Map<String, Value>,
    at: &str,
) -> Result<HealthProfile, Vec<FieldError>> {
    let mut target = json::to_object(current).map_err(|e| vec![unreadable(&e.pointer, &e.detail)])?;
    json::merge_patch(&mut target, patch);
    from_object(target, at)
}

/// Reads a value out of a JSON object. The errors point at the field below `at` and hold no content.
pub fn fields_of<T: DeserializeOwned>(object: Map<String, Value>) -> Result<T, Vec<FieldError>> {
    from_object(object, "")
}

fn from_object<T: DeserializeOwned>(object: Map<String, Value>, at: &str) -> Result<T, Vec<FieldError>> {
    json::from_object(object).map_err(|e| vec![unreadable(&format!("{at}{}", e.pointer), &e.detail)])
}

/// Messages of the JSON reader quote what they read. What was expected may be said, and the name of an
/// unknown field, since that is how the caller finds it; nothing else.
fn unreadable(pointer: &str, detail: &str) -> FieldError {
    let pointer: &str = &pointer.split('/').map(shown).collect::<Vec<_>>().join("/");
    if let Some(name) = named(detail, "unknown field `") {
        let last = pointer.rsplit('/').next();
        let pointer = if last == Some(name) { pointer.to_owned() } else { format!("{pointer}/{name}") };
        return FieldError::new(pointer, "unknown_field", "this record has no such field");
    }
    if let Some(name) = named(detail, "missing field `") {
        return FieldError::new(format!("{pointer}/{name}"), "required", "this field is required");
    }
    if OUR_OWN.contains(&detail) {
        return FieldError::new(pointer, "out_of_range", detail);
    }
    // The last "expected": an earlier one could be part of the quoted value.
    let expected = detail.rsplit_once(", expected ").map(|(_, expected)| expected);
    let detail =
        expected.map_or_else(|| "cannot be read".to_owned(), |expected| format!("expected {expected}"));
    FieldError::new(pointer, "unreadable", detail)
}

/// Messages of our own types, which quote nothing.
const OUR_OWN: [&str; 5] = [
    "is finer than the smallest step of this field",
    "is too large",
    "`max` is finer than the smallest step of this field",
    "`max` is too large",
    "`max` must not be negative",
];
/// Longest name of a field that is repeated to whoever sent it.
const NAME_BYTES_MAX: usize = 64;

/// The name in a message.
fn named<'a>(detail: &'a str, prefix: &str) -> Option<&'a str> {
    let (name, _) = detail.strip_prefix(prefix)?.split_once('`')?;
    Some(shown(name))
}

/// A name where it is one that may be repeated: a field's name, and no text put in its place.
fn shown(name: &str) -> &str {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if plain && name.len() <= NAME_BYTES_MAX { name } else { "…" }
}
