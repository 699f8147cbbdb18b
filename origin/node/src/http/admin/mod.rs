//! Operator API. Each call needs the admin token, or a scoped one that allows it.

mod change;
mod find;
mod history;
mod log;
mod unrestored;

use super::order_changes::{OrderVerb, for_operator};
use super::orders;
use super::request::{self, OfOrder, OfSale};
use super::seats;
use super::token_auth::Operator;
use super::{App, response};
use crate::api::sale_bodies::{NewSale, PlanNote, SaleList, SaleReport};
use crate::sale_service::Caller;
use crate::status::AuditMark;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use lastseat_ledger::Fault;
use serde::Deserialize;
use shared::{EventDetails, Problem, Refusal, SaleId, SaleState};
use std::sync::Arc;

/// All routes under `/v1/admin`.
pub(super) fn routes() -> Router<Arc<App>> {
    let state = |to| {
        post(move |operator, app, sale, request| change::state(operator, app, sale, request, to))
    };
    let change_order = |verb| {
        post(move |operator, app, of, request| for_operator(operator, app, of, request, verb))
    };
    Router::new()
        .route("/v1/admin/sales", get(list))
        .route("/v1/admin/sales/{sale}", get(show).put(create).patch(change::terms))
        .route("/v1/admin/sales/{sale}/open", state(SaleState::Open))
        .route("/v1/admin/sales/{sale}/pause", state(SaleState::Paused))
        .route("/v1/admin/sales/{sale}/close", state(SaleState::Closed))
        .route("/v1/admin/sales/{sale}/restock", post(change::restock))
        .route("/v1/admin/sales/{sale}/legs", get(seats::legs))
        .route("/v1/admin/sales/{sale}/history", get(history::show))
        .route("/v1/admin/sales/{sale}/audit", get(audit))
        .route("/v1/admin/sales/{sale}/log", get(log::read))
        .route("/v1/admin/sales/{sale}/log/ack", post(log::ack))
        .route("/v1/admin/sales/{sale}/orders", get(find::find))
        .route("/v1/admin/sales/{sale}/orders/{order}", get(order))
        .route("/v1/admin/sales/{sale}/orders/{order}/confirm", change_order(OrderVerb::Confirm))
        .route("/v1/admin/sales/{sale}/orders/{order}/cancel", change_order(OrderVerb::Cancel))
        .route("/v1/admin/sales/{sale}/orders/{order}/extend", change_order(OrderVerb::Extend))
        .route("/v1/admin/sales/{sale}/unrestored", get(unrestored::list))
        .route("/v1/admin/sales/{sale}/unrestored/retry", post(unrestored::retry))
        .route("/v1/admin/sales/{sale}/unrestored/{order}/settle", post(unrestored::settle))
}

/// `PUT /v1/admin/sales/{sale}`: 201 when it was created, 200 when it is there with these terms.
async fn create(
    Operator { actor, .. }: Operator,
    State(app): State<Arc<App>>,
    OfSale(sale): OfSale,
    request: Request,
) -> Response {
    let wanted = request::body_with_plan::<NewSale>(request).await;
    let wanted = wanted.and_then(|wanted| wanted.check());
    let wanted = wanted.and_then(|wanted| app.can_sign(wanted.signs()).map(|()| wanted));
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(wrong) => return response::problem(&wrong),
    };
    let ledger = app.sales.ledger().acting_for(Some(&actor));
    let (snapshot, new) = match wanted.create(&ledger, &sale).await {
        Ok(Ok(created)) => created,
        Ok(Err(refusal)) => return response::problem(&refusal),
        Err(trouble) => return response::faulty(&trouble),
    };
    app.sales.observe(&sale, &snapshot);
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    response::json(status, &SaleReport::new(&sale, &snapshot, wanted.plan_note()))
}

/// Query of `GET /v1/admin/sales`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// The last sale of the page before.
    after: Option<String>,
}

/// `GET /v1/admin/sales`: a page of all sales that the token is for, by id, the next page with
/// `?after=`.
async fn list(operator: Operator, State(app): State<Arc<App>>, uri: Uri) -> Response {
    let after = request::query::<ListQuery>(&uri).and_then(|wanted| {
        let after = wanted.after.as_deref().map(SaleId::parse).transpose();
        after.map_err(Problem::invalid)
    });
    let after = match after {
        Ok(after) => after,
        Err(problem) => return response::problem(&problem),
    };
    let is_shown = |sale: &SaleId| operator.is_for(sale.as_str());
    let list = SaleList::read(app.sales.ledger(), after.as_ref(), is_shown).await;
    response::found(list.map(Some), Refusal::UnknownSale, |list| {
        response::json(StatusCode::OK, &list)
    })
}

/// `GET /v1/admin/sales/{sale}`
async fn show(_: Operator, State(app): State<Arc<App>>, OfSale(sale): OfSale) -> Response {
    let asked = report(&app, &sale).await;
    response::found(asked, Refusal::UnknownSale, |report| response::json(StatusCode::OK, &report))
}

async fn report(app: &App, sale: &SaleId) -> Result<Option<SaleReport>, Fault> {
    let Some(snapshot) = app.sales.snapshot_now(sale).await? else {
        return Ok(None);
    };
    let orders = Some(app.sales.ledger().orders_granted(sale).await?);
    let page = app.sales.ledger().page_terms(sale).await?;
    let plan = app.sales.ledger().plan_shape(sale).await?.map(PlanNote::of_shape);
    Ok(Some(SaleReport {
        orders,
        late_seats: plan.is_some().then_some(page.late_seats),
        buyers_cancel: Some(page.buyers_cancel),
        pay_url: page.pay_url.get().map(str::to_owned),
        return_url: page.return_url.get().map(str::to_owned),
        event: (!page.event.is_none()).then(|| EventDetails::clone(&page.event)),
        ..SaleReport::new(sale, &snapshot, plan)
    }))
}

/// `GET /v1/admin/sales/{sale}/orders/{order}`
async fn order(_: Operator, State(app): State<Arc<App>>, of: OfOrder) -> Response {
    orders::lookup(&app, of, Caller::Trusted).await
}

/// `GET /v1/admin/sales/{sale}/audit`
async fn audit(_: Operator, State(app): State<Arc<App>>, OfSale(sale): OfSale) -> Response {
    let asked = app.sales.ledger().audit(&sale).await;
    let asked = asked.and_then(|found| app.sales.there(&sale, found));
    if let Ok(Some(report)) = &asked {
        let mark = AuditMark::new(app.sales.ledger().now(), report);
        app.audits.note(&sale, mark);
        // A node publishes its audits with the sales that it serves.
        let _ = app.sales.snapshot(&sale).await;
    }
    response::found(asked, Refusal::UnknownSale, |report| response::json(StatusCode::OK, &report))
}
