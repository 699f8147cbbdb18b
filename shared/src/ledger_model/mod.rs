//! Reference model of the ledger: what the Lua scripts do, in readable Rust.
//!
//! The scripts and this model run the same random histories in the tests and must agree in every
//! answer, counter and log entry. The model also replays a log, which proves a recount.

pub mod event_log;
pub mod order_book;
mod restore;

use crate::domain::ids::{BuyerId, Capacity, OrderId, Quantity};
use crate::domain::order::{Cancellation, Order, Pass, Reserve, Restored, Verdict};
use crate::domain::order_state::OrderState;
use crate::domain::refusal::Refusal;
use crate::domain::sale::{PageTerms, SaleChange, SaleState, Snapshot, Terms, TermsChange};
use crate::domain::time::UnixMillis;
use crate::ledger_model::event_log::{Entry, Event};
use crate::limits::{CANCELLED_EARLY_MAX, ENDED_ORDERS_MAX, HOLD_LIFE_FACTOR, HOLD_TIMES_MAX};
use std::collections::BTreeMap;

/// One sale with all its orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    /// Tickets that exist.
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
}

/// What can be asked of a sale.
#[derive(Clone, Debug)]
pub enum ModelCommand {
    /// `reserve.lua`
    Reserve(Vec<Reserve>),
    /// `confirm.lua`
    Confirm(OrderId, Option<Quantity>),
    /// `cancel.lua`
    Cancel(OrderId, Cancellation),
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
        };
        let events = vec![Event::Created { capacity, terms, state }];
        (sale, Entry { commit_seq: 1, at: now, version: 1, events })
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
            ModelCommand::Confirm(id, quantity) => ModelReply::Order(step.confirm(id, *quantity)),
            ModelCommand::Cancel(id, how) => ModelReply::Order(step.cancel(id, *how)),
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
            Entry { commit_seq: self.commit_seq, at: now, version: self.version, events }
        });
        assert!(self.held + self.confirmed <= self.capacity, "the inventory rule");
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

    const fn free(&self) -> u32 {
        self.capacity - self.held - self.confirmed
    }

    fn tickets_of(&self, buyer: &BuyerId) -> u64 {
        self.buyers.get(buyer).copied().unwrap_or(0)
    }

    /// THE inventory rule: tickets are taken only if that leaves none missing.
    const fn fits(&self, tickets: u32) -> bool {
        self.held + self.confirmed + tickets <= self.capacity
    }

    fn within_buyer_limit(&self, buyer: &BuyerId, tickets: u32) -> bool {
        let limit = u64::from(self.terms.buyer_limit);
        limit == 0 || self.tickets_of(buyer) + u64::from(tickets) <= limit
    }

    fn take(&mut self, confirmed: bool, buyer: &BuyerId, tickets: u32) {
        *(if confirmed { &mut self.confirmed } else { &mut self.held }) += tickets;
        *self.buyers.entry(buyer.clone()).or_default() += u64::from(tickets);
    }

    /// The tickets of an order that ends.
    fn end(&mut self, confirmed: bool, buyer: &BuyerId, tickets: u32) {
        self.give_back(confirmed, buyer, tickets);
        self.ended_more(buyer);
    }

    fn ended_more(&mut self, buyer: &BuyerId) {
        *self.ended.entry(buyer.clone()).or_default() += 1;
    }

    /// An order that had ended takes tickets again.
    fn retake(&mut self, confirmed: bool, buyer: &BuyerId, tickets: u32) {
        self.take(confirmed, buyer, tickets);
        match self.ended.get_mut(buyer) {
            Some(ended) if *ended > 1 => *ended -= 1,
            _ => {
                self.ended.remove(buyer);
            }
        }
    }

    fn too_many_ended(&self, buyer: &BuyerId) -> bool {
        self.ended.get(buyer).is_some_and(|ended| *ended >= ENDED_ORDERS_MAX)
    }

    /// The hold time under which `order` was granted.
    fn hold_ms_of(&self, order: &Order) -> u64 {
        let mut times = self.hold_times.iter();
        let before = times.find(|(changed_at, _)| order.created_at < *changed_at);
        before.map_or(self.terms.hold_ms, |(_, hold_ms)| *hold_ms)
    }

    fn give_back(&mut self, confirmed: bool, buyer: &BuyerId, tickets: u32) {
        *(if confirmed { &mut self.confirmed } else { &mut self.held }) -= tickets;
        let left = self.tickets_of(buyer) - u64::from(tickets);
        if left == 0 {
            self.buyers.remove(buyer);
        } else {
            self.buyers.insert(buyer.clone(), left);
        }
    }
}

/// One command being carried out.
struct Step<'a> {
    sale: &'a mut Sale,
    now: UnixMillis,
    events: Vec<Event>,
}

