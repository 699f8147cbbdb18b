//! Handlers that place and read orders.

use super::edge_auth::EdgeAuth;
use super::request::{self, Incoming, OfOrder, OfSale};
use super::token_auth::{PerhapsShop, Shop};
use super::{App, response};
use crate::header_names;
use crate::sale_service::{CallPlace, Caller};
use crate::telemetry::decision_log::LoggedDecision;
use crate::telemetry::spans;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use lastseat_ledger::Fault;
use shared::Reserve;
use shared::admission::grant::Supply;
use shared::auth::buyer_token::TokenError;
use shared::domain::order::KeySource;
use shared::wire::messages::{OrderRequest, OrderView};
use shared::{EdgeId, Problem, Refusal, SaleId, TraceParent};
use std::sync::Arc;
use std::time::Instant;
use tracing::Instrument;

/// `POST /v1/sales/{sale}/orders`
pub(super) async fn place(
    State(app): State<Arc<App>>,
    OfSale(sale): OfSale,
    sender: EdgeAuth,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    answer(&app, &sale, &sender, &parts.headers, body).await
}

/// Reads one order, places it and answers it.
pub(super) async fn answer(
    app: &App,
    sale: &SaleId,
    sender: &EdgeAuth,
    headers: &HeaderMap,
    body: impl Incoming,
) -> Response {
    let mut response = match read(app, sale, sender, headers, body).await {
        Ok(order) => {
            let trace = spans::of_headers(headers);
            decide(app, sale, sender.edge(), trace, order).await
        }
        Err(problem) => response::problem(&problem),
    };
    with_grant(app, sale, sender, &mut response);
    response
}

async fn read(
    app: &App,
    sale: &SaleId,
    sender: &EdgeAuth,
    headers: &HeaderMap,
    body: impl Incoming,
) -> Result<(Reserve, KeySource), Problem> {
    let (id, key) = request::order_key(headers, sender)?;
    let vouched = request::buyer_by_token(app, headers, sale)
        .map_err(|error| Problem::from(error).for_order(&id))?;
    let wanted: OrderRequest =
        request::json(headers, body).await.map_err(|problem| problem.for_order(&id))?;
    let (buyer, quantity) = wanted.parse().map_err(|e| Problem::invalid(e).for_order(&id))?;
    if vouched.is_some_and(|vouched| vouched != buyer) {
        return Err(Problem::from(TokenError::OtherBuyer).for_order(&id));
    }
    Ok((Reserve { id, buyer, quantity }, key))
}

/// Once the order is queued it belongs to the sales: a client that leaves only loses the answer.
async fn decide(
    app: &App,
    sale: &SaleId,
    edge: Option<&EdgeId>,
    trace: Option<TraceParent>,
    (order, key): (Reserve, KeySource),
) -> Response {
    let (id, quantity) = (order.id.clone(), order.quantity);
    let came = Instant::now();
    let outcome = app.sales.place(sale, order, key).await;
    app.counters.order_done(&outcome, came.elapsed());
    app.stat_log
        .record(|| LoggedDecision::new(sale, &id, quantity, edge, &outcome).of_trace(trace));
    response::placed(sale, &id, &outcome)
}

/// `GET /v1/sales/{sale}/orders/{order}`
pub(super) async fn show(
    PerhapsShop(shop): PerhapsShop,
    State(app): State<Arc<App>>,
    of: OfOrder,
    sender: EdgeAuth,
) -> Response {
    let sale = of.sale.clone();
    let mut response = lookup(&app, of, Shop::caller(shop.as_ref(), &sender)).await;
    with_grant(&app, &sale, &sender, &mut response);
    response
}

/// The order as it stands.
pub(super) async fn lookup(app: &App, of: OfOrder, caller: Caller) -> Response {
    let place = match enter(app, &of, caller).await {
        Ok(place) => place,
        Err(refused) => return refused,
    };
    let sales = app.sales.clone();
    let read = in_place(place, async move {
        let id = of.stored(&sales).await?.clone();
        let order = sales.order(&of.sale, &id).await?;
        Ok((of.sale, id, order))
    });
    let found = read.await.and_then(|read| read);
    let found = found.map(|(sale, id, order)| order.map(|order| (sale, id, order)));
    response::found(found, Refusal::UnknownOrder, |(sale, id, order)| {
        response::json(StatusCode::OK, &OrderView::new(&sale, &id, &order))
    })
}

/// A place for a call about an order, or the response that there is none.
pub(super) async fn enter(app: &App, of: &OfOrder, caller: Caller) -> Result<CallPlace, Response> {
    let place = app.sales.enter_call(caller, &of.sale, &of.id, of.lookups()).await;
    place.map_err(|refused| response::call_refused(&refused, &of.id))
}

/// Carries out a call in its place, in a task of its own: where a client left, its place would be
/// free while its command is still at the ledger.
pub(super) async fn in_place<T: Send + 'static>(
    place: CallPlace,
    call: impl Future<Output = T> + Send + 'static,
) -> Result<T, Fault> {
    let task = async move {
        let outcome = call.await;
        drop(place);
        outcome
    };
    let outcome = tokio::spawn(task.in_current_span()).await;
    outcome.map_err(|_| Fault::Unknown("the call was given up".into()))
}

/// Every answer to an edge about a sale carries what the edge may forward next. It also confirms to
/// the edge that its counts were received.
pub(super) fn with_grant(app: &App, sale: &SaleId, sender: &EdgeAuth, response: &mut Response) {
    let edge = sender.edge();
    let grant = edge.and_then(|edge| app.sales.grant(sale, edge, sender.counts()));
    if let Some(grant) = grant {
        if grant.supply == Supply::Unknown
            && let Some(names) = app.sales.names_for_edges()
        {
            response.headers_mut().insert(&header_names::SALES, names);
        }
        response::add_grant(response, &grant);
    }
}
