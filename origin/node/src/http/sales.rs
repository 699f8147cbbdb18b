//! Handlers of the public views of a sale: how it stands, and what it sells.

use super::edge_auth::EdgeAuth;
use super::orders::with_grant;
use super::request::OfSale;
use super::{App, response};
use crate::api::event_details;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use shared::EventDetails;
use shared::Refusal;
use shared::Tier;
use shared::auth::edge_signature::body_hash;
use shared::wire::messages::{EventView, SaleView};
use std::sync::Arc;

/// How long a copy of what is sold may be shown: as long as an edge does.
const EVENT_KEPT: HeaderValue = HeaderValue::from_static("max-age=10");
/// Digits of a hash that tell one text about a sale from another.
const TAG_DIGITS: usize = 16;

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

/// `GET /v1/sales/{sale}/event`: also where nothing was said of what is sold, so that edges keep
/// that, too.
pub(super) async fn event(
    State(app): State<Arc<App>>,
    OfSale(sale): OfSale,
    sender: EdgeAuth,
    headers: HeaderMap,
) -> Response {
    let asked = app.sales.for_page(&sale).await;
    let mut response = response::found(asked, Refusal::UnknownSale, |(_, page, _)| {
        let event = (!page.event.is_none()).then(|| EventDetails::clone(&page.event));
        let mut hash = body_hash(page.event.to_stored().as_bytes());
        hash.truncate(TAG_DIGITS);
        let tag = format!("\"{hash}\"");
        let has_it = headers.get(IF_NONE_MATCH).is_some_and(|known| known == tag.as_str());
        let mut response = if has_it {
            response::not_modified()
        } else {
            let starts_local = event.as_ref().and_then(event_details::starts_local);
            let view = EventView { sale: sale.to_string(), event, starts_local };
            response::json(StatusCode::OK, &view)
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, EVENT_KEPT);
        if let Ok(tag) = HeaderValue::try_from(tag) {
            headers.insert(ETAG, tag);
        }
        response
    });
    response::answered_by(&mut response, Tier::Origin);
    with_grant(&app, &sale, &sender, &mut response);
    response
}
