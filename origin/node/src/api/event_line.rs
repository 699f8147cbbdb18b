//! Event lines: the log of a sale as NDJSON, one event a line.
//!
//! `orders export` prints these lines and `relay` delivers them.

use serde::Serialize;
use serde_json::Value;
use shared::domain::sale::Terms;
use shared::ledger_model::event_log::{Entry, Event};
use shared::plan::Plan;
use shared::seats::SeatClaim;
use shared::seats::order_lines::text_of_claims;
use shared::wire::seat_lines::LineView;
use shared::{
    OrderMetadata, OrderState, PaymentNote, PaymentReference, SaleId, SaleState, UnixMillis,
};
use std::io::{self, Write};
use utoipa::ToSchema;

/// Most lines of a page of the log that a caller may name.
pub const LOG_LINES_MAX: usize = 10_000;

/// All kinds of events.
pub const EVENT_KINDS: [&str; 17] = [
    "held",
    "confirmed",
    "reduced",
    "cancelled",
    "expired",
    "extended",
    "retaken",
    "refused_late",
    "sale_created",
    "sale_planned",
    "sale_scheduled",
    "sale_opened",
    "sale_paused",
    "sale_closed",
    "sale_restocked",
    "sale_changed",
    "sale_healed",
];

/// One event of a sale. `commit_seq` and `index` together name it for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct EventLine {
    /// The sale.
    pub sale: String,
    /// Position of its entry in the log: 1, 2, 3 ... without gaps, save before `sale_healed`.
    /// Events of one entry happened at once.
    pub commit_seq: u64,
    /// Place within its entry, from 0.
    pub index: u32,
    /// When it happened, by the ledger's clock. A sale that opens or closes by itself does so with
    /// the first script after the moment that was set: within a second while a node runs. That
    /// moment is the `opens_at` or `closes_at` of the last `sale_created` or `sale_changed` before.
    pub at: UnixMillis,
    /// The sale's version after its entry.
    pub version: u64,
    /// What happened: `held`, `confirmed`, `reduced` (gave a part back and stays what it is),
    /// `cancelled`, `expired`, `extended`, `retaken` (paid late, got tickets again), `refused_late`
    /// (paid late, refund), or `sale_created`, `sale_planned` (that sale has this plan),
    /// `sale_scheduled`, `sale_opened`, `sale_paused`, `sale_closed`, `sale_restocked`,
    /// `sale_changed`, `sale_healed` (Redis had lost the end of the log; the numbers before this
    /// entry are gone).
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Who did it: the name of a token (`lastseat token create`), or `operator`, `shop`, `ledger`.
    /// Absent where the sale's clock or a buyer did it, and in events of earlier versions; in a
    /// sale without a plan also for changes of orders, and for all but its last 256 changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub by: Option<String>,
    /// The order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub order_id: Option<String>,
    /// Whose it is; in the event that granted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub buyer: Option<String>,
    /// The tickets that the order has from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub quantity: Option<u32>,
    /// What each of its lines has from now on, with the seats by name. In a sale that has a plan.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub lines: Vec<LineView>,
    /// The lines that it asked for, as the ledger stores them: a repeat of the order must ask for
    /// the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub asked: Option<String>,
    /// The same as `lines` as the ledger stores it, a claim for each line that it asked for:
    /// `0.2-8.2=12+13` are the seats 12 and 13 of class 0 from stop 2 to stop 8, counted from 0 in
    /// the sequence of the plan. `orders replay` reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub claims: Option<String>,
    /// By which the shop finds the payment, where it has said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PaymentReference>, nullable = false, required = false)]
    pub reference: Option<String>,
    /// What the shop has stored with the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OrderMetadata>, nullable = false, required = false)]
    pub metadata: Option<Value>,
    /// When that was said, in an event with a reference or metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub confirmed_at: Option<UnixMillis>,
    /// The plan of a sale that was created with one, in its shortest form.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    pub plan: Option<Value>,
    /// When its hold ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub deadline: Option<UnixMillis>,
    /// True where the order was acknowledged before, the ledger had lost it, and it is as it was
    /// acknowledged. It may have been in the log before, under a number that is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub restored: Option<bool>,
    /// The state of a sale that was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub state: Option<SaleState>,
    /// The tickets that the sale has from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub capacity: Option<u32>,
    /// The terms that the sale has from now on: when it opens by itself; 0 = not by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub opens_at: Option<UnixMillis>,
    /// When it closes by itself; 0 = not by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub closes_at: Option<UnixMillis>,
    /// How long a hold lasts, in milliseconds; 0 = orders are confirmed at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hold_ms: Option<u64>,
    /// Most tickets of one buyer; 0 = no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub buyer_limit: Option<u32>,
    /// Most tickets in one order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub order_limit: Option<u32>,
}

