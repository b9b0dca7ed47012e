//! Addresses as keys: as much of one as belongs to one subscriber.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use steadfast_core::InvalidConfig;

const V4: u8 = 32;
const V6: u8 = 128;
/// In front of an address of version 4 that is written as one of version 6.
const MAPPED: u8 = V6 - V4;

/// The network of an address: a key for limits per client.
///
/// One subscriber has one address of version 4, and of version 6 a network of 64 bits or more, in which it
/// may take another address for each call. An address of version 4 that came mapped into version 6, as on
/// sockets that listen for both, is one of version 4.
///
/// Take the address from the connection. A header such as `X-Forwarded-For` says what the client likes, up to
/// what your own proxy has added.
///
/// ```
/// use steadfast_rate_limit::IpPrefix;
///
/// let of = |address: &str| address.parse().map(IpPrefix::of);
/// assert_eq!(of("2001:db8:0:7:aaaa::1")?, of("2001:db8:0:7:bbbb::2")?);
/// assert_eq!(of("2001:db8:0:7:aaaa::1")?.to_string(), "2001:db8:0:7::/64");
/// assert_eq!(of("::ffff:203.0.113.9")?.to_string(), "203.0.113.9/32");
///
/// let office = IpPrefix::with_lengths("203.0.113.9".parse()?, 24, 48)?;
/// assert_eq!(office.to_string(), "203.0.113.0/24");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpPrefix {
    /// As of version 6, with nothing behind the prefix.
    network: [u8; 16],
    length: u8,
}

impl IpPrefix {
    /// All 32 bits of an address of version 4, the first 64 of one of version 6.
    #[must_use]
    pub fn of(address: IpAddr) -> IpPrefix {
        IpPrefix::cut(address, V4, 64)
    }

    /// The first `v4` bits of an address of version 4, or the first `v6` of one of version 6.
    ///
    /// # Errors
    ///
    /// When `v4` is above 32, or `v6` above 128.
    pub fn with_lengths(address: IpAddr, v4: u8, v6: u8) -> Result<IpPrefix, InvalidConfig> {
        for (field, length, most) in [("v4", v4, V4), ("v6", v6, V6)] {
            if length > most {
                let allowed = format_args!("0 to {most}");
                return Err(InvalidConfig::new(field, length, allowed));
            }
        }
        Ok(IpPrefix::cut(address, v4, v6))
    }

    fn cut(address: IpAddr, v4: u8, v6: u8) -> IpPrefix {
        let (bits, length) = match address.to_canonical() {
            IpAddr::V4(address) => (address.to_ipv6_mapped().to_bits(), MAPPED + v4),
            IpAddr::V6(address) => (address.to_bits(), v6),
        };
        let mask = u128::MAX.checked_shl(u32::from(V6 - length)).unwrap_or(0);
        IpPrefix {
            network: (bits & mask).to_be_bytes(),
            length,
        }
    }

    /// The first address of the network.
    #[must_use]
    pub fn network(&self) -> IpAddr {
        IpAddr::V6(Ipv6Addr::from(self.network)).to_canonical()
    }

    /// How many bits of the address it has.
    #[must_use]
    pub fn length(&self) -> u8 {
        if self.network().is_ipv4() {
            self.length - MAPPED
        } else {
            self.length
        }
    }
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network(), self.length())
    }
}

impl fmt::Debug for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
