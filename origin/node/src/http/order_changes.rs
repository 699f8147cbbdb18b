//! Handlers that confirm, cancel or extend an order.

use super::edge_auth::EdgeAuth;
use super::orders::{self, in_place, with_grant};
use super::request::{self, OfOrder};
use super::token_auth::{Operator, PerhapsShop, Shop};
use super::{App, response};
use crate::api::order_bodies::{CancelRequest, ConfirmRequest, Nothing};
use crate::sale_service::Caller;
use axum::extract::{Request, State};
use axum::response::Response;
use shared::{Cancellation, Problem, Quantity};
use std::sync::Arc;

/// What the caller wants of an order.
#[derive(Clone, Copy)]
pub(super) enum OrderVerb {
    /// The payment came: all of its tickets, or so many while the rest returns.
    Confirm,
    /// Its tickets return.
    Cancel,
    /// The same without the authority of the shop or an operator.
    CancelByBuyer,
    /// Its hold lasts a hold time from now.
    Extend,
}

/// `POST /v1/sales/{sale}/orders/{order}/confirm`
pub(super) async fn confirm(
    shop: Shop,
    State(app): State<Arc<App>>,
    of: OfOrder,
    sender: EdgeAuth,
    request: Request,
) -> Response {
    for_edge(&app, of, &sender, (OrderVerb::Confirm, Some(shop)), request).await
}

/// `POST /v1/sales/{sale}/orders/{order}/cancel`
pub(super) async fn cancel(
    PerhapsShop(shop): PerhapsShop,
    State(app): State<Arc<App>>,
    of: OfOrder,
    sender: EdgeAuth,
    request: Request,
) -> Response {
    let verb = if shop.is_some() { OrderVerb::Cancel } else { OrderVerb::CancelByBuyer };
    for_edge(&app, of, &sender, (verb, shop), request).await
}

/// `POST /v1/sales/{sale}/orders/{order}/extend`
pub(super) async fn extend(
    PerhapsShop(shop): PerhapsShop,
    State(app): State<Arc<App>>,
    of: OfOrder,
    sender: EdgeAuth,
    request: Request,
) -> Response {
    for_edge(&app, of, &sender, (OrderVerb::Extend, shop), request).await
}

/// `POST /v1/admin/sales/{sale}/orders/{order}/confirm`, `/cancel`, `/extend`
pub(super) async fn for_operator(
    _: Operator,
    State(app): State<Arc<App>>,
    of: OfOrder,
    request: Request,
    verb: OrderVerb,
) -> Response {
    match request::bytes(request).await {
        Ok(body) => carry_out(&app, of, verb, Caller::Trusted, &body).await,
        Err(problem) => response::problem(&problem.for_order(&of.id)),
    }
}

async fn for_edge(
    app: &App,
    of: OfOrder,
    sender: &EdgeAuth,
    (verb, shop): (OrderVerb, Option<Shop>),
    request: Request,
) -> Response {
    // Before a place is taken: a body may take seconds.
    let body = match request::bytes(request).await {
        Ok(body) => body,
        Err(problem) => return response::problem(&problem.for_order(&of.id)),
    };
    if let Err(why) = sender.check_body(&body) {
        return response::untrusted(why);
    }
    let sale = of.sale.clone();
    let caller = Shop::caller(shop.as_ref(), sender);
    let mut response = carry_out(app, of, verb, caller, &body).await;
    with_grant(app, &sale, sender, &mut response);
    response
}

/// A change as the body of its request describes it.
enum Change {
    Confirm(Option<Quantity>),
    Cancel(Cancellation),
    Extend,
}

async fn carry_out(
    app: &App,
    of: OfOrder,
    verb: OrderVerb,
    caller: Caller,
    body: &[u8],
) -> Response {
    let change = match read(verb, body) {
        Ok(change) => change,
        Err(problem) => return response::problem(&problem.for_order(&of.id)),
    };
    let place = match orders::enter(app, &of, caller).await {
        Ok(place) => place,
        Err(refused) => return refused,
    };
    let sales = app.sales.clone();
    let changed = in_place(place, async move {
        let sale = &of.sale;
        let id = of.stored(&sales).await?.clone();
        let reply = match change {
            Change::Confirm(quantity) => sales.confirm(sale, &id, quantity).await,
            Change::Cancel(how) => sales.cancel(sale, &id, how).await,
            Change::Extend => sales.extend(sale, &id).await,
        };
        Ok((of.sale, id, reply))
    });
    match changed.await.and_then(|changed| changed) {
        Ok((sale, id, reply)) => response::order_changed(&sale, &id, &reply),
        Err(trouble) => response::faulty(&trouble),
    }
}

fn read(verb: OrderVerb, body: &[u8]) -> Result<Change, Problem> {
    match verb {
        OrderVerb::Confirm => confirmed_quantity(body).map(Change::Confirm),
        OrderVerb::Cancel | OrderVerb::CancelByBuyer => {
            let CancelRequest { if_state } = request::parsed_or_default(body)?;
            let by_buyer = matches!(verb, OrderVerb::CancelByBuyer);
            Ok(Change::Cancel(Cancellation { by_buyer, if_state }))
        }
        OrderVerb::Extend => {
            let Nothing {} = request::parsed_or_default(body)?;
            Ok(Change::Extend)
        }
    }
}

fn confirmed_quantity(body: &[u8]) -> Result<Option<Quantity>, Problem> {
    let ConfirmRequest { quantity } = request::parsed_or_default(body)?;
    quantity.map(Quantity::new).transpose().map_err(Problem::invalid)
}
