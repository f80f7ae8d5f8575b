//! Uploads that arrive in several requests, of any protocol.
//!
//! A file lies in pieces, each sealed under a key of its own and synced before the offset moves behind it; the offset
//! in the row is all that a client is ever told. Whoever appends takes the upload over: the request that wrote before
//! can commit nothing more. So any process can serve any request, nobody waits for a dead one, and a process that dies
//! loses at most the piece it had in hand. The last piece, the end of the upload and the queued import are one
//! transaction.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use odyssey_types::{JobId, Phi, UploadId};
use odyssey_vault::Aad;
use uuid::Uuid;

use super::ending::{Gone, gone};
use super::parameters::StoredParameters;
use super::piece_writer::PieceWriter;
use super::quota::{self, admit_file};
use super::receive::{Place, open_receiving};
use super::spool::Spool;
use super::store::{self, ResumableRow};
use super::{ImportMode, ImportParameters, Ingestion, IngestionError};
use crate::audit::{self, AuditEvent};
use crate::db::{Database, DbError, VendorTx};
use crate::tenancy::{Actor, Purpose, VendorScope};

/// How far an upload is.
#[derive(Debug, Clone)]
pub struct ResumableUpload {
    pub id: UploadId,
    pub job_id: JobId,
    /// Bytes that are kept.
    pub offset: u64,
    pub length: Option<u64>,
    pub complete: bool,
    /// Why nothing more is to be had of it.
    pub gone: Option<Gone>,
    pub expires_at: DateTime<Utc>,
    /// What the client said of the file, as it said it.
    pub metadata: Option<Phi<String>>,
    pub concatenation: Concatenation,
}

/// Whether an upload is a part of another, or joins others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Concatenation {
    /// A file for itself.
    #[default]
    None,
    /// A part: nothing is imported before it is joined.
    Partial,
    /// These, in this order.
    Final(Vec<UploadId>),
}

/// Begins an upload without a byte of it; `is_partial`: of a part of one. Commits the caller's transaction.
pub async fn begin_resumable(
    ingestion: &Ingestion,
    mut tx: VendorTx,
    mode: ImportMode,
    parameters: ImportParameters,
    length: Option<u64>,
    metadata: Option<&str>,
    is_partial: bool,
) -> Result<ResumableUpload, IngestionError> {
    admit_file(ingestion, &mut tx, length).await?;
    let opened = open_receiving(&mut tx, mode, parameters, Spool::folder_path).await?;
    let sealed = seal_metadata(&tx, opened.upload_id, metadata)?;
    if is_partial {
        store::mark_partial(&mut tx, opened.upload_id).await?;
    }
    store::mark_resumable(&mut tx, opened.upload_id, length, sealed.as_deref()).await?;
    let row = store::find_resumable(&mut tx, opened.upload_id).await?;
    let upload = view(&tx, row.ok_or(IngestionError::UploadNotFound)?)?;
    tx.commit().await?;
    Ok(upload)
}

/// How far an upload of the vendor is.
pub async fn find_resumable(tx: &mut VendorTx, id: UploadId) -> Result<ResumableUpload, IngestionError> {
    let row = store::find_resumable(tx, id).await?.ok_or(IngestionError::UploadNotFound)?;
    view(tx, row)
}

pub(super) fn view(tx: &VendorTx, row: ResumableRow) -> Result<ResumableUpload, IngestionError> {
    let metadata = match &row.metadata_sealed {
        Some(sealed) => {
            let opened = tx.keys()?.open_vendor(&metadata_aad(tx, row.id), sealed)?;
            let text = String::from_utf8(opened.to_vec()).map_err(|_| {
                DbError::inconsistent(format!("the metadata of upload {} is no text", row.id))
            })?;
            Some(Phi::new(text))
        }
        None => None,
    };
    let gone = gone(&row, tx.now());
    Ok(ResumableUpload {
        id: row.id,
        job_id: row.job_id,
        offset: row.offset,
        length: row.length,
        complete: row.state == "finished",
        gone,
        expires_at: row.expires_at,
        metadata,
        concatenation: row.concat,
    })
}

pub(super) fn seal_metadata(
    tx: &VendorTx,
    id: UploadId,
    metadata: Option<&str>,
) -> Result<Option<Vec<u8>>, IngestionError> {
    let Some(text) = metadata else { return Ok(None) };
    Ok(Some(tx.keys()?.seal_vendor(&metadata_aad(tx, id), text.as_bytes())?))
}

fn metadata_aad(tx: &VendorTx, id: UploadId) -> Aad {
    Aad { vendor: tx.vendor_id(), row: id.as_uuid(), column: "uploads.metadata_sealed" }
}

/// A request that appends.
#[derive(Debug)]
pub struct Appending {
    ingestion: Ingestion,
    database: Database,
    scope: VendorScope,
    actor: Actor,
    row: ResumableRow,
    /// Where the first byte of the request stands.
    began_at: u64,
    writer: Uuid,
    /// Of the whole upload, as it is known now.
    length: Option<u64>,
    /// Of a request whose checksum is awaited, pieces are held back that no row speaks of.
    pieces: PieceWriter,
    holds_back: bool,
}

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// A full piece; more may follow.
    Piece,
    /// The end of the request.
    End,
    /// The end of the file.
    Whole,
}

