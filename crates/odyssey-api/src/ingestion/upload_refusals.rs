//! What the protocols of uploads refuse, and what the domain does, in one set of words and codes; and the version that
//! every answer names.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use odyssey_domain::ingestion::{Gone, PartFault};
use odyssey_upload::names::{INTEROP_VERSION, INTEROP_VERSION_SPOKEN, TUS_RESUMABLE, TUS_VERSION_SPOKEN};
use odyssey_upload::{PartialFault, Protocol, ProtocolError};

use super::uploads::UPLOADS_PATH;
use crate::problem::{Problem, ProblemCode};

/// The code of a refusal.
pub(super) fn code_of(error: &ProtocolError) -> ProblemCode {
    match error.status() {
        _ if *error == ProtocolError::ChecksumMismatch => ProblemCode::UploadChecksumMismatch,
        _ if *error == ProtocolError::FinalTakesNoBytes => ProblemCode::UploadFinal,
        StatusCode::CONFLICT if matches!(error, ProtocolError::PartialUnusable { .. }) => {
            ProblemCode::UploadPartJoined
        }
        StatusCode::NOT_FOUND => ProblemCode::UploadNotFound,
        StatusCode::GONE => ProblemCode::UploadExpired,
        StatusCode::CONFLICT | StatusCode::LOCKED => ProblemCode::UploadOffsetMismatch,
        StatusCode::PRECONDITION_FAILED => ProblemCode::UploadVersionUnsupported,
        StatusCode::NOT_IMPLEMENTED => ProblemCode::UploadExtensionUnsupported,
        StatusCode::PAYLOAD_TOO_LARGE => ProblemCode::UploadTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ProblemCode::UnsupportedMediaType,
        StatusCode::METHOD_NOT_ALLOWED => ProblemCode::MethodNotAllowed,
        _ => ProblemCode::MalformedRequest,
    }
}

/// Why an upload is gone, as the protocol says it.
pub(super) const fn refusal_of(gone: Gone) -> ProtocolError {
    match gone {
        Gone::GivenUp => ProtocolError::GivenUp,
        Gone::JobCanceled => ProtocolError::JobCanceled,
        Gone::Expired => ProtocolError::Expired,
    }
}

/// Why a part cannot be joined, likewise.
pub(super) const fn refusal_of_part(position: usize, fault: PartFault) -> ProtocolError {
    let fault = match fault {
        PartFault::Repeated => PartialFault::Repeated,
        PartFault::Joined => PartialFault::Joined,
        PartFault::Gone => PartialFault::Expired,
        PartFault::NotPartial => PartialFault::NotPartial,
        PartFault::Unfinished => PartialFault::Unfinished,
    };
    ProtocolError::PartialUnusable { position, fault }
}

/// The problem of what the domain refuses in the protocol's stead.
pub(super) fn problem_of(error: &ProtocolError) -> Problem {
    Problem::new(code_of(error)).detail(format!("{error}."))
}

/// Names the version that is spoken in every answer below the path of uploads, whoever refused the request: a client
/// of tus takes an answer without it for somebody else's.
pub(crate) async fn name_version(request: Request, next: Next) -> Response {
    let named = is_of_uploads(&request).then(|| version(request.headers()));
    let mut response = next.run(request).await;
    if let Some((name, value)) = named {
        let headers = response.headers_mut();
        if !headers.contains_key(TUS_RESUMABLE) && !headers.contains_key(INTEROP_VERSION) {
            headers.insert(name, value);
        }
    }
    response
}

/// OPTIONS says it in its own way, and a browser's preflight asks for nothing of it.
fn is_of_uploads(request: &Request) -> bool {
    let below = request.uri().path().strip_prefix(UPLOADS_PATH);
    request.method() != Method::OPTIONS && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn version(headers: &HeaderMap) -> (HeaderName, HeaderValue) {
    // Names on the wire ignore their case, and the constants are lawful in small letters alone.
    match Protocol::of_refusal(headers) {
        Protocol::Tus => {
            (HeaderName::from_static("tus-resumable"), HeaderValue::from_static(TUS_VERSION_SPOKEN))
        }
        Protocol::Draft => (
            HeaderName::from_static("upload-draft-interop-version"),
            HeaderValue::from(INTEROP_VERSION_SPOKEN),
        ),
    }
}
