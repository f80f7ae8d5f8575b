//! What parsing one row has found so far.

use odyssey_types::Phi;

use super::rewrite::Rewriting;
use super::slip;
use crate::error::{RejectedRow, RowError, RowErrorCode, RowWarning, WarningCode};
use crate::export::unguarded;
use crate::header::{ColumnMap, ColumnStatus, Mapping, Transform};
use crate::limits::{LIST_MAX, ROW_ERRORS_MAX, SHORT_TEXT_MAX};
use crate::records::{Record, RecordFault};
use crate::target::{Mode, Target, TargetSet};
use crate::value::number::{Number, NumberFault, Qualifier, read_number};
use crate::value::text::{is_placeholder, is_unknown, nfc, read_bool, read_list_by};

/// Characters of a refused value that are kept.
const VALUE_SHOWN_MAX: usize = 200;

/// The mapping, laid out for reading rows.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub mapping: Mapping,
    pub present: TargetSet,
    /// Each target once, with its columns in the order they are read.
    pub targets: Vec<(Target, Vec<usize>)>,
    /// Columns whose yes adds a tag to a field.
    pub flags: Vec<(usize, Target, String)>,
    /// One past the last column of the file that is read.
    pub width_read: usize,
    /// What is done with cells before any of them is read; `None` where nothing is.
    rewriting: Option<Rewriting>,
}

impl Plan {
    pub fn new(mapping: Mapping) -> Self {
        let mut targets: Vec<(Target, Vec<usize>)> = Vec::new();
        let mut flags = Vec::new();
        let read = |c: &ColumnMap| matches!(c.status, ColumnStatus::Mapped | ColumnStatus::Fallback);
        let mut columns: Vec<_> = mapping.columns.iter().enumerate().filter(|(_, c)| read(c)).collect();
        columns.sort_by_key(|(_, c)| {
            (c.target.map(Target::ordinal), c.status != ColumnStatus::Mapped, c.tier, c.rank, c.index)
        });
        for (at, column) in columns {
            let Some(target) = column.target else { continue };
            if let Transform::Flag(tag) = &column.transform {
                flags.push((at, target, tag.clone()));
                continue;
            }
            match targets.last_mut() {
                Some((last, columns)) if *last == target => columns.push(at),
                _ => targets.push((target, vec![at])),
            }
        }
        let width_read = mapping.read_columns().map(|c| c.index + 1).max().unwrap_or(0);
        let rewriting = Rewriting::of(&mapping);
        Self { present: mapping.targets(), targets, flags, width_read, rewriting, mapping }
    }

    /// The row as its columns are read, where that is another than the file writes.
    pub fn rewrite(&self, record: &Record) -> Option<Record> {
        let rewriting = self.rewriting.as_ref().filter(|_| record.fault.is_none())?;
        Some(rewriting.rewrite(&self.mapping, record))
    }

    pub fn header(&self, column: usize) -> &str {
        self.mapping.columns.get(column).map_or("", |c| c.header.as_str())
    }
}

/// One row on its way to being read.
pub struct Context<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) record: &'a Record,
    /// The row as it is read, cell by cell of the mapping's columns.
    cells: &'a Record,
    errors: Vec<RowError>,
    pub(crate) warnings: Vec<RowWarning>,
}

impl<'a> Context<'a> {
    /// Begins a row; what is wrong with the row as a whole is noted. `rewritten` is what [`Plan::rewrite`] made of it.
    pub(crate) fn new(plan: &'a Plan, record: &'a Record, rewritten: Option<&'a Record>) -> Self {
        let cells = rewritten.unwrap_or(record);
        let mut row = Self { plan, record, cells, errors: Vec::new(), warnings: Vec::new() };
        match &record.fault {
            Some(RecordFault::TooLong) => row.fail(RowErrorCode::RowTooLong, None, ""),
            Some(RecordFault::QuoteUnclosed) => row.fail(RowErrorCode::QuoteUnclosed, None, ""),
            Some(RecordFault::JsonUnreadable(what)) => row.fail(RowErrorCode::JsonUnreadable, None, what),
            Some(RecordFault::JsonTooDeep) => row.fail(RowErrorCode::JsonTooDeep, None, ""),
            Some(RecordFault::JsonKeyTwice(key)) => row.fail(RowErrorCode::JsonKeyTwice, None, key),
            Some(RecordFault::JsonKeyLate(key)) => row.fail(RowErrorCode::JsonKeyLate, None, key),
            None => row.check_width(),
        }
        if record.left_out {
            row.warn(WarningCode::FieldNotRead, None);
        }
        row
    }

