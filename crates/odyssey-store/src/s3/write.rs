//! Writing to an S3 store: one put of what is short, a multipart upload of what is not.

use bytes::{Bytes, BytesMut};
use object_store::multipart::{MultipartStore, PartId};
use object_store::{ObjectStoreExt, PutPayload};
use tokio::sync::oneshot;

use super::error::{fault_of, store_error};
use super::{S3, key};
use crate::answer::{Meaning, begin_again};
use crate::begun::Begun;
use crate::error::{Attempt, StoreError};
use crate::path::StorePath;
use crate::patience::{Patience, persist};
use crate::writer::{Ended, Inbox};

/// Bytes of a part. All but the last must have 5 MiB; some stores want them all of one size.
const PART_BYTES: usize = 8 << 20;
/// Parts of one upload, by the protocol. With these, 78 GiB a file.
const PARTS_MAX: usize = 10_000;

impl S3 {
    pub async fn write(
        self,
        path: StorePath,
        mut inbox: Inbox,
        gone: oneshot::Receiver<()>,
    ) -> Result<Ended, StoreError> {
        let mut upload = Begun::Not;
        let ended = tokio::select! {
            ended = self.drive(&path, &mut inbox, &mut upload) => ended,
            _ = gone => Ok(Ended::GivenUp),
        };
        // Behind a fault once: that it may fail as well is not what matters.
        let patience = if ended.is_err() { self.patience.once() } else { self.patience };
        let aborting = move |id: String| async move { self.abort(&path, &id, patience).await };
        let aborted = upload.end(patience.silence_max, aborting).await;
        if ended.is_err() { ended } else { aborted.and(ended) }
    }

    /// Leaves the id of an upload that it has begun and not completed.
    async fn drive(
        &self,
        path: &StorePath,
        inbox: &mut Inbox,
        upload: &mut Begun<String, StoreError>,
    ) -> Result<Ended, StoreError> {
        let mut gathered = BytesMut::new();
        let Ok(mut is_all) = inbox.fill(&mut gathered, PART_BYTES).await else { return Ok(Ended::GivenUp) };
        if is_all && gathered.len() <= PART_BYTES {
            let byte_count = gathered.len() as u64;
            self.put(path, gathered.freeze()).await?;
            return self.verify(path, byte_count).await;
        }
        let begin = {
            let (s3, path) = (self.clone(), path.clone());
            async move { s3.begin(&path).await }
        };
        let id = match upload.ask(begin).await {
            Some(begun) => begun?.clone(),
            None => return Ok(Ended::GivenUp),
        };
        let (mut parts, mut byte_count) = (Vec::new(), 0);
        loop {
            // The last part is what is left, be it short.
            let part = gathered.split_to(gathered.len().min(PART_BYTES)).freeze();
            byte_count += part.len() as u64;
            let put = self.put_part(path, &id, parts.len(), part);
            if is_all {
                parts.push(put.await?);
                if gathered.is_empty() {
                    break;
                }
                continue;
            }
            // The next part gathers while this one is on its way; a fault does not wait for it.
            let filling = async { Ok(inbox.fill(&mut gathered, PART_BYTES).await) };
            let (part, filled) = tokio::try_join!(put, filling)?;
            parts.push(part);
            let Ok(all) = filled else { return Ok(Ended::GivenUp) };
            is_all = all;
        }
        self.complete(path, &id, parts).await?;
        *upload = Begun::Not;
        self.verify(path, byte_count).await
    }

    async fn put(&self, path: &StorePath, bytes: Bytes) -> Result<(), StoreError> {
        let attempt = Attempt::at("write", path);
        persist(self.patience, || async {
            let put = self.client.put(&key(path), PutPayload::from(bytes.clone())).await;
            put.map(|_| ()).map_err(|error| store_error(&error, &attempt))
        })
        .await
    }

    async fn begin(&self, path: &StorePath) -> Result<String, StoreError> {
        let attempt = Attempt::at("write", path);
        persist(self.patience, || async {
            self.client.create_multipart(&key(path)).await.map_err(|error| store_error(&error, &attempt))
        })
        .await
    }

    async fn put_part(
        &self,
        path: &StorePath,
        id: &String,
        index: usize,
        bytes: Bytes,
    ) -> Result<PartId, StoreError> {
        let attempt = Attempt::at("write", path);
        if index >= PARTS_MAX {
            return Err(StoreError::full(&attempt, "the file is longer than 78 GiB"));
        }
        persist(self.patience, || async {
            let payload = PutPayload::from(bytes.clone());
            let put = self.client.put_part(&key(path), id, index, payload).await;
            settled(put, &attempt)
        })
        .await?
    }

    async fn complete(&self, path: &StorePath, id: &String, parts: Vec<PartId>) -> Result<(), StoreError> {
        let attempt = Attempt::at("write", path);
        let mut tries = 0;
        persist(self.patience, || {
            tries += 1;
            let (first, parts) = (tries == 1, parts.clone());
            let attempt = &attempt;
            async move {
                let completed = self.client.complete_multipart(&key(path), id, parts).await;
                match settled(completed, attempt)? {
                    // The answer to the try before was lost: the length decides, after this.
                    Err(_) if !first => Ok(Ok(())),
                    result => Ok(result.map(|_| ())),
                }
            }
        })
        .await?
    }

    /// Asks the store what it has: one that answers well and keeps something else is found out here.
    async fn verify(&self, path: &StorePath, byte_count: u64) -> Result<Ended, StoreError> {
        let attempt = Attempt::at("write", path);
        match self.size(path).await? {
            Some(stored) if stored == byte_count => Ok(Ended::Finished(stored)),
            Some(stored) => {
                // No file is better than a part of one.
                self.remove(path).await?;
                Err(StoreError::not_kept(&attempt, stored, byte_count))
            }
            None => Err(begin_again(&attempt)),
        }
    }

    /// One that is over already is as good.
    pub(super) async fn abort(
        &self,
        path: &StorePath,
        id: &String,
        patience: Patience,
    ) -> Result<(), StoreError> {
        let attempt = Attempt::at("give up writing", path);
        persist(patience, || async {
            let Err(error) = self.client.abort_multipart(&key(path), id).await else { return Ok(()) };
            let fault = fault_of(&error);
            match fault.meaning() {
                Some(Meaning::NoUpload | Meaning::NoFile) => Ok(()),
                _ => Err(fault.error(&attempt)),
            }
        })
        .await
    }
}

/// Inside, what no further try can change: the upload is not known any more.
fn settled<T>(
    result: object_store::Result<T>,
    attempt: &Attempt<'_>,
) -> Result<Result<T, StoreError>, StoreError> {
    let fault = match result {
        Ok(value) => return Ok(Ok(value)),
        Err(error) => fault_of(&error),
    };
    match fault.meaning() {
        Some(Meaning::NoUpload | Meaning::NoFile) => Ok(Err(begin_again(attempt))),
        _ => Err(fault.error(attempt)),
    }
}
