//! In-process end of a link: the orders of a gateway that runs in the process of this node.

use super::order::{DecidedOrder, LinkContext, ReceivedOrder};
use crate::header_names;
use crate::http::App;
use crate::http::named_grant::NamedGrant;
use crate::status::EdgeWay;
use axum::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use shared::link::LinkOrder;
use shared::{EdgeId, Grant};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Takes orders of this process. Each passes the same checks, in the same code, as one that came in
/// a frame; only that its sender is the edge that it names needs no signature.
#[derive(Clone, Debug)]
pub struct InProcessOrders {
    app: Arc<App>,
    runtime: Handle,
    node: HeaderValue,
}

/// An order of this process that is being placed.
pub type PlacingOrder<'a> = Pin<Box<dyn Future<Output = OrderAnswer> + Send + 'a>>;

/// The answer to an order of this process: what its HTTP response would have been.
#[derive(Clone, Debug)]
pub struct OrderAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, with `Lastseat-Node`, without those below.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// `Lastseat-Grant`.
    pub grant: Option<Grant>,
    /// `Lastseat-Sales`.
    pub sales: Option<String>,
    /// `Lastseat-Gone`.
    pub gone: Option<Arc<str>>,
}

impl InProcessOrders {
    /// Orders of the node of `app`, which runs in `runtime`.
    pub(crate) fn new(app: Arc<App>, runtime: Handle) -> Self {
        let node = app.node_header();
        Self { app, runtime, node }
    }

    /// Places `order`, which `edge` forwards, and answers it, on any thread that has a runtime.
    /// What the order starts belongs to the runtime of the node: the committer of a sale outlives
    /// the thread that asked for the sale first. Dropped early, it loses the answer: whether the
    /// order is carried out is unknown then.
    ///
    /// In a box, so that it is compiled here and with the optimisation of this crate.
    pub fn place<'a>(&'a self, edge: &'a EdgeId, order: &'a LinkOrder<'_>) -> PlacingOrder<'a> {
        Box::pin(self.decide(edge, order))
    }

    async fn decide(&self, edge: &EdgeId, order: &LinkOrder<'_>) -> OrderAnswer {
        let context = LinkContext { app: Arc::clone(&self.app), edge: edge.clone() };
        let body = Bytes::copy_from_slice(order.body);
        // Whoever asks waits for this one order: its number says nothing.
        let received = ReceivedOrder::new(0, order, body, None);
        let mut deciding = pin!(received.decide(&context));
        let decided = poll_fn(|task| {
            let _within = self.runtime.enter();
            deciding.as_mut().poll(task)
        });
        self.answer(edge, decided.await)
    }

    fn answer(&self, edge: &EdgeId, decided: DecidedOrder) -> OrderAnswer {
        let DecidedOrder { sale, counts, status, mut headers, body, .. } = decided;
        let sale = sale.as_ref();
        let gone = sale.and_then(|sale| self.app.sales.gone_header(sale));
        let way = (edge, EdgeWay::InProcess);
        let named = sale.and_then(|sale| NamedGrant::of(&self.app, sale, way, 1, counts.as_ref()));
        let sales = named.as_ref().map(NamedGrant::names).filter(|names| !names.is_empty());
        let sales = sales.map(str::to_owned);
        headers.insert(&header_names::NODE, self.node.clone());
        OrderAnswer { status, headers, body, grant: named.map(|named| named.grant), sales, gone }
    }
}
