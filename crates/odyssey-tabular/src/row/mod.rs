//! Typed rows: every cell read once, every fault named.
//!
//! Owns: no table. Promises: a row is taken whole or refused whole; unknown stays unknown; the same file
//! and mapping give the same rows. Emits: rows, refused rows, warnings. Never: hands on a raw text, prints
//! a customer's value.

mod body;
mod codes;
mod context;
mod customer;
mod customer_words;
mod exact;
mod grouped;
mod known;
mod person;
mod product;
mod product_words;
mod rewrite;
mod single;
mod slip;
mod source;

use std::io::Read;
use std::marker::PhantomData;

use chrono::NaiveDate;
use odyssey_types::{Gtin, GtinError};

use crate::error::{ReadError, RejectedRow, RowErrorCode};
use crate::first_seen::FirstSeen;
use crate::header::Mapping;
use crate::limits::EXTERNAL_ID_MAX;
use crate::records::{Record, Table};
pub(crate) use context::Context;
use context::Plan;
use grouped::Grouped;
use source::source_bytes;

pub use customer::{ConsentColumns, CustomerRow};
pub use known::loses_meaning;
pub use product::{IdentitySource, ProductRow};
pub use single::RowReader;

/// What the import knows and the file does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowSettings {
    /// The day that ages are counted to.
    pub as_of: NaiveDate,
    /// Of prices without one (ISO 4217).
    pub currency: Option<String>,
    /// Key of the hashes that find repeated identities; any value gives the same rows.
    pub duplicates_key: [u8; 16],
}

impl RowSettings {
    pub const fn new(as_of: NaiveDate) -> Self {
        Self { as_of, currency: None, duplicates_key: [0; 16] }
    }
}

/// What became of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    Accepted(T),
    Rejected(RejectedRow),
}

/// A kind of row; [`ProductRow`] and [`CustomerRow`] are all there are.
pub trait ParseRow: sealed::Parse {}

impl<T: sealed::Parse> ParseRow for T {}

mod sealed {
    use super::{Context, FirstSeen, RejectedRow, RowSettings};

    /// How a kind of row is read; not nameable outside, so that there are no other kinds.
    pub trait Parse: Sized {
        fn parse(row: Context<'_>, settings: &RowSettings, seen: &mut FirstSeen)
        -> Result<Self, RejectedRow>;

        /// Only takes note of who the row is about, and says so where the row can be read.
        fn note_identity(row: Context<'_>, seen: &mut FirstSeen) -> Option<String>;
    }
}

/// The rows of a file, one by one, in bounded memory: one row, one chunk, and 24 bytes per row for
/// repeated identities. Ends after an error that concerns the file as a whole.
pub struct Rows<R: Read, T> {
    table: Table<R>,
    plan: Plan,
    settings: RowSettings,
    seen: FirstSeen,
    grouped: Grouped,
    record: Record,
    rows_read: u64,
    rejected: u64,
    ended: bool,
    kind: PhantomData<T>,
}

impl<R: Read, T: ParseRow> Rows<R, T> {
    /// Reads the rows of `table` by a mapping made for its headers.
    pub fn new(table: Table<R>, mapping: Mapping, settings: RowSettings) -> Result<Self, ReadError> {
        let (expected, found) = (mapping.width, table.headers().len());
        if expected != found {
            return Err(ReadError::MappingMismatch { expected, found });
        }
        let seen = FirstSeen::new(settings.duplicates_key);
        Ok(Self {
            table,
            grouped: Grouped::new(mapping.groups.clone()),
            plan: Plan::new(mapping),
            settings,
            seen,
            record: Record::default(),
            rows_read: 0,
            rejected: 0,
            ended: false,
            kind: PhantomData,
        })
    }

