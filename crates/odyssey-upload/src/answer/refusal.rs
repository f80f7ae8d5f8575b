//! What a refusal says beside its status.

use http::StatusCode;

use super::{Answer, limits};
use crate::error::ProtocolError;
use crate::names::*;
use crate::offer::Offer;
use crate::protocol::Protocol;
use crate::structured::boolean_text;

/// To a request that is refused. The body, if any, is the server's: see [`ProtocolError::registered_type`].
pub fn refused(protocol: Protocol, error: &ProtocolError, offer: &Offer) -> Answer {
    let mut answer = Answer::of(protocol, error.status());
    match *error {
        ProtocolError::VersionMissing | ProtocolError::VersionUnsupported => {
            answer.put_text(TUS_VERSION, TUS_VERSION_SPOKEN);
        }
        ProtocolError::MethodNotAllowed => answer.put_text(ALLOW, methods(protocol)),
        ProtocolError::Locked { retry_after_seconds } => {
            answer.put_number(RETRY_AFTER, u64::from(retry_after_seconds));
        }
        // Only an incomplete upload comes this far.
        ProtocolError::OffsetMismatch { expected, .. } if protocol == Protocol::Draft => {
            answer.put_text(UPLOAD_COMPLETE, boolean_text(false));
            answer.put_number(UPLOAD_OFFSET, expected);
        }
        _ => {}
    }
    match (protocol, answer.status) {
        (Protocol::Draft, StatusCode::PAYLOAD_TOO_LARGE) => {
            answer.put_text(UPLOAD_LIMIT, &limits(offer, None));
        }
        (Protocol::Tus, StatusCode::PAYLOAD_TOO_LARGE) => {
            answer.put_number(TUS_MAX_SIZE, offer.bytes_max());
        }
        (Protocol::Draft, StatusCode::UNSUPPORTED_MEDIA_TYPE) => {
            answer.put_text(ACCEPT_PATCH, PARTIAL_UPLOAD);
        }
        _ => {}
    }
    answer
}

const fn methods(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tus => "OPTIONS, POST, HEAD, PATCH, DELETE",
        Protocol::Draft => "OPTIONS, POST, PUT, HEAD, GET, PATCH, DELETE",
    }
}