/// Takes an upload over for writing. `length`: of the whole upload, as it is known from this request on.
/// `holds_back`: nothing is kept before [`Appending::end`], since a checksum decides over all of it.
pub async fn append_to(
    ingestion: &Ingestion,
    mut tx: VendorTx,
    id: UploadId,
    length: Option<u64>,
    holds_back: bool,
) -> Result<Appending, IngestionError> {
    let writer = Uuid::now_v7();
    store::take_writer(&mut tx, id, writer).await?;
    // Behind the lock of the row: whatever the writer before has committed is in it.
    let row = store::find_resumable(&mut tx, id).await?.ok_or(IngestionError::UploadNotFound)?;
    if row.fetched {
        // Its bytes come from the inbox, and nobody sends it any.
        return Err(IngestionError::UploadNotFound);
    }
    if let Some(gone) = gone(&row, tx.now()) {
        return Err(IngestionError::UploadGone(gone));
    }
    if row.state != "receiving" {
        return Err(IngestionError::UploadCompleted);
    }
    // What was announced counts from the beginning on.
    if row.length.is_none() && quota::room(ingestion, &mut tx).await? == 0 {
        return Err(quota::quota_exceeded(ingestion));
    }
    let (database, scope, actor) = (tx.database().clone(), tx.scope(), tx.actor().clone());
    // Who writes is seen by nobody; what is written, and the end, are audited.
    tx.mark_audited();
    tx.commit().await?;
    let pieces =
        PieceWriter::new(&ingestion.spool, &database, scope.vendor_id(), &row.spool_path, row.offset);
    let (ingestion, length, began_at) = (ingestion.clone(), length.or(row.length), row.offset);
    Ok(Appending { ingestion, database, scope, actor, row, began_at, writer, length, pieces, holds_back })
}

impl Appending {
    /// Where the first byte of this request stands.
    pub const fn offset(&self) -> u64 {
        self.began_at
    }

    /// Takes the next bytes; the offset moves behind every full piece.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), IngestionError> {
        while !bytes.is_empty() {
            // The piece that reaches the length waits: only the end of the body tells that no byte follows.
            if self.pieces.write(&mut bytes).await?
                && !self.holds_back
                && self.length.is_none_or(|length| self.pieces.reached() < length)
            {
                self.record(Reached::Piece).await?;
            }
        }
        Ok(())
    }

    /// The request is over: what has arrived is kept. `complete`: no byte follows, and the import is queued.
    pub async fn end(mut self, complete: bool) -> Result<ResumableUpload, IngestionError> {
        self.pieces.close().await?;
        if complete && self.pieces.reached() == 0 {
            return Err(IngestionError::Empty);
        }
        self.record(if complete { Reached::Whole } else { Reached::End }).await?;
        let mut tx = VendorTx::begin(&self.database, self.scope, self.actor.clone()).await?;
        let upload = find_resumable(&mut tx, self.row.id).await?;
        tx.roll_back().await?;
        Ok(upload)
    }

    /// Nothing of what was held back is kept.
    pub async fn discard(mut self) -> Result<(), IngestionError> {
        self.pieces.close().await?;
        self.pieces.remove_held().await
    }

    /// Moves the offset behind what lies on disk, if this request is still the one that writes.
    async fn record(&mut self, reached: Reached) -> Result<(), IngestionError> {
        let (from, to) = (self.pieces.recorded(), self.pieces.reached());
        let mut tx = VendorTx::begin(&self.database, self.scope, self.actor.clone()).await?;
        if !store::advance_upload(&mut tx, self.row.id, self.writer, from, to, self.length).await? {
            tx.roll_back().await?;
            self.pieces.remove_held().await?;
            return Err(self.why_lost().await?);
        }
        if self.row.length.is_none() && quota::is_exceeded(&self.ingestion, &mut tx).await? {
            tx.roll_back().await?;
            self.pieces.remove_held().await?;
            return Err(quota::quota_exceeded(&self.ingestion));
        }
        for piece in self.pieces.held() {
            store::insert_piece(&mut tx, self.row.id, piece).await?;
        }
        if reached == Reached::Piece {
            // Bytes of a request whose end is audited, or of one that broke off and may go on.
            tx.mark_audited();
        } else {
            let event = AuditEvent::new("import.append", "job", Purpose::Operations)
                .entity(self.row.job_id)
                .detail("byte_from", self.began_at)
                .detail("byte_to", to);
            audit::record(&mut tx, event).await?;
        }
        if reached == Reached::Whole {
            if !store::close_resumable(&mut tx, self.row.id, self.writer).await? {
                return Err(IngestionError::UploadTakenOver);
            }
            let queued = match self.row.concat {
                // It waits for what joins it.
                Concatenation::Partial => None,
                _ => Some(self.place()?.queue(&mut tx, to).await?),
            };
            tx.commit().await?;
            if let Some(queued) = queued {
                self.ingestion.wake.enqueued(&queued);
            }
        } else {
            tx.commit().await?;
        }
        self.pieces.settle();
        Ok(())
    }

    /// Why the bytes of this request count no more.
    async fn why_lost(&self) -> Result<IngestionError, IngestionError> {
        let mut tx = VendorTx::begin(&self.database, self.scope, self.actor.clone()).await?;
        let upload = find_resumable(&mut tx, self.row.id).await?;
        tx.roll_back().await?;
        Ok(match upload.gone {
            Some(gone) => IngestionError::UploadGone(gone),
            None if upload.complete => IngestionError::UploadCompleted,
            None => IngestionError::UploadTakenOver,
        })
    }

    fn place(&self) -> Result<Place, IngestionError> {
        let parameters: StoredParameters =
            serde_json::from_value(self.row.parameters.clone()).map_err(|_| {
                DbError::inconsistent(format!("the parameters of upload {} cannot be read", self.row.id))
            })?;
        Ok(Place {
            ingestion: self.ingestion.clone(),
            database: self.database.clone(),
            scope: self.scope,
            actor: self.actor.clone(),
            mode: self.row.mode,
            job_id: self.row.job_id,
            upload_id: self.row.id,
            parameters,
        })
    }
}
