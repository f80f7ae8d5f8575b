//! Receiving a file: bytes first, then one transaction that makes it a job.

use bytes::Bytes;
use odyssey_jobs::{Enqueued, Job, NewJob};
use odyssey_tabular::Mode;
use odyssey_types::{JobId, UploadId, VendorId};
use odyssey_vault::FileKey;
use serde_json::Value;

use super::import::RunImport;
use super::parameters::StoredParameters;
use super::spool::{Spool, SpoolWriter};
use super::{ImportParameters, Ingestion, IngestionError, quota, store, words};
use crate::audit::{self, AuditEvent};
use crate::db::{Database, DbError, Notice, VendorTx};
use crate::tenancy::{Actor, Purpose, VendorScope};

/// An import that is queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartedImport {
    pub job_id: JobId,
    pub upload_id: UploadId,
    pub byte_count: u64,
    /// Over the bytes as they were sent.
    pub sha256: [u8; 32],
}

/// An upload under way. Dropped before [`UploadSink::finish`], it is given up: its file is removed, its
/// job canceled.
#[derive(Debug)]
pub struct UploadSink {
    place: Place,
    writer: Option<SpoolWriter>,
    received: u64,
    /// Bytes for which the vendor had room when the upload began.
    room: u64,
}

/// Where an upload belongs, and what closes it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub ingestion: Ingestion,
    pub database: Database,
    pub scope: VendorScope,
    pub actor: Actor,
    pub mode: Mode,
    pub job_id: JobId,
    pub upload_id: UploadId,
    pub parameters: StoredParameters,
}

/// Begins an upload: its job stands in state `receiving` once this returns. Commits the caller's
/// transaction.
pub async fn begin_upload(
    ingestion: &Ingestion,
    mut tx: VendorTx,
    mode: Mode,
    parameters: ImportParameters,
) -> Result<UploadSink, IngestionError> {
    let room = quota::room(ingestion, &mut tx).await?;
    if room == 0 {
        return Err(quota::quota_exceeded(ingestion));
    }
    let opened = open_receiving(&mut tx, mode, parameters, Spool::relative_path).await?;
    let Opened { upload_id, job_id, path, key, parameters } = opened;
    let actor = tx.actor().clone();
    let (database, scope) = (tx.database().clone(), tx.scope());
    tx.commit().await?;
    let writer = ingestion.spool.create(&path, key);
    let place =
        Place { ingestion: ingestion.clone(), database, scope, actor, mode, job_id, upload_id, parameters };
    Ok(UploadSink { place, writer: Some(writer), received: 0, room })
}

/// An upload that stands in the database, and nowhere else yet.
pub(super) struct Opened {
    pub upload_id: UploadId,
    pub job_id: JobId,
    pub path: String,
    pub key: FileKey,
    pub parameters: StoredParameters,
}

/// Opens a job in state `receiving` with its upload, audited.
pub(super) async fn open_receiving(
    tx: &mut VendorTx,
    mode: Mode,
    parameters: ImportParameters,
    path_of: fn(VendorId, UploadId) -> String,
) -> Result<Opened, IngestionError> {
    let parameters = accept(tx, mode, parameters).await?;
    let (now, vendor_id, actor) = (tx.now(), tx.vendor_id(), tx.actor().clone());
    let upload_id = UploadId::generate(now);
    let (key, wrapped) = tx.keys()?.new_file_key(upload_id)?;
    let created_by = actor.user_id.map(odyssey_types::UserId::as_uuid);
    let job = NewJob::of(vendor_id.as_uuid(), created_by, &RunImport { upload_id }, now)?;
    let job_id = JobId::from_uuid(odyssey_jobs::open_receiving(tx.connection(), job).await?.id);
    let path = path_of(vendor_id, upload_id);
    let upload = store::NewUpload { id: upload_id, job_id, mode, path: &path, file_key: &wrapped };
    store::insert_upload(tx, &upload, &to_json(&parameters)?).await?;
    let event = AuditEvent::new("import.receive", "job", Purpose::Operations)
        .entity(job_id)
        .detail("mode", mode.as_str());
    audit::record(tx, event).await?;
    Ok(Opened { upload_id, job_id, path, key, parameters })
}

/// The parameters as they are stored, if they can be taken.
pub(super) async fn accept(
    tx: &mut VendorTx,
    mode: Mode,
    parameters: ImportParameters,
) -> Result<StoredParameters, IngestionError> {
    let mut parameters = StoredParameters::accept(parameters, mode, tx.actor(), tx.now())?;
    parameters.saved_version = words::saved_version(tx, mode, parameters.requested.saved).await?;
    Ok(parameters)
}

impl UploadSink {
    pub const fn job_id(&self) -> JobId {
        self.place.job_id
    }

