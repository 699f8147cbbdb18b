//! Handlers that place and read orders.

use super::App;
use super::edge_auth::EdgeAuth;
use super::named_grant::NamedGrant;
use super::request::{self, Incoming, OfOrder, OfSale};
use super::response::{self, OrderNames};
use super::token_auth::{PerhapsShop, Shop};
use crate::api::order_lines;
use crate::header_names;
use crate::sale_plan::SalePlan;
use crate::sale_service::{CallPlace, Caller, Sales};
use crate::status::EdgeWay;
use crate::telemetry::decision_log::LoggedDecision;
use crate::telemetry::spans;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;
use lastseat_ledger::Fault;
use shared::Reserve;
use shared::admission::wanted_journeys::says_what_for;
use shared::auth::buyer_token::TokenError;
use shared::auth::pay_link;
use shared::domain::order::KeySource;
use shared::seats::OrderLines;
use shared::wire::messages::{OrderRequest, OrderView};
use shared::wire::seat_lines::LineRequest;
use shared::{
    BuyerId, EdgeId, KeyRing, OrderId, OrderState, Problem, Refusal, SaleId, TraceParent,
};
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
    answer(&app, &sale, &sender, &parts, body).await
}

/// Reads one order, places it and answers it.
pub(super) async fn answer(
    app: &App,
    sale: &SaleId,
    sender: &EdgeAuth,
    parts: &Parts,
    body: impl Incoming,
) -> Response {
    let headers = &parts.headers;
    let head = OrderHead {
        key: request::order_key(headers, sender),
        token: request::buyer_token(headers),
        trace: spans::of_headers(headers),
        query: parts.uri.query(),
    };
    let body = request::read(headers, body);
    let mut response = carry_out(app, sale, sender.edge(), head, body).await;
    with_grant(app, sale, sender, &mut response);
    // Of other orders an edge could refuse none by it: it reads no bodies.
    let says = sender.edge().is_some() && parts.uri.query().is_some_and(says_what_for);
    if says && let Some(gone) = app.sales.gone_header(sale) {
        response::add_gone(&mut response, &gone);
    }
    response
}

/// What an order says of itself, whether it came in a request of its own or over a link.
pub(super) struct OrderHead<'a> {
    /// Its id and where that comes from, or why it has none.
    pub(super) key: Result<(OrderId, KeySource), Problem>,
    /// The shop's word on the buyer.
    pub(super) token: Option<&'a str>,
    /// The trace that it belongs to.
    pub(super) trace: Option<TraceParent>,
    /// The query of its address, which may say what it is for.
    pub(super) query: Option<&'a str>,
}

/// Checks one order, places it and answers it, without the grant. Its body is read last.
pub(super) async fn carry_out(
    app: &App,
    sale: &SaleId,
    edge: Option<&EdgeId>,
    head: OrderHead<'_>,
    body: impl Future<Output = Result<Bytes, Problem>>,
) -> Response {
    let trace = head.trace;
    match read(app, sale, head, body).await {
        Ok(order) => decide(app, sale, edge, trace, order).await,
        Err(problem) => response::problem(&problem),
    }
}

/// An order that makes sense, and the plan of its sale where it has lines.
struct ReadOrder {
    order: Reserve,
    key: KeySource,
    plan: Option<Arc<SalePlan>>,
}

async fn read(
    app: &App,
    sale: &SaleId,
    head: OrderHead<'_>,
    body: impl Future<Output = Result<Bytes, Problem>>,
) -> Result<ReadOrder, Problem> {
    let (id, key) = head.key?;
    let vouched = request::buyer_by_token(app, head.token, sale)
        .map_err(|error| Problem::from(error).for_order(&id))?;
    let body = body.await.map_err(|problem| problem.for_order(&id))?;
    let wanted: OrderRequest = request::parsed(&body).map_err(|problem| problem.for_order(&id))?;
    let read = wanted.parse(BuyerId::of_request);
    let (buyer, quantity) = read.map_err(|e| Problem::invalid(e).for_order(&id))?;
    if vouched.is_some_and(|vouched| vouched != buyer) {
        return Err(Problem::from(TokenError::OtherBuyer).for_order(&id));
    }
    let (plan, lines) = match &wanted.lines {
        None => (None, None),
        // In a box: orders without lines must not pay for it.
        Some(lines) => {
            let read = Box::pin(read_lines(app, sale, lines)).await;
            let (plan, lines) = read.map_err(|problem| problem.for_order(&id))?;
            (Some(plan), Some(lines))
        }
    };
    order_lines::check_wanted(head.query, plan.as_deref(), lines.as_ref())
        .map_err(|problem| problem.for_order(&id))?;
    Ok(ReadOrder { order: Reserve { id, buyer, quantity, lines }, key, plan })
}

