//! Edge authentication: verifies the signature of an edge, or admits a direct client.
//!
//! What an edge says of itself and of its client (`Lastseat-*`) is accepted with its signature
//! only. Every public route that touches a sale stands behind [`admit`].

use super::{App, page_origin, response};
use crate::header_names;
use crate::telemetry::spans;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderName;
use axum::http::Method;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use lastseat_ledger::clock;
use shared::auth::edge_signature::{self, Signed, Untrusted, Version};
use shared::domain::order::KeySource;
use shared::wire::messages::key_source;
use shared::{Code, EdgeCounts, EdgeId, KeyRing, Problem};
use std::net::IpAddr;
use std::sync::Arc;

/// Whose headers a node accepts.
#[derive(Debug)]
pub struct TrustLevel {
    /// The keys of its edges.
    pub edge_keys: Option<KeyRing>,
    /// Whether requests without a signature are served, too, as those of direct clients.
    pub direct: bool,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// The sender of a request that was admitted.
#[derive(Clone, Debug)]
pub(super) enum EdgeAuth {
    /// An edge.
    Edge {
        /// The isolate.
        id: Option<EdgeId>,
        /// Where the order id comes from.
        key: KeySource,
        /// Whose request it forwards, as far as it is known.
        client: Option<IpAddr>,
        /// What the edge has signed of the body of a change; `None` where an edge of an earlier
        /// version says nothing of it.
        body_hash: Option<Box<str>>,
        /// What it has counted since its last report.
        counts: Option<EdgeCounts>,
        /// In which zone it says that it stands; orders do not say it.
        zone: Option<Box<str>>,
    },
    /// A client, without an edge between, at this address.
    Client(Option<IpAddr>),
}

/// Lets a request through to its handler, with its [`EdgeAuth`], or says why not.
pub(super) async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let peer = parts.extensions.get().copied();
    match admitted(&app, &parts, peer, page_origin::has_body(&body)) {
        Ok(sender) => {
            if let Some(permission) = page_origin::preflight(&app, &parts) {
                return permission;
            }
            let span = spans::of_admitted(&parts);
            parts.extensions.insert(sender);
            spans::around(span, next.run(Request::from_parts(parts, body))).await
        }
        Err(rejected) => rejected.answer(),
    }
}

/// Why a request is not let in.
pub(super) enum Rejected {
    Untrusted(Untrusted),
    /// The page that makes its browser ask may not, or not so.
    Page(Code),
    /// Its client asks too much.
    Busy(u32),
}

impl Rejected {
    pub(super) fn answer(self) -> Response {
        match self {
            Self::Untrusted(why) => response::untrusted(why),
            Self::Page(code) => response::problem(&Problem::new(code)),
            Self::Busy(wait_ms) => response::client_busy(wait_ms),
        }
    }
}

/// The sender of a request that came from `peer`, or why it is not let in.
pub(super) fn admitted(
    app: &App,
    parts: &Parts,
    peer: Option<Peer>,
    has_body: bool,
) -> Result<EdgeAuth, Rejected> {
    let sender = app.trust.authenticate(parts, peer).map_err(Rejected::Untrusted)?;
    if let EdgeAuth::Client(_) = sender {
        page_origin::check(app, parts, has_body).map_err(Rejected::Page)?;
    }
    within_rate(app, &sender).map(|()| sender)
}

/// Counts one request against what the client behind `sender` may ask.
pub(super) fn within_rate(app: &App, sender: &EdgeAuth) -> Result<(), Rejected> {
    match app.clients.as_ref().map(|clients| clients.take(sender)) {
        Some(Err(wait_ms)) => Err(Rejected::Busy(wait_ms)),
        _ => Ok(()),
    }
}

impl TrustLevel {
    /// The sender of a request that came from `peer`.
    ///
    /// # Errors
    /// Why its signature is rejected.
    pub(super) fn authenticate(
        &self,
        request: &Parts,
        peer: Option<Peer>,
    ) -> Result<EdgeAuth, Untrusted> {
        let text = |name: &HeaderName| {
            let value = request.headers.get(name);
            value.and_then(|value| value.to_str().ok())
        };
        let Some(signature) = text(&header_names::SIGNATURE) else {
            let client = EdgeAuth::Client(peer.map(|Peer(address)| address));
            return self.direct.then_some(client).ok_or(Untrusted::Absent);
        };
        let keys = self.edge_keys.as_ref().ok_or(Untrusted::UnknownKey)?;
        let said = |name: &HeaderName| text(name).unwrap_or_default();
        let signed = Signed {
            method: request.method.as_str(),
            path: request.uri.path_and_query().map_or("", |path| path.as_str()),
            order: said(&header_names::IDEMPOTENCY_KEY),
            client: said(&header_names::CLIENT_IP),
            edge: said(&header_names::EDGE),
            key_source: said(&header_names::KEY),
            buyer_token: said(&header_names::BUYER_TOKEN),
            authorization: said(&AUTHORIZATION),
            traceparent: said(&header_names::TRACEPARENT),
            body_hash: said(&header_names::BODY_HASH),
        };
        let version = edge_signature::verify(keys, Some(signature), &signed, clock::now())?;
        Ok(EdgeAuth::Edge {
            id: EdgeId::parse(signed.edge).ok(),
            key: key_source::parse(signed.key_source),
            client: signed.client.parse().ok(),
            body_hash: (version == Version::Two).then(|| signed.body_hash.into()),
            // Not signed: nothing is decided by them.
            counts: text(&header_names::EDGE_COUNTS)
                .and_then(EdgeCounts::parse)
                .map(|counts| counts.with_calls(text(&header_names::EDGE_CALLS))),
            // Of an order nobody looks for it.
            zone: match request.method {
                Method::GET => text(&header_names::EDGE_ZONE).map(Into::into),
                _ => None,
            },
        })
    }
}

impl EdgeAuth {
    /// The edge isolate that waits for a grant.
    pub(super) const fn edge(&self) -> Option<&EdgeId> {
        match self {
            Self::Edge { id, .. } => id.as_ref(),
            Self::Client(_) => None,
        }
    }

    /// The counts that the edge reports.
    pub(super) const fn counts(&self) -> Option<&EdgeCounts> {
        match self {
            Self::Edge { counts, .. } => counts.as_ref(),
            Self::Client(_) => None,
        }
    }

    /// The zone that it says that it stands in.
    pub(super) fn zone(&self) -> Option<&str> {
        match self {
            Self::Edge { zone, .. } => zone.as_deref(),
            Self::Client(_) => None,
        }
    }

    /// Whether the body of a change is the one that was signed.
    ///
    /// # Errors
    /// It is another one.
    pub(super) fn check_body(&self, body: &[u8]) -> Result<(), Untrusted> {
        match self {
            Self::Edge { body_hash: Some(signed), .. }
                if **signed != *edge_signature::body_hash(body) =>
            {
                Err(Untrusted::Wrong)
            }
            Self::Edge { .. } | Self::Client(_) => Ok(()),
        }
    }

    /// The client's address.
    pub(super) const fn client(&self) -> Option<IpAddr> {
        match self {
            Self::Edge { client, .. } | Self::Client(client) => *client,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for EdgeAuth {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        // A route that does not stand behind `admit` accepts no edge's headers.
        let sender = parts.extensions.remove::<Self>();
        sender.ok_or_else(|| response::untrusted(Untrusted::Absent))
    }
}
