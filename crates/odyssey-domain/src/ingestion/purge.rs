//! Letting go of what has been kept long enough.

use chrono::TimeDelta;
use odyssey_types::{JobId, VendorId};
use uuid::Uuid;

use super::inbox::{Source, removal};
use super::store::{self, LeftObject};
use super::{Ingestion, IngestionError};
use crate::audit;
use crate::db::{Database, DbError, SystemTx};
use crate::retention::{self, Holds};
use crate::tenancy::{self, Actor};

/// Uploads looked at in one transaction.
const UPLOADS_A_TURN: i64 = 100;

/// From the beginning of a write at the store to its end, at most: an upload is given up a day after its last byte, and
/// the clock of the store may be an hour behind.
const WRITES_MAX: TimeDelta = TimeDelta::hours(25);

/// What a purge removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PurgeCounts {
    /// Uploads whose import had ended.
    pub finished: u64,
    /// Uploads that broke off.
    pub unfinished: u64,
    /// Folders and inboxes of vendors that were removed.
    pub removed_vendors: u64,
    /// Objects that were sealed before, and lay in their inboxes still.
    pub objects: u64,
    /// Writes of killed processes that the store still held open.
    pub ended_writes: u64,
}

/// Removes the files of uploads whose time is over, and cancels the jobs that still wait for the rest of
/// one that broke off. The file goes first: a row without a file is harmless, a file without a row is lost.
pub async fn purge_uploads(
    ingestion: &Ingestion,
    database: &Database,
) -> Result<PurgeCounts, IngestionError> {
    // Whatever is held: nothing is lost with an object that is sealed here.
    let mut counts =
        PurgeCounts { objects: remove_objects(ingestion, database).await?, ..PurgeCounts::default() };
    loop {
        let mut tx = SystemTx::begin(database).await?;
        let holds = Holds::read(&mut tx).await?;
        if holds.cover_everything() {
            tx.roll_back().await?;
            return Ok(counts);
        }
        let due = store::due_uploads(&mut tx, holds.vendors(), UPLOADS_A_TURN).await?;
        for upload in &due {
            ingestion.spool.remove(&upload.spool_path).await?;
            store::mark_purged(&mut tx, upload).await?;
            if upload.received {
                counts.finished += 1;
            } else {
                let now = tx.now();
                let (vendor_id, job_id) = (upload.vendor_id.as_uuid(), upload.job_id.as_uuid());
                odyssey_jobs::cancel(tx.connection(), vendor_id, job_id, now).await?;
                counts.unfinished += 1;
            }
        }
        tx.commit().await?;
        if (due.len() as i64) < UPLOADS_A_TURN {
            break;
        }
    }
    counts.removed_vendors = remove_folders(ingestion, database).await?;
    counts.ended_writes = end_writes(ingestion, database).await?;
    Ok(counts)
}

/// Ends what killed processes left open at the store. A store that does not let us is warned of: everything else is done.
async fn end_writes(ingestion: &Ingestion, database: &Database) -> Result<u64, IngestionError> {
    let mut tx = SystemTx::begin(database).await?;
    let (now, holds) = (tx.now(), Holds::read(&mut tx).await?);
    tx.roll_back().await?;
    match ingestion.spool.end_unfinished(now - WRITES_MAX, holds.vendors()).await {
        Err(error) if !error.is_retryable() => {
            tracing::warn!(%error, "Unfinished writes stay at the store of files; its key needs the right to list them");
            Ok(0)
        }
        ended => Ok(ended?),
    }
}

/// Removes the folders of vendors that are no more. Their keys are gone, so nothing in them opens.
async fn remove_folders(ingestion: &Ingestion, database: &Database) -> Result<u64, IngestionError> {
    // Folders first: the vendor of a folder that is made from here on is in the list.
    let (folders, inboxes) = (ingestion.spool.vendors().await?, ingestion.spool.inboxes().await?);
    let vendors = tenancy::list_vendors(database).await?;
    let is_gone = |folder: &VendorId| !vendors.iter().any(|vendor| vendor.id == *folder);
    let mut removed = 0;
    for folder in folders.into_iter().filter(is_gone) {
        ingestion.spool.remove_vendor(folder).await?;
        removed += 1;
    }
    for inbox in inboxes.into_iter().filter(is_gone) {
        match ingestion.spool.remove_inbox(inbox).await {
            Ok(()) => removed += 1,
            // The place where something is mounted, maybe: emptied, and the operator's to take away.
            Err(error) => {
                tracing::warn!(%error, vendor.id = %inbox, "The inbox of a removed vendor cannot be removed");
            }
        }
    }
    Ok(removed)
}

/// Objects looked at in one transaction.
const OBJECTS_A_TURN: i64 = 100;

