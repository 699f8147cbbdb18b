//! Responses: the only file of the origin that turns outcomes into HTTP.

use super::cached_refusals;
use super::json::{HEADERS, status, to_json};
use crate::api::sale_bodies::{PlanNote, SaleReport};
use crate::api::sale_changes::refused;
use crate::header_names;
use crate::sale_plan::SalePlan;
use crate::sale_service::CallRefused;
use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CONTENT_TYPE, LOCATION, RETRY_AFTER,
    VARY, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use lastseat_ledger::{Fault, Reply, SaleChange, Verdict};
use serde::Serialize;
use shared::admission::browser_origin::cors;
use shared::auth::edge_signature::Untrusted;
use shared::plan::Plan;
use shared::seats::{OrderLines, SeatLineRefusal};
use shared::wire::messages::OrderView;
use shared::wire::problem::{BusyCause, EDGE_CHALLENGE, PROBLEM_JSON};
use shared::wire::seat_lines::RefusedLine;
use shared::{Code, Grant, OrderId, Problem, Refusal, SaleId};
use shared::{Placed, Tier};
use std::sync::Arc;

/// How long a client waits at least before it asks again when the ledger is away, in milliseconds.
const AWAY_MS: u32 = 1_000;

/// How an order is shown. The first two are of sales with a plan only.
#[derive(Clone, Debug, Default)]
pub struct OrderNames {
    /// The plan.
    pub plan: Option<Arc<SalePlan>>,
    /// The lines that were asked for.
    pub lines: Option<OrderLines>,
    /// Whether what the shop has said of the payment is shown: to the shop and to operators alone.
    pub for_shop: bool,
}

impl OrderNames {
    fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref().map(|plan| &**plan.plan())
    }

    /// What is said of a line that found no seats.
    fn refused(&self, refused: &SeatLineRefusal) -> Option<RefusedLine> {
        let line = self.lines.as_ref()?.as_slice().get(refused.line)?;
        Some(RefusedLine::of(self.plan()?, refused.line, line, &refused.refusal))
    }
}

/// The outcome of placing an order.
#[must_use]
pub fn placed(
    sale: &SaleId,
    id: &OrderId,
    outcome: &Result<Placed, Fault>,
    names: &OrderNames,
) -> Response {
    let placed = match outcome {
        Ok(placed) => placed,
        Err(trouble) => return of_fault(trouble, Some(id)),
    };
    let mut response = match &placed.verdict {
        Verdict::Granted { order, replayed } => {
            let view = OrderView::new(sale, id, order, names.plan());
            granted(&view, address(sale, id), *replayed)
        }
        Verdict::Refused(Refusal::Busy(ms)) => {
            problem(&Problem::busy(BusyCause::NodeQueue, *ms).for_order(id))
        }
        Verdict::Refused(no) => refused_order(*no, id),
        Verdict::NoSeats { refused, some_held } => no_seats(refused, *some_held, id, names),
    };
    answered_by(&mut response, placed.by);
    response
}

/// The outcome of a change of an order.
#[must_use]
pub fn order_changed(
    sale: &SaleId,
    id: &OrderId,
    reply: &Reply<Verdict>,
    names: &OrderNames,
) -> Response {
    let mut response = match reply {
        Err(trouble) => return of_fault(trouble, Some(id)),
        Ok(None) => problem(&Problem::refusal(Refusal::UnknownSale).for_order(id)),
        Ok(Some((_, Verdict::Refused(no)))) => problem(&Problem::refusal(*no).for_order(id)),
        Ok(Some((_, Verdict::NoSeats { refused, some_held }))) => {
            no_seats(refused, *some_held, id, names)
        }
        Ok(Some((_, Verdict::Granted { order, replayed }))) => {
            let view = OrderView::new(sale, id, order, names.plan());
            let view = if names.for_shop { view.for_shop(order) } else { view };
            let mut response = json(StatusCode::OK, &view);
            mark_replayed(&mut response, *replayed);
            response
        }
    };
    answered_by(&mut response, Tier::Ledger);
    response
}

