//! Handlers that place and read orders.

use super::edge_auth::EdgeAuth;
use super::request::{self, Incoming, OfOrder, OfSale};
use super::{App, response};
use crate::header_names;
use crate::telemetry::decision_log::LoggedDecision;
use crate::telemetry::spans;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use shared::Reserve;
use shared::admission::grant::Supply;
use shared::auth::buyer_token::TokenError;
use shared::domain::order::KeySource;
use shared::wire::messages::{OrderRequest, OrderView};
use shared::{EdgeId, Problem, Refusal, SaleId, TraceParent};
use std::sync::Arc;
use std::time::Instant;

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
pub(super) async fn show(State(app): State<Arc<App>>, of: OfOrder, sender: EdgeAuth) -> Response {
    let mut response = lookup(&app, &of).await;
    with_grant(&app, &of.sale, &sender, &mut response);
    response
}

/// The order as it stands.
pub(super) async fn lookup(app: &App, of: &OfOrder) -> Response {
    let id = match of.stored(app).await {
        Ok(id) => id,
        Err(trouble) => return response::faulty(&trouble),
    };
    let asked = app.sales.order(&of.sale, id).await;
    response::found(asked, Refusal::UnknownOrder, |order| {
        response::json(StatusCode::OK, &OrderView::new(&of.sale, id, &order))
    })
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
