//! What people write instead of refused values, before the rows are imported once more.
//!
//! A correction belongs to a cell of the file, whichever job refused its row last. It is stored sealed beside the
//! row's original, which stays as it came, and can be replaced until a rerun has taken its row.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use odyssey_jobs::JobState;
use odyssey_tabular::{ColumnStatus, Mapping, Mode, Target, column_name};
use odyssey_types::{JobId, Phi};
use odyssey_vault::VaultError;
use serde_json::Value;

use super::parameters::StoredParameters;
use super::row_errors::{RowFault, Sealing};
use super::store::{self, CorrectionRow, RefusedRow, Wanted};
use super::{IngestionError, undo, view};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::tenancy::Purpose;

/// Corrections of one request.
pub const CORRECTIONS_MAX: usize = 1_000;
/// Characters of a corrected cell: as many as the longest text may have.
pub const CORRECTION_LENGTH_MAX: usize = odyssey_tabular::limits::LONG_TEXT_MAX;
/// Faults and rows looked at in one statement.
const PAGE: i64 = 200;
/// Faults of a row whose cells are not what the file meant, or not there: correcting one mends nothing.
pub(super) const WHOLE_ROW: &[&str] = &[
    "ragged_row",
    "row_too_long",
    "quote_unclosed",
    "json_unreadable",
    "json_too_deep",
    "json_key_twice",
    "json_key_late",
];
/// The code of a row whose identity an earlier row has.
pub(super) const REPETITION: &str = "duplicate_in_file";
/// Column of the sealed mapping; row 0 is no row's.
const READING: &str = "imports.reading";
const CORRECTION: &str = "row_corrections.value";

/// A correction; a value of `None` leaves the cell empty.
#[derive(Debug, Clone)]
pub enum Correction {
    /// Of one row.
    Row { row: u64, column: String, value: Phi<Option<String>> },
    /// Of all rows that were refused for the same value with the same code.
    Same { code: String, column: String, from: Phi<Option<String>>, value: Phi<Option<String>> },
    /// Takes what is suggested in all rows with this code; in one column, or in all.
    Suggested { code: String, column: Option<String> },
}

/// What corrections came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corrected {
    /// Rows that each correction touches, in the order of the request.
    pub rows: Vec<u64>,
    /// Rows that now have corrections which no rerun has tried.
    pub waiting: u64,
}

/// Stores corrections of a job's refused rows; the caller commits. All are taken, or none.
pub async fn correct_errors(
    tx: &mut VendorTx,
    job_id: JobId,
    corrections: &[Correction],
    may_read_health: bool,
) -> Result<Corrected, IngestionError> {
    let family = Family::lock(tx, job_id, may_read_health).await?;
    let mut cells = BTreeMap::new();
    let mut rows = Vec::with_capacity(corrections.len());
    for (at, correction) in corrections.iter().enumerate() {
        let found = match correction {
            Correction::Row { row, column, value } => {
                let column = family.column(at, column)?;
                check_row(tx, &family, at, *row).await?;
                let value = value.expose().clone().unwrap_or_default();
                vec![(row.cast_signed(), column, value)]
            }
            Correction::Same { code, column, from, value } => {
                let column = family.column(at, column)?;
                let value = value.expose().clone().unwrap_or_default();
                let same = |fault: &Standing| {
                    (fault.column == Some(column) && fault.value == *from.expose()).then(|| value.clone())
                };
                family.find(tx, code, same).await?
            }
            Correction::Suggested { code, column } => {
                let column = column.as_deref().map(|column| family.column(at, column)).transpose()?;
                let suggested = |fault: &Standing| {
                    let wanted = column.is_none() || column == fault.column;
                    fault.suggestion.clone().filter(|_| wanted)
                };
                family.find(tx, code, suggested).await?
            }
        };
        rows.push(found.iter().map(|(row, ..)| row).collect::<BTreeSet<_>>().len() as u64);
        cells.extend(found.into_iter().map(|(row, column, value)| ((row, column), value)));
    }
    let sealing = Sealing::of(tx, family.parent)?;
    let count = cells.len() as i64;
    let sealed = cells.into_iter().map(|((row, column), value)| {
        let column_index = i32::try_from(column).unwrap_or(i32::MAX);
        let value_sealed = sealing.seal_correction(row, column_index, &Phi::new(value))?;
        Ok(CorrectionRow { row_number: row, column_index, value_sealed })
    });
    let sealed = sealed.collect::<Result<Vec<_>, VaultError>>()?;
    store::upsert_corrections(tx, family.parent, sealed).await?;
    let waiting = store::count_waiting(tx, family.parent).await?.unsigned_abs();
    let event = AuditEvent::new("row_errors.correct", "job", Purpose::Operations)
        .entity(family.parent)
        .count(count)
        .detail("mode", family.mode.as_str());
    audit::record(tx, event).await?;
    Ok(Corrected { rows, waiting })
}

