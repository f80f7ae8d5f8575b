//! Reading one file as a stream, in bounded memory.

use std::fs::File;
use std::io::{self, BufReader, Read};

use bytes::{Buf, Bytes};
use futures::Stream;
use tokio::sync::mpsc;

use crate::disk;
use crate::error::{Attempt, StoreError};
use crate::path::StorePath;

/// Chunks that are read ahead: of 256 KiB at most from the disk, of what one read of the network gives otherwise.
const CHUNKS_AHEAD_MAX: usize = 4;
/// Bytes that a blocking reader takes from the disk at once.
const DISK_BYTES_AHEAD: usize = 1 << 17;

pub(crate) type Chunk = Result<Bytes, StoreError>;

/// One file being read. It ends where the file ended when it was opened: a stream that is shorter is an error, never
/// a short file.
#[derive(Debug)]
pub struct Reader {
    path: StorePath,
    byte_count: u64,
    left: u64,
    chunks: mpsc::Receiver<Chunk>,
}

impl Reader {
    /// A reader of `byte_count` bytes from `from` on, and where to send them.
    pub(crate) fn new(path: &StorePath, byte_count: u64, from: u64) -> (mpsc::Sender<Chunk>, Self) {
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD_MAX);
        let left = byte_count.saturating_sub(from);
        (sender, Self { path: path.clone(), byte_count, left, chunks })
    }

    /// Bytes of the whole file.
    pub const fn byte_count(&self) -> u64 {
        self.byte_count
    }

    /// The next bytes; `None` at the end. After an error there is nothing more to be had.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, StoreError> {
        if self.left == 0 {
            return Ok(None);
        }
        let chunk = self.chunks.recv().await;
        self.take(chunk)
    }

    /// The same as a stream: a body of an answer, for example.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static {
        futures::stream::unfold(Some(self), |reader| async {
            let mut reader = reader?;
            match reader.chunk().await {
                Ok(Some(bytes)) => Some((Ok(bytes), Some(reader))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// The same as an [`io::Read`], for a thread that may block.
    pub fn into_blocking(self) -> BlockingReader {
        BlockingReader(Inner::Remote { reader: self, current: Bytes::new() })
    }

    fn take(&mut self, chunk: Option<Chunk>) -> Result<Option<Bytes>, StoreError> {
        let fault = match chunk {
            Some(Ok(bytes)) => match self.left.checked_sub(bytes.len() as u64) {
                Some(left) => {
                    self.left = left;
                    return Ok(Some(bytes));
                }
                None => StoreError::corrupt(&self.attempt(), "there are more bytes than the file has"),
            },
            Some(Err(error)) => error,
            None => StoreError::unreachable(&self.attempt(), "the reading was given up before its end"),
        };
        self.chunks.close();
        Err(fault)
    }

    const fn attempt(&self) -> Attempt<'_> {
        Attempt::at("read", &self.path)
    }
}

/// One file being read by a thread that may block. Not for a thread that runs async tasks. What a store has to say
/// comes wrapped in an [`io::Error`]: [`StoreError::of`] finds it.
#[derive(Debug)]
pub struct BlockingReader(Inner);

#[derive(Debug)]
enum Inner {
    Disk { file: BufReader<File>, path: StorePath, byte_count: u64, left: u64 },
    Remote { reader: Reader, current: Bytes },
}

impl BlockingReader {
    pub(crate) fn disk(file: File, path: &StorePath, byte_count: u64) -> Self {
        let file = BufReader::with_capacity(DISK_BYTES_AHEAD, file);
        Self(Inner::Disk { file, path: path.clone(), byte_count, left: byte_count })
    }

    /// Bytes of the whole file.
    pub const fn byte_count(&self) -> u64 {
        match &self.0 {
            Inner::Disk { byte_count, .. } => *byte_count,
            Inner::Remote { reader, .. } => reader.byte_count,
        }
    }
}

impl Read for BlockingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Inner::Disk { file, path, left, .. } => {
                let wanted = (buffer.len() as u64).min(*left) as usize;
                if wanted == 0 {
                    return Ok(0);
                }
                let attempt = Attempt::at("read", path);
                let taken =
                    file.read(&mut buffer[..wanted]).map_err(|error| disk::io_fault(&attempt, error))?;
                if taken == 0 {
                    return Err(disk::fault(&attempt, &disk::became_shorter()).into());
                }
                *left -= taken as u64;
                Ok(taken)
            }
            Inner::Remote { reader, current } => {
                while current.is_empty() {
                    if reader.left == 0 || buffer.is_empty() {
                        return Ok(0);
                    }
                    let chunk = reader.chunks.blocking_recv();
                    *current = reader.take(chunk)?.unwrap_or_default();
                }
                let taken = current.len().min(buffer.len());
                current.copy_to_slice(&mut buffer[..taken]);
                Ok(taken)
            }
        }
    }
}
