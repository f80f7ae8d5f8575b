//! Files on a disk of this machine.
//!
//! Promises: folders are 0700 and files 0600; a file appears under its path whole and synced, with the folders above
//! it, or not at all. A process that is killed leaves a draft behind, which [`Disk::remove`] of the same path and
//! [`Disk::remove_folder`] take away.

mod draft;
mod foreign;
mod list;
#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

pub(crate) use draft::Draft;

use crate::error::{Attempt, StoreError};
use crate::listing::Listing;
use crate::path::StorePath;
use crate::reader::{BlockingReader, Chunk, Reader};
use crate::writer::{Ended, Inbox};

/// Bytes taken from the disk at once, and given to it at once.
const BATCH_BYTES: u64 = 1 << 18;

/// A folder, and everything in it.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    root: PathBuf,
}

impl Disk {
    pub const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn place(&self, path: &StorePath) -> PathBuf {
        self.root.join(path.as_str())
    }

    /// Writes a file. No thread is held while nothing arrives.
    pub async fn write(self, path: StorePath, mut inbox: Inbox) -> Result<Ended, StoreError> {
        let mut draft = blocking(&Attempt::at("write", &path), {
            let (disk, path) = (self, path.clone());
            move || disk.draft(&path)
        })
        .await?;
        let attempt = Attempt::at("write", &path);
        let mut gathered = BytesMut::new();
        while let Ok(is_all) = inbox.fill(&mut gathered, BATCH_BYTES as usize).await {
            let bytes = gathered.split().freeze();
            draft = blocking(&attempt, move || draft.append(&bytes)).await?;
            if is_all {
                return blocking(&attempt, move || draft.publish()).await.map(Ended::Finished);
            }
        }
        blocking(&attempt, move || draft.discard()).await?;
        Ok(Ended::GivenUp)
    }

    pub fn draft(&self, path: &StorePath) -> Result<Draft, StoreError> {
        Draft::begin(&self.root, path)
    }

    pub async fn open(&self, path: &StorePath, from: u64) -> Result<Reader, StoreError> {
        let attempt = Attempt::at("read", path);
        let (disk, at) = (self.clone(), path.clone());
        let (mut file, byte_count) = blocking(&attempt, move || disk.open_file(&at)).await?;
        file.seek(SeekFrom::Start(from)).map_err(|error| fault(&attempt, &error))?;
        let (chunks, reader) = Reader::new(path, byte_count, from);
        tokio::spawn(read_on(file, byte_count.saturating_sub(from), path.clone(), chunks));
        Ok(reader)
    }

    pub fn open_blocking(&self, path: &StorePath) -> Result<BlockingReader, StoreError> {
        let (file, byte_count) = self.open_file(path)?;
        Ok(BlockingReader::disk(file, path, byte_count))
    }

    fn open_file(&self, path: &StorePath) -> Result<(File, u64), StoreError> {
        let attempt = Attempt::at("read", path);
        let file = File::open(self.place(path)).map_err(|error| fault(&attempt, &error))?;
        let metadata = file.metadata().map_err(|error| fault(&attempt, &error))?;
        // A folder can be opened, too.
        if metadata.is_file() { Ok((file, metadata.len())) } else { Err(attempt.not_found()) }
    }

    pub async fn size(&self, path: &StorePath) -> Result<Option<u64>, StoreError> {
        let attempt = Attempt::at("look up", path);
        let (place, at) = (self.place(path), path.clone());
        blocking(&attempt, move || match fs::metadata(place) {
            Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(fault(&Attempt::at("look up", &at), &error)),
        })
        .await
    }

    pub async fn remove(&self, path: &StorePath) -> Result<(), StoreError> {
        let (place, at) = (self.place(path), path.clone());
        let attempt = Attempt::at("remove", path);
        blocking(&attempt, move || {
            remove_file(&place, &at).map_err(|e| fault(&Attempt::at("remove", &at), &e))
        })
        .await
    }

    pub async fn remove_folder(&self, folder: &StorePath) -> Result<(), StoreError> {
        let (place, at) = (self.place(folder), folder.clone());
        let attempt = Attempt::at("remove", folder);
        blocking(&attempt, move || remove_folder(&place).map_err(|e| fault(&Attempt::at("remove", &at), &e)))
            .await
    }

