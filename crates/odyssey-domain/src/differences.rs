//! What differs between two JSON objects, leaf by leaf.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One value that differs. Absent is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// JSON pointer into the record: `/nutrition/amounts/sodium_mg`.
    pub pointer: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// The values of an object by their pointers; what is null is left out, and lists are one value.
pub(crate) fn leaves_of(object: Map<String, Value>) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    collect(String::new(), Value::Object(object), &mut leaves);
    leaves
}

/// The leaves that differ, in the order of their pointers.
pub(crate) fn compare(
    before: BTreeMap<String, Value>,
    mut after: BTreeMap<String, Value>,
) -> Vec<Difference> {
    let mut found: Vec<Difference> = before
        .into_iter()
        .filter_map(|(pointer, before)| {
            let after = after.remove(&pointer);
            (after.as_ref() != Some(&before)).then_some(Difference { pointer, before: Some(before), after })
        })
        .collect();
    let added = after.into_iter();
    found.extend(added.map(|(pointer, after)| Difference { pointer, before: None, after: Some(after) }));
    found.sort_unstable_by(|a, b| a.pointer.cmp(&b.pointer));
    found
}

fn collect(pointer: String, value: Value, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect(format!("{pointer}/{name}"), value, leaves);
            }
        }
        value => {
            leaves.insert(pointer, value);
        }
    }
}
