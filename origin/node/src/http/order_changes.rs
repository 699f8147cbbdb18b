//! What becomes of an order that exists: confirmed by the shop, cancelled or extended by whoever
//! knows its id, which is a capability.

use super::edge_auth::EdgeAuth;
use super::orders::with_grant;
use super::request::{self, OfOrder};
use super::token_auth::Shop;
use super::{App, response};
use crate::api::order_bodies::{ConfirmRequest, Nothing};
use axum::extract::{Request, State};
use axum::response::Response;
use serde::de::DeserializeOwned;
use shared::{Problem, Quantity};
use std::sync::Arc;

/// What the caller wants of an order.
enum Change {
    /// All of its tickets, or so many while the rest returns.
    Confirm(Option<Quantity>),
    Cancel,
    Extend,
}

/// `POST /v1/sales/{sale}/orders/{order}/confirm`: the payment came.
pub(super) async fn confirm(
    _: Shop,
    State(app): State<Arc<App>>,
    of: OfOrder,
    sender: EdgeAuth,
    request: Request,
) -> Response {
    let wanted = read::<ConfirmRequest>(request).await;
    let change = wanted.and_then(|ConfirmRequest { quantity }| {
        let quantity = quantity.map(Quantity::new).transpose();
        let quantity = quantity.map_err(Problem::invalid)?;
        Ok(Change::Confirm(quantity))
    });
    carry_out(&app, of, &sender, change).await
}

/// `POST /v1/sales/{sale}/orders/{order}/cancel`: its tickets return.
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    of: OfOrder,
    sender: EdgeAuth,
    request: Request,
) -> Response {
    let wanted = read::<Nothing>(request).await;
    carry_out(&app, of, &sender, wanted.map(|_| Change::Cancel)).await
}

/// `POST /v1/sales/{sale}/orders/{order}/extend`: its hold lasts a hold time from now.
pub(super) async fn extend(
    State(app): State<Arc<App>>,
    of: OfOrder,
    sender: EdgeAuth,
    request: Request,
) -> Response {
    let wanted = read::<Nothing>(request).await;
    carry_out(&app, of, &sender, wanted.map(|_| Change::Extend)).await
}

async fn read<T: Default + DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    request::json_or_default(&parts.headers, body).await
}

async fn carry_out(
    app: &App,
    OfOrder(sale, id): OfOrder,
    sender: &EdgeAuth,
    change: Result<Change, Problem>,
) -> Response {
    let sales = &app.sales;
    let reply = match change {
        Ok(Change::Confirm(quantity)) => Ok(sales.confirm(&sale, &id, quantity).await),
        Ok(Change::Cancel) => Ok(sales.cancel(&sale, &id).await),
        Ok(Change::Extend) => Ok(sales.extend(&sale, &id).await),
        Err(problem) => Err(problem),
    };
    let mut response = match reply {
        Ok(reply) => response::order_changed(&sale, &id, &reply),
        Err(problem) => response::problem(&problem.for_order(&id)),
    };
    with_grant(app, &sale, sender, &mut response);
    response
}