    /// Takes the next bytes. After an error the upload is given up.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), IngestionError> {
        self.received += bytes.len() as u64;
        let limit = self.place.ingestion.settings.file_bytes_max;
        if self.received > limit {
            self.abandon("upload_too_large").await?;
            return Err(IngestionError::TooLarge { limit });
        }
        if self.received > self.room {
            self.abandon("upload_quota_exceeded").await?;
            return Err(quota::quota_exceeded(&self.place.ingestion));
        }
        let Some(writer) = &mut self.writer else { return Err(IngestionError::UploadClosed) };
        if bytes.is_empty() {
            return Ok(());
        }
        match writer.write(bytes).await {
            Ok(()) => Ok(()),
            Err(error) => {
                self.abandon("upload_not_stored").await?;
                Err(error)
            }
        }
    }

    /// Syncs what has arrived, then closes the upload and queues its import in one transaction.
    pub async fn finish(mut self) -> Result<StartedImport, IngestionError> {
        if self.received == 0 {
            self.abandon("upload_empty").await?;
            return Err(IngestionError::Empty);
        }
        let Some(writer) = self.writer.take() else { return Err(IngestionError::UploadClosed) };
        let outcome = async {
            let written = writer.finish().await?;
            self.place.close(written).await
        };
        match outcome.await {
            Ok(started) => Ok(started),
            Err(error) => {
                self.place.abandon("upload_not_stored").await?;
                Err(error)
            }
        }
    }

    /// Gives the upload up, for a reason that its job will show.
    pub async fn abandon(&mut self, code: &'static str) -> Result<(), IngestionError> {
        if self.writer.take().is_none() {
            return Ok(());
        }
        self.place.abandon(code).await
    }
}

impl Drop for UploadSink {
    fn drop(&mut self) {
        // The sender has hung up. The thread of the spool removes the file; what this cannot do (no runtime,
        // no database), the purge of unfinished uploads does.
        if self.writer.take().is_some()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let place = self.place.clone();
            runtime.spawn(async move {
                if let Err(error) = place.abandon("upload_broken_off").await {
                    tracing::warn!(%error, job.id = %place.job_id, "A broken upload waits for its purge");
                }
            });
        }
    }
}

impl Place {
    async fn close(&self, written: super::spool::Written) -> Result<StartedImport, IngestionError> {
        let mut tx = VendorTx::begin(&self.database, self.scope, self.actor.clone()).await?;
        if !store::close_upload(&mut tx, self.upload_id, written).await? {
            return Err(IngestionError::UploadClosed);
        }
        let queued = self.queue(&mut tx, written.byte_count).await?;
        tx.commit().await?;
        self.ingestion.wake.enqueued(&queued);
        let super::spool::Written { byte_count, sha256 } = written;
        Ok(StartedImport { job_id: self.job_id, upload_id: self.upload_id, byte_count, sha256 })
    }

    /// Queues the import of an upload that is whole, audited, in the transaction that closes it.
    pub(super) async fn queue(&self, tx: &mut VendorTx, byte_count: u64) -> Result<Enqueued, IngestionError> {
        let now = tx.now();
        let parameters = to_json(&self.parameters)?;
        store::insert_import(tx, self.job_id, self.upload_id, self.mode, byte_count, &parameters).await?;
        let vendor_id = tx.vendor_id().as_uuid();
        let queued = odyssey_jobs::enqueue_received(
            tx.connection(),
            vendor_id,
            self.job_id.as_uuid(),
            RunImport::LANE,
            now,
        );
        let queued = queued.await.map_err(|error| match error {
            // Canceled while the last bytes arrived.
            odyssey_jobs::QueueError::NotReceiving(_) => IngestionError::UploadClosed,
            error => error.into(),
        })?;
        audit::record(tx, start_event(self.job_id, self.mode, &self.parameters, byte_count)).await?;
        tx.notify_after_commit(Notice::JobsWaiting);
        Ok(queued)
    }

    async fn abandon(&self, code: &'static str) -> Result<(), IngestionError> {
        let mut tx = VendorTx::begin(&self.database, self.scope, self.actor.clone()).await?;
        let (now, vendor_id) = (tx.now(), tx.vendor_id().as_uuid());
        store::fail_upload(&mut tx, self.upload_id, code).await?;
        odyssey_jobs::cancel(tx.connection(), vendor_id, self.job_id.as_uuid(), now).await?;
        let event = AuditEvent::new("import.abandon", "job", Purpose::Operations)
            .entity(self.job_id)
            .detail("code", code);
        audit::record(&mut tx, event).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// That an import begins, and what was said of it.
pub(super) fn start_event(
    job_id: JobId,
    mode: Mode,
    parameters: &StoredParameters,
    byte_count: u64,
) -> AuditEvent {
    let requested = &parameters.requested;
    let mut event = AuditEvent::new("import.start", "job", Purpose::Operations)
        .entity(job_id)
        .detail("mode", mode.as_str())
        .detail("byte_count", byte_count)
        .detail("overwrite_edits", requested.overwrite_edits)
        .detail("full", requested.full)
        .detail("dry_run", requested.dry_run);
    if let Some(attestation) = &requested.attestation {
        event = event
            .detail("allergen_data", "complete")
            .detail("label_jurisdiction", attestation.label_jurisdiction.as_str())
            .detail("label_as_of", attestation.label_as_of.to_string());
    }
    if let Some(consent) = &requested.consent {
        event = event
            .detail("consent_attested", true)
            .detail("consent_text_version", consent.text_version.clone());
    }
    event
}

pub(super) fn to_json(parameters: &StoredParameters) -> Result<Value, DbError> {
    serde_json::to_value(parameters)
        .map_err(|error| DbError::inconsistent(format!("parameters cannot be written as JSON: {error}")))
}
