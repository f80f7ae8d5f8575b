//! Catalogs on local disk, so that a restart need not read them from PostgreSQL.
//!
//! Owns: the files `<vendor>.snapshot` of one folder. Promises: a file is written whole or not at all; one
//! that is cut off, altered, another vendor's, of another layout or of another deriver is refused and
//! removed. Never: holds anything of a customer; is believed without asking the database whether this
//! version was ever committed there (the caller does).
//!
//! A file: the head (magic, vendor, version, the commit's batch and time, deriver, layout), then each block
//! with its length before it, a zero, and SHA-256 over all of that.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use chrono::DateTime;
use odyssey_matching::label::Tables;
use odyssey_matching::{SnapshotDecoder, SnapshotError, snapshot_layout};
use odyssey_types::VendorId;
use sha2::{Digest as _, Sha256};

use super::VendorSnapshot;
use crate::catalog::CommitMark;

/// Version of the file around the blocks.
const MAGIC: [u8; 8] = *b"ODYSNAP\x01";
/// Bytes of one block at most: 4,096 products with everything known would stay below.
const BLOCK_BYTES_MAX: u32 = 16 << 20;
/// Bytes read or written at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("it is no file of this program or of an older one")]
    Format,
    #[error("it holds another vendor's catalog")]
    Foreign,
    #[error("the facts in it were laid out or derived by another release")]
    Outdated,
    #[error("its checksum does not match")]
    Checksum,
    #[error(transparent)]
    Block(#[from] SnapshotError),
    #[error("it cannot be read")]
    Io(#[from] io::Error),
}

/// The folder of cached catalogs.
#[derive(Debug, Clone)]
pub(super) struct DiskCache {
    dir: PathBuf,
}

impl DiskCache {
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    fn path(&self, vendor_id: VendorId) -> PathBuf {
        self.dir.join(format!("{vendor_id}.snapshot"))
    }

    /// The vendor's catalog as it was saved; `None` where there is none.
    pub fn read(&self, vendor_id: VendorId) -> Result<Option<VendorSnapshot>, Refusal> {
        let file = match File::open(self.path(vendor_id)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut input = Hashed { inner: BufReader::with_capacity(BUFFER_BYTES, file), digest: Sha256::new() };
        read_snapshot(&mut input, vendor_id).map(Some).map_err(|refusal| match refusal {
            // A file that ends early is one that was altered.
            Refusal::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => Refusal::Checksum,
            other => other,
        })
    }

    /// Puts the file in place of an older one. A snapshot without a commit behind it is not kept.
    pub fn write(&self, vendor_id: VendorId, snapshot: &VendorSnapshot) -> io::Result<()> {
        let Some(mark) = snapshot.mark else { return Ok(()) };
        fs::create_dir_all(&self.dir)?;
        let path = self.path(vendor_id);
        let written = path.with_extension(format!("{}.new", std::process::id()));
        let outcome = write_file(&written, vendor_id, snapshot, mark)
            .and_then(|()| fs::rename(&written, &path))
            .and_then(|()| sync_dir(&self.dir));
        if outcome.is_err() {
            self.remove_file(&written);
        }
        outcome
    }

    /// Removes the vendor's file, if there is one.
    pub fn remove(&self, vendor_id: VendorId) {
        self.remove_file(&self.path(vendor_id));
    }

    fn remove_file(&self, path: &Path) {
        match fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // It is refused again when it is read again.
            Err(error) => tracing::warn!(%error, "A cached catalog could not be removed"),
        }
    }
}

fn write_file(
    path: &Path,
    vendor_id: VendorId,
    snapshot: &VendorSnapshot,
    mark: CommitMark,
) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    let mut output = Hashed { inner: BufWriter::with_capacity(BUFFER_BYTES, file), digest: Sha256::new() };
    output.write_all(&MAGIC)?;
    output.write_all(vendor_id.as_uuid().as_bytes())?;
    for number in [snapshot.version, mark.batch_id, mark.committed_at.timestamp_micros()] {
        output.write_all(&number.to_le_bytes())?;
    }
    output.write_all(&Tables::embedded().version().to_le_bytes())?;
    output.write_all(&snapshot_layout())?;
    for block in snapshot.snapshot.encode_blocks() {
        let length = u32::try_from(block.len()).ok().filter(|length| *length <= BLOCK_BYTES_MAX);
        let length = length.ok_or_else(|| io::Error::other("a block is larger than any may be"))?;
        output.write_all(&length.to_le_bytes())?;
        output.write_all(&block)?;
    }
    output.write_all(&0_u32.to_le_bytes())?;
    let Hashed { mut inner, digest } = output;
    inner.write_all(&digest.finalize())?;
    inner.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

fn read_snapshot(
    input: &mut Hashed<BufReader<File>>,
    vendor_id: VendorId,
) -> Result<VendorSnapshot, Refusal> {
    if input.array::<8>()? != MAGIC {
        return Err(Refusal::Format);
    }
    if input.array::<16>()? != *vendor_id.as_uuid().as_bytes() {
        return Err(Refusal::Foreign);
    }
    let version = i64::from_le_bytes(input.array()?);
    let batch_id = i64::from_le_bytes(input.array()?);
    let micros = i64::from_le_bytes(input.array()?);
    let deriver = u32::from_le_bytes(input.array()?);
    if deriver != Tables::embedded().version() || input.array::<32>()? != snapshot_layout() {
        return Err(Refusal::Outdated);
    }
    let mut decoder = SnapshotDecoder::new();
    let mut block = Vec::new();
    loop {
        let length = u32::from_le_bytes(input.array()?);
        if length == 0 {
            break;
        }
        if length > BLOCK_BYTES_MAX {
            return Err(Refusal::Checksum);
        }
        block.resize(length as usize, 0);
        input.read_exact(&mut block)?;
        decoder.push(&block)?;
    }
    let expected: [u8; 32] = input.digest.clone().finalize().into();
    if input.array::<32>()? != expected {
        return Err(Refusal::Checksum);
    }
    let committed_at = DateTime::from_timestamp_micros(micros).ok_or(Refusal::Format)?;
    let mark = Some(CommitMark { batch_id, committed_at });
    Ok(VendorSnapshot { version, mark, snapshot: decoder.finish() })
}

/// Makes the rename itself last.
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Reads or writes, and hashes what passes.
struct Hashed<T> {
    inner: T,
    digest: Sha256,
}

impl<T: Read> Hashed<T> {
    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl<T: Read> Read for Hashed<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.digest.update(&buffer[..count]);
        Ok(count)
    }
}

