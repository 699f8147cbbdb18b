//! Runtime of the edge: clock, random numbers, timers and `fetch`.
//!
//! Each of them is read here and nowhere else.

pub(crate) mod bindings;
pub(crate) mod executor;

use executor::wait;
use js_sys::{Function, Object, Promise};
use shared::UnixMillis;
use shared::domain::time::Steady;
use shared::edge::state::EdgeTime;
use shared::limits::SILENCE_POLL_MS;
use std::cell::Cell;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Request, Response, WorkerGlobalScope};

#[wasm_bindgen]
extern "C" {
    /// The third argument of a worker's `fetch`.
    #[derive(Debug)]
    pub type RequestContext;

    /// Until `promise` settles, Cloudflare lets the request's work go on although its client left
    /// (for up to 30 s): the response of an origin that was asked is received, and what the work
    /// holds is freed instead of waiting for ever for timers and answers of a dead request. Local
    /// workerd lets it go on anyway.
    #[wasm_bindgen(method, catch, js_name = waitUntil)]
    pub(crate) fn wait_until(this: &RequestContext, promise: &Promise) -> Result<(), JsValue>;
}

/// A watch that is set for a body rings for the first look at an origin, too.
const SILENCE_POLL: u32 = SILENCE_POLL_MS as u32;

thread_local! {
    static STEADY: Cell<Steady> = const { Cell::new(Steady::new()) };
}

/// The edge's clock, which does not go back. In Workers it stands still between two events.
pub(crate) fn now() -> UnixMillis {
    steady(wall())
}

fn steady(wall: UnixMillis) -> UnixMillis {
    let mut steady = STEADY.get();
    let now = steady.at(wall);
    STEADY.set(steady);
    now
}

/// The time of the day, for what others read: signatures, order ids, tokens.
pub(crate) fn wall() -> UnixMillis {
    UnixMillis(js_sys::Date::now() as u64)
}

/// Both of them, read at once.
pub(crate) fn time() -> EdgeTime {
    let wall = wall();
    EdgeTime { steady: steady(wall), wall }
}

/// Fills `bytes` from the runtime's cryptographic source, if it gives any.
pub(crate) fn fill_random(bytes: &mut [u8]) -> bool {
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
    let filled = scope.crypto().and_then(|it| it.get_random_values_with_u8_array(bytes).map(drop));
    filled.is_ok()
}

/// Waits on a timer of this request's own.
pub(crate) async fn sleep(ms: u64) {
    wait(|number, settled| bindings::sleep(timer(ms), number, settled)).await;
}

/// What has come of a subrequest so far.
pub(crate) enum Reply {
    /// Its headers are there.
    Here(Response),
    /// It failed. workerd says the same, "Network connection lost.", whether the other side refused
    /// the connection or took the request and then reset it.
    Failed,
    /// Nothing yet.
    Pending(Promise),
}

/// What a request waits by: its one timer, which may ring early.
pub(crate) struct Watch(JsValue);

impl Watch {
    /// A watch for one request.
    pub(crate) fn new() -> Self {
        Self(bindings::watch())
    }

    /// Begins a subrequest and waits for it, at most `ms`.
    pub(crate) async fn fetch(&self, url: &str, init: &Object, ms: u64) -> Reply {
        let Self(watch) = self;
        let ask = |number, settled: &Function| {
            bindings::ask(watch, url, init, timer(ms), number, settled)
        };
        reply(wait(ask).await)
    }

    /// Waits for `pending`, at most `ms` more.
    pub(crate) async fn wait_on(&self, pending: &Promise, ms: u64) -> Reply {
        reply(self.wait_more(pending, ms).await)
    }

    /// The whole body of `request`; `None` when it is not there by `until`.
    pub(crate) async fn body(&self, request: &Request, until: UnixMillis) -> Option<JsValue> {
        let Self(watch) = self;
        let begin = |number, settled: &Function| {
            bindings::body(watch, request, SILENCE_POLL, number, settled)
        };
        self.whole(wait(begin).await, until).await
    }

    /// The whole body of an origin's answer; `None` when it is not there by `until`.
    pub(crate) async fn text(&self, answer: &Response, until: UnixMillis) -> Option<String> {
        let Self(watch) = self;
        let begin = |number, settled: &Function| {
            bindings::text(watch, answer, SILENCE_POLL, number, settled)
        };
        self.whole(wait(begin).await, until).await?.as_string()
    }

    /// Waits for `value` until it is no promise any more.
    async fn whole(&self, mut value: Option<JsValue>, until: UnixMillis) -> Option<JsValue> {
        loop {
            let pending = match value?.dyn_into::<Promise>() {
                Ok(pending) => pending,
                Err(value) => return Some(value),
            };
            let ms = until.since(now());
            if ms == 0 {
                return None;
            }
            value = self.wait_more(&pending, ms).await;
        }
    }

    async fn wait_more(&self, pending: &Promise, ms: u64) -> Option<JsValue> {
        let Self(watch) = self;
        wait(|number, settled| bindings::wait_on(watch, pending, timer(ms), number, settled)).await
    }
}

fn reply(value: Option<JsValue>) -> Reply {
    match value.map(JsCast::dyn_into::<Promise>) {
        None => Reply::Failed,
        Some(Ok(pending)) => Reply::Pending(pending),
        Some(Err(response)) => Reply::Here(response.unchecked_into()),
    }
}

fn timer(ms: u64) -> u32 {
    u32::try_from(ms).unwrap_or(u32::MAX)
}
