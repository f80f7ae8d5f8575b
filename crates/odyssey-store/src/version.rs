//! Files that somebody else puts into the store, and may replace at any moment: known by what they were.

use serde::{Deserialize, Serialize};

use crate::error::{Attempt, StoreError};
use crate::path::StorePath;
use crate::patience::persist;
use crate::reader::Reader;
use crate::resume::{self, Part, Ranged};
use crate::store::{Kind, Store};

/// One content under a path, told from any other that was there before or comes after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    pub byte_count: u64,
    /// The entity tag of an object store; of a disk the number of the file and when it was written last.
    pub tag: String,
}

/// On a disk nothing on the way to such a file may be a link, and the file has this one name: whoever may write into a
/// folder of the store cannot have another file read or removed.
impl Store {
    /// What lies under a path now; `None` where there is no file.
    pub async fn version(&self, path: &StorePath) -> Result<Option<Version>, StoreError> {
        match self.kind() {
            Kind::Disk(disk) => disk.version(path).await,
            Kind::S3(s3) => version(s3, path).await,
            Kind::Supabase(supabase) => version(supabase, path).await,
        }
    }

    /// Opens a file from this byte on. Where another lies there by now, that is said as [`crate::Cause::Corrupt`], by
    /// this or by the reader. A file of a disk that is written to while it is read is not noticed here: look at its
    /// version again once it is read.
    pub async fn open_version(
        &self,
        path: &StorePath,
        version: &Version,
        offset: u64,
    ) -> Result<Reader, StoreError> {
        match self.kind() {
            Kind::Disk(disk) => disk.open_version(path, version, offset).await,
            Kind::S3(s3) => resume::open_version(s3, path, version, offset).await,
            Kind::Supabase(supabase) => resume::open_version(supabase, path, version, offset).await,
        }
    }

    /// Removes a file if it is still this one; says whether nothing lies there any more. One that comes between the
    /// look and the removal, on a store across the network, is removed with it.
    pub async fn remove_version(&self, path: &StorePath, version: &Version) -> Result<bool, StoreError> {
        if let Kind::Disk(disk) = self.kind() {
            return disk.remove_version(path, version).await;
        }
        match self.version(path).await? {
            None => Ok(true),
            Some(found) if found == *version => self.remove(path).await.map(|()| true),
            Some(_) => Ok(false),
        }
    }
}

/// By the answer that would give the bytes, so that a version is the same whoever looks.
async fn version<R: Ranged>(store: &R, path: &StorePath) -> Result<Option<Version>, StoreError> {
    match persist(store.patience(), || store.part(path, 0)).await {
        Ok(part) => of_part(path, &part).map(Some),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn of_part(path: &StorePath, part: &Part) -> Result<Version, StoreError> {
    let tag = part.tag.clone().ok_or_else(|| {
        let attempt = Attempt::at("look up", path);
        StoreError::refused(&attempt, "it gives no entity tags, so that a file that changes is not noticed")
    })?;
    Ok(Version { byte_count: part.byte_count, tag })
}

pub(crate) fn replaced(path: &StorePath) -> StoreError {
    StoreError::corrupt(&Attempt::at("read", path), "the file is another one than it was")
}
