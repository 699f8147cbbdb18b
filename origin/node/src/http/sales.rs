//! A sale as the public sees it.

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
    let asked = app.sales.snapshot(&sale).await;
    let mut response = response::found(asked, Refusal::UnknownSale, |(snapshot, by)| {
        tier = by;
        response::json(StatusCode::OK, &SaleView::new(&sale, &snapshot))
    });
    if tier == Tier::Origin {
        response::answered_by(&mut response, tier);
    }
    with_grant(&app, &sale, &sender, &mut response);
    response
}
