//! Bytes there, and what comes back.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A server ends a request that stays half: a node after 5 s, workerd after 15 s.
const FIRST_WITHIN: Duration = Duration::from_secs(40);
/// After an answer, a further one would follow within this time. One that comes later is still
/// found in the ledger.
const NEXT_WITHIN: Duration = Duration::from_secs(2);
/// Most bytes of answers that are kept.
const ANSWERS_MAX: usize = 64 * 1024;

/// What a server said.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The status of each answer, save `100 Continue`.
    pub(crate) statuses: Vec<u16>,
    /// Whether it ended the connection.
    pub(crate) closed: bool,
    /// Its words.
    pub(crate) text: String,
}

/// Sends the parts one after the other over one connection and listens until nothing more comes.
pub(crate) async fn exchange(authority: &str, parts: &[Vec<u8>]) -> Heard {
    let stream = TcpStream::connect(authority).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut from, mut to) = stream.into_split();
    let sending = async {
        for part in parts {
            to.write_all(part).await?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Kept open: its end would tell the server that nothing more comes.
        Ok::<_, io::Error>(to)
    };
    let listening = async {
        let (mut heard, mut buffer) = (Vec::new(), [0; 4_096]);
        let closed = loop {
            let patience = if heard.is_empty() { FIRST_WITHIN } else { NEXT_WITHIN };
            match timeout(patience, from.read(&mut buffer)).await {
                Err(_) => break false,
                Ok(Ok(0) | Err(_)) => break true,
                Ok(Ok(read)) if heard.len() < ANSWERS_MAX => {
                    heard.extend_from_slice(&buffer[..read]);
                }
                Ok(Ok(_)) => {}
            }
        };
        (String::from_utf8_lossy(&heard).into_owned(), closed)
    };
    // A server that refuses may close before it has read everything.
    let (_sent, (text, closed)) = tokio::join!(sending, listening);
    let statuses = text
        .split("HTTP/1.")
        .skip(1)
        .filter_map(|answer| answer.get(2..5)?.parse().ok())
        .filter(|status| *status >= 200)
        .collect();
    Heard { statuses, closed, text: text.chars().take(300).collect() }
}
