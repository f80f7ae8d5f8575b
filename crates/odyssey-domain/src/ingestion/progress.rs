//! One run of an import: its transactions, its counters, and when it should stop.

use std::sync::{Arc, OnceLock};

use odyssey_jobs::{Job, JobContext, JobError, StopReason};
use odyssey_tabular::Mode;
use odyssey_types::{JobId, UserId, VendorId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fetch::ImportObject;
use super::ledger::{Codes, Ledger};
use super::pace::{Pace, Work};
use super::parameters::StoredParameters;
use super::rerun::{Rerun, number_in};
use super::words::Words;
use super::{Ingestion, IngestionError, store};
use crate::db::{Database, VendorTx};
use crate::matching::Audiences;
use crate::tenancy::{self, Actor};

/// Of an import that fetches its file first: how far it is once the file is here.
pub(super) const FETCHING_PERMILLE: u16 = 200;
/// How far an import is once its last row is merged: statistics and the account of it are still to come.
const FINISHING_PERMILLE: u16 = 970;

/// What became of the rows consumed so far. At every commit `read` is the sum of the five that follow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub read: i64,
    pub created: i64,
    pub updated: i64,
    pub unchanged: i64,
    /// A person's edit stands.
    pub kept: i64,
    pub rejected: i64,
    /// Products that a file of the whole catalog does not have; no rows, and no part of `read`.
    #[serde(default)]
    pub deleted: i64,
    /// Oddities of rows that were taken.
    pub warnings: i64,
}

impl Totals {
    pub const fn reconciles(&self) -> bool {
        self.read == self.accepted() + self.rejected
    }

    pub const fn accepted(&self) -> i64 {
        self.created + self.updated + self.unchanged + self.kept
    }

    pub const fn written(&self) -> i64 {
        self.created + self.updated + self.deleted
    }
}

/// What one batch adds.
#[derive(Debug, Clone, Default)]
pub(super) struct Advance {
    /// The new checkpoint: all rows up to here are consumed.
    pub upto: u64,
    pub totals: Totals,
    /// Rows merged out of turn, because they move barcodes.
    pub moved: Vec<i64>,
    /// Refusals of this batch's merge, by code.
    pub codes: Codes,
    /// How far the import is, where its end can be told from that.
    pub work: Work,
}

/// An import while it runs.
pub(super) struct Run<'a> {
    pub ingestion: &'a Ingestion,
    pub database: &'a Database,
    pub context: JobContext,
    pub vendor_id: VendorId,
    pub job_id: JobId,
    pub mode: Mode,
    pub upload: store::UploadRow,
    pub parameters: StoredParameters,
    /// Of a rerun the time of its parent's beginning: what a person did since goes before its rows too.
    pub import: store::ImportRow,
    /// What a dry run judges changed labels by.
    pub audiences: Option<Audiences>,
    /// What it takes up again, where it is a rerun.
    pub rerun: Option<Rerun>,
    /// What headers and values mean in all files of the vendor: as it was when the first attempt began.
    pub words: Words,
    /// The run of the server in which this attempt began, once it has asked.
    pub server_run: OnceLock<String>,
    /// Whether a file that arrived later has been imported, as far as it was when this attempt began.
    pub overtaken: bool,
    /// How fast this attempt gets on.
    pub pace: Pace,
}

