//! Writing one file: bytes are handed over, the store is waited for, nothing is there before the end.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::disk::Draft;
use crate::error::{Attempt, StoreError};
use crate::path::StorePath;

/// Bytes of one piece on its way to the store, at most.
const PIECE_BYTES_MAX: usize = 1 << 16;
/// Pieces that may wait for the store: half a mebibyte of each file.
const PIECES_WAITING_MAX: usize = 8;
/// Bytes that a blocking writer gathers before it hands them over.
const GATHERED_BYTES: usize = 1 << 18;

/// One file being written by a task of its own. Dropped before [`Writer::finish`] has returned, it is given up, and
/// nothing of it remains, as well as that can be done without anybody waiting for it.
#[derive(Debug)]
pub struct Writer {
    path: StorePath,
    pieces: mpsc::Sender<Piece>,
    outcome: Option<oneshot::Receiver<Result<Ended, StoreError>>>,
    /// Its end is how the task learns at once that nobody writes any more.
    _held: oneshot::Sender<()>,
}

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    /// Everything has been handed over.
    End,
}

/// How the writing of a file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The file is there, durable, with so many bytes.
    Finished(u64),
    /// Whoever wrote is gone, and so is what was written.
    GivenUp,
}

/// The other end of a writer: what a backend reads from.
#[derive(Debug)]
pub(crate) struct Inbox {
    pieces: mpsc::Receiver<Piece>,
    ended: bool,
}

/// Whoever writes is gone without having come to the end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gone;

impl Writer {
    /// Starts a task that takes the pieces. It is not canceled when the writer is gone: it ends by itself, and
    /// clears up behind itself. The receiver fires as soon as that is so.
    pub(crate) fn start<F, Fut>(runtime: &Handle, path: &StorePath, work: F) -> Self
    where
        F: FnOnce(Inbox, oneshot::Receiver<()>) -> Fut,
        Fut: Future<Output = Result<Ended, StoreError>> + Send + 'static,
    {
        let (pieces, waiting) = mpsc::channel(PIECES_WAITING_MAX);
        let (held, gone) = oneshot::channel();
        let (report, outcome) = oneshot::channel();
        let work = work(Inbox { pieces: waiting, ended: false }, gone);
        let of = path.clone();
        runtime.spawn(async move {
            if let Err(Err(error)) = report.send(work.await) {
                // Nobody waits for it any more.
                tracing::warn!(%error, store.path = %of, "A file that was given up may have left something behind");
            }
        });
        Self { path: path.clone(), pieces, outcome: Some(outcome), _held: held }
    }

    /// Hands bytes over; waits while the store is behind. Holds on to no more than half a mebibyte of what it took.
    /// After an error the file is given up.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), StoreError> {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(PIECE_BYTES_MAX));
            if self.pieces.send(Piece::Bytes(piece)).await.is_err() {
                return Err(self.fault().await);
            }
        }
        Ok(())
    }

    /// Waits until the file is there and durable; says how many bytes it has as it is stored. A file that was
    /// there under this path is replaced in one step.
    pub async fn finish(mut self) -> Result<u64, StoreError> {
        if self.pieces.send(Piece::End).await.is_err() {
            return Err(self.fault().await);
        }
        match self.outcome().await? {
            Ended::Finished(byte_count) => Ok(byte_count),
            Ended::GivenUp => Err(self.lost()),
        }
    }

    /// Gives the file up, and waits until nothing of it remains.
    pub async fn abort(mut self) -> Result<(), StoreError> {
        let Some(outcome) = self.outcome.take() else { return Ok(()) };
        let lost = self.lost();
        drop(self);
        match outcome.await {
            // The fault of the writing matters no more, unless something remains.
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(lost),
        }
    }

    /// Why the task has stopped taking pieces.
    async fn fault(&mut self) -> StoreError {
        match self.outcome().await {
            Ok(_) => self.lost(),
            Err(error) => error,
        }
    }

    async fn outcome(&mut self) -> Result<Ended, StoreError> {
        match self.outcome.take() {
            Some(outcome) => outcome.await.unwrap_or_else(|_| Err(self.lost())),
            None => Err(self.lost()),
        }
    }

    fn lost(&self) -> StoreError {
        StoreError::unreachable(&Attempt::at("write", &self.path), "the writing was given up before its end")
    }
}

