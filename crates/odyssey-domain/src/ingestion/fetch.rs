//! The job that imports an object of a vendor's inbox: it copies the object, piece by piece and sealed, and goes on as
//! the import of what it copied.
//!
//! Whoever started it follows one job. Each piece is durable before the transaction that counts it, and the last one,
//! the end of the upload and the word that it is whole are one transaction; only behind that is the object removed. So
//! an attempt goes on where the one before died, and none imports an object twice. An object that is not what was named
//! any more, when the copying begins or at its end, is not imported.

use std::time::Duration;

use odyssey_jobs::{Backoff, Job, JobContext, JobError, JobOutcome, LogLevel, StopReason};
use odyssey_store::{Cause, Reader, StoreError, StorePath, Version};
use odyssey_types::{JobId, UploadId, VendorId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::import::{self, IMPORT_LANE};
use super::inbox::{Source, removal};
use super::piece_writer::PieceWriter;
use super::progress::FETCHING_PERMILLE;
use super::store::{self, FetchRow};
use super::{Ingestion, IngestionError};
use crate::audit::{self, AuditEvent};
use crate::db::{Database, VendorTx};
use crate::matching::Audiences;
use crate::tenancy::{self, Actor, PAUSED_BY_SUSPENSION, Purpose, TenancyError};

/// Fetches an object of the vendor's inbox, and imports it. A kind of its own, so that a program which cannot fetch
/// leaves it to one that can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportObject {
    pub upload_id: UploadId,
}

impl Job for ImportObject {
    const KIND: &'static str = "import_object";
    const LANE: &'static str = IMPORT_LANE;
    /// As an import's.
    const ATTEMPTS_MAX: i16 = 50;
    const TIMEOUT: Duration = Duration::from_hours(12);
    const BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_mins(1) };
}

/// Runs one attempt, from where the one before ended.
pub async fn run_import_object(
    ingestion: &Ingestion,
    database: &Database,
    audiences: &Audiences,
    context: JobContext,
    job: ImportObject,
) -> Result<JobOutcome, JobError> {
    let vendor_id = VendorId::from_uuid(context.vendor_id());
    let fetch = Fetch { ingestion, database, context: &context, vendor_id, upload_id: job.upload_id };
    match fetch.bring().await {
        Ok(()) => import::run(ingestion, database, audiences, context, Some(job.upload_id)).await,
        // Suspension takes effect between two pieces, and what waits goes on when it ends.
        Err(IngestionError::Tenancy(TenancyError::VendorSuspended)) => {
            Ok(JobOutcome::paused_for(PAUSED_BY_SUSPENSION))
        }
        Err(IngestionError::Job(_)) if context.stop_reason() == Some(StopReason::Cancel) => {
            fetch.end("import.cancel").await?;
            Ok(JobOutcome::CANCELED)
        }
        Err(IngestionError::Job(error)) => Err(error),
        Err(error) => {
            let error = JobError::from(error);
            if error.is_failure()
                && let Err(error) = fetch.end("import.fail").await
            {
                tracing::warn!(%error, job.id = %context.job_id(), "The end of a failed import was not noted");
            }
            Err(error)
        }
    }
}

struct Fetch<'a> {
    ingestion: &'a Ingestion,
    database: &'a Database,
    context: &'a JobContext,
    vendor_id: VendorId,
    upload_id: UploadId,
}

