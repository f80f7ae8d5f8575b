//! Which of the two protocols a request speaks.

use http::{HeaderMap, Method};

use crate::error::ProtocolError;
use crate::names::{
    INTEROP_VERSION, INTEROP_VERSION_SPOKEN, TUS_RESUMABLE, TUS_VERSION_SPOKEN, UPLOAD_COMPLETE,
};
use crate::{headers, structured};

/// The protocol of a request, and so of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// tus 1.0.0.
    Tus,
    /// The draft of the IETF, interop version 8.
    Draft,
}

impl Protocol {
    /// In which protocol to answer a request that may be refused as a whole.
    pub fn of_refusal(headers: &HeaderMap) -> Self {
        let draft = headers.contains_key(INTEROP_VERSION) || headers.contains_key(UPLOAD_COMPLETE);
        if draft && !headers.contains_key(TUS_RESUMABLE) { Self::Draft } else { Self::Tus }
    }

    /// The protocol, once its version is one we speak.
    pub(crate) fn detect(method: &Method, headers: &HeaderMap) -> Result<Self, ProtocolError> {
        let tus = headers.contains_key(TUS_RESUMABLE);
        if headers.contains_key(INTEROP_VERSION) {
            if tus {
                return Err(ProtocolError::ProtocolAmbiguous);
            }
            return match structured::integer(headers, INTEROP_VERSION) {
                Some(INTEROP_VERSION_SPOKEN) => Ok(Self::Draft),
                _ => Err(ProtocolError::InteropUnsupported),
            };
        }
        if !tus && headers.contains_key(UPLOAD_COMPLETE) {
            return Err(ProtocolError::InteropMissing);
        }
        check_tus_version(method, headers).map(|()| Self::Tus)
    }
}

/// HEAD may come without a version, as tusd allows: a client that is refused there forgets its upload.
fn check_tus_version(method: &Method, headers: &HeaderMap) -> Result<(), ProtocolError> {
    match headers::text(headers, TUS_RESUMABLE, TUS_VERSION_SPOKEN) {
        Ok(Some(TUS_VERSION_SPOKEN)) => Ok(()),
        Ok(None) if *method == Method::HEAD => Ok(()),
        Ok(None) => Err(ProtocolError::VersionMissing),
        Ok(Some(_)) | Err(_) => Err(ProtocolError::VersionUnsupported),
    }
}