impl EventLine {
    /// Writes it as one line of JSON.
    ///
    /// # Errors
    /// `to` does not take it.
    pub fn write_to(&self, to: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *to, self)?;
        to.write_all(b"\n")
    }

    fn say(&mut self, terms: &Terms) {
        self.opens_at = Some(terms.opens_at);
        self.closes_at = Some(terms.closes_at);
        self.hold_ms = Some(terms.hold_ms);
        self.buyer_limit = Some(terms.buyer_limit);
        self.order_limit = Some(terms.order_limit);
    }
}

/// The lines of one entry of the log, in order. `plan` is the one of the sale: without it seats of
/// an entry that has some are not named.
#[must_use]
pub fn export(sale: &SaleId, entry: &Entry, plan: Option<&Plan>) -> Vec<EventLine> {
    let line = |(index, event)| {
        let line = line(sale, entry, index, event);
        let claims = claims(event);
        let lines = plan.map_or_else(Vec::new, |plan| LineView::of_all(plan, claims));
        let claims = (!claims.is_empty()).then(|| text_of_claims(claims));
        EventLine { lines, asked: asked(event), claims, ..line }
    };
    (0..).zip(&entry.events).map(line).collect()
}

/// What the order of an event has from now on.
fn claims(event: &Event) -> &[SeatClaim] {
    match event {
        Event::Granted { seats: Some(seats), .. } => &seats.claims,
        Event::Confirmed { claims: Some(claims), .. }
        | Event::Retaken { claims: Some(claims), .. }
        | Event::Reduced { claims, .. } => claims,
        Event::Restored { order, .. } => {
            order.seats.as_ref().map_or(&[], |seats| seats.claims.as_slice())
        }
        _ => &[],
    }
}

/// What an event says of the payment of its order.
fn payment(event: &Event) -> Option<&PaymentNote> {
    match event {
        Event::Confirmed { payment, .. }
        | Event::Retaken { payment, .. }
        | Event::RefusedLate { payment, .. } => payment.as_deref(),
        Event::Restored { order, .. } => order.payment.as_deref(),
        _ => None,
    }
}

fn asked(event: &Event) -> Option<String> {
    let seats = match event {
        Event::Granted { seats, .. } => seats.as_ref(),
        Event::Restored { order, .. } => order.seats.as_ref(),
        _ => None,
    };
    seats.map(|seats| seats.lines.to_string())
}

