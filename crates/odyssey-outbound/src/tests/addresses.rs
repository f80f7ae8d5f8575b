use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use crate::AddressClass::{
    Benchmarking, Broadcast, Documentation, Embedded, LinkLocal, Loopback, Multicast, Platform, Private,
    Protocol, Public, Reserved, Shared, Tunnel, Unspecified,
};
use crate::{AddressClass, Policy, Prefix, PrefixError, class_of};

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// First and last address of each block, and its neighbours.
#[test]
fn every_class_ends_where_its_block_ends() {
    let table: [(&str, AddressClass); 84] = [
        ("0.0.0.0", Unspecified),
        ("0.255.255.255", Unspecified),
        ("1.0.0.0", Public),
        ("9.255.255.255", Public),
        ("10.0.0.0", Private),
        ("10.255.255.255", Private),
        ("11.0.0.0", Public),
        ("100.63.255.255", Public),
        ("100.64.0.0", Shared),
        ("100.100.100.200", Shared),
        ("100.127.255.255", Shared),
        ("100.128.0.0", Public),
        ("126.255.255.255", Public),
        ("127.0.0.0", Loopback),
        ("127.255.255.255", Loopback),
        ("128.0.0.0", Public),
        ("168.63.129.15", Public),
        ("168.63.129.16", Platform),
        ("168.63.129.17", Public),
        ("169.253.255.255", Public),
        ("169.254.0.0", LinkLocal),
        ("169.254.169.254", LinkLocal),
        ("169.254.255.255", LinkLocal),
        ("169.255.0.0", Public),
        ("172.15.255.255", Public),
        ("172.16.0.0", Private),
        ("172.31.255.255", Private),
        ("172.32.0.0", Public),
        ("191.255.255.255", Public),
        ("192.0.0.0", Protocol),
        ("192.0.0.192", Protocol),
        ("192.0.0.255", Protocol),
        ("192.0.1.0", Public),
        ("192.0.2.0", Documentation),
        ("192.0.2.255", Documentation),
        ("192.0.3.0", Public),
        ("192.88.99.0", Tunnel),
        ("192.88.99.255", Tunnel),
        ("192.167.255.255", Public),
        ("192.168.0.0", Private),
        ("192.168.255.255", Private),
        ("192.169.0.0", Public),
        ("198.17.255.255", Public),
        ("198.18.0.0", Benchmarking),
        ("198.19.255.255", Benchmarking),
        ("198.20.0.0", Public),
        ("198.51.100.0", Documentation),
        ("198.51.100.255", Documentation),
        ("203.0.112.255", Public),
        ("203.0.113.0", Documentation),
        ("203.0.113.255", Documentation),
        ("203.0.114.0", Public),
        ("223.255.255.255", Public),
        ("224.0.0.0", Multicast),
        ("239.255.255.255", Multicast),
        ("240.0.0.0", Reserved),
        ("255.255.255.254", Reserved),
        ("255.255.255.255", Broadcast),
        ("::", Unspecified),
        ("::1", Loopback),
        ("::2", Embedded),
        ("::8.8.8.8", Embedded),
        ("::ffff:8.8.8.8", Embedded),
        ("::ffff:0:8.8.8.8", Embedded),
        ("64:ff9b::8.8.8.8", Public),
        ("64:ff9b::169.254.169.254", LinkLocal),
        ("64:ff9b::127.0.0.1", Loopback),
        ("64:ff9b:1::8.8.8.8", Embedded),
        ("100::1", Reserved),
        ("1fff:ffff::", Reserved),
        ("2001:0:4136:e378:8000:63bf:80fe:fefe", Tunnel),
        ("2001:2::1", Benchmarking),
        ("2001:20::1", Protocol),
        ("2001:200::1", Public),
        ("2001:db8::1", Documentation),
        ("2002:a9fe:a9fe::", Tunnel),
        ("2606:4700::1111", Public),
        ("2606:4700::5efe:a9fe:a9fe", Tunnel),
        ("3fff:fff::1", Documentation),
        ("4000::", Reserved),
        ("5f00::1", Protocol),
        ("fd00:ec2::254", Private),
        ("fe80::1", LinkLocal),
        ("ff02::1", Multicast),
    ];
    for (text, class) in table {
        assert_eq!(class_of(address(text)), class, "{text}");
    }
    assert_eq!(class_of(address("fec0::1")), Private, "site-local");
    assert_eq!(class_of(address("2606:4700::200:5efe:a9fe:a9fe")), Tunnel, "ISATAP with a universal bit");
}

/// Written a second time, as first and last address: a slip in the table of prefixes is not repeated here.
const SPECIAL: [(&str, &str); 17] = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "239.255.255.255"),
    ("240.0.0.0", "255.255.255.254"),
    ("255.255.255.255", "255.255.255.255"),
];

fn bounds(range: (&str, &str)) -> (u32, u32) {
    let bits = |text: &str| text.parse::<Ipv4Addr>().expect("an address").to_bits();
    (bits(range.0), bits(range.1))
}

fn is_special(bits: u32) -> bool {
    SPECIAL.iter().any(|range| (bounds(*range).0..=bounds(*range).1).contains(&bits))
}

