//! Upstream request: one request's way over the origins, with what each answer teaches the edge.
//!
//! Who is asked, for how long and what an answer means is decided in
//! [`crate::upstream::forwarding`].

use super::forwarded_request::ForwardedRequest;
use super::state::{EdgeNotice, EdgeState};
use crate::admission::gate::Observation;
use crate::admission::grant::{Grant, Supply};
use crate::domain::ids::BuyerId;
use crate::domain::time::UnixMillis;
use crate::upstream::balancer::RouteKey;
use crate::upstream::forwarding::{
    Attempt, AttemptVerdict, Forwarding, LostRequest, UpstreamResponse, Wait,
};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

/// An origin's response, as far as an edge reads it. A response that is dropped is read by nobody:
/// its shell ends it.
pub trait OriginResponse: UpstreamResponse {
    /// The grant.
    fn grant(&self) -> Option<Grant>;
    /// The header `Lastseat-Sales`: which sales exist.
    fn sales(&self) -> Option<Cow<'_, str>>;
    /// The header `Lastseat-Gone`: what is gone of a sale with a plan.
    fn gone(&self) -> Option<Cow<'_, str>>;
    /// The header `ETag`.
    fn etag(&self) -> Option<Cow<'_, str>>;
    /// Why the origin rejected this edge's signature, if it did.
    fn rejection(&self) -> Option<Cow<'_, str>>;
    /// The header `Lastseat-Answered-By`.
    fn answered_by(&self) -> Option<Cow<'_, str>>;
    /// The header `Lastseat-Node`.
    fn node(&self) -> Option<Cow<'_, str>>;
}

/// An origin to ask now.
#[derive(Clone, Debug)]
pub struct AskOrigin {
    /// Which one, as [`crate::upstream::balancer::Router::url`] counts.
    pub index: usize,
    /// The address of the request there.
    pub url: String,
    /// What it is asked.
    pub request: Arc<ForwardedRequest>,
}

/// A request's way over the origins. `R` is an origin's response.
#[derive(Debug)]
pub struct UpstreamRequest<R> {
    forwarding: Forwarding<R>,
    attempt: Option<Attempt>,
    request: Arc<ForwardedRequest>,
    /// Whose order it is, where the routing needs it.
    buyer: Option<BuyerId>,
    client: Option<IpAddr>,
}

impl<R: OriginResponse> UpstreamRequest<R> {
    /// The way of `request`, which arrived at `since`.
    #[must_use]
    pub fn new(
        request: ForwardedRequest,
        buyer: Option<BuyerId>,
        client: Option<IpAddr>,
        since: UnixMillis,
    ) -> Self {
        Self {
            forwarding: Forwarding::new(since),
            attempt: None,
            request: Arc::new(request),
            buyer,
            client,
        }
    }

    /// The origin to ask now; `None` when nobody is to be asked any more ([`Self::end`]).
    pub fn next(&mut self, edge: &mut EdgeState, now: UnixMillis) -> Option<AskOrigin> {
        // Reads and changes are routed by themselves: no batch gathers them.
        let order = self.request.order.is_some();
        let sender = RouteKey {
            ip: self.client,
            buyer: self.buyer.as_ref(),
            chance: [edge.chance(), edge.chance()],
            turn: if order { edge.turn.origin(now) } else { None },
        };
        let attempt = self.forwarding.next(&mut edge.router, &sender, now)?;
        if order {
            edge.turn.goes_to(attempt.index, now);
        }
        if attempt.repeats
            && let Some(order) = &mut Arc::make_mut(&mut self.request).order
        {
            order.key = order.key.repeated();
        }
        self.attempt = Some(attempt);
        let path = &self.request.path;
        let url = format!("{}{path}", edge.router.url(attempt.index).unwrap_or_default());
        Some(AskOrigin { index: attempt.index, url, request: Arc::clone(&self.request) })
    }

    /// How long to wait for the origin that is being asked before [`Self::ends`] is asked, in
    /// milliseconds.
    #[must_use]
    pub fn poll_ms(&self, edge: &EdgeState, now: UnixMillis) -> u64 {
        self.attempt.map_or(0, |attempt| attempt.poll_ms(&edge.router, now))
    }

    /// Whether the wait for that origin is over although nothing came, and how.
    pub fn ends(&self, edge: &mut EdgeState, now: UnixMillis) -> Option<Wait> {
        self.attempt.map_or(Some(Wait::Over), |attempt| attempt.ends(&mut edge.router, now))
    }

    /// Takes in what came back from that origin, if anything did.
    pub fn replied(
        &mut self,
        edge: &mut EdgeState,
        response: Option<R>,
        wait: Wait,
        now: UnixMillis,
    ) {
        let Some(attempt) = self.attempt.take() else {
            return;
        };
        let verdict = AttemptVerdict::at_end(wait, response.as_ref());
        if let Some(response) = &response
            && self.observe(edge, response, attempt.asked, now)
            && self.request.counts.is_some()
        {
            // A second origin must not count it again.
            Arc::make_mut(&mut self.request).counts = None;
        }
        match verdict {
            AttemptVerdict::Failed | AttemptVerdict::NotSent => {
                edge.tally.failed(&self.request.sale)
            }
            AttemptVerdict::EdgeRejected => {
                let why = response.as_ref().and_then(R::rejection);
                edge.rejected_by(attempt.index, &why.unwrap_or_default());
            }
            _ => {}
        }
        let router = &mut edge.router;
        drop(self.forwarding.observed(&attempt, verdict, wait, response, router, now));
    }

    /// The end: the client's answer, if an origin gave one.
    ///
    /// # Errors
    /// No origin answered.
    pub fn end(mut self, edge: &mut EdgeState) -> Result<R, LostRequest> {
        self.put_back_counts(edge);
        self.forwarding.end().0
    }

    /// Keeps what no origin received, for the next request.
    fn put_back_counts(&mut self, edge: &mut EdgeState) {
        if let Some(counts) = &self.request.counts {
            edge.tally.put_back(&self.request.sale, counts);
        }
    }

    /// Caches the grant of a response, received `now`, to what was sent at `asked`; returns whether
    /// the node has received this edge's counts. One that does not serve the sale, or not yet, has
    /// kept nothing.
    fn observe(
        &self,
        edge: &mut EdgeState,
        response: &R,
        asked: UnixMillis,
        now: UnixMillis,
    ) -> bool {
        let Some(grant) = response.grant() else {
            return false;
        };
        let when = Observation { asked, now, chance: edge.chance() };
        edge.gates.observe(&self.request.sale, &grant, when);
        // Nodes say it in answers to orders that say what they are for.
        let gone = self.request.wanted.as_ref().and_then(|_| response.gone());
        if gone.is_some() || !edge.gone.is_empty() {
            edge.gone.observe(&self.request.sale, (&grant, gone.as_deref()), when);
        }
        if grant.supply == Supply::Unknown
            && let Some(names) = response.sales()
        {
            edge.list(&names);
        }
        grant.version > 0
    }
}

impl EdgeState {
    /// An origin rejected this edge's signature. Buyers cannot help that, so it is said to the
    /// operator, once for each origin.
    fn rejected_by(&mut self, index: usize, why: &str) {
        if self.rejected.insert(index) {
            let origin = self.router.url(index).unwrap_or_default().to_owned();
            self.notices.push(EdgeNotice::Rejected { origin, why: why.to_owned() });
        }
    }
}
