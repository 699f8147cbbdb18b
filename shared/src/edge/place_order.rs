//! Placing an order at an edge: read its key, decide at the gate, read its body, forward it.

use super::answer;
use super::client_request::{self, ClientRequest, RequestBody};
use super::forwarded_request::ForwardedRequest;
use super::route::Route;
use super::state::{EdgeState, EdgeTime};
use super::under_way::UnderWayPlace;
use super::upstream_request::{OriginResponse, UpstreamRequest};
use crate::admission::gate::{Arrival, GateDecision, come_back_ms};
use crate::admission::gone_journeys::GoneLine;
use crate::admission::gone_sales::GoneDecision;
use crate::admission::sale_hint::retry_after_ms;
use crate::admission::wanted_journeys::wanted_of;
use crate::auth::buyer_token::TokenError;
use crate::domain::ids::{BuyerId, OrderId, SaleId};
use crate::domain::order::KeySource;
use crate::domain::refusal::Refusal;
use crate::domain::time::UnixMillis;
use crate::limits::COLD_WAIT_MS;
use crate::seats::SeatRefusal;
use crate::wire::messages::OrderRequest;
use crate::wire::problem::{BusyCause, Code, Problem};
use crate::wire::seat_lines::RefusedLine;

/// `POST /v1/sales/{sale}/orders`. A refusal neither reads the body nor asks an origin.
#[derive(Debug)]
pub(super) struct PlaceOrder {
    sale: SaleId,
    id: OrderId,
    key: KeySource,
    /// For whom the shop vouches, where orders need that.
    vouched: Option<BuyerId>,
    /// What it is for, where its address says so.
    wanted: Option<String>,
    /// Whether that is gone and it asks all the same.
    probes: bool,
    ask: Arrival,
    place: Option<UnderWayPlace>,
}

/// What the gate says.
#[derive(Debug)]
pub(super) enum AtGate {
    /// Wait so many milliseconds and ask again.
    Wait(u64),
    /// The body is to be read.
    Admitted,
}

impl PlaceOrder {
    /// Reads the key, what the order is for and, where orders need one, the buyer's token.
    ///
    /// # Errors
    /// One of them is not valid.
    pub(super) fn begin(
        edge: &mut EdgeState,
        request: &impl ClientRequest,
        sale: &SaleId,
        time: EdgeTime,
    ) -> Result<Self, Problem> {
        let (id, key) = match client_request::order_key(request)? {
            Some((id, key)) => {
                let key = edge.recognise(&id, key);
                (id, key)
            }
            None => {
                let id = edge.new_order_id(time.wall);
                (id.ok_or_else(|| Problem::new(Code::Unavailable))?, KeySource::Made)
            }
        };
        let keys = edge.buyer_keys.as_ref();
        let vouched = client_request::buyer_by_token(keys, request, sale, time.wall);
        let vouched = vouched.map_err(|problem| problem.for_order(&id))?;
        let wanted = wanted(request).map_err(|problem| problem.for_order(&id))?;
        let (sale, ask) = (sale.clone(), Arrival::new(key));
        Ok(Self { sale, id, key, vouched, wanted, probes: false, ask, place: None })
    }

    pub(super) const fn sale(&self) -> &SaleId {
        &self.sale
    }

    pub(super) const fn id(&self) -> &OrderId {
        &self.id
    }

    /// Asks the gate.
    ///
    /// # Errors
    /// The order is refused.
    pub(super) fn at_gate(
        &mut self,
        edge: &mut EdgeState,
        request: &impl ClientRequest,
        now: UnixMillis,
    ) -> Result<AtGate, Problem> {
        if let Some(wanted) = self.wanted.as_ref().filter(|_| !self.probes) {
            match edge.decide_wanted(&self.sale, wanted, self.ask, now) {
                GoneDecision::Refuse(line) => {
                    // Of what is gone for so many nothing may be gone for fewer; what is counted of
                    // refusals has no more words.
                    let counted = match line.refusal {
                        Refusal::NotEnough => Refusal::SoldOut,
                        refusal => refusal,
                    };
                    edge.tally.refused(&self.sale, counted);
                    return Err(gone(line).spread(edge.chance()));
                }
                GoneDecision::Later(ms) => {
                    let refusal = Refusal::Busy(ms);
                    edge.tally.refused(&self.sale, refusal);
                    return Err(refused(refusal, self.key, now, edge.chance()));
                }
                GoneDecision::Probe => self.probes = true,
                GoneDecision::Unknown => {}
            }
        }
        match edge.decide(&self.sale, self.ask, now) {
            GateDecision::Refuse(refusal) => {
                edge.tally.refused(&self.sale, refusal);
                return Err(refused(refusal, self.key, now, edge.chance()));
            }
            GateDecision::Wait => {
                self.ask = self.ask.after_a_retry_interval();
                return Ok(AtGate::Wait(COLD_WAIT_MS));
            }
            GateDecision::Forward => {}
        }
        // Only who may pass is asked how long the body is: of a refusal it is not read.
        client_request::check_length(request)?;
        self.place = edge.enter();
        if self.place.is_none() {
            let ms = retry_after_ms(edge.chance());
            edge.tally.refused(&self.sale, Refusal::Busy(ms));
            return Err(Problem::busy(BusyCause::EdgeUnderWay, ms));
        }
        edge.tally.passed(&self.sale);
        Ok(AtGate::Admitted)
    }

