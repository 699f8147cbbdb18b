//! Exported log: reads back what `orders export` printed.
//!
//! The shop's copy of the log is the journal from which a ledger that was restored from a backup
//! learns what it forgot.

use serde::Deserialize;
use serde_json::Value;
use shared::limits::PLAN_BYTES_MAX;
use shared::plan::Plan;
use shared::seats::OrderSeats;
use shared::seats::order_lines::claims_of_text;
use shared::{BuyerId, Order, OrderId, OrderMetadata, OrderState, Payment, PaymentReference};
use shared::{Quantity, SaleId, SaleState, Terms, UnixMillis};
use std::collections::HashMap;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

const DAMAGED: &str =
    "\"asked\" or \"claims\" cannot be read, or are of different orders: export the log again";
/// Longest line, in bytes. The longest that `orders export` prints is that of a plan; that of an
/// order with the most seats is below 64 KiB.
const LINE_MAX: u64 = (PLAN_BYTES_MAX + 16 * 1024) as u64;

/// What should have become of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It waits for payment.
    Held,
    /// It was paid for and has so many tickets.
    Confirmed(Quantity),
    /// Its hold ended; the ledger's clock ends a restored hold as well.
    Expired,
    /// It was given back, or its late payment was refused: it must have no tickets.
    Over,
}

impl Fate {
    /// After an event of this kind; `None` where the fate stays, as after `extended`, `reduced` and
    /// what later versions may tell of orders.
    fn after(kind: &str, quantity: Option<Quantity>) -> Result<Option<Self>, String> {
        Ok(Some(match (kind, quantity) {
            ("held", _) => Self::Held,
            ("confirmed" | "retaken", Some(quantity)) => Self::Confirmed(quantity),
            ("confirmed" | "retaken", None) => return Err("it has no \"quantity\"".to_owned()),
            ("expired", _) => Self::Expired,
            ("cancelled" | "refused_late", _) => Self::Over,
            _ => return Ok(None),
        }))
    }
}

/// An order of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedOrder {
    /// Its id.
    pub id: OrderId,
    /// Whose it is and what it asked for; absent when the journal begins after its grant.
    pub grant: Option<(BuyerId, Quantity)>,
    /// Where the journal leaves it.
    pub fate: Fate,
    /// What the shop has said of its payment.
    pub payment: Payment,
    /// The whole order as the journal leaves it, in a sale with a plan; absent when the journal
    /// begins after its grant.
    pub by_plan: Option<Order>,
}

/// What a journal tells of one sale.
#[derive(Debug, Default)]
pub struct ExportedLog {
    /// The orders, in the sequence of their first mention.
    pub orders: Vec<ExportedOrder>,
    /// The last capacity that it mentions.
    pub capacity: Option<u64>,
    /// The plan of the sale, if it has one and the journal begins with its creation.
    pub plan: Option<Arc<Plan>>,
    /// The last terms and the last state that it mentions.
    pub terms: Option<Terms>,
    /// See `terms`.
    pub state: Option<SaleState>,
    /// The last `commit_seq`.
    pub end: u64,
    /// Positions that are missing before its end: first and last of each gap.
    pub gaps: Vec<(u64, u64)>,
    /// Whether the last line was cut, as a crash of its writer does.
    pub cut: bool,
    places: HashMap<OrderId, usize>,
    /// The last line that counted: commit_seq and index.
    last: (u64, u64),
}

/// The fields of a line that matter here.
#[derive(Deserialize)]
struct Line {
    sale: String,
    commit_seq: u64,
    index: u64,
    #[serde(rename = "type")]
    kind: String,
    order_id: Option<String>,
    buyer: Option<String>,
    quantity: Option<u64>,
    capacity: Option<u64>,
    #[serde(default)]
    at: u64,
    deadline: Option<u64>,
    asked: Option<String>,
    claims: Option<String>,
    reference: Option<String>,
    metadata: Option<Value>,
    confirmed_at: Option<u64>,
    plan: Option<Value>,
    opens_at: Option<u64>,
    closes_at: Option<u64>,
    hold_ms: Option<u64>,
    buyer_limit: Option<u32>,
    order_limit: Option<u32>,
    state: Option<SaleState>,
}

