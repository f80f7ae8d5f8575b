//! What an address is for, by the registries of special-purpose addresses of the IANA (read in November 2026).
//!
//! IPv4 is public unless a line says otherwise. IPv6 is the other way round: only 2000::/3 is given out to
//! networks, so everything else is refused whether it has a name or not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::prefix::Prefix;

/// The use of an address. Only `Public` is ever connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// On the public internet.
    Public,
    /// `0.0.0.0/8` and `::`: this host, on this network.
    Unspecified,
    /// This machine.
    Loopback,
    /// Networks of houses and companies, in IPv4 (RFC 1918) and IPv6 (`fc00::/7`).
    Private,
    /// Between a provider and its customers (RFC 6598).
    Shared,
    /// One cable: also where clouds answer questions about a machine and its keys (169.254.169.254).
    LinkLocal,
    /// Public by its number, but answered by the cloud that a machine stands in.
    Platform,
    /// Assigned to protocols, not to servers.
    Protocol,
    /// For examples in texts.
    Documentation,
    /// For measuring devices.
    Benchmarking,
    /// To many at once.
    Multicast,
    /// To all at once.
    Broadcast,
    /// An IPv6 form of an IPv4 address that no resolver gives for a server.
    Embedded,
    /// Carried in packets to another address: 6to4, Teredo, ISATAP.
    Tunnel,
    /// Kept for later, or taken back.
    Reserved,
}

use AddressClass::{
    Benchmarking, Broadcast, Documentation, Embedded, LinkLocal, Loopback, Multicast, Platform, Private,
    Protocol, Public, Reserved, Shared, Tunnel, Unspecified,
};

/// The first line that fits counts.
const V4: [(Prefix, AddressClass); 17] = [
    (Prefix::v4([0, 0, 0, 0], 8), Unspecified),
    (Prefix::v4([10, 0, 0, 0], 8), Private),
    (Prefix::v4([100, 64, 0, 0], 10), Shared),
    (Prefix::v4([127, 0, 0, 0], 8), Loopback),
    // The wire server of Azure.
    (Prefix::v4([168, 63, 129, 16], 32), Platform),
    (Prefix::v4([169, 254, 0, 0], 16), LinkLocal),
    (Prefix::v4([172, 16, 0, 0], 12), Private),
    (Prefix::v4([192, 0, 0, 0], 24), Protocol),
    (Prefix::v4([192, 0, 2, 0], 24), Documentation),
    // The anycast of 6to4 relays, taken back by RFC 7526.
    (Prefix::v4([192, 88, 99, 0], 24), Tunnel),
    (Prefix::v4([192, 168, 0, 0], 16), Private),
    (Prefix::v4([198, 18, 0, 0], 15), Benchmarking),
    (Prefix::v4([198, 51, 100, 0], 24), Documentation),
    (Prefix::v4([203, 0, 113, 0], 24), Documentation),
    (Prefix::v4([224, 0, 0, 0], 4), Multicast),
    (Prefix::v4([255, 255, 255, 255], 32), Broadcast),
    (Prefix::v4([240, 0, 0, 0], 4), Reserved),
];

/// The first line that fits counts; what fits none is reserved.
const V6: [(Prefix, AddressClass); 20] = [
    (Prefix::v6([0, 0, 0, 0, 0, 0, 0, 0], 128), Unspecified),
    (Prefix::v6([0, 0, 0, 0, 0, 0, 0, 1], 128), Loopback),
    // IPv4-compatible (RFC 4291, taken back), IPv4-mapped and IPv4-translated (RFC 2765).
    (Prefix::v6([0, 0, 0, 0, 0, 0, 0, 0], 96), Embedded),
    (Prefix::v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96), Embedded),
    (Prefix::v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96), Embedded),
    // NAT64 under a prefix for local use (RFC 8215): where the IPv4 address stands is up to the network.
    (Prefix::v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), Embedded),
    (Prefix::v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), Reserved),
    // Teredo, and behind it the block of protocols, with benchmarking and two kinds of identifiers in it.
    (Prefix::v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), Tunnel),
    (Prefix::v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), Benchmarking),
    (Prefix::v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), Protocol),
    (Prefix::v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), Documentation),
    (Prefix::v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), Tunnel),
    (Prefix::v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), Documentation),
    (Prefix::v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3), Public),
    // Segments of SRv6 (RFC 9602).
    (Prefix::v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), Protocol),
    (Prefix::v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), Private),
    (Prefix::v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), LinkLocal),
    // Site-local, taken back by RFC 3879, still routed inside of some houses.
    (Prefix::v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), Private),
    (Prefix::v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), Multicast),
    (Prefix::v6([0, 0, 0, 0, 0, 0, 0, 0], 0), Reserved),
];

/// The prefix of NAT64 that everybody knows (RFC 6052). A resolver of a network without IPv4 gives each host that
/// has only IPv4 an address in it, so it is judged by the IPv4 address in its last 32 bits.
const NAT64: Prefix = Prefix::v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

/// What an address is for.
pub fn class_of(address: IpAddr) -> AddressClass {
    match translated(address) {
        address @ IpAddr::V4(_) => look_up(&V4, address).unwrap_or(Public),
        IpAddr::V6(v6) => match look_up(&V6, address).unwrap_or(Reserved) {
            Public if is_isatap(v6) => Tunnel,
            class => class,
        },
    }
}

/// The IPv4 address that one of NAT64 leads to; any other address as it is.
pub(crate) fn translated(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if NAT64.contains(address) => last_32_bits(v6).into(),
        _ => address,
    }
}

fn look_up(table: &[(Prefix, AddressClass)], address: IpAddr) -> Option<AddressClass> {
    table.iter().find(|(prefix, _)| prefix.contains(address)).map(|(_, class)| *class)
}

fn last_32_bits(address: Ipv6Addr) -> Ipv4Addr {
    Ipv4Addr::from_bits(address.to_bits() as u32)
}

/// ISATAP (RFC 5214) stands under any prefix; its interface says `5efe` and then the IPv4 address.
fn is_isatap(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    matches!(segments[4], 0 | 0x200) && segments[5] == 0x5efe
}
