//! What a front calls: the application of all threads, and the handler of each.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use lastseat_http::metrics::page::Page;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

/// The body of an answer: whole, because each is small.
pub type Body = Full<Bytes>;

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its address; an IPv4 address is never written as an IPv6 one. Behind trusted proxies it is
    /// what they report, otherwise the other end of the connection.
    pub address: IpAddr,
    /// Whether the request came to this process over TLS.
    pub tls: bool,
}

/// Answers the requests of one thread.
pub trait Handler {
    /// Answers one request. The front has bounded its head, not its body: whoever reads that bounds
    /// its length and its time.
    ///
    /// Over HTTP/2 the future is dropped when the client cancels the request. What must be finished
    /// whether or not its client stays belongs into a task of its own. Over HTTP/1.1 it is carried
    /// out to its end while the connection lives: a client that has left cannot be distinguished
    /// from one that has only ended its side.
    fn answer(
        &self,
        request: Request<Incoming>,
        client: Client,
    ) -> impl Future<Output = Response<Body>>;
}

/// A [`Handler`] of whatever type: so that what serves connections is compiled once, for buyers and
/// operators, and not with each change of a handler.
pub(super) trait AnyHandler {
    /// As [`Handler::answer`]. The future is in a box, because hyper moves that of each request
    /// about.
    fn answer_boxed(
        &self,
        request: Request<Incoming>,
        client: Client,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + '_>>;
}

impl<H: Handler> AnyHandler for H {
    fn answer_boxed(
        &self,
        request: Request<Incoming>,
        client: Client,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + '_>> {
        Box::pin(self.answer(request, client))
    }
}

/// What is served, shared by all threads.
pub trait Application: Send + Sync + 'static {
    /// What a thread answers with.
    type Handler: Handler + 'static;

    /// Makes the handler of one thread. It is called on that thread, within its runtime and its
    /// `LocalSet`.
    fn handler(self: &Arc<Self>) -> Self::Handler;

    /// What `/readyz` says: lines for the operator of one that serves, where there is something to
    /// say.
    ///
    /// # Errors
    /// What stands in the way of serving, in words.
    fn ready(&self) -> Result<Option<String>, String>;

    /// Adds its own metrics to those of the front.
    fn write_metrics(&self, page: &mut Page);

    /// The gateway stops: from now on there is at most the time of `FINISH` for what was begun.
    fn drain(&self) {}
}
