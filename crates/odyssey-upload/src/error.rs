//! Why a request is refused: a closed list, each with its status and the remedy in its message.

use http::StatusCode;

use crate::checksum::Algorithm;
use crate::metadata::MetadataFault;
use crate::names::{OFFSET_OCTET_STREAM, PARTIAL_UPLOAD};
use crate::protocol::Protocol;

/// A refusal. Messages hold numbers and names of ours, never text of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    #[error("Tus-Resumable is missing: send `Tus-Resumable: 1.0.0`")]
    VersionMissing,
    #[error("Tus-Resumable names a version that is not served: send `Tus-Resumable: 1.0.0`")]
    VersionUnsupported,
    #[error(
        "Upload-Complete needs the version of the draft beside it: send `Upload-Draft-Interop-Version: 8`"
    )]
    InteropMissing,
    #[error("Upload-Draft-Interop-Version names a version that is not served: send 8, or use tus 1.0.0")]
    InteropUnsupported,
    #[error("Tus-Resumable and Upload-Draft-Interop-Version name two protocols: send one of them")]
    ProtocolAmbiguous,
    #[error("this method is not one of uploads: use OPTIONS, POST, HEAD, PATCH or DELETE")]
    MethodNotAllowed,
    #[error("X-HTTP-Method-Override must be PATCH, DELETE or HEAD, in capitals")]
    MethodOverrideInvalid,
    #[error("{header} is sent more than once: send it once")]
    HeaderRepeated { header: &'static str },
    #[error("{header} is missing: send {expected}")]
    HeaderMissing { header: &'static str, expected: &'static str },
    #[error("{header} cannot be read: send {expected}")]
    HeaderInvalid { header: &'static str, expected: &'static str },
    #[error("Content-Type must be {}", content_type(*.protocol))]
    ContentTypeUnsupported { protocol: Protocol },

    #[error("neither Upload-Length nor Upload-Defer-Length is sent: send one of them")]
    LengthMissing,
    #[error("Upload-Length and Upload-Defer-Length are both sent: send one of them")]
    LengthTwice,
    #[error("Upload-Length is already known and cannot change: leave it out")]
    LengthChanged,
    #[error(
        "Upload-Length is below the {offset} bytes already received: ask with HEAD and send the whole length"
    )]
    LengthBelowOffset { offset: u64 },
    #[error(
        "Upload-Length, or the end that Upload-Complete and Content-Length give, contradicts the length: send one length throughout"
    )]
    LengthInconsistent,
    #[error(
        "Upload-Offset is {provided} where {expected} bytes have been received: ask with HEAD and go on from there"
    )]
    OffsetMismatch { expected: u64, provided: u64 },
    #[error("the upload is complete, as its Upload-Complete says: create another to send more")]
    UploadCompleted,
    #[error("Upload-Length is larger than any upload may be: send a smaller file")]
    LengthBeyondNumbers,
    #[error("the upload would have more than the {bytes_max} bytes taken: send a smaller file")]
    UploadTooLarge { bytes_max: u64 },
    #[error(
        "the body goes past the Upload-Length, which leaves {bytes_left} bytes: send no more, nothing of this body is kept"
    )]
    BodyPastLength { bytes_left: u64 },
    #[error(
        "the body has more than the {bytes_max} bytes of one request: send it in pieces, as Upload-Limit says"
    )]
    AppendTooLarge { bytes_max: u64 },
    #[error(
        "the body has fewer than the {bytes_min} bytes of one request: send larger pieces, as Upload-Limit says"
    )]
    AppendTooSmall { bytes_min: u64 },

    #[error("there is no such upload: create it with POST")]
    NotFound,
    #[error("the upload has expired, as its Upload-Expires said: create another with POST")]
    Expired,
    #[error("the upload was given up: create another with POST")]
    GivenUp,
    #[error("the job of the upload was canceled: create another with POST")]
    JobCanceled,
    #[error("another request is writing to this upload: try again after {retry_after_seconds} seconds")]
    Locked { retry_after_seconds: u32 },
    #[error("a newer request for this upload has taken over: go on with that one")]
    Interrupted,

    #[error(
        "the upload is final, as its Upload-Concat says, and takes no bytes: send them to its partial uploads"
    )]
    FinalTakesNoBytes,
    #[error("a final upload gets its length from its parts: leave out Upload-Length and Upload-Defer-Length")]
    FinalWithLength,
    #[error("a final upload gets its bytes from its parts: send Upload-Concat without a body")]
    FinalWithBody,
    #[error("Upload-Concat names more than {max} uploads: join fewer")]
    PartialsTooMany { max: usize },
    #[error("upload {position} of Upload-Concat {fault}")]
    PartialUnusable { position: usize, fault: PartialFault },

    #[error("Upload-Metadata cannot be read: {0}")]
    MetadataInvalid(MetadataFault),
    #[error("Upload-Checksum names an algorithm that is not served: use one of {}", Algorithm::LIST)]
    ChecksumAlgorithmUnsupported,
    #[error("the body does not have the Upload-Checksum sent: nothing of it is kept, send it again")]
    ChecksumMismatch,
    #[error("{header} asks for the extension {extension}, which is not served: see Tus-Extension")]
    ExtensionUnsupported { header: &'static str, extension: &'static str },
}

