//! HTTP server: accept loop with bounded connections, bounded heads and graceful shutdown.
//!
//! `axum::serve` has none of these bounds.

use super::edge_auth::Peer;
use super::fast_path::FastPath;
use super::response;
use crate::header_names;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Method, Request, StatusCode};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use lastseat_http::accept_loop::{self, accept_until};
use lastseat_http::connections::{Connections, ServerName};
use lastseat_http::head_timeout::HeadTimeout;
use lastseat_http::http1;
use lastseat_http::linger::Lingering;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tracing::debug;

/// Connections that a node keeps open unless another number is configured. Each costs about 20 KiB
/// at most; an edge location keeps a few, a load generator thousands.
pub const CONNECTIONS_MAX: usize = 20_000;
/// How it names itself in the answers that it gives below HTTP.
const SERVER: ServerName = ServerName { sentence: "This node", answered_by: "origin" };

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
    /// Serves until `stop` is ready and for a moment after it, then closes the listener and
    /// idle connections, and lets the others finish the request that they are in, for at most
    /// `timeout`.
    pub async fn run(self, stop: impl Future<Output = ()>, timeout: Duration) {
        // Each connection has a receiver. The watcher of `hyper-util` takes none that may become a
        // link.
        let (ending, _) = watch::channel(());
        accept_until(&self.listener, &self.connections, stop, |stream, peer| {
            self.admit(stream, Peer(peer.ip()), ending.subscribe());
        })
        .await;
        drop(self.listener);
        accept_loop::end(&ending, timeout).await;
    }

    fn admit(&self, stream: TcpStream, peer: Peer, mut ending: watch::Receiver<()>) {
        let Some(place) = self.connections.admit(self.connections_max) else {
            return self.connections.turn_away(stream, SERVER);
        };
        // Answers are small and each is awaited; waiting for more to send only delays them.
        if let Err(e) = stream.set_nodelay(true) {
            debug!("TCP_NODELAY: {e}");
        }
        let head_timeout = HeadTimeout::start();
        let stream = Lingering::new(stream, Arc::clone(self.connections.leaving()));
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
        let connection = http1::builder(head_timeout)
            .serve_connection(io, service)
            // A gateway makes a link of its connection.
            .with_upgrades();
        tokio::spawn(async move {
            let _place = place;
            tokio::pin!(connection);
            let ended = tokio::select! {
                biased;
                _ = ending.changed() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
                ended = connection.as_mut() => ended,
            };
            if let Err(e) = ended {
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
        // What follows the call for a tunnel was meant for the tunnel, and is no request.
        let tunnel = request.method() == Method::CONNECT;
        let mut response = self.fast_path.answer(request, self.peer).await;
        // What is left of a body that is too large is no request, and is not waited for.
        let unread = response.status() == StatusCode::PAYLOAD_TOO_LARGE;
        response::answered_by_default(&mut response);
        let headers = response.headers_mut();
        headers.insert(&header_names::NODE, self.node.clone());
        if tunnel || unread || self.connections.are_closing() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
