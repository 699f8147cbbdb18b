//! Handlers that confirm, cancel or extend an order.

use super::edge_auth::EdgeAuth;
use super::orders::with_grant;
use super::request::{self, OfOrder};
use super::token_auth::{Operator, PerhapsShop, Shop};
use super::{App, response};
use crate::api::order_bodies::{CancelRequest, ConfirmRequest, Nothing};
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
    _: Shop,
    State(app): State<Arc<App>>,
    of: OfOrder,
    sender: EdgeAuth,
    request: Request,
) -> Response {
    for_edge(&app, &of, &sender, OrderVerb::Confirm, request).await
}

/// `POST /v1/sales/{sale}/orders/{order}/cancel`
pub(super) async fn cancel(
    PerhapsShop(shop): PerhapsShop,
    State(app): State<Arc<App>>,
    of: OfOrder,
    sender: EdgeAuth,
    request: Request,
) -> Response {
    let verb = if shop { OrderVerb::Cancel } else { OrderVerb::CancelByBuyer };
    for_edge(&app, &of, &sender, verb, request).await
}

/// `POST /v1/sales/{sale}/orders/{order}/extend`
pub(super) async fn extend(
    State(app): State<Arc<App>>,
    of: OfOrder,
    sender: EdgeAuth,
    request: Request,
) -> Response {
    for_edge(&app, &of, &sender, OrderVerb::Extend, request).await
}

/// `POST /v1/admin/sales/{sale}/orders/{order}/confirm`, `/cancel`, `/extend`
pub(super) async fn for_operator(
    _: Operator,
    State(app): State<Arc<App>>,
    of: OfOrder,
    request: Request,
    verb: OrderVerb,
) -> Response {
    carry_out(&app, &of, verb, request).await
}

async fn for_edge(
    app: &App,
    of: &OfOrder,
    sender: &EdgeAuth,
    verb: OrderVerb,
    request: Request,
) -> Response {
    let mut response = carry_out(app, of, verb, request).await;
    with_grant(app, &of.sale, sender, &mut response);
    response
}

async fn carry_out(app: &App, of: &OfOrder, verb: OrderVerb, request: Request) -> Response {
    let (sales, sale) = (&app.sales, &of.sale);
    let id = match of.stored(app).await {
        Ok(id) => id,
        Err(trouble) => return response::faulty(&trouble),
    };
    let reply = match verb {
        OrderVerb::Confirm => match confirmed_quantity(request).await {
            Ok(quantity) => Ok(sales.confirm(sale, id, quantity).await),
            Err(problem) => Err(problem),
        },
        OrderVerb::Cancel | OrderVerb::CancelByBuyer => {
            match request::body_or_default::<CancelRequest>(request).await {
                Ok(CancelRequest { if_state }) => {
                    let by_buyer = matches!(verb, OrderVerb::CancelByBuyer);
                    let how = Cancellation { by_buyer, if_state };
                    Ok(sales.cancel(sale, id, how).await)
                }
                Err(problem) => Err(problem),
            }
        }
        OrderVerb::Extend => match request::body_or_default::<Nothing>(request).await {
            Ok(Nothing {}) => Ok(sales.extend(sale, id).await),
            Err(problem) => Err(problem),
        },
    };
    match reply {
        Ok(reply) => response::order_changed(sale, id, &reply),
        Err(problem) => response::problem(&problem.for_order(id)),
    }
}

async fn confirmed_quantity(request: Request) -> Result<Option<Quantity>, Problem> {
    let ConfirmRequest { quantity } = request::body_or_default(request).await?;
    quantity.map(Quantity::new).transpose().map_err(Problem::invalid)
}
