//! What may be reached.

use std::net::IpAddr;

use url::{Host, Url};

use crate::address::{AddressClass, class_of, translated};
use crate::error::Error;
use crate::limits::{HOST_CHARACTERS_MAX, URL_BYTES_MAX};
use crate::names;
use crate::prefix::Prefix;
use crate::target::Target;

/// What may be reached. The default is for production: https on port 443, on the public internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Whether `http` is allowed beside `https`. Its port, usually 80, must be among `ports` too. Default no.
    pub plain_http_allowed: bool,
    /// Ports that may be asked. Default 443.
    pub ports: Vec<u16>,
    /// Blocks that are refused although they are public: the operator's own. Default none.
    pub also_refused: Vec<Prefix>,
    /// Lets tests reach servers on this machine, on any port. In production this hands everything that listens on
    /// the machine to whoever can write a URL: no setting may lead here. Default no.
    pub unsafe_allow_this_machine_for_tests_only: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            plain_http_allowed: false,
            ports: vec![443],
            also_refused: Vec::new(),
            unsafe_allow_this_machine_for_tests_only: false,
        }
    }
}

impl Policy {
    /// Judges a URL by what it says, without a network: when it is written down, and again before each hop.
    pub fn check(&self, text: &str) -> Result<Target, Error> {
        if text.len() > URL_BYTES_MAX {
            return Err(Error::UrlTooLong);
        }
        let mut url = Url::parse(text).map_err(|_| Error::NotAUrl)?;
        match url.scheme() {
            "https" => {}
            "http" if self.plain_http_allowed => {}
            "http" => return Err(Error::PlainHttp),
            _ => return Err(Error::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::UserInfo);
        }
        self.check_host(&url)?;
        let port = url.port_or_known_default().ok_or(Error::NotAUrl)?;
        if !self.ports.contains(&port) && !self.unsafe_allow_this_machine_for_tests_only {
            return Err(Error::Port { port });
        }
        url.set_fragment(None);
        Ok(Target::new(url))
    }

    fn check_host(&self, url: &Url) -> Result<(), Error> {
        let address: IpAddr = match url.host().ok_or(Error::NotAUrl)? {
            Host::Domain(name) => return self.check_name(name),
            Host::Ipv4(address) => address.into(),
            Host::Ipv6(address) => address.into(),
        };
        if self.admits(address) { Ok(()) } else { Err(Error::NotPublic { host: address.to_string() }) }
    }

    fn check_name(&self, name: &str) -> Result<(), Error> {
        if name.len() > HOST_CHARACTERS_MAX {
            return Err(Error::NotAUrl);
        }
        let this_machine = self.unsafe_allow_this_machine_for_tests_only && names::is_this_machine(name);
        if names::is_local(name) && !this_machine {
            return Err(Error::LocalName { host: name.to_owned() });
        }
        Ok(())
    }

    /// Whether an address may be connected to.
    pub fn admits(&self, address: IpAddr) -> bool {
        let leads_to = translated(address);
        if self.also_refused.iter().any(|prefix| prefix.contains(address) || prefix.contains(leads_to)) {
            return false;
        }
        match class_of(address) {
            AddressClass::Public => true,
            AddressClass::Loopback => self.unsafe_allow_this_machine_for_tests_only,
            _ => false,
        }
    }
}
