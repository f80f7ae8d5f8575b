//! `errors.csv`: the refused rows as they came, with the reasons beside them.

use std::io::{self, Write};

use crate::error::{RejectedRow, RowError};

/// The columns that are added, behind those of the file. A file that comes back with them is read as if
/// they were not there.
pub const COLUMNS: &[&str] =
    &["error_row", "error_code", "error_column", "error_value", "error_remedy", "error_suggestion"];

/// Writes refused rows as comma-separated UTF-8: the original columns, then [`COLUMNS`]. One line per row;
/// several faults of a row are separated by ` | `, in the same order in each column. Corrected, the file
/// can be uploaded on its own.
///
/// What it writes of customers is health data: the caller seals it.
pub struct ErrorsCsv<W: Write> {
    writer: csv::Writer<W>,
    columns: usize,
}

impl<W: Write> ErrorsCsv<W> {
    /// Writes the header line; error columns that the file brought along are not repeated.
    pub fn new(writer: W, headers: &[String]) -> io::Result<Self> {
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(writer);
        let columns = headers.len();
        writer.write_record(headers.iter().map(String::as_str).chain(COLUMNS.iter().copied()))?;
        Ok(Self { writer, columns })
    }

    pub fn write(&mut self, rejected: &RejectedRow) -> io::Result<()> {
        let cells = rejected.cells.expose();
        let joined =
            |part: fn(&RowError) -> String| rejected.errors.iter().map(part).collect::<Vec<_>>().join(" | ");
        let row = rejected.row.to_string();
        let errors = [
            row,
            joined(|e| e.code.as_str().to_owned()),
            joined(|e| e.column.clone().unwrap_or_default()),
            joined(|e| e.value.expose().clone().unwrap_or_default()),
            joined(remedy),
            joined(|e| e.suggestion.clone().unwrap_or_default()),
        ];
        // A row with more cells than headers keeps them all, behind the error columns: nothing is lost and
        // nothing stands under a wrong header.
        let original = (0..self.columns).map(|at| cells.get(at).map_or("", String::as_str));
        let beyond = cells.iter().skip(self.columns).map(String::as_str);
        self.writer.write_record(original.chain(errors.iter().map(String::as_str)).chain(beyond))?;
        Ok(())
    }

    /// Flushes and gives the writer back.
    pub fn finish(self) -> io::Result<W> {
        self.writer.into_inner().map_err(|error| error.into_error())
    }
}

fn remedy(error: &RowError) -> String {
    match error.first_row {
        Some(row) => format!("{} The first one is row {row}.", error.remedy()),
        None => error.remedy().to_owned(),
    }
}

impl<W: Write> std::fmt::Debug for ErrorsCsv<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ErrorsCsv").field("columns", &self.columns).finish_non_exhaustive()
    }
}
