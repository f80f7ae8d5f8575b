//! Reading a file from a store across the network, and going on where a broken answer ended.

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::mpsc;

use crate::error::{Attempt, StoreError};
use crate::path::StorePath;
use crate::patience::{Patience, Tries, persist};
use crate::reader::{Chunk, Reader};
use crate::version::{Version, of_part, replaced};

/// Bytes after which the tries of going on are counted anew.
const PROGRESS_BYTES: u64 = 1 << 20;

/// An answer that gives a file from some byte on.
pub(crate) struct Part {
    /// Bytes of the whole file.
    pub byte_count: u64,
    /// What tells this content from another one under the same path.
    pub tag: Option<String>,
    pub body: BoxStream<'static, Chunk>,
}

/// A store that gives files from any byte on.
pub(crate) trait Ranged: Clone + Send + Sync + 'static {
    /// Asks once. From the end of the file on there is an empty body.
    fn part(&self, path: &StorePath, from: u64) -> impl Future<Output = Result<Part, StoreError>> + Send;
    fn patience(&self) -> Patience;
}

/// Opens a file. Not found, or refused, is said here and not by the reader.
pub(crate) async fn open<R: Ranged>(store: &R, path: &StorePath, from: u64) -> Result<Reader, StoreError> {
    let part = persist(store.patience(), || store.part(path, from)).await?;
    Ok(start(store, path, from, part))
}

/// Opens a file if it is still this one.
pub(crate) async fn open_version<R: Ranged>(
    store: &R,
    path: &StorePath,
    version: &Version,
    from: u64,
) -> Result<Reader, StoreError> {
    let part = persist(store.patience(), || store.part(path, from)).await?;
    if of_part(path, &part)? != *version {
        return Err(replaced(path));
    }
    Ok(start(store, path, from, part))
}

fn start<R: Ranged>(store: &R, path: &StorePath, from: u64, part: Part) -> Reader {
    let (chunks, reader) = Reader::new(path, part.byte_count, from);
    let reading = Reading { store: store.clone(), path: path.clone(), at: from, part };
    tokio::spawn(reading.run(chunks));
    reader
}

struct Reading<R> {
    store: R,
    path: StorePath,
    at: u64,
    part: Part,
}

impl<R: Ranged> Reading<R> {
    /// Sends chunks until the file or the patience ends, or nobody reads any more.
    async fn run(mut self, chunks: mpsc::Sender<Chunk>) {
        let outcome = tokio::select! {
            () = chunks.closed() => return,
            outcome = self.go_on(&chunks) => outcome,
        };
        if let Err(error) = outcome {
            let told = chunks.send(Err(error)).await;
            tracing::trace!(heard = told.is_ok(), "A file could not be read to its end");
        }
    }

    async fn go_on(&mut self, chunks: &mpsc::Sender<Chunk>) -> Result<(), StoreError> {
        let patience = self.store.patience();
        let mut tries = Tries::new(patience);
        while self.at < self.part.byte_count {
            let came_from = self.at;
            let Err(mut fault) = self.pass_on(chunks, &patience).await else { return Ok(()) };
            if self.at - came_from >= PROGRESS_BYTES {
                tries.progressed();
            }
            loop {
                if !fault.is_retryable() || !tries.again().await {
                    return Err(fault);
                }
                tracing::debug!(error = %fault, at = self.at, "The reading of a file goes on where it broke");
                match self.store.part(&self.path, self.at).await {
                    Ok(part) => {
                        self.change_to(part)?;
                        break;
                    }
                    Err(error) => fault = error,
                }
            }
        }
        Ok(())
    }

    /// Passes on what one answer gives; ends well only where the file does.
    async fn pass_on(&mut self, chunks: &mpsc::Sender<Chunk>, patience: &Patience) -> Result<(), StoreError> {
        while self.at < self.part.byte_count {
            let attempt = Attempt::at("read", &self.path);
            let next = tokio::time::timeout(patience.silence_max, self.part.body.next()).await;
            let bytes: Bytes = match next {
                Ok(Some(chunk)) => chunk?,
                Ok(None) => {
                    return Err(StoreError::unreachable(&attempt, "the answer ended before the file"));
                }
                Err(_) => {
                    let reason = format!("silent for {:?}", patience.silence_max);
                    return Err(StoreError::unreachable(&attempt, reason));
                }
            };
            self.at += bytes.len() as u64;
            if self.at > self.part.byte_count {
                return Err(StoreError::corrupt(&attempt, "there are more bytes than the file has"));
            }
            if chunks.send(Ok(bytes)).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Goes on with another answer, if it is of the same content.
    fn change_to(&mut self, part: Part) -> Result<(), StoreError> {
        if part.byte_count != self.part.byte_count || part.tag != self.part.tag {
            let attempt = Attempt::at("read", &self.path);
            return Err(StoreError::corrupt(
                &attempt,
                "the file was replaced while it was read; read it again",
            ));
        }
        self.part = part;
        Ok(())
    }
}
