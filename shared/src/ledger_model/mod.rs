//! Reference model of the ledger: what the Lua scripts do, in readable Rust.
//!
//! The scripts and this model run the same random histories in the tests and must agree in every
//! answer, counter and log entry. The model also replays a log, which proves a recount.

mod by_plan;
pub mod event_log;
mod inventory;
pub mod order_book;
mod order_steps;
mod restore;
pub mod sale_seats;
pub mod seat_recount;
mod step;
#[cfg(test)]
mod tests;

use crate::domain::ids::{BuyerId, Capacity, OrderId};
use crate::domain::order::{Cancellation, Order, Pass, Reserve, Restored, Verdict};
use crate::domain::payment::Payment;
use crate::domain::sale::{PageTerms, SaleChange, SaleState, Snapshot, Terms, TermsChange};
use crate::domain::time::UnixMillis;
use crate::ledger_model::event_log::{Entry, Event};
use crate::ledger_model::sale_seats::SaleSeats;
use crate::plan::Plan;
use crate::seats::OrderPart;
use std::collections::BTreeMap;
use std::sync::Arc;
use step::Step;

/// One sale with all its orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    /// Tickets that exist; in a sale with a plan places on legs, here and in the next two.
    pub capacity: u32,
    /// Tickets in held orders.
    pub held: u32,
    /// Tickets in confirmed orders.
    pub confirmed: u32,
    /// See [`Snapshot::version`].
    pub version: u64,
    /// Entries of the log so far.
    pub commit_seq: u64,
    /// The state.
    pub state: SaleState,
    /// The terms.
    pub terms: Terms,
    /// All orders that were ever granted.
    pub orders: BTreeMap<OrderId, Order>,
    /// Tickets that each buyer has; only buyers who have some.
    pub buyers: BTreeMap<BuyerId, u64>,
    /// Orders of each buyer that ended: cancelled or expired.
    pub ended: BTreeMap<BuyerId, u64>,
    /// Orders that were cancelled before they came.
    pub cancelled_early: u64,
    /// The terms that the log does not have.
    pub page: PageTerms,
    /// What the hold time was before each change of it, and when it changed.
    pub hold_times: Vec<(UnixMillis, u64)>,
    /// Its seats, if it has a plan.
    pub seats: Option<SaleSeats>,
}

/// What can be asked of a sale.
#[derive(Clone, Debug)]
pub enum ModelCommand {
    /// `reserve.lua`
    Reserve(Vec<Reserve>),
    /// `confirm.lua`
    Confirm(OrderId, OrderPart, Payment),
    /// `cancel.lua`; a part of an order only in a sale that has a plan
    Cancel(OrderId, Cancellation, OrderPart),
    /// `extend.lua`
    Extend(OrderId),
    /// `snapshot.lua`
    Sweep,
    /// `restock.lua`
    Restock(Capacity, Option<Capacity>),
    /// `state.lua`
    State(SaleState),
    /// `terms.lua`
    Terms(TermsChange),
    /// `restore.lua`
    Restore(Vec<(OrderId, Order)>, Pass),
}

/// What a sale answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelReply {
    /// To `Reserve`, in the order of the batch.
    Orders(Vec<Verdict>),
    /// To `Confirm`, `Cancel`, `Extend`.
    Order(Verdict),
    /// To `Sweep`: how many holds it expired.
    Swept(u64),
    /// To `Restock`, `State`, `Terms`.
    Sale(SaleChange),
    /// To `Restore`, in its order.
    Restored(Vec<Restored>),
}

impl Sale {
    /// A new sale and its first log entry.
    #[must_use]
    pub fn create(capacity: Capacity, terms: Terms, open: bool, now: UnixMillis) -> (Self, Entry) {
        let state = if open { SaleState::Open } else { SaleState::Scheduled };
        let capacity = capacity.get();
        let sale = Self {
            capacity,
            held: 0,
            confirmed: 0,
            version: 1,
            commit_seq: 1,
            state,
            terms,
            orders: BTreeMap::new(),
            buyers: BTreeMap::new(),
            ended: BTreeMap::new(),
            cancelled_early: 0,
            page: PageTerms::default(),
            hold_times: Vec::new(),
            seats: None,
        };
        let events = vec![Event::Created { capacity, terms, state }];
        (sale, Entry { commit_seq: 1, at: now, version: 1, by_plan: false, by: None, events })
    }

    /// A new sale of the seats and places of a plan, and its first log entry.
    ///
    /// # Panics
    /// The plan has more places on legs than a sale can have.
    #[must_use]
    pub fn create_by_plan(
        plan: Arc<Plan>,
        terms: Terms,
        open: bool,
        now: UnixMillis,
    ) -> (Self, Entry) {
        let Ok(places) = Capacity::new(plan.places()) else {
            panic!("{} places are more than a sale can have", plan.places());
        };
        let (mut sale, mut entry) = Self::create(places, terms, open, now);
        entry.by_plan = true;
        entry.events.push(Event::Plan(Arc::clone(&plan)));
        sale.seats = Some(SaleSeats::free(plan));
        (sale, entry)
    }

    /// Carries out one command at `now`: first what is due by the clock, then the command. Answers
    /// with the log entry if anything changed.
    pub fn apply(
        &mut self,
        command: &ModelCommand,
        now: UnixMillis,
    ) -> (ModelReply, Option<Entry>) {
        let mut step = Step { sale: self, now, events: Vec::new() };
        // A sale that may lack orders stands still while they are restored.
        let expired = match command {
            ModelCommand::Restore(_, Pass::First) => 0,
            ModelCommand::Restore(..) => step.sweep(),
            _ => {
                step.run_the_clock();
                step.sweep()
            }
        };
        let answer = match command {
            ModelCommand::Reserve(batch) => {
                ModelReply::Orders(batch.iter().map(|order| step.reserve(order)).collect())
            }
            ModelCommand::Confirm(id, part, payment) => {
                ModelReply::Order(step.confirm(id, part, payment))
            }
            ModelCommand::Cancel(id, how, part) => ModelReply::Order(step.cancel(id, *how, part)),
            ModelCommand::Extend(id) => ModelReply::Order(step.extend(id)),
            ModelCommand::Sweep => ModelReply::Swept(expired),
            ModelCommand::Restock(capacity, seen) => {
                ModelReply::Sale(step.restock(*capacity, *seen))
            }
            ModelCommand::State(state) => ModelReply::Sale(step.set_state(*state)),
            ModelCommand::Terms(change) => ModelReply::Sale(step.set_terms(change)),
            ModelCommand::Restore(acked, pass) => ModelReply::Restored(
                acked.iter().map(|(id, acked)| step.restore(id, acked, *pass)).collect(),
            ),
        };
        let events = step.events;
        let entry = (!events.is_empty()).then(|| {
            self.commit_seq += 1;
            Entry {
                commit_seq: self.commit_seq,
                at: now,
                version: self.version,
                by_plan: self.seats.is_some(),
                by: None,
                events,
            }
        });
        self.assert_rules();
        (answer, entry)
    }

    /// How the sale stands, as a ledger reply says it.
    #[must_use]
    pub fn snapshot(&self, at: UnixMillis) -> Snapshot {
        Snapshot {
            capacity: self.capacity,
            held: self.held,
            confirmed: self.confirmed,
            version: self.version,
            commit_seq: self.commit_seq,
            state: self.state,
            terms: self.terms,
            at,
        }
    }
}
