//! Operator handlers of the acknowledged orders that could not be restored.

use crate::api::order_bodies::Nothing;
use crate::api::unrestored::{self, UnrestoredList};
use crate::http::request::{self, OfOrder, OfSale};
use crate::http::token_auth::Operator;
use crate::http::{App, response};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use lastseat_ledger::Fault;
use shared::{Refusal, SaleId};
use std::sync::Arc;

/// `GET /v1/admin/sales/{sale}/unrestored`
pub(super) async fn list(
    _: Operator,
    State(app): State<Arc<App>>,
    OfSale(sale): OfSale,
) -> Response {
    listed(&app, &sale).await
}

/// `POST /v1/admin/sales/{sale}/unrestored/retry`: those that are left.
pub(super) async fn retry(
    _: Operator,
    State(app): State<Arc<App>>,
    OfSale(sale): OfSale,
    request: Request,
) -> Response {
    if let Err(problem) = request::body_or_default::<Nothing>(request).await {
        return response::problem(&problem);
    }
    match unrestored::retry(app.sales.ledger(), &sale).await {
        Ok(Some(snapshot)) => app.sales.observe(&sale, &snapshot),
        Ok(None) => {}
        Err(trouble) => return response::faulty(&trouble),
    }
    listed(&app, &sale).await
}

/// `POST /v1/admin/sales/{sale}/unrestored/{order}/settle`: takes it off the list, also where it is
/// not on it.
pub(super) async fn settle(
    _: Operator,
    State(app): State<Arc<App>>,
    OfOrder { sale, id, sent }: OfOrder,
    request: Request,
) -> Response {
    if let Err(problem) = request::body_or_default::<Nothing>(request).await {
        return response::problem(&problem);
    }
    let ledger = app.sales.ledger();
    let mut settled = ledger.settle_unrestored(&sale, &id).await;
    // One of an earlier version may be listed in the spelling that was sent.
    if let (Ok(false), Some(sent)) = (&settled, &sent) {
        settled = ledger.settle_unrestored(&sale, sent).await;
    }
    match settled {
        Ok(was_listed) => {
            let mut response = listed(&app, &sale).await;
            response::mark_replayed(&mut response, !was_listed);
            response
        }
        Err(trouble) => response::faulty(&trouble),
    }
}

async fn listed(app: &App, sale: &SaleId) -> Response {
    response::found(read(app, sale).await, Refusal::UnknownSale, |list| {
        response::json(StatusCode::OK, &list)
    })
}

async fn read(app: &App, sale: &SaleId) -> Result<Option<UnrestoredList>, Fault> {
    let list = UnrestoredList::read(app.sales.ledger(), sale).await?;
    // Only an empty list leaves open whether the sale exists.
    if list.orders.is_empty() && app.sales.snapshot_now(sale).await?.is_none() {
        return Ok(None);
    }
    Ok(Some(list))
}
