//! Messages: bodies and header names as they travel.
//!
//! Plain serde; they convert into the types of [`crate::domain::ids`].

use crate::domain::event_details::EventDetails;
use crate::domain::ids::{BuyerId, IdError, OrderId, Quantity, SaleId};
use crate::domain::order::Order;
use crate::domain::order_number::order_number;
use crate::domain::order_state::OrderState;
use crate::domain::payment::OrderMetadata;
use crate::domain::sale::{PageTerms, SaleState, Snapshot};
use crate::domain::time::UnixMillis;
use crate::limits::{ORDER_LINES_MAX, PUBLIC_FREE_FLOOR, PUBLIC_FREE_PART};
use crate::plan::Plan;
use crate::wire::seat_lines::{LineRequest, LineView};
use serde::{Deserialize, Serialize};

/// Header names, in lower case as HTTP libraries want them.
pub mod header {
    /// The order id that the client chose.
    pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
    /// `true` when the answer repeats the outcome of an earlier request.
    pub const IDEMPOTENCY_REPLAYED: &str = "idempotency-replayed";
    /// `1` from a client that repeats a key because the earlier answer was lost.
    pub const RETRY: &str = "lastseat-retry";
    /// The trace that a request belongs to, see [`crate::wire::trace_context`].
    pub const TRACEPARENT: &str = "traceparent";
    /// Origin to edge: the grant.
    pub const GRANT: &str = "lastseat-grant";
    /// Origin to edge, where the edge asks for a sale that the origin does not serve: names of
    /// sales that exist, separated by spaces, at most [`crate::limits::SALES_HEADER_MAX`] bytes.
    pub const SALES: &str = "lastseat-sales";
    /// Origin to edge, in answers to orders whose address says what they are for: what is gone of a
    /// sale with a plan, see [`crate::admission::gone_journeys`].
    pub const GONE: &str = "lastseat-gone";
    /// Edge to origin: the isolate's id.
    pub const EDGE: &str = "lastseat-edge";
    /// Edge to origin: what the isolate has counted since its last report to an origin, see
    /// [`crate::wire::edge_counters`].
    pub const EDGE_COUNTS: &str = "lastseat-edge-counts";
    /// Edge to origin: the calls about orders that the isolate has refused since then.
    pub const EDGE_CALLS: &str = "lastseat-edge-calls";
    /// Edge to origin, in requests that place no order and in the opening of a link: the zone that
    /// the edge stands in, where it has one. It is shown to operators and decides nothing.
    pub const EDGE_ZONE: &str = "lastseat-edge-zone";
    /// Edge to origin: where the order id comes from, see [`super::key_source`].
    pub const KEY: &str = "lastseat-key";
    /// Edge to origin: the client's address as the edge saw it.
    pub const CLIENT_IP: &str = "lastseat-client-ip";
    /// Edge to origin: the edge's signature, see [`crate::auth::edge_signature`].
    pub const SIGNATURE: &str = "lastseat-edge-signature";
    /// Edge to origin: the hash of the body of a change of an order, see
    /// [`crate::auth::edge_signature::body_hash`].
    pub const BODY_HASH: &str = "lastseat-body-hash";
    /// Client to edge to origin: what the shop says of the buyer.
    pub const BUYER_TOKEN: &str = "lastseat-buyer-token";
    /// In an answer `busy` of an origin that has room for orders: `client`, it is this client that
    /// asked too much, not all of them; `calls`, too many read and change orders.
    pub const LIMITED: &str = "lastseat-limited";
    /// To the client: the tier that decided, `edge`, `origin` or `ledger`.
    pub const ANSWERED_BY: &str = "lastseat-answered-by";
    /// To the client: how long ago an edge received what it shows of a sale, in milliseconds; `Age`
    /// has whole seconds.
    pub const AGE_MS: &str = "lastseat-age-ms";
    /// To the client: the node that answered.
    pub const NODE: &str = "lastseat-node";
}

/// The words of the header `Lastseat-Key`.
pub mod key_source {
    use crate::domain::order::KeySource;

    /// The word for `key`.
    #[must_use]
    pub const fn word(key: KeySource) -> &'static str {
        match key {
            KeySource::Made => "made",
            KeySource::Sent => "sent",
            KeySource::Repeated | KeySource::Known => "repeated",
        }
    }

    /// Reads the word; anything else counts as sent by a client, which is the careful reading.
    #[must_use]
    pub fn parse(word: &str) -> KeySource {
        match word {
            "made" => KeySource::Made,
            "repeated" => KeySource::Repeated,
            _ => KeySource::Sent,
        }
    }
}

