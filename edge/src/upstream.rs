//! Upstream requests: sends a request to one origin after the other, each with a deadline.
//!
//! Who, for how long and what an answer means is decided in [`shared::upstream::forwarding`].

use crate::isolate::Isolate;
use crate::request_headers::{self, Forwarded};
use crate::response::{self, OfOrigin};
use crate::runtime::bindings;
use crate::runtime::{self, Reply, Watch};
use js_sys::Object;
use shared::admission::grant::Supply;
use shared::domain::order::KeySource;
use shared::upstream::forwarding::{self, Attempt, AttemptVerdict, LostRequest, Wait};
use shared::{BuyerId, EdgeCounts, Grant, OrderId, SaleId, UnixMillis};
use std::net::IpAddr;
use wasm_bindgen::JsValue;
use web_sys::{Request, Response};

/// A client's request on its way to an origin. Asking a second origin must do no harm: reading is
/// idempotent, and so is everything under one order id.
pub(crate) struct UpstreamRequest<'a> {
    pub(crate) isolate: &'a Isolate,
    pub(crate) request: &'a Request,
    pub(crate) sale: &'a SaleId,
    pub(crate) method: &'a str,
    /// The address at the origin.
    pub(crate) path: String,
    /// Whose order it is, where the routing needs it.
    pub(crate) buyer: Option<BuyerId>,
    /// When the client's request arrived.
    pub(crate) since: UnixMillis,
    /// By which it waits.
    pub(crate) watch: &'a Watch,
}

impl UpstreamRequest<'_> {
    /// Asks one origin and, if that one fails or is away, another one. `order` is the order to
    /// place, if it is that.
    ///
    /// # Errors
    /// No origin answered.
    pub(crate) async fn run(
        &self,
        order: Option<(&OrderId, KeySource)>,
        body: Option<&JsValue>,
    ) -> Result<Response, LostRequest> {
        let client_ip = request_headers::client_ip(self.isolate, self.request);
        let mut unreported = self.isolate.take_counts(self.sale);
        let reply = self.ask_origins(client_ip, order, body, &mut unreported).await;
        if let Some(counts) = unreported {
            self.isolate.put_back_counts(self.sale, &counts);
        }
        reply
    }

    /// `unreported` are the isolate's counts, until an origin has received them.
    async fn ask_origins(
        &self,
        client: Option<IpAddr>,
        order: Option<(&OrderId, KeySource)>,
        body: Option<&JsValue>,
        unreported: &mut Option<EdgeCounts>,
    ) -> Result<Response, LostRequest> {
        let mut forwarding = forwarding::Forwarding::new(self.since);
        let forwarded = Forwarded {
            isolate: self.isolate,
            request: self.request,
            method: self.method,
            path: &self.path,
        };
        let init = |order, unreported: &Option<EdgeCounts>| {
            request_headers::init(
                forwarded,
                client,
                order,
                body,
                unreported.as_ref(),
                runtime::wall(),
            )
        };
        let mut asks = init(order, unreported);
        let mut repeats = false;
        loop {
            let now = runtime::now();
            let buyer = self.buyer.as_ref();
            let Some((attempt, url)) =
                self.isolate.next_origin(&mut forwarding, client, buyer, now, &self.path)
            else {
                break;
            };
            if attempt.repeats && !repeats {
                repeats = true;
                let order = order.map(|(id, key)| (id, key.repeated()));
                asks = init(order, unreported);
            }
            let (reply, wait) = self.ask_one(&attempt, &url, &asks).await;
            let verdict = AttemptVerdict::of(reply.as_ref().map(OfOrigin).as_ref());
            let received_at = runtime::now();
            let counts_received = reply.as_ref().is_some_and(|r| self.observe(r, now, received_at));
            if counts_received && unreported.take().is_some() {
                // A second origin must not count it again.
                bindings::forget_counts(&asks);
            }
            if verdict == AttemptVerdict::Failed {
                self.isolate.count_failed(self.sale);
            }
            if let Some(why) = reply.as_ref().filter(|_| verdict == AttemptVerdict::EdgeRejected) {
                let why = response::doubt(why).unwrap_or_default();
                self.isolate.rejected_by(attempt.index, &why);
            }
            let unread =
                self.isolate.observed(&mut forwarding, &attempt, verdict, wait, reply, received_at);
            discard(unread);
        }
        let (outcome, unread) = forwarding.end();
        discard(unread);
        outcome
    }

    /// Waits for one origin until it answers or the attempt ends. The second value says how.
    async fn ask_one(
        &self,
        attempt: &Attempt,
        url: &str,
        init: &Object,
    ) -> (Option<Response>, Wait) {
        let look = |now| self.isolate.poll_ms(attempt, now);
        let mut reply = self.watch.fetch(url, init, look(attempt.asked)).await;
        loop {
            let pending = match reply {
                Reply::Here(answer) => return (Some(answer), Wait::Over),
                Reply::Failed => return (None, Wait::Over),
                Reply::Pending(pending) => pending,
            };
            let now = runtime::now();
            if let Some(wait) = self.isolate.ends(attempt, now) {
                return (None, wait);
            }
            reply = self.watch.wait_on(&pending, look(now)).await;
        }
    }

    /// Caches the grant of a response, received `now`, to what was sent at `asked`; returns whether
    /// the node has received this isolate's counts. One that does not serve the sale, or not yet,
    /// has kept nothing.
    fn observe(&self, reply: &Response, asked: UnixMillis, now: UnixMillis) -> bool {
        let grant = bindings::grant(reply).and_then(|text| Grant::parse(&text));
        if let Some(grant) = &grant {
            self.isolate.observe(self.sale, grant, asked, now);
            if grant.supply == Supply::Unknown
                && let Some(names) = bindings::sales(reply)
            {
                self.isolate.list(&names);
            }
        }
        grant.is_some_and(|grant| grant.version > 0)
    }
}

/// Ends an answer that nobody will read, so that its connection is free again.
fn discard(answer: Option<Response>) {
    if let Some(answer) = answer {
        let _ = bindings::discard(&answer);
    }
}
