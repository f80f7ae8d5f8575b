//! Which column is read into which field.

use odyssey_types::{Gtin, GtinError, NutritionBasis};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::normalise::{Parts, take_apart};
use super::presets::{self, Preset, Rule};
use super::settle::{mark_twins, own_unit, settle_basis, settle_targets, settle_units};
use super::synonyms::{find, find_parts};
use crate::target::{Mode, Target, TargetSet};
use crate::unit::Unit;

/// What is done with a cell before it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    Plain,
    /// A yes in the cell adds this dietary tag; a no says nothing.
    Flag(String),
    /// A barcode when the values look like barcodes, else an external id. Settled while mapping, so no
    /// mapped column has it.
    GtinOrId,
    /// Tags and entities of HTML become plain text.
    Html,
    /// An apostrophe before the text, by which a spreadsheet keeps digits a text, is no part of it.
    Apostrophe,
}

/// What became of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnStatus {
    Mapped,
    /// Read only in rows where the mapped column of the same target is empty.
    Fallback,
    Ignored,
    /// Another column means the same with equal right: neither is read until somebody chooses.
    Ambiguous,
    /// The same header stands twice: neither is read until somebody chooses.
    Duplicate,
}

/// Why a column is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IgnoredReason {
    EmptyHeader,
    NotKnown,
    /// Our own column of an `errors.csv` that comes back.
    ErrorColumn,
    /// An override says so.
    ByRequest,
    /// Another column is the identity.
    BetterIdentity,
    /// Amounts on another basis than the one that most columns have.
    OtherBasis,
    /// The unit does not fit the field (vitamin A in IU has no exact mass).
    UnitUnsupported,
    /// Neither header nor values tell the unit.
    UnitMissing,
    /// The other columns for the target are ambiguous.
    TargetAmbiguous,
    /// The format that the file was recognised by has nothing for us in it.
    ByPreset,
}

/// What one column means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnMap {
    /// As the file writes it.
    pub header: String,
    /// 0-based.
    pub index: usize,
    pub target: Option<Target>,
    pub transform: Transform,
    /// What stands between the entries of a list, where the format says so; else any of the usual ones.
    pub separator: Option<char>,
    /// Of the column's numbers; a unit in a cell overrides it.
    pub unit: Option<Unit>,
    /// As far as the header states one.
    pub basis: Option<NutritionBasis>,
    /// 0 to 100.
    pub confidence: u8,
    pub status: ColumnStatus,
    pub reason: Option<IgnoredReason>,
    /// Among the columns of one target the lowest is read first.
    #[serde(skip)]
    pub(crate) rank: u8,
    /// The header is a word of our tables or of a person's decision, and so no cell of a row.
    #[serde(skip)]
    pub(crate) known: bool,
}

/// Where the basis of the nutrition comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BasisSource {
    Override,
    /// The format that the file was recognised by.
    Preset,
    Headers,
    /// A column says it row by row.
    Column,
    /// Nothing states it: per serving where the file has serving sizes, else per 100 g.
    Assumed,
}

/// The whole mapping of a file; serialised, it is the report that a vendor reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mapping {
    pub mode: Mode,
    pub columns: Vec<ColumnMap>,
    /// What the amounts of the nutrition panel are counted per.
    pub basis: NutritionBasis,
    pub basis_source: BasisSource,
    /// Id of the format of known origin that the file was recognised by.
    pub preset: Option<&'static str>,
    /// Rows that belong together, where the format has such.
    #[serde(skip)]
    pub(crate) groups: Groups,
}

/// How rows lean on each other, by column.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Groups {
    /// Rows that follow each other with the same text here are a group.
    pub by: Option<usize>,
    /// Empty in a row behind the first of its group: as in the first.
    pub filled: Vec<usize>,
    /// A row with nothing here is none.
    pub row_has: Option<usize>,
}

/// What a person decided about one header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderOverride {
    /// Compared in normal form (case, accents and punctuation do not count).
    pub header: String,
    /// `None`: ignore the column.
    pub target: Option<Target>,
    pub unit: Option<Unit>,
    pub basis: Option<NutritionBasis>,
}

