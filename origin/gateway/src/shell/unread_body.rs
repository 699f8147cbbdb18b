//! Body of a request that was answered without it, over HTTP/2.
//!
//! Dropped early, it makes the library reset its stream. What of it is still under way then arrives
//! for a stream that the library has forgotten, which counts as an error of the client: after 64 of
//! them the whole connection ends. Behind a proxy that is the connection of many buyers, and each
//! refusal is answered without its body.

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use shared::limits::{BODY_MAX, EDGE_ATTEMPT_MS};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::time::timeout;

/// How long the rest of a body is waited for.
const WITHIN: Duration = Duration::from_millis(EDGE_ATTEMPT_MS);

/// Receives the rest of `body`, as far as it is not too long, and forgets it. Mostly it is there
/// already; else a task waits for it, of which a connection has no more than streams.
pub(super) fn receive(mut body: Incoming) {
    let mut left = BODY_MAX;
    if poll_rest(&mut body, &mut left, &mut Context::from_waker(Waker::noop())).is_pending() {
        let rest = poll_fn(move |context| poll_rest(&mut body, &mut left, context));
        drop(tokio::task::spawn_local(timeout(WITHIN, rest)));
    }
}

fn poll_rest(body: &mut Incoming, left: &mut usize, context: &mut Context<'_>) -> Poll<()> {
    while *left > 0 {
        match ready!(Pin::new(&mut *body).poll_frame(context)) {
            Some(Ok(frame)) => *left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len)),
            Some(Err(_)) | None => break,
        }
    }
    Poll::Ready(())
}
