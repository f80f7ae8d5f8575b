//! What was wrong with rows: sealed when it is written, opened for whoever may see it.

use std::sync::Arc;

use odyssey_tabular::{Mode, RejectedRow, RowError, RowWarning};
use odyssey_types::{JobId, Phi, VendorId};
use odyssey_vault::{Aad, VaultError, VendorKeys};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::customers::KEPT_MERGED;
use super::merge_fault::MergeFault;
use super::store::{self, RowErrorRow};
use super::warnings::{
    ERASED_MEANING, KEPT_MEANING, KEPT_NEWER, KEPT_SINCE_MEANING, PROTECTION_REMOVED, WarningTally,
    newer_meaning,
};
use super::{IngestionError, corrections, view};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::tenancy::Purpose;

/// Ordinals of what was found while merging begin here; below are those of reading.
pub(super) const MERGE_ORDINAL: i32 = 1_000;
/// Column of the sealed headers; rows count from 1, so that row 0 is theirs alone.
const HEADERS: &str = "imports.headers";
/// Of the faults that may be kept, one in this many may be a warning.
const WARNINGS_SHARE: u64 = 10;
/// One fault of a row, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFault {
    pub row: u64,
    pub line: u64,
    /// `error`: the row was refused; `warning`: it was taken (or kept) all the same.
    pub severity: String,
    pub column: Option<String>,
    pub code: String,
    pub remedy: String,
    /// Absent where the caller may not see the values of these rows.
    pub values: Option<Phi<FaultValues>>,
    /// What somebody wrote instead, as far as the caller may see it.
    pub correction: Option<Phi<String>>,
    /// The rerun that has taken the row since.
    pub taken_by: Option<JobId>,
}

/// What may be personal about a fault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultValues {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// For `duplicate_in_file`: the row that came first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_row: Option<u64>,
}

/// A page of faults, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFaultPage {
    pub items: Vec<RowFault>,
    pub next_cursor: Option<String>,
    /// Whether the values were withheld.
    pub masked: bool,
    /// Refused rows whose faults are kept; beyond the limit, and after their time, there are only counts.
    pub rows_kept: u64,
}

/// The faults of a job's rows. Values of customers' rows are opened only when `may_read_health`, and then
/// their reading is audited; the caller commits.
pub async fn list_errors(
    tx: &mut VendorTx,
    job_id: JobId,
    cursor: Option<&str>,
    limit: u32,
    may_read_health: bool,
) -> Result<RowFaultPage, IngestionError> {
    let mode = view::mode_of(tx, job_id).await?;
    let opened = mode == Mode::Products || may_read_health;
    let after = cursor.map(read_cursor).transpose()?;
    let mut rows = store::list_row_errors(tx, job_id, after, i64::from(limit) + 1, None).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next_cursor = rows.last().filter(|_| more).map(|row| format!("{}.{}", row.row_number, row.ordinal));
    let sealing = Sealing::of(tx, job_id)?;
    let mut items =
        rows.into_iter().map(|row| sealing.open_fault(row, opened)).collect::<Result<Vec<_>, _>>()?;
    corrections::add_corrections(tx, job_id, &mut items, opened).await?;
    let rows_kept = store::count_kept_rows(tx, job_id).await?.unsigned_abs();
    let event = AuditEvent::new("row_errors.list", "job", Purpose::Operations)
        .entity(job_id)
        .count(items.len() as i64)
        .detail("mode", mode.as_str())
        .detail("values", opened);
    audit::record(tx, event).await?;
    Ok(RowFaultPage { items, next_cursor, masked: !opened, rows_kept })
}

fn read_cursor(cursor: &str) -> Result<(i64, i32), IngestionError> {
    let place =
        cursor.split_once('.').and_then(|(row, ordinal)| Some((row.parse().ok()?, ordinal.parse().ok()?)));
    place.ok_or(IngestionError::CursorInvalid)
}

/// Binds sealed values to their job and row.
#[derive(Debug, Clone)]
pub(super) struct Sealing {
    pub(super) keys: Arc<VendorKeys>,
    vendor_id: VendorId,
    job_id: JobId,
}

impl Sealing {
    pub fn of(tx: &VendorTx, job_id: JobId) -> Result<Self, VaultError> {
        Ok(Self { keys: tx.keys()?, vendor_id: tx.vendor_id(), job_id })
    }

    pub(super) fn seal<T: Serialize>(
        &self,
        row: i64,
        ordinal: i32,
        column: &'static str,
        value: &T,
    ) -> Result<Vec<u8>, VaultError> {
        self.keys.seal_vendor_json(&self.place(row, ordinal, column), value)
    }

    /// The cells of a refused row, by the place of the fault that holds them.
    pub fn seal_original(&self, row: i64, ordinal: i32, cells: &[String]) -> Result<Vec<u8>, VaultError> {
        self.seal(row, ordinal, "row_errors.original", &cells)
    }

    pub fn open_original(&self, row: &RowErrorRow) -> Result<Phi<Vec<String>>, VaultError> {
        match &row.original_sealed {
            Some(sealed) => self.open_cells(row.row_number, row.ordinal, sealed),
            None => Ok(Phi::new(Vec::new())),
        }
    }

