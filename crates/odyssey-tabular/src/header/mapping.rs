//! Which column is read into which field.

use std::collections::BTreeMap;
use std::sync::Arc;

use odyssey_types::NutritionBasis;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::decided::Tier;
use super::found::Looking;
use super::normalise::{Parts, take_apart};
use super::presets::{self, Preset, Rule};
use super::settle::{mark_twins, out_of_rank, settle_basis, settle_targets, settle_units};
use super::treatment::{ColumnSource, DecimalMark};
use super::vocabulary::{ValueWords, Vocabulary};
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
    /// A file that we wrote: texts are as they stand, lists and objects are JSON. A person does not write it down.
    Exact,
    /// Only the digits are read: `EAN: 400 638…`.
    Digits,
    /// The nth (from 1) of the parts that the character separates.
    Part {
        nth: u8,
        separator: char,
    },
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
    /// The vendor's saved mapping says so.
    BySaved,
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
    /// Of the column's numbers, where somebody said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<DecimalMark>,
    /// Where the meaning comes from; absent where there is none.
    pub source: Option<ColumnSource>,
    /// 0 to 100.
    pub confidence: u8,
    pub status: ColumnStatus,
    pub reason: Option<IgnoredReason>,
    #[serde(skip)]
    pub(crate) tier: Tier,
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
    /// The vendor's saved mapping.
    Saved,
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
    /// The columns of the file in their order, then the further fields of columns that are read into several.
    pub columns: Vec<ColumnMap>,
    /// What the amounts of the nutrition panel are counted per.
    pub basis: NutritionBasis,
    pub basis_source: BasisSource,
    /// Id of the format of known origin that the file was recognised by.
    pub preset: Option<&'static str>,
    /// Rows that belong together, where the format has such.
    #[serde(skip)]
    pub(crate) groups: Groups,
    /// Columns of the file itself.
    #[serde(skip)]
    pub(crate) width: usize,
    /// Words for values, by the fields that have such.
    #[serde(skip)]
    pub(crate) values: BTreeMap<Target, ValueWords>,
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
    /// Behind the decisions about this file: what the vendor saved, and what words mean.
    pub vocabulary: Arc<Vocabulary>,
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
            if let Some(decimal) = column.decimal {
                hash.update(format!("\tdecimal {decimal:?}"));
            }
            if let Some(place) = out_of_rank(&self.columns, column) {
                hash.update(format!("\tplace {place}"));
            }
        }
        for (target, words) in &self.values {
            hash.update(format!("\nvalues\t{}\t{words:?}", target.code()));
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
/// Decisions about this file come first, then the vendor's saved mapping and its words; then the format of known
/// origin that the file is recognised by, the platform's words and our own table of headers.
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
    let (mut columns, mut further) = (Vec::with_capacity(headers.len()), Vec::new());
    for (index, (header, parts)) in headers.iter().zip(&parts).enumerate() {
        let looking = Looking { parts, sample, mode, preset, words: &overrides.vocabulary };
        let (column, others) = looking.understand(unread(header, index, parts), overrides);
        columns.push(column);
        further.extend(others);
    }
    columns.extend(further);
    if let Some(preset) = preset {
        settle_instead(&mut columns, preset, &parts, sample);
    }
    settle_units(&mut columns, &parts, sample, mode);
    mark_twins(&mut columns, &parts);
    // Columns on another basis are no rivals of those that are read.
    let (basis, basis_source) = settle_basis(&mut columns, overrides, preset.and_then(|p| p.basis));
    settle_targets(&mut columns);
    let groups = preset.map_or_else(Groups::default, |preset| groups(preset, &parts));
    let read = |c: &&ColumnMap| matches!(c.status, ColumnStatus::Mapped | ColumnStatus::Fallback);
    let words = |target| overrides.vocabulary.values(target).map(|words| (target, words.clone()));
    let values = columns.iter().filter(read).filter_map(|c| c.target).filter_map(words).collect();
    let preset = preset.map(|preset| preset.id);
    Mapping { mode, columns, basis, basis_source, preset, groups, width: headers.len(), values }
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
        decimal: None,
        source: None,
        confidence: 0,
        status: ColumnStatus::Ignored,
        reason: None,
        tier: Tier::Found,
        rank: 0,
        known: false,
    }
}

/// An identity that a shop may leave out is one only where most rows have it.
fn settle_instead(columns: &mut [ColumnMap], preset: &Preset, parts: &[Parts], sample: &[Vec<String>]) {
    let filled = |row: &[String], at: usize| row.get(at).is_some_and(|cell| !cell.trim().is_empty());
    for column in columns.iter_mut().filter(|column| column.source == Some(ColumnSource::Preset)) {
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

pub(super) fn assign(column: &mut ColumnMap, target: Target, confidence: u8, rank: u8) {
    column.target = Some(target);
    column.status = ColumnStatus::Mapped;
    column.confidence = confidence;
    column.rank = rank;
}

pub(super) fn ignore(column: &mut ColumnMap, reason: IgnoredReason) {
    column.status = ColumnStatus::Ignored;
    column.reason = Some(reason);
}
