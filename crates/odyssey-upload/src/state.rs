//! Which bytes an upload may still take, and what it is after them.

use crate::concat::ConcatKind;
use crate::error::ProtocolError;
use crate::offer::Offer;
use crate::protocol::Protocol;
use crate::request::Append;

/// What is known of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadState {
    /// Of the whole upload; `None` until told.
    pub length: Option<u64>,
    /// Bytes received and kept.
    pub offset: u64,
    pub concat: ConcatKind,
    /// No byte follows.
    pub complete: bool,
    pub expired: bool,
}

/// Whether an append may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Accept(Acceptance),
    Refuse(ProtocolError),
}

/// Leave to write. Valid only while nobody else writes: hold the upload's lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acceptance {
    /// The offset of the first byte of the body.
    pub writes_at: u64,
    /// Bytes that the body may have. Held while it arrives: a `Content-Length` need not be there.
    pub limit: u64,
    /// What to answer when the body has more.
    pub beyond: ProtocolError,
    /// The length of the upload from now on, known or told by this request.
    pub length: Option<u64>,
    /// As the draft says; `None` in tus.
    pub completes: Option<bool>,
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// The client sent all of it.
    Whole,
    /// The connection dropped, or a newer request took over. What arrived is kept.
    Cut,
}

/// Judges an append to an upload.
pub fn decide(state: &UploadState, append: &Append, offer: &Offer) -> Decision {
    match judge(state, append, offer) {
        Ok(acceptance) => Decision::Accept(acceptance),
        Err(error) => Decision::Refuse(error),
    }
}

fn judge(state: &UploadState, append: &Append, offer: &Offer) -> Result<Acceptance, ProtocolError> {
    if state.expired {
        return Err(ProtocolError::Expired);
    }
    if state.concat == ConcatKind::Final {
        return Err(ProtocolError::FinalTakesNoBytes);
    }
    // In tus an empty append to the end of a complete upload is answered as if it were the last one, again.
    if state.complete && append.protocol == Protocol::Draft {
        let empty = append.content_length == Some(0);
        return Err(if empty { ProtocolError::UploadCompleted } else { ProtocolError::LengthInconsistent });
    }
    if append.offset != state.offset {
        return Err(ProtocolError::OffsetMismatch { expected: state.offset, provided: append.offset });
    }
    let length = length_after(state, append, offer)?;
    let (limit, beyond) = limit(state.offset, length, append.protocol, offer);
    check_announced(append, limit, beyond, offer)?;
    Ok(Acceptance { writes_at: state.offset, limit, beyond, length, completes: append.completes })
}

fn length_after(state: &UploadState, append: &Append, offer: &Offer) -> Result<Option<u64>, ProtocolError> {
    let told = match append.protocol {
        Protocol::Tus => append.declared_length,
        Protocol::Draft => told_by_draft(append)?,
    };
    match (state.length, told) {
        (known, None) => Ok(known),
        (Some(_), Some(_)) if append.protocol == Protocol::Tus => Err(ProtocolError::LengthChanged),
        (Some(known), Some(told)) if known != told => Err(ProtocolError::LengthInconsistent),
        (Some(known), Some(_)) => Ok(Some(known)),
        (None, Some(told)) if told < state.offset => {
            Err(ProtocolError::LengthBelowOffset { offset: state.offset })
        }
        (None, Some(told)) if told > offer.bytes_max() => {
            Err(ProtocolError::UploadTooLarge { bytes_max: offer.bytes_max() })
        }
        (None, Some(told)) => Ok(Some(told)),
    }
}

/// `Upload-Length`, or where a last body of known length ends; both must agree.
fn told_by_draft(append: &Append) -> Result<Option<u64>, ProtocolError> {
    let last = append.content_length.filter(|_| append.completes == Some(true));
    let shown = last.map(|bytes| append.offset.saturating_add(bytes));
    match (append.declared_length, shown) {
        (Some(told), Some(shown)) if told != shown => Err(ProtocolError::LengthInconsistent),
        (told, shown) => Ok(told.or(shown)),
    }
}

fn limit(offset: u64, length: Option<u64>, protocol: Protocol, offer: &Offer) -> (u64, ProtocolError) {
    let (end, beyond) = match length {
        Some(length) => (length, ProtocolError::BodyPastLength { bytes_left: length.saturating_sub(offset) }),
        None => (offer.bytes_max(), ProtocolError::UploadTooLarge { bytes_max: offer.bytes_max() }),
    };
    let left = end.saturating_sub(offset);
    match offer.append_bytes_max {
        Some(bytes_max) if protocol == Protocol::Draft && bytes_max < left => {
            (bytes_max, ProtocolError::AppendTooLarge { bytes_max })
        }
        _ => (left, beyond),
    }
}

/// Refuses by `Content-Length` what would be refused later anyway.
fn check_announced(
    append: &Append,
    limit: u64,
    beyond: ProtocolError,
    offer: &Offer,
) -> Result<(), ProtocolError> {
    let Some(bytes) = append.content_length else { return Ok(()) };
    if bytes > limit {
        return Err(beyond);
    }
    match offer.append_bytes_min {
        Some(bytes_min) if append.completes == Some(false) && (1..bytes_min).contains(&bytes) => {
            Err(ProtocolError::AppendTooSmall { bytes_min })
        }
        _ => Ok(()),
    }
}

impl Acceptance {
    /// The upload after `received` bytes. On an error nothing of the body may be kept and the upload stays as it
    /// was, as with a checksum that does not fit.
    pub fn settle(
        &self,
        state: &UploadState,
        received: u64,
        end: BodyEnd,
    ) -> Result<UploadState, ProtocolError> {
        if received > self.limit {
            return Err(self.beyond);
        }
        let offset = self.writes_at.saturating_add(received);
        let last = self.completes == Some(true) && end == BodyEnd::Whole;
        if last && self.length.is_some_and(|length| length != offset) {
            return Err(ProtocolError::LengthInconsistent);
        }
        let complete = match self.completes {
            None => self.length == Some(offset),
            Some(_) => last,
        };
        let length = if last { Some(offset) } else { self.length };
        Ok(UploadState { length, offset, complete: state.complete || complete, ..*state })
    }
}
