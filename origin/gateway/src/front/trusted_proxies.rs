//! Trusted proxies: networks whose peers may report the address of a client.

use std::net::IpAddr;
use std::str::FromStr;

/// Most networks of one list: each address in `X-Forwarded-For` is compared with all of them.
/// Cloudflare has 22.
const NETWORKS_MAX: usize = 128;

/// A network such as `10.0.0.0/8` or `2001:db8::/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    /// Bits that an address of the network shares with it.
    prefix: u8,
}

impl Network {
    fn has(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differ = (ours.to_bits() ^ theirs.to_bits()).leading_zeros();
                differ >= u32::from(self.prefix)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differ = (ours.to_bits() ^ theirs.to_bits()).leading_zeros();
                differ >= u32::from(self.prefix)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    /// An address alone is a network of one.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a network such as 10.0.0.0/8 or 2001:db8::/32");
        let (address, prefix) =
            text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), str::parse).map_err(|_| wrong())?;
        if prefix > most {
            return Err(wrong());
        }
        Ok(Self { address, prefix })
    }
}

/// Peers that may report the address of a client; none unless some were named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

impl TrustedProxies {
    /// Whether nobody is trusted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `address` is one of them.
    #[must_use]
    pub fn have(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.has(address))
    }
}

impl FromStr for TrustedProxies {
    type Err = String;

    /// Networks with commas between them; an empty text names none.
    fn from_str(text: &str) -> Result<Self, String> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let networks: Vec<Network> = words.map(str::parse).collect::<Result<_, _>>()?;
        if networks.len() > NETWORKS_MAX {
            return Err(format!("at most {NETWORKS_MAX} networks can be named"));
        }
        Ok(Self(networks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn have(list: &str, address: &str) -> bool {
        list.parse::<TrustedProxies>().unwrap().have(address.parse().unwrap())
    }

    #[test]
    fn an_address_is_trusted_where_a_network_has_it() {
        let list = "10.0.0.0/8, 192.0.2.7 ,2001:db8::/33";
        for inside in ["10.0.0.0", "10.255.255.255", "192.0.2.7", "2001:db8:7fff::1"] {
            assert!(have(list, inside), "{inside}");
        }
        for outside in ["11.0.0.0", "9.255.255.255", "192.0.2.6", "2001:db8:8000::1", "::a00:1"] {
            assert!(!have(list, outside), "{outside}");
        }
        assert!(have("0.0.0.0/0", "203.0.113.9") && !have("0.0.0.0/0", "::1"));
        assert!(!have("", "127.0.0.1"));
    }

    #[test]
    fn what_is_no_network_is_refused_in_words() {
        for text in ["10.0.0.0/33", "10.0.0/8", "proxy.example", "2001:db8::/129", "10.0.0.0/-1"] {
            let said = text.parse::<TrustedProxies>().unwrap_err();
            assert!(said.contains(text) && said.contains("10.0.0.0/8"), "{said}");
        }
        let many = vec!["10.0.0.1"; NETWORKS_MAX + 1].join(",");
        assert!(many.parse::<TrustedProxies>().unwrap_err().contains("at most 128"));
    }
}
