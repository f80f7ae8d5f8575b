//! Ways through documents whose names have prefixes and whose texts are wrapped in more than one manner.

use serde_json::Value;

/// Keys under which a wrapped text stands, by the converters from XML that are met.
const TEXT_KEYS: &[&str] = &["$t", "#", "#text", "$", "value"];

/// A name without its namespace.
fn local(key: &str) -> &str {
    key.rsplit(':').next().unwrap_or(key)
}

/// The member of this name.
pub(super) fn child<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.as_object()?.iter().find(|(key, _)| local(key) == name).map(|(_, value)| value)
}

/// Every value of this name, however deep; of a list each entry. Looks into none that it found.
pub(super) fn each<'a>(value: &'a Value, name: &str, found: &mut impl FnMut(&'a Value)) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::Array(entries) if local(key) == name => entries.iter().for_each(&mut *found),
                    member if local(key) == name => found(member),
                    member => each(member, name, found),
                }
            }
        }
        Value::Array(entries) => entries.iter().for_each(|entry| each(entry, name, found)),
        _ => {}
    }
}

pub(super) fn all<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    each(value, name, &mut |value| found.push(value));
    found
}

/// The text of a value, bare or wrapped.
pub(super) fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(said) => said.to_string(),
        Value::Array(entries) => return entries.iter().find_map(text),
        Value::Object(members) => return TEXT_KEYS.iter().find_map(|key| members.get(*key)).and_then(text),
        Value::Null => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn attribute(value: &Value, name: &str) -> Option<String> {
    let outside = child(value, name).or_else(|| child(value, &format!("@{name}")));
    outside.or_else(|| child(child(value, "@")?, name)).and_then(text)
}

/// Of one text in several languages the English one, else the first. What has neither letter nor digit (`*`, `-`) fills a
/// field that must not be empty, and says nothing.
pub(super) fn text_of(value: &Value, name: &str) -> Option<String> {
    let found = all(value, name);
    let english = found.iter().find(|text| {
        attribute(text, "languageCode").is_some_and(|code| code.to_ascii_lowercase().starts_with("en"))
    });
    let said = |value: &&Value| text(value).filter(|text| text.contains(char::is_alphanumeric));
    english.and_then(said).or_else(|| found.iter().find_map(said))
}

/// An amount and the code of its unit.
pub(super) fn measure(value: &Value) -> Option<(String, String)> {
    Some((text(value)?, attribute(value, "measurementUnitCode")?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_several_languages_the_one_that_says_something_is_taken() {
        let statements = |english: &str| {
            json!({ "ingredientStatement": [
                { "$t": "-", "languageCode": "de" },
                { "$t": "LAIT, sel", "languageCode": "fr" },
                { "$t": english, "languageCode": "en" },
            ] })
        };
        let read = |english: &str| text_of(&statements(english), "ingredientStatement");
        assert_eq!(read("MILK, salt").as_deref(), Some("MILK, salt"));
        assert_eq!(read("*").as_deref(), Some("LAIT, sel"));
        assert_eq!(text_of(&json!({ "ingredientStatement": { "$t": "*" } }), "ingredientStatement"), None);
    }
}