impl Step<'_> {
    fn run_the_clock(&mut self) {
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

    fn sweep(&mut self) -> u64 {
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
                self.sale.end(false, &order.buyer, order.taken);
                self.sale.version += 1;
                order.state = OrderState::Expired;
                self.events.push(Event::Expired(id.clone()));
                self.sale.orders.insert(id.clone(), order);
            }
        }
        due.len() as u64
    }

    fn reserve(&mut self, order_request: &Reserve) -> Verdict {
        let quantity = order_request.quantity.get();
        let sale = &mut *self.sale;
        if let Some(order) = sale.orders.get(&order_request.id) {
            let same = order.buyer == order_request.buyer && order.asked == quantity;
            return if same || order.is_tombstone() {
                Verdict::Granted { order: order.clone(), replayed: true }
            } else {
                Verdict::Refused(Refusal::KeyReused)
            };
        }
        let refusal = match sale.state {
            SaleState::Scheduled => {
                let opens_at = sale.terms.opens_at;
                Some(Refusal::NotOpen((opens_at.0 > 0).then_some(opens_at)))
            }
            SaleState::Paused => Some(Refusal::Paused),
            SaleState::Closed => Some(Refusal::Closed),
            SaleState::Open if quantity > sale.terms.order_limit => Some(Refusal::OrderLimit),
            SaleState::Open if !sale.within_buyer_limit(&order_request.buyer, quantity) => {
                Some(Refusal::BuyerLimit)
            }
            SaleState::Open if sale.too_many_ended(&order_request.buyer) => {
                Some(Refusal::EndedLimit)
            }
            SaleState::Open if sale.fits(quantity) => None,
            SaleState::Open if sale.free() > 0 => Some(Refusal::NotEnough),
            SaleState::Open if sale.held > 0 => Some(Refusal::AllHeld),
            SaleState::Open => Some(Refusal::SoldOut),
        };
        if let Some(refusal) = refusal {
            return Verdict::Refused(refusal);
        }
        let at_once = sale.terms.hold_ms == 0;
        let order = Order {
            buyer: order_request.buyer.clone(),
            state: if at_once { OrderState::Confirmed } else { OrderState::Held },
            asked: quantity,
            taken: quantity,
            created_at: self.now,
            deadline: if at_once { UnixMillis(0) } else { self.now.plus(sale.terms.hold_ms) },
            refused_late: false,
        };
        sale.take(at_once, &order_request.buyer, quantity);
        sale.orders.insert(order_request.id.clone(), order.clone());
        self.events.push(Event::Granted {
            id: order_request.id.clone(),
            quantity,
            deadline: order.deadline,
            buyer: order_request.buyer.clone(),
        });
        Verdict::Granted { order, replayed: false }
    }

    fn confirm(&mut self, id: &OrderId, wanted: Option<Quantity>) -> Verdict {
        let Some(mut order) = self.sale.orders.get(id).cloned() else {
            return Verdict::Refused(Refusal::UnknownOrder);
        };
        let tickets = wanted.map_or(order.taken, Quantity::get);
        let differs = Refusal::QuantityHeld { has: order.taken, asked: tickets };
        match order.state {
            OrderState::Cancelled => return Verdict::Refused(Refusal::WrongState(order.state)),
            OrderState::Expired if order.refused_late => {
                return Verdict::Refused(Refusal::HoldExpired);
            }
            OrderState::Confirmed if tickets == order.taken => {
                return Verdict::Granted { order, replayed: true };
            }
            OrderState::Confirmed => return Verdict::Refused(differs),
            _ if tickets > order.taken => return Verdict::Refused(differs),
            OrderState::Expired => return self.confirm_late(id, order, tickets),
            OrderState::Held => {}
        }
        self.sale.give_back(false, &order.buyer, order.taken);
        self.sale.take(true, &order.buyer, tickets);
        if tickets < order.taken {
            self.sale.version += 1;
        }
        order.state = OrderState::Confirmed;
        order.taken = tickets;
        self.events.push(Event::Confirmed { id: id.clone(), quantity: tickets });
        self.done(id, order)
    }

    fn confirm_late(&mut self, id: &OrderId, mut order: Order, tickets: u32) -> Verdict {
        if self.sale.fits(tickets) && self.sale.within_buyer_limit(&order.buyer, tickets) {
            self.sale.retake(true, &order.buyer, tickets);
            order.state = OrderState::Confirmed;
            order.taken = tickets;
            self.events.push(Event::Retaken { id: id.clone(), quantity: tickets });
            return self.done(id, order);
        }
        order.refused_late = true;
        self.sale.orders.insert(id.clone(), order);
        self.events.push(Event::RefusedLate(id.clone()));
        Verdict::Refused(Refusal::HoldExpired)
    }

    fn cancel(&mut self, id: &OrderId, how: Cancellation) -> Verdict {
        let Some(mut order) = self.sale.orders.get(id).cloned() else {
            return match how.if_state {
                None => self.cancel_early(id),
                Some(_) => Verdict::Refused(Refusal::UnknownOrder),
            };
        };
        // Whatever state was asked for: a repeat of the call that gave it back has lost its answer.
        if order.state == OrderState::Cancelled {
            return Verdict::Granted { order, replayed: true };
        }
        if how.if_state.is_some_and(|wanted| !wanted.is(order.state)) {
            return Verdict::Refused(Refusal::WrongState(order.state));
        }
        // That a late payment was refused stays: the shop refunds on it.
        if order.refused_late {
            return Verdict::Granted { order, replayed: true };
        }
        if order.is_paid() && how.by_buyer && !self.sale.page.buyers_cancel {
            return Verdict::Refused(Refusal::Paid);
        }
        // The tickets of a hold that has ended returned when it ended.
        if order.state.takes() {
            self.free_tickets_of(&order);
        }
        order.state = OrderState::Cancelled;
        self.events.push(Event::Cancelled(id.clone()));
        self.done(id, order)
    }

    fn cancel_early(&mut self, id: &OrderId) -> Verdict {
        if self.sale.cancelled_early >= CANCELLED_EARLY_MAX {
            return Verdict::Refused(Refusal::UnknownOrder);
        }
        self.sale.cancelled_early += 1;
        let order = Order::tombstone(self.now);
        self.events.push(Event::Restored { id: id.clone(), order: order.clone() });
        self.done(id, order)
    }

    fn extend(&mut self, id: &OrderId) -> Verdict {
        let Some(mut order) = self.sale.orders.get(id).cloned() else {
            return Verdict::Refused(Refusal::UnknownOrder);
        };
        match order.state {
            OrderState::Held => {}
            OrderState::Expired if order.refused_late => {
                return Verdict::Refused(Refusal::HoldExpired);
            }
            OrderState::Expired => return Verdict::Refused(Refusal::HoldEnded),
            state => return Verdict::Refused(Refusal::WrongState(state)),
        }
        let hold_ms = self.sale.hold_ms_of(&order);
        let longest = order.created_at.plus(HOLD_LIFE_FACTOR * hold_ms);
        let deadline = self.now.plus(hold_ms).min(longest);
        if deadline <= order.deadline {
            return Verdict::Refused(Refusal::HoldLimit);
        }
        order.deadline = deadline;
        self.events.push(Event::Extended { id: id.clone(), deadline });
        self.done(id, order)
    }

    fn done(&mut self, id: &OrderId, order: Order) -> Verdict {
        self.sale.orders.insert(id.clone(), order.clone());
        Verdict::Granted { order, replayed: false }
    }

    fn restock(&mut self, capacity: Capacity, seen: Option<Capacity>) -> SaleChange {
        let sale = &mut *self.sale;
        if sale.state == SaleState::Closed {
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

    fn set_state(&mut self, state: SaleState) -> SaleChange {
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

    fn set_terms(&mut self, change: &TermsChange) -> SaleChange {
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
        };
        if self.sale.state == SaleState::Closed {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn order_request(n: u32, quantity: u64) -> Reserve {
        Reserve {
            id: OrderId::parse(&format!("order-{n:016}")).unwrap(),
            buyer: BuyerId::parse(&format!("buyer-{n}")).unwrap(),
            quantity: Quantity::new(quantity).unwrap(),
        }
    }

    fn sale(capacity: u64, terms: Terms) -> Sale {
        Sale::create(Capacity::new(capacity).unwrap(), terms, true, UnixMillis(1)).0
    }

    fn granted(sale: &mut Sale, orders: std::ops::Range<u32>) -> usize {
        let batch = orders.map(|n| order_request(n, 1)).collect();
        let (ModelReply::Orders(verdicts), _) =
            sale.apply(&ModelCommand::Reserve(batch), UnixMillis(2))
        else {
            panic!("a batch is answered with verdicts");
        };
        verdicts.iter().filter(|v| matches!(v, Verdict::Granted { replayed: false, .. })).count()
    }

    #[test]
    fn ten_thousand_tickets_and_one_order_more_sell_ten_thousand() {
        let mut sale = sale(10_000, Terms::default());
        assert_eq!(granted(&mut sale, 0..10_001), 10_000);
        assert_eq!(sale.confirmed, 10_000);
        assert_eq!(granted(&mut self::sale(0, Terms::default()), 0..10), 0);
    }

    #[test]
    fn a_late_payment_gets_its_tickets_again_only_while_some_are_free() {
        for (others, paid) in [(0, true), (1, false)] {
            let mut sale = sale(1, Terms { hold_ms: 100, ..Terms::default() });
            sale.apply(&ModelCommand::Reserve(vec![order_request(1, 1)]), UnixMillis(10));
            let later = UnixMillis(110);
            for n in 0..others {
                sale.apply(&ModelCommand::Reserve(vec![order_request(100 + n, 1)]), later);
            }
            let confirm = ModelCommand::Confirm(order_request(1, 1).id, None);
            let (answer, _) = sale.apply(&confirm, later);
            let is_paid = matches!(answer, ModelReply::Order(Verdict::Granted { .. }));
            assert_eq!(is_paid, paid);
            if !paid {
                let back = ModelCommand::Cancel(order_request(100, 1).id, Cancellation::default());
                sale.apply(&back, later);
                let again = sale.apply(&confirm, later).0;
                assert_eq!(again, answer, "the shop may have refunded already");
            }
        }
    }
}
