//! The accept loop: bounded connections, bounded heads, an orderly end. `axum::serve` has none of
//! these bounds.

use super::patience::{HEAD, IDLE, Patience};
use super::sender::Peer;
use axum::Router;
use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use shared::wire::header;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service;
use tracing::{debug, warn};

/// Connections that one listener keeps open. Each costs about 20 KiB at most; an edge location
/// keeps a few, a load generator thousands.
pub const CONNECTIONS_MAX: usize = 20_000;
/// Most headers of one request.
const HEADERS_MAX: usize = 64;
/// Most bytes of a request head.
const HEAD_MAX: usize = 16 * 1024;
/// First and longest pause after a failed accept: file descriptors may run out, and come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// What a connection above the limit hears before it is closed.
const TURNED_AWAY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/problem+json\r\nretry-after: 1\r\nconnection: close\r\n\
    lastseat-answered-by: origin\r\ncontent-length: 189\r\n\r\n\
    {\"code\":\"unavailable\",\"title\":\"Unavailable\",\"status\":503,\"retry_after_ms\":1000,\
    \"detail\":\"This node has too many connections. Nothing was sold under this key. \
    Ask again after Retry-After.\"}\n";

/// After the listener is closed, each answer asks its client to close for this long; only then are
/// idle connections closed from here. A client that was just sending a request so hears its answer.
const LINGER: Duration = Duration::from_millis(250);

/// The connections of one listener.
#[derive(Debug, Default)]
pub struct Connections {
    open: AtomicUsize,
    turned_away: AtomicU64,
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

    fn enter(self: &Arc<Self>, max: usize) -> Option<Place> {
        let place = Place(Arc::clone(self));
        // The place is counted before it is known to be free, so that two cannot take the last one.
        (self.open.fetch_add(1, Ordering::Relaxed) < max).then_some(place)
    }
}

/// One open connection; leaves when dropped.
#[derive(Debug)]
struct Place(Arc<Connections>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A listener with what it serves.
#[derive(Debug)]
pub struct Intake {
    /// Where connections come in.
    pub listener: TcpListener,
    /// What answers them.
    pub router: Router,
    /// The value of `Lastseat-Node` in every answer.
    pub node: HeaderValue,
    /// Counts the connections.
    pub connections: Arc<Connections>,
    /// Most connections at a time.
    pub connections_max: usize,
}

impl Intake {
    /// Serves until `stop` is ready, then closes the listener and idle connections, and lets the
    /// others finish the request that they are in, for at most `patience`.
    pub async fn run(self, stop: impl Future<Output = ()>, patience: Duration) {
        let graceful = GracefulShutdown::new();
        tokio::pin!(stop);
        let mut pause = ACCEPT_PAUSE;
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut stop => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause = ACCEPT_PAUSE;
                    self.admit(stream, Peer(peer.ip()), &graceful);
                }
                Err(e) if is_about_one_connection(&e) => {}
                Err(e) => {
                    warn!("cannot accept connections: {e}; trying again in {pause:?}");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(ACCEPT_PAUSE_MAX);
                }
            }
        }
        drop(self.listener);
        self.connections.closing.store(true, Ordering::Relaxed);
        tokio::time::sleep(LINGER).await;
        if tokio::time::timeout(patience, graceful.shutdown())
            .await
            .is_err()
        {
            warn!("some connections did not finish within {patience:?} and are cut");
        }
    }

    fn admit(&self, stream: TcpStream, peer: Peer, graceful: &GracefulShutdown) {
        let Some(place) = self.connections.enter(self.connections_max) else {
            self.connections.turned_away.fetch_add(1, Ordering::Relaxed);
            // One try: whoever does not take it, does without.
            let _ = stream.try_write(TURNED_AWAY);
            return;
        };
        // Answers are small and each is awaited; waiting for more to send only delays them.
        if let Err(e) = stream.set_nodelay(true) {
            debug!("TCP_NODELAY: {e}");
        }
        let patience = Patience::new(HEAD, IDLE);
        let io = TokioIo::new(patience.watch(stream));
        let (router, node) = (self.router.clone(), self.node.clone());
        let connections = Arc::clone(&self.connections);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            let answer = answer(router.clone(), node.clone(), request);
            let connections = Arc::clone(&connections);
            async move {
                let mut response = answer.await?;
                if connections.closing.load(Ordering::Relaxed) {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(CONNECTION, close);
                }
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http1::Builder::new()
            .timer(patience)
            .header_read_timeout(HEAD)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_MAX)
            .serve_connection(io, service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            if let Err(e) = connection.await {
                debug!("connection ended: {e}");
            }
        });
    }
}

/// Every answer says who gave it.
async fn answer(
    mut router: Router,
    node: HeaderValue,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let mut response = router.call(request.map(Body::new)).await?;
    let headers = response.headers_mut();
    headers.insert(header::NODE, node);
    headers
        .entry(header::ANSWERED_BY)
        .or_insert(HeaderValue::from_static("origin"));
    Ok(response)
}

/// Errors of `accept` that say that one waiting connection is gone already.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_is_turned_away_hears_a_whole_problem() {
        let text = std::str::from_utf8(TURNED_AWAY).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{}",
            body.len()
        );
        let problem: shared::Problem = serde_json::from_str(body).unwrap();
        assert_eq!(problem.code.status(), problem.status);
    }

    #[test]
    fn a_place_that_was_left_can_be_taken_again() {
        let connections = Arc::new(Connections::default());
        let first = connections.enter(1);
        assert!(first.is_some());
        assert!(connections.enter(1).is_none());
        drop(first);
        assert!(connections.enter(1).is_some());
        assert_eq!(connections.open(), 0);
    }
}
