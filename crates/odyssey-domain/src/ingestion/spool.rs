//! Uploads in the store: sealed while they arrive, durable before anybody relies on them.

use std::io::{self, Write};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use odyssey_store::{BlockingReader, BlockingWriter, PathError, Store, StoreError, StorePath};
use odyssey_types::{UploadId, VendorId};
use odyssey_vault::{FileKey, FrameSealer, VaultError};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::IngestionError;

/// Pieces of a body that may wait for the store: with 64 KiB a piece, half a mebibyte an upload.
const PIECES_WAITING_MAX: usize = 8;

/// What the name of a file ends with; a path without it is a folder of pieces.
const FILE_SUFFIX: &str = ".sealed";

/// The folder of inboxes, one a vendor: the only one whose files are not ours, and not sealed.
const INBOXES: &str = "inbox";

/// The waiting uploads: on a disk, or in an object store.
#[derive(Debug, Clone)]
pub struct Spool {
    store: Store,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    pub byte_count: u64,
    /// Over the bytes as they were sent.
    pub sha256: [u8; 32],
}

enum Piece {
    Bytes(Bytes),
    /// Everything has arrived. Without it, an end of the pieces means that the sender is gone.
    End,
}

/// One upload being written by a thread that may block.
#[derive(Debug)]
pub(super) struct SpoolWriter {
    pieces: mpsc::Sender<Piece>,
    thread: JoinHandle<Result<Written, IngestionError>>,
}

impl Spool {
    /// The whole of a store: whatever lies in it under the id of a vendor is the spool's, and what lies in the folder
    /// of inboxes is the vendors'.
    pub const fn new(store: Store) -> Self {
        Self { store }
    }