impl Line {
    fn terms(&self) -> Option<Terms> {
        Some(Terms {
            opens_at: UnixMillis(self.opens_at?),
            closes_at: UnixMillis(self.closes_at?),
            hold_ms: self.hold_ms?,
            buyer_limit: self.buyer_limit?,
            order_limit: self.order_limit?,
        })
    }

    /// The state that the sale has after it, where it says one.
    fn sale_state(&self) -> Option<SaleState> {
        self.state
            .or_else(|| SaleState::parse(self.kind.strip_prefix("sale_")?))
            .or_else(|| (self.kind == "sale_opened").then_some(SaleState::Open))
    }

    /// What it says of the payment.
    fn payment(&self) -> Result<Payment, String> {
        let reference = self.reference.as_deref().map(PaymentReference::parse).transpose();
        let metadata = self.metadata.as_ref().map(OrderMetadata::new).transpose();
        Ok(Payment {
            reference: reference.map_err(|e| e.to_string())?,
            metadata: metadata.map_err(|e| e.to_string())?,
        })
    }

    /// The order that this line grants, or restores, with its seats.
    fn granted(&self, buyer: Option<&BuyerId>) -> Result<Option<Order>, String> {
        let (Some(lines), Some(claims), Some(buyer)) = (&self.asked, &self.claims, buyer) else {
            return Ok(None);
        };
        let seats = OrderSeats::parse(lines, claims).ok_or(DAMAGED)?;
        Ok(Some(Order {
            buyer: buyer.clone(),
            state: OrderState::Held,
            asked: seats.lines.tickets(),
            taken: seats.tickets(),
            created_at: UnixMillis(self.at),
            deadline: UnixMillis(self.deadline.unwrap_or(0)),
            refused_late: false,
            seats: Some(Arc::new(seats)),
            payment: None,
        }))
    }

    /// Brings an order with seats to what this line says of it.
    fn change(&self, order: &mut Order) -> Result<(), String> {
        if let Some(claims) = &self.claims {
            let claims = claims_of_text(claims).ok_or(DAMAGED)?;
            order.keep(claims.iter().map(|claim| claim.quantity).sum(), Some(&claims));
        }
        let noted = self.payment()?.noted(UnixMillis(self.confirmed_at.unwrap_or(self.at)));
        if noted.is_some() {
            order.payment = noted;
        }
        if let Some(deadline) = self.deadline {
            order.deadline = UnixMillis(deadline);
        }
        match self.kind.as_str() {
            "held" => order.state = OrderState::Held,
            "confirmed" | "retaken" => order.state = OrderState::Confirmed,
            "cancelled" => order.state = OrderState::Cancelled,
            "expired" => order.state = OrderState::Expired,
            "refused_late" => {
                order.state = OrderState::Expired;
                order.refused_late = true;
            }
            // It stays what it is, with another deadline or less.
            _ => {}
        }
        Ok(())
    }
}

impl ExportedLog {
    /// Reads the lines of `sale`; those of other sales are passed over, and a line that comes twice
    /// (an export that was started again) counts once.
    ///
    /// # Errors
    /// A sentence with the number of the line that is none of `orders export`.
    pub fn read(sale: &SaleId, mut from: impl BufRead) -> Result<Self, String> {
        let mut journal = Self::default();
        let mut text = Vec::new();
        for number in 1_u64.. {
            text.clear();
            let read = from
                .by_ref()
                .take(LINE_MAX)
                .read_until(b'\n', &mut text)
                .map_err(|e: io::Error| format!("line {number} cannot be read: {e}"))?;
            if read == 0 {
                break;
            }
            let whole = text.ends_with(b"\n");
            if text.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice::<Line>(&text) {
                Ok(line) if line.sale == sale.as_str() => {
                    journal.take(&line).map_err(|what| format!("line {number}: {what}"))?
                }
                Ok(_) => {}
                Err(_) if !whole && (read as u64) < LINE_MAX => journal.cut = true,
                Err(e) => {
                    return Err(format!(
                        "line {number} is none that `lastseat orders export` prints: {e}"
                    ));
                }
            }
        }
        Ok(journal)
    }

