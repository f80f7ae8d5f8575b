//! Files that belong to one owner, written so that a crash leaves the old or the new one and nothing between.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::VaultError;
use crate::key::{KeyId, random};

/// A file of the key store is a few hundred bytes; a vendor's grows by 40 with each rotation. More than this
/// is not ours, and is not read into memory.
const FILE_BYTES_MAX: u64 = 1 << 20;
const GROUP_AND_OTHERS: u32 = 0o077;
const TEMPORARY: &str = ".tmp-";

/// Reads a file whole; `None` when there is none. Also tells the metadata of the very file that was read.
pub(super) fn read(path: &Path) -> Result<Option<(Zeroizing<Vec<u8>>, fs::Metadata)>, VaultError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("open", path)(error)),
    };
    let metadata = check_file(&file, path)?;
    if metadata.len() > FILE_BYTES_MAX {
        return Err(VaultError::Corrupt { path: path.into(), what: "it is longer than any file of ours" });
    }
    let mut content = Zeroizing::new(Vec::with_capacity(metadata.len() as usize + 1));
    file.read_to_end(&mut content).map_err(io_error("read", path))?;
    Ok(Some((content, metadata)))
}

/// Writes a file where there is none; whether it did. An existing one is left as it is.
pub(super) fn create(path: &Path, content: &[u8]) -> Result<bool, VaultError> {
    let temporary = write_temporary(path, content)?;
    // A link, unlike a rename, does not replace what is there.
    let linked = match fs::hard_link(&temporary, path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(io_error("create", path)(error)),
    };
    fs::remove_file(&temporary).map_err(io_error("remove", &temporary))?;
    sync_directory_of(path)?;
    linked
}

/// Writes a file in place of any former one.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), VaultError> {
    let temporary = write_temporary(path, content)?;
    fs::rename(&temporary, path).map_err(io_error("replace", path))?;
    sync_directory_of(path)
}

/// Removes a file; whether there was one.
pub(super) fn remove(path: &Path) -> Result<bool, VaultError> {
    match fs::remove_file(path) {
        Ok(()) => sync_directory_of(path).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io_error("remove", path)(error)),
    }
}

pub(super) fn exists(path: &Path) -> Result<bool, VaultError> {
    path.try_exists().map_err(io_error("look at", path))
}

/// Makes a directory of mode 0700, and those above it; one that exists must not be open to others.
pub(super) fn create_directory(path: &Path) -> Result<(), VaultError> {
    let missing: Vec<_> = path.ancestors().take_while(|above| !above.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_error("create", path))?;
    check_directory(path)?;
    missing.into_iter().filter(|made| !made.as_os_str().is_empty()).try_for_each(sync_directory_of)
}

pub(super) fn check_directory(path: &Path) -> Result<(), VaultError> {
    let metadata = fs::metadata(path).map_err(io_error("look at", path))?;
    check_mode(&metadata, path)
}

/// Checks the open file and not its path, which could be exchanged in between.
pub(super) fn check_file(file: &File, path: &Path) -> Result<fs::Metadata, VaultError> {
    let metadata = file.metadata().map_err(io_error("look at", path))?;
    check_mode(&metadata, path)?;
    Ok(metadata)
}

/// The names in a directory, without temporary files.
pub(super) fn names(directory: &Path) -> Result<Vec<String>, VaultError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(io_error("list", directory))? {
        let name = entry.map_err(io_error("list", directory))?.file_name();
        let name = name.into_string().map_err(|name| VaultError::Corrupt {
            path: directory.join(name),
            what: "its name is not of ours",
        })?;
        if !name.starts_with(TEMPORARY) {
            names.push(name);
        }
    }
    Ok(names)
}

pub(super) fn sync_directory_of(path: &Path) -> Result<(), VaultError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(io_error("sync", directory))
}

pub(super) fn io_error(attempt: &'static str, path: &Path) -> impl FnOnce(io::Error) -> VaultError {
    move |source| VaultError::Io { attempt, path: path.into(), source }
}

/// Held while something changes, by one process and thread at a time; released when dropped, and by the
/// operating system when the process dies.
pub(super) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    pub(super) fn take(root: &Path) -> Result<Self, VaultError> {
        let path = root.join("lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io_error("open", &path))?;
        check_file(&file, &path)?;
        file.lock().map_err(io_error("lock", &path))?;
        Ok(Self { _file: file })
    }

    /// Removes what a crash left half written: it may hold keys that are about to be erased. Under the lock
    /// nobody else is writing.
    #[expect(clippy::unused_self, reason = "only the holder of the lock may do this")]
    pub(super) fn sweep(&self, directory: &Path) -> Result<(), VaultError> {
        for entry in fs::read_dir(directory).map_err(io_error("list", directory))? {
            let entry = entry.map_err(io_error("list", directory))?;
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

fn check_mode(metadata: &fs::Metadata, path: &Path) -> Result<(), VaultError> {
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & GROUP_AND_OTHERS == 0 {
        Ok(())
    } else {
        Err(VaultError::Permissions { path: path.into(), mode })
    }
}

fn write_temporary(path: &Path, content: &[u8]) -> Result<PathBuf, VaultError> {
    let name = KeyId::from_bytes(random()?);
    let temporary = path.with_file_name(format!("{TEMPORARY}{name}"));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()));
    match written {
        Ok(()) => Ok(temporary),
        Err(error) => {
            // The failure to write is what is reported; the next sweep removes what stays behind here.
            drop(fs::remove_file(&temporary));
            Err(io_error("write", &temporary)(error))
        }
    }
}
