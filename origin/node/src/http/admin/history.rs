//! Handler of a sale's history.

use crate::http::request::OfSale;
use crate::http::token_auth::Operator;
use crate::http::{App, response};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use shared::{Problem, Refusal};
use std::sync::Arc;

/// `GET /v1/admin/sales/{sale}/history`: from memory, without the ledger. A sale that was created
/// through another node a moment ago may not be listed here yet.
pub(super) async fn show(
    _: Operator,
    State(app): State<Arc<App>>,
    OfSale(sale): OfSale,
) -> Response {
    if !app.sales.lists(&sale) {
        return response::problem(&Problem::refusal(Refusal::UnknownSale));
    }
    let history = app.histories.of(&sale, app.sales.ledger().now());
    response::json(StatusCode::OK, &history)
}
