//! Uploads that join others: the parts are sent side by side, and what joins them is imported as one file. Nothing is
//! copied: the joined upload has the pieces of its parts.

use chrono::{DateTime, Utc};
use odyssey_types::UploadId;

use super::receive::{Place, open_receiving};
use super::resumable::{Concatenation, ResumableUpload, find_resumable, seal_metadata, view};
use super::spool::Spool;
use super::store::{self, ResumableRow};
use super::{ImportMode, ImportParameters, Ingestion, IngestionError, ending};
use crate::db::{DbError, VendorTx};

/// Why an upload cannot be joined to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartFault {
    /// It is named before already.
    Repeated,
    /// Another upload has its bytes.
    Joined,
    Gone,
    NotPartial,
    Unfinished,
}

/// Joins parts in this order, and queues the import of the whole. Parts that were joined in this order before give
/// what they were joined into. Commits the caller's transaction.
pub async fn join_uploads(
    ingestion: &Ingestion,
    mut tx: VendorTx,
    mode: ImportMode,
    parameters: ImportParameters,
    parts: &[UploadId],
    metadata: Option<&str>,
) -> Result<ResumableUpload, IngestionError> {
    let rows = lock_parts(&mut tx, parts).await?;
    if let Some(joined) = joined_before(&mut tx, &rows, parts).await? {
        tx.roll_back().await?;
        return Ok(joined);
    }
    check_parts(&rows, tx.now())?;
    if rows.iter().any(|row| row.mode != mode) {
        let detail = "is another than that of the parts".to_owned();
        return Err(IngestionError::ParameterInvalid { pointer: "/mode", detail });
    }
    let (limit, length) = (ingestion.settings.file_bytes_max, rows.iter().map(|row| row.offset).sum::<u64>());
    match length {
        0 => return Err(IngestionError::Empty),
        length if length > limit => return Err(IngestionError::TooLarge { limit }),
        _ => {}
    }
    let opened = open_receiving(&mut tx, mode, parameters, Spool::folder_path).await?;
    let sealed = seal_metadata(&tx, opened.upload_id, metadata)?;
    store::mark_resumable(&mut tx, opened.upload_id, Some(length), sealed.as_deref()).await?;
    store::mark_final(&mut tx, opened.upload_id, parts, length).await?;
    let mut at = 0;
    for row in &rows {
        store::take_pieces(&mut tx, opened.upload_id, row.id, at).await?;
        at += row.offset;
    }
    store::mark_joined(&mut tx, parts, opened.upload_id).await?;
    ending::drop_jobs(&mut tx, rows.iter().map(|row| row.job_id)).await?;
    let place = Place {
        ingestion: ingestion.clone(),
        database: tx.database().clone(),
        scope: tx.scope(),
        actor: tx.actor().clone(),
        mode,
        job_id: opened.job_id,
        upload_id: opened.upload_id,
        parameters: opened.parameters,
    };
    let queued = place.queue(&mut tx, length).await?;
    let upload = find_resumable(&mut tx, opened.upload_id).await?;
    tx.commit().await?;
    ingestion.wake.enqueued(&queued);
    Ok(upload)
}

/// The parts in the order asked for, their rows locked in the order of their ids.
async fn lock_parts(tx: &mut VendorTx, parts: &[UploadId]) -> Result<Vec<ResumableRow>, IngestionError> {
    store::lock_uploads(tx, parts).await?;
    let mut rows = Vec::with_capacity(parts.len());
    for part in parts {
        rows.push(store::find_resumable(tx, *part).await?.ok_or(IngestionError::UploadNotFound)?);
    }
    Ok(rows)
}

/// Behind the locks: what was looked at before may have changed.
fn check_parts(rows: &[ResumableRow], now: DateTime<Utc>) -> Result<(), IngestionError> {
    for (index, row) in rows.iter().enumerate() {
        let fault = if rows[..index].iter().any(|before| before.id == row.id) {
            PartFault::Repeated
        } else if row.joined_into.is_some() {
            PartFault::Joined
        } else if ending::gone(row, now).is_some() {
            PartFault::Gone
        } else if row.concat != Concatenation::Partial {
            PartFault::NotPartial
        } else if row.state != "finished" {
            PartFault::Unfinished
        } else {
            continue;
        };
        return Err(IngestionError::PartUnusable { position: index + 1, fault });
    }
    Ok(())
}

/// Whoever lost the answer asks again.
async fn joined_before(
    tx: &mut VendorTx,
    rows: &[ResumableRow],
    parts: &[UploadId],
) -> Result<Option<ResumableUpload>, IngestionError> {
    let Some(into) = rows.first().and_then(|row| row.joined_into) else { return Ok(None) };
    let row = store::find_resumable(tx, into).await?.ok_or_else(|| {
        DbError::inconsistent(format!("upload {into} has joined parts and is gone before them"))
    })?;
    if row.concat != Concatenation::Final(parts.to_vec()) {
        return Ok(None);
    }
    match ending::gone(&row, tx.now()) {
        Some(gone) => Err(IngestionError::UploadGone(gone)),
        None => Ok(Some(view(tx, row)?)),
    }
}
