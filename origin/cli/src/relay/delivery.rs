//! Body of a delivery: the events of one entry of the log, each with what its order says.
//!
//! The log names the buyer of an order once, in the event that granted it, and its payment where
//! that was said. A receiver needs nothing but the delivery, so the rest is taken from the order as
//! it stands when the delivery is made.

use super::filter::EventFilter;
use super::sign::buyer_hash;
use bytes::Bytes;
use lastseat_node::api::event_line::{self, EventLine};
use lastseat_node::secret::Secret;
use serde::Serialize;
use shared::ledger_model::event_log::{Entry, Event};
use shared::plan::Plan;
use shared::wire::seat_lines::LineView;
use shared::{Order, OrderId, SaleId, SaleState, Terms};
use std::collections::HashMap;
use std::sync::Arc;

/// How deliveries name the buyer of an order.
#[derive(Clone, Debug, Default)]
pub enum BuyerNaming {
    /// As the order has it.
    #[default]
    Plain,
    /// By a hash under this secret, which stays the same while other secrets are replaced.
    Hashed(Secret),
    /// Not at all.
    Absent,
}

/// What is read beside some entries of a log.
#[derive(Debug, Default)]
pub(super) struct Background {
    /// The plan of the sale, where its entries have seats.
    pub(super) plan: Option<Arc<Plan>>,
    /// The orders of [`orders_of`], as they stand.
    pub(super) orders: HashMap<OrderId, Order>,
    /// The terms of the sale, as they stand.
    pub(super) terms: Terms,
}

/// What a delivery says. Events name their entry, too, so that each stands for itself.
#[derive(Serialize)]
struct Delivery<'a> {
    sale: &'a str,
    commit_seq: u64,
    events: Vec<DeliveredEvent>,
}

#[derive(Serialize)]
struct DeliveredEvent {
    #[serde(flatten)]
    line: EventLine,
    #[serde(skip_serializing_if = "Option::is_none")]
    buyer_hash: Option<String>,
}

/// One body, and how many events are in it.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Bytes,
    pub(super) events: u64,
}