impl<T: Write> Write for Hashed<T> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.digest.update(&buffer[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use odyssey_matching::label::{Label, derive};
    use odyssey_matching::{Role, SnapshotBuilder, SnapshotRow};
    use odyssey_types::{ProductFields, ProductId};
    use uuid::Uuid;

    use super::*;

    fn snapshot(products: u128) -> VendorSnapshot {
        let fields = ProductFields { name: Some("Oat bar".to_owned()), ..ProductFields::default() };
        let facts = derive(&Label { fields: &fields, holds: &[] }, Tables::embedded()).facts;
        let mut builder = SnapshotBuilder::new();
        for number in 0..products {
            builder.push(&SnapshotRow {
                id: ProductId::from_uuid(Uuid::from_u128(number + 1)),
                facts: facts.clone(),
                active: number % 7 != 0,
                brand: Some(format!("Brand {}", number % 50)),
                category: None,
                role: Role::Snack,
                tags: Vec::new(),
                price_hundredths: None,
                currency: None,
                label_as_of: None,
                changed_at_seconds: 1_700_000_000,
            });
        }
        let committed_at = DateTime::from_timestamp_micros(1_790_000_000_000_001).expect("a time");
        VendorSnapshot {
            version: 41,
            mark: Some(CommitMark { batch_id: 7, committed_at }),
            snapshot: builder.finish(),
        }
    }

    fn vendor(number: u128) -> VendorId {
        VendorId::from_uuid(Uuid::from_u128(number))
    }

    fn blocks(snapshot: &VendorSnapshot) -> Vec<Vec<u8>> {
        snapshot.snapshot.encode_blocks().collect()
    }

    #[test]
    fn what_is_saved_is_read_back_and_a_missing_file_is_no_failure() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = DiskCache::new(dir.path().join("snapshots"));
        assert!(cache.read(vendor(1)).expect("no file is fine").is_none());
        let saved = snapshot(9_000);
        cache.write(vendor(1), &saved).expect("a file");
        let read = cache.read(vendor(1)).expect("a good file").expect("it is there");
        assert_eq!((read.version, read.mark, read.snapshot.len()), (41, saved.mark, 9_000));
        assert_eq!(blocks(&read), blocks(&saved));
        let files = fs::read_dir(dir.path().join("snapshots")).expect("the folder").count();
        assert_eq!(files, 1, "no half-written file is left");
        cache.remove(vendor(1));
        assert!(cache.read(vendor(1)).expect("no file is fine").is_none());
    }

    #[test]
    fn a_file_of_another_vendor_or_altered_anywhere_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = DiskCache::new(dir.path().to_owned());
        cache.write(vendor(1), &snapshot(300)).expect("a file");
        let path = cache.path(vendor(1));
        fs::copy(&path, cache.path(vendor(2))).expect("a copy");
        assert!(matches!(cache.read(vendor(2)), Err(Refusal::Foreign)));

        let good = fs::read(&path).expect("the file");
        let step = good.len() / 97 + 1;
        for at in (0..good.len()).step_by(step) {
            let mut altered = good.clone();
            altered[at] ^= 0x10;
            fs::write(&path, &altered).expect("an altered file");
            assert!(cache.read(vendor(1)).is_err(), "byte {at} was altered");
            fs::write(&path, &good[..at]).expect("a file cut off");
            assert!(cache.read(vendor(1)).is_err(), "cut off at {at}");
        }
        fs::write(&path, &good).expect("the file again");
        assert!(cache.read(vendor(1)).expect("a good file").is_some());
    }

    #[test]
    fn a_catalog_without_a_commit_is_not_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = DiskCache::new(dir.path().to_owned());
        cache.write(vendor(1), &VendorSnapshot { mark: None, ..snapshot(3) }).expect("nothing to do");
        assert!(cache.read(vendor(1)).expect("no file").is_none());
    }
}