    fn take(&mut self, line: &Line) -> Result<(), String> {
        let place = (line.commit_seq, line.index);
        if self.end > 0 && place <= self.last {
            return Ok(());
        }
        // What is missing before that was lost by Redis, not by the export.
        let healed = line.kind == "sale_healed";
        if self.end > 0 && line.commit_seq > self.end + 1 && !healed {
            self.gaps.push((self.end + 1, line.commit_seq - 1));
        }
        self.end = line.commit_seq;
        self.last = place;
        if let Some(capacity) = line.capacity {
            self.capacity = Some(capacity);
        }
        self.terms = line.terms().or(self.terms);
        self.state = line.sale_state().or(self.state);
        if let Some(plan) = &line.plan {
            let plan = Plan::from_json(&plan.to_string()).map_err(|e| e.to_string())?;
            self.plan = Some(Arc::new(plan));
        }
        let Some(id) = &line.order_id else {
            return Ok(());
        };
        let id = OrderId::parse(id).map_err(|e| e.to_string())?;
        // An order that was cancelled before it came has none.
        let quantity = line.quantity.filter(|tickets| *tickets > 0).map(Quantity::new).transpose();
        let quantity = quantity.map_err(|e| e.to_string())?;
        let buyer = line.buyer.as_deref().map(BuyerId::parse).transpose();
        let buyer = buyer.map_err(|e| e.to_string())?;
        let Some(fate) = Fate::after(&line.kind, quantity)? else {
            let known = self.places.get(&id).map(|place| &mut self.orders[*place]);
            let order = known.and_then(|exported| exported.by_plan.as_mut());
            return order.map_or(Ok(()), |order| line.change(order));
        };
        let is_tombstone = line.quantity == Some(0) && fate == Fate::Over;
        let granted = if is_tombstone && self.plan.is_some() {
            Some(Order::tombstone(UnixMillis(line.at)))
        } else {
            line.granted(buyer.as_ref())?
        };
        let payment = line.payment()?;
        let place = *self.places.entry(id.clone()).or_insert_with(|| {
            let payment = Payment::default();
            self.orders.push(ExportedOrder { id, grant: None, fate, payment, by_plan: None });
            self.orders.len() - 1
        });
        let exported = &mut self.orders[place];
        exported.fate = fate;
        if payment != Payment::default() {
            exported.payment = payment;
        }
        if granted.is_some() {
            exported.by_plan = granted;
        }
        if let Some(order) = &mut exported.by_plan {
            line.change(order)?;
        }
        if let (Some(buyer), Some(quantity)) = (buyer, quantity) {
            exported.grant = Some((buyer, quantity));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ExportedLog, String> {
        ExportedLog::read(&SaleId::parse("spring").unwrap(), text.as_bytes())
    }

    fn line(seq: u64, kind: &str, more: &str) -> String {
        format!(
            r#"{{"sale":"spring","commit_seq":{seq},"index":0,"at":1,"version":1,"type":"{kind}"{more}}}"#
        ) + "\n"
    }

    const ADA: &str = r#","order_id":"0123456789abcdef","buyer":"ada","quantity":2"#;
    const PAID: &str = r#","order_id":"0123456789abcdef","quantity":1"#;
    const OVER: &str = r#","order_id":"0123456789abcdef""#;

    #[test]
    fn the_last_word_on_an_order_counts_and_its_grant_is_kept() {
        let text = line(1, "sale_created", r#","capacity":9,"state":"open""#)
            + &line(2, "held", ADA)
            + &line(3, "confirmed", PAID);
        let journal = read(&text).unwrap();
        let [exported] = &journal.orders[..] else { panic!("{:?}", journal.orders) };
        let two = Quantity::new(2).unwrap();
        assert_eq!(exported.grant, Some((BuyerId::parse("ada").unwrap(), two)));
        assert_eq!(exported.fate, Fate::Confirmed(Quantity::new(1).unwrap()));
        assert_eq!((journal.capacity, journal.end), (Some(9), 3));
        let over = read(&(text + &line(4, "cancelled", OVER))).unwrap();
        assert_eq!(over.orders[0].fate, Fate::Over);
        assert!(over.orders[0].grant.is_some());
    }

    #[test]
    fn lines_that_come_twice_count_once_and_gaps_are_named() {
        let text = line(2, "held", ADA) + &line(3, "cancelled", OVER);
        let journal = read(&(text.clone() + &text + &line(7, "expired", OVER))).unwrap();
        assert_eq!(journal.orders[0].fate, Fate::Expired);
        assert_eq!(journal.gaps, [(4, 6)]);
    }

    #[test]
    fn a_last_line_that_was_cut_is_passed_over_and_any_other_is_refused() {
        let text = line(2, "held", ADA) + r#"{"sale":"spr"#;
        let journal = read(&text).unwrap();
        assert!(journal.cut && journal.orders.len() == 1);
        let refused = read(&(text + "\n")).unwrap_err();
        assert!(refused.contains("line 2"), "{refused}");
        let without = line(2, "confirmed", OVER);
        assert!(read(&without).unwrap_err().contains("quantity"));
    }

    #[test]
    fn other_sales_are_passed_over() {
        let text = line(2, "held", ADA).replace("spring", "autumn");
        assert!(read(&text).unwrap().orders.is_empty());
    }

    #[test]
    fn an_order_that_was_cancelled_before_it_came_is_read_as_one_that_is_over() {
        let early = format!(r#"{OVER},"buyer":"-","quantity":0,"restored":true"#);
        let journal = read(&line(2, "cancelled", &early)).unwrap();
        let [exported] = &journal.orders[..] else { panic!("{:?}", journal.orders) };
        assert_eq!((exported.fate, &exported.grant), (Fate::Over, &None));
    }

    #[test]
    fn of_a_sale_with_a_plan_the_whole_order_is_read_as_the_journal_leaves_it() {
        let plan = r#","plan":{"format":1,"classes":[{"id":"a","name":"A","standing":9}]}"#;
        let terms = concat!(
            r#","capacity":9,"opens_at":0,"closes_at":0,"hold_ms":5,"buyer_limit":0,"#,
            r#""order_limit":4,"state":"open""#
        );
        let more = |more: &str| format!("{OVER}{more}");
        let held =
            r#","buyer":"ada","quantity":3,"deadline":6,"asked":"0.0-1.3a","claims":"0.0-1.3""#;
        let text = line(1, "sale_created", terms)
            + &line(2, "sale_planned", plan)
            + &line(3, "held", &more(held))
            + &line(4, "reduced", &more(r#","quantity":2,"claims":"0.0-1.2""#))
            + &line(5, "extended", &more(r#","deadline":9"#))
            + &line(6, "sale_paused", "");
        let journal = read(&text).unwrap();
        let pack = |journal: &ExportedLog| journal.orders[0].by_plan.as_ref().unwrap().pack();
        assert_eq!(pack(&journal), "2h:3:2:1:9:0.0-1.3a:0.0-1.2::ada");
        assert_eq!((journal.plan.unwrap().places(), journal.terms.unwrap().hold_ms), (9, 5));
        assert_eq!(journal.state, Some(SaleState::Paused));
        let paid = more(r#","quantity":1,"claims":"0.0-1.1""#);
        let journal = read(&(text.clone() + &line(7, "confirmed", &paid))).unwrap();
        assert_eq!(pack(&journal), "2c:3:1:1:9:0.0-1.3a:0.0-1.1::ada");
        let late = line(7, "expired", OVER) + &line(8, "refused_late", OVER);
        let journal = read(&(text + &late)).unwrap();
        assert_eq!(pack(&journal), "2l:3:2:1:9:0.0-1.3a:0.0-1.2::ada");
    }
}
