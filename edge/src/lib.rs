//! The edge of lastseat: a Cloudflare Worker that says "no" early and asks an origin otherwise.
//! It never says "yes". The rules are those of `shared::edge`; this crate gives them a clock,
//! chance, timers and `fetch`.

// A panic ends the whole isolate's instance and loses what every gate has cached.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod config;
mod exchange;
mod handlers;
mod isolate;
mod request;
mod response;
mod runtime;
mod url;

use js_sys::Object;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Request;

/// Says in the log, when the worker starts, what is wrong with its variables.
#[wasm_bindgen]
pub fn check(env: &Object) {
    if let Err(fault) = isolate::check(env) {
        worker::console_error!("lastseat edge: {fault}");
    }
}

/// Answers a request with a `Response`, or with a promise of one where the answer has to wait for
/// something.
///
/// # Errors
/// The runtime refuses to make a response.
#[wasm_bindgen]
pub fn handle(
    request: Request,
    url: String,
    method: String,
    env: &Object,
    context: &runtime::RequestContext,
) -> Result<JsValue, JsValue> {
    let isolate = match isolate::isolate(env) {
        Ok(isolate) => isolate,
        Err(fault) => return response::misconfigured(&fault).map(JsValue::from),
    };
    let work =
        async move { exchange::answer(&isolate, &request, &url, &method).await.map(JsValue::from) };
    // Refused only after the request has ended, and then there is nothing to go on with.
    runtime::executor::run(work, |promise| drop(context.wait_until(promise)))
}
