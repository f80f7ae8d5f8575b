//! A URL that was judged.

use std::fmt;

use url::Url;

/// A URL that a [`Policy`](crate::Policy) lets through: its scheme, port and host by what they say. Where a name
/// leads is judged again at each connection. Shows nothing but its origin: paths and queries hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Target(Url);

impl Target {
    pub(crate) fn new(url: Url) -> Self {
        Self(url)
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }

    /// The host as it was understood: in lower case, in punycode, numbers as dotted decimals.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The whole URL, with what must not be shown.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({}/…)", self.origin())
    }
}