/// The orders whose events do not say all by themselves, each once.
pub(super) fn orders_of(entries: &[Entry]) -> Vec<OrderId> {
    let events = entries.iter().flat_map(|entry| &entry.events);
    let whole = |event: &&Event| matches!(event, Event::Granted { .. } | Event::Restored { .. });
    let others = events.filter(|event| !whole(event));
    let mut ids: Vec<OrderId> = others.filter_map(Event::order).cloned().collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The body for `entry`; `None` where `filter` takes none of its events.
///
/// # Errors
/// It cannot be written as JSON.
pub(super) fn body(
    sale: &SaleId,
    entry: &Entry,
    beside: &Background,
    (filter, naming): (&EventFilter, &BuyerNaming),
) -> Result<Option<Body>, serde_json::Error> {
    let lines = event_line::export(sale, entry, beside.plan.as_deref());
    let mut events = Vec::with_capacity(lines.len());
    for (mut line, event) in lines.into_iter().zip(&entry.events) {
        if filter.takes(line.kind) {
            complete(&mut line, event, beside);
            events.push(named(line, naming));
        }
    }
    if events.is_empty() {
        return Ok(None);
    }
    let count = events.len() as u64;
    let delivery = Delivery { sale: sale.as_str(), commit_seq: entry.commit_seq, events };
    Ok(Some(Body { bytes: serde_json::to_vec(&delivery)?.into(), events: count }))
}

/// Adds what the log does not say again: whose the order is, how it was paid, which seats it has or
/// had, and at which moment that was set the sale opened or closed.
fn complete(line: &mut EventLine, event: &Event, beside: &Background) {
    let terms = &beside.terms;
    // Neither moment can be another one by now: one that has come is not changed any more. An
    // opening or closing by hand before it has nothing to do with it.
    match event {
        Event::State(SaleState::Open) if (1..=line.at.0).contains(&terms.opens_at.0) => {
            line.opens_at = Some(terms.opens_at);
        }
        Event::State(SaleState::Closed) if (1..=line.at.0).contains(&terms.closes_at.0) => {
            line.closes_at = Some(terms.closes_at);
        }
        _ => {}
    }
    let order = event.order().and_then(|id| beside.orders.get(id));
    // One that was cancelled before it came is nobody's.
    let Some(order) = order.filter(|order| !order.is_tombstone()) else {
        return;
    };
    line.buyer.get_or_insert_with(|| order.buyer.to_string());
    if line.reference.is_none() {
        let reference = order.payment.as_ref().and_then(|note| note.payment.reference.as_ref());
        line.reference = reference.map(ToString::to_string);
    }
    if line.lines.is_empty()
        && let (Some(plan), Some(seats)) = (&beside.plan, &order.seats)
    {
        line.lines = LineView::of_all(plan, &seats.claims);
    }
    let ended = matches!(event, Event::Expired(_) | Event::RefusedLate { .. });
    if ended && order.deadline.0 > 0 {
        line.deadline.get_or_insert(order.deadline);
    }
}

fn named(mut line: EventLine, naming: &BuyerNaming) -> DeliveredEvent {
    let buyer_hash = match (naming, &line.buyer) {
        (BuyerNaming::Hashed(secret), Some(buyer)) => Some(buyer_hash(secret, buyer)),
        _ => None,
    };
    if !matches!(naming, BuyerNaming::Plain) {
        line.buyer = None;
    }
    DeliveredEvent { line, buyer_hash }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::UnixMillis;

    const ID: &str = "0123456789abcdef";

    fn events(text: &str, beside: &Background, naming: &BuyerNaming) -> serde_json::Value {
        let entry = Entry::parse(7, &format!("1 1763862000123 3\n{text}")).unwrap();
        let sale = SaleId::parse("spring").unwrap();
        let all = EventFilter::all();
        let body = body(&sale, &entry, beside, (&all, naming)).unwrap().unwrap();
        let said: serde_json::Value = serde_json::from_slice(&body.bytes).unwrap();
        said["events"].clone()
    }

    fn beside(record: &str) -> Background {
        let id = OrderId::parse(ID).unwrap();
        let order = Order::unpack(&id, record).unwrap();
        Background { orders: HashMap::from([(id, order)]), ..Background::default() }
    }

    #[test]
    fn each_event_of_an_order_names_its_buyer_its_payment_and_when_its_hold_ended() {
        let paid = beside("3c:2:2:5:9:7,pi_3,:ada");
        for line in [format!("c {ID} 2"), format!("x {ID}"), format!("d {ID} 9")] {
            let said = events(&line, &paid, &BuyerNaming::Plain);
            assert_eq!(said[0]["buyer"], "ada", "{line}");
            assert_eq!(said[0]["reference"], "pi_3", "{line}");
        }
        let said = events(&format!("e {ID}"), &beside("1e:2:2:5:9:ada"), &BuyerNaming::Plain);
        assert_eq!((&said[0]["buyer"], &said[0]["deadline"]), (&"ada".into(), &9.into()));
        // What was cancelled before it came is nobody's, and an order that is gone says nothing.
        let said = events(&format!("x {ID}"), &beside("1x:0:0:5:0:-"), &BuyerNaming::Plain);
        assert!(said[0].get("buyer").is_none());
        let said = events(&format!("x {ID}"), &Background::default(), &BuyerNaming::Plain);
        assert!(said[0].get("buyer").is_none());
    }

    #[test]
    fn a_buyer_is_named_by_a_hash_or_not_at_all_where_the_endpoint_wants_it_so() {
        let paid = beside("1c:2:2:5:9:ada");
        let secret = Secret::new("0123456789abcdef0123456789abcdef".to_owned());
        let line = format!("g 1123456789abcdef 1 0 ben\nc {ID} 2");
        let said = events(&line, &paid, &BuyerNaming::Hashed(secret));
        let hashes: Vec<&str> = (0..2).map(|i| said[i]["buyer_hash"].as_str().unwrap()).collect();
        assert!(hashes[0] != hashes[1] && hashes.iter().all(|hash| hash.len() == 64));
        assert!(!said.to_string().contains("ada") && !said.to_string().contains("ben"));
        let said = events(&line, &paid, &BuyerNaming::Absent);
        assert!(!said.to_string().contains("ada") && !said.to_string().contains("buyer"));
    }

    #[test]
    fn a_sale_that_opens_or_closes_by_itself_says_the_moment_that_was_set() {
        let at = UnixMillis(1_763_862_000_000);
        let terms = Terms { opens_at: at, closes_at: at.plus(100), ..Terms::default() };
        let beside = Background { terms, ..Background::default() };
        let said = events("S open\nS closed\nS paused", &beside, &BuyerNaming::Plain);
        assert_eq!(said[0]["opens_at"], at.0);
        assert_eq!(said[1]["closes_at"], at.0 + 100);
        assert!(said[2].get("opens_at").is_none() && said[0].get("closes_at").is_none());
        // By hand, before the moment came.
        let terms = Terms { opens_at: at.plus(1_000), ..Terms::default() };
        let beside = Background { terms, ..Background::default() };
        let said = events("S open", &beside, &BuyerNaming::Plain);
        assert!(said[0].get("opens_at").is_none());
    }
}
