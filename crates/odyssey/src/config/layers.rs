//! Defaults, file, environment: merged key by key, each key remembering its place.
//!
//! The defaults are complete, so they are also the list of what exists and of the type each value has.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::ConfigError;

const DEFAULTS: &str = include_str!("../../../../config.default.toml");
const PREFIX: &str = "ODYSSEY__";

/// Keys whose value is never printed. A test proves that these are exactly the fields of secret type.
pub(super) const SECRET_KEYS: [&str; 6] = [
    "database.url",
    "database.read_url",
    "database.app_password",
    "database.platform_password",
    "store.secret_access_key",
    "store.service_key",
];

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Defaults,
    File(PathBuf),
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => write!(f, "default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Layers {
    defaults: Table,
    merged: Table,
    places: BTreeMap<String, Place>,
}

impl Layers {
    pub(super) fn defaults() -> Self {
        let defaults: Table = DEFAULTS.parse().expect("config.default.toml is built in and under test");
        Self { merged: defaults.clone(), defaults, places: BTreeMap::new() }
    }

    pub(super) fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::ReadFile { path: path.to_owned(), source })?;
        // The error's own display quotes the offending line, which may hold a secret: only its message
        // and line number are kept.
        let table: Table = text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| {
                1 + text.as_bytes().iter().take(span.start).filter(|byte| **byte == b'\n').count()
            }),
            detail: error.message().to_owned(),
        })?;
        let place = Place::File(path.to_owned());
        for (section, value) in table {
            let Value::Table(fields) = value else {
                return Err(self.unknown(&section, place));
            };
            for (field, value) in fields {
                self.set(&section, &field, value, place.clone())?;
            }
        }
        Ok(())
    }

    pub(super) fn add_environment(
        &mut self,
        variables: impl Iterator<Item = (String, OsString)>,
    ) -> Result<(), ConfigError> {
        for (name, value) in variables {
            let Some(path) = name.strip_prefix(PREFIX) else { continue };
            let place = Place::Variable(name.clone());
            let path = path.to_ascii_lowercase();
            let Some((section, field)) = path.split_once("__") else {
                return Err(self.unknown(&path, place));
            };
            let key = format!("{section}.{field}");
            let Some(pattern) = self.default_of(section, field) else {
                return Err(self.unknown(&key, place));
            };
            let value = value.into_string().map_err(|_| ConfigError::Value {
                key: key.clone(),
                place: place.clone(),
                detail: "is not valid UTF-8".to_owned(),
            })?;
            let value = parse_like(pattern, &value).map_err(|detail| ConfigError::Value {
                key,
                place: place.clone(),
                detail,
            })?;
            self.set(section, field, value, place)?;
        }
        Ok(())
    }

    pub(super) fn deserialize<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        serde_path_to_error::deserialize(Value::Table(self.merged.clone())).map_err(|error| {
            let key = error.path().to_string();
            let detail = if SECRET_KEYS.contains(&key.as_str()) {
                "must be a text".to_owned()
            } else {
                format!("is not valid: {}", error.inner().message())
            };
            self.refuse(&key, detail)
        })
    }

    /// An error about the value of `key`, with its place.
    pub(super) fn refuse(&self, key: &str, detail: impl Into<String>) -> ConfigError {
        ConfigError::Value { key: key.to_owned(), place: self.place(key), detail: detail.into() }
    }

    /// Refuses a number outside of its range.
    pub(super) fn check_range(
        &self,
        key: &str,
        value: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<(), ConfigError> {
        if range.contains(&value) {
            return Ok(());
        }
        Err(self.refuse(key, format!("is {value}, outside of {} to {}", range.start(), range.end())))
    }

    pub(super) fn place(&self, key: &str) -> Place {
        self.places.get(key).cloned().unwrap_or(Place::Defaults)
    }

    pub(super) fn merged(&self) -> &Table {
        &self.merged
    }

    fn set(&mut self, section: &str, field: &str, value: Value, place: Place) -> Result<(), ConfigError> {
        let key = format!("{section}.{field}");
        if self.default_of(section, field).is_none() {
            return Err(self.unknown(&key, place));
        }
        if let Some(Value::Table(fields)) = self.merged.get_mut(section) {
            fields.insert(field.to_owned(), value);
        }
        self.places.insert(key, place);
        Ok(())
    }

    fn default_of(&self, section: &str, field: &str) -> Option<&Value> {
        self.defaults.get(section)?.get(field)
    }

    fn unknown(&self, key: &str, place: Place) -> ConfigError {
        let known = self.defaults.iter().flat_map(|(section, fields)| {
            let names = fields.as_table().into_iter().flat_map(Table::keys);
            names.map(move |name| format!("{section}.{name}"))
        });
        let nearest = known.map(|name| (distance(&name, key), name)).min();
        let hint = match nearest {
            Some((steps, name)) if steps <= 4 => format!("; did you mean `{name}`?"),
            _ => "; config.default.toml lists every one".to_owned(),
        };
        ConfigError::UnknownKey { key: key.to_owned(), place, hint }
    }
}

/// A variable is text: the default tells what it should become.
fn parse_like(pattern: &Value, text: &str) -> Result<Value, String> {
    match pattern {
        Value::Integer(_) => text
            .replace('_', "")
            .parse()
            .map(Value::Integer)
            .map_err(|_| format!("must be a whole number, not `{text}`")),
        Value::Float(_) => {
            text.parse().map(Value::Float).map_err(|_| format!("must be a number, not `{text}`"))
        }
        Value::Boolean(_) => {
            text.parse().map(Value::Boolean).map_err(|_| format!("must be true or false, not `{text}`"))
        }
        _ => Ok(Value::String(text.to_owned())),
    }
}

/// Edits that turn one name into the other (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (row, left_char) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, right_char) in right.iter().enumerate() {
            let replaced = previous[column] + usize::from(left_char != *right_char);
            current.push(replaced.min(previous[column + 1] + 1).min(current[column] + 1));
        }
        previous = current;
    }
    previous[right.len()]
}