/// Decisions that go before the built-in table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeaderSynonyms {
    pub overrides: Vec<HeaderOverride>,
    /// The basis of the whole file's nutrition.
    pub basis: Option<NutritionBasis>,
}

impl Mapping {
    /// What the file says something about.
    pub fn targets(&self) -> TargetSet {
        self.read_columns().filter_map(|c| c.target).collect()
    }

    /// The columns that are read, mapped and fallback.
    pub fn read_columns(&self) -> impl Iterator<Item = &ColumnMap> {
        self.columns.iter().filter(|c| matches!(c.status, ColumnStatus::Mapped | ColumnStatus::Fallback))
    }

    /// True when a row can have an identity at all.
    pub fn has_identity(&self) -> bool {
        let targets = self.targets();
        targets.contains(Target::ExternalId)
            || (self.mode == Mode::Products && targets.contains(Target::Gtin))
    }

    /// Writes `column_3` over each header that is no word of our tables and of nobody's decision: in a file
    /// whose first row is data it is a cell. Changes the digest: take that first.
    pub fn number_unknown_headers(&mut self) {
        for column in self.columns.iter_mut().filter(|column| !column.known) {
            column.header = column_name(column.index);
        }
    }

    /// SHA-256 of everything that decides how a cell is read. Two files with equal digests and equal
    /// cells give equal rows.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.mode.as_str());
        hash.update(self.basis.as_str());
        for column in self.read_columns() {
            let target = column.target.map_or("", Target::code);
            let line = format!(
                "\n{}\t{}\t{target}\t{:?}\t{:?}\t{}",
                column.index, column.header, column.unit, column.transform, column.rank
            );
            hash.update(line);
            if let Some(separator) = column.separator {
                hash.update(format!("\t{separator}"));
            }
        }
        if self.groups != Groups::default() {
            hash.update(format!("\n{:?}", self.groups));
        }
        hash.finalize().into()
    }
}

/// What a column is called that has no header of its own; `index` is 0-based, the name counts from 1.
pub fn column_name(index: usize) -> String {
    format!("column_{}", index + 1)
}

/// Maps the headers of a file; `sample` are some of its rows, which settle units and barcodes that the
/// headers leave open.
///
/// A format of known origin is recognised by its headers and says what its columns are; `overrides` go
/// before it, the table of synonyms behind it.
///
/// Several columns for one target: the one of lowest rank is read, the others only where its cell is
/// empty; two of equal rank are `Ambiguous` and the target is not read at all. Identities never fall
/// back, so that one file has one kind of identity.
pub fn map_headers(
    headers: &[String],
    sample: &[Vec<String>],
    mode: Mode,
    overrides: &HeaderSynonyms,
) -> Mapping {
    let parts: Vec<Parts> = headers.iter().map(|h| take_apart(h)).collect();
    let preset = presets::recognise(&parts, mode);
    let columns = headers.iter().zip(&parts).enumerate().map(|(index, (header, parts))| {
        let column = unread(header, index, parts);
        by_person(column, parts, mode, overrides)
            .or_else(|column| by_preset(column, parts, preset))
            .unwrap_or_else(|column| by_table(column, parts, sample, mode))
    });
    let mut columns: Vec<ColumnMap> = columns.collect();
    if let Some(preset) = preset {
        settle_instead(&mut columns, preset, &parts, sample);
    }
    settle_units(&mut columns, &parts, sample, mode);
    mark_twins(&mut columns, &parts);
    // Columns on another basis are no rivals of those that are read.
    let (basis, basis_source) = settle_basis(&mut columns, overrides, preset.and_then(|p| p.basis));
    settle_targets(&mut columns);
    let groups = preset.map_or_else(Groups::default, |preset| groups(preset, &parts));
    Mapping { mode, columns, basis, basis_source, preset: preset.map(|preset| preset.id), groups }
}

