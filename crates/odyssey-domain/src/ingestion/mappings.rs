//! What a vendor has decided about its files, kept in versions: a change is a new version, and the next import's.

use chrono::{DateTime, Utc};
use odyssey_tabular::limits::{COLUMNS_MAX, HEADER_BYTES_MAX};
use odyssey_tabular::{
    DecimalMark, FieldRule, Mapping, Mode, Target, Treatment, Unit, normal_header, read_separator,
    write_separator,
};
use odyssey_types::{NutritionBasis, Page, UserId};
use serde::{Deserialize, Serialize};

use super::{IngestionError, store};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::field::FieldError;
use crate::tenancy::Purpose;

/// Fields that one column may be read into: no real column met fills more than three.
pub const FIELDS_PER_COLUMN_MAX: usize = 10;
/// Versions that are kept of one mapping; the oldest go first.
pub const MAPPING_VERSIONS_MAX: i64 = 1_000;

/// What a vendor says about its files of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedMapping {
    /// The basis of all nutrition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<NutritionBasis>,
    pub columns: Vec<SavedColumn>,
}

/// What is done with the column of one header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedColumn {
    /// Compared in normal form: case, accents and punctuation do not count.
    pub header: String,
    /// The column is not read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<SavedField>,
}

/// A field that a column is read into, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedField {
    /// `sodium_mg`, `external_id`, …
    pub field: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<NutritionBasis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal: Option<DecimalMark>,
}

/// A version of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingVersion {
    pub version: i64,
    /// `None`: taken back with this version.
    pub mapping: Option<SavedMapping>,
    pub created_by: Option<UserId>,
    pub created_at: DateTime<Utc>,
}

/// The mapping in force, or a version of it.
pub async fn find_mapping(
    tx: &mut VendorTx,
    mode: Mode,
    version: Option<i64>,
) -> Result<Option<MappingVersion>, IngestionError> {
    let found = store::find_mapping(tx, mode, version).await?;
    Ok(found.filter(|found| found.mapping.is_some()))
}

/// Every version, newest first; the cursor is the last one. One of a mapping that there never was is not found.
pub async fn list_mapping_versions(
    tx: &mut VendorTx,
    mode: Mode,
    before: Option<i64>,
    limit: u32,
) -> Result<Page<MappingVersion>, IngestionError> {
    let mut items = store::list_mappings(tx, mode, before, i64::from(limit) + 1).await?;
    if items.is_empty() && before.is_none() {
        return Err(IngestionError::MappingNotFound);
    }
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next_cursor = items.last().filter(|_| more).map(|last| last.version.to_string());
    Ok(Page { items, next_cursor })
}

/// Puts a mapping in force as the next version, if the present one is among `versions` (0: there is none). Without
/// `versions` there must be one. One that says the same as the present makes no version.
pub async fn put_mapping(
    tx: &mut VendorTx,
    mode: Mode,
    mapping: SavedMapping,
    versions: Option<&[i64]>,
) -> Result<MappingVersion, IngestionError> {
    mapping.rules(mode)?;
    let last = store::find_mapping(tx, mode, None).await?;
    let number = last.as_ref().map_or(0, |last| last.version);
    let current = last.filter(|last| last.mapping.is_some());
    check_versions(current.as_ref(), versions)?;
    let same = current.filter(|current| current.mapping.as_ref() == Some(&mapping));
    let changed = same.is_none();
    let written = match same {
        Some(same) => same,
        None => append(tx, mode, number, Some(mapping)).await?,
    };
    let columns = written.mapping.as_ref().map_or(0, |mapping| mapping.columns.len());
    let event = event("mapping.write", mode, written.version)
        .detail("columns", columns as u64)
        .detail("changed", changed);
    audit::record(tx, event).await?;
    Ok(written)
}

/// Takes the mapping back: files are understood without one from now on. Its versions stay to be read.
pub async fn delete_mapping(
    tx: &mut VendorTx,
    mode: Mode,
    versions: Option<&[i64]>,
) -> Result<(), IngestionError> {
    let current = store::find_mapping(tx, mode, None).await?.filter(|last| last.mapping.is_some());
    check_versions(current.as_ref(), versions)?;
    let Some(current) = current else { return Err(IngestionError::MappingNotFound) };
    let ended = append(tx, mode, current.version, None).await?;
    audit::record(tx, event("mapping.delete", mode, ended.version)).await?;
    Ok(())
}