/// Body of `POST /v1/sales/{sale}/orders`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderRequest {
    /// Who buys.
    #[cfg_attr(feature = "openapi", schema(value_type = BuyerId))]
    pub buyer: String,
    /// How many tickets; 1 when absent. Only in a sale without a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "crate::wire::json_integer::given")]
    #[cfg_attr(feature = "openapi", schema(value_type = Quantity, required = false))]
    pub quantity: Option<u64>,
    /// What it asks for in a sale that has a plan, all or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, min_items = 1, max_items = 8))]
    pub lines: Option<Vec<LineRequest>>,
}

impl OrderRequest {
    /// The valid buyer, read by `buyer`, and number of tickets, of all lines where there are some.
    /// What the lines name is for a [`Plan`] to say.
    ///
    /// # Errors
    /// The sentence that says what to change.
    pub fn parse(
        &self,
        buyer: impl Fn(&str) -> Result<BuyerId, IdError>,
    ) -> Result<(BuyerId, Quantity), IdError> {
        let tickets = match &self.lines {
            None => self.quantity.unwrap_or(1),
            Some(_) if self.quantity.is_some() => return Err(IdError::Lines),
            Some(lines) if !(1..=ORDER_LINES_MAX).contains(&lines.len()) => {
                return Err(IdError::Lines);
            }
            Some(lines) => {
                lines.iter().fold(0, |sum: u64, line| sum.saturating_add(line.tickets()))
            }
        };
        Ok((buyer(&self.buyer)?, Quantity::new(tickets)?))
    }
}

/// An order in an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderView {
    /// Its id, a secret of the buyer and the shop: whoever has it may read the order, extend it and
    /// give it back while it is not paid.
    #[cfg_attr(feature = "openapi", schema(value_type = OrderId))]
    pub order_id: String,
    /// Its number, a short name to tell the shop, such as `K3F7-9QXM-2D`. It is derived from the id
    /// and not secret: nobody can do anything with it. Only operators find an order by it, and of a
    /// million orders two may have the same.
    // Absent in the answer of an older node.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub number: String,
    /// The sale.
    #[cfg_attr(feature = "openapi", schema(value_type = SaleId))]
    pub sale: String,
    /// Whose it is.
    #[cfg_attr(feature = "openapi", schema(value_type = BuyerId))]
    pub buyer: String,
    /// Tickets that it has, or had when it was cancelled or expired.
    pub quantity: u32,
    /// Where it is in its life.
    pub state: OrderState,
    /// When it was granted.
    pub created_at: UnixMillis,
    /// Whether it was held and then confirmed: after that only the shop gives it back, unless the
    /// sale has `buyers_cancel`. Absent = no.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub paid: bool,
    /// When its hold ends; absent unless it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub expires_at: Option<UnixMillis>,
    /// Where it is paid: the sale's `pay_url` where that has `{signed}`, filled in and signed. Only
    /// in an answer to a read of an order that is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub pay_url: Option<String>,
    /// What each of its lines has, in their order. Absent in a sale without a plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub lines: Vec<LineView>,
    /// When it was confirmed, or its late payment was refused. Only for the shop and operators, of
    /// an order that was confirmed at once, or of whose payment the shop has said something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub confirmed_at: Option<UnixMillis>,
    /// By which the shop finds the payment. Only for the shop and operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::PaymentReference>))]
    pub reference: Option<String>,
    /// What the shop has stored with it. Only for the shop and operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::OrderMetadata>))]
    pub metadata: Option<serde_json::Value>,
}

impl OrderView {
    /// With what the shop has said of the payment of `order`, which is this one.
    #[must_use]
    pub fn for_shop(mut self, order: &Order) -> Self {
        let at_once = order.state == OrderState::Confirmed && order.deadline.0 == 0;
        self.confirmed_at = at_once.then_some(order.created_at);
        if let Some(note) = &order.payment {
            self.confirmed_at = Some(note.at);
            self.reference = note.payment.reference.as_ref().map(ToString::to_string);
            self.metadata = note.payment.metadata.as_ref().map(OrderMetadata::to_value);
        }
        self
    }

