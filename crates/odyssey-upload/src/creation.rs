//! Which uploads may begin, and what a new one is.

use crate::concat::{Concat, ConcatKind};
use crate::error::{PartialFault, ProtocolError};
use crate::names::{UPLOAD_CONCAT, UPLOAD_DEFER_LENGTH};
use crate::offer::Offer;
use crate::protocol::Protocol;
use crate::request::{Append, Create, Length};
use crate::state::{Decision, UploadState, decide};

/// Judges a creation, and gives the upload as it begins, before a byte of the body. A final upload begins
/// unfinished; [`join`] gives its end.
pub fn admit(create: &Create, offer: &Offer) -> Result<UploadState, ProtocolError> {
    check_extensions(create, offer)?;
    let length = match create.length {
        Length::Known(bytes) if bytes > offer.bytes_max() => return Err(too_large(offer)),
        Length::Known(bytes) => Some(bytes),
        Length::Deferred | Length::OfParts => None,
    };
    let state = UploadState {
        length,
        offset: 0,
        concat: create.concat.kind(),
        // The draft completes by what a request says, never by a length.
        complete: length == Some(0) && create.protocol == Protocol::Tus,
        expired: false,
    };
    // A body that would be refused is refused before the upload is made.
    let first = Append::first_of(create).filter(|_| state.concat != ConcatKind::Final);
    if let Some(Decision::Refuse(error)) = first.map(|first| decide(&state, &first, offer)) {
        return Err(error);
    }
    Ok(state)
}

/// A final upload of these parts, in their order: whole, and as long as they are together.
pub fn join(parts: &[UploadState], offer: &Offer) -> Result<UploadState, ProtocolError> {
    let mut length = 0_u64;
    for (index, part) in parts.iter().enumerate() {
        let unusable = |fault| ProtocolError::PartialUnusable { position: index + 1, fault };
        check_part(part).map_err(unusable)?;
        length = length.saturating_add(part.offset);
    }
    if length > offer.bytes_max() {
        return Err(too_large(offer));
    }
    Ok(UploadState {
        length: Some(length),
        offset: length,
        concat: ConcatKind::Final,
        complete: true,
        expired: false,
    })
}

const fn check_part(part: &UploadState) -> Result<(), PartialFault> {
    match part.concat {
        ConcatKind::None => Err(PartialFault::NotPartial),
        ConcatKind::Final => Err(PartialFault::Final),
        ConcatKind::Partial if part.expired => Err(PartialFault::Expired),
        ConcatKind::Partial if !part.complete => Err(PartialFault::Unfinished),
        ConcatKind::Partial => Ok(()),
    }
}

/// tus alone has extensions; in the draft a length may always follow later.
fn check_extensions(create: &Create, offer: &Offer) -> Result<(), ProtocolError> {
    if create.concat != Concat::None && !offer.concatenation {
        let extension = "concatenation";
        return Err(ProtocolError::ExtensionUnsupported { header: UPLOAD_CONCAT, extension });
    }
    let defers = create.protocol == Protocol::Tus && create.length == Length::Deferred;
    if defers && !offer.defer_length {
        let extension = "creation-defer-length";
        return Err(ProtocolError::ExtensionUnsupported { header: UPLOAD_DEFER_LENGTH, extension });
    }
    Ok(())
}

const fn too_large(offer: &Offer) -> ProtocolError {
    ProtocolError::UploadTooLarge { bytes_max: offer.bytes_max() }
}
