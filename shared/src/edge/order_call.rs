//! A call about an order at an edge: it reads or changes the order that the address names.
//!
//! The gate of orders does not stand before it, since it sells nothing new; that of calls does
//! ([`crate::admission::order_calls`]).

use super::answer;
use super::client_request::{self, ClientRequest, RequestBody};
use super::forwarded_request::ForwardedRequest;
use super::route::Route;
use super::state::EdgeState;
use super::under_way::UnderWayPlace;
use super::upstream_request::{OriginResponse, UpstreamRequest};
use crate::admission::order_calls::{self, OrderCall, OrderCallAnswer};
use crate::domain::ids::{OrderId, SaleId};
use crate::domain::time::UnixMillis;
use crate::wire::problem::Problem;

/// `GET` of an order, and `POST` of a change of it.
#[derive(Debug)]
pub(super) struct CallOrder {
    sale: SaleId,
    /// As the address has it.
    id: OrderId,
    /// As a key is read: a UUID is one order in any spelling.
    canonical: OrderId,
    token: Option<String>,
    writes: bool,
    confirms: bool,
    place: Option<UnderWayPlace>,
}

impl CallOrder {
    pub(super) fn new(sale: &SaleId, id: &OrderId, route: &Route) -> Self {
        Self {
            sale: sale.clone(),
            id: id.clone(),
            canonical: OrderId::of_request(id.as_str()).unwrap_or_else(|_| id.clone()),
            token: None,
            writes: matches!(route, Route::Change(..)),
            confirms: matches!(route, Route::Change(.., "confirm")),
            place: None,
        }
    }

    pub(super) const fn id(&self) -> &OrderId {
        &self.id
    }

    /// Whether it changes something. What only reads has changed nothing, wherever it got lost.
    pub(super) const fn writes(&self) -> bool {
        self.writes
    }

    /// Asks the gate of calls; says whether the body is to be read.
    ///
    /// # Errors
    /// The call is refused, or something in its head is not valid.
    pub(super) fn at_gate(
        &mut self,
        edge: &mut EdgeState,
        request: &impl ClientRequest,
        now: UnixMillis,
    ) -> Result<bool, Problem> {
        if self.writes {
            client_request::check_authorization(request)?;
        }
        self.token = client_request::passable(request.authorization());
        let call = OrderCall {
            sale: &self.sale,
            exists: false,
            order: &self.canonical,
            known: false,
            client: request.client_ip(),
            token: self.token.as_deref(),
            lookups: 1,
        };
        self.place = edge.enter_call(call, now);
        if self.place.is_none() {
            edge.tally.call_refused(&self.sale);
            return Err(answer::busy(order_calls::come_back_ms(edge.chance())));
        }
        let has_body = self.writes && request.has_body();
        if has_body {
            client_request::check_length(request)?;
        }
        Ok(has_body)
    }

    /// Its way over the origins.
    pub(super) fn forward<R: OriginResponse>(
        &self,
        edge: &mut EdgeState,
        request: &impl ClientRequest,
        route: &Route,
        body: Option<&impl RequestBody>,
        since: UnixMillis,
    ) -> UpstreamRequest<R> {
        let forwarded = ForwardedRequest::new(edge, request, (&self.sale, route), None, body);
        UpstreamRequest::new(forwarded, None, request.client_ip(), since)
    }

    /// What the status of an answer says of the order and of the token.
    pub(super) fn answered(&self, edge: &mut EdgeState, status: u16, now: UnixMillis) {
        match OrderCallAnswer::of(status) {
            OrderCallAnswer::There => edge.seen.add(&self.canonical),
            OrderCallAnswer::Absent => edge.calls.was_absent(&self.canonical, now),
            OrderCallAnswer::Other => {}
        }
        // Only a confirmation needs the token.
        if self.confirms
            && let Some(token) = &self.token
            && let Some(accepted) = order_calls::accepts_token(status)
        {
            edge.calls.saw_token(token, accepted, now);
        }
    }
}