    /// The view of `order`. With the sale's plan, if it has one: without it no lines are shown.
    #[must_use]
    pub fn new(sale: &SaleId, id: &OrderId, order: &Order, plan: Option<&Plan>) -> Self {
        let lines = match (&order.seats, plan) {
            (Some(seats), Some(plan)) => LineView::of_all(plan, &seats.claims),
            _ => Vec::new(),
        };
        Self {
            order_id: id.to_string(),
            number: order_number(sale, id),
            sale: sale.to_string(),
            buyer: order.buyer.to_string(),
            quantity: order.taken,
            state: order.state,
            created_at: order.created_at,
            paid: order.is_paid(),
            expires_at: (order.state == OrderState::Held).then_some(order.deadline),
            pay_url: None,
            lines,
            confirmed_at: None,
            reference: None,
            metadata: None,
        }
    }
}

/// Answer to `GET /v1/sales/{sale}/event`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventView {
    /// The sale.
    #[cfg_attr(feature = "openapi", schema(value_type = SaleId))]
    pub sale: String,
    /// What it sells, as people read it. Absent where the operator has said nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub event: Option<EventDetails>,
    /// When it starts by the clock of its time zone, `2027-04-17T19:30`. Absent where that is not
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub starts_local: Option<String>,
}

/// How much is left, for the public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Availability {
    /// Some are free; the number is in `free`.
    Available,
    /// Few are free: fewer than 100, and fewer than a tenth of the capacity.
    Few,
    /// None is free, some are held.
    AllHeld,
    /// None is free, none is held.
    SoldOut,
}

/// Answer to `GET /v1/sales/{sale}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SaleView {
    /// The sale.
    #[cfg_attr(feature = "openapi", schema(value_type = SaleId))]
    pub sale: String,
    /// Its state.
    pub state: SaleState,
    /// How much is left.
    pub availability: Availability,
    /// Free tickets, unless they are few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub free: Option<u32>,
    /// Whether tickets are held, which may come back. Absent = none is.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub some_held: bool,
    /// Tickets that exist.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::Capacity))]
    pub capacity: u32,
    /// Whether it has a plan. Then `capacity` and `free` count each seat on each leg, and what is
    /// left for a journey is at `/v1/sales/{sale}/seats`. Absent = no.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub plan: bool,
    /// When it opens, if that is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub opens_at: Option<UnixMillis>,
    /// When it closes, if that is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub closes_at: Option<UnixMillis>,
    /// Most tickets in one order.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::wire::openapi::OrderLimit))]
    pub order_limit: u32,
    /// Most tickets of one buyer, if limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub buyer_limit: Option<u32>,
    /// How long a hold lasts, in milliseconds; 0 = orders are confirmed at once.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::wire::openapi::HoldMs))]
    pub hold_ms: u64,
    /// Where the buyer of a held order pays, if the shop has said so: a template in which
    /// `{order_id}`, `{number}` and `{sale}` stand for those of the order, percent-encoded. With
    /// `{signed}` in it the order has it filled in, when it is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub pay_url: Option<String>,
    /// Whether buyers may give back what the shop has confirmed. Absent = no.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub buyers_cancel: bool,
    /// Whether anybody may make the shop's calls: a demonstration on one machine. Absent = no.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub demo: bool,
    /// The ledger's clock when it answered.
    pub now: UnixMillis,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(is: &bool) -> bool {
    !*is
}

impl Availability {
    /// How much is left of a sale that stands as `snapshot` says.
    const fn of(snapshot: &Snapshot) -> Self {
        let free = snapshot.free();
        let few = free < PUBLIC_FREE_FLOOR && free < snapshot.capacity.div_ceil(PUBLIC_FREE_PART);
        match free {
            0 if snapshot.held > 0 => Self::AllHeld,
            0 => Self::SoldOut,
            _ if few => Self::Few,
            _ => Self::Available,
        }
    }
}