fn check_versions(current: Option<&MappingVersion>, versions: Option<&[i64]>) -> Result<(), IngestionError> {
    let number = current.map_or(0, |current| current.version);
    match versions {
        None if current.is_none() => Err(IngestionError::MappingNotFound),
        Some(versions) if !versions.contains(&number) => {
            Err(IngestionError::MappingVersionMismatch { current: number })
        }
        _ => Ok(()),
    }
}

async fn append(
    tx: &mut VendorTx,
    mode: Mode,
    after: i64,
    mapping: Option<SavedMapping>,
) -> Result<MappingVersion, IngestionError> {
    let version =
        MappingVersion { version: after + 1, mapping, created_by: tx.actor().user_id, created_at: tx.now() };
    // Somebody else has written this version between the look and the pen.
    if !store::insert_mapping(tx, mode, &version).await? {
        return Err(IngestionError::MappingVersionMismatch { current: version.version });
    }
    store::delete_mappings(tx, mode, version.version - MAPPING_VERSIONS_MAX).await?;
    Ok(version)
}

fn event(action: &'static str, mode: Mode, version: i64) -> AuditEvent {
    AuditEvent::new(action, "mapping", Purpose::Operations)
        .entity(mode.as_str())
        .detail("mode", mode.as_str())
        .detail("version", version)
}

impl SavedMapping {
    /// What the file reader makes of each column, in order; or everything that is wrong, with pointers.
    pub(super) fn rules(&self, mode: Mode) -> Result<Vec<(&str, Vec<FieldRule>)>, IngestionError> {
        let mut errors = Vec::new();
        let mut refuse = |pointer: String, detail: String| {
            errors.push(FieldError::new(pointer, "invalid", detail));
        };
        if self.columns.is_empty() || self.columns.len() > COLUMNS_MAX {
            refuse("/columns".to_owned(), format!("a mapping names 1 to {COLUMNS_MAX} columns"));
        }
        let mut seen = std::collections::HashSet::new();
        let mut rules = Vec::with_capacity(self.columns.len());
        for (at, column) in self.columns.iter().take(COLUMNS_MAX).enumerate() {
            let header = normal_header(&column.header);
            if header.is_empty() || column.header.len() > HEADER_BYTES_MAX {
                let detail = format!("a header has a letter or digit, and at most {HEADER_BYTES_MAX} bytes");
                refuse(format!("/columns/{at}/header"), detail);
            } else if !seen.insert(header) {
                let detail = "another column of the mapping has the same header; case, accents and punctuation \
                              do not count";
                refuse(format!("/columns/{at}/header"), detail.to_owned());
            }
            if column.ignore != column.fields.is_empty() || column.fields.len() > FIELDS_PER_COLUMN_MAX {
                let detail = format!(
                    "a column has 1 to {FIELDS_PER_COLUMN_MAX} fields, or says `ignore` and has none"
                );
                refuse(format!("/columns/{at}/fields"), detail);
            }
            let mut fields: Vec<FieldRule> = Vec::with_capacity(column.fields.len());
            for (nth, field) in column.fields.iter().take(FIELDS_PER_COLUMN_MAX).enumerate() {
                let pointer = |name: &str| format!("/columns/{at}/fields/{nth}/{name}");
                match field.rule(mode) {
                    Ok(rule) if fields.contains(&rule) => {
                        refuse(pointer("field"), "the column is read into this field already".to_owned());
                    }
                    Ok(rule) => fields.push(rule),
                    Err((name, detail)) => refuse(pointer(name), detail),
                }
            }
            rules.push((column.header.as_str(), fields));
        }
        if errors.is_empty() { Ok(rules) } else { Err(IngestionError::MappingInvalid(errors)) }
    }

    /// The mapping of a file, as it would be saved.
    pub(super) fn of(mapping: &Mapping) -> Self {
        let column = |(header, fields): (String, Vec<FieldRule>)| SavedColumn {
            header,
            ignore: fields.is_empty(),
            fields: fields.iter().map(SavedField::of).collect(),
        };
        Self { basis: mapping.stated_basis(), columns: mapping.suggested().into_iter().map(column).collect() }
    }
}

