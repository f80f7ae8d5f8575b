//! What is asked.

use std::fmt;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::error::Error;
use crate::target::Target;

/// How it is asked. Redirects are followed for `Get` only: what a `Post` carries is meant for its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

/// One request.
#[derive(Clone)]
pub struct Request {
    pub(crate) target: Target,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) body_bytes_max: Option<u64>,
}

/// Headers that belong to the connection, name another host, or ask for what this crate never takes.
const NOT_ALLOWED: [HeaderName; 13] = [
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::COOKIE,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

impl Request {
    /// Fetches a target.
    pub fn get(target: Target) -> Self {
        Self::new(target, Method::Get, Bytes::new())
    }

    /// Sends a body to a target.
    pub fn post(target: Target, body: Bytes) -> Self {
        Self::new(target, Method::Post, body)
    }

    fn new(target: Target, method: Method, body: Bytes) -> Self {
        Self { target, method, headers: HeaderMap::new(), body, body_bytes_max: None }
    }

    /// Adds a header. It goes to the origin of the target, and nowhere else.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Result<Self, Error> {
        if NOT_ALLOWED.contains(&name) {
            return Err(Error::Header { name });
        }
        self.headers.append(name, value);
        Ok(self)
    }

    /// Takes a body of at most so many bytes, and never more than the limit of the guard.
    pub fn body_bytes_max(mut self, bytes: u64) -> Self {
        self.body_bytes_max = Some(bytes);
        self
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("target", &self.target)
            .field("method", &self.method)
            .field("header_names", &self.headers.keys().collect::<Vec<_>>())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