/// An import and what has been run again of it, locked.
pub(super) struct Family {
    pub parent: JobId,
    pub mode: Mode,
    pub row: store::Parent,
    pub mapping: Mapping,
    /// Somebody else attested that the people of the file consent: who they are is not for this person to change.
    identity_attested: bool,
}

/// A fault that stands, opened.
struct Standing {
    column: Option<usize>,
    value: Option<String>,
    suggestion: Option<String>,
}

impl Family {
    /// The import of a job, which may be a rerun of it; refused where its rows cannot be run again.
    pub async fn lock(
        tx: &mut VendorTx,
        job_id: JobId,
        may_read_health: bool,
    ) -> Result<Self, IngestionError> {
        let mode = view::mode_of(tx, job_id).await?;
        let parent = store::find_parent(tx, job_id).await?.ok_or(IngestionError::JobNotFinished)?;
        let row = store::lock_parent(tx, parent).await?.ok_or(IngestionError::JobNotFound)?;
        let vendor_id = tx.vendor_id().as_uuid();
        let job = odyssey_jobs::get(tx.connection(), vendor_id, parent.as_uuid()).await?;
        let state = job.ok_or(IngestionError::JobNotFound)?.state;
        match state {
            JobState::Receiving | JobState::Queued | JobState::Running | JobState::Paused => {
                return Err(IngestionError::JobNotFinished);
            }
            JobState::Canceled => {
                return Err(IngestionError::NotCorrectable("The job was canceled; import the file again."));
            }
            JobState::Failed => {
                return Err(IngestionError::NotCorrectable("The job failed; import the file again."));
            }
            JobState::Completed | JobState::CompletedWithErrors | JobState::CompletedNothingWritten => {}
        }
        if undo::is_asked_for(tx, parent).await? {
            return Err(IngestionError::NotCorrectable("The import was undone; import the file again."));
        }
        if mode == Mode::Customers && !may_read_health {
            return Err(IngestionError::ValuesForbidden);
        }
        let kept = store::count_kept_rows(tx, parent).await?;
        let Some(sealed) = row.reading_sealed.as_deref().filter(|_| kept > 0) else {
            return Err(IngestionError::NotCorrectable(
                "The job has no refused rows, or they are no longer kept; import the file again.",
            ));
        };
        let record = Sealing::of(tx, parent)?.open_reading(sealed)?;
        let unreadable =
            |_| IngestionError::inconsistent(format!("import {parent} has unreadable parameters"));
        let said: StoredParameters = serde_json::from_value(row.parameters.clone()).map_err(unreadable)?;
        let identity_attested = said.requested.consent.is_some() && tx.actor().user_id != said.attested_by;
        Ok(Self { parent, mode, row, mapping: restore(record)?, identity_attested })
    }

    /// The column that a correction names: by its header, by its number (`column_3`), or by the field that it is
    /// read into.
    fn column(&self, at: usize, name: &str) -> Result<usize, IngestionError> {
        let refuse =
            |code, detail| Err(IngestionError::CorrectionInvalid { at, field: "column", code, detail });
        match find_column(&self.mapping, name) {
            None => {
                refuse("unknown_column", "the file has no such column, and none is read into such a field")
            }
            Some(column) if !is_read(&self.mapping, column) => {
                refuse("column_not_read", "this column is not read, so that correcting it changes nothing")
            }
            Some(column) if self.identity_attested && self.is_identity(column) => refuse(
                "identity_attested",
                "somebody else attested that the people of this file consent; only they may say who a row is. Send the row in a new import",
            ),
            Some(column) => Ok(column),
        }
    }

