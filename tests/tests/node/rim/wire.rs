//! Bytes to a server and what comes back, over a bare socket.

use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An answer takes no longer, whatever is asked.
const WITHIN: Duration = Duration::from_secs(20);

/// What a server sent until it ended the connection.
pub(crate) struct Heard {
    /// All of it.
    pub(crate) text: String,
    /// When its first byte came.
    pub(crate) first_after: Duration,
}

impl Heard {
    /// The status of the first answer; 0 where none came.
    pub(crate) fn status(&self) -> u16 {
        let status = self.text.get(9..12).and_then(|status| status.parse().ok());
        status.unwrap_or_default()
    }
}

/// Sends `head`, then `body` over and over until so many bytes of it are sent, and only then reads:
/// a client that has no eye on the answer while it sends. `ends` = it closes its side once
/// everything is sent.
pub(crate) async fn send(url: &str, head: &str, body: &[u8], times: usize, ends: bool) -> Heard {
    let authority = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(authority).await.expect("a connection");
    let begun = Instant::now();
    let exchange = async {
        let mut sent = stream.write_all(head.as_bytes()).await;
        for _ in 0..times {
            if sent.is_ok() {
                sent = stream.write_all(body).await;
            }
        }
        if ends {
            let _ = stream.shutdown().await;
        }
        let (mut text, mut buffer) = (Vec::new(), [0; 16 * 1_024]);
        let mut first_after = Duration::MAX;
        while let Ok(read) = stream.read(&mut buffer).await {
            if read == 0 {
                break;
            }
            first_after = first_after.min(begun.elapsed());
            text.extend_from_slice(&buffer[..read]);
        }
        Heard { text: String::from_utf8_lossy(&text).into_owned(), first_after }
    };
    timeout(WITHIN, exchange).await.expect("an answer in time")
}