impl Run<'_> {
    /// The numbers of a rerun's rows in their file.
    pub fn numbers(&self) -> Option<Arc<[u64]>> {
        self.rerun.as_ref().map(|rerun| Arc::clone(&rerun.numbers))
    }

    /// The number in its file of a row that was read.
    pub fn number_of(&self, row: u64) -> u64 {
        self.rerun.as_ref().map_or(row, |rerun| number_in(&rerun.numbers, row))
    }

    /// Refused rows whose faults are kept. A rerun keeps all of them: their originals are kept already.
    pub fn row_errors_max(&self) -> u64 {
        let rows = self.rerun.as_ref().map_or(0, |rerun| rerun.numbers.len() as u64);
        self.ingestion.settings.row_errors_max.max(rows)
    }

    pub fn started_by(&self) -> Option<UserId> {
        self.import.started_by.map(UserId::from_uuid)
    }

    /// Begins a transaction that nobody but this attempt can commit: a worker that lost its lease fails here.
    pub async fn begin(&self) -> Result<VendorTx, IngestionError> {
        let scope = tenancy::scope_for_job(self.database, self.vendor_id).await?;
        let mut tx = VendorTx::begin(self.database, scope, Actor::job(self.job_id)).await?;
        self.context.fence(tx.connection()).await?;
        if self.mode == Mode::Products {
            self.ensure_staged(&mut tx).await?;
        }
        Ok(tx)
    }

    /// An attempt may wait for a server that crashed and came back, and meet no error; what it staged is gone then, and
    /// rows that are not there must not be taken for rows without a change. The next attempt stages the file anew.
    async fn ensure_staged(&self, tx: &mut VendorTx) -> Result<(), IngestionError> {
        let now = store::server_run(tx).await?;
        if *self.server_run.get_or_init(|| now.clone()) == now {
            return Ok(());
        }
        let error = JobError::retry("the database was restarted under the import").code("database_restarted");
        Err(error.into())
    }

    /// It is tried, and nothing of it is kept.
    pub const fn is_dry(&self) -> bool {
        self.parameters.requested.dry_run
    }

    /// The transaction to go on in after a batch was written: the batch's own, or of a dry run a new one, after the
    /// batch was rolled back.
    pub async fn keep_or_forget(&self, tx: VendorTx) -> Result<VendorTx, IngestionError> {
        if !self.is_dry() {
            return Ok(tx);
        }
        tx.roll_back().await?;
        self.begin().await
    }

    /// Ends a transaction of housekeeping: staging and counters are seen by nobody outside of the job, whose
    /// start was audited and whose batches audit themselves.
    pub async fn commit_quietly(&self, mut tx: VendorTx) -> Result<(), IngestionError> {
        tx.mark_audited();
        Ok(tx.commit().await?)
    }

    /// Adds a batch to the counters and moves the checkpoint, in the transaction of the batch.
    pub async fn advance(
        &mut self,
        tx: &mut VendorTx,
        ledger: &Ledger,
        batch: Advance,
        permille: u16,
    ) -> Result<(), IngestionError> {
        for (code, count) in &batch.codes {
            *self.import.merge_codes.entry(code.clone()).or_default() += count;
        }
        let now = self.database.clock().now();
        self.pace.note(now, batch.work);
        let estimate = self.pace.estimate(now, batch.work, 1_000 - FINISHING_PERMILLE);
        let codes = &self.import.merge_codes;
        let totals = store::advance(tx, self.job_id, ledger, &batch, codes, estimate).await?;
        let totals =
            totals.ok_or_else(|| IngestionError::inconsistent("an import's checkpoint went backwards"))?;
        self.import.totals = totals;
        self.import.records_merged = batch.upto;
        self.import.moved_records.extend(batch.moved);
        let permille = self.overall(permille);
        self.context.progress_in(tx.connection(), permille, Some(&totals_json(&totals))).await?;
        Ok(())
    }

    /// How far the job is, once its rows are so far: one that fetched its file has done a part before, and each has to
    /// finish behind them.
    pub fn overall(&self, permille: u16) -> u16 {
        let from = if self.context.kind() == ImportObject::KIND { FETCHING_PERMILLE } else { 0 };
        from + (u32::from(permille.min(1_000)) * u32::from(FINISHING_PERMILLE - from) / 1_000) as u16
    }

    /// Stops when somebody asked for it.
    pub fn check_stop(&self) -> Result<(), IngestionError> {
        match self.context.stop_reason() {
            None => Ok(()),
            Some(StopReason::Cancel | StopReason::Pause | StopReason::Drain | StopReason::LeaseLost) => {
                Err(IngestionError::Job(JobError::stopped()))
            }
        }
    }
}

pub(super) fn totals_json(totals: &Totals) -> Value {
    serde_json::json!({
        "read": totals.read,
        "created": totals.created,
        "updated": totals.updated,
        "unchanged": totals.unchanged,
        "kept": totals.kept,
        "rejected": totals.rejected,
        "deleted": totals.deleted,
        "warnings": totals.warnings,
    })
}
