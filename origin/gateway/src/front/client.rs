//! The address of a client behind proxies, from the headers that trusted ones set.

use super::trusted_proxies::TrustedProxies;
use hyper::HeaderMap;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// What Cloudflare sets and its clients cannot.
const CF_CONNECTING_IP: &str = "cf-connecting-ip";
/// What each proxy on the way appends its own peer to.
const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// What of a request from a trusted proxy has the client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAddressSource {
    /// Nothing: the other end of the connection is the client, as a PROXY protocol header has it
    /// where one is required.
    Connection,
    /// `X-Forwarded-For`: its last address that is not a trusted proxy's.
    Forwarded,
    /// `CF-Connecting-IP`, which Cloudflare sets.
    Header,
}

impl FromStr for ClientAddressSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "connection" => Ok(Self::Connection),
            "forwarded" => Ok(Self::Forwarded),
            "header" => Ok(Self::Header),
            _ => Err(format!("{text:?} is not connection, forwarded or header")),
        }
    }
}

/// The client of a request that came from `peer`.
pub(super) fn address(
    peer: IpAddr,
    headers: &HeaderMap,
    trusted: &TrustedProxies,
    source: ClientAddressSource,
) -> IpAddr {
    // What others report of themselves does not count.
    if trusted.is_empty() || !trusted.have(peer) {
        return peer;
    }
    match source {
        ClientAddressSource::Connection => peer,
        ClientAddressSource::Forwarded => forwarded(peer, headers, trusted),
        ClientAddressSource::Header => {
            let mut values = headers.get_all(CF_CONNECTING_IP).iter();
            // Of two, one was not set by Cloudflare.
            match (values.next(), values.next()) {
                (Some(value), None) => value.to_str().ok().and_then(parse).unwrap_or(peer),
                _ => peer,
            }
        }
    }
}

/// From the right, where the proxy that we trust wrote, up to the first address that is not a
/// trusted proxy's: what stands before that, its client may have written itself.
fn forwarded(peer: IpAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> IpAddr {
    let mut client = peer;
    for value in headers.get_all(X_FORWARDED_FOR).iter().rev() {
        let Ok(value) = value.to_str() else {
            return client;
        };
        for word in value.rsplit(',') {
            // What is no address cannot be judged, nor what stands before it.
            let Some(address) = parse(word) else {
                return client;
            };
            client = address;
            if !trusted.have(client) {
                return client;
            }
        }
    }
    client
}

/// An address, perhaps with a port, as some proxies add it.
fn parse(word: &str) -> Option<IpAddr> {
    let word = word.trim();
    let with_port = || word.parse().map(|address: SocketAddr| address.ip());
    let address = word.parse().or_else(|_| with_port()).ok()?;
    Some(IpAddr::to_canonical(&address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};

    const NEAR: &str = "10.0.0.1";

    fn client(peer: &str, source: ClientAddressSource, headers: &[(&str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).unwrap();
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        let trusted = "10.0.0.0/8".parse().unwrap();
        address(peer.parse().unwrap(), &map, &trusted, source).to_string()
    }

    #[test]
    fn the_client_is_the_last_address_that_no_trusted_proxy_has() {
        let xff = |values: &[&str]| {
            let headers: Vec<_> = values.iter().map(|value| (X_FORWARDED_FOR, *value)).collect();
            client(NEAR, ClientAddressSource::Forwarded, &headers)
        };
        assert_eq!(xff(&["203.0.113.9"]), "203.0.113.9");
        assert_eq!(xff(&["198.51.100.1, 203.0.113.9, 10.0.0.2"]), "203.0.113.9");
        // Several headers are one list.
        assert_eq!(xff(&["198.51.100.1, 203.0.113.9", "10.0.0.2"]), "203.0.113.9");
        assert_eq!(xff(&["2001:db8::1"]), "2001:db8::1");
        assert_eq!(xff(&["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(xff(&["203.0.113.9:4711"]), "203.0.113.9");
        assert_eq!(xff(&["::ffff:203.0.113.9"]), "203.0.113.9");
        assert_eq!(xff(&["::ffff:10.0.0.3"]), "10.0.0.3", "all are trusted");
        assert_eq!(xff(&["203.0.113.9, unknown, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(xff(&["unknown"]), NEAR);
        assert_eq!(xff(&[""]), NEAR);
        assert_eq!(xff(&[]), NEAR);
    }

    #[test]
    fn what_an_untrusted_peer_says_of_its_address_does_not_count() {
        for source in [ClientAddressSource::Forwarded, ClientAddressSource::Header] {
            let headers = [(X_FORWARDED_FOR, "203.0.113.9"), (CF_CONNECTING_IP, "203.0.113.9")];
            assert_eq!(client("198.51.100.1", source, &headers), "198.51.100.1");
        }
    }

    #[test]
    fn only_the_header_that_was_chosen_counts() {
        let headers = [(X_FORWARDED_FOR, "203.0.113.1"), (CF_CONNECTING_IP, "203.0.113.2")];
        assert_eq!(client(NEAR, ClientAddressSource::Connection, &headers), NEAR);
        assert_eq!(client(NEAR, ClientAddressSource::Forwarded, &headers), "203.0.113.1");
        assert_eq!(client(NEAR, ClientAddressSource::Header, &headers), "203.0.113.2");
        let twice = [(CF_CONNECTING_IP, "203.0.113.1"), (CF_CONNECTING_IP, "203.0.113.2")];
        assert_eq!(client(NEAR, ClientAddressSource::Header, &twice), NEAR);
        assert_eq!(client(NEAR, ClientAddressSource::Header, &[]), NEAR);
    }
}
