//! Files that somebody else puts onto the disk. Each folder on the way is opened from the one above it, and none may be
//! a link: a name checked first and opened then could have become one in between.

use std::fs::{File, Metadata};
use std::io::{self, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, fsync, open, openat, unlinkat};
use rustix::io::Errno;

use super::{Disk, blocking, fault, read_on};
use crate::error::{Attempt, StoreError};
use crate::path::StorePath;
use crate::reader::Reader;
use crate::version::{Version, replaced};

/// A plain file, and the folder that it was found in.
struct Found {
    folder: OwnedFd,
    file: File,
    version: Version,
}

impl Disk {
    pub async fn version(&self, path: &StorePath) -> Result<Option<Version>, StoreError> {
        Ok(self.find("look up", path).await?.map(|found| found.version))
    }

    pub async fn open_version(
        &self,
        path: &StorePath,
        version: &Version,
        from: u64,
    ) -> Result<Reader, StoreError> {
        let attempt = Attempt::at("read", path);
        let found = self.find("read", path).await?.ok_or_else(|| attempt.not_found())?;
        if found.version != *version {
            return Err(replaced(path));
        }
        let (mut file, byte_count) = (found.file, version.byte_count);
        file.seek(SeekFrom::Start(from)).map_err(|error| fault(&attempt, &error))?;
        let (chunks, reader) = Reader::new(path, byte_count, from);
        tokio::spawn(read_on(file, byte_count.saturating_sub(from), path.clone(), chunks));
        Ok(reader)
    }

    pub async fn remove_version(&self, path: &StorePath, version: &Version) -> Result<bool, StoreError> {
        let Some(found) = self.find("remove", path).await? else { return Ok(true) };
        if found.version != *version {
            return Ok(false);
        }
        let at = path.clone();
        blocking(&Attempt::at("remove", path), move || {
            let removed =
                unlinkat(&found.folder, at.name(), AtFlags::empty()).and_then(|()| fsync(&found.folder));
            match removed {
                Ok(()) | Err(Errno::NOENT) => Ok(true),
                Err(error) => Err(fault(&Attempt::at("remove", &at), &error.into())),
            }
        })
        .await
    }

    async fn find(&self, verb: &'static str, path: &StorePath) -> Result<Option<Found>, StoreError> {
        let (root, at) = (self.root.clone(), path.clone());
        blocking(&Attempt::at(verb, path), move || {
            find(&root, &at).map_err(|error| fault(&Attempt::at(verb, &at), &error))
        })
        .await
    }
}

/// `None` for whatever is no plain file of one name, reached through plain folders.
fn find(root: &Path, path: &StorePath) -> io::Result<Option<Found>> {
    let folder_flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // The root itself is the operator's, who may have it wherever a link leads.
    let mut folder = match open(root, folder_flags, Mode::empty()) {
        Ok(folder) => folder,
        Err(error) => return absent(error),
    };
    let (above, name) = path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()));
    for segment in above.split('/').filter(|segment| !segment.is_empty()) {
        folder = match openat(&folder, segment, folder_flags | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(folder) => folder,
            Err(error) => return absent(error),
        };
    }
    // A pipe would be waited for.
    let file_flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match openat(&folder, name, file_flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(error) => return absent(error),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.nlink() != 1 {
        return Ok(None);
    }
    Ok(Some(Found { folder, version: version_of(&metadata), file }))
}

/// Nothing there, a link, a socket, or a file where a folder would have to be.
fn absent(error: Errno) -> io::Result<Option<Found>> {
    match error {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO => Ok(None),
        error => Err(error.into()),
    }
}

/// Whoever writes to a file moves its time; whoever puts another there, its number.
fn version_of(metadata: &Metadata) -> Version {
    let tag = format!("{:x}-{:x}.{:x}", metadata.ino(), metadata.mtime(), metadata.mtime_nsec());
    Version { byte_count: metadata.len(), tag }
}
