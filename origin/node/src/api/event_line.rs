//! Event lines: the log of a sale as NDJSON, one event a line.
//!
//! `orders export` prints these lines and `relay` delivers them.

use serde::Serialize;
use shared::domain::sale::Terms;
use shared::ledger_model::event_log::{Entry, Event};
use shared::{OrderState, SaleId, SaleState, UnixMillis};
use std::io::{self, Write};
use utoipa::ToSchema;

/// Most lines of a page of the log that a caller may name.
pub const LOG_LINES_MAX: usize = 10_000;

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
    /// When it happened, by the ledger's clock.
    pub at: UnixMillis,
    /// The sale's version after its entry.
    pub version: u64,
    /// What happened: `held`, `confirmed`, `cancelled`, `expired`, `extended`, `retaken` (paid
    /// late, got tickets again), `refused_late` (paid late, refund), or `sale_created`,
    /// `sale_scheduled`, `sale_opened`, `sale_paused`, `sale_closed`, `sale_restocked`,
    /// `sale_changed`, `sale_healed` (Redis had lost the end of the log; the numbers before this
    /// entry are gone).
    #[serde(rename = "type")]
    pub kind: &'static str,
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

/// The lines of one entry of the log, in order.
#[must_use]
pub fn export(sale: &SaleId, entry: &Entry) -> Vec<EventLine> {
    (0..).zip(&entry.events).map(|(index, event)| line(sale, entry, index, event)).collect()
}

fn line(sale: &SaleId, entry: &Entry, index: u32, event: &Event) -> EventLine {
    let mut line = EventLine {
        sale: sale.to_string(),
        commit_seq: entry.commit_seq,
        index,
        at: entry.at,
        version: entry.version,
        kind: kind(event),
        order_id: event.order().map(ToString::to_string),
        buyer: None,
        quantity: None,
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
    match event {
        Event::Created { capacity, terms, state } => {
            line.capacity = Some(*capacity);
            line.say(terms);
            line.state = Some(*state);
        }
        Event::Capacity(capacity) => line.capacity = Some(*capacity),
        Event::Terms(terms) => line.say(terms),
        Event::Granted { quantity, deadline, buyer, .. } => {
            line.buyer = Some(buyer.to_string());
            line.quantity = Some(*quantity);
            line.deadline = (deadline.0 > 0).then_some(*deadline);
        }
        Event::Confirmed { quantity, .. } | Event::Retaken { quantity, .. } => {
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
        | Event::RefusedLate(_)
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
        Event::Retaken { .. } => "retaken",
        Event::RefusedLate(_) => "refused_late",
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
        let lines = export(&sale, &entry);
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
}
