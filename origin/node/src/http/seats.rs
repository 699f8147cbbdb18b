//! Handlers of what a sale with a plan sells and of what is left of it.

use super::edge_auth::EdgeAuth;
use super::orders::with_grant;
use super::request::{self, OfSale};
use super::token_auth::Operator;
use super::{App, response};
use crate::api::leg_bodies::SaleLegs;
use crate::api::order_lines::{PlanWords, block_of, class_of};
use crate::api::seat_bodies::{JOURNEYS_SHOWN_MAX, PlanView, SeatsLeft, SeatsWanted};
use crate::sale_seats::SeatsView;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use lastseat_ledger::Fault;
use serde::{Deserialize, Serialize};
use shared::wire::entity_tag;
use shared::{Problem, Refusal, SaleId, Tier};
use std::sync::Arc;

/// How long a copy of what is left may be shown.
const SEATS_KEPT: HeaderValue = HeaderValue::from_static("max-age=1");
/// How long one of a plan, which stays as it is.
const PLAN_KEPT: HeaderValue = HeaderValue::from_static("max-age=60");

/// `GET /v1/sales/{sale}/plan`
pub(super) async fn plan(
    State(app): State<Arc<App>>,
    OfSale(sale): OfSale,
    sender: EdgeAuth,
) -> Response {
    let plan = app.sales.plan(&sale).await;
    let mut response = answer(plan, |plan| {
        let mut response = response::json(StatusCode::OK, &PlanView::new(&sale, plan.plan()));
        response.headers_mut().insert(CACHE_CONTROL, PLAN_KEPT);
        response
    });
    with_grant(&app, &sale, &sender, &mut response);
    response
}

/// Query of `GET /v1/sales/{sale}/seats`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeatsQuery {
    /// The class, by its id; all of them when absent.
    class: Option<String>,
    /// A coach or block of it, by its id: then seat by seat.
    block: Option<String>,
    /// The journey; all of them when absent.
    from: Option<String>,
    to: Option<String>,
}

/// `GET /v1/sales/{sale}/seats`
pub(super) async fn seats(
    State(app): State<Arc<App>>,
    OfSale(sale): OfSale,
    sender: EdgeAuth,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let mut response = match request::query::<SeatsQuery>(&uri) {
        Ok(wanted) => {
            let view = app.sales.seats(&sale).await;
            answer(view, |view| left(&sale, &view, &wanted, &headers))
        }
        Err(problem) => response::problem(&problem),
    };
    with_grant(&app, &sale, &sender, &mut response);
    response
}

/// `GET /v1/admin/sales/{sale}/legs`
pub(super) async fn legs(
    _: Operator,
    State(app): State<Arc<App>>,
    OfSale(sale): OfSale,
    headers: HeaderMap,
) -> Response {
    let view = app.sales.seats(&sale).await;
    answer(view, |view| tagged(&view, &headers, || SaleLegs::new(&sale, &view)))
}

fn answer<T>(
    asked: Result<Result<T, Refusal>, Fault>,
    view: impl FnOnce(T) -> Response,
) -> Response {
    let mut response = match asked {
        Ok(Ok(found)) => view(found),
        Ok(Err(no)) => response::problem(&Problem::refusal(no)),
        Err(trouble) => return response::faulty(&trouble),
    };
    response::answered_by(&mut response, Tier::Origin);
    response
}

/// What is left; nothing but its tag where the reader has that.
fn left(sale: &SaleId, view: &SeatsView, wanted: &SeatsQuery, headers: &HeaderMap) -> Response {
    match read(view, wanted) {
        Ok(wanted) => tagged(view, headers, || SeatsLeft::new(sale, view, wanted)),
        Err(problem) => response::problem(&problem),
    }
}

fn tagged<T: Serialize>(
    view: &SeatsView,
    headers: &HeaderMap,
    body: impl FnOnce() -> T,
) -> Response {
    let has_it = headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let has_it = has_it.is_some_and(|tags| entity_tag::names(tags, &view.tag));
    let mut response =
        if has_it { response::not_modified() } else { response::json(StatusCode::OK, &body()) };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, SEATS_KEPT);
    if let Ok(tag) = HeaderValue::try_from(&view.tag) {
        headers.insert(ETAG, tag);
    }
    response
}

fn read<'a>(view: &'a SeatsView, wanted: &SeatsQuery) -> Result<SeatsWanted<'a>, Problem> {
    let plan = &*view.plan;
    let class = wanted.class.as_deref().map(|id| class_of(plan, id)).transpose()?;
    let words = PlanWords(plan);
    let journey = match (&wanted.from, &wanted.to) {
        (None, None) => None,
        (from, to) => Some(words.journey(from.as_deref(), to.as_deref())?),
    };
    let block = match (&wanted.block, class) {
        (None, _) => None,
        (Some(_), None) => {
            return Err(Problem::invalid(
                "\"block\" is a coach or block of a \"class\": name both.",
            ));
        }
        (Some(id), Some(class)) => Some(block_of(&plan.classes()[class], id)?),
    };
    if block.is_some() && journey.is_none() && !plan.stops().is_empty() {
        let wrong = "Whether a seat is free depends on the journey: name \"from\" and \"to\".";
        return Err(Problem::invalid(wrong));
    }
    let legs = plan.legs();
    let journeys = if journey.is_some() { 1 } else { legs * (legs + 1) / 2 };
    let classes = if class.is_some() { 1 } else { plan.classes().len() };
    if classes * journeys > JOURNEYS_SHOWN_MAX {
        let wrong = "The sale has too many classes and journeys for one answer: name a \"class\".";
        return Err(Problem::invalid(wrong));
    }
    Ok(SeatsWanted { class, block, journey })
}
