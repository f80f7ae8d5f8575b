//! The rows of a rerun, read from what is kept of them.
//!
//! Which row was first is judged as in the file: rows that were taken keep their identities, and those that are still
//! refused claim theirs in the order of the file, corrected or not.

use std::collections::HashSet;

use odyssey_tabular::{
    FirstSeen, Outcome, ParseRow, RejectedRow, RowError, RowErrorCode, RowReader, RowSettings,
};
use odyssey_types::{JobId, Phi, VendorId};

use super::IngestionError;
use super::corrections::{Cells, load_cells, wanted};
use super::progress::Run;
use super::reading::{self, Line, Opened};
use super::rerun::Rerun;
use super::row_errors::Sealing;
use super::store::{self, Wanted};
use crate::db::{Database, VendorTx};
use crate::tenancy::{self, Actor};

/// A rerun being read.
pub(super) struct RerunLines<T> {
    pages: Pages,
    numbers: std::sync::Arc<[u64]>,
    /// Rows handed over.
    handed: usize,
    claims: Claims,
    reader: Box<dyn ReadRow<T>>,
}

/// Reads a row and makes of it what the merge needs.
trait ReadRow<T>: Send + Sync {
    fn identity(&self, cells: &[String]) -> Option<Phi<String>>;

    fn read(
        &self,
        row: u64,
        line: u64,
        cells: &[String],
        first_row: Option<u64>,
    ) -> Result<Line<T>, IngestionError>;
}

struct Converting<R, F> {
    reader: RowReader<R>,
    convert: F,
}

impl<R, T, F> ReadRow<T> for Converting<R, F>
where
    R: ParseRow,
    F: Fn(R) -> Result<(T, usize), IngestionError> + Send + Sync,
{
    fn identity(&self, cells: &[String]) -> Option<Phi<String>> {
        self.reader.identity(cells)
    }

    fn read(
        &self,
        row: u64,
        line: u64,
        cells: &[String],
        first_row: Option<u64>,
    ) -> Result<Line<T>, IngestionError> {
        Ok(match self.reader.read(row, line, cells, first_row) {
            Outcome::Accepted(row) => Line::Taken((self.convert)(row)?.0),
            Outcome::Rejected(rejected) => Line::Refused(rejected),
        })
    }
}

/// Who has which identity.
struct Claims {
    seen: FirstSeen,
    /// The identities of the rows that were taken cannot be told any more.
    unknown: bool,
}

/// The refused rows of the parent, page by page, each in a transaction of its own.
struct Pages {
    database: Database,
    vendor_id: VendorId,
    job_id: JobId,
    parent: JobId,
    after: i64,
}

impl Pages {
    fn of(run: &Run<'_>, rerun: &Rerun) -> Self {
        Self {
            database: run.database.clone(),
            vendor_id: run.vendor_id,
            job_id: run.job_id,
            parent: rerun.parent,
            after: -1,
        }
    }

    async fn next(&mut self) -> Result<Vec<Cells>, IngestionError> {
        let scope = tenancy::scope_for_job(&self.database, self.vendor_id).await?;
        let mut tx = VendorTx::begin(&self.database, scope, Actor::job(self.job_id)).await?;
        let wanted = Wanted { seen_by: Some(self.job_id), after: self.after, ..wanted(self.parent) };
        let rows = load_cells(&mut tx, wanted).await?;
        tx.roll_back().await?;
        self.after = rows.last().map_or(self.after, |row| row.stored.row_number);
        Ok(rows)
    }
}

/// Opens the rows of a rerun; `convert` is what [`reading::open`] takes.
pub(super) async fn open<R, T, F>(
    run: &Run<'_>,
    rerun: &Rerun,
    convert: F,
) -> Result<(Opened, RerunLines<T>), IngestionError>
where
    R: ParseRow + 'static,
    T: Send + 'static,
    F: Fn(R) -> Result<(T, usize), IngestionError> + Send + Sync + 'static,
{
    let opened = describe(run, rerun).await?;
    let mut mapping = rerun.mapping.clone();
    if opened.written.is_some() {
        mapping.number_unknown_headers();
    }
    let settings = RowSettings::new(run.import.created_at.date_naive());
    let reader: Box<dyn ReadRow<T>> =
        Box::new(Converting { reader: RowReader::<R>::new(mapping, settings), convert });
    let claims = claims_of::<R, T>(run, rerun, &*reader).await?;
    let numbers = std::sync::Arc::clone(&rerun.numbers);
    Ok((opened, RerunLines { pages: Pages::of(run, rerun), numbers, handed: 0, claims, reader }))
}

/// What the parent's file was read as.
async fn describe(run: &Run<'_>, rerun: &Rerun) -> Result<Opened, IngestionError> {
    let mut tx = run.begin().await?;
    let of = store::find_import(&mut tx, rerun.parent).await?;
    let sealing = Sealing::of(&tx, rerun.parent)?;
    tx.roll_back().await?;
    let sealed = of.as_ref().and_then(|of| of.headers_sealed.as_deref());
    let written = sealed.map(|sealed| sealing.open_headers(sealed)).transpose()?;
    let mapping_digest = rerun.mapping.digest();
    // The same rows under another mapping would be other rows.
    let digest = run.parameters.digest(mapping_digest);
    if of.and_then(|of| of.mapping_digest).is_some_and(|former| former != digest) {
        return Err(IngestionError::import(
            "mapping_changed",
            "The program that reads rows changed since this import. Send the rows in a file of their own.",
        ));
    }
    let mut named = rerun.mapping.clone();
    if written.is_some() {
        named.number_unknown_headers();
    }
    Ok(Opened {
        mapping: run.import.mapping.clone().unwrap_or_default(),
        detected: run.import.detected.clone().unwrap_or_default(),
        record: None,
        mapping_digest,
        headers: named.columns.into_iter().map(|column| column.header).collect(),
        written,
        has_header: true,
        has_identity: rerun.mapping.has_identity(),
    })
}

