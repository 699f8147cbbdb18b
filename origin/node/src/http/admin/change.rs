//! Operator handlers that change a sale.
//!
//! Each may be repeated, except a relative restock.

use crate::api::order_bodies::Nothing;
use crate::api::sale_changes::{RestockRequest, TermsRequest};
use crate::http::request::{self, OfSale};
use crate::http::token_auth::Operator;
use crate::http::{App, response};
use axum::extract::{Request, State};
use axum::response::Response;
use lastseat_ledger::{Reply, SaleChange};
use serde::de::DeserializeOwned;
use shared::{PayUrl, Problem, SaleId, SaleState};
use std::sync::Arc;

/// `POST /v1/admin/sales/{sale}/open`, `/pause`, `/close`
pub(super) async fn state(
    Operator { actor, .. }: Operator,
    State(app): State<Arc<App>>,
    OfSale(sale): OfSale,
    request: Request,
    to: SaleState,
) -> Response {
    match request::body_or_default::<Nothing>(request).await {
        Ok(Nothing {}) => changed(&app, &sale, app.sales.set_state(&sale, to, &actor).await).await,
        Err(problem) => response::problem(&problem),
    }
}

/// `POST /v1/admin/sales/{sale}/restock`
pub(super) async fn restock(
    Operator { actor, .. }: Operator,
    State(app): State<Arc<App>>,
    OfSale(sale): OfSale,
    request: Request,
) -> Response {
    match checked(request, RestockRequest::check).await {
        Ok(wanted) => changed(&app, &sale, app.sales.restock(&sale, wanted, &actor).await).await,
        Err(problem) => response::problem(&problem),
    }
}

/// `PATCH /v1/admin/sales/{sale}`
pub(super) async fn terms(
    Operator { actor, .. }: Operator,
    State(app): State<Arc<App>>,
    OfSale(sale): OfSale,
    request: Request,
) -> Response {
    let wanted = request::body_with_event::<TermsRequest>(request).await;
    let change = wanted.and_then(|wanted| wanted.check()).and_then(|change| {
        let signs = change.pay_url.as_ref().is_some_and(PayUrl::is_signed);
        app.can_sign(signs).map(|()| change)
    });
    match change {
        Ok(change) => changed(&app, &sale, app.sales.set_terms(&sale, &change, &actor).await).await,
        Err(problem) => response::problem(&problem),
    }
}

/// What became of a change, with the numbers of the sale and what they count.
async fn changed(app: &App, sale: &SaleId, reply: Reply<SaleChange>) -> Response {
    let plan = match &reply {
        Ok(Some(_)) => app.sales.plan(sale).await.ok().and_then(Result::ok),
        _ => None,
    };
    response::sale_changed(sale, &reply, plan.as_ref().map(|plan| &**plan.plan()))
}

async fn checked<B: DeserializeOwned, T>(
    request: Request,
    check: fn(&B) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let wanted: B = request::body(request).await?;
    check(&wanted)
}