impl SavedField {
    fn rule(&self, mode: Mode) -> Result<FieldRule, (&'static str, String)> {
        let Some(target) = Target::from_code(&self.field).filter(|target| target.belongs_to(mode)) else {
            return Err(("field", format!("is no field of {}", mode.as_str())));
        };
        let separator = match self.separator.as_deref().map(read_separator) {
            None => None,
            Some(Some(separator)) => Some(separator),
            Some(None) => {
                let detail = "is one character that is no letter or digit, or `line`, or `tab`";
                return Err(("separator", detail.to_owned()));
            }
        };
        let unit = match self.unit.as_deref().map(Unit::parse) {
            None => None,
            Some(Some(unit)) => Some(unit),
            Some(None) => return Err(("unit", "is no unit that is known".to_owned())),
        };
        let said = Treatment { transform: None, separator, unit, basis: self.basis, decimal: self.decimal };
        let one = |name: &'static str, treatment: Treatment| {
            treatment.check(target).map_err(|detail| (name, detail))
        };
        one("separator", Treatment { separator, ..Treatment::default() })?;
        one("unit", Treatment { unit, ..Treatment::default() })?;
        one("basis", Treatment { basis: self.basis, ..Treatment::default() })?;
        one("decimal", Treatment { decimal: self.decimal, ..Treatment::default() })?;
        let transform = match &self.transform {
            None => Treatment::default(),
            Some(text) => Treatment::parse(text, target).map_err(|detail| ("transform", detail))?,
        };
        Ok(FieldRule { target, treatment: said.or(transform) })
    }

    fn of(rule: &FieldRule) -> Self {
        let Treatment { transform, separator, unit, basis, decimal } = &rule.treatment;
        let unit_name = |unit: &Unit| serde_json::to_value(unit).ok()?.as_str().map(str::to_owned);
        Self {
            field: rule.target.code().to_owned(),
            transform: transform.as_ref().and_then(odyssey_tabular::Transform::written),
            separator: separator.map(write_separator),
            unit: unit.as_ref().and_then(unit_name),
            basis: *basis,
            decimal: *decimal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(mode: Mode, body: serde_json::Value) -> Vec<String> {
        let mapping: SavedMapping = serde_json::from_value(body).expect("a mapping");
        match mapping.rules(mode) {
            Err(IngestionError::MappingInvalid(errors)) => errors.into_iter().map(|e| e.pointer).collect(),
            Err(other) => panic!("{other}"),
            Ok(_) => Vec::new(),
        }
    }

    #[test]
    fn everything_that_is_wrong_with_a_mapping_is_told_at_once_and_where() {
        let field = |field: serde_json::Value| serde_json::json!({ "columns": [{ "header": "A", "fields": [field] }] });
        for (body, pointers) in [
            (serde_json::json!({ "columns": [] }), vec!["/columns"]),
            (serde_json::json!({ "columns": [{ "header": "A" }] }), vec!["/columns/0/fields"]),
            (
                serde_json::json!({ "columns": [{ "header": "?!", "ignore": true }] }),
                vec!["/columns/0/header"],
            ),
            (
                serde_json::json!({ "columns": [{ "header": "Name", "ignore": true },
                    { "header": "NAME.", "fields": [{ "field": "name" }] }] }),
                vec!["/columns/1/header"],
            ),
            (
                serde_json::json!({ "columns": [{ "header": "A", "ignore": true, "fields": [{ "field": "name" }] }] }),
                vec!["/columns/0/fields"],
            ),
            (field(serde_json::json!({ "field": "taste" })), vec!["/columns/0/fields/0/field"]),
            (field(serde_json::json!({ "field": "email" })), vec!["/columns/0/fields/0/field"]),
            (
                field(serde_json::json!({ "field": "fat_g", "unit": "kcal" })),
                vec!["/columns/0/fields/0/unit"],
            ),
            (
                field(serde_json::json!({ "field": "name", "decimal": "comma" })),
                vec!["/columns/0/fields/0/decimal"],
            ),
            (
                field(serde_json::json!({ "field": "name", "transform": "magic" })),
                vec!["/columns/0/fields/0/transform"],
            ),
            (
                field(serde_json::json!({ "field": "dietary_tags", "separator": "ab" })),
                vec!["/columns/0/fields/0/separator"],
            ),
            (
                field(
                    serde_json::json!({ "field": "fat_g", "unit": "g", "basis": "per_100g", "decimal": "comma" }),
                ),
                vec![],
            ),
        ] {
            assert_eq!(refused(Mode::Products, body.clone()), pointers, "{body}");
        }
    }
}
