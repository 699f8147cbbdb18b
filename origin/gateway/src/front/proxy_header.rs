//! PROXY protocol version 2: the header by which a proxy reports the client of a connection
//! (<https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt>, section 2.2).
//!
//! A fixed part of 16 bytes is followed by as many as it names, of which only the client's address
//! is read. That is less than what remains to be checked after a library's parser.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};

/// A header has to be whole after this time.
const WITHIN: Duration = Duration::from_secs(5);
/// Most bytes behind the fixed part. Addresses take 36 at most; load balancers add some hundreds
/// about themselves, TLS-terminating ones the client's certificate names.
const REST_MAX: usize = 4 * 1024;
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const VERSION_1: &[u8] = b"PROXY ";
/// Command byte: version 2, from the proxy itself, such as a health check.
const LOCAL: u8 = 0x20;
/// Command byte: version 2, on behalf of a client.
const PROXY: u8 = 0x21;
/// Address families, each over TCP.
const UNSPECIFIED: u8 = 0x00;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;

/// Why a connection has no valid header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderFault {
    /// It is one of version 1.
    Version1,
    /// There is none: something else was sent.
    Absent,
    /// It is one of version 2 and makes no sense, or is too long.
    Malformed,
    /// It was not whole in time.
    Late,
    /// The proxy closed the connection before, as some checks of health do.
    Closed,
}

impl HeaderFault {
    /// All of them that are counted.
    pub(super) const COUNTED: [Self; 4] =
        [Self::Version1, Self::Absent, Self::Malformed, Self::Late];

    /// Its label in metrics.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Version1 => "version1",
            Self::Absent => "absent",
            Self::Malformed => "malformed",
            Self::Late => "late",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version1 => {
                "its PROXY protocol header has version 1; make it send version 2 (HAProxy: \
                 send-proxy-v2; nginx can only send version 1, so let it send X-Forwarded-For and \
                 leave --proxy-protocol out)"
            }
            Self::Absent => {
                "it sent no PROXY protocol header; make it send one of version 2, or leave \
                 --proxy-protocol out"
            }
            Self::Malformed => "its PROXY protocol header is malformed or longer than 4 KiB",
            Self::Late => "its PROXY protocol header was not whole after 5 seconds",
            Self::Closed => "it closed the connection at once",
        })
    }
}

/// Reads the header from the begin of a connection, and no byte behind it. The client's address is
/// `None` where the proxy speaks for itself.
///
/// # Errors
/// The header is not a valid one of version 2, or does not come in time.
pub(super) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<IpAddr>, HeaderFault> {
    tokio::time::timeout(WITHIN, read_untimed(stream)).await.unwrap_or(Err(HeaderFault::Late))
}