    /// Cells beyond the headers or too few of them mean that values may stand under wrong headers.
    /// Harmless are empty cells beyond the last header, and a row that ends after the last column that
    /// is read.
    fn check_width(&mut self) {
        let (found, expected) = (self.record.len(), self.plan.mapping.width);
        if found > expected {
            if (expected..found).all(|at| self.record.cell(at).trim().is_empty()) {
                self.warn(WarningCode::CellsBeyondHeader, None);
            } else {
                self.fail(RowErrorCode::RaggedRow, None, &format!("{found} cells under {expected} headers"));
            }
        } else if found < expected {
            if found >= self.plan.width_read {
                self.warn(WarningCode::CellsMissing, None);
            } else {
                self.fail(RowErrorCode::RaggedRow, None, &format!("{found} cells under {expected} headers"));
            }
        }
    }

    /// False when nothing of the row can be trusted to stand where it should.
    pub(crate) fn readable(&self) -> bool {
        self.errors.is_empty()
    }

    /// The first cell of these columns that says something.
    pub(crate) fn known(&self, columns: &[usize]) -> Option<(usize, &'a str)> {
        columns.iter().find_map(|column| {
            if self.is_exact(*column) {
                let cell = self.cells.cell(*column);
                return (!cell.is_empty()).then(|| (*column, unguarded(cell)));
            }
            let mut cell = self.cells.cell(*column).trim();
            if self.plan.mapping.columns[*column].transform == Transform::Apostrophe {
                cell = cell.strip_prefix('\'').unwrap_or(cell).trim();
            }
            (!is_unknown(cell)).then_some((*column, cell))
        })
    }

    /// The same, unless it is an error that a spreadsheet program wrote in place of a value; that refuses the row.
    pub(crate) fn value(&mut self, columns: &[usize]) -> Option<(usize, &'a str)> {
        let (column, cell) = self.known(columns)?;
        (!self.is_spreadsheet_error(column, cell)).then_some((column, cell))
    }

    /// Whether the column is one that we wrote ourselves.
    pub(crate) fn is_exact(&self, column: usize) -> bool {
        self.plan.mapping.columns.get(column).is_some_and(|c| c.transform == Transform::Exact)
    }