    pub fn open_cells(&self, row: i64, ordinal: i32, sealed: &[u8]) -> Result<Phi<Vec<String>>, VaultError> {
        self.keys.open_vendor_json(&self.place(row, ordinal, "row_errors.original"), sealed)
    }

    pub fn open_values(&self, row: &RowErrorRow) -> Result<Phi<FaultValues>, VaultError> {
        self.open_values_at(row.row_number, row.ordinal, row.value_sealed.as_deref())
    }

    pub fn open_values_at(
        &self,
        row: i64,
        ordinal: i32,
        sealed: Option<&[u8]>,
    ) -> Result<Phi<FaultValues>, VaultError> {
        match sealed {
            Some(sealed) => self.keys.open_vendor_json(&self.place(row, ordinal, "row_errors.value"), sealed),
            None => Ok(Phi::default()),
        }
    }

    /// The headers of a file, of which any may be a cell of its first row.
    pub fn seal_headers(&self, headers: &Phi<Vec<String>>) -> Result<Vec<u8>, VaultError> {
        self.seal(0, 0, HEADERS, headers.expose())
    }

    pub fn open_headers(&self, sealed: &[u8]) -> Result<Phi<Vec<String>>, VaultError> {
        self.keys.open_vendor_json(&self.place(0, 0, HEADERS), sealed)
    }

    fn open_fault(&self, row: RowErrorRow, opened: bool) -> Result<RowFault, VaultError> {
        let values = if opened { Some(self.open_values(&row)?) } else { None };
        Ok(RowFault {
            row: row.row_number.unsigned_abs(),
            line: row.line_number.unsigned_abs(),
            severity: row.severity,
            column: row.column_name,
            code: row.code,
            remedy: row.remedy,
            values,
            correction: None,
            taken_by: None,
        })
    }

    /// The row of the additional data: the fault's primary key, hashed to sixteen bytes.
    pub(super) fn place(&self, row: i64, ordinal: i32, column: &'static str) -> Aad {
        let digest = Sha256::new_with_prefix(b"odyssey/row-error/v1\0")
            .chain_update(self.job_id.as_uuid().as_bytes())
            .chain_update(row.to_be_bytes())
            .chain_update(ordinal.to_be_bytes())
            .finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Aad { vendor: self.vendor_id, row: Uuid::from_bytes(bytes), column }
    }
}

/// Gathers faults until they are written. Beyond the limit faults are counted elsewhere and not kept, in
/// the order of the file, so that every attempt keeps the same ones.
#[derive(Debug)]
pub(super) struct FaultSink {
    sealing: Sealing,
    refused_rows_max: u64,
    refused_rows: u64,
    warnings: u64,
    tally: WarningTally,
    /// The rows' numbers in the file they are from, where those that are read have numbers of their own.
    numbers: Option<Arc<[u64]>>,
    waiting: Vec<RowErrorRow>,
}

impl FaultSink {
    pub fn new(sealing: Sealing, refused_rows_max: u64) -> Self {
        let (tally, waiting) = (WarningTally::default(), Vec::new());
        Self { sealing, refused_rows_max, refused_rows: 0, warnings: 0, tally, numbers: None, waiting }
    }

    /// Goes on after so many refused rows and warnings that were kept, or counted towards what may be, before.
    pub const fn after(mut self, refused_rows: u64, warnings: u64) -> Self {
        self.refused_rows = refused_rows;
        self.warnings = warnings;
        self
    }