    /// Its way over the origins, now that its body was read.
    ///
    /// # Errors
    /// The body is not valid as far as an edge reads it, or names another buyer than the token.
    pub(super) fn forward<R: OriginResponse>(
        &self,
        edge: &mut EdgeState,
        request: &impl ClientRequest,
        route: &Route,
        body: Option<&impl RequestBody>,
        since: UnixMillis,
    ) -> Result<UpstreamRequest<R>, Problem> {
        let body = client_request::check_body(body)?;
        let reads_buyer = self.vouched.is_some() || edge.router.needs_buyer();
        let buyer = reads_buyer.then(|| buyer_of(&body.bytes())).flatten();
        // A body without a buyer is the origin's to refuse; and whether two names with accents are
        // one, the origin decides, which has the tables.
        let differ =
            |a: &BuyerId, b: &BuyerId| a != b && a.as_str().is_ascii() && b.as_str().is_ascii();
        if let (Some(vouched), Some(buyer)) = (&self.vouched, &buyer)
            && differ(vouched, buyer)
        {
            return Err(Problem::from(TokenError::OtherBuyer));
        }
        edge.tally.forwarded(&self.sale);
        // It may be there from now on.
        edge.calls.ordered(&self.id);
        let order = Some((self.id.clone(), self.key));
        let forwarded =
            ForwardedRequest::new(edge, request, (&self.sale, route), order, Some(body))
                .wanting(self.wanted.as_deref());
        Ok(UpstreamRequest::new(forwarded, buyer, request.client_ip(), since))
    }

    /// What an origin's answer says of the order.
    pub(super) fn answered(&self, edge: &mut EdgeState, status: u16) {
        if matches!(status, 200..=299) {
            edge.seen.add(&self.id);
        }
    }
}

/// The buyer in an order's body. Whether the rest of it makes sense the origin says.
fn buyer_of(body: &[u8]) -> Option<BuyerId> {
    let order: OrderRequest = serde_json::from_slice(body).ok()?;
    BuyerId::parse(&order.buyer).ok()
}

/// What `?for=` says, written anew from what was parsed.
///
/// # Errors
/// See [`wanted_of`].
fn wanted(request: &impl ClientRequest) -> Result<Option<String>, Problem> {
    // Most orders have no query, and nothing is parsed then.
    Ok(wanted_of(request.query())?.map(|wanted| wanted.to_string()))
}

/// The problem of a refusal for the line that is gone.
fn gone(GoneLine { line, refusal, free }: GoneLine) -> Problem {
    let found = SeatRefusal::SoldOut { free };
    let line = u32::try_from(line).unwrap_or(u32::MAX);
    let said = RefusedLine { line, free: Some(free), ..RefusedLine::default() };
    Problem::no_seats(&found, refusal == Refusal::AllHeld, Some(said))
}

/// The problem of a refusal made here, and when to come back.
fn refused(refusal: Refusal, key: KeySource, now: UnixMillis, chance: f64) -> Problem {
    match refusal {
        // A repeated key may stand for an order that is there, and tickets need not be free.
        Refusal::Busy(ms) if key != KeySource::Repeated => Problem::busy(BusyCause::EdgeBudget, ms),
        Refusal::Busy(ms) => answer::busy(ms).spread(chance),
        Refusal::NotOpen(_) => match come_back_ms(refusal, now, chance) {
            Some(ms) => Problem::refusal(refusal).retry_after(ms),
            None => Problem::refusal(refusal),
        },
        _ => Problem::refusal(refusal).spread(chance),
    }
}