    /// Passes over the first `count` rows that are left (a checkpoint is a count of rows consumed), noting
    /// their identities, so that a later repetition is refused as it would have been. Returns how many
    /// there were.
    pub fn skip_rows(&mut self, count: u64) -> Result<u64, ReadError> {
        let mut skipped = 0;
        while skipped < count && self.table.read(&mut self.record)? {
            skipped += 1;
            if self.grouped.complete(&mut self.record) {
                let rewritten = self.plan.rewrite(&self.record);
                let row = Context::new(&self.plan, &self.record, rewritten.as_ref());
                T::note_identity(row, &mut self.seen);
            }
        }
        self.rows_read += skipped;
        Ok(skipped)
    }

    /// Passes over all rows that are left; `each` is told the number and the identity of those that have one.
    pub fn identities(mut self, mut each: impl FnMut(u64, &str)) -> Result<(), ReadError> {
        while self.table.read(&mut self.record)? {
            if !self.grouped.complete(&mut self.record) {
                continue;
            }
            let rewritten = self.plan.rewrite(&self.record);
            let row = Context::new(&self.plan, &self.record, rewritten.as_ref());
            if let Some(identity) = T::note_identity(row, &mut FirstSeen::new(self.settings.duplicates_key)) {
                each(self.record.number, &identity);
            }
        }
        Ok(())
    }

    pub const fn mapping(&self) -> &Mapping {
        &self.plan.mapping
    }

    pub fn headers(&self) -> &[String] {
        self.table.headers()
    }

    /// Rows consumed so far, skipped ones included, and those that only add a picture to the row before.
    pub const fn rows_read(&self) -> u64 {
        self.rows_read
    }

    /// Rows refused so far, without skipped ones.
    pub const fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Bytes taken from the source so far (compressed, where it is): for progress.
    pub fn source_bytes(&self) -> u64 {
        self.table.source_bytes()
    }
}

impl<R: Read, T: ParseRow> Iterator for Rows<R, T> {
    type Item = Result<Outcome<T>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        loop {
            match self.table.read(&mut self.record) {
                Ok(true) => self.rows_read += 1,
                Ok(false) => {
                    self.ended = true;
                    return None;
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
            if self.grouped.complete(&mut self.record) {
                break;
            }
        }
        let rewritten = self.plan.rewrite(&self.record);
        let row = Context::new(&self.plan, &self.record, rewritten.as_ref());
        let row = T::parse(row, &self.settings, &mut self.seen);
        self.rejected += u64::from(row.is_err());
        Some(Ok(row.map_or_else(Outcome::Rejected, Outcome::Accepted)))
    }
}

impl<R: Read, T> std::fmt::Debug for Rows<R, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("table", &self.table)
            .field("rows_read", &self.rows_read)
            .finish_non_exhaustive()
    }
}

/// The canonical bytes of the mapped part of a row: per target in order, its code and its trimmed cells in
/// NFC, `NULL` as empty. Two rows have equal bytes exactly when, under this mapping, they say the same.
pub fn row_hash_input(cells: &[String], mapping: &Mapping) -> Vec<u8> {
    source_bytes(&Plan::new(mapping.clone()), &Record::of_cells(cells))
}

/// An external id as it is stored; what is wrong with it refuses the row.
fn external_id(row: &mut Context<'_>, column: usize, cell: &str) -> Option<String> {
    if row.is_exact(column) {
        return row.text(column, cell, EXTERNAL_ID_MAX);
    }
    // A spreadsheet gives many ids the same short form: one product would swallow the others.
    if Gtin::parse(cell) == Err(GtinError::Spreadsheet) {
        row.fail(RowErrorCode::GtinDamagedBySpreadsheet, Some(column), cell);
        return None;
    }
    if cell.contains('\u{fffd}') {
        row.fail(RowErrorCode::EncodingInvalid, Some(column), cell);
        return None;
    }
    let id = row.text(column, cell, EXTERNAL_ID_MAX);
    if id.is_none() && row.readable() {
        row.fail(RowErrorCode::IdentityMissing, Some(column), cell);
    }
    id
}