/// The outcome of a change of a sale.
#[must_use]
pub fn sale_changed(sale: &SaleId, reply: &Reply<SaleChange>, plan: Option<&Plan>) -> Response {
    let mut response = match reply {
        Err(trouble) => return faulty(trouble),
        Ok(None) => problem(&Problem::refusal(Refusal::UnknownSale)),
        Ok(Some((snapshot, change))) => match refused(*change, snapshot) {
            Some(no) => problem(&no),
            None => {
                let report = SaleReport::new(sale, snapshot, plan.map(PlanNote::of));
                let mut response = json(StatusCode::OK, &report);
                mark_replayed(&mut response, *change == SaleChange::Unchanged);
                response
            }
        },
    };
    answered_by(&mut response, Tier::Ledger);
    response
}

fn refused_order(no: Refusal, id: &OrderId) -> Response {
    cached_refusals::refused(no, id)
        .unwrap_or_else(|| problem(&Problem::refusal(no).for_order(id).spread(fastrand::f64())))
}

/// A line of an order found no seats.
fn no_seats(
    refused: &SeatLineRefusal,
    some_held: bool,
    id: &OrderId,
    names: &OrderNames,
) -> Response {
    let no = Problem::no_seats(&refused.refusal, some_held, names.refused(refused));
    problem(&no.for_order(id).spread(fastrand::f64()))
}

/// Says that the call found things as it would have made them.
pub fn mark_replayed(response: &mut Response, replayed: bool) {
    if replayed {
        let yes = HeaderValue::from_static("true");
        response.headers_mut().insert(&header_names::IDEMPOTENCY_REPLAYED, yes);
    }
}

/// Says who decided; an answer that does not say so is the node's own.
pub fn answered_by(response: &mut Response, tier: Tier) {
    let by = HeaderValue::from_static(tier.as_str());
    response.headers_mut().insert(&header_names::ANSWERED_BY, by);
}

/// An answer that does not say who decided is the node's own.
pub fn answered_by_default(response: &mut Response) {
    let headers = response.headers_mut();
    headers.entry(&header_names::ANSWERED_BY).or_insert(HeaderValue::from_static("origin"));
}

fn granted(order: &OrderView, address: String, replayed: bool) -> Response {
    let status = if replayed { StatusCode::OK } else { StatusCode::CREATED };
    let mut response = json(status, order);
    mark_replayed(&mut response, replayed);
    if let Ok(address) = HeaderValue::try_from(address) {
        response.headers_mut().insert(LOCATION, address);
    }
    response
}

/// Path of an order.
fn address(sale: &SaleId, id: &OrderId) -> String {
    format!("/v1/sales/{sale}/orders/{}", id.in_path())
}

/// What the ledger said when it was asked for something that it may not have.
pub fn found<T>(
    asked: Result<Option<T>, Fault>,
    missing: Refusal,
    view: impl FnOnce(T) -> Response,
) -> Response {
    let mut response = match asked {
        Ok(Some(thing)) => view(thing),
        Ok(None) => problem(&Problem::refusal(missing)),
        Err(trouble) => return faulty(&trouble),
    };
    answered_by(&mut response, Tier::Ledger);
    response
}

/// A fault of the ledger.
#[must_use]
pub fn faulty(trouble: &Fault) -> Response {
    of_fault(trouble, None)
}

fn of_fault(trouble: &Fault, id: Option<&OrderId>) -> Response {
    let public = match id {
        Some(id) => fault(trouble).for_order(id),
        None => fault(trouble),
    };
    let mut response = problem(&public);
    response.extensions_mut().insert(FaultCause { public, cause: trouble.to_string() });
    response
}

/// The public response for a fault, and its cause, which names keys and what lies in them.
#[derive(Clone)]
struct FaultCause {
    public: Problem,
    cause: String,
}

/// Adds the cause of a fault, for the operators' listener.
pub async fn with_cause(response: Response) -> Response {
    let Some(FaultCause { public, cause }) = response.extensions().get() else {
        return response;
    };
    problem(&Problem { detail: format!("{} {cause}", public.detail), ..public.clone() })
}

/// The public problem of a fault.
pub(super) fn fault(fault: &Fault) -> Problem {
    let problem = Problem::new(fault.code());
    match fault {
        // All who waited for a ledger that froze are answered in the same moment.
        Fault::NotSent(_) | Fault::Unknown(_) => {
            problem.retry_after(AWAY_MS).spread(fastrand::f64())
        }
        Fault::Corrupt(_) => problem,
    }
}

