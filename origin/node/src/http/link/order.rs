//! One order of a link, from its bytes to its answer.

use crate::http::edge_auth::{self, EdgeAuth};
use crate::http::{App, orders, request, response};
use crate::telemetry::spans;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use shared::admission::wanted_journeys::WANTED;
use shared::domain::ids::IdError;
use shared::domain::order::KeySource;
use shared::link::LinkOrder;
use shared::wire::messages::key_source;
use shared::{Code, EdgeCounts, EdgeId, OrderId, Problem, SaleId, TraceParent};
use std::net::IpAddr;
use std::sync::Arc;
use tracing::Instrument;

/// What all orders of one link share.
#[derive(Debug)]
pub(super) struct LinkContext {
    pub(super) app: Arc<App>,
    pub(super) edge: EdgeId,
}

/// An order that came over a link.
pub(super) struct ReceivedOrder {
    number: u32,
    sale: Result<SaleId, IdError>,
    id: Result<OrderId, Problem>,
    key: KeySource,
    client: Option<IpAddr>,
    token: Option<Box<str>>,
    trace: Option<TraceParent>,
    counts: Option<EdgeCounts>,
    /// What it is for, as the query of an address would say it.
    query: Option<Box<str>>,
    body: Bytes,
}

/// The answer to an order of a link.
pub(super) struct DecidedOrder {
    pub(super) number: u32,
    /// The sale whose grant goes with the answer, as it would over HTTP.
    pub(super) sale: Option<SaleId>,
    /// What the edge has reported with the order.
    pub(super) counts: Option<EdgeCounts>,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl ReceivedOrder {
    /// Of `order`, whose body is `body`. Most orders of a frame are of the sale `before`.
    pub(super) fn new(
        number: u32,
        order: &LinkOrder<'_>,
        body: Bytes,
        before: Option<&SaleId>,
    ) -> Self {
        let sale = match before.filter(|before| before.as_str() == order.sale) {
            Some(before) => Ok(before.clone()),
            None => SaleId::parse(order.sale),
        };
        Self {
            number,
            sale,
            id: request::order_id(order.id),
            // As the header says it: an edge's own knowledge of an order is a reason to ask the
            // ledger, and so is "repeated".
            key: key_source::parse(order.key_word()),
            client: order.client,
            token: order.token.map(Box::from),
            trace: order.trace,
            counts: order.counts,
            query: order.wanted.map(|wanted| format!("{WANTED}={wanted}").into()),
            body,
        }
    }

    /// Its sale, if it names one.
    pub(super) fn sale(&self) -> Option<&SaleId> {
        self.sale.as_ref().ok()
    }

    /// Places the order; everything that a request of its own would have passed, it passes.
    pub(super) async fn decide(self, of: &LinkContext) -> DecidedOrder {
        let span = spans::of_order(self.sale().map_or("{sale}", SaleId::as_str), self.trace);
        let (number, counts) = (self.number, self.counts);
        // One way with and without a span: the future would have room for each of two.
        let (sale, mut response) = self.answer(of).instrument(span.clone()).await;
        spans::answered(&span, response.status());
        response::answered_by_default(&mut response);
        let (parts, body) = response.into_parts();
        let status = parts.status.as_u16();
        // A body of our own is there at once and has no errors.
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        DecidedOrder { number, sale, counts, status, headers: parts.headers, body }
    }

    /// The answer, and the sale if its grant goes with it.
    async fn answer(self, of: &LinkContext) -> (Option<SaleId>, Response) {
        let sender = EdgeAuth::Edge {
            id: Some(of.edge.clone()),
            key: self.key,
            client: self.client,
            body_hash: None,
            counts: None,
            zone: None,
        };
        if let Err(rejected) = edge_auth::within_rate(&of.app, &sender) {
            return (None, rejected.answer());
        }
        let sale = match self.sale {
            Ok(sale) => sale,
            Err(error) => return (None, response::problem(&Problem::invalid(error))),
        };
        let head = orders::OrderHead {
            key: self.id.map(|id| (id, self.key)),
            token: self.token.as_deref(),
            trace: self.trace,
            query: self.query.as_deref(),
        };
        let body = std::future::ready(Ok(self.body));
        let response = orders::carry_out(&of.app, &sale, sender.edge(), head, body).await;
        (Some(sale), response)
    }
}

impl DecidedOrder {
    /// In place of an answer that fits into no frame: the order is asked again under its id.
    pub(super) fn unknown(number: u32) -> (u16, Vec<u8>) {
        let problem = Problem::new(Code::OutcomeUnknown);
        debug_assert!(false, "answer {number} fits into no frame");
        (problem.status, serde_json::to_vec(&problem).unwrap_or_default())
    }
}
