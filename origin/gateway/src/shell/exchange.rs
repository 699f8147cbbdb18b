//! Carries out an exchange with what a server has.

use super::gateway_request::{GatewayBody, GatewayRequest};
use super::origin_response::GatewayResponse;
use super::plain_client::NoAnswer;
use super::respond;
use super::thread::Thread;
use super::unread_body;
use crate::front::{Body, Client};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response, Version};
use lastseat_link::LinkError;
use shared::UnixMillis;
use shared::edge::exchange::{Exchange, ExchangeStep};
use shared::edge::forwarded_request::ForwardedRequest;
use shared::edge::upstream_request::AskOrigin;
use shared::limits::BODY_MAX;
use shared::link::LinkOrder;
use shared::upstream::forwarding::Wait;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Answers any request. What has to wait for something is a task of its own: over HTTP/2 a client
/// that leaves ends this call, and what an origin's answer says to the edge must not be lost.
pub(super) async fn answer(
    thread: &Rc<Thread>,
    request: Request<Incoming>,
    client: Client,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let has_body = !body.is_end_stream();
    let request = GatewayRequest { head, client, has_body };
    let time = thread.shell.clock.now();
    let (exchange, step) = thread.edge(|edge| Exchange::begin(edge, &request, time));
    if let ExchangeStep::Answer(answer) = step {
        leave_unread(&request, Some(body));
        return respond::answer(answer, exchange.cors(), &request.head, &thread.shell.page);
    }
    let waiting = Waiting { thread: Rc::clone(thread), request, sent: Some(body), body: None };
    // In a box, because the runtime moves what it is given about before it polls it.
    let task = tokio::task::spawn_local(Box::pin(waiting.carry_out(exchange, step)));
    // A task ends early only with its thread.
    task.await.unwrap_or_else(|_| respond::ended())
}

/// The body of this request is not needed.
fn leave_unread(request: &GatewayRequest, body: Option<Incoming>) {
    if let Some(body) = body
        && request.has_body
        && request.head.version == Version::HTTP_2
    {
        unread_body::receive(body);
    }
}

/// A request that waits for something.
struct Waiting {
    thread: Rc<Thread>,
    request: GatewayRequest,
    /// The body, until it is read.
    sent: Option<Incoming>,
    body: Option<GatewayBody>,
}

impl Waiting {
    async fn carry_out(
        mut self,
        mut exchange: Exchange<GatewayResponse>,
        mut step: ExchangeStep<GatewayResponse>,
    ) -> Response<Body> {
        let thread = Rc::clone(&self.thread);
        let now = || thread.shell.clock.steady();
        loop {
            step = match step {
                ExchangeStep::Answer(answer) => {
                    leave_unread(&self.request, self.sent.take());
                    let (head, page) = (&self.request.head, &thread.shell.page);
                    return respond::answer(answer, exchange.cors(), head, page);
                }
                ExchangeStep::Wait(ms) => {
                    match exchange.gate() {
                        Some(sale) => thread.shell.waiters.wait(sale, ms).await,
                        None => sleep(Duration::from_millis(ms)).await,
                    }
                    thread.edge(|edge| exchange.waited(edge, &self.request, now()))
                }
                ExchangeStep::ReadBody(until) => {
                    self.body = self.read_body(until.since(now())).await;
                    let body = self.body.as_ref();
                    thread.edge(|edge| exchange.body_read(edge, &self.request, body, now()))
                }
                ExchangeStep::Ask(ask) => {
                    let (response, wait) = self.ask(&exchange, &ask).await;
                    let waiters = &thread.shell.waiters;
                    let (step, room) = thread.edge(|edge| {
                        let step = exchange.replied(edge, response, wait, now());
                        let any = waiters.any();
                        (step, if any { edge.gate_room(&ask.request.sale) } else { 0 })
                    });
                    if room > 0 {
                        waiters.wake(&ask.request.sale, room);
                    }
                    step
                }
                ExchangeStep::ReadResponse(response, _) => {
                    let body = std::str::from_utf8(&response.body).ok();
                    thread.edge(|edge| exchange.response_read(edge, &self.request, body, now()))
                }
            };
        }
    }

