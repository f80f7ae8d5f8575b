//! Objects in the inbox of a vendor: a folder of the store where the vendor's own systems put files, in the clear.
//!
//! The vendor names an object by its path in the inbox; where that inbox is, is ours to say. What was named is known by
//! its version from then on, and nothing else under the name is read or removed for it. The name is sealed beside the
//! upload, since it may be a person's, and forgotten once nothing lies under it any more.

use odyssey_jobs::{Enqueued, NewJob};
use odyssey_store::{StorePath, Version};
use odyssey_types::{JobId, Phi, UploadId, UserId, VendorId};
use odyssey_vault::{Aad, VendorKeys};
use serde::{Deserialize, Serialize};

use super::fetch::ImportObject;
use super::receive::{accept, start_event, to_json};
use super::spool::Spool;
use super::store::{self, NewUpload};
use super::{ImportMode, ImportParameters, Ingestion, IngestionError, quota};
use crate::audit::{self, AuditEvent};
use crate::db::{Notice, VendorTx};
use crate::tenancy::Purpose;

/// An object that was looked at in a vendor's inbox.
#[derive(Debug, Clone)]
pub struct FoundObject {
    name: Phi<String>,
    version: Version,
}

/// An import that is queued and will fetch its object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedObject {
    pub job_id: JobId,
    pub upload_id: UploadId,
    pub byte_count: u64,
    /// For [`odyssey_jobs::Wake::enqueued`], after the commit.
    pub queued: Enqueued,
}

/// Looks for an object in the vendor's inbox; `name` is its path there, folders and all. Asks the store, so hold no
/// transaction meanwhile.
pub async fn find_object(
    ingestion: &Ingestion,
    vendor_id: VendorId,
    name: &str,
) -> Result<FoundObject, IngestionError> {
    let path = Spool::object_path(vendor_id, name).map_err(IngestionError::ObjectPath)?;
    match ingestion.spool.store().version(&path).await? {
        Some(Version { byte_count: 0, .. }) => Err(IngestionError::Empty),
        Some(version) => Ok(FoundObject { name: Phi::new(name.to_owned()), version }),
        None => Err(IngestionError::ObjectMissing { inbox: Spool::inbox_of(vendor_id) }),
    }
}

/// Queues the import of an object, and reserves the room for it; the caller commits.
pub async fn start_object(
    ingestion: &Ingestion,
    tx: &mut VendorTx,
    mode: ImportMode,
    parameters: ImportParameters,
    object: &FoundObject,
) -> Result<StartedObject, IngestionError> {
    let byte_count = object.version.byte_count;
    quota::admit_file(ingestion, tx, Some(byte_count)).await?;
    let parameters = accept(tx, mode, parameters).await?;
    let (now, vendor_id) = (tx.now(), tx.vendor_id());
    let upload_id = UploadId::generate(now);
    let (_, file_key) = tx.keys()?.new_file_key(upload_id)?;
    let created_by = tx.actor().user_id.map(UserId::as_uuid);
    let job = NewJob::of(vendor_id.as_uuid(), created_by, &ImportObject { upload_id }, now)?;
    let queued = odyssey_jobs::enqueue(tx.connection(), job).await?;
    let job_id = JobId::from_uuid(queued.id);
    let (path, stored) = (Spool::folder_path(vendor_id, upload_id), to_json(&parameters)?);
    let upload = NewUpload { id: upload_id, job_id, mode, path: &path, file_key: &file_key };
    store::insert_upload(tx, &upload, &stored).await?;
    let source = Source { name: object.name.expose().clone(), version: object.version.clone() };
    let sealed = tx.keys()?.seal_vendor_json(&source_aad(vendor_id, upload_id), &source)?;
    store::mark_fetched(tx, upload_id, byte_count, &sealed).await?;
    store::insert_import(tx, job_id, upload_id, mode, byte_count, &stored).await?;
    let event = start_event(job_id, mode, &parameters, byte_count).detail("from_inbox", true);
    audit::record(tx, event).await?;
    tx.notify_after_commit(Notice::JobsWaiting);
    Ok(StartedObject { job_id, upload_id, byte_count, queued })
}

/// Which object an upload is fetched from, as it is sealed.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Source {
    name: String,
    pub version: Version,
}

impl Source {
    pub fn open(
        keys: &VendorKeys,
        vendor_id: VendorId,
        upload_id: UploadId,
        sealed: &[u8],
    ) -> Result<Self, IngestionError> {
        // Used here, and told to nobody.
        Ok(keys.open_vendor_json(&source_aad(vendor_id, upload_id), sealed)?.into_exposed())
    }

    /// Where it lies in the store.
    pub fn path(&self, vendor_id: VendorId) -> Result<StorePath, IngestionError> {
        Spool::object_path(vendor_id, &self.name).map_err(IngestionError::ObjectPath)
    }

    /// Removes it from the inbox; says whether nothing lies there any more. What somebody put there since is left.
    pub async fn remove(&self, spool: &Spool, vendor_id: VendorId) -> Result<bool, IngestionError> {
        Ok(spool.store().remove_version(&self.path(vendor_id)?, &self.version).await?)
    }
}

const fn source_aad(vendor_id: VendorId, upload_id: UploadId) -> Aad {
    Aad { vendor: vendor_id, row: upload_id.as_uuid(), column: "uploads.source_sealed" }
}

/// That an object which is sealed here was taken out of its inbox; or that another one was found there, and left.
pub(super) fn removal(job_id: JobId, gone: bool) -> AuditEvent {
    AuditEvent::new("inbox.remove", "job", Purpose::Operations).entity(job_id).detail("replaced_since", !gone)
}