    /// A value that our own file writes as JSON; another is an error.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&mut self, column: usize, cell: &str) -> Option<T> {
        let read = serde_json::from_str(cell).ok();
        if read.is_none() {
            self.fail(RowErrorCode::EnumUnknown, Some(column), cell);
        }
        read
    }

    /// The tags that columns of yes and no add, each once, with their field.
    pub(crate) fn flags(&mut self) -> Vec<(Target, String)> {
        let (plan, mut tags) = (self.plan, Vec::new());
        for (column, target, tag) in &plan.flags {
            let Some((column, cell)) = self.known(&[*column]) else { continue };
            match read_bool(cell) {
                Some(true) if !tags.contains(&(*target, tag.clone())) => tags.push((*target, tag.clone())),
                Some(_) => {}
                None => self.warn(WarningCode::BooleanUnreadable, Some(column)),
            }
        }
        tags
    }

    pub(crate) fn fail(&mut self, code: RowErrorCode, column: Option<usize>, value: &str) {
        self.fail_with(code, column, value, None, None);
    }

    pub(crate) fn fail_with(
        &mut self,
        code: RowErrorCode,
        column: Option<usize>,
        value: &str,
        suggestion: Option<String>,
        first_row: Option<u64>,
    ) {
        if self.errors.len() >= ROW_ERRORS_MAX {
            return;
        }
        // What was made of a cell is not what a person finds in the file.
        let value = match column.map(|at| (self.cells.cell(at), self.written(at))) {
            Some((read, written)) if read.trim() == value => written,
            _ => value,
        };
        let shown = shown(value);
        let column = column.map(|at| self.plan.header(at).to_owned());
        self.errors.push(RowError { code, column, value: Phi::new(shown), suggestion, first_row });
    }

    pub(crate) fn warn(&mut self, code: WarningCode, column: Option<usize>) {
        self.warn_read(code, column, None);
    }

    /// A warning that says what was read in the cell's place. The cells of a person are in no warning.
    pub(crate) fn warn_read(&mut self, code: WarningCode, column: Option<usize>, read_as: Option<String>) {
        let at = column.and_then(|at| u16::try_from(at).ok());
        if self.warnings.iter().any(|known| known.code == code && known.column == at) {
            return;
        }
        let is_product = self.plan.mapping.mode == Mode::Products;
        let value = column.filter(|_| is_product).and_then(|at| shown(self.written(at)));
        self.warnings.push(RowWarning { code, column: at, value, read_as: read_as.filter(|_| is_product) });
    }

    /// The cell of a column as the file writes it, which is what a person finds there.
    fn written(&self, column: usize) -> &'a str {
        let index = self.plan.mapping.columns.get(column).map_or(column, |of| of.index);
        self.record.cell(index).trim()
    }

    /// A text of at most `max` characters, in NFC, without NUL; a longer one is an error.
    pub(crate) fn text(&mut self, column: usize, cell: &str, max: usize) -> Option<String> {
        if cell.len() > max && cell.chars().count() > max {
            self.fail(RowErrorCode::TextTooLong, Some(column), cell);
            return None;
        }
        if self.is_exact(column) {
            return Some(cell.replace('\0', ""));
        }
        if cell.is_ascii() {
            if !cell.contains('\0') {
                return Some(cell.to_owned());
            }
        } else if cell.contains('\u{fffd}') {
            self.warn(WarningCode::ReplacementCharacter, Some(column));
        }
        let mut text = nfc(cell).into_owned();
        if text.contains('\0') {
            self.warn(WarningCode::NulRemoved, Some(column));
            text.retain(|c| c != '\0');
        }
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return None;
        }
        Some(if trimmed.len() == text.len() { text } else { trimmed.to_owned() })
    }

    /// It is no word for nothing, so it must not take away what is on record. `#N/A` is one.
    fn is_spreadsheet_error(&mut self, column: usize, cell: &str) -> bool {
        const ERRORS: &[&str] =
            &["#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", "#ERROR!"];
        let is_error = ERRORS.contains(&cell.trim()) && !self.is_exact(column);
        if is_error {
            self.fail(RowErrorCode::SpreadsheetError, Some(column), cell);
        }
        is_error
    }

    /// A list of short texts.
    pub(crate) fn list(&mut self, column: usize, cell: &str) -> Option<Vec<String>> {
        if self.is_exact(column)
            && let Ok(list) = serde_json::from_str(cell)
        {
            return Some(list);
        }
        let entries = read_list_by(cell, self.plan.mapping.columns[column].separator);
        if entries.len() > LIST_MAX {
            self.fail(RowErrorCode::ListTooLong, Some(column), cell);
            return None;
        }
        let mut list = Vec::with_capacity(entries.len());
        for entry in entries {
            list.extend(self.text(column, &entry, SHORT_TEXT_MAX * 4));
        }
        (!list.is_empty()).then_some(list)
    }

    /// A number; `None` where the cell says nothing (with a warning) or nothing readable (an error).
    pub(crate) fn number(&mut self, column: usize, cell: &str) -> Option<Number> {
        match read_number(cell) {
            Ok(number) => {
                match number.qualifier {
                    Qualifier::Exact => {}
                    Qualifier::Below => self.warn(WarningCode::BoundReadAsValue, Some(column)),
                    Qualifier::About => self.warn(WarningCode::ApproximateRead, Some(column)),
                }
                Some(number)
            }
            Err(_) if is_placeholder(cell) => {
                self.warn(WarningCode::PlaceholderReadAsUnknown, Some(column));
                None
            }
            Err(_)
                if cell.eq_ignore_ascii_case("trace")
                    || cell.eq_ignore_ascii_case("traces")
                    || cell.eq_ignore_ascii_case("tr") =>
            {
                self.warn(WarningCode::TraceReadAsUnknown, Some(column));
                None
            }
            Err(NumberFault::TooLarge) => {
                self.fail(RowErrorCode::ValueOutOfRange, Some(column), cell);
                None
            }
            Err(NumberFault::Unreadable | NumberFault::CommaUnclear) => {
                self.fail(RowErrorCode::NumberUnreadable, Some(column), cell);
                None
            }
        }
    }

    /// A date; unreadable is an error.
    pub(crate) fn date(&mut self, column: usize, cell: &str) -> Option<chrono::NaiveDate> {
        let date = crate::value::text::read_date(cell);
        if date.is_none() {
            if is_placeholder(cell) {
                self.warn(WarningCode::PlaceholderReadAsUnknown, Some(column));
            } else {
                self.fail(RowErrorCode::DateUnreadable, Some(column), cell);
            }
        }
        date
    }

    /// A value of a closed list, found by `parse` from its code form; another value is an error.
    pub(crate) fn code<T>(
        &mut self,
        column: usize,
        cell: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let code = crate::value::text::code_form(cell);
        let found = parse(&code);
        if found.is_none() {
            let meant = slip::meant(&code, |known| parse(known).is_some());
            self.fail_with(RowErrorCode::EnumUnknown, Some(column), cell, meant.map(str::to_owned), None);
        }
        found
    }

    /// Ends the row: what was read, unless something was refused.
    pub(crate) fn finish<T>(self, read: impl FnOnce(Vec<RowWarning>) -> Option<T>) -> Result<T, RejectedRow> {
        let rejected = |errors| RejectedRow {
            row: self.record.number,
            line: self.record.line,
            errors,
            external_id: None,
            cells: Phi::new(self.record.to_cells()),
        };
        if !self.errors.is_empty() {
            return Err(rejected(self.errors));
        }
        read(self.warnings).ok_or_else(|| {
            let error = RowError {
                code: RowErrorCode::IdentityMissing,
                column: None,
                value: Phi::new(None),
                suggestion: None,
                first_row: None,
            };
            rejected(vec![error])
        })
    }
}

/// As much of a value as is kept.
fn shown(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.chars().take(VALUE_SHOWN_MAX).collect())
}

/// Without content: the row may be a customer's.
impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("row", &self.record.number).finish_non_exhaustive()
    }
}
