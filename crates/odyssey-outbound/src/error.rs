//! Why a URL is not fetched, or nothing came of it: a closed list of sentences for the person who wrote the URL.
//!
//! Messages name hosts, ports and limits. They never repeat a path, a query, a header or an address that a name
//! resolved to: what a private network looks like is nobody's business outside of it.

use std::error::Error as StdError;
use std::fmt;

use http::{HeaderName, StatusCode};

use crate::limits::{HEADER_BYTES_MAX, HEADERS_MAX, URL_BYTES_MAX};
use crate::lookup::LookupError;

/// A refusal or a failure. `source` is for the log of the operator.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("this is not a URL: write it whole, such as https://shop.example/picture.jpg")]
    NotAUrl,
    #[error("this URL is longer than {URL_BYTES_MAX} bytes: use a shorter one")]
    UrlTooLong,
    #[error("this URL does not begin with https://: use a link to a server on the web")]
    Scheme,
    #[error("this URL begins with http://, which anybody on the way can read and change: use https://")]
    PlainHttp,
    #[error(
        "this URL carries a user name or a password before its host: remove them, and use a link that needs none"
    )]
    UserInfo,
    #[error("this URL names port {port}, which is not asked: use a link without a port")]
    Port { port: u16 },
    #[error("{host} is a name for use inside of a network only: use one that everybody can reach")]
    LocalName { host: String },
    #[error("{host} is not on the public internet: use a server that everybody can reach")]
    NotPublic { host: String },

    #[error("{host} has no address: look for a mistyped name, and whether the name still exists")]
    NameUnknown {
        host: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("{host} cannot be connected to: see whether it is up and reachable from everywhere")]
    NoConnection {
        host: String,
        #[source]
        source: reqwest::Error,
    },
    #[error(
        "{host} cannot prove who it is, or speaks no TLS of today: its certificate must be valid, for this name, and from an authority that browsers know"
    )]
    Encryption {
        host: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("{host} {stage} in time: try again later, or use a faster server")]
    TooSlow { host: String, stage: Stage },
    #[error(
        "{host} answers with something that is not HTTP, or ends in the middle of its answer: try again later"
    )]
    Garbled {
        host: String,
        #[source]
        source: reqwest::Error,
    },
    #[error(
        "{host} answers with more than {HEADERS_MAX} headers or {HEADER_BYTES_MAX} bytes of them: send fewer"
    )]
    HeadersTooLarge { host: String },
    #[error("{host} answers with more than the {bytes_max} bytes that are taken: use a smaller file")]
    BodyTooLarge { host: String, bytes_max: u64 },
    #[error("{host} compresses its answer although it was asked not to: let it send the file as it is")]
    Encoded { host: String },
    #[error("{host} answers with status {}: use a link that anybody can open", .status.as_u16())]
    Status { host: String, status: StatusCode },

    #[error("{host} redirects without saying where to: use the link that the redirect ends at")]
    RedirectUnreadable { host: String },
    #[error("{host} redirects more than {redirects_max} times: use the link that the redirects end at")]
    TooManyRedirects { host: String, redirects_max: u8 },
    #[error("{host} redirects to another URL, which is not fetched: {reason}")]
    Redirected {
        host: String,
        #[source]
        reason: Box<Self>,
    },

    #[error("the header {name} is set for each request and cannot be chosen: leave it out")]
    Header { name: HeaderName },
}

/// How far a server came before its time was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its name had no answer, or it took no connection.
    Connect,
    /// The head of its answer was not there.
    FirstByte,
    /// The body, or the last of several redirects, was not there.
    Whole,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "does not take a connection",
            Self::FirstByte => "does not begin to answer",
            Self::Whole => "does not finish its answer",
        })
    }
}

/// Why there is no guard: the machine has no certificates of authorities, for example.
#[derive(Debug, thiserror::Error)]
#[error("the outbound client cannot be made")]
pub struct StartError(#[source] pub(crate) reqwest::Error);

impl Error {
    /// The stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAUrl => "url-unreadable",
            Self::UrlTooLong => "url-too-long",
            Self::Scheme => "scheme-not-allowed",
            Self::PlainHttp => "plain-http-not-allowed",
            Self::UserInfo => "credentials-in-url",
            Self::Port { .. } => "port-not-allowed",
            Self::LocalName { .. } => "name-local",
            Self::NotPublic { .. } => "address-not-public",
            Self::NameUnknown { .. } => "name-unknown",
            Self::NoConnection { .. } => "connection-failed",
            Self::Encryption { .. } => "certificate-invalid",
            Self::TooSlow { .. } => "too-slow",
            Self::Garbled { .. } => "answer-unreadable",
            Self::HeadersTooLarge { .. } => "headers-too-large",
            Self::BodyTooLarge { .. } => "body-too-large",
            Self::Encoded { .. } => "body-compressed",
            Self::Status { .. } => "status-unexpected",
            Self::RedirectUnreadable { .. } => "redirect-unreadable",
            Self::TooManyRedirects { .. } => "redirects-too-many",
            Self::Redirected { reason, .. } => reason.code(),
            Self::Header { .. } => "header-not-allowed",
        }
    }

    /// Whether the same URL may be worth another attempt later. What is wrong with the URL itself is not.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::NameUnknown { .. }
            | Self::NoConnection { .. }
            | Self::TooSlow { .. }
            | Self::Garbled { .. } => true,
            Self::Status { status, .. } => {
                status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429)
            }
            Self::Redirected { reason, .. } => reason.may_pass(),
            Self::NotAUrl
            | Self::UrlTooLong
            | Self::Scheme
            | Self::PlainHttp
            | Self::UserInfo
            | Self::Port { .. }
            | Self::LocalName { .. }
            | Self::NotPublic { .. }
            | Self::Encryption { .. }
            | Self::HeadersTooLarge { .. }
            | Self::BodyTooLarge { .. }
            | Self::Encoded { .. }
            | Self::RedirectUnreadable { .. }
            | Self::TooManyRedirects { .. }
            | Self::Header { .. } => false,
        }
    }

    /// What a failure of the client means. Its own message names the whole URL and is taken off.
    pub(crate) fn of_client(host: &str, error: reqwest::Error) -> Self {
        let host = host.to_owned();
        let source = error.without_url();
        if source.is_builder() {
            return Self::NotAUrl;
        }
        match cause::<LookupError>(&source) {
            Some(LookupError::NotPublic) => return Self::NotPublic { host },
            Some(LookupError::Unknown(_)) => return Self::NameUnknown { host, source },
            None => {}
        }
        if cause::<rustls::Error>(&source).is_some() {
            return Self::Encryption { host, source };
        }
        match (source.is_connect(), source.is_timeout()) {
            (true, true) => Self::TooSlow { host, stage: Stage::Connect },
            (true, false) => Self::NoConnection { host, source },
            (false, true) => Self::TooSlow { host, stage: Stage::Whole },
            (false, false) => Self::Garbled { host, source },
        }
    }
}

/// The first error of a type in the chain of sources, also inside of an error of IO, whose `source` skips what
/// it holds.
fn cause<E: StdError + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    None
}
