//! Handlers that confirm, cancel or extend an order.

use super::App;
use super::edge_auth::EdgeAuth;
use super::orders::{self, in_place, with_grant};
use super::request::{self, OfOrder};
use super::response::{self, OrderNames};
use super::token_auth::{Operator, PerhapsShop, Shop};
use crate::api::order_bodies::{CancelRequest, ConfirmRequest, NamedPart, Nothing};
use crate::api::order_lines;
use crate::sale_service::{Caller, Sales, Verdict};
use axum::extract::{Request, State};
use axum::response::Response;
use lastseat_ledger::Fault;
use shared::seats::OrderPart;
use shared::{Actor, Cancellation, Payment, Problem, Refusal, SaleId};
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
    Operator { actor, .. }: Operator,
    State(app): State<Arc<App>>,
    of: OfOrder,
    request: Request,
    verb: OrderVerb,
) -> Response {
    match request::bytes(request).await {
        Ok(body) => carry_out(&app, of, verb, (Caller::Trusted, Some(actor)), &body).await,
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
    let actor = shop.and_then(|shop| shop.proven);
    let mut response = carry_out(app, of, verb, (caller, actor), &body).await;
    with_grant(app, &sale, sender, &mut response);
    response
}

/// A change as the body of its request describes it.
enum Change {
    Confirm(NamedPart, Payment),
    Cancel(Cancellation, NamedPart),
    Extend,
}

async fn carry_out(
    app: &App,
    of: OfOrder,
    verb: OrderVerb,
    (caller, actor): (Caller, Option<Actor>),
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
    let asked = of.id.clone();
    let changed = in_place(place, async move {
        let sale = &of.sale;
        let id = of.stored(&sales).await?.clone();
        let reply = match change {
            Change::Confirm(part, payment) => match part_of(&sales, sale, part).await? {
                Ok(part) => sales.confirm(sale, &id, (&part, &payment), actor.as_ref()).await,
                Err(no) => return Ok(Err(no)),
            },
            Change::Cancel(how, part) => match part_of(&sales, sale, part).await? {
                Ok(part) => {
                    let part = (&part, actor.as_ref());
                    sales.cancel_for(caller, sale, &id, how, part).await
                }
                Err(no) => return Ok(Err(no)),
            },
            Change::Extend => sales.extend(sale, &id, actor.as_ref()).await,
        };
        let order = match &reply {
            Ok(Some((_, Verdict::Granted { order, .. }))) => Some(order),
            _ => None,
        };
        let plan = sales.plan_of(sale, order).await;
        // It is done: only what has become of it cannot be shown.
        let plan = plan.map_err(|trouble| Fault::Unknown(trouble.to_string()))?;
        let for_shop = matches!(caller, Caller::Trusted);
        Ok(Ok((of.sale, id, reply, OrderNames { plan, lines: None, for_shop })))
    });
    match changed.await.and_then(|changed| changed) {
        Ok(Ok((sale, id, reply, names))) => response::order_changed(&sale, &id, &reply, &names),
        Ok(Err(no)) => response::problem(&no.for_order(&asked)),
        Err(trouble) => response::faulty(&trouble),
    }
}

/// The part of an order by the numbers of the sale's plan. Without a plan there are no lines and
/// seats.
async fn part_of(
    sales: &Sales,
    sale: &SaleId,
    part: NamedPart,
) -> Result<Result<OrderPart, Problem>, Fault> {
    let names_seats = matches!(part, NamedPart::Lines(_) | NamedPart::Seats(_));
    let plan = if names_seats { sales.plan(sale).await? } else { Err(Refusal::NoPlan) };
    Ok(match (part, plan) {
        (NamedPart::Whole, _) => Ok(OrderPart::Whole),
        (NamedPart::Tickets(tickets), _) => Ok(OrderPart::Tickets(tickets.get())),
        (_, Err(no)) => Err(Problem::refusal(no)),
        (NamedPart::Lines(lines), Ok(_)) => Ok(OrderPart::Lines(lines)),
        (NamedPart::Seats(names), Ok(plan)) => {
            order_lines::seats_of(&plan, &names).map(OrderPart::Seats)
        }
    })
}

fn read(verb: OrderVerb, body: &[u8]) -> Result<Change, Problem> {
    match verb {
        OrderVerb::Confirm => {
            let (part, payment) = request::parsed_or_default::<ConfirmRequest>(body)?.part()?;
            Ok(Change::Confirm(part, payment))
        }
        OrderVerb::Cancel | OrderVerb::CancelByBuyer => {
            let wanted: CancelRequest = request::parsed_or_default(body)?;
            let by_buyer = matches!(verb, OrderVerb::CancelByBuyer);
            let if_state = wanted.if_state;
            let how = Cancellation { by_buyer, if_state, only_existing: false };
            Ok(Change::Cancel(how, wanted.part()?))
        }
        OrderVerb::Extend => {
            let Nothing {} = request::parsed_or_default(body)?;
            Ok(Change::Extend)
        }
    }
}
