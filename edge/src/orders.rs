//! The life of an order at the edge: it is checked, passes the gate or does not, and is forwarded.

use crate::answer;
use crate::forward::Errand;
use crate::headers;
use crate::routes::Route;
use crate::runtime::{self, Watch};
use crate::state::Isolate;
use js_sys::{ArrayBuffer, Uint8Array};
use shared::buyer_token::TokenError;
use shared::errand::Lost;
use shared::gate::{Ask, Decision, Key, come_back_ms};
use shared::limits::{BEAT_MS, BODY_MAX, EDGE_ATTEMPT_MS};
use shared::outlook::retry_after_ms;
use shared::wire::OrderRequest;
use shared::{BuyerId, Code, Problem, Refusal, SaleId, UnixMillis};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Request, Response};

/// Clients whose request got no answer come back spread over this many milliseconds.
const JITTER_MS: f64 = 1_000.0;

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
    let (id, key) = match headers::sent_key(request) {
        Ok(Some((id, key))) => {
            let key = isolate.recognise(&id, key);
            (id, key)
        }
        Ok(None) => (isolate.new_order_id(runtime::wall())?, Key::Made),
        Err(problem) => return answer::problem(&problem),
    };
    let vouched = match headers::buyer_by_token(isolate, request, sale, runtime::wall()) {
        Ok(buyer) => buyer,
        Err(problem) => return answer::problem(&problem.for_order(&id)),
    };
    let mut ask = Ask::new(key);
    let mut now = since;
    loop {
        match isolate.decide(sale, ask, now) {
            Decision::Forward => break,
            Decision::Refuse(refusal) => {
                isolate.count_refused(sale, refusal);
                let problem = refused(refusal, now, isolate.chance());
                return answer::problem(&problem.for_order(&id));
            }
            Decision::Wait => {
                runtime::sleep(BEAT_MS).await;
                ask = ask.after_a_beat();
                now = runtime::now();
            }
        }
    }
    // Only who may pass is asked how long the body is: of a refusal it is not read.
    if let Err(problem) = headers::check_length(request) {
        return answer::problem(&problem.for_order(&id));
    }
    let Some(_place) = isolate.enter() else {
        let busy = Refusal::Busy(retry_after_ms(isolate.chance()));
        isolate.count_refused(sale, busy);
        return answer::problem(&Problem::refusal(busy).for_order(&id));
    };
    isolate.count_passed(sale);
    let watch = Watch::new();
    let body = match body_of(request, &watch, now).await {
        Ok(body) => body,
        Err(problem) => return answer::problem(&problem.for_order(&id)),
    };
    let reads_buyer = vouched.is_some() || isolate.needs_buyer();
    let buyer = reads_buyer.then(|| buyer_of(&body)).flatten();
    // A body without a buyer is the origin's to refuse.
    if let (Some(vouched), Some(buyer)) = (&vouched, &buyer)
        && vouched != buyer
    {
        let problem = Problem::from(TokenError::OtherBuyer);
        return answer::problem(&problem.for_order(&id));
    }
    isolate.count_forwarded(sale);
    let errand = Errand {
        isolate,
        request,
        sale,
        method: "POST",
        path: route.path(),
        buyer,
        since,
        watch: &watch,
    };
    match errand.run(Some((&id, key)), Some(&body)).await {
        Ok(reply) => {
            if reply.ok() {
                isolate.saw_granted(&id);
            }
            Ok(answer::of_origin(reply))
        }
        Err(lost) => answer::problem(&unanswered(lost, isolate.chance()).for_order(&id)),
    }
}

/// Everything else about a sale or an order: no gate stands before it, since it sells nothing new.
///
/// # Errors
/// The runtime failed before any origin was asked.
pub(crate) async fn ask(
    isolate: &Isolate,
    request: &Request,
    route: &Route,
    sale: &SaleId,
    method: &str,
) -> Result<Response, JsValue> {
    let since = runtime::now();
    let named = |problem: Problem| match route.order() {
        Some(id) => problem.for_order(id),
        None => problem,
    };
    let writes = matches!(route, Route::Change(..));
    if writes && let Err(problem) = headers::check_authorization(request) {
        return answer::problem(&named(problem));
    }
    let watch = Watch::new();
    let mut body = None;
    if writes && request.body().is_some() {
        if let Err(problem) = headers::check_length(request) {
            return answer::problem(&named(problem));
        }
        match body_of(request, &watch, since).await {
            Ok(read) => body = Some(read),
            Err(problem) => return answer::problem(&named(problem)),
        }
    }
    let errand = Errand {
        isolate,
        request,
        sale,
        method,
        path: route.path(),
        buyer: None,
        since,
        watch: &watch,
    };
    match errand.run(None, body.as_ref()).await {
        Ok(reply) => Ok(answer::of_origin(reply)),
        Err(lost) => {
            // What only reads has changed nothing, wherever it got lost.
            let lost = if writes { lost } else { Lost::NotSent };
            answer::problem(&named(unanswered(lost, isolate.chance())))
        }
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
fn refused(refusal: Refusal, now: UnixMillis, chance: f64) -> Problem {
    let problem = Problem::refusal(refusal);
    match refusal {
        Refusal::NotOpen(_) => match come_back_ms(refusal, now, chance) {
            Some(ms) => problem.retry_after(ms),
            None => problem,
        },
        _ => problem,
    }
}

pub(crate) fn unanswered(lost: Lost, chance: f64) -> Problem {
    Problem::new(lost.code()).retry_after((chance * JITTER_MS) as u32)
}