fn unread(header: &str, index: usize, parts: &Parts) -> ColumnMap {
    ColumnMap {
        header: header.to_owned(),
        index,
        target: None,
        transform: Transform::Plain,
        separator: None,
        unit: parts.unit,
        basis: parts.basis,
        confidence: 0,
        status: ColumnStatus::Ignored,
        reason: None,
        rank: 0,
        known: false,
    }
}

/// A column that nobody need look up: a person decided, or it is one of ours. Else it comes back as it was.
fn by_person(
    mut column: ColumnMap,
    parts: &Parts,
    mode: Mode,
    overrides: &HeaderSynonyms,
) -> Result<ColumnMap, ColumnMap> {
    if parts.full.is_empty() {
        column.reason = Some(IgnoredReason::EmptyHeader);
        return Ok(column);
    }
    if let Some(wish) = overrides.overrides.iter().find(|o| take_apart(&o.header).full == parts.full) {
        column.known = true;
        column.unit = wish.unit.or(column.unit);
        column.basis = wish.basis.or(column.basis);
        match wish.target.filter(|t| t.belongs_to(mode)) {
            Some(target) => assign(&mut column, target, 100, 0),
            None => column.reason = Some(IgnoredReason::ByRequest),
        }
        return Ok(column);
    }
    if crate::errors_csv::COLUMNS.contains(&parts.full.as_str()) {
        column.known = true;
        column.reason = Some(IgnoredReason::ErrorColumn);
        return Ok(column);
    }
    Err(column)
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

/// An identity that a shop may leave out is one only where most rows have it.
fn settle_instead(columns: &mut [ColumnMap], preset: &Preset, parts: &[Parts], sample: &[Vec<String>]) {
    let filled = |row: &[String], at: usize| row.get(at).is_some_and(|cell| !cell.trim().is_empty());
    for column in columns.iter_mut().filter(|column| column.confidence < 100) {
        let Some(Rule::Read(rule)) = preset.rule(&parts[column.index]) else { continue };
        let Some(beside) = rule.instead_of.and_then(|h| preset.columns_like(parts, &[h]).first().copied())
        else {
            continue;
        };
        let rows: Vec<&Vec<String>> = sample.iter().filter(|row| filled(row, beside)).collect();
        let with = rows.iter().filter(|row| filled(row, column.index)).count();
        if with * 2 < rows.len() {
            ignore(column, IgnoredReason::BetterIdentity);
        }
    }
}

fn groups(preset: &Preset, parts: &[Parts]) -> Groups {
    let Some((by, filled)) = preset.filled.split_first() else { return Groups::default() };
    let first = |pattern: &str| preset.columns_like(parts, &[pattern]).first().copied();
    Groups { by: first(by), filled: preset.columns_like(parts, filled), row_has: preset.rows.and_then(first) }
}

fn assign(column: &mut ColumnMap, target: Target, confidence: u8, rank: u8) {
    column.target = Some(target);
    column.status = ColumnStatus::Mapped;
    column.confidence = confidence;
    column.rank = rank;
}

pub(super) fn ignore(column: &mut ColumnMap, reason: IgnoredReason) {
    column.status = ColumnStatus::Ignored;
    column.reason = Some(reason);
}

fn takes_unit(target: Target) -> bool {
    own_unit(target).is_some()
        || matches!(target, Target::ServingSize | Target::PackageWeight | Target::Age | Target::Gestation)
}

/// At least half of the values are barcodes, or were before a spreadsheet or a typist got at them.
fn cells_are_barcodes(sample: &[Vec<String>], index: usize) -> bool {
    let cells: Vec<&str> =
        sample.iter().filter_map(|row| row.get(index)).map(|c| c.trim()).filter(|c| !c.is_empty()).collect();
    let like = |cell: &&&str| match Gtin::parse(cell) {
        Ok(_) | Err(GtinError::Spreadsheet) => true,
        Err(GtinError::CheckDigit) => cell.len() >= 8,
        Err(_) => false,
    };
    !cells.is_empty() && cells.iter().filter(like).count() * 2 >= cells.len()
}
