//! What lies in a folder of the disk. Whatever has a name that is none of ours is not ours to judge.

use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::{fault, is_absent};
use crate::error::{Attempt, StoreError};
use crate::listing::{PAGE_FILES_MAX, Pages, StoredFile};
use crate::path::{StorePath, is_segment};

pub(super) fn folders(root: &Path, within: Option<&StorePath>) -> Result<Vec<String>, StoreError> {
    let read = || -> io::Result<Vec<String>> {
        let mut folders = Vec::new();
        for entry in entries(root, within)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.extend(entry.file_name().into_string().ok().filter(|name| is_segment(name)));
            }
        }
        folders.sort_unstable();
        Ok(folders)
    };
    read().map_err(|error| fault(&Attempt::within("list", within), &error))
}

/// Sends the files of a folder and of all folders in it.
pub(super) fn files(root: &Path, within: Option<&StorePath>, pages: &Pages) -> Result<(), StoreError> {
    let mut folders = vec![within.cloned()];
    let mut page = Vec::new();
    while let Some(folder) = folders.pop() {
        let folder = folder.as_ref();
        let failed = |error: io::Error| fault(&Attempt::within("list", folder), &error);
        for entry in entries(root, folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let Some(path) = name.to_str().and_then(|name| StorePath::below(folder, name)) else { continue };
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(Some(path)),
                Ok(kind) if kind.is_file() => page.extend(describe(&entry, path).map_err(failed)?),
                _ => {}
            }
            if page.len() == PAGE_FILES_MAX && !pages.blocking_send(std::mem::take(&mut page)) {
                return Ok(());
            }
        }
    }
    pages.blocking_send(page);
    Ok(())
}

/// `None` for a file that was removed meanwhile.
fn describe(entry: &DirEntry, path: StorePath) -> io::Result<Option<StoredFile>> {
    match entry.metadata() {
        Ok(metadata) => {
            let modified_at = DateTime::<Utc>::from(metadata.modified()?);
            Ok(Some(StoredFile { path, byte_count: metadata.len(), modified_at }))
        }
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The entries of a folder; none where it is not there.
fn entries(
    root: &Path,
    folder: Option<&StorePath>,
) -> io::Result<impl Iterator<Item = io::Result<DirEntry>>> {
    let place = folder.map_or_else(|| root.to_owned(), |folder| root.join(folder.as_str()));
    match fs::read_dir(place) {
        Ok(entries) => Ok(Some(entries).into_iter().flatten()),
        Err(error) if is_absent(&error) => Ok(None.into_iter().flatten()),
        Err(error) => Err(error),
    }
}
