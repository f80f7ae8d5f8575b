//! `Upload-Metadata`: what a client says about its file, as bytes under names.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};

use crate::error::ProtocolError;
use crate::limits::{METADATA_BYTES_MAX, METADATA_KEY_BYTES_MAX, METADATA_PAIRS_MAX};
use crate::names::UPLOAD_METADATA;

/// Pairs in the order they were sent. Values are bytes of the client: never a path or a header unchecked, and
/// shown by no `Debug`, since a file's name may be a person's.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    pairs: Vec<(String, Vec<u8>)>,
}

/// Why metadata is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataFault {
    #[error("send the header once, with all pairs separated by commas")]
    Repeated,
    #[error("send at most {METADATA_BYTES_MAX} bytes")]
    TooLong,
    #[error("send at most {METADATA_PAIRS_MAX} pairs")]
    TooManyPairs,
    #[error("a key has 1 to {METADATA_KEY_BYTES_MAX} visible ASCII characters without a comma")]
    Key,
    #[error("each key may stand once")]
    KeyRepeated,
    #[error("a value is base64 of the standard alphabet with padding, one space after its key")]
    Value,
}

impl Metadata {
    /// The metadata of a request; none where the header is not sent.
    pub fn of_request(headers: &HeaderMap) -> Result<Self, ProtocolError> {
        let mut values = headers.get_all(UPLOAD_METADATA).iter();
        let Some(value) = values.next() else { return Ok(Self::default()) };
        if values.next().is_some() {
            return Err(ProtocolError::MetadataInvalid(MetadataFault::Repeated));
        }
        Self::parse(value.as_bytes()).map_err(ProtocolError::MetadataInvalid)
    }

    /// Reads the value of the header. Spaces around a pair are let pass: tusd writes an empty value as `key `. So is an
    /// empty header: tuspy sends one where there is nothing to say.
    pub fn parse(value: &[u8]) -> Result<Self, MetadataFault> {
        if value.len() > METADATA_BYTES_MAX {
            return Err(MetadataFault::TooLong);
        }
        if value.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let pairs = value.split(|byte| *byte == b',').map(parse_pair);
        Self::new(pairs.collect::<Result<_, _>>()?)
    }

    /// Takes pairs that the header can carry.
    pub fn new(pairs: Vec<(String, Vec<u8>)>) -> Result<Self, MetadataFault> {
        if pairs.len() > METADATA_PAIRS_MAX {
            return Err(MetadataFault::TooManyPairs);
        }
        for (index, (key, _)) in pairs.iter().enumerate() {
            check_key(key)?;
            if pairs[..index].iter().any(|(earlier, _)| earlier == key) {
                return Err(MetadataFault::KeyRepeated);
            }
        }
        let metadata = Self { pairs };
        if metadata.to_text().len() > METADATA_BYTES_MAX {
            return Err(MetadataFault::TooLong);
        }
        Ok(metadata)
    }

    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// The value where it is UTF-8.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(|value| std::str::from_utf8(value).ok())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.pairs.iter().map(|(key, value)| (key.as_str(), value.as_slice()))
    }

    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The value of the header, byte for byte as it was read but for spaces around pairs; empty for none.
    pub fn to_text(&self) -> String {
        self.pairs.iter().map(write_pair).collect::<Vec<_>>().join(",")
    }

    pub(crate) fn to_header_value(&self) -> Option<HeaderValue> {
        if self.is_empty() { None } else { HeaderValue::try_from(self.to_text()).ok() }
    }
}

fn parse_pair(pair: &[u8]) -> Result<(String, Vec<u8>), MetadataFault> {
    let pair = pair.trim_ascii();
    let end = pair.iter().position(|byte| *byte == b' ').unwrap_or(pair.len());
    let (key, value) = pair.split_at(end);
    let key = std::str::from_utf8(key).map_err(|_| MetadataFault::Key)?;
    let value = match value.split_first() {
        None => Vec::new(),
        Some((_, encoded)) => STANDARD.decode(encoded).map_err(|_| MetadataFault::Value)?,
    };
    Ok((key.to_owned(), value))
}

fn write_pair((key, value): &(String, Vec<u8>)) -> String {
    if value.is_empty() { key.clone() } else { format!("{key} {}", STANDARD.encode(value)) }
}

fn check_key(key: &str) -> Result<(), MetadataFault> {
    let lawful = (1..=METADATA_KEY_BYTES_MAX).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
    if lawful { Ok(()) } else { Err(MetadataFault::Key) }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metadata").field("pairs", &self.pairs.len()).finish_non_exhaustive()
    }
}
