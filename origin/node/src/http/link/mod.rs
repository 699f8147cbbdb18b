//! Links of gateways: long-lived connections on which orders come in signed batches, or calls where
//! the gateway is in this process.
//!
//! The format is in [`shared::link`]. A link is opened by a signed request on the public
//! listener; each of its orders passes the same checks, in the same code, as one that came in a
//! request of its own ([`super::orders::carry_out`]).

mod connection;
mod in_process;
mod order;

pub use in_process::{InProcessOrders, OrderAnswer, PlacingOrder};

use super::edge_auth::{EdgeAuth, Peer};
use super::{App, response};
use crate::header_names;
use axum::body::Body;
use axum::http::header::{CONNECTION, HeaderName, UPGRADE};
use axum::http::{HeaderValue, Method, Request, StatusCode};
use axum::response::Response;
use connection::Connection;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use lastseat_http::metrics::page::Page;
use lastseat_http::place::Place;
use shared::auth::edge_signature::Untrusted;
use shared::limits::{LINK_OPEN_MS, LINKS_MAX};
use shared::link::{self, LinkNonce, LinkRejection, LinkSession, PROTOCOL};
use shared::{Code, EdgeId, Problem, Refusal};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tracing::debug;

/// When a gateway whose link was one too many may ask again, in milliseconds.
const TOO_MANY_MS: u32 = 15_000;

/// The links of one node, and what was counted of them.
#[derive(Debug, Default)]
pub struct Links {
    open: Arc<AtomicUsize>,
    opened: AtomicU64,
    frames: AtomicU64,
    orders: AtomicU64,
    rejected: AtomicU64,
    /// Each open link has a receiver.
    closing: watch::Sender<bool>,
}

impl Links {
    /// All links say goodbye; new ones are not opened.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Waits until all links have ended.
    pub async fn closed(&self) {
        self.closing.closed().await;
    }

    pub(super) fn write(&self, page: &mut Page) {
        page.gauge("links", "Open links of gateways.", self.open.load(Ordering::Relaxed));
        for (name, help, counter) in [
            ("links_opened_total", "Links that gateways have opened.", &self.opened),
            ("link_frames_total", "Frames of orders that came over links.", &self.frames),
            ("link_orders_total", "Orders that came over links.", &self.orders),
            (
                "links_rejected_total",
                "Links that this node closed because of a wrong frame.",
                &self.rejected,
            ),
        ] {
            page.counter(name, help, counter.load(Ordering::Relaxed));
        }
    }
}

/// Whether `request` asks for a link of this version.
pub(super) fn is_asked<B>(request: &Request<B>) -> bool {
    let named = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(PROTOCOL.as_bytes());
    request.method() == Method::GET
        && request.uri().path() == link::PATH
        && request.headers().get(UPGRADE).is_some_and(named)
}

/// Opens a link for the gateway that signed `request`, or says why not.
pub(super) fn open(app: &Arc<App>, request: Request<Incoming>, peer: Peer) -> Response {
    let (parts, body) = request.into_parts();
    let edge = match app.trust.authenticate(&parts, Some(peer)) {
        Ok(EdgeAuth::Edge { id: Some(edge), .. }) => edge,
        Ok(_) => return response::untrusted(Untrusted::Absent),
        Err(why) => return response::untrusted(why),
    };
    let mut nonce = LinkNonce([0; 16]);
    if !app.ready_for_links() || getrandom::fill(&mut nonce.0).is_err() {
        return unavailable();
    }
    let Some(place) = Place::take(&app.links.open, LINKS_MAX) else {
        // Its orders come in requests of their own.
        return response::problem(&Problem::refusal(Refusal::Busy(TOO_MANY_MS)));
    };
    let zone = parts.headers.get(&header_names::EDGE_ZONE).and_then(|zone| zone.to_str().ok());
    app.edges.linked(&edge, peer.0, zone, app.sales.ledger().now());
    let upgrade = hyper::upgrade::on(Request::from_parts(parts, body));
    let session = LinkSession::new(nonce, &edge);
    let app = Arc::clone(app);
    tokio::spawn(async move {
        let _place = place;
        match tokio::time::timeout(Duration::from_millis(LINK_OPEN_MS), upgrade).await {
            Ok(Ok(stream)) => {
                app.links.opened.fetch_add(1, Ordering::Relaxed);
                Connection::new(app, edge, session).run(TokioIo::new(stream)).await;
            }
            Ok(Err(e)) => debug!("a link was not opened: {e}"),
            Err(_) => debug!("a link was not opened in time"),
        }
    });
    opened(nonce)
}

fn unavailable() -> Response {
    response::problem(&Problem::new(Code::Unavailable).retry_after(1_000).spread(fastrand::f64()))
}

fn opened(nonce: LinkNonce) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(PROTOCOL));
    if let Ok(nonce) = HeaderValue::try_from(nonce.to_header()) {
        headers.insert(HeaderName::from_static(link::NONCE_HEADER), nonce);
    }
    let takes = HeaderValue::from_static(link::TAKES_WANTED);
    headers.insert(HeaderName::from_static(link::TAKES_HEADER), takes);
    response
}

/// Counts and logs a link that is closed because of `why`.
fn rejected(links: &Links, edge: &EdgeId, why: LinkRejection) {
    links.rejected.fetch_add(1, Ordering::Relaxed);
    tracing::warn!("the link of edge {edge} is closed: {why}");
}