    /// Writes faults beside these numbers: that of the first row read, of the second, and so on.
    pub fn numbered(mut self, numbers: Option<Arc<[u64]>>) -> Self {
        self.numbers = numbers;
        self
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    fn number_of(&self, row: u64) -> i64 {
        let numbers = self.numbers.as_deref();
        numbers.map_or(row, |numbers| super::rerun::number_in(numbers, row)).cast_signed()
    }

    /// What has gathered, to be written.
    pub fn take(&mut self) -> Vec<RowErrorRow> {
        std::mem::take(&mut self.waiting)
    }

    /// A row refused while reading, with its cells beside its first fault.
    pub fn refuse(&mut self, rejected: &RejectedRow) -> Result<(), IngestionError> {
        if !self.counts() {
            return Ok(());
        }
        for (ordinal, error) in (0..).zip(&rejected.errors) {
            let row = self.number_of(rejected.row);
            let original = match ordinal {
                0 => Some(self.sealing.seal_original(row, 0, rejected.cells.expose())?),
                _ => None,
            };
            let fault = self.fault(row, ordinal, rejected.line as i64, error, original)?;
            self.waiting.push(fault);
        }
        Ok(())
    }

    /// A row refused while merging; its cells follow from the file.
    pub fn refuse_merge(&mut self, row: u64, faults: &[MergeFault]) -> Result<(), IngestionError> {
        if !self.counts() {
            return Ok(());
        }
        for (ordinal, fault) in (MERGE_ORDINAL..).zip(faults) {
            let row = self.number_of(row);
            let values = FaultValues { value: fault.value.clone(), ..FaultValues::default() };
            self.waiting.push(RowErrorRow {
                row_number: row,
                ordinal,
                line_number: 0,
                severity: "error".to_owned(),
                column_name: fault.field.clone(),
                code: fault.code.clone(),
                remedy: fault.remedy.clone(),
                value_sealed: Some(self.sealing.seal(row, ordinal, "row_errors.value", &values)?),
                original_sealed: None,
            });
        }
        Ok(())
    }

    /// A row that was not taken because a person's edit stands. Of a rerun all are noted, as those of [`Self::keep_newer`].
    pub fn keep(&mut self, row: u64) {
        if self.numbers.is_some() {
            self.push_warning(row, MERGE_ORDINAL, None, "kept_edits", KEPT_SINCE_MEANING);
        } else {
            self.note(row, MERGE_ORDINAL, None, "kept_edits", KEPT_MEANING);
        }
    }

    /// A row whose product or customer a later import has changed since. Of a rerun all are noted: by this a row is known as
    /// one that can be run again.
    pub fn keep_newer(&mut self, row: u64, job_id: Option<JobId>) {
        if self.numbers.is_some() {
            self.push_warning(row, MERGE_ORDINAL, None, KEPT_NEWER, &newer_meaning(job_id, true));
        } else {
            self.note(row, MERGE_ORDINAL, None, KEPT_NEWER, &newer_meaning(job_id, false));
        }
    }

    /// A row that took away what protects a person.
    pub fn remove_protection(&mut self, row: u64) {
        self.note(row, MERGE_ORDINAL - 2, None, PROTECTION_REMOVED.0, PROTECTION_REMOVED.1);
    }

    /// A person who was erased after the import began.
    pub fn keep_erased(&mut self, row: u64) {
        self.note(row, MERGE_ORDINAL, None, "kept_erased", ERASED_MEANING);
    }

    /// A row that was united with what came of a merge.
    pub fn keep_merged(&mut self, row: u64) {
        self.note(row, MERGE_ORDINAL - 1, None, KEPT_MERGED.0, KEPT_MERGED.1);
    }

    /// The oddities of a row that was taken, as far as they are listed; the value beside them is sealed.
    pub fn warn(
        &mut self,
        row: u64,
        warnings: &[RowWarning],
        headers: &[String],
    ) -> Result<(), IngestionError> {
        for (ordinal, warning) in (0..).zip(warnings) {
            if !self.tally.note(warning) {
                continue;
            }
            let column = warning.column.and_then(|at| headers.get(usize::from(at))).cloned();
            let meaning = warning.code.meaning();
            let Some(noted) = self.note(row, ordinal, column, warning.code.as_str(), meaning) else {
                continue;
            };
            if warning.value.is_some() {
                let (value, suggestion) = (warning.value.clone(), warning.read_as.clone());
                let values = FaultValues { value, suggestion, first_row: None };
                let row = self.waiting[noted].row_number;
                let sealed = self.sealing.seal(row, ordinal, "row_errors.value", &values)?;
                self.waiting[noted].value_sealed = Some(sealed);
            }
        }
        Ok(())
    }

    /// Where it waits, if there is room for it.
    fn note(
        &mut self,
        row: u64,
        ordinal: i32,
        column_name: Option<String>,
        code: &str,
        remedy: &str,
    ) -> Option<usize> {
        self.warnings += 1;
        if self.warnings > self.refused_rows_max / WARNINGS_SHARE {
            return None;
        }
        Some(self.push_warning(row, ordinal, column_name, code, remedy))
    }

    fn push_warning(
        &mut self,
        row: u64,
        ordinal: i32,
        column_name: Option<String>,
        code: &str,
        remedy: &str,
    ) -> usize {
        let row_number = self.number_of(row);
        self.waiting.push(RowErrorRow {
            row_number,
            ordinal,
            line_number: 0,
            severity: "warning".to_owned(),
            column_name,
            code: code.to_owned(),
            remedy: remedy.to_owned(),
            value_sealed: None,
            original_sealed: None,
        });
        self.waiting.len() - 1
    }

    fn counts(&mut self) -> bool {
        self.refused_rows += 1;
        self.refused_rows <= self.refused_rows_max
    }

    fn fault(
        &self,
        row: i64,
        ordinal: i32,
        line: i64,
        error: &RowError,
        original_sealed: Option<Vec<u8>>,
    ) -> Result<RowErrorRow, VaultError> {
        let values = FaultValues {
            value: error.value.expose().clone(),
            suggestion: error.suggestion.clone(),
            first_row: error.first_row,
        };
        Ok(RowErrorRow {
            row_number: row,
            ordinal,
            line_number: line,
            severity: "error".to_owned(),
            column_name: error.column.clone(),
            code: error.code.as_str().to_owned(),
            remedy: error.remedy().to_owned(),
            value_sealed: Some(self.sealing.seal(row, ordinal, "row_errors.value", &values)?),
            original_sealed,
        })
    }
}