    pub async fn folders(&self, within: Option<&StorePath>) -> Result<Vec<String>, StoreError> {
        let (disk, at) = (self.clone(), within.cloned());
        blocking(&Attempt::within("list", within), move || list::folders(&disk.root, at.as_ref())).await
    }

    pub fn list(&self, within: Option<&StorePath>) -> Listing {
        let (pages, listing) = Listing::new();
        let (root, within) = (self.root.clone(), within.cloned());
        tokio::task::spawn_blocking(move || {
            let result = list::files(&root, within.as_ref(), &pages);
            pages.blocking_end(result);
        });
        listing
    }

    /// Whether files can be made here at all.
    pub async fn check(&self) -> Result<(), StoreError> {
        let disk = self.clone();
        blocking(&Attempt::within("use", None), move || draft::try_out(&disk.root)).await
    }
}

/// Sends what is left of a file; a thread is held for one read at a time only.
async fn read_on(file: File, byte_count: u64, path: StorePath, chunks: mpsc::Sender<Chunk>) {
    let attempt = Attempt::at("read", &path);
    let (mut file, mut left) = (file, byte_count);
    while left > 0 {
        let (wanted, at) = (left.min(BATCH_BYTES), path.clone());
        let read = blocking(&attempt, move || {
            let bytes = read_some(&mut file, wanted).map_err(|e| fault(&Attempt::at("read", &at), &e))?;
            Ok((file, bytes))
        });
        let bytes = match read.await {
            Ok((same, bytes)) => {
                file = same;
                bytes
            }
            Err(error) => {
                let told = chunks.send(Err(error)).await;
                tracing::trace!(heard = told.is_ok(), "A file could not be read to its end");
                return;
            }
        };
        left -= bytes.len() as u64;
        if chunks.send(Ok(bytes)).await.is_err() {
            return;
        }
    }
}

fn read_some(file: &mut File, wanted: u64) -> io::Result<Bytes> {
    let mut bytes = Vec::with_capacity(wanted as usize);
    file.take(wanted).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < wanted {
        return Err(became_shorter());
    }
    Ok(bytes.into())
}

pub(crate) fn became_shorter() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the file became shorter while it was read")
}

/// One that is gone already is as good.
fn remove_file(place: &Path, path: &StorePath) -> io::Result<()> {
    let Some(folder) = place.parent() else { return Ok(()) };
    let removed = gone_is_good(fs::remove_file(place))?;
    let drafts = draft::remove_left(folder, path)?;
    if removed || drafts { sync_folder(folder) } else { Ok(()) }
}

fn remove_folder(place: &Path) -> io::Result<()> {
    let removed = gone_is_good(fs::remove_dir_all(place))?;
    match place.parent() {
        Some(above) if removed => sync_folder(above),
        _ => Ok(()),
    }
}

/// Whether there was something.
fn gone_is_good(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Nothing there, or a file where a folder would have to be.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// What happened to the names in a folder is on disk once this returns. A folder that is gone has none.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match OpenOptions::new().read(true).open(folder) {
        Ok(folder) => folder.sync_all(),
        Err(error) if is_absent(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

pub(crate) fn fault(attempt: &Attempt<'_>, error: &io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => attempt.not_found(),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::IsADirectory => {
            StoreError::refused(
                attempt,
                format!("{error}; check the owner and the mode of the store's folder"),
            )
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            StoreError::full(attempt, format!("{error}; make room on the disk of the store's folder"))
        }
        ErrorKind::UnexpectedEof => StoreError::corrupt(attempt, error.to_string()),
        _ => StoreError::unreachable(attempt, format!("{error}; look at the disk of the store's folder")),
    }
}

/// The same for who reads or writes by `std::io`, where an interrupted call is begun again.
pub(crate) fn io_fault(attempt: &Attempt<'_>, error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::Interrupted { error } else { fault(attempt, &error).into() }
}

/// Does a piece of work on a thread that may block.
async fn blocking<T, F>(attempt: &Attempt<'_>, work: F) -> Result<T, StoreError>
where
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
    T: Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(StoreError::unreachable(attempt, "the process is shutting down")),
    }
}
