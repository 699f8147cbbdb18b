//! Reads the log beside the ledger: every prefix of it keeps the inventory rule, it has no gap, and
//! what it says is what the ledger has.

use super::late_seats;
use super::seat_audit::SeatAudit;
use shared::domain::order_state::OrderState;
use shared::domain::sale::{LateSeats, Terms};
use shared::ledger_model::Sale;
use shared::ledger_model::event_log::{Entry, Event};
use shared::ledger_model::order_book::OrderBook;
use shared::ledger_model::sale_seats::SaleSeats;
use shared::ledger_model::seat_recount::SeatRecount;
use shared::limits::HOLD_TIMES_MAX;
use shared::{Capacity, Order, OrderId, Reserve, UnixMillis, Verdict};

/// A sale as its log tells it.
#[derive(Debug)]
pub struct SimulatedAudit {
    /// All but the orders and what is counted of them.
    sale: Sale,
    book: OrderBook,
    seats: Option<SeatAudit>,
}

impl Default for SimulatedAudit {
    fn default() -> Self {
        let none = Capacity::new(0).expect("a capacity");
        let (sale, _) = Sale::create(none, Terms::default(), false, UnixMillis(0));
        Self {
            sale: Sale { commit_seq: 0, version: 0, ..sale },
            book: OrderBook::default(),
            seats: None,
        }
    }
}

