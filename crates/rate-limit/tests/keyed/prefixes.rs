//! How much of an address is a key.

use std::{collections::HashSet, net::IpAddr};

use steadfast_rate_limit::IpPrefix;

fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}

#[test]
fn a_prefix_prints_its_network_and_length() {
    for (address, printed) in [
        ("203.0.113.7", "203.0.113.7/32"),
        ("::ffff:203.0.113.7", "203.0.113.7/32"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::", "::/64"),
        ("::1", "::/64"),
        ("0.0.0.0", "0.0.0.0/32"),
    ] {
        let prefix = IpPrefix::of(ip(address));
        assert_eq!(prefix.to_string(), printed);
        assert_eq!(format!("{prefix:?}"), printed);
        let (network, length) = printed.split_once('/').unwrap();
        assert_eq!(prefix.network(), ip(network));
        assert_eq!(prefix.length().to_string(), length);
    }
}

#[test]
fn lengths_are_those_that_are_asked_for() {
    for (address, v4, v6, printed) in [
        ("203.0.113.7", 24, 64, "203.0.113.0/24"),
        ("203.0.113.7", 0, 64, "0.0.0.0/0"),
        ("203.0.113.7", 31, 64, "203.0.113.6/31"),
        ("2001:db8:1:2::3", 24, 48, "2001:db8:1::/48"),
        ("2001:db8:1:2::3", 24, 128, "2001:db8:1:2::3/128"),
        ("2001:db8:1:2::3", 24, 0, "::/0"),
    ] {
        let prefix = IpPrefix::with_lengths(ip(address), v4, v6).unwrap();
        assert_eq!(prefix.to_string(), printed);
    }
    let says = |v4, v6| {
        IpPrefix::with_lengths(ip("::"), v4, v6)
            .unwrap_err()
            .to_string()
    };
    assert!(says(33, 64).contains("0 to 32"));
    assert!(says(32, 129).contains("0 to 128"));
}

#[test]
fn the_two_versions_have_no_key_in_common() {
    let addresses = [
        "0.0.0.0",
        "::",
        "255.255.255.255",
        "::ffff:0:0:0",
        "0:0:0:ffff::",
    ];
    let mut keys = HashSet::new();
    for address in addresses {
        assert!(keys.insert(IpPrefix::with_lengths(ip(address), 32, 128).unwrap()));
    }
    assert_ne!(
        IpPrefix::with_lengths(ip("1.2.3.4"), 0, 0).unwrap(),
        IpPrefix::with_lengths(ip("::1"), 0, 0).unwrap()
    );
}
