//! What the edge takes from its runtime: the clock, chance, timers, `fetch`. Each of them is read
//! here and nowhere else.

use js_sys::{Function, Promise};
use shared::UnixMillis;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, RequestInit, Response, WorkerGlobalScope};
use worker::{Context, Delay};

/// The edge's clock. In Workers it stands still between two events.
pub(crate) fn now() -> UnixMillis {
    UnixMillis(js_sys::Date::now() as u64)
}

/// Fills `bytes` from the runtime's cryptographic source.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), JsValue> {
    scope()
        .crypto()?
        .get_random_values_with_u8_array(bytes)
        .map(|_| ())
}

/// Waits on a timer of this request's own.
pub(crate) async fn sleep(ms: u64) {
    Delay::from(Duration::from_millis(ms)).await;
}

/// What `work` comes to, or `None` when it takes longer than `ms`.
pub(crate) async fn within<T>(ms: u64, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut timer = pin!(Delay::from(Duration::from_millis(ms)));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// One subrequest; ended and reported as `None` when its headers are not there within `ms`.
///
/// # Errors
/// What `fetch` rejects with. workerd says the same, "Network connection lost.", whether the other side
/// refused the connection or took the request and then reset it.
pub(crate) async fn fetch(
    url: &str,
    init: &RequestInit,
    ms: u64,
) -> Result<Option<Response>, JsValue> {
    let controller = AbortController::new()?;
    init.set_signal(Some(&controller.signal()));
    let reply = JsFuture::from(scope().fetch_with_str_and_init(url, init));
    match within(ms, reply).await {
        Some(response) => Ok(Some(response?.dyn_into()?)),
        None => {
            controller.abort();
            Ok(None)
        }
    }
}

/// While it lives, Cloudflare lets the request's work go on although its client left (for up to 30 s): an origin
/// that was asked is heard, and what the work holds is freed instead of waiting for ever for timers and
/// answers of a dead request. Local workerd lets it go on anyway.
pub(crate) struct Stay(Option<Function>);

impl Stay {
    pub(crate) fn new(context: &Context) -> Self {
        let mut end = None;
        let until = Promise::new(&mut |resolve, _| end = Some(resolve));
        // Refused only after the request has ended, and then there is nothing to go on with.
        let _ = context.as_ref().wait_until(&until);
        Self(end)
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        if let Some(end) = self.0.take() {
            let _ = end.call0(&JsValue::UNDEFINED);
        }
    }
}

fn scope() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
}
