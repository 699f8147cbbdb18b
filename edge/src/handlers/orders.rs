//! Handlers of orders: validate, decide at the gate, forward to an origin.

use crate::isolate::Isolate;
use crate::request_headers;
use crate::response;
use crate::route::Route;
use crate::runtime::{self, Watch};
use crate::upstream::UpstreamRequest;
use js_sys::{ArrayBuffer, Uint8Array};
use shared::admission::gate::{Arrival, GateDecision, come_back_ms};
use shared::admission::order_calls::{self, OrderCallAnswer};
use shared::admission::sale_hint::retry_after_ms;
use shared::auth::buyer_token::TokenError;
use shared::domain::order::KeySource;
use shared::limits::{BODY_MAX, COLD_WAIT_MS, EDGE_ATTEMPT_MS};
use shared::upstream::forwarding::LostRequest;
use shared::wire::messages::OrderRequest;
use shared::wire::problem::BusyCause;
use shared::{BuyerId, Code, OrderId, Problem, Refusal, SaleId, UnixMillis};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Request, Response};

/// `POST /v1/sales/{sale}/orders`. A refusal neither reads the body nor asks an origin.
///
/// # Errors
/// The runtime failed before any origin was asked.
pub(crate) async fn place(
    isolate: &Isolate,
    request: &Request,
    route: &Route,
    sale: &SaleId,
) -> Result<Response, JsValue> {
    let since = runtime::now();
    let (id, key) = match request_headers::sent_key(request) {
        Ok(Some((id, key))) => {
            let key = isolate.recognise(&id, key);
            (id, key)
        }
        Ok(None) => (isolate.new_order_id(runtime::wall())?, KeySource::Made),
        Err(problem) => return response::problem(&problem),
    };
    let vouched = match request_headers::buyer_by_token(isolate, request, sale, runtime::wall()) {
        Ok(buyer) => buyer,
        Err(problem) => return response::problem(&problem.for_order(&id)),
    };
    let mut ask = Arrival::new(key);
    let mut now = since;
    loop {
        match isolate.decide(sale, ask, now) {
            GateDecision::Forward => break,
            GateDecision::Refuse(refusal) => {
                isolate.count_refused(sale, refusal);
                let problem = refused(refusal, key, now, isolate.chance());
                return response::problem(&problem.for_order(&id));
            }
            GateDecision::Wait => {
                runtime::sleep(COLD_WAIT_MS).await;
                ask = ask.after_a_retry_interval();
                now = runtime::now();
            }
        }
    }
    // Only who may pass is asked how long the body is: of a refusal it is not read.
    if let Err(problem) = request_headers::check_length(request) {
        return response::problem(&problem.for_order(&id));
    }
    let Some(_place) = isolate.enter() else {
        let ms = retry_after_ms(isolate.chance());
        isolate.count_refused(sale, Refusal::Busy(ms));
        return response::problem(&Problem::busy(BusyCause::EdgeUnderWay, ms).for_order(&id));
    };
    isolate.count_passed(sale);
    let watch = Watch::new();
    let body = match body_of(request, &watch, now).await {
        Ok(body) => body,
        Err(problem) => return response::problem(&problem.for_order(&id)),
    };
    let reads_buyer = vouched.is_some() || isolate.needs_buyer();
    let buyer = reads_buyer.then(|| buyer_of(&body)).flatten();
    // A body without a buyer is the origin's to refuse.
    if let (Some(vouched), Some(buyer)) = (&vouched, &buyer)
        && vouched != buyer
    {
        let problem = Problem::from(TokenError::OtherBuyer);
        return response::problem(&problem.for_order(&id));
    }
    isolate.count_forwarded(sale);
    isolate.saw_ordered(&id);
    let forwarding = UpstreamRequest {
        isolate,
        request,
        sale,
        method: "POST",
        path: route.path(),
        buyer,
        since,
        watch: &watch,
    };
    match forwarding.run(Some((&id, key)), Some(&body)).await {
        Ok(reply) => {
            if reply.ok() {
                isolate.saw_order(&id);
            }
            Ok(response::of_origin(reply))
        }
        Err(lost) => {
            response::problem(&response::unanswered(lost, isolate.chance()).for_order(&id))
        }
    }
}