    fn is_identity(&self, column: usize) -> bool {
        self.mapping
            .read_columns()
            .any(|read| read.index == column && read.target == Some(Target::ExternalId))
    }

    /// The cells to correct among the standing faults with a code; `decide` says what they are to say.
    async fn find(
        &self,
        tx: &mut VendorTx,
        code: &str,
        decide: impl Fn(&Standing) -> Option<String>,
    ) -> Result<Vec<(i64, usize, String)>, IngestionError> {
        let mut found = Vec::new();
        let mut after = (-1, -1);
        loop {
            let faults = store::standing_faults(tx, self.parent, code, after, PAGE).await?;
            let ended = (faults.len() as i64) < PAGE;
            if let Some(last) = faults.last() {
                after = (last.row_number, last.ordinal);
            }
            for fault in faults {
                let sealing = Sealing::of(tx, JobId::from_uuid(fault.job_id))?;
                let sealed = fault.value_sealed.as_deref();
                let values = sealing.open_values_at(fault.row_number, fault.ordinal, sealed)?.into_exposed();
                let column = fault.column_name.as_deref().and_then(|name| find_column(&self.mapping, name));
                let standing = Standing { column, value: values.value, suggestion: values.suggestion };
                if let (Some(value), Some(column)) = (decide(&standing), column) {
                    found.push((fault.row_number, column, value));
                }
            }
            if ended {
                return Ok(found);
            }
        }
    }
}

async fn check_row(tx: &mut VendorTx, family: &Family, at: usize, row: u64) -> Result<(), IngestionError> {
    let refuse = |code, detail| Err(IngestionError::CorrectionInvalid { at, field: "row", code, detail });
    let only = [i64::try_from(row).unwrap_or(-1)];
    let wanted = Wanted { only: Some(&only), ..wanted(family.parent) };
    match store::refused_rows(tx, wanted).await?.first() {
        None => refuse("not_refused", "this row was not refused, or it is not kept"),
        Some(row) if row.taken => refuse("not_refused", "this row has been taken since"),
        Some(row) if row.whole_row => {
            refuse("not_correctable", "its cells are not what the file meant; correct it in errors.csv")
        }
        Some(row) if row.under_way => Err(IngestionError::NotCorrectable(
            "A rerun that has not ended has taken this row; wait for it to end.",
        )),
        Some(_) => Ok(()),
    }
}

/// All refused rows of an import from the first on.
pub(super) const fn wanted(parent: JobId) -> Wanted<'static> {
    Wanted {
        parent,
        seen_by: None,
        after: -1,
        most: PAGE,
        only: None,
        whole_row: WHOLE_ROW,
        repetition: REPETITION,
    }
}

/// A refused row with its cells as they came and as they are now.
pub(super) struct Cells {
    pub stored: RefusedRow,
    pub original: Phi<Vec<String>>,
    pub corrected: Phi<Vec<String>>,
}

/// Opens refused rows and puts their corrections in.
pub(super) async fn load_cells(tx: &mut VendorTx, wanted: Wanted<'_>) -> Result<Vec<Cells>, IngestionError> {
    let sealing = Sealing::of(tx, wanted.parent)?;
    let rows = store::refused_rows(tx, wanted).await?;
    let numbers: Vec<i64> = rows.iter().map(|row| row.row_number).collect();
    let mut corrections: HashMap<i64, Vec<CorrectionRow>> = HashMap::new();
    for correction in store::find_corrections(tx, wanted.parent, &numbers).await? {
        corrections.entry(correction.row_number).or_default().push(correction);
    }
    let mut loaded = Vec::with_capacity(rows.len());
    for stored in rows {
        let original = sealing.open_cells(stored.row_number, stored.ordinal, &stored.original_sealed)?;
        let mut corrected = original.clone();
        for CorrectionRow { row_number, column_index, value_sealed } in
            corrections.remove(&stored.row_number).unwrap_or_default()
        {
            let value = sealing.open_correction(row_number, column_index, &value_sealed)?;
            let cells = corrected.expose_mut();
            let column = usize::try_from(column_index).unwrap_or_default();
            if cells.len() <= column {
                cells.resize(column + 1, String::new());
            }
            cells[column] = value.into_exposed();
        }
        loaded.push(Cells { stored, original, corrected });
    }
    Ok(loaded)
}

