//! The erasure ledger: who was erased and must be erased again after any restore of the database.
//!
//! One line each: `<vendor> <customer> <RFC 3339, UTC, microseconds>`. A customer id is a keyed hash and tells
//! nothing about the person. A line counts once its line feed is on the disk; what a crash left of a line was
//! never reported as written, is passed over by readers and cut off before the next line is appended.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use odyssey_types::{CustomerId, VendorId};

use super::files::{self, io_error};
use crate::VaultError;

/// A line is 101 bytes; more without a line feed is damage.
const LINE_BYTES_MAX: u64 = 128;

/// An erased person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasure {
    pub vendor: VendorId,
    pub customer: CustomerId,
    /// Kept to the microsecond.
    pub at: DateTime<Utc>,
}

pub(super) struct Ledger {
    path: PathBuf,
}

impl Ledger {
    pub(super) fn at(root: &Path) -> Self {
        Self { path: root.join("erasures") }
    }

    /// Whether there is no ledger, or one without a line.
    pub(super) fn is_fresh(&self) -> Result<bool, VaultError> {
        Ok(!files::exists(&self.path)? || self.read()?.is_empty())
    }

    pub(super) fn create(&self) -> Result<(), VaultError> {
        files::create(&self.path, b"").map(|_| ())
    }

    /// Reads the ledger through, so that a lost or damaged one is refused at the start.
    pub(super) fn check(&self) -> Result<(), VaultError> {
        self.read().map(|_| ())
    }

    pub(super) fn read(&self) -> Result<Vec<Erasure>, VaultError> {
        let file = self.open(OpenOptions::new().read(true))?;
        let mut reader = BufReader::new(file);
        let mut erasures = Vec::new();
        let mut line = Vec::new();
        loop {
            line.clear();
            (&mut reader)
                .take(LINE_BYTES_MAX)
                .read_until(b'\n', &mut line)
                .map_err(io_error("read", &self.path))?;
            match line.split_last() {
                None => return Ok(erasures),
                Some((b'\n', text)) => erasures.push(parse(text).ok_or_else(|| self.corrupt())?),
                Some(_) if line.len() as u64 == LINE_BYTES_MAX => return Err(self.corrupt()),
                Some(_) => return Ok(erasures),
            }
        }
    }

    /// Appends a line; the caller holds the lock.
    pub(super) fn append(&self, erasure: &Erasure) -> Result<(), VaultError> {
        let Erasure { vendor, customer, at } = erasure;
        let line = format!("{vendor} {customer} {}\n", at.to_rfc3339_opts(SecondsFormat::Micros, true));
        let mut file = self.open(OpenOptions::new().read(true).write(true))?;
        cut_torn_line(&mut file)
            .and_then(|()| file.write_all(line.as_bytes()))
            .and_then(|()| file.sync_all())
            .map_err(io_error("append to", &self.path))
    }

    fn open(&self, options: &mut OpenOptions) -> Result<File, VaultError> {
        let file = match options.mode(0o600).open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(VaultError::Missing { path: self.path.clone() });
            }
            Err(error) => return Err(io_error("open", &self.path)(error)),
        };
        files::check_file(&file, &self.path)?;
        Ok(file)
    }

    fn corrupt(&self) -> VaultError {
        VaultError::Corrupt { path: self.path.clone(), what: "a line is no erasure" }
    }
}

/// Leaves the file standing behind its last line feed.
fn cut_torn_line(file: &mut File) -> io::Result<()> {
    let length = file.seek(SeekFrom::End(0))?;
    let window = length.min(LINE_BYTES_MAX);
    let mut end = Vec::with_capacity(window as usize);
    file.seek(SeekFrom::Start(length - window))?;
    file.take(window).read_to_end(&mut end)?;
    let torn = end.iter().rev().take_while(|byte| **byte != b'\n').count() as u64;
    if torn > 0 {
        file.set_len(length - torn)?;
    }
    file.seek(SeekFrom::Start(length - torn)).map(|_| ())
}

fn parse(line: &[u8]) -> Option<Erasure> {
    let line = str::from_utf8(line).ok()?;
    let mut parts = line.split(' ');
    let (vendor, customer, at) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some(Erasure {
        vendor: vendor.parse().ok()?,
        customer: customer.parse().ok()?,
        at: DateTime::parse_from_rfc3339(at).ok()?.with_timezone(&Utc),
    })
}