/// All networks of 65,536 addresses at both of their ends, and within those that are special in part all networks
/// of 256.
#[test]
fn no_special_network_of_ipv4_is_left_out() {
    let check = |bits: u32| {
        let address = Ipv4Addr::from_bits(bits);
        assert_eq!(class_of(address.into()) != Public, is_special(bits), "{address}");
    };
    let parts = [0xa83f, 0xc000, 0xc058, 0xc633, 0xcb00];
    for network in 0..=0xffff_u32 {
        check(network << 16);
        check(network << 16 | 0xffff);
        for third in (0..=0xff).filter(|_| parts.contains(&network)) {
            check(network << 16 | third << 8);
            check(network << 16 | third << 8 | 0xff);
        }
    }
}

/// Any address of the special ranges.
fn special() -> impl Strategy<Value = Ipv4Addr> {
    prop::sample::select(SPECIAL.to_vec()).prop_flat_map(|range| {
        let (first, last) = bounds(range);
        (first..=last).prop_map(Ipv4Addr::from_bits)
    })
}

/// An IPv4 address in every form that IPv6 has for one.
fn forms(v4: Ipv4Addr) -> Vec<Ipv6Addr> {
    let (low, bits) = (u128::from(v4.to_bits()), u128::from(v4.to_bits()));
    let prefix = |text: &str| text.parse::<Ipv6Addr>().expect("a prefix").to_bits();
    let teredo = u128::from(!v4.to_bits());
    [
        low,
        prefix("::ffff:0:0") | low,
        prefix("::ffff:0:0:0") | low,
        prefix("64:ff9b::") | low,
        prefix("64:ff9b:1::") | low,
        prefix("2002::") | bits << 80,
        prefix("2001::") | teredo,
        prefix("2a00:1450::5efe:0:0") | low,
        prefix("fe80::5efe:0:0") | low,
    ]
    .into_iter()
    .map(Ipv6Addr::from_bits)
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn no_special_address_is_admitted_in_any_form(v4 in special()) {
        let policy = Policy::default();
        prop_assert!(!policy.admits(v4.into()), "{v4}");
        for v6 in forms(v4) {
            prop_assert!(!policy.admits(v6.into()), "{v6} leads to {v4}");
        }
    }

    /// What the standard library knows of an address never contradicts the tables.
    #[test]
    fn the_standard_library_agrees(bits: u32) {
        let v4 = Ipv4Addr::from_bits(bits);
        let special = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_broadcast()
            || v4.is_documentation() || v4.is_multicast() || v4.is_unspecified();
        prop_assert!(!special || class_of(v4.into()) != Public, "{v4}");
        prop_assert_eq!(class_of(v4.into()) != Public, is_special(bits), "{}", v4);
    }

    #[test]
    fn only_global_unicast_of_ipv6_is_admitted(bits: u128) {
        let v6 = Ipv6Addr::from_bits(bits);
        let global = v6.segments()[0] >> 13 == 1;
        prop_assert!(global || !Policy::default().admits(v6.into()), "{v6}");
        let special = v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_multicast();
        prop_assert!(!special || class_of(v6.into()) != Public, "{v6}");
    }
}

#[test]
fn a_test_reaches_loopback_and_nothing_else() {
    let policy = super::this_machine();
    assert!(policy.admits(address("127.0.0.1")) && policy.admits(address("::1")));
    for other in ["10.0.0.1", "169.254.169.254", "0.0.0.0", "::", "::ffff:127.0.0.1", "fe80::1", "fd00::1"] {
        assert!(!policy.admits(address(other)), "{other}");
    }
}

#[test]
fn an_operator_refuses_addresses_of_their_own() {
    let own = ["198.41.0.0/16", "2a00:1450:4000::/37"].map(|text| text.parse().expect("a prefix"));
    let policy = Policy { also_refused: own.to_vec(), ..Policy::default() };
    for (text, admitted) in [
        ("198.41.0.4", false),
        ("198.42.0.4", true),
        ("2a00:1450:4001::1", false),
        ("2a00:1450:5000::1", true),
        ("2606:4700::1", true),
    ] {
        assert_eq!(policy.admits(address(text)), admitted, "{text}");
    }
    // The same address by the road of NAT64.
    assert!(!policy.admits(address("64:ff9b::198.41.0.4")));
}

#[test]
fn a_prefix_is_read_or_says_why_not() {
    let all: Prefix = "0.0.0.0/0".parse().expect("a prefix");
    assert!(all.contains(address("255.0.0.1")) && !all.contains(address("::1")));
    let one: Prefix = "::1/128".parse().expect("a prefix");
    assert!(one.contains(address("::1")) && !one.contains(address("::2")));
    assert_eq!(one.to_string(), "::1/128");
    for (text, error) in [
        ("10.0.0.0", PrefixError::Unreadable),
        ("10.0.0/8", PrefixError::Unreadable),
        ("10.0.0.0/x", PrefixError::Unreadable),
        ("10.0.0.0/33", PrefixError::TooLong),
        ("::/129", PrefixError::TooLong),
        ("10.0.0.1/8", PrefixError::NotTheFirst),
    ] {
        assert_eq!(text.parse::<Prefix>(), Err(error), "{text}");
    }
}