    /// Whether the store is there and lets us in.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.store.check().await
    }

    /// Where an upload lies within the spool: ids only, never the vendor's name for the file.
    pub(super) fn relative_path(vendor_id: VendorId, upload_id: UploadId) -> String {
        format!("{vendor_id}/{upload_id}{FILE_SUFFIX}")
    }

    /// Where the pieces of an upload lie that arrives in several requests.
    pub(super) fn folder_path(vendor_id: VendorId, upload_id: UploadId) -> String {
        format!("{vendor_id}/{upload_id}")
    }

    /// Where a piece lies within the folder of its upload.
    pub(super) fn piece_path(folder: &str, piece_id: UploadId) -> String {
        format!("{folder}/{piece_id}{FILE_SUFFIX}")
    }

    /// The inbox of a vendor.
    pub(super) fn inbox_of(vendor_id: VendorId) -> String {
        format!("{INBOXES}/{vendor_id}")
    }

    /// Where an object lies that the vendor knows by this name.
    pub(super) fn object_path(vendor_id: VendorId, name: &str) -> Result<StorePath, PathError> {
        StorePath::named_by_others(&StorePath::parse(&Self::inbox_of(vendor_id))?, name)
    }

    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    /// Starts a new file. It is there once the writer has finished, and not before.
    pub(super) fn create(&self, relative: &str, key: FileKey) -> SpoolWriter {
        let (store, runtime, relative) = (self.store.clone(), Handle::current(), relative.to_owned());
        let (pieces, waiting) = mpsc::channel(PIECES_WAITING_MAX);
        let thread = tokio::task::spawn_blocking(move || {
            let path = StorePath::parse(&relative).map_err(StoreError::from)?;
            // Given up by being dropped: no part of it can be read under the path.
            write_file(store.create_blocking(&runtime, &path)?, &key, waiting)
        });
        SpoolWriter { pieces, thread }
    }

    /// Opens a sealed file for reading. On a thread that may block.
    pub(super) fn open(&self, relative: &str) -> Result<BlockingReader, StoreError> {
        self.store.open_blocking(&Handle::current(), &StorePath::parse(relative)?)
    }

    /// Removes a file, or a folder of pieces; one that is gone already is as good.
    pub(super) async fn remove(&self, relative: &str) -> Result<(), IngestionError> {
        let path = StorePath::parse(relative).map_err(StoreError::from)?;
        if relative.ends_with(FILE_SUFFIX) {
            self.store.remove(&path).await?;
        } else {
            self.store.remove_folder(&path).await?;
        }
        Ok(())
    }

    /// The vendors that have a folder here.
    pub(super) async fn vendors(&self) -> Result<Vec<VendorId>, IngestionError> {
        self.vendors_within(None).await
    }

    /// The vendors that have an inbox.
    pub(super) async fn inboxes(&self) -> Result<Vec<VendorId>, IngestionError> {
        let inboxes = StorePath::parse(INBOXES).map_err(StoreError::from)?;
        self.vendors_within(Some(&inboxes)).await
    }

    async fn vendors_within(&self, folder: Option<&StorePath>) -> Result<Vec<VendorId>, IngestionError> {
        let folders = self.store.folders(folder).await?;
        // Whatever else lies here is not ours to judge.
        Ok(folders.iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// Ends what was begun at the store before this moment and is written by nobody any more; says how much. What is of
    /// the vendors that are `kept` stays.
    pub(super) async fn end_unfinished(
        &self,
        begun_before: DateTime<Utc>,
        kept: &[Uuid],
    ) -> Result<u64, StoreError> {
        let vendor_of = |path: &StorePath| path.as_str().split('/').next()?.parse::<VendorId>().ok();
        // Whatever else lies here is not ours to judge.
        let is_ours = |path: &StorePath| vendor_of(path).is_some_and(|id| !kept.contains(&id.as_uuid()));
        self.store.end_unfinished(begun_before, is_ours).await
    }

    /// Removes a vendor's folder with everything in it.
    pub(super) async fn remove_vendor(&self, vendor_id: VendorId) -> Result<(), IngestionError> {
        let path = StorePath::parse(&vendor_id.to_string()).map_err(StoreError::from)?;
        Ok(self.store.remove_folder(&path).await?)
    }

    /// Removes a vendor's inbox with everything in it.
    pub(super) async fn remove_inbox(&self, vendor_id: VendorId) -> Result<(), IngestionError> {
        let path = StorePath::parse(&Self::inbox_of(vendor_id)).map_err(StoreError::from)?;
        Ok(self.store.remove_folder(&path).await?)
    }
}

impl SpoolWriter {
    /// Hands bytes over; waits while the store is behind.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), IngestionError> {
        if self.pieces.send(Piece::Bytes(bytes)).await.is_ok() {
            return Ok(());
        }
        Err(self.fault().await)
    }

    /// Waits until everything is durable.
    pub async fn finish(mut self) -> Result<Written, IngestionError> {
        if self.pieces.send(Piece::End).await.is_err() {
            return Err(self.fault().await);
        }
        self.thread.await.map_err(|_| IngestionError::UploadClosed)?
    }

    /// Why the thread has stopped taking pieces.
    async fn fault(&mut self) -> IngestionError {
        match (&mut self.thread).await {
            Ok(Err(error)) => error,
            Ok(Ok(_)) | Err(_) => IngestionError::UploadClosed,
        }
    }
}

fn write_file(
    file: BlockingWriter,
    key: &FileKey,
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<Written, IngestionError> {
    let mut sealer = FrameSealer::new(key, file).map_err(sealing)?;
    let (mut hash, mut byte_count) = (Sha256::new(), 0);
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Bytes(bytes)) => {
                sealer.write_all(&bytes).map_err(|error| failed("written", error))?;
                hash.update(&bytes);
                byte_count += bytes.len() as u64;
            }
            Some(Piece::End) => break,
            None => return Err(IngestionError::UploadClosed),
        }
    }
    sealer.finish().map_err(sealing)?.finish()?;
    Ok(Written { byte_count, sha256: hash.finalize().into() })
}

/// What the sealing of a file has met: of a fault of the store, the store's own word.
fn sealing(error: VaultError) -> IngestionError {
    match error {
        VaultError::Stream { source, .. } => failed("written", source),
        other => other.into(),
    }
}

/// A fault of reading or writing: of the store, the store's own word.
pub(super) fn failed(attempt: &'static str, error: io::Error) -> IngestionError {
    match error.downcast::<StoreError>() {
        Ok(error) => error.into(),
        Err(source) => IngestionError::Spool { attempt, source },
    }
}
