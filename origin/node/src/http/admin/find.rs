//! Operator handler that finds orders.

use crate::api::order_search::{OrderList, OrderSearchQuery, WantedOrders};
use crate::http::request::{self, OfSale};
use crate::http::token_auth::Operator;
use crate::http::{App, response};
use crate::sale_service::SearchesBusy;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use lastseat_ledger::{Fault, OrderSearch};
use shared::admission::order_calls::come_back_ms;
use shared::{Problem, Refusal, SaleId};
use std::sync::Arc;

/// `GET /v1/admin/sales/{sale}/orders`: a page of the orders that are looked for.
pub(super) async fn find(
    _: Operator,
    State(app): State<Arc<App>>,
    OfSale(sale): OfSale,
    uri: Uri,
) -> Response {
    let wanted = match request::query::<OrderSearchQuery>(&uri).and_then(OrderSearchQuery::check) {
        Ok(wanted) => wanted,
        Err(problem) => return response::problem(&problem),
    };
    let page = page(&app, &sale, &wanted).await;
    response::found(page, Refusal::UnknownSale, |page| match page {
        Ok(page) => response::json(StatusCode::OK, &page),
        Err(problem) => response::problem(&problem),
    })
}

async fn page(
    app: &App,
    sale: &SaleId,
    WantedOrders { filter, from, limit }: &WantedOrders,
) -> Result<Option<Result<OrderList, Problem>>, Fault> {
    let found = match app.sales.find_orders(sale, filter, from.as_ref(), *limit).await? {
        Ok(None) => return Ok(None),
        Ok(Some(OrderSearch::Found(found))) => found,
        Ok(Some(OrderSearch::Moved)) => {
            let why = "Redis was restarted or replaced since the page before, and keeps the \
                orders in another sequence now: begin the search anew, without \"after\".";
            return Ok(Some(Err(Problem::invalid(why))));
        }
        Err(SearchesBusy) => {
            let later = Refusal::Busy(come_back_ms(fastrand::f64()));
            return Ok(Some(Err(Problem::refusal(later))));
        }
    };
    let seated = found.orders.iter().map(|(_, order)| order).find(|order| order.seats.is_some());
    let plan = app.sales.plan_of(sale, seated).await?;
    let plan = plan.as_ref().map(|plan| &**plan.plan());
    Ok(Some(Ok(OrderList::new(sale, &found, plan))))
}
