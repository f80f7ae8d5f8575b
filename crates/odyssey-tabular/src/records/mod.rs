//! Raw rows: cells of text with their place in the file, within limits.
//!
//! Owns: no table. Promises: rows are numbered from 1 behind the header without a gap, lines are those of
//! the file itself. Emits: nothing. Never: reads a cell.

mod chunks;
mod delimited;
mod gdsn;
mod json_lines;
mod json_list;
mod sheet_rows;

use std::collections::VecDeque;
use std::io::Read;

use crate::decode::{Decoded, Detected, Format};
use crate::error::ReadError;
use crate::header::{column_name, headers_of};
use crate::limits::COLUMNS_MAX;
use delimited::Delimited;
use gdsn::Gdsn;
use json_lines::JsonLines;
use sheet_rows::SheetRows;

/// Rows that may be looked at before the mapping is settled.
const SAMPLE_ROWS: usize = 200;

/// One row as the file writes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    text: String,
    ends: Vec<usize>,
    /// 1-based number of the data row.
    pub number: u64,
    /// 1-based line where the row begins; of a workbook the row of its sheet.
    pub line: u64,
    pub fault: Option<RecordFault>,
    /// A field without a column and without a known name was left out.
    pub left_out: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RecordFault {
    /// Over the limit of bytes or columns; the cells were dropped.
    TooLong,
    QuoteUnclosed,
    /// What the parser says.
    JsonUnreadable(String),
    JsonTooDeep,
    JsonKeyTwice(String),
    JsonKeyLate(String),
}

impl Record {
    /// A row that came from elsewhere than a file.
    pub fn of_cells(cells: &[String]) -> Self {
        let mut record = Self::default();
        cells.iter().for_each(|cell| record.push(cell));
        record
    }

    fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    /// The same row, with the cells of `first` where it has none in one of these columns.
    pub fn filled_from(&self, first: &Self, columns: &[usize]) -> Self {
        let mut record = Self { number: self.number, left_out: self.left_out, ..Self::default() };
        record.line = self.line;
        for at in 0..self.len() {
            let from = self.cell(at).trim().is_empty() && columns.contains(&at);
            record.push(if from { first.cell(at) } else { self.cell(at) });
        }
        record
    }

    /// Empties the row for the one that begins at `line`.
    fn begin(&mut self, line: u64) {
        self.line = line;
        self.fault = None;
        self.left_out = false;
        self.text.clear();
        self.ends.clear();
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cell, empty where the row has none.
    pub fn cell(&self, index: usize) -> &str {
        let Some(end) = self.ends.get(index) else { return "" };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start..*end).unwrap_or("")
    }

    pub fn cells(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.cell(index))
    }

    pub fn to_cells(&self) -> Vec<String> {
        self.cells().map(str::to_owned).collect()
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A file whose header has been read: what there is to map. Holds the first rows back, so that none is
/// lost to looking.
pub struct Table<R: Read> {
    source: Decoded<R>,
    rows: RowSource,
    headers: Vec<String>,
    held: VecDeque<Record>,
    number: u64,
}

/// Where rows come from, by the kind of file.
enum RowSource {
    Delimited(Delimited),
    JsonLines(JsonLines),
    Gdsn(Gdsn),
    Sheet(SheetRows),
}

impl<R: Read> Table<R> {
    /// Reads the header (or makes up `column_1`, … where the file has none) and a sample.
    pub fn new(mut source: Decoded<R>) -> Result<Self, ReadError> {
        let mut headers = Vec::new();
        let rows = match source.detected.format {
            Format::Gdsn => {
                let stop = source.stop.clone();
                let (rows, columns) = Gdsn::read_all(&mut source, &stop)?;
                headers = columns;
                RowSource::Gdsn(rows)
            }
            Format::Delimited => RowSource::Delimited(Delimited::new(&source.detected)),
            Format::JsonLines => RowSource::JsonLines(JsonLines::new(source.names.clone())),
            Format::JsonList => RowSource::JsonLines(JsonLines::of_list(source.names.clone())),
            Format::Workbook => RowSource::Sheet(SheetRows::new(source.take_sheet())),
        };
        let held = VecDeque::new();
        let mut table = Self { source, rows, headers, held, number: 0 };
        table.read_header()?;
        while table.held.len() < SAMPLE_ROWS {
            let mut record = Record::default();
            match table.read_fresh(&mut record) {
                Ok(true) => table.held.push_back(record),
                Ok(false) => break,
                // Whoever reads that far is told; of a file's beginning nobody does.
                Err(ReadError::JsonListCut { .. }) if !table.held.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(table)
    }

    fn read_header(&mut self) -> Result<(), ReadError> {
        if matches!(self.rows, RowSource::Gdsn(_)) {
            self.source.detected.columns = self.headers.len();
            return Ok(());
        }
        if let RowSource::JsonLines(lines) = &mut self.rows {
            self.headers = lines.read_header(&mut self.source)?;
            self.source.detected.columns = self.headers.len();
            return Ok(());
        }
        let mut first = Record::default();
        for _ in 0..self.source.detected.rows_above_header {
            self.read_fresh(&mut first)?;
        }
        if !self.read_fresh(&mut first)? {
            return Err(ReadError::NoHeader);
        }
        if first.fault == Some(RecordFault::TooLong) {
            return Err(ReadError::TooManyColumns { limit: COLUMNS_MAX });
        }
        if self.source.detected.has_header {
            self.headers = first.to_cells();
            self.number = 0;
        } else {
            let layout = self.source.detected.layout.map_or(&[][..], headers_of);
            let named = |at: usize| layout.get(at).map_or_else(|| column_name(at), |name| (*name).to_owned());
            self.headers = (0..first.len()).map(named).collect();
            self.held.push_back(first);
        }
        Ok(())
    }

    pub fn detected(&self) -> &Detected {
        &self.source.detected
    }

    /// As the file writes them.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// The first rows, for mapping.
    pub fn sample(&self) -> Vec<Vec<String>> {
        self.held.iter().filter(|r| r.fault.is_none()).map(Record::to_cells).collect()
    }

    /// Bytes taken from the source so far, for progress.
    pub fn source_bytes(&self) -> u64 {
        self.source.source_bytes()
    }

    /// The next row; false at the end of the file.
    pub(crate) fn read(&mut self, record: &mut Record) -> Result<bool, ReadError> {
        if let Some(held) = self.held.pop_front() {
            self.source.stop.check()?;
            *record = held;
            return Ok(true);
        }
        self.read_fresh(record)
    }

    fn read_fresh(&mut self, record: &mut Record) -> Result<bool, ReadError> {
        self.source.stop.check()?;
        let found = match &mut self.rows {
            RowSource::Delimited(rows) => rows.read(&mut self.source, record, self.headers.len())?,
            RowSource::JsonLines(rows) => rows.read(&mut self.source, record)?,
            RowSource::Gdsn(rows) => rows.read(record),
            RowSource::Sheet(rows) => rows.read(record),
        };
        if found {
            self.number += 1;
            record.number = self.number;
        }
        Ok(found)
    }
}

impl<R: Read> std::fmt::Debug for Table<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("source", &self.source)
            .field("columns", &self.headers.len())
            .finish_non_exhaustive()
    }
}
