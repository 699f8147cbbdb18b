//! Metrics of a relay that runs alone, over HTTP: `/metrics` and `/livez`.

use super::metrics::WebhookMetrics;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use lastseat_http::accept_loop::accept_until;
use lastseat_http::connections::Connections;
use lastseat_http::head_timeout::HeadTimeout;
use lastseat_http::http1;
use lastseat_http::metrics::page::Page;
use lastseat_node::telemetry::metrics::MoreMetrics;
use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};

/// Connections of scrapers.
const CONNECTIONS_MAX: usize = 64;
/// Prometheus text format 0.0.4.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A listener that shows metrics.
#[derive(Debug)]
pub struct Scrape {
    listener: TcpListener,
    metrics: Arc<WebhookMetrics>,
}

impl Scrape {
    /// Listens at `address`.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub async fn listen(
        address: SocketAddr,
        metrics: &Arc<WebhookMetrics>,
    ) -> Result<Self, String> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|e| {
            format!("cannot listen on {address}: {e}. Choose another one with --metrics-listen")
        })?;
        Ok(Self { listener, metrics: Arc::clone(metrics) })
    }

    /// Answers scrapers for as long as it is polled.
    pub async fn run(self) {
        let connections = Arc::<Connections>::default();
        accept_until(&self.listener, &connections, pending(), |stream, _| {
            self.admit(&connections, stream);
        })
        .await;
    }

    fn admit(&self, connections: &Connections, stream: TcpStream) {
        let Some(place) = connections.admit(CONNECTIONS_MAX) else {
            return connections.count_turned_away();
        };
        let head_timeout = HeadTimeout::start();
        let io = TokioIo::new(head_timeout.watch(stream));
        let metrics = Arc::clone(&self.metrics);
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = answer(request.uri().path(), &metrics);
            async move { Ok::<_, Infallible>(answer) }
        });
        let connection = http1::builder(head_timeout).serve_connection(io, service);
        tokio::spawn(async move {
            let _place = place;
            // A scraper that breaks its connection comes again.
            let _ = connection.await;
        });
    }
}

fn answer(path: &str, metrics: &WebhookMetrics) -> Response<Full<Bytes>> {
    let (status, kind, text) = match path {
        "/livez" => (StatusCode::OK, "text/plain; charset=utf-8", "alive\n".to_owned()),
        "/metrics" => {
            let mut page = Page::default();
            metrics.write(&mut page);
            (StatusCode::OK, METRICS, page.into_text())
        }
        _ => (StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "not found\n".to_owned()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
