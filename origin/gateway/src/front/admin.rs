//! The operators' listener: `/livez`, `/readyz`, `/metrics`.

use super::certificate::Certificate;
use super::counters::{self, FrontCounters};
use super::handler::{Application, Body, Client, Handler};
use super::respond;
use super::server::{Proxies, Server, ServerSettings};
use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, Request, Response};
use lastseat_http::connections::Connections;
use lastseat_http::metrics::page::Page;
use shared::{Code, Problem};
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use tokio::sync::watch;

const TEXT: &str = "text/plain; charset=utf-8";
/// Prometheus text format 0.0.4.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers operators and scrapers.
#[derive(Debug)]
pub(super) struct Admin<A> {
    pub(super) application: Arc<A>,
    /// Those of the public listener.
    pub(super) settings: Arc<ServerSettings>,
    /// One set a thread.
    pub(super) counters: Vec<Arc<FrontCounters>>,
    pub(super) certificate: Option<Arc<Certificate>>,
}

impl<A: Application> Admin<A> {
    /// Serves on `listener` until `stopping` is true; at most so many connections at a time.
    ///
    /// # Errors
    /// The listener cannot be used.
    pub(super) async fn serve(
        self,
        listener: TcpListener,
        connections_max: usize,
        stopping: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let settings = ServerSettings {
            name: self.settings.name,
            connections: Connections::default(),
            connections_max,
            tls: None,
            proxies: Proxies::none(),
        };
        Server::new(self, Arc::new(settings), Arc::default()).run(listener, stopping).await
    }

    /// See [`Application::ready`].
    fn ready(&self) -> Result<Option<String>, String> {
        if self.settings.connections.are_closing() {
            return Err("this gateway is stopping".to_owned());
        }
        self.application.ready()
    }

    fn metrics(&self) -> String {
        let mut page = Page::default();
        let connections = &self.settings.connections;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        page.begin("gateway_build_info", "gauge", "Version of this process.").add(&version, 1);
        page.gauge(
            "gateway_ready",
            "1 while this gateway can serve, as /readyz says.",
            u8::from(self.ready().is_ok()),
        );
        page.gauge("gateway_threads", "Threads that serve.", self.counters.len());
        page.gauge(
            "gateway_connections",
            "Open connections of the public listener.",
            connections.open(),
        );
        page.counter(
            "gateway_connections_turned_away_total",
            "Connections above the limit.",
            connections.turned_away(),
        );
        counters::write(&self.counters, &mut page);
        if let Some(certificate) = &self.certificate {
            write_certificate(certificate, &mut page);
        }
        self.application.write_metrics(&mut page);
        page.into_text()
    }
}

fn write_certificate(certificate: &Certificate, page: &mut Page) {
    if let Some(seconds) = certificate.expires_in_s() {
        page.gauge(
            "gateway_certificate_expires_in_seconds",
            "Seconds until the certificate expires; negative once it has.",
            seconds,
        );
    }
    let (replaced, refused) = certificate.reloads();
    let help = "New certificates that were found in the files, by what became of them.";
    let mut reloads = page.begin("gateway_certificate_reloads_total", "counter", help);
    reloads.add(&[("outcome", "used")], replaced);
    reloads.add(&[("outcome", "refused")], refused);
}

impl<A: Application> Handler for Admin<A> {
    async fn answer(&self, request: Request<Incoming>, _: Client) -> Response<Body> {
        let answer = match request.uri().path() {
            "/livez" => respond::text(TEXT, "alive\n"),
            "/readyz" => match self.ready() {
                Ok(more) => {
                    respond::text(TEXT, "ready\n".to_owned() + more.as_deref().unwrap_or_default())
                }
                Err(obstacle) => respond::problem(&Problem {
                    detail: format!("Not ready: {obstacle}."),
                    ..Problem::new(Code::Unavailable).retry_after(1_000)
                }),
            },
            "/metrics" => respond::text(METRICS, self.metrics()),
            _ => return respond::problem(&Problem::new(Code::NotFound)),
        };
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return answer;
        }
        let mut refused = respond::problem(&Problem::new(Code::MethodNotAllowed));
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET,HEAD"));
        refused
    }
}
