//! JSON merge patches (RFC 7396) over records, with errors that point.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A record that could not be read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// JSON pointer: `/nutrition/amounts/sodium_mg`.
    pub pointer: String,
    pub detail: String,
}

/// The record as an object.
pub fn to_object<T: Serialize>(record: &T) -> Result<Map<String, Value>, Error> {
    match serde_json::to_value(record) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Error { pointer: String::new(), detail: "is not an object".to_owned() }),
        Err(error) => Err(Error { pointer: String::new(), detail: error.to_string() }),
    }
}

/// Reads a record out of an object, naming the field at fault.
pub fn from_object<T: DeserializeOwned>(object: Map<String, Value>) -> Result<T, Error> {
    serde_path_to_error::deserialize(Value::Object(object))
        .map_err(|error| Error { pointer: pointer_of(error.path()), detail: error.inner().to_string() })
}

/// `a.b[0]` as `/a/b/0`.
pub fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                let escaped = key.replace('~', "~0").replace('/', "~1");
                pointer.push_str(&format!("/{escaped}"));
            }
            Segment::Enum { variant } => pointer.push_str(&format!("/{variant}")),
            Segment::Unknown => {}
        }
    }
    pointer
}

/// Applies a merge patch: null removes, objects merge, everything else replaces.
pub fn merge_patch(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                target.remove(name);
            }
            Value::Object(inner) => {
                let slot = target.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
                if !slot.is_object() {
                    *slot = Value::Object(Map::new());
                }
                if let Value::Object(slot) = slot {
                    merge_patch(slot, inner);
                }
            }
            other => {
                target.insert(name.clone(), other.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_patch_keeps_what_it_does_not_name() {
        let Value::Object(mut target) = serde_json::json!({"a": 1, "b": {"c": 2, "d": 3}}) else { panic!() };
        let Value::Object(patch) = serde_json::json!({"b": {"c": null, "e": 4}, "f": null}) else { panic!() };
        merge_patch(&mut target, &patch);
        assert_eq!(Value::Object(target), serde_json::json!({"a": 1, "b": {"d": 3, "e": 4}}));
    }
}
