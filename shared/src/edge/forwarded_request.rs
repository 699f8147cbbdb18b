//! Forwarded request: what an origin is asked in a client's place, and the headers that say it.

use super::client_request::{self, AUTHORIZATION, CONTENT_TYPE, ClientRequest, RequestBody};
use super::route::Route;
use super::state::EdgeState;
use crate::admission::wanted_journeys::WANTED;
use crate::auth::edge_signature::{self, Signed};
use crate::auth::key_ring::KeyRing;
use crate::domain::ids::{EdgeId, OrderId, SaleId};
use crate::domain::order::KeySource;
use crate::domain::time::UnixMillis;
use crate::wire::edge_counters::EdgeCounts;
use crate::wire::messages::{header, key_source};
use crate::wire::trace_context::TraceParent;
use std::net::IpAddr;

/// The order that is placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardedOrder {
    /// Its id.
    pub id: OrderId,
    /// Where the id comes from.
    pub key: KeySource,
    /// The shop's word for the buyer, as the client sent it.
    pub buyer_token: Option<String>,
}

/// A client's request on its way to an origin. Asking a second origin must do no harm: reading is
/// idempotent, and so is everything under one order id. Its body stays with the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardedRequest {
    /// The sale.
    pub sale: SaleId,
    /// The method.
    pub method: String,
    /// The address at the origin, written anew from what was parsed.
    pub path: String,
    /// What the order is for, as `?for=` in that address says it, if its client's does.
    pub wanted: Option<String>,
    /// The order to place, if it is that.
    pub order: Option<ForwardedOrder>,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// The type of the body, as the client sent it.
    pub content_type: Option<String>,
    /// The token, as the client sent it.
    pub authorization: Option<String>,
    /// Its place in a trace, if it has one.
    pub trace: Option<TraceParent>,
    /// The hash of the body of a change, see [`edge_signature::body_hash`]. The body of an order is
    /// not signed: to hash it would slow each one, and another body under the id is another order.
    pub body_hash: Option<String>,
    /// What the edge counted and no origin has received yet.
    pub counts: Option<EdgeCounts>,
    /// The zone of the edge. An order does not say it: there are many, and reads say it often
    /// enough.
    pub zone: Option<String>,
}

impl ForwardedRequest {
    /// What `request` becomes; `order` is the order to place, if it is that.
    pub(super) fn new(
        edge: &mut EdgeState,
        request: &impl ClientRequest,
        (sale, route): (&SaleId, &Route),
        order: Option<(OrderId, KeySource)>,
        body: Option<&impl RequestBody>,
    ) -> Self {
        let body = body.filter(|_| order.is_none());
        let hash = body.map(|body| edge_signature::body_hash(&body.bytes()));
        let zone = if order.is_none() { edge.zone.clone() } else { None };
        Self {
            sale: sale.clone(),
            method: request.method().to_owned(),
            path: route.path(),
            wanted: None,
            // Only an order has a buyer's token to show.
            order: order.map(|(id, key)| ForwardedOrder {
                id,
                key,
                buyer_token: client_request::passable(request.buyer_token()),
            }),
            client: request.client_ip(),
            content_type: client_request::passable(request.content_type()),
            authorization: client_request::passable(request.authorization()),
            trace: edge.trace(request),
            body_hash: hash.filter(|hash| !hash.is_empty()),
            counts: edge.take_counts(sale),
            zone,
        }
    }

    /// The same, for what `?for=` says.
    #[must_use]
    pub(super) fn wanting(self, wanted: Option<&str>) -> Self {
        let Some(wanted) = wanted else { return self };
        let path = format!("{}?{WANTED}={wanted}", self.path);
        Self { path, wanted: Some(wanted.to_owned()), ..self }
    }

    /// Calls `add` with the name and the value of each header, signed at `wall` with the newest of
    /// `keys` by `edge`. No value has a line break: those of clients are visible characters.
    pub fn headers(
        &self,
        (edge, keys): (&EdgeId, &KeyRing),
        wall: UnixMillis,
        mut add: impl FnMut(&'static str, &str),
    ) {
        fn text(value: Option<&String>) -> Option<&str> {
            value.map(String::as_str)
        }
        let order = self.order.as_ref();
        let id = order.map(|order| order.id.as_str());
        let key = order.map(|order| key_source::word(order.key));
        let token = order.and_then(|order| text(order.buyer_token.as_ref()));
        let client = self.client.map(|ip| ip.to_string());
        let trace = self.trace.map(|trace| trace.to_string());
        let signed = Signed {
            method: &self.method,
            path: &self.path,
            order: id.unwrap_or_default(),
            client: client.as_deref().unwrap_or_default(),
            edge: edge.as_str(),
            key_source: key.unwrap_or_default(),
            buyer_token: token.unwrap_or_default(),
            authorization: self.authorization.as_deref().unwrap_or_default(),
            traceparent: trace.as_deref().unwrap_or_default(),
            body_hash: self.body_hash.as_deref().unwrap_or_default(),
        };
        let signature = edge_signature::sign(keys, &signed, wall);
        let calls = self.counts.as_ref().and_then(EdgeCounts::to_calls_header);
        let counts = self.counts.as_ref().map(EdgeCounts::to_header);
        let headers = [
            (header::EDGE, Some(edge.as_str())),
            (header::SIGNATURE, Some(signature.as_str())),
            (CONTENT_TYPE, text(self.content_type.as_ref())),
            (header::TRACEPARENT, text(trace.as_ref())),
            (AUTHORIZATION, text(self.authorization.as_ref())),
            (header::CLIENT_IP, text(client.as_ref())),
            (header::IDEMPOTENCY_KEY, id),
            (header::KEY, key),
            (header::BUYER_TOKEN, token),
            (header::EDGE_COUNTS, text(counts.as_ref())),
            (header::EDGE_CALLS, text(calls.as_ref())),
            (header::EDGE_ZONE, text(self.zone.as_ref())),
            (header::BODY_HASH, text(self.body_hash.as_ref())),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                add(name, value);
            }
        }
    }
}
