//! Requests of tus 1.0.0, their version already checked.

use http::{HeaderMap, Method};

use super::{Append, Create, Length, Request};
use crate::checksum::Checksum;
use crate::concat::Concat;
use crate::error::ProtocolError;
use crate::headers::{content_length, is_of_type, required_number, text, upload_length};
use crate::metadata::Metadata;
use crate::names::{OFFSET_OCTET_STREAM, UPLOAD_DEFER_LENGTH, UPLOAD_OFFSET};
use crate::protocol::Protocol;

pub fn parse(method: &Method, headers: &HeaderMap) -> Result<Request, ProtocolError> {
    match method.as_str() {
        "POST" => create(headers).map(Request::Create),
        "HEAD" => Ok(Request::Head(Protocol::Tus)),
        "PATCH" => append(headers).map(Request::Append),
        "DELETE" => Ok(Request::Terminate(Protocol::Tus)),
        _ => Err(ProtocolError::MethodNotAllowed),
    }
}

/// A body of another type is not of the upload, so neither are its length and checksum.
fn create(headers: &HeaderMap) -> Result<Create, ProtocolError> {
    let concat = Concat::of_request(headers)?;
    let length = length(headers, &concat)?;
    let metadata = Metadata::of_request(headers)?;
    let has_body = is_of_type(headers, OFFSET_OCTET_STREAM);
    let (content_length, checksum) =
        if has_body { (content_length(headers)?, Checksum::of_request(headers)?) } else { (None, None) };
    if has_body && content_length != Some(0) && matches!(concat, Concat::Final(_)) {
        return Err(ProtocolError::FinalWithBody);
    }
    Ok(Create {
        protocol: Protocol::Tus,
        length,
        metadata,
        concat,
        has_body,
        content_length,
        checksum,
        completes: None,
    })
}

fn length(headers: &HeaderMap, concat: &Concat) -> Result<Length, ProtocolError> {
    let known = upload_length(headers)?;
    let deferred = is_deferred(headers)?;
    match (concat, known, deferred) {
        (Concat::Final(_), None, false) => Ok(Length::OfParts),
        (Concat::Final(_), ..) => Err(ProtocolError::FinalWithLength),
        (_, Some(_), true) => Err(ProtocolError::LengthTwice),
        (_, Some(bytes), false) => Ok(Length::Known(bytes)),
        (_, None, true) => Ok(Length::Deferred),
        (_, None, false) => Err(ProtocolError::LengthMissing),
    }
}

fn is_deferred(headers: &HeaderMap) -> Result<bool, ProtocolError> {
    const EXPECTED: &str = "1, the only value it has";
    match text(headers, UPLOAD_DEFER_LENGTH, EXPECTED)? {
        None => Ok(false),
        Some("1") => Ok(true),
        Some(_) => Err(ProtocolError::HeaderInvalid { header: UPLOAD_DEFER_LENGTH, expected: EXPECTED }),
    }
}

fn append(headers: &HeaderMap) -> Result<Append, ProtocolError> {
    if !is_of_type(headers, OFFSET_OCTET_STREAM) {
        return Err(ProtocolError::ContentTypeUnsupported { protocol: Protocol::Tus });
    }
    Ok(Append {
        protocol: Protocol::Tus,
        offset: required_number(headers, UPLOAD_OFFSET)?,
        declared_length: upload_length(headers)?,
        content_length: content_length(headers)?,
        checksum: Checksum::of_request(headers)?,
        completes: None,
    })
}
