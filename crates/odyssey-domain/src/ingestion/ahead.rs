//! The next batch of a merge, fetched and worked out while PostgreSQL still writes the one before.
//!
//! Promises: reads the job's own tables and the vendor's tables of words, in a transaction of its own that is rolled
//! back. Never: decides anything: the write compares every row with what is stored then.

use std::sync::Arc;

use odyssey_jobs::JobError;
use odyssey_matching::label::Tables;
use odyssey_types::{JobId, VendorId};
use serde_json::{Map, Value};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::progress::Run;
use super::rerun::number_in;
use super::store::{self, TodoRow};
use super::{Ingestion, IngestionError};
use crate::catalog::{self, Change, ImportMark, ProductWrite, RowPatch};
use crate::db::{Database, VendorTx};
use crate::tenancy::{self, Actor};

/// A row that is ready to be written.
#[derive(Debug)]
pub(super) struct ReadyRow {
    pub record: u64,
    pub id: Uuid,
    /// A person's edit stands, unless it says the same.
    pub kept: bool,
    pub write: ProductWrite,
}

/// A batch that is ready to be written.
#[derive(Debug, Default)]
pub(super) struct Ready {
    pub rows: Vec<ReadyRow>,
    /// The last record of it.
    pub upto: u64,
    /// Nothing is left behind it.
    pub complete: bool,
}

/// Fetches batches for a run, beside it.
pub(super) struct Ahead<'a> {
    ingestion: &'a Ingestion,
    database: &'a Database,
    vendor_id: VendorId,
    job_id: JobId,
    /// Records that merged out of turn.
    moved: Vec<i64>,
    numbers: Option<Arc<[u64]>>,
}

impl<'a> Ahead<'a> {
    pub fn of(run: &Run<'a>) -> Self {
        Self {
            ingestion: run.ingestion,
            database: run.database,
            vendor_id: run.vendor_id,
            job_id: run.job_id,
            moved: run.import.moved_records.clone(),
            numbers: run.numbers(),
        }
    }

    /// The rows behind `after`. Not fenced: it waits for no batch, and writes nothing. What it found in staging holds only
    /// if the write, which begins later, is still in the run of the server in which the file was staged.
    pub async fn fetch(&self, after: u64) -> Result<Ready, IngestionError> {
        let scope = tenancy::scope_for_job(self.database, self.vendor_id).await?;
        let mut tx = VendorTx::begin(self.database, scope, Actor::job(self.job_id)).await?;
        let tables = catalog::tables(&mut tx).await?;
        let most = self.ingestion.settings.batch_rows as i64;
        let next = store::next_todo(&mut tx, self.job_id, after, &self.moved, most).await?;
        tx.roll_back().await?;
        let rows = ready(next.rows, self.numbers.clone(), Some(tables)).await?;
        Ok(Ready { rows, upto: next.upto, complete: next.complete })
    }
}

/// Makes rows ready on a thread that may compute; with `tables` also what they become where nothing is stored.
pub(super) async fn ready(
    rows: Vec<TodoRow>,
    numbers: Option<Arc<[u64]>>,
    tables: Option<Tables>,
) -> Result<Vec<ReadyRow>, IngestionError> {
    let made = spawn_blocking(move || {
        rows.into_iter().map(|row| ready_row(row, numbers.as_deref(), tables.as_ref())).collect()
    });
    made.await.map_err(|_| IngestionError::Job(JobError::stopped()))?
}

fn ready_row(
    row: TodoRow,
    numbers: Option<&[u64]>,
    tables: Option<&Tables>,
) -> Result<ReadyRow, IngestionError> {
    let broken = || IngestionError::inconsistent(format!("staged row {} is not readable", row.record));
    let json = row.fields.ok_or_else(broken)?;
    let mut patch: Map<String, Value> = serde_json::from_slice(&json).map_err(|_| broken())?;
    let Some(Value::String(external_id)) = patch.remove(EXTERNAL_ID) else { return Err(broken()) };
    let record = row.record.unsigned_abs();
    let number = numbers.map_or(record, |numbers| number_in(numbers, record));
    let mut change = RowPatch::new(json);
    if let Some(tables) = tables {
        change.prepare(&external_id, patch, tables);
    }
    let import = ImportMark { row: number, source_hash: row.source_hash, edited_since: row.kept };
    let write = ProductWrite { import: Some(import), ..ProductWrite::new(external_id, Change::Row(change)) };
    Ok(ReadyRow { record, id: row.id, kept: row.kept, write })
}

/// The field of a staged row that is no field of a product.
pub(super) const EXTERNAL_ID: &str = "external_id";