/// Why an upload cannot be a part of a final one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PartialFault {
    /// Also for the upload of another vendor.
    #[error("does not exist: name the URLs as Location gave them")]
    Missing,
    #[error("has expired or was given up: send that part again")]
    Expired,
    #[error("is not finished: send the rest of it first")]
    Unfinished,
    #[error("was not created with `Upload-Concat: partial`: join only those that were")]
    NotPartial,
    #[error("is a final upload itself: join only partial ones")]
    Final,
    #[error("is named before already: name each part once")]
    Repeated,
    #[error("was joined into another upload already: follow that one, or send the part again")]
    Joined,
}

/// 460, which tus has for a checksum that does not fit. No registry lists it.
const CHECKSUM_MISMATCH: u16 = 460;

impl ProtocolError {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::VersionMissing | Self::VersionUnsupported => StatusCode::PRECONDITION_FAILED,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::ContentTypeUnsupported { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::OffsetMismatch { .. } | Self::PartialUnusable { fault: PartialFault::Joined, .. } => {
                StatusCode::CONFLICT
            }
            Self::UploadTooLarge { .. }
            | Self::LengthBeyondNumbers
            | Self::BodyPastLength { .. }
            | Self::AppendTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Expired
            | Self::GivenUp
            | Self::JobCanceled
            | Self::PartialUnusable { fault: PartialFault::Expired, .. } => StatusCode::GONE,
            Self::Locked { .. } => StatusCode::LOCKED,
            Self::FinalTakesNoBytes => StatusCode::FORBIDDEN,
            Self::ExtensionUnsupported { .. } => StatusCode::NOT_IMPLEMENTED,
            Self::ChecksumMismatch => {
                StatusCode::from_u16(CHECKSUM_MISMATCH).unwrap_or(StatusCode::BAD_REQUEST)
            }
            Self::InteropMissing
            | Self::InteropUnsupported
            | Self::ProtocolAmbiguous
            | Self::MethodOverrideInvalid
            | Self::HeaderRepeated { .. }
            | Self::HeaderMissing { .. }
            | Self::HeaderInvalid { .. }
            | Self::LengthMissing
            | Self::LengthTwice
            | Self::LengthChanged
            | Self::LengthBelowOffset { .. }
            | Self::LengthInconsistent
            | Self::UploadCompleted
            | Self::AppendTooSmall { .. }
            | Self::Interrupted
            | Self::FinalWithLength
            | Self::FinalWithBody
            | Self::PartialsTooMany { .. }
            | Self::PartialUnusable { .. }
            | Self::MetadataInvalid(_)
            | Self::ChecksumAlgorithmUnsupported => StatusCode::BAD_REQUEST,
        }
    }

    /// The problem type that the draft registers for this, where it has one.
    pub const fn registered_type(&self) -> Option<&'static str> {
        match self {
            Self::OffsetMismatch { .. } => {
                Some("https://iana.org/assignments/http-problem-types#mismatching-upload-offset")
            }
            Self::LengthInconsistent => {
                Some("https://iana.org/assignments/http-problem-types#inconsistent-upload-length")
            }
            Self::UploadCompleted => Some("https://iana.org/assignments/http-problem-types#completed-upload"),
            _ => None,
        }
    }
}

const fn content_type(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tus => OFFSET_OCTET_STREAM,
        Protocol::Draft => PARTIAL_UPLOAD,
    }
}
