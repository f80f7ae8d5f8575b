//! Writing to Supabase Storage: one request for what fits a chunk, a resumable upload of whole chunks for what does not.
//!
//! What the store has not acknowledged is kept here, and nothing else. After a broken chunk the store is asked how far
//! it came, and the next chunk begins there, whole again: all but the last have exactly [`CHUNK_BYTES`]. An upload that
//! ends at the store before it acknowledged anything is begun again here; later, only who has the bytes can do that.

use bytes::{Bytes, BytesMut};
use tokio::sync::oneshot;

use super::Supabase;
use super::tus::{Upload, is_gone};
use crate::answer::{Broken, Fault, Meaning, begin_again};
use crate::begun::Begun;
use crate::error::{Attempt, StoreError};
use crate::path::StorePath;
use crate::patience::{Patience, Tries, persist};
use crate::writer::{Ended, Inbox};

/// Bytes of a chunk: what the hosted store insists on, for all but the last.
pub(crate) const CHUNK_BYTES: usize = 6 << 20;

impl Supabase {
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
        let ending = move |upload: Upload| async move { self.give_up(&path, &upload, patience).await };
        let given_up = upload.end(patience.silence_max, ending).await;
        if ended.is_err() { ended } else { given_up.and(ended) }
    }

    /// Leaves an upload that it has begun and not completed.
    async fn drive(
        &self,
        path: &StorePath,
        inbox: &mut Inbox,
        upload: &mut Begun<Upload, Fault>,
    ) -> Result<Ended, StoreError> {
        let mut gathered = BytesMut::new();
        let Ok(mut is_all) = inbox.fill(&mut gathered, CHUNK_BYTES).await else { return Ok(Ended::GivenUp) };
        if is_all && gathered.len() <= CHUNK_BYTES {
            let byte_count = gathered.len() as u64;
            self.post(path, gathered.freeze()).await?;
            return self.verify(path, byte_count).await;
        }
        let mut sending = Sending { supabase: self, path, tries: Tries::new(self.patience), offset: 0 };
        while !gathered.is_empty() {
            let chunk = gathered.split_to(gathered.len().min(CHUNK_BYTES)).freeze();
            let length = (is_all && gathered.is_empty()).then(|| sending.offset + chunk.len() as u64);
            // The next chunk gathers while this one is on its way; a fault does not wait for it.
            let filling = async { Ok(inbox.fill(&mut gathered, CHUNK_BYTES).await) };
            let (sent, filled) = tokio::try_join!(sending.send(upload, &chunk, length), filling)?;
            if sent < chunk.len() {
                let mut rest = BytesMut::from(&chunk[sent..]);
                rest.extend_from_slice(&gathered);
                gathered = rest;
            }
            let Ok(all) = filled else { return Ok(Ended::GivenUp) };
            is_all = all;
        }
        let byte_count = sending.offset;
        *upload = Begun::Not;
        self.verify(path, byte_count).await
    }

    /// Asks the store what it has: one that took the last chunk and then failed to record the file is found out here.
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

    async fn give_up(&self, path: &StorePath, upload: &Upload, patience: Patience) -> Result<(), StoreError> {
        let attempt = Attempt::at("give up writing", path);
        persist(patience, || async { self.terminate(upload).await.map_err(|fault| fault.error(&attempt)) })
            .await
    }
}

/// The chunks of one file on their way.
struct Sending<'a> {
    supabase: &'a Supabase,
    path: &'a StorePath,
    tries: Tries,
    /// Bytes that the store has acknowledged.
    offset: u64,
}

impl Sending<'_> {
    /// Sends a chunk once, beginning an upload where there is none; says how much of it the store has.
    async fn send(
        &mut self,
        upload: &mut Begun<Upload, Fault>,
        chunk: &Bytes,
        length: Option<u64>,
    ) -> Result<usize, StoreError> {
        let attempt = Attempt::at("write", self.path);
        let outcome = match self.begun(upload).await {
            Ok(upload) => self.supabase.patch(upload, chunk.clone(), length).await,
            Err(fault) => Err(fault),
        };
        let took_it = outcome.is_ok();
        if let Err(fault) = outcome {
            self.look_after(upload, fault).await?;
        }
        let reached = upload.known().map_or(0, |upload| upload.offset);
        let sent = reached.checked_sub(self.offset).filter(|sent| *sent <= chunk.len() as u64);
        let Some(sent) = sent else {
            return Err(StoreError::corrupt(&attempt, "it has another number of bytes than were sent to it"));
        };
        if sent > 0 {
            self.tries.progressed();
        } else if took_it && !self.tries.again().await {
            return Err(StoreError::unreachable(&attempt, "it takes chunks and keeps nothing of them"));
        }
        self.offset = reached;
        Ok(sent as usize)
    }

    /// The upload, begun if need be.
    async fn begun<'u>(&self, upload: &'u mut Begun<Upload, Fault>) -> Result<&'u mut Upload, Fault> {
        if upload.known().is_none() {
            let (supabase, path) = (self.supabase.clone(), self.path.clone());
            let begin = async move { supabase.begin(&path).await };
            let gone = || Fault::Broken(Broken("the process is shutting down".to_owned()));
            return upload.ask(begin).await.ok_or_else(gone)?;
        }
        upload.known().ok_or(Fault::Senseless)
    }

    /// After a fault: finds out how far the store came, or that the upload has to begin again, where that can be.
    async fn look_after(
        &mut self,
        upload: &mut Begun<Upload, Fault>,
        fault: Fault,
    ) -> Result<(), StoreError> {
        let attempt = Attempt::at("write", self.path);
        let mut fault = fault;
        loop {
            if is_gone(&fault) && upload.known().is_some() {
                *upload = Begun::Not;
                if self.offset > 0 {
                    return Err(begin_again(&attempt));
                }
            } else if !may_pass(&fault) {
                return Err(fault.error(&attempt));
            }
            if !self.tries.again().await {
                return Err(fault.error(&attempt));
            }
            tracing::debug!(error = %fault.error(&attempt), "A chunk is taken up again");
            let Some(upload) = upload.known() else { return Ok(()) };
            match self.supabase.look(upload).await {
                Ok(()) => return Ok(()),
                Err(again) => fault = again,
            }
        }
    }
}

/// Whether asking the store where it stands, and going on there, may help. That two requests met is told as 400 as
/// well, in plain text.
fn may_pass(fault: &Fault) -> bool {
    match fault {
        Fault::Broken(_) => true,
        Fault::Refusal(refusal) => match refusal.meaning() {
            Meaning::Busy | Meaning::Conflict => true,
            Meaning::Strange => refusal.status == 400 && refusal.code.is_none(),
            Meaning::NoFile
            | Meaning::NoBucket
            | Meaning::NoUpload
            | Meaning::Denied
            | Meaning::Full
            | Meaning::Beyond => false,
        },
        Fault::Senseless | Fault::ForeignName => false,
    }
}
