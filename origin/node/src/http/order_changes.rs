//! Handlers that confirm, cancel or extend an order.

use super::edge_auth::EdgeAuth;
use super::orders::with_grant;
use super::request::{self, OfOrder};
use super::token_auth::Shop;
use super::{App, response};
use crate::api::order_bodies::{ConfirmRequest, Nothing};
use axum::extract::{Request, State};
use axum::response::Response;
use lastseat_ledger::{Reply, Verdict};
use serde::de::DeserializeOwned;
use shared::{Problem, Quantity};
use std::sync::Arc;

/// `POST /v1/sales/{sale}/orders/{order}/confirm`: the payment came, for all of its tickets or for
/// so many while the rest returns.
pub(super) async fn confirm(
    _: Shop,
    State(app): State<Arc<App>>,
    of: OfOrder,
    sender: EdgeAuth,
    request: Request,
) -> Response {
    let change = async {
        let ConfirmRequest { quantity } = read(request).await?;
        let quantity = quantity.map(Quantity::new).transpose().map_err(Problem::invalid)?;
        Ok(app.sales.confirm(&of.0, &of.1, quantity).await)
    };
    respond(&app, &of, &sender, change).await
}

/// `POST /v1/sales/{sale}/orders/{order}/cancel`: its tickets return.
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    of: OfOrder,
    sender: EdgeAuth,
    request: Request,
) -> Response {
    let change = async {
        let Nothing {} = read(request).await?;
        Ok(app.sales.cancel(&of.0, &of.1).await)
    };
    respond(&app, &of, &sender, change).await
}

/// `POST /v1/sales/{sale}/orders/{order}/extend`: its hold lasts a hold time from now.
pub(super) async fn extend(
    State(app): State<Arc<App>>,
    of: OfOrder,
    sender: EdgeAuth,
    request: Request,
) -> Response {
    let change = async {
        let Nothing {} = read(request).await?;
        Ok(app.sales.extend(&of.0, &of.1).await)
    };
    respond(&app, &of, &sender, change).await
}

async fn read<T: Default + DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    request::json_or_default(&parts.headers, body).await
}

async fn respond(
    app: &App,
    OfOrder(sale, id): &OfOrder,
    sender: &EdgeAuth,
    change: impl Future<Output = Result<Reply<Verdict>, Problem>>,
) -> Response {
    let mut response = match change.await {
        Ok(reply) => response::order_changed(sale, id, &reply),
        Err(problem) => response::problem(&problem.for_order(id)),
    };
    with_grant(app, sale, sender, &mut response);
    response
}
