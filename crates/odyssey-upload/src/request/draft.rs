//! Requests of the draft, their version already checked.
//!
//! The draft has a field with an unlawful value ignored, so it is as good as missing: where the field must be
//! there the request is refused, elsewhere it counts as not sent.

use http::{HeaderMap, Method};

use super::{Append, Create, Length, Request};
use crate::concat::Concat;
use crate::error::ProtocolError;
use crate::headers::{content_length, is_of_type};
use crate::metadata::Metadata;
use crate::names::{PARTIAL_UPLOAD, UPLOAD_COMPLETE, UPLOAD_LENGTH, UPLOAD_OFFSET};
use crate::protocol::Protocol;
use crate::structured::{boolean, integer};

/// The draft lets any method with content create. Ours are POST and PUT; PATCH on this endpoint appends.
pub fn parse(method: &Method, headers: &HeaderMap) -> Result<Request, ProtocolError> {
    match method.as_str() {
        "POST" | "PUT" => create(headers).map(Request::Create),
        "HEAD" | "GET" => Ok(Request::Head(Protocol::Draft)),
        "PATCH" => append(headers).map(Request::Append),
        "DELETE" => Ok(Request::Terminate(Protocol::Draft)),
        _ => Err(ProtocolError::MethodNotAllowed),
    }
}

fn create(headers: &HeaderMap) -> Result<Create, ProtocolError> {
    let completes = completes(headers)?;
    let content_length = content_length(headers)?;
    let told = integer(headers, UPLOAD_LENGTH);
    let shown = if completes { content_length } else { None };
    let length = match (told, shown) {
        (Some(told), Some(shown)) if told != shown => return Err(ProtocolError::LengthInconsistent),
        (Some(bytes), _) | (None, Some(bytes)) => Length::Known(bytes),
        (None, None) => Length::Deferred,
    };
    Ok(Create {
        protocol: Protocol::Draft,
        length,
        metadata: Metadata::default(),
        concat: Concat::None,
        has_body: true,
        content_length,
        checksum: None,
        completes: Some(completes),
    })
}

fn append(headers: &HeaderMap) -> Result<Append, ProtocolError> {
    if !is_of_type(headers, PARTIAL_UPLOAD) {
        return Err(ProtocolError::ContentTypeUnsupported { protocol: Protocol::Draft });
    }
    let expected = "a whole number of at most 15 digits";
    let offset = integer(headers, UPLOAD_OFFSET)
        .ok_or(ProtocolError::HeaderMissing { header: UPLOAD_OFFSET, expected })?;
    Ok(Append {
        protocol: Protocol::Draft,
        offset,
        declared_length: integer(headers, UPLOAD_LENGTH),
        content_length: content_length(headers)?,
        checksum: None,
        completes: Some(completes(headers)?),
    })
}

fn completes(headers: &HeaderMap) -> Result<bool, ProtocolError> {
    let missing = ProtocolError::HeaderMissing { header: UPLOAD_COMPLETE, expected: "`?1` or `?0`" };
    boolean(headers, UPLOAD_COMPLETE).ok_or(missing)
}
