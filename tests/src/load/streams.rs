//! HTTP/2 of a load, with prior knowledge and in clear: many requests under way on one connection,
//! as a proxy in front of a gateway sends them.

use super::reply::AnsweringTier;
use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use shared::wire::messages::header::ANSWERED_BY;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// Time that a connection may take to open.
pub(super) const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Most bytes of one answer.
pub(super) const ANSWER_MAX: usize = 64 * 1_024;
/// Requests that are under way on one connection at the same time: far below what servers allow.
pub(super) const STREAMS_EACH: u32 = 32;

/// Sends requests over a connection.
type OpenStreams = SendRequest<Full<Bytes>>;

/// What is sent over it.
pub(super) type StreamRequest = Request<Full<Bytes>>;

/// An answer.
#[derive(Debug)]
pub(super) struct StreamAnswer {
    pub(super) status: u16,
    pub(super) by: Option<AnsweringTier>,
    pub(super) body: Bytes,
}

/// Why there is none.
#[derive(Debug)]
pub(super) enum NoStreamAnswer {
    /// Nothing was sent.
    NotSent(String),
    /// It may have been carried out.
    Lost(String),
}

/// The connections of those who send together, one to each entry point; opened when it is first
/// needed, and again when it was closed.
#[derive(Clone, Debug)]
pub(super) struct SharedStreams {
    to: Arc<[Mutex<Option<OpenStreams>>]>,
    opened: Arc<AtomicU64>,
}

impl SharedStreams {
    /// Connections to so many entry points.
    pub(super) fn new(entries: usize) -> Self {
        Self { to: (0..entries).map(|_| Mutex::new(None)).collect(), opened: Arc::default() }
    }

    /// How many connections were opened since this was asked last.
    pub(super) fn take_opened(&self) -> u64 {
        self.opened.swap(0, Ordering::Relaxed)
    }

    /// The connection to entry point `at`, which is at `address`.
    pub(super) async fn open(&self, at: usize, address: SocketAddr) -> Result<OpenStreams> {
        let mut slot = self.to[at].lock().await;
        if let Some(open) = slot.as_ref().filter(|open| !open.is_closed()) {
            return Ok(open.clone());
        }
        let opened = timeout(CONNECT_WITHIN, connect(address)).await;
        let opened = opened.with_context(|| format!("none within {CONNECT_WITHIN:?}"));
        let opened = opened.and_then(|opened| opened);
        let opened = opened.with_context(|| format!("cannot connect to {address}"))?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(slot.insert(opened).clone())
    }
}

async fn connect(address: SocketAddr) -> Result<OpenStreams> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    // What ends it is told to those who wait for answers.
    tokio::spawn(connection);
    Ok(sender)
}

/// Sends `request` and reads the whole answer.
///
/// # Errors
/// There is none.
pub(super) async fn exchange(
    mut open: OpenStreams,
    request: StreamRequest,
) -> Result<StreamAnswer, NoStreamAnswer> {
    let response = match open.try_send_request(request).await {
        Ok(response) => response,
        Err(mut failed) => {
            let sent = failed.take_message().is_none();
            let why = format!("{:#}", anyhow::Error::from(failed.into_error()));
            return Err(if sent {
                NoStreamAnswer::Lost(why)
            } else {
                NoStreamAnswer::NotSent(why)
            });
        }
    };
    let (head, body) = response.into_parts();
    let by = head.headers.get(ANSWERED_BY).and_then(|word| word.to_str().ok());
    let by = by.and_then(AnsweringTier::named);
    let body = Limited::new(body, ANSWER_MAX).collect().await;
    let body = body.map_err(|why| NoStreamAnswer::Lost(format!("reading: {why}")))?.to_bytes();
    Ok(StreamAnswer { status: head.status.as_u16(), by, body })
}
