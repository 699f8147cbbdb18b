//! HTTP server: accept loop with bounded connections, bounded heads and graceful shutdown.
//!
//! `axum::serve` has none of these bounds.

use super::edge_auth::Peer;
use super::fast_path::FastPath;
use super::head_timeout::{HeadTimeout, IDLE};
use super::linger::{self, LINGERING_MAX, Lingering};
use super::place::Place;
use crate::header_names;
use crate::telemetry::spans;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Method, Request, StatusCode};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use shared::wire::problem::spread_ms;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tracing::{Instrument, debug, warn};

/// Connections that a node keeps open unless another number is configured. Each costs about 20 KiB
/// at most; an edge location keeps a few, a load generator thousands.
pub const CONNECTIONS_MAX: usize = 20_000;
/// Most bytes of a request head; hyper takes at most 100 headers.
const HEAD_MAX: usize = 16 * 1024;
/// First and longest pause after a failed accept: file descriptors may run out, and come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// How long a client waits at least whose connection was turned away, in milliseconds.
const TURNED_AWAY_MS: u32 = 1_000;

/// The response to a connection above the limit, before it is closed. Those who were turned away
/// together do not come back together.
fn turned_away(chance: f64) -> String {
    let wait_ms = spread_ms(TURNED_AWAY_MS, chance);
    let body = format!(
        "{{\"code\":\"unavailable\",\"title\":\"Unavailable\",\"status\":503,\
         \"retry_after_ms\":{wait_ms},\"detail\":\"This node has too many connections. Nothing was \
         sold under this key. Ask again after Retry-After.\"}}\n"
    );
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
         retry-after: {}\r\nconnection: close\r\nlastseat-answered-by: origin\r\n\
         content-length: {}\r\n\r\n{body}",
        wait_ms.div_ceil(1_000),
        body.len()
    )
}

/// A node that stops goes on to accept and answer for this long, with a "no" for each new order and
/// the request to close the connection: so edges learn that they should ask another node before
/// they find this one gone. Only then are the listener and idle connections closed.
const LINGER: Duration = Duration::from_millis(250);
/// How long a connection that is turned away is listened to. Closed with unread bytes, it would be
/// reset, and its client might never read why.
const TURN_AWAY: Duration = Duration::from_millis(200);

/// The connections of one listener.
#[derive(Debug, Default)]
pub struct Connections {
    open: Arc<AtomicUsize>,
    turned_away: AtomicU64,
    /// Ended by this node, and read out now.
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

    /// Answers a connection that it cannot stay, unless many are being answered so already.
    fn turn_away(&self, mut stream: TcpStream) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
        let Some(place) = Place::take(&self.leaving, LINGERING_MAX) else {
            return;
        };
        let answer = turned_away(fastrand::f64());
        tokio::spawn(async move {
            let _place = place;
            let answered = async {
                stream.write_all(answer.as_bytes()).await?;
                linger::read_out(stream).await
            };
            // Whoever does not take it in time, does without.
            let _ = tokio::time::timeout(TURN_AWAY, answered).await;
        });
    }
}

/// A listener with what it serves.
#[derive(Debug)]
pub struct HttpServer {
    /// Where connections come in.
    pub listener: TcpListener,
    /// What answers them.
    pub fast_path: FastPath,
    /// The value of `Lastseat-Node` in every answer.
    pub node: HeaderValue,
    /// Counts the connections.
    pub connections: Arc<Connections>,
    /// Most connections at a time.
    pub connections_max: usize,
}

impl HttpServer {
    /// Serves until `stop` is ready and for `LINGER` after it, then closes the listener and idle
    /// connections, and lets the others finish the request that they are in, for at most
    /// `timeout`.
    pub async fn run(self, stop: impl Future<Output = ()>, timeout: Duration) {
        let graceful = GracefulShutdown::new();
        let connections = Arc::clone(&self.connections);
        let stop = async {
            stop.await;
            connections.closing.store(true, Ordering::Relaxed);
            tokio::time::sleep(LINGER).await;
        };
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
        if tokio::time::timeout(timeout, graceful.shutdown()).await.is_err() {
            warn!("some connections did not finish within {timeout:?} and are cut");
        }
    }

    fn admit(&self, stream: TcpStream, peer: Peer, graceful: &GracefulShutdown) {
        let Some(place) = Place::take(&self.connections.open, self.connections_max) else {
            return self.connections.turn_away(stream);
        };
        // Answers are small and each is awaited; waiting for more to send only delays them.
        if let Err(e) = stream.set_nodelay(true) {
            debug!("TCP_NODELAY: {e}");
        }
        let head_timeout = HeadTimeout::new();
        let stream = Lingering::new(stream, Arc::clone(&self.connections.leaving));
        let io = TokioIo::new(head_timeout.watch(stream));
        let line = Arc::new(Line {
            fast_path: self.fast_path.clone(),
            node: self.node.clone(),
            connections: Arc::clone(&self.connections),
            peer,
        });
        // In a box, because hyper moves the future of each request about.
        let service = service_fn(move |request| {
            let line = Arc::clone(&line);
            Box::pin(async move { Ok::<_, Infallible>(line.answer(request).await) })
        });
        let connection = http1::Builder::new()
            .timer(head_timeout)
            .header_read_timeout(IDLE)
            .max_buf_size(HEAD_MAX)
            // A client may end its side once its request is sent, and wait for the answer. On the
            // wire this cannot be distinguished from a client that has left: its order is carried
            // out, too, if its turn comes in time.
            .half_close(true)
            // Heads and bodies are small: to copy a body behind its head costs less than a vector
            // of two.
            .writev(false)
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

/// What the requests of one connection need.
struct Line {
    fast_path: FastPath,
    node: HeaderValue,
    connections: Arc<Connections>,
    peer: Peer,
}

impl Line {
    /// Every answer says who gave it.
    async fn answer(&self, request: Request<Incoming>) -> Response {
        let span = spans::of_request(&request);
        // What follows the call for a tunnel was meant for the tunnel, and is no request.
        let tunnel = request.method() == Method::CONNECT;
        let answering = self.fast_path.answer(request, self.peer);
        let mut response =
            if span.is_none() { answering.await } else { answering.instrument(span.clone()).await };
        spans::answered(&span, response.status());
        // What is left of a body that is too large is no request, and is not waited for.
        let unread = response.status() == StatusCode::PAYLOAD_TOO_LARGE;
        let headers = response.headers_mut();
        headers.insert(&header_names::NODE, self.node.clone());
        headers.entry(&header_names::ANSWERED_BY).or_insert(HeaderValue::from_static("origin"));
        if tunnel || unread || self.connections.closing.load(Ordering::Relaxed) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
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
        let text = turned_away(0.5);
        assert!(text.contains("\r\nretry-after: 2\r\n"));
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        let problem: shared::Problem = serde_json::from_str(body).unwrap();
        assert_eq!(problem.code.status(), problem.status);
    }
}