impl Fetch<'_> {
    /// Sees to it that the upload is whole, and that nothing of it lies in the inbox.
    async fn bring(&self) -> Result<(), IngestionError> {
        let mut tx = self.begin().await?;
        let row = store::find_fetch(&mut tx, self.upload_id).await?;
        let missing = || IngestionError::import("upload_missing", "The upload of this job is not known.");
        let row = row.ok_or_else(missing)?;
        let sealed = match &row.source_sealed {
            Some(sealed) if row.receiving || row.whole => sealed,
            // Whole, and out of the inbox; or purged, which the import says.
            _ => return Ok(tx.roll_back().await?),
        };
        let source = Source::open(&*tx.keys()?, self.vendor_id, self.upload_id, sealed)?;
        if row.whole {
            tx.roll_back().await?;
            return self.remove(&source).await;
        }
        if row.failed {
            let detail = "The upload was given up; start the import again.";
            return Err(IngestionError::import("upload_terminated", detail));
        }
        let writer = Uuid::now_v7();
        store::take_writer(&mut tx, self.upload_id, writer).await?;
        // Who copies is seen by nobody; what was copied is audited at its end.
        tx.mark_audited();
        tx.commit().await?;
        self.copy(&source, &row, writer).await?;
        self.remove(&source).await
    }

    async fn copy(&self, source: &Source, row: &FetchRow, writer: Uuid) -> Result<(), IngestionError> {
        let (path, version, spool) = (source.path(self.vendor_id)?, &source.version, &self.ingestion.spool);
        self.context.step("fetching").await?;
        if row.offset > 0 {
            let fields =
                serde_json::json!({ "attempt": self.context.attempt(), "bytes_fetched": row.offset });
            self.context.log(LogLevel::Info, "The fetching goes on behind what is sealed", fields).await?;
        }
        self.ensure_same(&path, version).await?;
        let mut pieces = PieceWriter::new(spool, self.database, self.vendor_id, &row.spool_path, row.offset);
        if row.offset < version.byte_count {
            let opened = spool.store().open_version(&path, version, row.offset).await;
            let mut reader = self.judge(opened, &path, version).await?;
            while let Some(mut bytes) = self.chunk(&mut reader, &path, version).await? {
                while !bytes.is_empty() {
                    // The last piece goes with the end of the upload.
                    if pieces.write(&mut bytes).await? && pieces.reached() < version.byte_count {
                        self.record(&mut pieces, version, writer, false).await?;
                    }
                }
            }
        }
        pieces.close().await?;
        // What is written to while it is read is a mixture.
        self.ensure_same(&path, version).await?;
        self.record(&mut pieces, version, writer, true).await
    }

    /// The next bytes, unless the job is to stop before.
    async fn chunk(
        &self,
        reader: &mut Reader,
        path: &StorePath,
        version: &Version,
    ) -> Result<Option<bytes::Bytes>, IngestionError> {
        let chunk = tokio::select! {
            biased;
            () = self.context.stopped() => return Err(JobError::stopped().into()),
            chunk = reader.chunk() => chunk,
        };
        self.judge(chunk, path, version).await
    }

    /// What a fault of reading means: of an object that is gone or is another one, that.
    async fn judge<T>(
        &self,
        outcome: Result<T, StoreError>,
        path: &StorePath,
        version: &Version,
    ) -> Result<T, IngestionError> {
        match outcome {
            Ok(value) => Ok(value),
            Err(error) if matches!(error.cause(), Cause::NotFound | Cause::Corrupt) => {
                self.ensure_same(path, version).await?;
                // It is as it was, so it can be read another time.
                Err(IngestionError::InboxUnreadable(error))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn ensure_same(&self, path: &StorePath, version: &Version) -> Result<(), IngestionError> {
        match self.ingestion.spool.store().version(path).await? {
            Some(found) if found == *version => Ok(()),
            Some(_) => {
                let detail = "The file in the inbox was replaced or written to after it was named, and nothing of it was \
                              imported. Put it there as a whole, and start its import again.";
                Err(IngestionError::import("object_changed", detail))
            }
            None => {
                let detail = "The file is no longer in the inbox, and nothing of it was imported. Put it there, and \
                              start its import again.";
                Err(IngestionError::import("object_missing", detail))
            }
        }
    }

    /// Counts pieces that are durable; `whole`: they are the last, and the upload ends with them.
    async fn record(
        &self,
        pieces: &mut PieceWriter,
        version: &Version,
        writer: Uuid,
        whole: bool,
    ) -> Result<(), IngestionError> {
        let (from, to, length) = (pieces.recorded(), pieces.reached(), version.byte_count);
        if whole && to != length {
            return Err(IngestionError::inconsistent("an object ended before its last byte"));
        }
        let mut tx = self.begin().await?;
        let (id, given_up) = (self.upload_id, "The upload was given up while it was fetched.");
        if !store::advance_upload(&mut tx, id, writer, from, to, Some(length)).await? {
            tx.roll_back().await?;
            pieces.remove_held().await?;
            return Err(IngestionError::import("upload_terminated", given_up));
        }
        for piece in pieces.held() {
            store::insert_piece(&mut tx, id, piece).await?;
        }
        let permille = (to * u64::from(FETCHING_PERMILLE)).checked_div(length).unwrap_or(0) as u16;
        self.context.progress_in(tx.connection(), permille, None).await?;
        if whole {
            if !store::close_resumable(&mut tx, id, writer).await? {
                return Err(IngestionError::import("upload_terminated", given_up));
            }
            let event = AuditEvent::new("import.fetch", "job", Purpose::Operations)
                .entity(self.job_id())
                .detail("byte_count", length);
            audit::record(&mut tx, event).await?;
        } else {
            // Bytes of an object whose end is audited.
            tx.mark_audited();
        }
        tx.commit().await?;
        pieces.settle();
        Ok(())
    }

    /// Takes the object out of the inbox, now that it is sealed here. What cannot be removed keeps nobody waiting: the
    /// purge of uploads tries again.
    async fn remove(&self, source: &Source) -> Result<(), IngestionError> {
        let gone = match source.remove(&self.ingestion.spool, self.vendor_id).await {
            Ok(gone) => gone,
            Err(error) => {
                tracing::error!(%error, job.id = %self.job_id(),
                    "An imported object could not be removed from the inbox: it lies there in the clear until a purge can");
                return Ok(());
            }
        };
        let mut tx = self.begin().await?;
        if !store::forget_object(&mut tx, self.upload_id).await? {
            return Ok(tx.roll_back().await?);
        }
        audit::record(&mut tx, removal(self.job_id(), gone)).await?;
        Ok(tx.commit().await?)
    }

    /// Notes that the job ends before its upload is whole. What was copied stays for a day, for whoever retries it.
    async fn end(&self, action: &'static str) -> Result<(), IngestionError> {
        let mut tx = self.begin().await?;
        if !store::keep_unfinished(&mut tx, self.upload_id).await? {
            return Ok(tx.roll_back().await?);
        }
        store::end_import(&mut tx, self.job_id()).await?;
        let event = AuditEvent::new(action, "job", Purpose::Operations)
            .entity(self.job_id())
            .count(0)
            .detail("fetched", false);
        audit::record(&mut tx, event).await?;
        Ok(tx.commit().await?)
    }

    fn job_id(&self) -> JobId {
        JobId::from_uuid(self.context.job_id())
    }

    /// Begins a transaction that nobody but this attempt can commit.
    async fn begin(&self) -> Result<VendorTx, IngestionError> {
        let scope = tenancy::scope_for_job(self.database, self.vendor_id).await?;
        let mut tx = VendorTx::begin(self.database, scope, Actor::job(self.job_id())).await?;
        self.context.fence(tx.connection()).await?;
        Ok(tx)
    }
}
