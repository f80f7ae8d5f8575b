//! One store, of whichever kind the settings say.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use tokio::runtime::Handle;

use crate::disk::Disk;
use crate::error::StoreError;
use crate::listing::Listing;
use crate::path::StorePath;
use crate::reader::{BlockingReader, Reader};
use crate::resume;
use crate::s3::S3;
use crate::settings::{SettingsError, StoreSettings};
use crate::supabase::Supabase;
use crate::writer::{BlockingWriter, Writer};

/// A place for files. Cheap to clone; clones are the same store.
#[derive(Debug, Clone)]
pub struct Store(Kind);

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Disk(Disk),
    S3(S3),
    Supabase(Supabase),
}

impl Store {
    /// The store that the settings say. Nobody is asked yet: [`Store::check`] does.
    pub fn new(settings: &StoreSettings) -> Result<Self, SettingsError> {
        Ok(Self(match settings {
            StoreSettings::Disk(settings) => Kind::Disk(Disk::new(settings.root.clone())),
            StoreSettings::S3(settings) => Kind::S3(S3::new(settings)?),
            StoreSettings::Supabase(settings) => Kind::Supabase(Supabase::new(settings)?),
        }))
    }

    pub(crate) const fn kind(&self) -> &Kind {
        &self.0
    }

    /// A folder of this machine.
    pub const fn on_disk(root: PathBuf) -> Self {
        Self(Kind::Disk(Disk::new(root)))
    }

    /// Starts a file. Within a runtime only: the work is done by a task of its own. What is wrong with the store is
    /// said by the first write that meets it, or by [`Writer::finish`].
    pub fn create(&self, path: &StorePath) -> Writer {
        self.start(&Handle::current(), path)
    }

    /// Starts a file that a thread writes which may block.
    pub fn create_blocking(&self, runtime: &Handle, path: &StorePath) -> Result<BlockingWriter, StoreError> {
        match &self.0 {
            Kind::Disk(disk) => Ok(BlockingWriter::disk(disk.draft(path)?)),
            Kind::S3(_) | Kind::Supabase(_) => Ok(BlockingWriter::remote(self.start(runtime, path))),
        }
    }

    fn start(&self, runtime: &Handle, path: &StorePath) -> Writer {
        let at = path.clone();
        match self.0.clone() {
            // Its end of the pieces is all that a disk need know of.
            Kind::Disk(disk) => Writer::start(runtime, path, move |inbox, _gone| disk.write(at, inbox)),
            Kind::S3(s3) => Writer::start(runtime, path, move |inbox, gone| s3.write(at, inbox, gone)),
            Kind::Supabase(supabase) => {
                Writer::start(runtime, path, move |inbox, gone| supabase.write(at, inbox, gone))
            }
        }
    }

    /// Opens a file.
    pub async fn open(&self, path: &StorePath) -> Result<Reader, StoreError> {
        self.open_at(path, 0).await
    }

    /// Opens a file from this byte on. Behind its end there is nothing to read.
    pub async fn open_at(&self, path: &StorePath, offset: u64) -> Result<Reader, StoreError> {
        match &self.0 {
            Kind::Disk(disk) => disk.open(path, offset).await,
            Kind::S3(s3) => resume::open(s3, path, offset).await,
            Kind::Supabase(supabase) => resume::open(supabase, path, offset).await,
        }
    }

    /// Opens a file on a thread that may block. Not for a thread that runs async tasks.
    pub fn open_blocking(&self, runtime: &Handle, path: &StorePath) -> Result<BlockingReader, StoreError> {
        match &self.0 {
            Kind::Disk(disk) => disk.open_blocking(path),
            Kind::S3(_) | Kind::Supabase(_) => Ok(runtime.block_on(self.open(path))?.into_blocking()),
        }
    }

    /// Bytes of a file; `None` where there is none.
    pub async fn size(&self, path: &StorePath) -> Result<Option<u64>, StoreError> {
        match &self.0 {
            Kind::Disk(disk) => disk.size(path).await,
            Kind::S3(s3) => s3.size(path).await,
            Kind::Supabase(supabase) => supabase.size(path).await,
        }
    }

    /// Removes a file; one that is gone already is as good.
    pub async fn remove(&self, path: &StorePath) -> Result<(), StoreError> {
        match &self.0 {
            Kind::Disk(disk) => disk.remove(path).await,
            Kind::S3(s3) => s3.remove(path).await,
            Kind::Supabase(supabase) => supabase.remove(path).await,
        }
    }

    /// Removes a folder with everything in it; one that is gone already is as good. Not in one step: after an error
    /// some of it may be gone.
    pub async fn remove_folder(&self, folder: &StorePath) -> Result<(), StoreError> {
        match &self.0 {
            Kind::Disk(disk) => disk.remove_folder(folder).await,
            Kind::S3(s3) => s3.remove_folder(folder).await,
            Kind::Supabase(supabase) => supabase.remove_folder(folder).await,
        }
    }

    /// Names of the folders in a folder, or in the root. On a disk one that became empty may still be told of.
    pub async fn folders(&self, within: Option<&StorePath>) -> Result<Vec<String>, StoreError> {
        match &self.0 {
            Kind::Disk(disk) => disk.folders(within).await,
            Kind::S3(s3) => s3.folders(within).await,
            Kind::Supabase(supabase) => supabase.folders(within).await,
        }
    }

    /// The files of a folder, or of the whole store. Within a runtime only.
    pub fn list(&self, within: Option<&StorePath>) -> Listing {
        match &self.0 {
            Kind::Disk(disk) => disk.list(within),
            Kind::S3(s3) => s3.list(within),
            Kind::Supabase(supabase) => supabase.list(within),
        }
    }

    /// Ends what was begun before this moment, never finished, and lies at the store where no listing shows it; says
    /// how much. A disk has nothing of the kind, and Supabase ends its own after a day. Nothing that is still being
    /// written may be as old.
    pub async fn end_unfinished(
        &self,
        begun_before: DateTime<Utc>,
        is_ours: impl Fn(&StorePath) -> bool,
    ) -> Result<u64, StoreError> {
        match &self.0 {
            Kind::S3(s3) => s3.end_unfinished(begun_before, is_ours).await,
            Kind::Disk(_) | Kind::Supabase(_) => Ok(0),
        }
    }

    /// Asks the store once, for readiness: whether it is there and lets us in. A disk is written to as well; of an
    /// object store the right to write is not tried.
    pub async fn check(&self) -> Result<(), StoreError> {
        match &self.0 {
            Kind::Disk(disk) => disk.check().await,
            Kind::S3(s3) => s3.check().await,
            Kind::Supabase(supabase) => supabase.check().await,
        }
    }
}
