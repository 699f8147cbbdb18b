//! Steps that concern the whole sale: its clock, due holds, capacity, state and terms.

use super::Sale;
use crate::domain::ids::{Capacity, OrderId};
use crate::domain::order_state::OrderState;
use crate::domain::sale::{PageTerms, SaleChange, SaleState, Terms, TermsChange};
use crate::domain::time::UnixMillis;
use crate::ledger_model::event_log::Event;
use crate::limits::HOLD_TIMES_MAX;

/// One command being carried out.
pub(super) struct Step<'a> {
    pub(super) sale: &'a mut Sale,
    pub(super) now: UnixMillis,
    pub(super) events: Vec<Event>,
}

impl Step<'_> {
    pub(super) fn run_the_clock(&mut self) {
        let due = |at: UnixMillis| at.0 > 0 && self.now >= at;
        let (opens, closes) = (due(self.sale.terms.opens_at), due(self.sale.terms.closes_at));
        if self.sale.state == SaleState::Scheduled && opens {
            self.enter(SaleState::Open);
        }
        if self.sale.state != SaleState::Closed && closes {
            self.enter(SaleState::Closed);
        }
    }

    fn enter(&mut self, state: SaleState) {
        self.sale.state = state;
        self.sale.version += 1;
        self.events.push(Event::State(state));
    }

    pub(super) fn sweep(&mut self) -> u64 {
        let mut due: Vec<(UnixMillis, OrderId)> = self
            .sale
            .orders
            .iter()
            .filter(|(_, order)| order.state == OrderState::Held && order.deadline <= self.now)
            .map(|(id, order)| (order.deadline, id.clone()))
            .collect();
        due.sort();
        for (_, id) in &due {
            if let Some(mut order) = self.sale.orders.get(id).cloned() {
                self.sale.end(false, &order);
                self.sale.version += 1;
                order.state = OrderState::Expired;
                self.events.push(Event::Expired(id.clone()));
                self.sale.orders.insert(id.clone(), order);
            }
        }
        due.len() as u64
    }

    pub(super) fn restock(&mut self, capacity: Capacity, seen: Option<Capacity>) -> SaleChange {
        let sale = &mut *self.sale;
        if sale.seats.is_some() {
            SaleChange::HasPlan
        } else if sale.state == SaleState::Closed {
            SaleChange::BadTransition
        } else if seen.is_some_and(|seen| seen.get() != sale.capacity) {
            SaleChange::ChangedMeanwhile
        } else if capacity.get() == sale.capacity {
            SaleChange::Unchanged
        } else if capacity.get() < sale.held + sale.confirmed {
            SaleChange::CapacityTaken
        } else {
            sale.capacity = capacity.get();
            sale.version += 1;
            self.events.push(Event::Capacity(capacity.get()));
            SaleChange::Done
        }
    }

    pub(super) fn set_state(&mut self, state: SaleState) -> SaleChange {
        use SaleState::{Closed, Open, Paused, Scheduled};
        match (self.sale.state, state) {
            (from, to) if from == to => SaleChange::Unchanged,
            (Scheduled | Paused, Open) | (Open, Paused) | (Scheduled | Open | Paused, Closed) => {
                self.enter(state);
                SaleChange::Done
            }
            _ => SaleChange::BadTransition,
        }
    }

    pub(super) fn set_terms(&mut self, change: &TermsChange) -> SaleChange {
        let old = self.sale.terms;
        let new = Terms {
            opens_at: change.opens_at.unwrap_or(old.opens_at),
            closes_at: change.closes_at.unwrap_or(old.closes_at),
            hold_ms: change.hold_ms.unwrap_or(old.hold_ms),
            buyer_limit: change.buyer_limit.unwrap_or(old.buyer_limit),
            order_limit: change.order_limit.unwrap_or(old.order_limit),
        };
        let page = PageTerms {
            buyers_cancel: change.buyers_cancel.unwrap_or(self.sale.page.buyers_cancel),
            pay_url: change.pay_url.as_ref().unwrap_or(&self.sale.page.pay_url).clone(),
            late_seats: change.late_seats.unwrap_or(self.sale.page.late_seats),
            return_url: change.return_url.as_ref().unwrap_or(&self.sale.page.return_url).clone(),
            event: change.event.as_ref().unwrap_or(&self.sale.page.event).clone(),
        };
        if change.late_seats.is_some() && self.sale.seats.is_none() {
            SaleChange::NoPlan
        } else if self.sale.state == SaleState::Closed {
            SaleChange::BadTransition
        } else if new.closes_at.0 > 0 && new.closes_at <= new.opens_at {
            SaleChange::Invalid
        } else if new.closes_at.0 > 0 && new.closes_at <= self.now {
            SaleChange::ClosesInThePast
        } else if new.opens_at.0 > 0
            && new.opens_at != old.opens_at
            && self.sale.state != SaleState::Scheduled
        {
            SaleChange::OpenedAlready
        } else if new == old && page == self.sale.page {
            SaleChange::Unchanged
        } else {
            self.sale.page = page;
            if new.hold_ms != old.hold_ms {
                self.sale.hold_times.push((self.now, old.hold_ms));
                let more = self.sale.hold_times.len().saturating_sub(HOLD_TIMES_MAX);
                self.sale.hold_times.drain(..more);
            }
            self.sale.terms = new;
            self.sale.version += 1;
            self.events.push(Event::Terms(new));
            SaleChange::Done
        }
    }
}