fn line(sale: &SaleId, entry: &Entry, index: u32, event: &Event) -> EventLine {
    let mut line = EventLine {
        sale: sale.to_string(),
        commit_seq: entry.commit_seq,
        index,
        at: entry.at,
        version: entry.version,
        kind: kind(event),
        by: entry.maker(index as usize).map(ToString::to_string),
        order_id: event.order().map(ToString::to_string),
        buyer: None,
        quantity: None,
        lines: Vec::new(),
        asked: None,
        claims: None,
        reference: None,
        metadata: None,
        confirmed_at: None,
        plan: None,
        deadline: None,
        restored: None,
        state: None,
        capacity: None,
        opens_at: None,
        closes_at: None,
        hold_ms: None,
        buyer_limit: None,
        order_limit: None,
    };
    if let Some(note) = payment(event) {
        line.reference = note.payment.reference.as_ref().map(ToString::to_string);
        line.metadata = note.payment.metadata.as_ref().map(OrderMetadata::to_value);
        line.confirmed_at = Some(note.at);
    }
    match event {
        Event::Created { capacity, terms, state } => {
            line.capacity = Some(*capacity);
            line.say(terms);
            line.state = Some(*state);
        }
        // Texts and numbers alone: nothing in it can fail.
        Event::Plan(plan) => line.plan = serde_json::to_value(plan.to_document()).ok(),
        Event::Capacity(capacity) => line.capacity = Some(*capacity),
        Event::Terms(terms) => line.say(terms),
        Event::Granted { quantity, deadline, buyer, .. } => {
            line.buyer = Some(buyer.to_string());
            line.quantity = Some(*quantity);
            line.deadline = (deadline.0 > 0).then_some(*deadline);
        }
        Event::Confirmed { quantity, .. }
        | Event::Reduced { quantity, .. }
        | Event::Retaken { quantity, .. } => {
            line.quantity = Some(*quantity);
        }
        Event::Extended { deadline, .. } => line.deadline = Some(*deadline),
        Event::Restored { order, .. } => {
            line.restored = Some(true);
            line.buyer = Some(order.buyer.to_string());
            line.quantity = Some(order.taken);
            line.deadline = (order.state == OrderState::Held).then_some(order.deadline);
        }
        Event::State(_)
        | Event::RefusedLate { .. }
        | Event::Cancelled(_)
        | Event::Expired(_)
        | Event::Healed { .. } => {}
    }
    line
}

