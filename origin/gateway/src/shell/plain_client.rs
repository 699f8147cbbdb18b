//! Plain client: requests of a gateway to nodes, one at a time on each of its connections.
//!
//! All but orders go so, and orders to nodes that take no links.

use super::origin_response::GatewayResponse;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use shared::limits::PLAN_BYTES_MAX;
use std::time::Duration;

/// Time until a connection stands. What is asked has a deadline of its own.
const CONNECT: Duration = Duration::from_millis(1_000);
/// A connection that nobody used for so long is closed, before the node closes it.
const IDLE: Duration = Duration::from_secs(20);
/// Connections to one node that are kept for later.
const IDLE_MAX: usize = 64;
/// Most bytes of an answer that are read: twice the longest plan. The views of sales and orders are
/// far smaller.
const ANSWER_MAX: usize = 2 * PLAN_BYTES_MAX;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// No connection could be made: nothing was sent.
    NotSent,
    /// The connection broke, or what came is no answer.
    Broken,
}

/// A client that keeps connections open.
#[derive(Debug)]
pub(super) struct PlainClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    connector: HttpsConnector<HttpConnector>,
}

impl PlainClient {
    /// A client without connections; `tls` where a node's address is https.
    ///
    /// # Errors
    /// This machine has no certificates to check the other side with.
    pub(super) fn new(tls: bool) -> Result<Self, String> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnectorBuilder::new();
        let connector = if tls {
            let no_roots = |error| format!("no certificates to check nodes with: {error}");
            connector.with_native_roots().map_err(no_roots)?
        } else {
            // Never used for TLS, so it trusts nobody.
            let config = rustls::ClientConfig::builder()
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
            connector.with_tls_config(config)
        };
        let connector = connector.https_or_http().enable_http1().wrap_connector(tcp);
        Ok(Self::with(connector))
    }

    /// A client with connections of its own.
    pub(super) fn another(&self) -> Self {
        Self::with(self.connector.clone())
    }

    fn with(connector: HttpsConnector<HttpConnector>) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_MAX)
            .pool_timer(TokioTimer::new())
            // Only the rules ask again, under the same id and counted.
            .retry_canceled_requests(false);
        Self { client: builder.build(connector.clone()), connector }
    }

    /// Sends a request and reads the answer whole.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub(super) async fn ask(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<GatewayResponse, NoAnswer> {
        let answer = self.client.request(request).await.map_err(|error| {
            if error.is_connect() { NoAnswer::NotSent } else { NoAnswer::Broken }
        })?;
        let (head, body) = Response::into_parts(answer);
        let body = Limited::new(body, ANSWER_MAX).collect().await.map_err(|_| NoAnswer::Broken)?;
        Ok(GatewayResponse::plain(head.status.as_u16(), head.headers, body.to_bytes()))
    }
}
