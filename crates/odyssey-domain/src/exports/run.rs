//! The job: the file part by part, each part in a transaction of its own.

use std::time::Duration;

use odyssey_jobs::{Job, JobContext, JobError, JobOutcome, StopReason};
use odyssey_types::{JobId, VendorId};
use serde::{Deserialize, Serialize};

use super::kinds::{self, Read, Rows};
use super::store::{self, ExportRow};
use super::{ExportError, file};
use crate::audit::{self, AuditEvent};
use crate::db::{Database, VendorTx};
use crate::matching::{MatchingError, Snapshots};
use crate::retention;
use crate::tenancy::{self, Actor, PAUSED_BY_SUSPENSION, Purpose, TenancyError};

/// The lane of exports: minutes of reading that keep no import and no short job waiting.
pub const EXPORT_LANE: &str = "exports";
/// Rows of one file: above what any catalog has, below what fills a disk by mistake.
pub const EXPORT_ROWS_MAX: i64 = 5_000_000;

/// Writes an export; everything about it is in its row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunExport {}

impl Job for RunExport {
    const KIND: &'static str = "run_export";
    const LANE: &'static str = EXPORT_LANE;
    const ATTEMPTS_MAX: i16 = 20;
    const TIMEOUT: Duration = Duration::from_hours(12);
}

/// Runs one attempt, from behind the last part of the one before.
pub async fn run_export(
    database: &Database,
    snapshots: &Snapshots,
    context: &JobContext,
) -> Result<JobOutcome, JobError> {
    let run = Run { database, snapshots, context };
    loop {
        match context.stop_reason() {
            Some(StopReason::Cancel) => return Ok(JobOutcome::CANCELED),
            Some(_) => return Err(JobError::stopped()),
            None => {}
        }
        match run.part().await {
            Ok(true) => {}
            Ok(false) => return Ok(JobOutcome::COMPLETED),
            // It was deleted meanwhile.
            Err(ExportError::NotFound) => return Ok(JobOutcome::CANCELED),
            Err(ExportError::Tenancy(TenancyError::VendorSuspended)) => {
                return Ok(JobOutcome::paused_for(PAUSED_BY_SUSPENSION));
            }
            Err(ExportError::Tenancy(error @ TenancyError::VendorNotFound)) => {
                return Err(JobError::fail(error).code("vendor_not_found"));
            }
            Err(error @ ExportError::TooManyRows) => return Err(JobError::fail(error).code("too_many_rows")),
            Err(error) => return Err(JobError::retry(error)),
        }
    }
}

struct Run<'a> {
    database: &'a Database,
    snapshots: &'a Snapshots,
    context: &'a JobContext,
}

impl Run<'_> {
    fn job_id(&self) -> JobId {
        JobId::from_uuid(self.context.job_id())
    }

    /// Writes the next rows; false when there are no more.
    async fn part(&self) -> Result<bool, ExportError> {
        let vendor_id = VendorId::from_uuid(self.context.vendor_id());
        let scope = tenancy::scope_for_job(self.database, vendor_id).await?;
        let mut tx = VendorTx::begin(self.database, scope, Actor::job(self.job_id())).await?;
        let export = store::find_export(&mut tx, self.job_id()).await?.ok_or(ExportError::NotFound)?;
        if export.finished_at.is_some() {
            tx.roll_back().await?;
            return Ok(false);
        }
        match kinds::next_rows(&mut tx, self.snapshots, &export).await? {
            Read::Rows(rows) => self.write(tx, &export, rows).await,
            Read::Waits(version) => {
                tx.roll_back().await?;
                self.snapshots.at_least(scope, version).await?;
                Ok(true)
            }
        }
    }

    async fn write(&self, mut tx: VendorTx, export: &ExportRow, rows: Rows) -> Result<bool, ExportError> {
        let row_count = export.row_count + rows.lines.len() as i64;
        if row_count > EXPORT_ROWS_MAX {
            return Err(ExportError::TooManyRows);
        }
        if !rows.lines.is_empty() {
            let bytes = rows.lines.iter().map(|line| line.text.len() as i64).sum::<i64>();
            let sealed = file::seal(&tx, self.job_id(), export.part_count, &rows.lines)?;
            let part = store::Part {
                number: export.part_count,
                lines_sealed: &sealed,
                next: rows.next,
                row_count,
                byte_count: export.byte_count + bytes,
            };
            if !store::insert_part(&mut tx, self.job_id(), part).await? {
                return Err(ExportError::NotFound);
            }
        } else if rows.next.is_some() {
            store::move_place(&mut tx, self.job_id(), rows.next).await?;
        }
        let goes_on = rows.next.is_some();
        if !goes_on {
            let header = kinds::header(export)?.len() as i64;
            let expires_at = tx.now() + retention::EXPORTS;
            store::finish_export(&mut tx, self.job_id(), header, expires_at).await?;
            let event = AuditEvent::new("export.finish", "export", Purpose::Operations)
                .entity(self.job_id())
                .count(row_count)
                .detail("kind", export.of.kind());
            audit::record(&mut tx, event).await?;
        }
        self.commit(tx, if goes_on { 500 } else { 1000 }, row_count).await?;
        Ok(goes_on)
    }

    /// Only the attempt that holds the job writes.
    async fn commit(&self, mut tx: VendorTx, permille: u16, rows: i64) -> Result<(), ExportError> {
        let totals = serde_json::json!({ "rows": rows });
        let fenced = match self.context.fence(tx.connection()).await {
            Ok(()) => self.context.progress_in(tx.connection(), permille, Some(&totals)).await,
            lost => lost,
        };
        fenced.map_err(|_| MatchingError::Unavailable("another worker has the export"))?;
        Ok(tx.commit().await?)
    }
}