impl Inbox {
    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Gone> {
        if self.ended {
            return Ok(None);
        }
        match self.pieces.recv().await {
            Some(Piece::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Piece::End) => {
                self.ended = true;
                Ok(None)
            }
            None => Err(Gone),
        }
    }

    /// Gathers until there are more than `enough` bytes, or all there are. Says whether these are all.
    pub async fn fill(&mut self, gathered: &mut BytesMut, enough: usize) -> Result<bool, Gone> {
        while gathered.len() <= enough {
            match self.next().await? {
                Some(bytes) => gathered.extend_from_slice(&bytes),
                None => return Ok(true),
            }
        }
        Ok(false)
    }
}

/// One file being written by a thread that may block; its [`io::Write`] hands the bytes over. Not for a thread that
/// runs async tasks. What a store has to say comes wrapped in an [`io::Error`]: [`StoreError::of`] finds it.
#[derive(Debug)]
pub struct BlockingWriter(Inner);

#[derive(Debug)]
enum Inner {
    Disk(Draft),
    Remote { writer: Writer, gathered: BytesMut },
}

impl BlockingWriter {
    pub(crate) const fn disk(draft: Draft) -> Self {
        Self(Inner::Disk(draft))
    }

    pub(crate) fn remote(writer: Writer) -> Self {
        Self(Inner::Remote { writer, gathered: BytesMut::new() })
    }

    /// As [`Writer::finish`].
    pub fn finish(self) -> Result<u64, StoreError> {
        match self.0 {
            Inner::Disk(draft) => draft.publish(),
            Inner::Remote { mut writer, gathered } => {
                for piece in [Piece::Bytes(gathered.freeze()), Piece::End] {
                    if writer.pieces.blocking_send(piece).is_err() {
                        return Err(writer.blocking_fault());
                    }
                }
                match writer.blocking_outcome()? {
                    Ended::Finished(byte_count) => Ok(byte_count),
                    Ended::GivenUp => Err(writer.lost()),
                }
            }
        }
    }

    /// As [`Writer::abort`].
    pub fn abort(self) -> Result<(), StoreError> {
        match self.0 {
            Inner::Disk(draft) => draft.discard(),
            Inner::Remote { mut writer, .. } => {
                let Some(outcome) = writer.outcome.take() else { return Ok(()) };
                let lost = writer.lost();
                drop(writer);
                outcome.blocking_recv().unwrap_or(Err(lost)).map(|_| ())
            }
        }
    }
}

impl Writer {
    fn blocking_fault(&mut self) -> StoreError {
        match self.blocking_outcome() {
            Ok(_) => self.lost(),
            Err(error) => error,
        }
    }

    fn blocking_outcome(&mut self) -> Result<Ended, StoreError> {
        match self.outcome.take() {
            Some(outcome) => outcome.blocking_recv().unwrap_or_else(|_| Err(self.lost())),
            None => Err(self.lost()),
        }
    }
}

impl io::Write for BlockingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Inner::Disk(draft) => draft.write(bytes),
            Inner::Remote { gathered, .. } => {
                let taken = bytes.len().min(GATHERED_BYTES - gathered.len());
                gathered.extend_from_slice(&bytes[..taken]);
                if gathered.len() == GATHERED_BYTES {
                    self.flush()?;
                }
                Ok(taken)
            }
        }
    }

    /// Hands over what was gathered. Nothing is durable before [`BlockingWriter::finish`].
    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Inner::Disk(draft) => draft.flush(),
            Inner::Remote { writer, gathered } => {
                let mut bytes = gathered.split().freeze();
                while !bytes.is_empty() {
                    let piece = bytes.split_to(bytes.len().min(PIECE_BYTES_MAX));
                    if writer.pieces.blocking_send(Piece::Bytes(piece)).is_err() {
                        return Err(writer.blocking_fault().into());
                    }
                }
                Ok(())
            }
        }
    }
}
