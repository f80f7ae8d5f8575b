//! What a request asks for.

mod draft;
mod tus;

use http::{HeaderMap, Method};

use crate::checksum::Checksum;
use crate::concat::Concat;
use crate::error::ProtocolError;
use crate::headers;
use crate::metadata::Metadata;
use crate::names::METHOD_OVERRIDE;
use crate::protocol::Protocol;

/// A request, its headers read and lawful for themselves. Whether the upload allows it, [`crate::admit`] and
/// [`crate::decide`] tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// What is offered? In both protocols at once.
    Options,
    Create(Create),
    Head(Protocol),
    Append(Append),
    Terminate(Protocol),
}

/// A new upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    pub protocol: Protocol,
    pub length: Length,
    pub metadata: Metadata,
    pub concat: Concat,
    /// Whether the body holds the first bytes of the upload; otherwise it is not looked at.
    pub has_body: bool,
    pub content_length: Option<u64>,
    pub checksum: Option<Checksum>,
    /// Whether the body is all there is; the draft says so, tus by the length alone.
    pub completes: Option<bool>,
}

/// The length of a new upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Length {
    Known(u64),
    /// To be told later.
    Deferred,
    /// That of the parts together, for [`Concat::Final`] and nothing else.
    OfParts,
}

/// More bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    pub protocol: Protocol,
    pub offset: u64,
    /// The length of the upload, told now.
    pub declared_length: Option<u64>,
    pub content_length: Option<u64>,
    pub checksum: Option<Checksum>,
    /// Whether the upload is complete after this body; `None` in tus.
    pub completes: Option<bool>,
}

impl Append {
    /// The bytes that came with the creation, as an append to the new upload.
    pub fn first_of(create: &Create) -> Option<Self> {
        create.has_body.then(|| Self {
            protocol: create.protocol,
            offset: 0,
            declared_length: None,
            content_length: create.content_length,
            checksum: create.checksum.clone(),
            completes: create.completes,
        })
    }
}

/// Reads a request. An overridden method counts as the one that was meant.
pub fn parse(method: &Method, headers: &HeaderMap) -> Result<Request, ProtocolError> {
    let method = effective_method(method, headers)?;
    // Before the version: a client asks here which one to speak.
    if method == Method::OPTIONS {
        return Ok(Request::Options);
    }
    match Protocol::detect(&method, headers)? {
        Protocol::Tus => tus::parse(&method, headers),
        Protocol::Draft => draft::parse(&method, headers),
    }
}

/// The method that is meant: `X-HTTP-Method-Override` on POST, and on nothing else. To be asked before anything
/// looks at the method: authorisation, routing, limits.
pub fn effective_method(method: &Method, headers: &HeaderMap) -> Result<Method, ProtocolError> {
    if *method != Method::POST {
        return Ok(method.clone());
    }
    match headers::text(headers, METHOD_OVERRIDE, "PATCH, DELETE or HEAD")? {
        None | Some("POST") => Ok(Method::POST),
        Some("PATCH") => Ok(Method::PATCH),
        Some("DELETE") => Ok(Method::DELETE),
        Some("HEAD") => Ok(Method::HEAD),
        Some(_) => Err(ProtocolError::MethodOverrideInvalid),
    }
}