/// The identities of the rows that were taken: of the file's as far as a repetition names them, of reruns by their
/// corrected cells. Where a row is given another identity, the whole file has to say who has it.
async fn claims_of<R: ParseRow + 'static, T>(
    run: &Run<'_>,
    rerun: &Rerun,
    reader: &dyn ReadRow<T>,
) -> Result<Claims, IngestionError> {
    let mut seen = FirstSeen::new([0; 16]);
    let (mut pages, mut refused, mut renamed) = (Pages::of(run, rerun), HashSet::new(), false);
    let sealing = {
        let tx = run.begin().await?;
        let sealing = Sealing::of(&tx, rerun.parent)?;
        tx.roll_back().await?;
        sealing
    };
    loop {
        run.check_stop()?;
        let rows = pages.next().await?;
        if rows.is_empty() {
            break;
        }
        for Cells { stored, original, corrected } in rows {
            let number = stored.row_number.unsigned_abs();
            refused.insert(number);
            if stored.whole_row {
                continue;
            }
            let before = reader.identity(original.expose());
            if let (Some(ordinal), Some(before)) = (stored.repetition_ordinal, &before) {
                let sealed = stored.repetition_sealed.as_deref();
                let values = sealing.open_values_at(stored.row_number, ordinal, sealed)?;
                // A first row that was refused itself speaks for itself.
                if let Some(first) = values.expose().first_row.filter(|first| !refused.contains(first)) {
                    seen.note(before.expose(), first);
                }
            }
            let now = reader.identity(corrected.expose());
            match &now {
                Some(now) if stored.taken => {
                    seen.note(now.expose(), number);
                }
                _ => renamed |= now != before && rerun.numbers.binary_search(&number).is_ok(),
            }
        }
    }
    if !renamed {
        return Ok(Claims { seen, unknown: false });
    }
    match reading::identities::<R>(run, rerun.mapping.clone(), refused, seen).await? {
        Some(seen) => Ok(Claims { seen, unknown: false }),
        None => Ok(Claims { seen: FirstSeen::new([0; 16]), unknown: true }),
    }
}

impl<T> RerunLines<T> {
    /// The next rows; `None` behind the last.
    pub async fn next(&mut self) -> Result<Option<Vec<Line<T>>>, IngestionError> {
        let mut lines = Vec::new();
        while self.handed < self.numbers.len() && lines.is_empty() {
            let rows = self.pages.next().await?;
            if rows.is_empty() {
                return Err(IngestionError::import(
                    "originals_purged",
                    "The refused rows are no longer kept.",
                ));
            }
            for row in rows {
                self.take(&row, &mut lines)?;
            }
        }
        Ok((!lines.is_empty()).then_some(lines))
    }

    fn take(&mut self, row: &Cells, lines: &mut Vec<Line<T>>) -> Result<(), IngestionError> {
        if row.stored.whole_row || row.stored.taken {
            return Ok(());
        }
        let number = row.stored.row_number.unsigned_abs();
        let cells = row.corrected.expose();
        let identity = self.reader.identity(cells);
        let first = identity.as_ref().and_then(|identity| self.claims.seen.note(identity.expose(), number));
        if self.numbers.get(self.handed) != Some(&number) {
            return Ok(());
        }
        self.handed += 1;
        let record = self.handed as u64;
        let line = row.stored.line_number.unsigned_abs();
        let renamed = identity.is_some() && identity != self.reader.identity(row.original.expose());
        lines.push(if renamed && self.claims.unknown {
            Line::Refused(unchecked(record, line, cells))
        } else {
            self.reader.read(record, line, cells, first)?
        });
        Ok(())
    }

    /// How many of the rows have been handed over, in thousandths.
    pub fn permille(&self) -> u16 {
        let permille = (self.handed * 1000).checked_div(self.numbers.len()).unwrap_or(1000);
        u16::try_from(permille).unwrap_or(1000)
    }
}

/// A row whose new identity cannot be compared with those of the file.
fn unchecked(row: u64, line: u64, cells: &[String]) -> RejectedRow {
    let error = RowError {
        code: RowErrorCode::IdentityUnchecked,
        column: None,
        value: Phi::default(),
        suggestion: None,
        first_row: None,
    };
    RejectedRow { row, line, errors: vec![error], external_id: None, cells: Phi::new(cells.to_vec()) }
}

/// The corrected cells of rows that a rerun's merge refused, in the order in which they are asked for.
pub(super) async fn originals(
    run: &Run<'_>,
    rerun: &Rerun,
    wanted_rows: &[u64],
) -> Result<Vec<RejectedRow>, IngestionError> {
    let mut found = Vec::with_capacity(wanted_rows.len());
    let mut tx = run.begin().await?;
    for rows in wanted_rows.chunks(100) {
        let only: Vec<i64> = rows.iter().map(|row| row.cast_signed()).collect();
        let page = Wanted { seen_by: Some(run.job_id), only: Some(&only), ..wanted(rerun.parent) };
        for row in load_cells(&mut tx, page).await? {
            let (number, line) =
                (row.stored.row_number.unsigned_abs(), row.stored.line_number.unsigned_abs());
            found.push(RejectedRow {
                row: number,
                line,
                errors: Vec::new(),
                external_id: None,
                cells: row.corrected,
            });
        }
    }
    tx.roll_back().await?;
    Ok(found)
}