impl SaleView {
    /// What the public may see of `snapshot`, and of the terms that the page shows.
    #[must_use]
    pub fn new(sale: &SaleId, snapshot: &Snapshot, page: &PageTerms) -> Self {
        let availability = Availability::of(snapshot);
        let set = |at: UnixMillis| (at.0 > 0).then_some(at);
        Self {
            sale: sale.to_string(),
            state: snapshot.state,
            availability,
            free: (availability == Availability::Available).then(|| snapshot.free()),
            some_held: snapshot.held > 0,
            capacity: snapshot.capacity,
            plan: false,
            opens_at: set(snapshot.terms.opens_at),
            closes_at: set(snapshot.terms.closes_at),
            order_limit: snapshot.terms.order_limit,
            buyer_limit: (snapshot.terms.buyer_limit > 0).then_some(snapshot.terms.buyer_limit),
            hold_ms: snapshot.terms.hold_ms,
            pay_url: page.pay_url.get().map(str::to_owned),
            buyers_cancel: page.buyers_cancel,
            demo: false,
            now: snapshot.at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<(BuyerId, Quantity), String> {
        serde_json::from_str::<OrderRequest>(body)
            .map_err(|e| e.to_string())?
            .parse(BuyerId::parse)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn an_order_of_an_older_node_is_read_without_its_number() {
        let older = r#"{"order_id":"0123456789abcdef","sale":"demo","buyer":"ada","quantity":1,
            "state":"confirmed","created_at":1}"#;
        assert_eq!(serde_json::from_str::<OrderView>(older).unwrap().number, "");
    }

    fn snapshot(capacity: u32, held: u32, confirmed: u32) -> Snapshot {
        Snapshot {
            capacity,
            held,
            confirmed,
            version: 1,
            commit_seq: 1,
            state: SaleState::Open,
            terms: crate::Terms::default(),
            at: UnixMillis(1),
        }
    }

    #[test]
    fn few_are_left_of_a_sale_of_many_and_not_of_a_small_one_that_is_new() {
        use Availability::{AllHeld, Available, Few, SoldOut};
        for (capacity, held, confirmed, says, free) in [
            (6, 0, 0, Available, Some(6)),
            (6, 2, 3, Available, Some(1)),
            (10, 0, 9, Available, Some(1)),
            (11, 0, 10, Few, None),
            (500, 0, 450, Available, Some(50)),
            (500, 0, 451, Few, None),
            (10_000, 0, 9_900, Available, Some(100)),
            (10_000, 0, 9_901, Few, None),
            (6, 1, 5, AllHeld, None),
            (6, 0, 6, SoldOut, None),
            (0, 0, 0, SoldOut, None),
        ] {
            let sale = SaleId::parse("demo").unwrap();
            let view =
                SaleView::new(&sale, &snapshot(capacity, held, confirmed), &PageTerms::default());
            let seen = (view.availability, view.free, view.some_held);
            assert_eq!(seen, (says, free, held > 0), "{capacity} {held} {confirmed}");
        }
    }

    #[test]
    fn a_view_of_an_older_node_is_read_without_what_it_does_not_know() {
        let older = r#"{"sale":"demo","state":"open","availability":"few","capacity":6,
            "order_limit":10,"hold_ms":0,"now":1}"#;
        let view: SaleView = serde_json::from_str(older).unwrap();
        assert_eq!((view.pay_url, view.some_held, view.demo), (None, false, false));
    }

    #[test]
    fn an_order_of_one_ticket_needs_only_a_buyer() {
        let (buyer, quantity) = read(r#"{"buyer":"ada"}"#).unwrap();
        assert_eq!((buyer.as_str(), quantity.get()), ("ada", 1));
    }

    #[test]
    fn each_wrong_body_is_told_what_is_wrong() {
        for (body, word) in [
            (r#"{"quantity":1}"#, "buyer"),
            (r#"{"buyer":"","quantity":1}"#, "buyer"),
            (r#"{"buyer":" a","quantity":1}"#, "buyer"),
            (r#"{"buyer":"a\u0007","quantity":1}"#, "buyer"),
            (r#"{"buyer":"a","quantity":0}"#, "quantity"),
            (r#"{"buyer":"a","quantity":1000000000000}"#, "quantity"),
            (r#"{"buyer":"a","quantity":-1}"#, "-1"),
            (r#"{"buyer":"a","quantity":"1"}"#, "string"),
            (r#"{"buyer":"a","qty":2}"#, "qty"),
            (r#"{"buyer":"a","quantity":1,"lines":[{"class":"b"}]}"#, "not both"),
            (r#"{"buyer":"a","lines":[]}"#, "1 to 8"),
            (r#"{"buyer":"a","lines":[{"class":"b","quantity":1001}]}"#, "quantity"),
            (r#"{"buyer":"a","lines":[{"class":"b","price":1}]}"#, "price"),
        ] {
            let error = read(body).unwrap_err();
            assert!(error.contains(word), "{body}: {error}");
        }
    }
}
