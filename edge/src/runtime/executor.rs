//! Executor: polls the future of one request.
//!
//! The work runs at once, in the call that brought the request, up to its first wait; a refusal
//! waits for nothing, so it needs no promise. From then on it runs whenever what it waits for has
//! settled, in the microtask of that promise: always in its own request's context.
//!
//! This takes the place of `wasm-bindgen-futures`, which makes two closures known to the garbage
//! collector for each wait and has one queue for the tasks of all requests.

use js_sys::{Function, Promise};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};

type Outcome = Result<JsValue, JsValue>;
type Work = Pin<Box<dyn Future<Output = Outcome>>>;

/// Pending work, and the callback that gives its request the outcome.
struct WaitingWork {
    work: Work,
    resolve: Function,
}

thread_local! {
    /// By the number of the wait. What settles late or twice finds nothing here.
    static WAITING: RefCell<HashMap<u32, WaitingWork>> = RefCell::default();
    /// The number of the last wait that began.
    static NUMBER: Cell<u32> = const { Cell::new(0) };
    /// What the work that runs now has waited for; undefined if nothing came of it.
    static OUTCOME: Cell<Option<JsValue>> = const { Cell::new(None) };
    /// One for all waits. It refuses to be called by what an earlier instance began.
    static SETTLED: Closure<dyn Fn(u32, JsValue)> = Closure::new(settled);
}

/// Does `work` up to its first wait. If it is done then, this is its outcome; if not, a promise of
/// it, which `stay` receives.
///
/// # Errors
/// Those of `work`.
pub(crate) fn run(
    work: impl Future<Output = Outcome> + 'static,
    stay: impl FnOnce(&Promise),
) -> Outcome {
    let mut work: Work = Box::pin(work);
    if let Poll::Ready(outcome) = poll(&mut work) {
        return outcome;
    }
    let mut resolve = None;
    let promise = Promise::new(&mut |settle, _| resolve = Some(settle));
    let resolve = resolve.ok_or(JsValue::NULL)?;
    put_aside(WaitingWork { work, resolve });
    stay(&promise);
    Ok(promise.into())
}

fn settled(number: u32, value: JsValue) {
    let Some(mut waiting_work) = WAITING.with_borrow_mut(|waiting| waiting.remove(&number)) else {
        return;
    };
    OUTCOME.set(Some(value));
    match poll(&mut waiting_work.work) {
        Poll::Ready(outcome) => {
            let outcome = outcome.unwrap_or_else(|error| Promise::reject(&error).into());
            let _ = waiting_work.resolve.call1(&JsValue::UNDEFINED, &outcome);
        }
        Poll::Pending => put_aside(waiting_work),
    }
}

/// Keeps waiting work under the number of the wait that it has just begun.
fn put_aside(waiting_work: WaitingWork) {
    WAITING.with_borrow_mut(|waiting| waiting.insert(NUMBER.get(), waiting_work));
}

fn poll(work: &mut Work) -> Poll<Outcome> {
    // Nobody is woken: work goes on when what it waits for calls `settled`.
    work.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// A wait for what `begin` starts.
pub(crate) struct Wait<F> {
    begin: Option<F>,
}

/// Waits for what `begin` starts; `None` if nothing came of it. `begin` is given a number and the
/// function to call with it, later. Work has one wait at a time.
pub(crate) fn wait<F>(begin: F) -> Wait<F>
where
    F: FnOnce(u32, &Function) -> Result<(), JsValue> + Unpin,
{
    Wait { begin: Some(begin) }
}

impl<F> Future for Wait<F>
where
    F: FnOnce(u32, &Function) -> Result<(), JsValue> + Unpin,
{
    type Output = Option<JsValue>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(begin) = self.begin.take() else {
            return Poll::Ready(OUTCOME.take().filter(|value| !value.is_undefined()));
        };
        let number = NUMBER.get().wrapping_add(1);
        NUMBER.set(number);
        match SETTLED.with(|settled| begin(number, settled.as_ref().unchecked_ref())) {
            Ok(()) => Poll::Pending,
            Err(_) => Poll::Ready(None),
        }
    }
}
