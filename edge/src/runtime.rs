//! What the edge takes from its runtime: the clock, chance, timers, `fetch`. Each of them is read
//! here and nowhere else.

use crate::glue;
use crate::task::wait;
use js_sys::{Object, Promise};
use shared::UnixMillis;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Request, Response, WorkerGlobalScope};

#[wasm_bindgen]
extern "C" {
    /// The third argument of a worker's `fetch`.
    #[derive(Debug)]
    pub type RequestContext;

    /// Until `promise` settles, Cloudflare lets the request's work go on although its client left (for up to 30 s):
    /// an origin that was asked is heard, and what the work holds is freed instead of waiting for ever for timers
    /// and answers of a dead request. Local workerd lets it go on anyway.
    #[wasm_bindgen(method, catch, js_name = waitUntil)]
    pub(crate) fn wait_until(this: &RequestContext, promise: &Promise) -> Result<(), JsValue>;
}

/// The edge's clock. In Workers it stands still between two events.
pub(crate) fn now() -> UnixMillis {
    UnixMillis(js_sys::Date::now() as u64)
}

/// Fills `bytes` from the runtime's cryptographic source.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), JsValue> {
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
    scope
        .crypto()?
        .get_random_values_with_u8_array(bytes)
        .map(|_| ())
}

/// Waits on a timer of this request's own.
pub(crate) async fn sleep(ms: u64) {
    wait(|number, settled| glue::sleep(timer(ms), number, settled)).await;
}

/// The whole body of `request`; `None` when it is not there within `ms`.
pub(crate) async fn body(request: &Request, ms: u64) -> Option<JsValue> {
    wait(|number, settled| glue::body(request, timer(ms), number, settled)).await
}

/// What has come of a subrequest so far.
pub(crate) enum Reply {
    /// Its headers are there.
    Here(Response),
    /// It failed. workerd says the same, "Network connection lost.", whether the other side refused the connection or
    /// took the request and then reset it.
    Failed,
    /// Nothing yet.
    Pending(Promise),
}

/// Begins a subrequest and waits `ms` for it.
pub(crate) async fn fetch(url: &str, init: &Object, ms: u64) -> Reply {
    reply(wait(|number, settled| glue::ask(url, init, timer(ms), number, settled)).await)
}

/// Waits for `pending` for `ms` more.
pub(crate) async fn wait_on(pending: &Promise, ms: u64) -> Reply {
    reply(wait(|number, settled| glue::wait_on(pending, timer(ms), number, settled)).await)
}

fn reply(value: Option<JsValue>) -> Reply {
    match value.map(JsCast::dyn_into::<Promise>) {
        None => Reply::Failed,
        Some(Ok(pending)) => Reply::Pending(pending),
        Some(Err(response)) => Reply::Here(response.unchecked_into()),
    }
}

/// The whole body of an origin's answer; `None` when it is not there within `ms`.
pub(crate) async fn text(answer: &Response, ms: u64) -> Option<String> {
    let text = wait(|number, settled| glue::text(answer, timer(ms), number, settled)).await;
    text.and_then(|text| text.as_string())
}

fn timer(ms: u64) -> u32 {
    u32::try_from(ms).unwrap_or(u32::MAX)
}
