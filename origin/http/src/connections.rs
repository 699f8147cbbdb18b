//! Connections of one listener: how many are open, and the answer to those above the limit.

use crate::linger::{self, LINGER, LINGERING_MAX};
use crate::place::Place;
use shared::limits::NODE_LINGER_MS;
use shared::wire::problem::spread_ms;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A server that stops goes on to accept and answer for this long, with the request to close the
/// connection: so clients learn that they should ask another one before they find this one gone.
/// Only then are the listener and idle connections closed.
pub const STOP_LINGER: Duration = Duration::from_millis(NODE_LINGER_MS);
/// How long a client waits at least whose connection was turned away, in milliseconds.
const TURNED_AWAY_MS: u32 = 1_000;

/// Bytes of a request that are read before it is answered so; an order is not longer.
const REQUEST_READ: usize = 4 * 1_024;

/// How a server names itself in the answers that it gives below HTTP.
#[derive(Clone, Copy, Debug)]
pub struct ServerName {
    /// The subject of a sentence, such as "This node".
    pub sentence: &'static str,
    /// The value of `Lastseat-Answered-By`.
    pub answered_by: &'static str,
}

/// The response to a connection above the limit, before it is closed. Those who were turned away
/// together do not come back together: `chance` is from 0 to 1.
fn turned_away(server: ServerName, chance: f64) -> String {
    let wait_ms = spread_ms(TURNED_AWAY_MS, chance);
    let body = format!(
        "{{\"code\":\"unavailable\",\"title\":\"Unavailable\",\"status\":503,\
         \"retry_after_ms\":{wait_ms},\"detail\":\"{} has too many connections. Nothing was \
         sold under this key. Ask again after Retry-After.\"}}\n",
        server.sentence
    );
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
         retry-after: {}\r\nconnection: close\r\nlastseat-answered-by: {}\r\n\
         content-length: {}\r\n\r\n{body}",
        wait_ms.div_ceil(1_000),
        server.answered_by,
        body.len()
    )
}

/// The connections of one listener.
#[derive(Debug, Default)]
pub struct Connections {
    open: Arc<AtomicUsize>,
    turned_away: AtomicU64,
    /// Ended by this server, and read out now.
    leaving: Arc<AtomicUsize>,
    closing: AtomicBool,
}

impl Connections {
    /// Open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Closed at once because too many were open.
    #[must_use]
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// The count of those that this server has ended and reads out now.
    #[must_use]
    pub const fn leaving(&self) -> &Arc<AtomicUsize> {
        &self.leaving
    }

    /// From now on each answer asks its client to close the connection.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// Whether the server stops.
    #[must_use]
    pub fn are_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// A place for one more connection; `None` where `max` are open.
    #[must_use]
    pub fn admit(&self, max: usize) -> Option<Place> {
        Place::take(&self.open, max)
    }

    /// Counts a connection that cannot stay and is closed without a word.
    pub fn count_turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    /// Answers a connection that it cannot stay, unless many are being answered so already. The
    /// answer waits for the request: clients of HTTP take one that nobody asked for, or an end that
    /// comes while they write, for a broken connection, and not for "no".
    pub fn turn_away(&self, mut stream: TcpStream, server: ServerName) {
        self.count_turned_away();
        let Some(place) = Place::take(&self.leaving, LINGERING_MAX) else {
            return;
        };
        let answer = turned_away(server, fastrand::f64());
        tokio::spawn(async move {
            let _place = place;
            let answered = async {
                if stream.read(&mut [0; REQUEST_READ]).await? > 0 {
                    stream.write_all(answer.as_bytes()).await?;
                    linger::read_out(stream).await?;
                }
                Ok::<_, io::Error>(())
            };
            // Whoever does not ask or does not take it in time, does without.
            let _ = tokio::time::timeout(LINGER, answered).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    #[tokio::test]
    async fn who_is_turned_away_is_answered_once_it_has_asked() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let connections = Connections::default();
        let server = ServerName { sentence: "This node", answered_by: "origin" };
        connections.turn_away(stream, server);
        let early = timeout(Duration::from_millis(50), client.read(&mut [0; 1])).await;
        assert!(early.is_err(), "an answer that nobody asked for");
        client.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut said = String::new();
        client.read_to_string(&mut said).await.unwrap();
        assert!(said.starts_with("HTTP/1.1 503 ") && said.ends_with("}\n"), "{said}");
        assert_eq!(connections.turned_away(), 1);
    }

    #[test]
    fn a_connection_that_is_turned_away_hears_a_whole_problem() {
        let server = ServerName { sentence: "This node", answered_by: "origin" };
        let text = turned_away(server, 0.5);
        assert!(text.contains("\r\nretry-after: 2\r\nconnection: close\r\n"));
        assert!(text.contains("\r\nlastseat-answered-by: origin\r\n"));
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        let problem: shared::Problem = serde_json::from_str(body).unwrap();
        assert_eq!(problem.code.status(), problem.status);
        assert!(problem.detail.starts_with("This node has too many connections."));
    }
}