    /// The whole body, if it arrives within `ms` and is not far too long: then it counts as one
    /// that is too long by a byte.
    async fn read_body(&mut self, ms: u64) -> Option<GatewayBody> {
        let sent = self.sent.take()?;
        let read = Limited::new(sent, BODY_MAX).collect();
        match timeout(Duration::from_millis(ms), read).await.ok()? {
            Ok(body) => Some(GatewayBody(body.to_bytes())),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                Some(GatewayBody(Bytes::from_static(&[0; BODY_MAX + 1])))
            }
            Err(_) => None,
        }
    }

    /// Asks one origin and waits until it answers or the attempt ends. The second value says how.
    async fn ask(
        &self,
        exchange: &Exchange<GatewayResponse>,
        ask: &AskOrigin,
    ) -> (Option<GatewayResponse>, Wait) {
        let order = ask.request.order.is_some();
        match self.thread.link(ask.index).filter(|_| order) {
            Some(link) => {
                let order = link_order(&ask.request, self.body.as_ref());
                match self.watched(exchange, link.ask(&order)).await {
                    Err(wait) => (None, wait),
                    Ok(Ok(answer)) => (Some(answer.into()), Wait::Over),
                    Ok(Err(LinkError::NotSent)) => (None, Wait::NotSent),
                    Ok(Err(LinkError::Full | LinkError::TurnedAway)) => (None, Wait::Full),
                    Ok(Err(LinkError::Broken)) => (None, Wait::Over),
                    Ok(Err(LinkError::Plain)) => Box::pin(self.ask_plainly(exchange, ask)).await,
                }
            }
            // In a box: what few wait for must not make the task of every order large.
            None => Box::pin(self.ask_plainly(exchange, ask)).await,
        }
    }

    async fn ask_plainly(
        &self,
        exchange: &Exchange<GatewayResponse>,
        ask: &AskOrigin,
    ) -> (Option<GatewayResponse>, Wait) {
        let Some(request) = self.plain_request(ask) else {
            return (None, Wait::NotSent);
        };
        match self.watched(exchange, self.thread.plain.ask(request)).await {
            Err(wait) => (None, wait),
            Ok(Ok(answer)) => (Some(answer), Wait::Over),
            Ok(Err(NoAnswer::NotSent)) => (None, Wait::NotSent),
            Ok(Err(NoAnswer::Broken)) => (None, Wait::Over),
        }
    }

    /// Waits for `asked`.
    ///
    /// # Errors
    /// The attempt ends before: how it does.
    async fn watched<T>(
        &self,
        exchange: &Exchange<GatewayResponse>,
        asked: impl Future<Output = T>,
    ) -> Result<T, Wait> {
        let thread = &self.thread;
        let now = || thread.shell.clock.steady();
        let mut asked = pin!(asked);
        let mut poll_ms = thread.edge(|edge| exchange.poll_ms(edge, now()));
        loop {
            if let Ok(answer) = timeout(Duration::from_millis(poll_ms), asked.as_mut()).await {
                return Ok(answer);
            }
            let end = thread.edge(|edge| {
                poll_ms = exchange.poll_ms(edge, now());
                exchange.ends(edge, now())
            });
            if let Some(wait) = end {
                return Err(wait);
            }
        }
    }

    /// The plain request to an origin; `None` where its address is none.
    fn plain_request(&self, ask: &AskOrigin) -> Option<Request<Full<Bytes>>> {
        let body = self.body.as_ref().map(|GatewayBody(body)| body.clone()).unwrap_or_default();
        let mut request = Request::builder().method(ask.request.method.as_str()).uri(&ask.url);
        let headers = request.headers_mut()?;
        let wall: UnixMillis = super::clock::wall();
        self.thread.edge(|edge| {
            ask.request.headers((&edge.id, &edge.keys), wall, |name, value| {
                if let Ok(value) = HeaderValue::from_str(value) {
                    headers.insert(HeaderName::from_static(name), value);
                }
            });
        });
        request.body(Full::new(body)).ok()
    }
}

/// The order as a link carries it.
fn link_order<'a>(request: &'a ForwardedRequest, body: Option<&'a GatewayBody>) -> LinkOrder<'a> {
    let order = request.order.as_ref();
    LinkOrder {
        sale: request.sale.as_str(),
        id: order.map_or("", |order| order.id.as_str()),
        key: order.map_or(shared::domain::order::KeySource::Sent, |order| order.key),
        client: request.client,
        token: order.and_then(|order| order.buyer_token.as_deref()),
        wanted: request.wanted.as_deref(),
        trace: request.trace,
        counts: request.counts,
        body: body.map_or(&[], |GatewayBody(body)| body),
    }
}
