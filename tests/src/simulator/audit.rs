//! Reads the log beside the ledger: every prefix of it keeps the inventory rule, it has no gap, and
//! what it says is what the ledger has.

use shared::domain::order_state::OrderState;
use shared::domain::sale::Terms;
use shared::ledger_model::Sale;
use shared::ledger_model::event_log::{Entry, Event};
use shared::ledger_model::order_book::OrderBook;
use shared::limits::HOLD_TIMES_MAX;
use shared::{Capacity, Order, OrderId, UnixMillis};

/// A sale as its log tells it.
#[derive(Debug)]
pub struct SimulatedAudit {
    /// All but the orders and what is counted of them.
    sale: Sale,
    book: OrderBook,
}

impl Default for SimulatedAudit {
    fn default() -> Self {
        let none = Capacity::new(0).expect("a capacity");
        let (sale, _) = Sale::create(none, Terms::default(), false, UnixMillis(0));
        Self { sale: Sale { commit_seq: 0, version: 0, ..sale }, book: OrderBook::default() }
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
        self.sale.commit_seq = entry.commit_seq;
        self.sale.version = entry.version;
        entry.events.iter().try_for_each(|event| self.apply(entry, event))
    }

    fn apply(&mut self, entry: &Entry, event: &Event) -> Result<(), String> {
        let sale = &mut self.sale;
        match event {
            Event::Created { capacity, terms, state } => {
                (sale.capacity, sale.terms, sale.state) = (*capacity, *terms, *state);
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
            let before = taking(self.book.get(id));
            if matches!(event, Event::Granted { .. }) && self.book.get(id).is_some() {
                return Err(format!("order {id} is granted twice"));
            }
            self.book.apply_event(entry.at, event);
            let after = taking(self.book.get(id));
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
            return Ok(());
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
            ..self.sale.clone()
        }
    }

    pub fn order(&self, id: &OrderId) -> Option<&Order> {
        self.book.get(id)
    }

    pub fn orders(&self) -> impl Iterator<Item = (&OrderId, &Order)> {
        self.book.whole()
    }
}

/// Tickets held and confirmed by an order.
fn taking(order: Option<&Order>) -> (u32, u32) {
    order.map_or((0, 0), |order| match order.state {
        OrderState::Held => (order.taking(), 0),
        _ => (0, order.taking()),
    })
}