/// Removes objects from their inboxes that are sealed here: of a job that died between the two, or that the store did
/// not let. Those that cannot be removed now are for the next purge.
async fn remove_objects(ingestion: &Ingestion, database: &Database) -> Result<u64, IngestionError> {
    let (mut removed, mut left, mut after) = (0, 0_u64, (Uuid::nil(), Uuid::nil()));
    loop {
        let mut tx = SystemTx::begin(database).await?;
        let objects = store::left_objects(&mut tx, after, OBJECTS_A_TURN).await?;
        tx.roll_back().await?;
        let Some(last) = objects.last() else { break };
        after = (last.vendor_id.as_uuid(), last.upload_id.as_uuid());
        for object in &objects {
            match remove_object(ingestion, database, object).await {
                Ok(true) => removed += 1,
                Ok(false) => {}
                Err(IngestionError::Db(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(%error, job.id = %object.job_id, "An imported object stays in its inbox for now");
                    left += 1;
                }
            }
        }
    }
    if left > 0 {
        tracing::error!(left, "{left} imported objects lie in inboxes in the clear and cannot be removed");
    }
    Ok(removed)
}

async fn remove_object(
    ingestion: &Ingestion,
    database: &Database,
    object: &LeftObject,
) -> Result<bool, IngestionError> {
    let LeftObject { vendor_id, upload_id, job_id, ref source_sealed } = *object;
    let keys = database.keys().vendor(vendor_id)?;
    let gone =
        Source::open(&keys, vendor_id, upload_id, source_sealed)?.remove(&ingestion.spool, vendor_id).await?;
    let mut tx = SystemTx::begin(database).await?;
    if !store::forget_left_object(&mut tx, object).await? {
        tx.roll_back().await?;
        return Ok(false);
    }
    audit::record_on_platform(&mut tx, Some(vendor_id), &Actor::job(job_id), removal(job_id, gone)).await?;
    tx.commit().await?;
    Ok(true)
}

/// Imports whose errors are deleted in one transaction; each has up to `row_errors_max` of them.
const ERRORS_OF_IMPORTS_A_TURN: i64 = 5;
/// Imports and uploads deleted in one transaction.
const IMPORTS_A_TURN: i64 = 1_000;

/// Deletes the faults of imports that began longer ago than they are kept, and their corrections; says how many.
pub async fn purge_row_errors(database: &Database) -> Result<u64, IngestionError> {
    let mut deleted = 0;
    loop {
        let mut tx = SystemTx::begin(database).await?;
        let holds = Holds::read(&mut tx).await?;
        if holds.cover_everything() {
            tx.roll_back().await?;
            return Ok(deleted);
        }
        let before = JobId::generate(tx.now() - retention::IMPORT_ERRORS);
        let mut turn =
            store::delete_row_errors(&mut tx, before, holds.vendors(), ERRORS_OF_IMPORTS_A_TURN).await?;
        turn += store::delete_corrections(&mut tx, before, holds.vendors()).await?;
        tx.commit().await?;
        if turn == 0 {
            return Ok(deleted);
        }
        deleted += turn;
    }
}

/// Deletes what is left of imports and uploads once their jobs and errors are gone; says how many rows.
pub async fn purge_imports(database: &Database) -> Result<u64, IngestionError> {
    let mut deleted = 0;
    loop {
        let mut tx = SystemTx::begin(database).await?;
        let holds = Holds::read(&mut tx).await?;
        if holds.cover_everything() {
            tx.roll_back().await?;
            return Ok(deleted);
        }
        let before = JobId::generate(tx.now() - retention::IMPORTS);
        let turn = store::delete_imports(&mut tx, before, holds.vendors(), IMPORTS_A_TURN).await?;
        tx.commit().await?;
        if turn == 0 {
            return Ok(deleted);
        }
        deleted += turn;
    }
}

/// Drops the staging tables that ended jobs left behind: of a job that was canceled while it waited, or whose
/// last act failed. A copy of rows that are elsewhere, unlogged, and gone after any crash: no hold keeps it.
pub async fn purge_staging(database: &Database) -> Result<u64, IngestionError> {
    let mut tx = SystemTx::begin(database).await?;
    let left = store::left_staging(&mut tx).await?;
    tx.roll_back().await?;
    let mut purged = 0;
    for job_id in left {
        let mut tx = SystemTx::begin(database).await?;
        match store::purge_staging(&mut tx, job_id).await {
            Ok(()) => {
                tx.commit().await?;
                purged += 1;
            }
            // A worker that does not know yet that it lost the job holds the table: the next purge has it.
            Err(error @ DbError::Unavailable(_)) => {
                tracing::warn!(%error, job.id = %job_id, "The staging tables of job {job_id} wait for the next purge");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(purged)
}
