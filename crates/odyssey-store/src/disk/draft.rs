//! A file that is not there yet: beside its place under a name of its own, until it is whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::{BATCH_BYTES, fault, gone_is_good, io_fault, sync_folder};
use crate::error::{Attempt, StoreError};
use crate::path::StorePath;

/// How often a folder is made anew that somebody removes at the same time.
const FOLDERS_MADE_MAX: usize = 3;

/// Dropped before [`Draft::publish`], it is removed.
#[derive(Debug)]
pub(crate) struct Draft {
    file: BufWriter<File>,
    byte_count: u64,
    path: StorePath,
    place: PathBuf,
    root: PathBuf,
    left: Left,
}

/// The name under which a draft lies, taken away when dropped.
#[derive(Debug)]
struct Left(Option<PathBuf>);

impl Draft {
    /// Makes the folders and the draft, for the owner only.
    pub fn begin(root: &Path, path: &StorePath) -> Result<Self, StoreError> {
        let place = root.join(path.as_str());
        let folder = place.parent().unwrap_or(root);
        let name = folder.join(format!(".{}.{}.draft", path.name(), Uuid::now_v7().simple()));
        let file = create(folder, &name).map_err(|error| fault(&Attempt::at("write", path), &error))?;
        Ok(Self {
            file: BufWriter::with_capacity(BATCH_BYTES as usize, file),
            byte_count: 0,
            path: path.clone(),
            place,
            root: root.to_owned(),
            left: Left(Some(name)),
        })
    }

    /// Appends bytes. After an error the draft is gone.
    pub fn append(mut self, bytes: &[u8]) -> Result<Self, StoreError> {
        match self.file.write_all(bytes) {
            Ok(()) => {
                self.byte_count += bytes.len() as u64;
                Ok(self)
            }
            Err(error) => Err(fault(&Attempt::at("write", &self.path), &error)),
        }
    }

    /// Syncs the draft, puts it in its place, and syncs the name; says how many bytes are there.
    pub fn publish(mut self) -> Result<u64, StoreError> {
        let placed = self.put_in_place();
        let attempt = Attempt::at("write", &self.path);
        let stored = placed.map_err(|error| fault(&attempt, &error))?;
        if stored == self.byte_count {
            Ok(stored)
        } else {
            Err(StoreError::corrupt(&attempt, format!("{stored} of {} bytes are there", self.byte_count)))
        }
    }

    fn put_in_place(&mut self) -> io::Result<u64> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        let stored = self.file.get_ref().metadata()?.len();
        if let Some(name) = &self.left.0 {
            fs::rename(name, &self.place)?;
        }
        self.left.0 = None;
        // The name of the file is an entry of its folder, and that of a new folder one of the folder above, up to the root.
        for folder in self.place.ancestors().skip(1) {
            sync_folder(folder)?;
            if folder == self.root {
                break;
            }
        }
        Ok(stored)
    }

    /// Takes the draft away.
    pub fn discard(mut self) -> Result<(), StoreError> {
        let Some(name) = self.left.0.take() else { return Ok(()) };
        gone_is_good(fs::remove_file(name))
            .map(|_| ())
            .map_err(|error| fault(&Attempt::at("write", &self.path), &error))
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let attempt = Attempt::at("write", &self.path);
        let taken = self.file.write(bytes).map_err(|error| io_fault(&attempt, error))?;
        self.byte_count += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        let attempt = Attempt::at("write", &self.path);
        self.file.flush().map_err(|error| io_fault(&attempt, error))
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        if let Some(name) = self.0.take() {
            gone_is_good(fs::remove_file(name)).map_or_else(
                |error| tracing::warn!(%error, "A broken draft stays until its path or its folder is removed"),
                |_| (),
            );
        }
    }
}

fn create(folder: &Path, name: &Path) -> io::Result<File> {
    let mut made = 0;
    loop {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        made += 1;
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(name) {
            // Somebody removed the folder in between.
            Err(error) if error.kind() == ErrorKind::NotFound && made < FOLDERS_MADE_MAX => {}
            result => return result,
        }
    }
}

/// Takes away what dead writers of this path left, and what living ones have; says whether there was something.
pub(super) fn remove_left(folder: &Path, path: &StorePath) -> io::Result<bool> {
    let begin = format!(".{}.", path.name());
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if super::is_absent(&error) => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut removed = false;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let is_draft = name.to_str().is_some_and(|name| {
            let middle = name.strip_prefix(&begin).and_then(|rest| rest.strip_suffix(".draft"));
            middle.is_some_and(|middle| Uuid::try_parse(middle).is_ok())
        });
        if is_draft {
            removed |= gone_is_good(fs::remove_file(entry.path()))?;
        }
    }
    Ok(removed)
}

/// Makes and removes a file in the root, which is made where it is missing.
pub(super) fn try_out(root: &Path) -> Result<(), StoreError> {
    let attempt = Attempt::within("use", None);
    let name = root.join(format!(".{}.draft", Uuid::now_v7().simple()));
    let tried = create(root, &name).and_then(|mut file| file.write_all(b"?"));
    let cleared = gone_is_good(fs::remove_file(&name));
    tried.and(cleared.map(|_| ())).map_err(|error| fault(&attempt, &error))
}
