//! Rows of a sheet, each as wide as the widest.

use super::{Record, RecordFault};
use crate::decode::Sheet;

pub(super) struct SheetRows {
    sheet: Sheet,
    at: usize,
}

impl SheetRows {
    pub const fn new(sheet: Sheet) -> Self {
        Self { sheet, at: 0 }
    }

    /// The next row; false at the end of the sheet.
    pub fn read(&mut self, record: &mut Record) -> bool {
        let Some((number, cells)) = self.sheet.row(self.at) else { return false };
        self.at += 1;
        record.begin(number);
        match cells {
            Some(cells) => {
                cells.for_each(|cell| record.push(cell));
                // A sheet does not say that a cell at the end of a row is empty.
                (record.len()..self.sheet.width).for_each(|_| record.push(""));
            }
            None => record.fault = Some(RecordFault::TooLong),
        }
        true
    }
}