async fn read_lines(
    app: &App,
    sale: &SaleId,
    lines: &[LineRequest],
) -> Result<(Arc<SalePlan>, OrderLines), Problem> {
    let plan = app.sales.plan(sale).await.map_err(|trouble| response::fault(&trouble))?;
    let plan = plan.map_err(Problem::refusal)?;
    let lines = order_lines::lines_of(&plan, lines)?;
    Ok((plan, lines))
}

/// Once the order is queued it belongs to the sales: a client that leaves only loses the answer.
async fn decide(
    app: &App,
    sale: &SaleId,
    edge: Option<&EdgeId>,
    trace: Option<TraceParent>,
    ReadOrder { order, key, plan }: ReadOrder,
) -> Response {
    let (id, quantity) = (order.id.clone(), order.quantity);
    let names = OrderNames { plan, lines: order.lines.clone(), for_shop: false };
    let came = Instant::now();
    let outcome = app.sales.place(sale, order, key).await;
    app.counters.order_done(&outcome, came.elapsed());
    app.stat_log
        .record(|| LoggedDecision::new(sale, &id, quantity, edge, &outcome).of_trace(trace));
    response::placed(sale, &id, &outcome, &names)
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
    let (sales, pay_keys) = (app.sales.clone(), app.pay_keys.clone());
    let for_shop = matches!(caller, Caller::Trusted);
    let read = in_place(place, async move {
        let id = of.stored(&sales).await?.clone();
        let order = sales.order(&of.sale, &id).await?;
        let Some(order) = order else { return Ok(None) };
        let plan = sales.plan_of(&of.sale, Some(&order)).await?;
        let plan = plan.as_ref().map(|plan| &**plan.plan());
        let mut view = OrderView::new(&of.sale, &id, &order, plan);
        view.pay_url = pay_link(&sales, &of.sale, pay_keys.as_ref(), &view).await;
        Ok(Some(if for_shop { view.for_shop(&order) } else { view }))
    });
    let found = read.await.and_then(|read| read);
    response::found(found, Refusal::UnknownOrder, |view| response::json(StatusCode::OK, &view))
}

/// The signed link at which an order is paid, if it has one. Where the terms of the sale cannot be
/// read it has none for now: the order is shown all the same.
async fn pay_link(
    sales: &Sales,
    sale: &SaleId,
    keys: Option<&KeyRing>,
    order: &OrderView,
) -> Option<String> {
    let keys = keys.filter(|_| order.state == OrderState::Held)?;
    let terms = sales.page_terms(sale).await.ok().flatten()?;
    pay_link::make(keys, &terms.pay_url, &terms.return_url, order)
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

/// Adds the grant to an answer to an edge.
pub(super) fn with_grant(app: &App, sale: &SaleId, sender: &EdgeAuth, response: &mut Response) {
    let way = sender.edge().map(|edge| (edge, EdgeWay::Requests));
    let named = way.and_then(|way| NamedGrant::of(app, sale, way, 1, sender.counts()));
    if let Some(NamedGrant { grant, names }) = named {
        if let Some((edge, zone)) = sender.edge().zip(sender.zone()) {
            app.edges.stands_in(edge, zone, grant.at);
        }
        if let Some(names) = names {
            response.headers_mut().insert(&header_names::SALES, names);
        }
        response::add_grant(response, &grant);
    }
}