/// A "no" of any kind.
#[must_use]
pub fn problem(problem: &Problem) -> Response {
    let mut response = json(status(problem), problem);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    if let Some(challenge) = problem.code.challenge() {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if let Some(seconds) = problem.retry_after_seconds() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// What a page of an allowed origin may send.
#[must_use]
pub fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_METHODS, cors::METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, cors::HEADERS),
        (ACCESS_CONTROL_MAX_AGE, cors::MAX_AGE_S),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Lets `page` read an answer, if that is an allowed origin, and says to caches that the answer
/// depends on it.
pub fn add_cors(response: &mut Response, page: Option<HeaderValue>) {
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(page) = page {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, page);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(cors::EXPOSED));
    }
}

/// The client asked more than its address may. The header says to an edge that the node itself has
/// room.
#[must_use]
pub fn client_busy(wait_ms: u32) -> Response {
    let mut response = problem(&Problem::busy(BusyCause::ClientAddress, wait_ms));
    let client = HeaderValue::from_static("client");
    response.headers_mut().insert(&header_names::LIMITED, client);
    response
}

/// Too many make calls about orders. The header says to an edge that the node has room for orders.
#[must_use]
pub fn call_refused(refused: &CallRefused, id: &OrderId) -> Response {
    match refused {
        CallRefused::Busy(ms) => {
            let mut response = problem(&Problem::refusal(Refusal::Busy(*ms)).for_order(id));
            let calls = HeaderValue::from_static("calls");
            response.headers_mut().insert(&header_names::LIMITED, calls);
            response
        }
        CallRefused::Late(fault) => of_fault(fault, Some(id)),
    }
}

/// The request's signature is not that of an edge. The challenge says why in a word, for the log
/// of the edge.
#[must_use]
pub fn untrusted(why: Untrusted) -> Response {
    let mut response = problem(&Problem::saying(Code::Untrusted, why));
    let challenge = format!("{EDGE_CHALLENGE} error=\"{}\"", why.as_str());
    if let Ok(challenge) = HeaderValue::try_from(challenge) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// `body` as JSON.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    // Our own types always serialize; if one ever does not, the client must not read a cut body as
    // a yes.
    let (status, media_type, bytes) = match to_json(body) {
        Ok(bytes) => (status, "application/json", bytes),
        Err(e) => {
            let bytes = format!("The answer cannot be written: {e}\n").into_bytes();
            (StatusCode::INTERNAL_SERVER_ERROR, "text/plain", bytes)
        }
    };
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    *response.headers_mut() = headers;
    response
}

/// The reader has what would be answered.
#[must_use]
pub fn not_modified() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response
}

/// Plain text for people and scrapers.
#[must_use]
pub fn text(media_type: &'static str, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    let media_type = HeaderValue::from_static(media_type);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

/// Says how much the edge may forward.
pub fn add_grant(response: &mut Response, grant: &Grant) {
    if let Ok(value) = HeaderValue::try_from(grant.to_header()) {
        response.headers_mut().insert(&header_names::GRANT, value);
    }
}

/// Says what is gone of a sale with a plan.
pub fn add_gone(response: &mut Response, gone: &str) {
    if let Ok(value) = HeaderValue::try_from(gone) {
        response.headers_mut().insert(&header_names::GONE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_never_reported_as_sold_out() {
        let why = || "redis went away".to_owned();
        let problems = [Fault::NotSent(why()), Fault::Unknown(why()), Fault::Corrupt(why())]
            .map(|trouble| fault(&trouble));
        let codes = problems.each_ref().map(|problem| problem.code);
        assert_eq!(codes, [Code::Unavailable, Code::OutcomeUnknown, Code::Corrupt]);
        assert!(problems.iter().all(|problem| problem.status >= 500));
        let waits = (0..64).map(|_| fault(&Fault::NotSent(why())).retry_after_ms.unwrap());
        let waits: std::collections::BTreeSet<u32> = waits.collect();
        assert!(waits.len() > 1 && waits.iter().all(|ms| (1_000..=3_000).contains(ms)));
    }

    #[test]
    fn the_address_of_an_order_escapes_what_a_path_would_read() {
        let sale = SaleId::parse("demo").unwrap();
        let id = OrderId::parse("a/b?c%d#0123456789").unwrap();
        assert_eq!(address(&sale, &id), "/v1/sales/demo/orders/a%2Fb%3Fc%25d%230123456789");
    }
}