impl SimulatedAudit {
    /// The sale that this log tells of.
    pub fn of<'a>(log: impl IntoIterator<Item = &'a Entry>) -> Result<Self, String> {
        let mut audit = Self::default();
        log.into_iter().try_for_each(|entry| audit.read(entry))?;
        Ok(audit)
    }

    /// Reads the next entry.
    pub fn read(&mut self, entry: &Entry) -> Result<(), String> {
        let before = self.sale.commit_seq;
        if !entry.follows(before) {
            return Err(format!("the log goes from {before} to {}", entry.commit_seq));
        }
        if entry.version < self.sale.version {
            return Err(format!("the version falls at {}", entry.commit_seq));
        }
        if entry.by_plan != (self.seats.is_some() || before == 0 && begins_by_plan(entry)) {
            return Err(format!("entry {} is not of the sale's format", entry.commit_seq));
        }
        self.sale.commit_seq = entry.commit_seq;
        self.sale.version = entry.version;
        entry.events.iter().try_for_each(|event| self.apply(entry, event))
    }

    /// Reads what a batch of orders has changed, and judges what each was told by what was free at
    /// its turn.
    pub fn read_batch(
        &mut self,
        entry: Option<&Entry>,
        batch: &[Reserve],
        verdicts: &[Verdict],
    ) -> Result<(), String> {
        let Some(seats) = &self.seats else {
            return entry.map_or(Ok(()), |entry| self.read(entry));
        };
        let mut seats = seats.clone();
        let granted = |event: &&Event| matches!(event, Event::Granted { .. });
        for event in entry.iter().flat_map(|entry| &entry.events).filter(|event| !granted(event)) {
            // What is due ends before the first order has its turn.
            if let Event::Expired(id) = event {
                seats.follow(self.book.get(id), None)?;
            }
        }
        for (asked, said) in batch.iter().zip(verdicts) {
            let is_new = !matches!(said, Verdict::Granted { replayed: true, .. });
            if let Some(lines) = asked.lines.as_ref().filter(|_| is_new) {
                seats.judge(lines, said)?;
            }
            if let Verdict::Granted { order, replayed: false } = said {
                seats.follow(None, Some(order))?;
            }
        }
        entry.map_or(Ok(()), |entry| self.read(entry))
    }

    fn apply(&mut self, entry: &Entry, event: &Event) -> Result<(), String> {
        let sale = &mut self.sale;
        match event {
            Event::Created { capacity, terms, state } => {
                (sale.capacity, sale.terms, sale.state) = (*capacity, *terms, *state);
            }
            Event::Plan(plan) => {
                self.seats = Some(SeatAudit::new(plan)?);
                sale.seats = Some(SaleSeats::free(plan.clone()));
                sale.page.late_seats = late_seats::of_plan(plan);
            }
            Event::State(state) => sale.state = *state,
            Event::Capacity(capacity) => sale.capacity = *capacity,
            Event::Terms(terms) => {
                if terms.hold_ms != sale.terms.hold_ms {
                    sale.hold_times.push((entry.at, sale.terms.hold_ms));
                    let more = sale.hold_times.len().saturating_sub(HOLD_TIMES_MAX);
                    sale.hold_times.drain(..more);
                }
                sale.terms = *terms;
            }
            _ => {}
        }
        if let Some(id) = event.order() {
            if matches!(event, Event::Granted { .. }) && self.book.get(id).is_some() {
                return Err(format!("order {id} is granted twice"));
            }
            let was = self.seats.as_ref().and_then(|_| self.book.get(id).cloned());
            let before = taking(self.book.get(id));
            self.book.apply_event(entry.at, event);
            let is = self.book.get(id);
            let after = taking(is);
            if let Some(seats) = &mut self.seats {
                seats.follow(was.as_ref(), is)?;
                only_parts_are_given_back(event, was.as_ref(), is, sale.page.late_seats)?;
            }
            sale.held = sale.held + after.0 - before.0;
            sale.confirmed = sale.confirmed + after.1 - before.1;
        }
        if sale.held + sale.confirmed > sale.capacity {
            return Err(format!(
                "{} held and {} confirmed of {} tickets at {}",
                sale.held, sale.confirmed, sale.capacity, entry.commit_seq
            ));
        }
        Ok(())
    }

    /// Whether the ledger's counters are what the log says.
    pub fn compare(&self, sale: &Sale) -> Result<(), String> {
        let counters = |sale: &Sale| {
            let Sale { capacity, held, confirmed, version, commit_seq, state, .. } = *sale;
            (capacity, held, confirmed, version, commit_seq, state)
        };
        let (own, theirs) = (counters(&self.sale), counters(sale));
        if own == theirs {
            return match (&self.seats, &sale.seats) {
                (None, None) => Ok(()),
                (Some(own), Some(theirs)) => own.compare(theirs),
                _ => Err("the plan is only in the ledger, or only in its log".into()),
            };
        }
        Err(format!(
            "capacity, held, confirmed, version, number, state are {theirs:?} in the ledger and \
             {own:?} in its log"
        ))
    }

    /// Whether all that the ledger has is what the log says.
    pub fn compare_all(&self, sale: &Sale) -> Result<(), String> {
        self.compare(sale)?;
        if self.rebuild() != *sale {
            return Err("the log replays to other orders than the ledger has".into());
        }
        Ok(())
    }

    /// The sale that a ledger has which reads this log.
    pub fn rebuild(&self) -> Sale {
        let count = self.book.count();
        Sale {
            orders: self.book.whole().map(|(id, order)| (id.clone(), order.clone())).collect(),
            buyers: count.buyers.into_iter().collect(),
            ended: count.ended.into_iter().collect(),
            cancelled_early: count.cancelled_early,
            seats: self.seats.as_ref().map(|seats| self.recount(seats)),
            ..self.sale.clone()
        }
    }

    /// Planes, quotas and held places, counted anew from the orders.
    fn recount(&self, seats: &SeatAudit) -> SaleSeats {
        let counted = SeatRecount::of(&seats.plan, self.book.whole()).expect("a plan that is sold");
        SaleSeats { plan: seats.plan.clone(), book: counted.book, held: counted.held }
    }

    /// The seats, in a sale that has a plan.
    pub const fn seats(&self) -> Option<&SeatAudit> {
        self.seats.as_ref()
    }

    pub fn order(&self, id: &OrderId) -> Option<&Order> {
        self.book.get(id)
    }

    pub fn orders(&self) -> impl Iterator<Item = (&OrderId, &Order)> {
        self.book.whole()
    }
}

/// Whether the first entry of a log says that its sale has a plan.
fn begins_by_plan(entry: &Entry) -> bool {
    entry.events.iter().any(|event| matches!(event, Event::Plan(_)))
}

/// The seats of an order that the ledger has change in one way only: some of them go back. Where
/// the sale gives other seats, a late payment may get these instead, and no more of them.
fn only_parts_are_given_back(
    event: &Event,
    was: Option<&Order>,
    is: Option<&Order>,
    late: LateSeats,
) -> Result<(), String> {
    let may_move = late == LateSeats::Other && matches!(event, Event::Retaken { .. });
    let seats = |order: Option<&Order>| order.and_then(|order| order.seats.clone());
    match (seats(was), seats(is)) {
        (Some(was), Some(is)) if may_move && is.is_no_more_than(&was) => Ok(()),
        (Some(was), Some(is)) if !is.is_part_of(&was) => {
            Err(format!("an order has other seats than before: {event}"))
        }
        _ => Ok(()),
    }
}

/// Tickets held and confirmed by an order; in a sale with a plan places on legs.
fn taking(order: Option<&Order>) -> (u32, u32) {
    order.map_or((0, 0), |order| match order.state {
        OrderState::Held => (order.places(), 0),
        _ => (0, order.places()),
    })
}
