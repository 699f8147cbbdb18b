//! HTTPS client for webhooks and the span collector.

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::io;
use std::time::Duration;

/// Time until a connection stands; a server that is away is noticed before the call's own deadline.
const CONNECT: Duration = Duration::from_secs(3);

/// A client that keeps connections open.
pub type HttpsClient =
    hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client for addresses of http or, where `tls`, also https.
///
/// # Errors
/// This machine has no certificates to check the other side with.
pub fn client(tls: bool) -> io::Result<HttpsClient> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    let connector = HttpsConnectorBuilder::new();
    let connector = if tls {
        connector.with_native_roots()?
    } else {
        // Never used for TLS, so it trusts nobody.
        connector.with_tls_config(trusts_nobody())
    };
    let connector = connector.https_or_http().enable_http1().wrap_connector(tcp);
    Ok(hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector))
}

fn trusts_nobody() -> rustls::ClientConfig {
    rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}