/// Reads the header however long it takes, and no byte behind it: at most 16 bytes and the 4 KiB
/// that these may name. The client's address is `None` where the proxy speaks for itself.
///
/// # Errors
/// The header is not a valid one of version 2.
pub async fn read_untimed(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<IpAddr>, HeaderFault> {
    let closed = |_: io::Error| HeaderFault::Closed;
    let (mut fixed, mut filled) = ([0; 16], 0);
    while filled < fixed.len() {
        filled += match stream.read(&mut fixed[filled..]).await.map_err(closed)? {
            0 => return Err(HeaderFault::Closed),
            read => read,
        };
        check_begin(&fixed[..filled])?;
    }
    let [.., command, family, high, low] = fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > REST_MAX {
        return Err(HeaderFault::Malformed);
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await.map_err(closed)?;
    match command {
        LOCAL => Ok(None),
        PROXY => source(family, &rest),
        _ => Err(HeaderFault::Malformed),
    }
}

/// Whether a header can begin so.
fn check_begin(begin: &[u8]) -> Result<(), HeaderFault> {
    let known = begin.len().min(SIGNATURE.len());
    if begin[..known] == SIGNATURE[..known] {
        return Ok(());
    }
    if begin.starts_with(VERSION_1) {
        return Err(HeaderFault::Version1);
    }
    if VERSION_1.starts_with(begin) { Ok(()) } else { Err(HeaderFault::Absent) }
}

/// The client's address, which stands first.
fn source(family: u8, rest: &[u8]) -> Result<Option<IpAddr>, HeaderFault> {
    /// Both addresses and both ports.
    const IPV4: usize = 12;
    const IPV6: usize = 36;
    let address = match family {
        UNSPECIFIED => return Ok(None),
        TCP_OVER_IPV4 if rest.len() >= IPV4 => {
            rest.first_chunk::<4>().map(|bytes| IpAddr::from(*bytes))
        }
        TCP_OVER_IPV6 if rest.len() >= IPV6 => {
            rest.first_chunk::<16>().map(|bytes| IpAddr::from(*bytes))
        }
        _ => None,
    };
    address.map(|address| Some(address.to_canonical())).ok_or(HeaderFault::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = (rest.len() as u16).to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    /// What is read of `bytes`, and what is left of them.
    async fn read_of(bytes: &[u8]) -> (Result<Option<IpAddr>, HeaderFault>, Vec<u8>) {
        let mut rest = bytes;
        let found = read(&mut rest).await;
        (found, rest.to_vec())
    }

    const IPV4: [u8; 12] = [203, 0, 113, 9, 10, 0, 0, 1, 0x10, 0, 0x01, 0xBB];

    #[tokio::test]
    async fn the_clients_address_is_read_and_nothing_behind_the_header() {
        let mut bytes = header(PROXY, TCP_OVER_IPV4, &IPV4);
        bytes.extend(b"GET /");
        let (found, rest) = read_of(&bytes).await;
        assert_eq!(found, Ok(Some([203, 0, 113, 9].into())));
        assert_eq!(rest, b"GET /");
        let mut ipv6 = [0; 40];
        ipv6[..4].copy_from_slice(&[0x20, 0x01, 0x0D, 0xB8]);
        // What follows the addresses is skipped.
        let (found, rest) = read_of(&header(PROXY, TCP_OVER_IPV6, &ipv6)).await;
        assert_eq!(found, Ok(Some("2001:db8::".parse().unwrap())));
        assert!(rest.is_empty());
    }

    #[tokio::test]
    async fn a_proxy_may_speak_for_itself() {
        for (command, family) in [(LOCAL, UNSPECIFIED), (LOCAL, 0x11), (PROXY, UNSPECIFIED)] {
            assert_eq!(read_of(&header(command, family, &[1, 2, 3])).await.0, Ok(None));
        }
    }

    #[tokio::test]
    async fn what_is_no_header_of_version_2_is_refused_by_name() {
        let long = header(PROXY, TCP_OVER_IPV4, &[0; REST_MAX + 1]);
        for (bytes, fault) in [
            (&b"PROXY TCP4 203.0.113.9 10.0.0.1 4096 443\r\n"[..], HeaderFault::Version1),
            (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", HeaderFault::Absent),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HeaderFault::Absent),
            (&[0x16, 0x03, 0x01, 0x02], HeaderFault::Absent),
            (&header(0x11, TCP_OVER_IPV4, &IPV4), HeaderFault::Malformed),
            (&header(0x22, TCP_OVER_IPV4, &IPV4), HeaderFault::Malformed),
            (&header(PROXY, 0x12, &IPV4), HeaderFault::Malformed),
            (&header(PROXY, TCP_OVER_IPV4, &IPV4[..11]), HeaderFault::Malformed),
            (&header(PROXY, TCP_OVER_IPV6, &IPV4), HeaderFault::Malformed),
            (&long, HeaderFault::Malformed),
            (&header(PROXY, TCP_OVER_IPV4, &IPV4)[..27], HeaderFault::Closed),
            (&SIGNATURE[..], HeaderFault::Closed),
            (b"PRO", HeaderFault::Closed),
            (b"", HeaderFault::Closed),
        ] {
            assert_eq!(read_of(bytes).await.0, Err(fault), "{bytes:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_that_is_not_whole_in_time_is_refused() {
        let (mut proxy, mut gateway) = tokio::io::duplex(64);
        proxy.write_all(&SIGNATURE[..5]).await.unwrap();
        let begun = tokio::time::Instant::now();
        assert_eq!(read(&mut gateway).await, Err(HeaderFault::Late));
        assert_eq!(begun.elapsed(), WITHIN);
    }
}
