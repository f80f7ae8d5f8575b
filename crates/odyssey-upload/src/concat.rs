//! `Upload-Concat`: uploads sent as parts, and the one that joins them.

use std::fmt;

use http::{HeaderMap, HeaderValue};

use crate::error::ProtocolError;
use crate::headers;
use crate::limits::{PARTIALS_MAX, UPLOAD_REF_BYTES_MAX};
use crate::names::UPLOAD_CONCAT;

const EXPECTED: &str = "`partial`, or `final;` and the URLs of the parts with one space between";

/// What an upload is in a concatenation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Concat {
    /// An upload for itself.
    #[default]
    None,
    /// A part.
    Partial,
    /// The parts joined, in this order. Each is to be authorised to the caller's vendor.
    Final(Vec<UploadRef>),
}

/// [`Concat`] without the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ConcatKind {
    #[default]
    None,
    Partial,
    Final,
}

/// The URL of a part, as the client sent it. It holds an id that works as a capability, so `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct UploadRef(String);

impl Concat {
    pub(crate) fn of_request(headers: &HeaderMap) -> Result<Self, ProtocolError> {
        let invalid = ProtocolError::HeaderInvalid { header: UPLOAD_CONCAT, expected: EXPECTED };
        match headers::text(headers, UPLOAD_CONCAT, EXPECTED)? {
            None => Ok(Self::None),
            Some("partial") => Ok(Self::Partial),
            Some(value) => parse_parts(value.strip_prefix("final;").ok_or(invalid)?).map(Self::Final),
        }
    }

    pub const fn kind(&self) -> ConcatKind {
        match self {
            Self::None => ConcatKind::None,
            Self::Partial => ConcatKind::Partial,
            Self::Final(_) => ConcatKind::Final,
        }
    }

    pub(crate) fn to_header_value(&self) -> Option<HeaderValue> {
        match self {
            Self::None => None,
            Self::Partial => Some(HeaderValue::from_static("partial")),
            Self::Final(parts) => {
                let urls = parts.iter().map(UploadRef::as_str).collect::<Vec<_>>().join(" ");
                HeaderValue::try_from(format!("final;{urls}")).ok()
            }
        }
    }
}

fn parse_parts(urls: &str) -> Result<Vec<UploadRef>, ProtocolError> {
    let mut parts = Vec::new();
    for url in urls.split(' ') {
        if parts.len() == PARTIALS_MAX {
            return Err(ProtocolError::PartialsTooMany { max: PARTIALS_MAX });
        }
        let part = UploadRef::parse(url);
        parts.push(part.ok_or(ProtocolError::HeaderInvalid { header: UPLOAD_CONCAT, expected: EXPECTED })?);
    }
    Ok(parts)
}

impl UploadRef {
    /// A URL, absolute or relative, of visible ASCII characters.
    pub fn parse(url: &str) -> Option<Self> {
        let lawful = (1..=UPLOAD_REF_BYTES_MAX).contains(&url.len())
            && url.bytes().all(|byte| byte.is_ascii_graphic());
        lawful.then(|| Self(url.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id in a URL directly under the path where uploads are made. Host and query are not looked at: behind a
    /// proxy we do not know all our names, and the id is looked up among the caller's uploads only.
    pub fn id_under(&self, collection_path: &str) -> Option<&str> {
        let path = self.path().split(['?', '#']).next()?;
        let id = path.strip_prefix(collection_path.trim_end_matches('/'))?.strip_prefix('/')?;
        (!id.is_empty() && !id.contains('/')).then_some(id)
    }

    fn path(&self) -> &str {
        let Some((_, after)) = self.0.split_once("://").filter(|(scheme, _)| !scheme.contains('/')) else {
            return &self.0;
        };
        after.find('/').map_or("", |at| &after[at..])
    }
}

impl fmt::Debug for UploadRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UploadRef(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_part_is_found_under_the_path_of_uploads() {
        for (url, id) in [
            ("/api/v1/uploads/a1", Some("a1")),
            ("https://b2b.example:8443/api/v1/uploads/a1?x=/y", Some("a1")),
            ("/api/v1/uploads/a1#f", Some("a1")),
            ("/api/v1/uploads/", None),
            ("/api/v1/uploads", None),
            ("/api/v1/uploadsa1", None),
            ("/api/v1/uploads/a1/b", None),
            ("https://b2b.example", None),
            ("/elsewhere?u=https://b2b.example/api/v1/uploads/a1", None),
        ] {
            let part = UploadRef::parse(url).expect("a URL");
            assert_eq!(part.id_under("/api/v1/uploads"), id, "{url}");
            assert_eq!(part.id_under("/api/v1/uploads/"), id, "{url}");
        }
    }
}
