//! `Upload-Checksum`: the digest of one body, verified while it arrives.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::error::ProtocolError;
use crate::headers;
use crate::names::UPLOAD_CHECKSUM;

const EXPECTED: &str = "the name of an algorithm, one space, and the digest in base64";

/// An algorithm we verify. tus makes sha1 mandatory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    Sha1,
    Sha256,
    /// The one of zip and PNG, its four bytes most significant first.
    Crc32,
}

impl Algorithm {
    pub const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Crc32];
    /// `Tus-Checksum-Algorithm`.
    pub const LIST: &'static str = "sha1,sha256,crc32";

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Crc32 => "crc32",
        }
    }

    /// Bytes of its digest.
    pub const fn digest_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Crc32 => 4,
        }
    }
}

/// What a client says its body digests to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    algorithm: Algorithm,
    digest: Vec<u8>,
}

impl Checksum {
    pub(crate) fn of_request(headers: &HeaderMap) -> Result<Option<Self>, ProtocolError> {
        headers::text(headers, UPLOAD_CHECKSUM, EXPECTED)?.map(Self::parse).transpose()
    }

    /// Reads the value of the header.
    pub fn parse(value: &str) -> Result<Self, ProtocolError> {
        let invalid = ProtocolError::HeaderInvalid { header: UPLOAD_CHECKSUM, expected: EXPECTED };
        let (name, encoded) = value.split_once(' ').ok_or(invalid)?;
        let algorithm = Algorithm::ALL.into_iter().find(|known| known.as_str() == name);
        let algorithm = algorithm.ok_or(ProtocolError::ChecksumAlgorithmUnsupported)?;
        let digest = STANDARD.decode(encoded).map_err(|_| invalid)?;
        if digest.len() == algorithm.digest_bytes() { Ok(Self { algorithm, digest }) } else { Err(invalid) }
    }

    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub fn verifier(self) -> Verifier {
        let running = match self.algorithm {
            Algorithm::Sha1 => Running::Sha1(Sha1::new()),
            Algorithm::Sha256 => Running::Sha256(Sha256::new()),
            Algorithm::Crc32 => Running::Crc32(crc32fast::Hasher::new()),
        };
        Verifier { expected: self.digest, running }
    }
}

/// Digests a body as it arrives.
#[derive(Debug, Clone)]
pub struct Verifier {
    expected: Vec<u8>,
    running: Running,
}

#[derive(Debug, Clone)]
enum Running {
    Sha1(Sha1),
    Sha256(Sha256),
    Crc32(crc32fast::Hasher),
}

impl Verifier {
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.running {
            Running::Sha1(sha1) => sha1.update(bytes),
            Running::Sha256(sha256) => sha256.update(bytes),
            Running::Crc32(crc32) => crc32.update(bytes),
        }
    }

    /// On an error nothing of the body may be kept: the offset stays. A body that was cut off fails here as well,
    /// since nobody knows whether its bytes are the right ones.
    pub fn finish(self) -> Result<(), ProtocolError> {
        let digest = match self.running {
            Running::Sha1(sha1) => sha1.finalize().to_vec(),
            Running::Sha256(sha256) => sha256.finalize().to_vec(),
            Running::Crc32(crc32) => crc32.finalize().to_be_bytes().to_vec(),
        };
        if digest == self.expected { Ok(()) } else { Err(ProtocolError::ChecksumMismatch) }
    }
}
