//! A small HTTP/1.1 client: one connection, kept alive, opened again when it was closed.
//!
//! It tells a request that was never sent from one whose answer was lost: the second may have sold
//! a ticket.

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use shared::Problem;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Time that a connection may take to open.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Time that an answer may take: longer than the edge's own deadline (`limits::EDGE_DEADLINE_MS`).
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A request as this client sends it.
pub type SentRequest = Request<Full<Bytes>>;

/// A whole answer.
#[derive(Clone, Debug)]
pub struct HttpReply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub enum ConnectionLost {
    /// The request was not sent: nothing can have happened.
    NotSent(String),
    /// It was sent, wholly or in part: anything can have happened.
    Unknown(String),
}

impl std::error::Error for ConnectionLost {}

impl std::fmt::Display for ConnectionLost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotSent(why) => write!(f, "not sent: {why}"),
            Self::Unknown(why) => write!(f, "no answer: {why}"),
        }
    }
}

/// One connection to one server.
#[derive(Debug)]
pub struct HttpClient {
    authority: String,
    host: HeaderValue,
    sender: Option<SendRequest<Full<Bytes>>>,
    opened: u64,
}

impl HttpClient {
    /// A client for `url`, which is `http://host:port` with no path. It connects when it is first
    /// used.
    ///
    /// # Errors
    /// `url` is not such an address.
    pub fn new(url: &str) -> Result<Self> {
        let authority = url
            .strip_prefix("http://")
            .map(|rest| rest.trim_end_matches('/'))
            .filter(|rest| rest.contains(':') && !rest.contains('/'))
            .with_context(|| format!("{url:?} is not an address like http://127.0.0.1:8787"))?;
        Ok(Self {
            authority: authority.to_owned(),
            host: HeaderValue::from_str(authority)?,
            sender: None,
            opened: 0,
        })
    }

    /// How often it connected.
    #[must_use]
    pub const fn opened(&self) -> u64 {
        self.opened
    }

    /// Sends `request` (its URI is a path) and reads the whole answer.
    ///
    /// # Errors
    /// No answer came; after that, the connection is a new one.
    pub async fn send(&mut self, mut request: SentRequest) -> Result<HttpReply, ConnectionLost> {
        request.headers_mut().insert(HOST, self.host.clone());
        let mut sender = self.ready().await.map_err(ConnectionLost::NotSent)?;
        let answer = timeout(ANSWER_WITHIN, async {
            let response = sender.send_request(request).await?;
            let (head, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, hyper::Error>(HttpReply { status: head.status, headers: head.headers, body })
        });
        match answer.await {
            Ok(Ok(answer)) => {
                self.sender = Some(sender);
                Ok(answer)
            }
            Ok(Err(e)) if e.is_canceled() => Err(ConnectionLost::NotSent(e.to_string())),
            Ok(Err(e)) => Err(ConnectionLost::Unknown(format!("{:#}", anyhow!(e)))),
            Err(_) => Err(ConnectionLost::Unknown(format!("none within {ANSWER_WITHIN:?}"))),
        }
    }

    /// The open connection, or a new one when the server closed it in the meantime.
    async fn ready(&mut self) -> Result<SendRequest<Full<Bytes>>, String> {
        if let Some(mut sender) = self.sender.take()
            && sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        let stream = timeout(CONNECT_WITHIN, TcpStream::connect(&self.authority))
            .await
            .map_err(|_| format!("no connection within {CONNECT_WITHIN:?}"))?
            .map_err(|e| e.to_string())?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        let (mut sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
        // Its errors also reach the request that is under way.
        tokio::spawn(async { drop(connection.await) });
        sender.ready().await.map_err(|e| e.to_string())?;
        self.opened += 1;
        Ok(sender)
    }

    /// Asks for `path`.
    ///
    /// # Errors
    /// No answer came.
    pub async fn get(&mut self, path: &str) -> Result<HttpReply> {
        Ok(self.send(request(Method::GET, path, &[], "")?).await?)
    }

    /// Posts an order: `body` as it is, with `key` as its Idempotency-Key.
    ///
    /// # Errors
    /// No answer came.
    pub async fn order(&mut self, sale: &str, key: Option<&str>, body: &str) -> Result<HttpReply> {
        let path = format!("/v1/sales/{sale}/orders");
        let key = key.map(|key| (shared::wire::messages::header::IDEMPOTENCY_KEY, key));
        let headers: Vec<_> = key.into_iter().collect();
        Ok(self.send(request(Method::POST, &path, &headers, body)?).await?)
    }
}

/// Builds a request; one with a body says that it is JSON, and POST and PUT without one say so.
///
/// # Errors
/// A part of it cannot be sent over HTTP.
pub fn request(
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<SentRequest> {
    let mut builder = Request::builder().method(method).uri(path);
    if !body.is_empty() {
        builder = builder.header("content-type", "application/json");
    } else if builder.method_ref().is_some_and(|m| m == Method::POST || m == Method::PUT) {
        // hyper leaves it out, and a server may insist on it.
        builder = builder.header("content-length", "0");
    }
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    Ok(builder.body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?)
}

impl HttpReply {
    /// The header `name`, empty when it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is not such JSON; the message has the answer.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("answer {} {}", self.status, self.text()))
    }

    /// The body as a "no".
    ///
    /// # Errors
    /// It is none; the message has the answer.
    pub fn problem(&self) -> Result<Problem> {
        self.json()
    }
}
