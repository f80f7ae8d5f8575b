//! A block of addresses, as registries and firewalls write it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// All addresses of one family that begin with the same bits, such as `203.0.113.0/24`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

/// Why a text is not a [`Prefix`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    #[error("is not an address, a slash and a number of bits, such as 203.0.113.0/24 or 2001:db8::/32")]
    Unreadable,
    #[error("has more bits after the slash than its address has")]
    TooLong,
    #[error("names an address inside of the block where its first one is expected")]
    NotTheFirst,
}

impl Prefix {
    pub(crate) const fn v4(address: [u8; 4], length: u8) -> Self {
        Self { address: IpAddr::V4(Ipv4Addr::from_octets(address)), length }
    }

    pub(crate) const fn v6(segments: [u16; 8], length: u8) -> Self {
        Self { address: IpAddr::V6(Ipv6Addr::from_segments(segments)), length }
    }

    /// Whether an address lies in this block. One of the other family never does, not even in a mapped form.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(first), IpAddr::V4(other)) => {
                let differ = first.to_bits() ^ other.to_bits();
                differ.checked_shr(32 - u32::from(self.length)).unwrap_or(0) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(other)) => {
                let differ = first.to_bits() ^ other.to_bits();
                differ.checked_shr(128 - u32::from(self.length)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    fn bits_of(address: IpAddr) -> u8 {
        if address.is_ipv4() { 32 } else { 128 }
    }

    fn is_first(&self) -> bool {
        let length = u32::from(self.length);
        match self.address {
            IpAddr::V4(address) => address.to_bits().checked_shl(length).unwrap_or(0) == 0,
            IpAddr::V6(address) => address.to_bits().checked_shl(length).unwrap_or(0) == 0,
        }
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (address, length) = text.split_once('/').ok_or(PrefixError::Unreadable)?;
        let address: IpAddr = address.parse().map_err(|_| PrefixError::Unreadable)?;
        let length: u8 = length.parse().map_err(|_| PrefixError::Unreadable)?;
        if length > Self::bits_of(address) {
            return Err(PrefixError::TooLong);
        }
        let prefix = Self { address, length };
        if prefix.is_first() { Ok(prefix) } else { Err(PrefixError::NotTheFirst) }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
