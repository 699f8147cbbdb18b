//! The HTTP version of a connection in clear, told by its first bytes.
//!
//! A client that knows that a server takes HTTP/2 begins with a preface (RFC 9113, section 3.3).
//! Over TLS the version is negotiated (ALPN) and nothing has to be told. hyper-util's automatic
//! connection does the same, but its wait for the first bytes has no bound.

use lastseat_http::head_timeout::{HEAD, IDLE};
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The begin of the preface; no method begins so, as it has a space where `PROPFIND` goes on.
const PREFACE: &[u8; 4] = b"PRI ";
/// Time between two reads while the first bytes may be either.
const RETRY: Duration = Duration::from_millis(5);

/// A version, as far as connections differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HttpVersion {
    /// HTTP/1.1 or HTTP/1.0.
    Http1,
    /// HTTP/2.
    Http2,
}

impl HttpVersion {
    /// What `begin`, which is not empty, is the begin of; `None` where it can be either.
    fn of_begin(begin: &[u8]) -> Option<Self> {
        if begin.starts_with(PREFACE) {
            Some(Self::Http2)
        } else if PREFACE.starts_with(begin) {
            None
        } else {
            Some(Self::Http1)
        }
    }

    /// What a client speaks; its bytes stay unread. `None` where it closed the connection, or sent
    /// too little in the time that a connection may be idle or a head may take.
    ///
    /// # Errors
    /// The connection is broken.
    pub(super) async fn of(stream: &TcpStream) -> io::Result<Option<Self>> {
        let mut begin = [0; PREFACE.len()];
        let Ok(peeked) = timeout(IDLE, stream.peek(&mut begin)).await else {
            return Ok(None);
        };
        let mut known = peeked?;
        let told = async {
            loop {
                if known == 0 {
                    return Ok(None);
                }
                if let Some(version) = Self::of_begin(&begin[..known]) {
                    return Ok(Some(version));
                }
                // What was peeked at before is there at once.
                tokio::time::sleep(RETRY).await;
                known = stream.peek(&mut begin).await?;
            }
        };
        timeout(HEAD, told).await.unwrap_or(Ok(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_bytes_at_most_tell_the_version() {
        for (begin, version) in [
            (&b"PRI * HTTP/2.0\r\n"[..], Some(HttpVersion::Http2)),
            (b"PRI ", Some(HttpVersion::Http2)),
            (b"PRI", None),
            (b"P", None),
            (b"PROPFIND /", Some(HttpVersion::Http1)),
            (b"PO", Some(HttpVersion::Http1)),
            (b"GET", Some(HttpVersion::Http1)),
            (b"\x16", Some(HttpVersion::Http1)),
        ] {
            assert_eq!(HttpVersion::of_begin(begin), version, "{begin:?}");
        }
    }
}
