//! Uploads on disk: sealed while they arrive, synced before anybody relies on them.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{BufReader, BufWriter, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use odyssey_types::{UploadId, VendorId};
use odyssey_vault::{FileKey, FrameSealer};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::IngestionError;

/// Pieces of a body that may wait for the disk: with 64 KiB a piece, half a mebibyte an upload.
const PIECES_WAITING_MAX: usize = 8;

/// Folders between a file and the spool's own, at most: of the upload, of the vendor, and the root.
const FOLDERS_SYNCED: usize = 3;

/// The folder of waiting uploads.
#[derive(Debug, Clone)]
pub struct Spool {
    root: PathBuf,
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
    pub const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where an upload lies within the spool: ids only, never the vendor's name for the file.
    pub(super) fn relative_path(vendor_id: VendorId, upload_id: UploadId) -> String {
        format!("{vendor_id}/{upload_id}.sealed")
    }

    /// Where the pieces of an upload lie that arrives in several requests.
    pub(super) fn folder_path(vendor_id: VendorId, upload_id: UploadId) -> String {
        format!("{vendor_id}/{upload_id}")
    }

    /// Starts a new file, readable by its owner only.
    pub(super) fn create(&self, relative: &str, key: FileKey) -> SpoolWriter {
        let path = self.root.join(relative);
        let (pieces, waiting) = mpsc::channel(PIECES_WAITING_MAX);
        let thread = tokio::task::spawn_blocking(move || {
            let written = write_file(&path, &key, waiting);
            if written.is_err() {
                // The fault that matters is the one above; what cannot be removed, the purge finds.
                remove_file(&path)
                    .unwrap_or_else(|error| tracing::warn!(%error, "A broken upload stays in the spool"));
            }
            written
        });
        SpoolWriter { pieces, thread }
    }

    /// Opens a sealed file for reading.
    pub(super) fn open(&self, relative: &str) -> Result<BufReader<File>, IngestionError> {
        let file = File::open(self.root.join(relative)).map_err(|error| failed("opened", error))?;
        Ok(BufReader::with_capacity(1 << 17, file))
    }

    /// Removes a file, or a folder of pieces; one that is gone already is as good.
    pub(super) fn remove(&self, relative: &str) -> Result<(), IngestionError> {
        let path = self.root.join(relative);
        if path.is_dir() { remove_folder(&path) } else { remove_file(&path) }
    }
}

impl Spool {
    /// The vendors that have a folder here.
    pub(super) fn vendors(&self) -> Result<Vec<VendorId>, IngestionError> {
        let entries = match std::fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("listed", error)),
        };
        let mut vendors = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| failed("listed", error))?.file_name();
            // Whatever else lies here is not ours to judge.
            vendors.extend(name.to_str().and_then(|name| name.parse::<VendorId>().ok()));
        }
        Ok(vendors)
    }

    /// Removes a vendor's folder with everything in it.
    pub(super) fn remove_vendor(&self, vendor_id: VendorId) -> Result<(), IngestionError> {
        remove_folder(&self.root.join(vendor_id.to_string()))
    }
}

impl SpoolWriter {
    /// Hands bytes over; waits while the disk is behind.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), IngestionError> {
        if self.pieces.send(Piece::Bytes(bytes)).await.is_ok() {
            return Ok(());
        }
        Err(self.fault().await)
    }

    /// Waits until everything is on disk and synced.
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
    path: &Path,
    key: &FileKey,
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<Written, IngestionError> {
    let folder = path.parent().unwrap_or(path);
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| failed("made", error))?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let file = file.map_err(|error| failed("written", error))?;
    let mut sealer = FrameSealer::new(key, BufWriter::with_capacity(1 << 18, file))?;
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
    let file = sealer.finish()?.into_inner().map_err(|error| failed("written", error.into_error()))?;
    file.sync_all().map_err(|error| failed("synced", error))?;
    // The name of the file is an entry of its folder, and that of a new folder one of the folder above, up to the root.
    for folder in folder.ancestors().take(FOLDERS_SYNCED) {
        File::open(folder).and_then(|f| f.sync_all()).map_err(|error| failed("synced", error))?;
    }
    Ok(Written { byte_count, sha256: hash.finalize().into() })
}

fn remove_folder(path: &Path) -> Result<(), IngestionError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("removed", error)),
        _ => Ok(()),
    }
}

fn remove_file(path: &Path) -> Result<(), IngestionError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("removed", error)),
        _ => Ok(()),
    }
}

fn failed(attempt: &'static str, source: std::io::Error) -> IngestionError {
    IngestionError::Spool { attempt, source }
}
