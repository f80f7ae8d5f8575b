//! The first sheet of a workbook (XLSX), in memory and within limits.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use calamine::{DataRef, Reader, SheetType, SheetVisible, Xlsx};

use super::inflate::Counted;
use super::package::{self, Room};
use super::shown;
use crate::StopReading;
use crate::error::{ReadError, WorkbookFault};
use crate::limits::{COLUMNS_MAX, ROW_BYTES_MAX, WORKBOOK_CELLS_MAX, WORKBOOK_TEXT_BYTES_MAX};

/// Compound files: workbooks before 2007, and any that is locked with a password.
const COMPOUND_FILE: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];

/// The rows of a sheet that say something.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    text: String,
    /// Where each cell ends in the text.
    ends: Vec<u32>,
    rows: Vec<SheetRow>,
    /// Cells of the widest row.
    pub width: usize,
    /// Sheets that the workbook has.
    pub sheet_count: usize,
}

/// Texts count from the end of the row before.
#[derive(Debug, Clone, Copy)]
struct SheetRow {
    /// 1-based, as a spreadsheet numbers them.
    number: u32,
    /// One past its last cell.
    cells_end: u32,
    too_long: bool,
}

pub(super) fn is_compound_file(begin: &[u8]) -> bool {
    begin.starts_with(COMPOUND_FILE)
}

/// Reads the first sheet that can be seen, of a file of `packed` bytes.
pub(super) fn read(
    bytes: Vec<u8>,
    packed: u64,
    unpacked_max: u64,
    stop: &StopReading,
) -> Result<Sheet, ReadError> {
    let room = package::check(&bytes, packed, unpacked_max, stop)?;
    // References to cells, the arithmetic that the library is known to do without a check, have been looked at
    // by now. The rest of it is large and others' code: should it panic over a file all the same, that file is
    // refused, and the log has the place.
    let read = catch_unwind(AssertUnwindSafe(|| read_first_sheet(bytes, room, stop)));
    // To the library a stop is damage.
    stop.check()?;
    read.unwrap_or(Err(WorkbookFault::Unreadable)).map_err(ReadError::Workbook)
}

fn read_first_sheet(bytes: Vec<u8>, mut room: Room, stop: &StopReading) -> Result<Sheet, WorkbookFault> {
    let source = Counted::new(Cursor::new(bytes), Arc::default(), stop.clone());
    let mut workbook = Xlsx::new(source).map_err(|_| WorkbookFault::Unreadable)?;
    let is_table = |sheet: &&calamine::Sheet| sheet.typ == SheetType::WorkSheet;
    let sheets = workbook.sheets_metadata();
    let first = sheets
        .iter()
        .filter(is_table)
        .find(|sheet| sheet.visible == SheetVisible::Visible)
        .or_else(|| sheets.iter().find(is_table))
        .ok_or(WorkbookFault::Unreadable)?;
    let mut sheet = Sheet { sheet_count: sheets.len(), ..Sheet::default() };
    let name = first.name.clone();
    let mut cells = workbook.worksheet_cells_reader(&name).map_err(|_| WorkbookFault::Unreadable)?;
    let mut row = RowBeingRead::default();
    let mut cells_read = 0;
    while let Some(cell) = cells.next_cell().map_err(|_| WorkbookFault::Unreadable)? {
        cells_read += 1;
        if cells_read > WORKBOOK_CELLS_MAX {
            return Err(WorkbookFault::TooManyCells { limit: WORKBOOK_CELLS_MAX });
        }
        if stop.is_stopped() {
            break;
        }
        let (number, column) = cell.get_position();
        if number != row.number {
            if number < row.number {
                return Err(WorkbookFault::Unreadable);
            }
            sheet.push(&row)?;
            row.begin(number);
        }
        row.put(column as usize, cell.get_value(), &mut room)?;
    }
    sheet.push(&row)?;
    // Each row is read as wide as the widest.
    room.take((sheet.rows.len() as u64).saturating_mul(sheet.width as u64))?;
    Ok(sheet)
}

/// One row, its trailing empty cells not yet counted.
#[derive(Default)]
struct RowBeingRead {
    number: u32,
    text: String,
    ends: Vec<usize>,
    /// Up to the last cell that says something.
    filled: usize,
    next_column: usize,
    too_long: bool,
}

impl RowBeingRead {
    fn begin(&mut self, number: u32) {
        self.number = number;
        self.text.clear();
        self.ends.clear();
        (self.filled, self.next_column, self.too_long) = (0, 0, false);
    }

    /// No text is touched before its length is known to fit.
    fn put(&mut self, column: usize, value: &DataRef<'_>, room: &mut Room) -> Result<(), WorkbookFault> {
        if column < self.next_column {
            return Err(WorkbookFault::Unreadable);
        }
        self.next_column = column + 1;
        if self.too_long {
            return Ok(());
        }
        let (start, len) = (self.text.len(), shown::len(value));
        let fits = start + len <= ROW_BYTES_MAX;
        if fits {
            room.take(len as u64)?;
            shown::show(value, &mut self.text);
            if self.text[start..].trim().is_empty() {
                self.text.truncate(start);
                return Ok(());
            }
        }
        if !fits || column >= COLUMNS_MAX || self.text.len() > ROW_BYTES_MAX {
            self.too_long = true;
            self.text.clear();
            self.ends.clear();
            return Ok(());
        }
        self.ends.resize(column, start);
        self.ends.push(self.text.len());
        self.filled = self.ends.len();
        Ok(())
    }
}

impl Sheet {
    fn push(&mut self, row: &RowBeingRead) -> Result<(), WorkbookFault> {
        if row.filled == 0 && !row.too_long {
            return Ok(());
        }
        let (text, ends) =
            if row.too_long { ("", &[][..]) } else { (row.text.as_str(), row.ends.as_slice()) };
        let base = self.text.len();
        let large = base + text.len() > WORKBOOK_TEXT_BYTES_MAX;
        if large || self.ends.len() + ends.len() > WORKBOOK_CELLS_MAX {
            return Err(WorkbookFault::TooManyCells { limit: WORKBOOK_CELLS_MAX });
        }
        self.text.push_str(text);
        self.ends.extend(ends.iter().map(|end| (base + end) as u32));
        self.width = self.width.max(ends.len());
        self.rows.push(SheetRow {
            number: row.number.saturating_add(1),
            cells_end: self.ends.len() as u32,
            too_long: row.too_long,
        });
        Ok(())
    }

    /// Rows that say something.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The number of a row in the sheet; its cells, or `None` where there was too much in it.
    pub fn row(&self, at: usize) -> Option<(u64, Option<impl Iterator<Item = &str>>)> {
        let row = self.rows.get(at)?;
        let begin = at.checked_sub(1).map_or(0, |before| self.rows[before].cells_end) as usize;
        let end_of = |cell: usize| self.ends[cell] as usize;
        let cells = (begin..row.cells_end as usize).map(move |cell| {
            let start = cell.checked_sub(1).map_or(0, end_of);
            self.text.get(start..end_of(cell)).unwrap_or("")
        });
        Some((u64::from(row.number), (!row.too_long).then_some(cells)))
    }

    /// The first rows, to find the header among them.
    pub fn first_rows(&self, count: usize) -> Vec<Vec<String>> {
        let cells = |at| match self.row(at) {
            Some((_, Some(cells))) => cells.map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        (0..self.len().min(count)).map(cells).collect()
    }
}