/// A call about the order `id` that the address names: it reads or changes it. The gate of orders
/// does not stand before it, since it sells nothing new; that of calls does
/// ([`shared::admission::order_calls`]).
///
/// # Errors
/// The runtime failed before any origin was asked.
pub(crate) async fn call(
    isolate: &Isolate,
    request: &Request,
    route: &Route,
    (sale, id): (&SaleId, &OrderId),
    method: &str,
) -> Result<Response, JsValue> {
    let since = runtime::now();
    let named = |problem: Problem| problem.for_order(id);
    let writes = matches!(route, Route::Change(..));
    if writes && let Err(problem) = request_headers::check_authorization(request) {
        return response::problem(&named(problem));
    }
    // As a key is read: a UUID is one order in any spelling.
    let canonical = OrderId::of_request(id.as_str());
    let canonical = canonical.as_ref().unwrap_or(id);
    let client = request_headers::client_ip(isolate, request);
    let token = request_headers::token(request);
    let Some(_place) = isolate.enter_call(sale, canonical, client, token.as_deref(), since) else {
        isolate.count_call_refused(sale);
        let busy = Refusal::Busy(order_calls::come_back_ms(isolate.chance()));
        return response::problem(&named(Problem::refusal(busy)));
    };
    let watch = Watch::new();
    let mut body = None;
    if writes && request.body().is_some() {
        if let Err(problem) = request_headers::check_length(request) {
            return response::problem(&named(problem));
        }
        match body_of(request, &watch, since).await {
            Ok(read) => body = Some(read),
            Err(problem) => return response::problem(&named(problem)),
        }
    }
    let forwarding = UpstreamRequest {
        isolate,
        request,
        sale,
        method,
        path: route.path(),
        buyer: None,
        since,
        watch: &watch,
    };
    match forwarding.run(None, body.as_ref()).await {
        Ok(reply) => {
            learn(isolate, route, canonical, token.as_deref(), reply.status());
            Ok(response::of_origin(reply))
        }
        Err(lost) => {
            // What only reads has changed nothing, wherever it got lost.
            let lost = if writes { lost } else { LostRequest::NotSent };
            response::problem(&named(response::unanswered(lost, isolate.chance())))
        }
    }
}

/// What the status of an answer to a call says of its order and of its token.
fn learn(isolate: &Isolate, route: &Route, id: &OrderId, token: Option<&str>, status: u16) {
    let now = runtime::now();
    match OrderCallAnswer::of(status) {
        OrderCallAnswer::There => isolate.saw_order(id),
        OrderCallAnswer::Absent => isolate.saw_absent(id, now),
        OrderCallAnswer::Other => {}
    }
    // Only a confirmation needs the token.
    if matches!(route, Route::Change(.., "confirm"))
        && let Some(token) = token
        && let Some(accepted) = order_calls::accepts_token(status)
    {
        isolate.saw_token(token, accepted, now);
    }
}

/// Reads the body once, so that it can be sent to a second origin. It stays on the JavaScript side.
async fn body_of(request: &Request, watch: &Watch, now: UnixMillis) -> Result<JsValue, Problem> {
    let incomplete = || Problem::invalid("The body did not arrive whole and in time.");
    let read = watch.body(request, now.plus(EDGE_ATTEMPT_MS)).await;
    let body = read.ok_or_else(incomplete)?;
    let length = body.dyn_ref::<ArrayBuffer>().map(ArrayBuffer::byte_length);
    match length {
        Some(length) if length as usize <= BODY_MAX => Ok(body),
        _ => Err(Problem::new(Code::TooLarge)),
    }
}

/// The buyer in an order's body. Whether the rest of it makes sense the origin says.
fn buyer_of(body: &JsValue) -> Option<BuyerId> {
    let bytes = Uint8Array::new(body).to_vec();
    let order: OrderRequest = serde_json::from_slice(&bytes).ok()?;
    BuyerId::parse(&order.buyer).ok()
}

/// The problem of a refusal made here, and when to come back.
fn refused(refusal: Refusal, key: KeySource, now: UnixMillis, chance: f64) -> Problem {
    let problem = Problem::refusal(refusal);
    match refusal {
        // A repeated key may stand for an order that is there, and tickets need not be free.
        Refusal::Busy(ms) if key != KeySource::Repeated => Problem::busy(BusyCause::EdgeBudget, ms),
        Refusal::NotOpen(_) => match come_back_ms(refusal, now, chance) {
            Some(ms) => problem.retry_after(ms),
            None => problem,
        },
        _ => problem.spread(chance),
    }
}
