//! Handler of the public view of a sale.

use super::edge_auth::EdgeAuth;
use super::orders::with_grant;
use super::request::OfSale;
use super::{App, response};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use shared::Refusal;
use shared::Tier;
use shared::wire::messages::SaleView;
use std::sync::Arc;

/// `GET /v1/sales/{sale}`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    OfSale(sale): OfSale,
    sender: EdgeAuth,
) -> Response {
    let mut tier = Tier::Ledger;
    let asked = app.sales.for_page(&sale).await;
    let plan = match &asked {
        Ok(Some(_)) => app.sales.plan(&sale).await.is_ok_and(|plan| plan.is_ok()),
        _ => false,
    };
    let mut response = response::found(asked, Refusal::UnknownSale, |(snapshot, page, by)| {
        tier = by;
        let view = SaleView::new(&sale, &snapshot, &page);
        response::json(StatusCode::OK, &SaleView { demo: app.demo, plan, ..view })
    });
    if tier == Tier::Origin {
        response::answered_by(&mut response, tier);
    }
    with_grant(&app, &sale, &sender, &mut response);
    response
}