/// Says beside each fault what was written instead, and which rerun has taken the row.
pub(super) async fn add_corrections(
    tx: &mut VendorTx,
    job_id: JobId,
    faults: &mut [RowFault],
    opened: bool,
) -> Result<(), IngestionError> {
    let Some(parent) = store::find_parent(tx, job_id).await? else { return Ok(()) };
    let rows: Vec<i64> = faults.iter().map(|fault| fault.row.cast_signed()).collect();
    let taken: HashMap<i64, JobId> = store::find_taken(tx, parent, &rows)
        .await?
        .into_iter()
        .map(|(row, job_id)| (row, JobId::from_uuid(job_id)))
        .collect();
    for fault in faults.iter_mut() {
        fault.taken_by = taken.get(&fault.row.cast_signed()).copied();
    }
    let Some(sealed) = store::find_reading(tx, parent).await?.filter(|_| opened) else { return Ok(()) };
    let sealing = Sealing::of(tx, parent)?;
    let mapping = restore(sealing.open_reading(&sealed)?)?;
    let mut values = HashMap::new();
    for correction in store::find_corrections(tx, parent, &rows).await? {
        let CorrectionRow { row_number, column_index, value_sealed } = correction;
        let value = sealing.open_correction(row_number, column_index, &value_sealed)?;
        values.insert((row_number, usize::try_from(column_index).unwrap_or_default()), value);
    }
    for fault in faults.iter_mut() {
        let column = fault.column.as_deref().and_then(|name| find_column(&mapping, name));
        fault.correction = column.and_then(|column| values.get(&(fault.row.cast_signed(), column)).cloned());
    }
    Ok(())
}

/// The mapping that was recorded.
pub(super) fn restore(record: Phi<Value>) -> Result<Mapping, IngestionError> {
    Mapping::from_record(record.into_exposed())
        .map_err(|_| IngestionError::inconsistent("the recorded mapping of an import cannot be read"))
}

fn is_read(mapping: &Mapping, column: usize) -> bool {
    mapping.read_columns().any(|read| read.index == column)
}

/// A column by its header, by its number, or by the field that it is read into; merging names fields by the
/// pointer to them.
fn find_column(mapping: &Mapping, name: &str) -> Option<usize> {
    let named = || mapping.columns.iter().filter(|column| column.header.trim() == name.trim());
    let read = |status| matches!(status, ColumnStatus::Mapped | ColumnStatus::Fallback);
    if let Some(column) = named().find(|column| read(column.status)).or_else(|| named().next()) {
        return Some(column.index);
    }
    if let Some(column) = mapping.columns.iter().find(|column| column_name(column.index) == name) {
        return Some(column.index);
    }
    let target = Target::from_code(name.rsplit('/').next().unwrap_or(name))?;
    let columns: Vec<_> = mapping.read_columns().filter(|column| column.target == Some(target)).collect();
    let mapped = columns.iter().find(|column| column.status == ColumnStatus::Mapped);
    mapped.or_else(|| columns.first()).map(|column| column.index)
}

impl Sealing {
    /// What a cell of a refused row is to say.
    pub fn seal_correction(&self, row: i64, column: i32, value: &Phi<String>) -> Result<Vec<u8>, VaultError> {
        self.seal(row, column, CORRECTION, value.expose())
    }

    pub fn open_correction(&self, row: i64, column: i32, sealed: &[u8]) -> Result<Phi<String>, VaultError> {
        self.keys.open_vendor_json(&self.place(row, column, CORRECTION), sealed)
    }

    /// The whole mapping of a file.
    pub fn seal_reading(&self, mapping: &Phi<Value>) -> Result<Vec<u8>, VaultError> {
        self.seal(0, 0, READING, mapping.expose())
    }

    pub fn open_reading(&self, sealed: &[u8]) -> Result<Phi<Value>, VaultError> {
        self.keys.open_vendor_json(&self.place(0, 0, READING), sealed)
    }
}
