//! The HTTP front of a gateway: everything between a socket and one call of a [`Handler`].
//!
//! Each thread has a runtime of its own, a listener of its own and a handler of its own, so that a
//! request never waits for another thread. They share counters, bounds and the certificate.

mod accept_loop;
mod admin;
mod certificate;
mod certificate_files;
mod certificate_validity;
mod client;
mod connection;
mod counters;
mod handler;
mod http2_limits;
mod http_version;
mod listeners;
mod log_throttle;
pub mod proxy_header;
pub mod respond;
mod server;
mod threads;
mod tls;
mod transport;
pub mod trusted_proxies;

pub use certificate_files::CertificateFiles;
pub use client::ClientAddressSource;
pub use handler::{Application, Body, Client, Handler};
pub use trusted_proxies::TrustedProxies;

use admin::Admin;
use certificate::Certificate;
use certificate_files::CertificateWatch;
use lastseat_http::connections::{Connections, ServerName};
use listeners::{bind, bind_shared};
use log_throttle::LogThrottle;
use serde::{Deserialize, Serialize};
use server::{Proxies, ServerSettings};
use std::fmt::Debug;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use threads::ServingThreads;
use tokio::sync::watch;
use tokio::task::LocalSet;
use tracing::{error, info};

/// Connections that a gateway keeps open unless another number is configured. Each costs about
/// 20 KiB in clear and twice that over TLS; a page that waits for its turn keeps one.
pub const CONNECTIONS_MAX: usize = 20_000;
/// Connections of operators and scrapers.
const OPERATORS_MAX: usize = 256;
/// How it names itself in the answers that it gives below HTTP.
const SERVER: ServerName = ServerName { sentence: "This gateway", answered_by: "edge" };

/// Where and how a gateway serves.
#[derive(Debug)]
pub struct FrontConfig {
    /// Address for buyers and shops; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Address for operators.
    pub admin_listen: SocketAddr,
    /// Threads that serve, at least one.
    pub threads: usize,
    /// Most connections at a time, of all threads together.
    pub connections_max: usize,
    /// Certificate and key, where it serves over TLS.
    pub tls: Option<CertificateFiles>,
    /// Peers that may report the address of a client.
    pub trusted_proxies: TrustedProxies,
    /// Whether these begin each connection with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// What of a request from these peers has the client's address.
    pub client_address: ClientAddressSource,
}

/// The ready line of a gateway, printed as JSON once it listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayEntry {
    /// Where buyers and shops go.
    pub url: String,
    /// Where operators go.
    pub admin: String,
    /// Its process.
    pub pid: u32,
    /// Threads that serve.
    pub threads: usize,
}

/// A front that serves. When it is dropped, its threads stop.
#[derive(Debug)]
pub struct Front<A> {
    application: Arc<A>,
    settings: Arc<ServerSettings>,
    threads: ServingThreads,
    /// Becomes true when the threads have to stop.
    end: watch::Sender<bool>,
    admin: TcpListener,
    certificate: Option<CertificateWatch>,
    entry: GatewayEntry,
}

impl<A: Application + Debug> Front<A> {
    /// Reads the certificate, listens and serves buyers.
    ///
    /// The threads are started here and not in [`Self::run`], which is generic: so they are
    /// compiled with the crate that names `A`, and with its optimisation.
    ///
    /// # Errors
    /// A sentence that says what to do: a port is taken, a certificate does not fit its key ...
    pub fn start(config: FrontConfig, application: Arc<A>) -> Result<Self, String> {
        let certificate = config.tls.map(CertificateWatch::start).transpose()?;
        let tls = certificate.as_ref().map(|watch| tls::acceptor(watch.certificate()));
        let tls = tls.transpose()?;
        let admin = bind("--admin-listen", config.admin_listen)?;
        let listeners = bind_shared("--listen", config.listen, config.threads)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = |scheme: &str, listener: &TcpListener| {
            let address = listener.local_addr().map_err(|e| e.to_string())?;
            Ok::<_, String>(format!("{scheme}://{address}"))
        };
        let first = listeners.first().ok_or("--threads is 0; a gateway needs one at least")?;
        let entry = GatewayEntry {
            url: url(scheme, first)?,
            admin: url("http", &admin)?,
            pid: std::process::id(),
            threads: listeners.len(),
        };
        let settings = Arc::new(ServerSettings {
            name: SERVER,
            connections: Connections::default(),
            connections_max: config.connections_max,
            tls,
            proxies: Proxies {
                trusted: config.trusted_proxies,
                protocol: config.proxy_protocol,
                source: config.client_address,
                log: LogThrottle::default(),
            },
        });
        let end = watch::Sender::new(false);
        let threads = ServingThreads::start(listeners, &settings, &application, &end)?;
        info!("gateway serves {} with {} threads", entry.url, entry.threads);
        Ok(Self { application, settings, threads, end, admin, certificate, entry })
    }

    /// Where it listens.
    #[must_use]
    pub const fn entry(&self) -> &GatewayEntry {
        &self.entry
    }

    /// Goes on until `stop` is ready, then finishes what was begun. The runtime that this runs in
    /// serves operators and watches the certificate; buyers have threads of their own.
    ///
    /// # Errors
    /// A thread ended before its time, or operators cannot be served; the others have finished
    /// then.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), String> {
        LocalSet::new().run_until(self.serve(stop)).await
    }

    async fn serve(mut self, stop: impl Future<Output = ()>) -> Result<(), String> {
        let certificate = self.certificate.as_ref().map(CertificateWatch::certificate);
        let admin = Admin {
            application: Arc::clone(&self.application),
            settings: Arc::clone(&self.settings),
            counters: self.threads.counters().to_vec(),
            certificate: certificate.map(Arc::<Certificate>::clone),
        };
        let admin =
            tokio::task::spawn_local(admin.serve(self.admin, OPERATORS_MAX, self.end.subscribe()));
        let reloads = match self.certificate {
            Some(mut certificate) => {
                tokio::task::spawn_local(async move { certificate.run().await })
            }
            None => tokio::task::spawn_local(certificate_files::nothing_to_reload()),
        };
        let ended = tokio::select! {
            () = stop => Ok(()),
            thread = self.threads.one_ends() => {
                error!("{thread}; the gateway stops");
                Err(thread)
            }
        };
        info!("gateway stops: finishing what was begun");
        self.application.drain();
        self.end.send_replace(true);
        self.threads.finish().await;
        let admin = admin.await;
        reloads.abort();
        admin.map_err(|e| format!("the operators' listener ended badly: {e}")).and(ended)
    }
}
