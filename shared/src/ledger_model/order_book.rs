//! Order book: orders replayed from the event log.

use crate::domain::ids::{BuyerId, OrderId};
use crate::domain::order::Order;
use crate::domain::order_state::OrderState;
use crate::domain::payment::PaymentNote;
use crate::domain::time::UnixMillis;
use crate::ledger_model::event_log::{Entry, Event};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The orders of one sale as far as they are known.
///
/// Applying an entry sets what its events name. That is idempotent and in order the last one wins,
/// so applying entries to orders that were read somewhere in the middle of them gives the state at
/// their end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderBook {
    orders: HashMap<OrderId, Order>,
}

/// Tickets counted from orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderCount {
    /// Tickets in held orders; in a sale with a plan places on each leg.
    pub held: u64,
    /// The same in confirmed orders.
    pub confirmed: u64,
    /// Tickets of each buyer who has some.
    pub buyers: HashMap<BuyerId, u64>,
    /// Orders by state.
    pub states: BTreeMap<&'static str, u64>,
    /// Cancelled or expired orders of each buyer who has some; without those that were cancelled
    /// before they came.
    pub ended: HashMap<BuyerId, u64>,
    /// Orders that were cancelled before they came.
    pub cancelled_early: u64,
}

impl From<HashMap<OrderId, Order>> for OrderBook {
    fn from(orders: HashMap<OrderId, Order>) -> Self {
        Self { orders }
    }
}

/// What an event says of a payment stays, where it says something.
fn note(order: &mut Order, payment: &Option<Arc<PaymentNote>>) {
    if payment.is_some() {
        order.payment.clone_from(payment);
    }
}

impl OrderBook {
    /// The order with this id, if it is known.
    #[must_use]
    pub fn get(&self, id: &OrderId) -> Option<&Order> {
        self.orders.get(id)
    }

    /// All orders that are known.
    pub fn whole(&self) -> impl Iterator<Item = (&OrderId, &Order)> {
        self.orders.iter()
    }

    /// Brings the orders forward by one entry. Events of orders that are not known (their beginning
    /// was trimmed from the log) are passed over.
    pub fn apply(&mut self, entry: &Entry) {
        for event in &entry.events {
            self.apply_event(entry.at, event);
        }
    }

    /// As [`OrderBook::apply`], for one event of an entry that was written at `at`.
    pub fn apply_event(&mut self, at: UnixMillis, event: &Event) {
        if let Event::Granted { id, quantity, deadline, buyer, seats } = event {
            let held = deadline.0 > 0;
            self.orders.insert(
                id.clone(),
                Order {
                    buyer: buyer.clone(),
                    state: if held { OrderState::Held } else { OrderState::Confirmed },
                    asked: *quantity,
                    taken: *quantity,
                    created_at: at,
                    deadline: *deadline,
                    refused_late: false,
                    seats: seats.clone(),
                    payment: None,
                },
            );
            return;
        }
        if let Event::Restored { id, order } = event {
            self.orders.insert(id.clone(), order.clone());
            return;
        }
        let Some(order) = event.order().and_then(|id| self.orders.get_mut(id)) else {
            return;
        };
        match event {
            Event::Confirmed { quantity, claims, payment, .. }
            | Event::Retaken { quantity, claims, payment, .. } => {
                order.state = OrderState::Confirmed;
                order.keep(*quantity, claims.as_deref());
                note(order, payment);
            }
            Event::Reduced { quantity, claims, .. } => order.keep(*quantity, Some(claims)),
            Event::RefusedLate { payment, .. } => {
                order.refused_late = true;
                note(order, payment);
            }
            Event::Cancelled(_) => order.state = OrderState::Cancelled,
            Event::Expired(_) => order.state = OrderState::Expired,
            Event::Extended { deadline, .. } => order.deadline = *deadline,
            Event::Created { .. }
            | Event::Plan(_)
            | Event::State(_)
            | Event::Capacity(_)
            | Event::Terms(_)
            | Event::Healed { .. }
            | Event::Restored { .. }
            | Event::Granted { .. } => {}
        }
    }

    /// Counts the tickets.
    #[must_use]
    pub fn count(&self) -> OrderCount {
        let mut count = OrderCount::default();
        for order in self.orders.values() {
            *count.states.entry(order.state.as_str()).or_default() += 1;
            let taken = u64::from(order.taking());
            match order.state {
                OrderState::Held => count.held += u64::from(order.places()),
                OrderState::Confirmed => count.confirmed += u64::from(order.places()),
                OrderState::Cancelled | OrderState::Expired => {
                    if order.is_tombstone() {
                        count.cancelled_early += 1;
                    } else {
                        *count.ended.entry(order.buyer.clone()).or_default() += 1;
                    }
                    continue;
                }
            }
            *count.buyers.entry(order.buyer.clone()).or_default() += taken;
        }
        count
    }
}
