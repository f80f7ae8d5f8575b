//! What a column is: by whoever decided about it, else by its format, the words of the platform and our own table.

use odyssey_types::{Gtin, GtinError};

use super::decided::{by_request, by_saved, by_word};
use super::mapping::{ColumnMap, HeaderSynonyms, IgnoredReason, Transform, assign};
use super::normalise::Parts;
use super::presets::{Preset, Rule};
use super::settle::own_unit;
use super::synonyms::{find, find_parts};
use super::treatment::ColumnSource;
use super::vocabulary::{Vocabulary, WordOwner};
use crate::target::{Mode, Target};

/// What is known when one column is looked at.
pub(super) struct Looking<'a> {
    pub parts: &'a Parts,
    pub sample: &'a [Vec<String>],
    pub mode: Mode,
    pub preset: Option<&'static Preset>,
    pub words: &'a Vocabulary,
}

impl Looking<'_> {
    /// The column, and the further fields that it is read into.
    pub fn understand(&self, column: ColumnMap, overrides: &HeaderSynonyms) -> (ColumnMap, Vec<ColumnMap>) {
        let (parts, full) = (self.parts, self.parts.full.as_str());
        let column = match by_request(column, parts, self.mode, overrides) {
            Ok(column) => return (column, Vec::new()),
            Err(column) => column,
        };
        let found = self.found(column);
        // What we wrote means what we wrote, whatever the vendor calls things elsewhere.
        if found.transform == Transform::Exact {
            return (found, Vec::new());
        }
        if let Some((order, fields)) = self.words.saved(full) {
            return by_saved(&found, order, fields, parts);
        }
        match self.words.word(full, WordOwner::Vendor) {
            Some(rule) if found.reason != Some(IgnoredReason::ErrorColumn) => {
                (by_word(found, rule, parts, WordOwner::Vendor), Vec::new())
            }
            _ => (found, Vec::new()),
        }
    }

    /// What the column is by its format, the platform's words and our own table.
    fn found(&self, mut column: ColumnMap) -> ColumnMap {
        if crate::errors_csv::COLUMNS.contains(&self.parts.full.as_str()) {
            column.known = true;
            column.reason = Some(IgnoredReason::ErrorColumn);
            return column;
        }
        by_preset(column, self.parts, self.preset).unwrap_or_else(|column| {
            let found = by_table(column, self.parts, self.sample, self.mode);
            match self.words.word(&self.parts.full, WordOwner::Platform) {
                Some(rule) => by_word(found, rule, self.parts, WordOwner::Platform),
                None => found,
            }
        })
    }
}

fn by_preset(mut column: ColumnMap, parts: &Parts, preset: Option<&Preset>) -> Result<ColumnMap, ColumnMap> {
    match preset.and_then(|preset| preset.rule(parts)) {
        None | Some(Rule::AsNamed) => return Err(column),
        Some(Rule::NotRead) => column.reason = Some(IgnoredReason::ByPreset),
        Some(Rule::Read(rule)) => {
            column.transform = rule.transform.clone();
            column.separator = rule.separator;
            column.unit = rule.unit.or(column.unit);
            column.basis = rule.basis.or(column.basis);
            // Ranks of a person's decision (0) go before, those of the table are twice their number too.
            assign(&mut column, rule.target, 99, rule.rank * 2);
        }
    }
    column.source = Some(ColumnSource::Preset);
    column.known = true;
    Ok(column)
}

fn by_table(mut column: ColumnMap, parts: &Parts, sample: &[Vec<String>], mode: Mode) -> ColumnMap {
    let whole = find(parts.inner.as_deref().unwrap_or(&parts.full), mode);
    let Some(synonym) =
        find_parts(parts, mode).filter(|s| whole.is_some() || takes_unit(s.target) || parts.unit.is_none())
    else {
        column.reason = Some(IgnoredReason::NotKnown);
        return column;
    };
    column.known = true;
    let by_content = synonym.transform == Transform::GtinOrId;
    column.source = Some(if by_content { ColumnSource::Content } else { ColumnSource::Header });
    let target = match synonym.transform {
        Transform::GtinOrId if !cells_are_barcodes(sample, column.index) => Target::ExternalId,
        _ => synonym.target,
    };
    if let Transform::Flag(_) = synonym.transform {
        column.transform = synonym.transform.clone();
    }
    column.basis = column.basis.or(synonym.basis);
    // The same quantity in two units: the field's own unit is read first.
    let foreign = parts.unit.is_some_and(|u| own_unit(target).is_some_and(|own| own != u));
    assign(&mut column, target, if whole.is_some() { 98 } else { 95 }, synonym.rank * 2 + u8::from(foreign));
    column
}

fn takes_unit(target: Target) -> bool {
    own_unit(target).is_some()
        || matches!(target, Target::ServingSize | Target::PackageWeight | Target::Age | Target::Gestation)
}

/// At least half of the values are barcodes, or were before a spreadsheet or a typist got at them.
fn cells_are_barcodes(sample: &[Vec<String>], index: usize) -> bool {
    let cells: Vec<&str> =
        sample.iter().filter_map(|row| row.get(index)).map(|c| c.trim()).filter(|c| !c.is_empty()).collect();
    let like = |cell: &&&str| match Gtin::parse_written(cell) {
        Ok(_) | Err(GtinError::Spreadsheet) => true,
        Err(GtinError::CheckDigit) => cell.len() >= 8,
        Err(_) => false,
    };
    !cells.is_empty() && cells.iter().filter(like).count() * 2 >= cells.len()
}