/// The word of the API for `event`.
const fn kind(event: &Event) -> &'static str {
    match event {
        Event::Created { .. } => "sale_created",
        Event::Plan(_) => "sale_planned",
        Event::State(SaleState::Scheduled) => "sale_scheduled",
        Event::State(SaleState::Open) => "sale_opened",
        Event::State(SaleState::Paused) => "sale_paused",
        Event::State(SaleState::Closed) => "sale_closed",
        Event::Capacity(_) => "sale_restocked",
        Event::Terms(_) => "sale_changed",
        // A sale without hold time confirms at once.
        Event::Granted { deadline, .. } if deadline.0 == 0 => "confirmed",
        Event::Granted { .. } => "held",
        Event::Confirmed { .. } => "confirmed",
        Event::Reduced { .. } => "reduced",
        Event::Retaken { .. } => "retaken",
        Event::RefusedLate { .. } => "refused_late",
        Event::Cancelled(_) => "cancelled",
        Event::Expired(_) => "expired",
        Event::Extended { .. } => "extended",
        Event::Healed { .. } => "sale_healed",
        Event::Restored { order, .. } if order.refused_late => "refused_late",
        Event::Restored { order, .. } => order.state.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let sale = SaleId::parse("spring").unwrap();
        let entry = Entry::parse(7, &format!("1 1763862000123 3\n{text}")).unwrap();
        let lines = export(&sale, &entry, None);
        lines.iter().map(|line| serde_json::to_string(line).unwrap()).collect()
    }

    #[test]
    fn a_hold_says_whose_it_is_and_when_it_ends() {
        let id = "0123456789abcdef";
        let said = lines(&format!("e {id}\ng {id} 2 1763862600123 ada"));
        assert_eq!(
            said[1],
            concat!(
                r#"{"sale":"spring","commit_seq":7,"index":1,"at":1763862000123,"version":3,"#,
                r#""type":"held","order_id":"0123456789abcdef","buyer":"ada","quantity":2,"#,
                r#""deadline":1763862600123}"#
            )
        );
        assert!(said[0].contains(r#""index":0"#) && said[0].contains(r#""type":"expired""#));
    }

    #[test]
    fn an_order_without_hold_time_is_confirmed_at_once() {
        let said = lines("g 0123456789abcdef 1 0 ada");
        assert!(said[0].contains(r#""type":"confirmed""#) && !said[0].contains("deadline"));
    }

    #[test]
    fn a_changed_sale_says_all_its_terms() {
        let said = lines("T 0 0 5000 4 10\nK 900\nS paused");
        assert!(said[0].ends_with(concat!(
            r#""type":"sale_changed","opens_at":0,"closes_at":0,"hold_ms":5000,"#,
            r#""buyer_limit":4,"order_limit":10}"#
        )));
        assert!(said[1].ends_with(r#""type":"sale_restocked","capacity":900}"#));
        assert!(said[2].ends_with(r#""type":"sale_paused"}"#));
    }

    #[test]
    fn the_kind_of_each_event_is_among_those_that_a_filter_can_name() {
        let id = "0123456789abcdef";
        let mut text = "C 9 0 0 0 0 1 open\nK 9\nT 0 0 5 0 1\nH 3".to_owned();
        for state in ["scheduled", "open", "paused", "closed"] {
            text.push_str(&format!("\nS {state}"));
        }
        for event in ["g ID 1 8 ada", "g ID 1 0 ada", "c ID 1", "t ID 1", "l ID", "x ID", "e ID"] {
            text.push_str(&format!("\n{}", event.replace("ID", id)));
        }
        text.push_str(&format!("\nd {id} 9\nk {id} 1 0.0-1.1=3"));
        for state in ["h", "c", "x", "e", "l"] {
            text.push_str(&format!("\nR {id} 1{state}:2:1:5:9:ada"));
        }
        let sale = SaleId::parse("spring").unwrap();
        let entry = Entry::parse(7, &format!("1 5 6\n{text}")).unwrap();
        let mut kinds: Vec<&str> = export(&sale, &entry, None).iter().map(|l| l.kind).collect();
        kinds.push("sale_planned");
        assert!(kinds.iter().all(|kind| EVENT_KINDS.contains(kind)), "{kinds:?}");
        assert!(EVENT_KINDS.iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
    }

    #[test]
    fn events_of_a_sale_with_a_plan_name_its_seats() {
        let plan = r#"{"format":1,"stops":["A","B"],"classes":[{"id":"s","coaches":[{"ids":"7",
            "rows":"1-2","letters":"AB"}]}]}"#;
        let plan = Plan::from_json(plan).unwrap();
        let id = "0123456789abcdef";
        let text = format!(
            "2 1763862000123 3\nP {}\ng {id} 2 0 ada 0.0-1.2r 0.0-1.2=2+3\nk {id} 1 0.0-1.1=3",
            plan.to_json()
        );
        let entry = Entry::parse(1, &text).unwrap();
        let lines = export(&SaleId::parse("spring").unwrap(), &entry, Some(&plan));
        let said: Vec<String> =
            lines.iter().map(|line| serde_json::to_string(line).unwrap()).collect();
        let has = |at: usize, text: &str| assert!(said[at].contains(text), "{text}: {}", said[at]);
        has(0, r#""type":"sale_planned","plan":{"#);
        has(
            1,
            concat!(
                r#""quantity":2,"lines":[{"class":"s","from":"A","to":"B","quantity":2,"#,
                r#""seats":["7-2A","7-2B"]}],"asked":"0.0-1.2r","claims":"0.0-1.2=2+3"}"#
            ),
        );
        has(2, r#""type":"reduced","#);
        has(
            2,
            concat!(
                r#""quantity":1,"lines":[{"class":"s","from":"A","to":"B","quantity":1,"#,
                r#""seats":["7-2B"]}],"claims":"0.0-1.1=3"}"#
            ),
        );
    }
}
