//! Server: what the connections of one thread work with, and what all threads share.

use super::client::{self, ClientAddressSource};
use super::counters::FrontCounters;
use super::handler::{AnyHandler, Handler};
use super::log_throttle::LogThrottle;
use super::trusted_proxies::TrustedProxies;
use hyper::HeaderMap;
use lastseat_http::connections::{Connections, ServerName};
use shared::limits::EDGE_DEADLINE_MS;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// Requests in flight may take this long to finish when the gateway stops: longer than an edge
/// takes at most to answer. With the time that it lingers before, it is below the 10 s that a
/// supervisor waits.
pub(super) const FINISH: Duration = Duration::from_secs(7);
const _: () = assert!(EDGE_DEADLINE_MS < 1_000 * FINISH.as_secs());

/// Who may report the address of a client, and how.
pub(super) struct Proxies {
    pub(super) trusted: TrustedProxies,
    /// Whether these begin each connection with a PROXY protocol header.
    pub(super) protocol: bool,
    /// What of a request from these has the client's address.
    pub(super) source: ClientAddressSource,
    pub(super) log: LogThrottle,
}

impl Proxies {
    /// Nobody.
    pub(super) fn none() -> Self {
        Self {
            trusted: TrustedProxies::default(),
            protocol: false,
            source: ClientAddressSource::Connection,
            log: LogThrottle::default(),
        }
    }

    /// The client of a request that came from `peer`.
    pub(super) fn client_of(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        client::address(peer, headers, &self.trusted, self.source)
    }
}

/// What the threads of one listener share.
pub(super) struct ServerSettings {
    pub(super) name: ServerName,
    pub(super) connections: Connections,
    /// Most connections at a time, of all threads together.
    pub(super) connections_max: usize,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) proxies: Proxies,
}

impl std::fmt::Debug for ServerSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerSettings").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One thread's part of a listener.
pub(super) struct Server {
    pub(super) handler: Box<dyn AnyHandler>,
    pub(super) settings: Arc<ServerSettings>,
    pub(super) counters: Arc<FrontCounters>,
    /// Each connection has a receiver; when all are gone, all have ended.
    pub(super) end: watch::Sender<()>,
}

impl Server {
    /// A server that has not begun.
    pub(super) fn new(
        handler: impl Handler + 'static,
        settings: Arc<ServerSettings>,
        counters: Arc<FrontCounters>,
    ) -> Self {
        Self { handler: Box::new(handler), settings, counters, end: watch::Sender::new(()) }
    }
}
