//! Reads the log beside the ledger: every prefix of it keeps the inventory rule, it has no gap, and
//! what it says is what the ledger has.

use shared::domain::order::OrderState;
use shared::domain::sale::{SaleState, Terms};
use shared::ledger_model::Sale;
use shared::ledger_model::event_log::{Entry, Event};
use shared::ledger_model::order_book::OrderBook;
use shared::limits::HOLD_TIMES_MAX;
use shared::{Order, OrderId, UnixMillis};

/// A sale as its log tells it.
#[derive(Debug, Default)]
pub struct SimulatedAudit {
    book: OrderBook,
    capacity: u32,
    held: u32,
    confirmed: u32,
    version: u64,
    commit_seq: u64,
    state: Option<SaleState>,
    terms: Terms,
    hold_times: Vec<(UnixMillis, u64)>,
}

impl SimulatedAudit {
    /// The sale that this log tells of.
    ///
    /// # Errors
    /// The log breaks a rule.
    pub fn of<'a>(log: impl IntoIterator<Item = &'a Entry>) -> Result<Self, String> {
        let mut audit = Self::default();
        log.into_iter().try_for_each(|entry| audit.read(entry))?;
        Ok(audit)
    }

    /// Reads the next entry.
    ///
    /// # Errors
    /// It breaks a rule.
    pub fn read(&mut self, entry: &Entry) -> Result<(), String> {
        if !entry.follows(self.commit_seq) {
            return Err(format!("the log goes from {} to {}", self.commit_seq, entry.commit_seq));
        }
        if entry.version < self.version {
            return Err(format!("the version falls at {}", entry.commit_seq));
        }
        self.commit_seq = entry.commit_seq;
        self.version = entry.version;
        for event in &entry.events {
            self.apply(entry, event)?;
        }
        Ok(())
    }

    fn apply(&mut self, entry: &Entry, event: &Event) -> Result<(), String> {
        match event {
            Event::Created { capacity, terms, state } => {
                self.capacity = *capacity;
                self.terms = *terms;
                self.state = Some(*state);
            }
            Event::State(state) => self.state = Some(*state),
            Event::Capacity(capacity) => self.capacity = *capacity,
            Event::Terms(terms) => {
                if terms.hold_ms != self.terms.hold_ms {
                    self.hold_times.push((entry.at, self.terms.hold_ms));
                    let more = self.hold_times.len().saturating_sub(HOLD_TIMES_MAX);
                    self.hold_times.drain(..more);
                }
                self.terms = *terms;
            }
            _ => {}
        }
        if let Some(id) = event.order() {
            let before = taking(self.book.get(id));
            if matches!(event, Event::Granted { .. }) && self.book.get(id).is_some() {
                return Err(format!("order {id} is granted twice"));
            }
            self.book.apply(&Entry {
                commit_seq: entry.commit_seq,
                at: entry.at,
                version: entry.version,
                events: vec![event.clone()],
            });
            let after = taking(self.book.get(id));
            self.held = self.held + after.0 - before.0;
            self.confirmed = self.confirmed + after.1 - before.1;
        }
        if self.held + self.confirmed > self.capacity {
            return Err(format!(
                "{} held and {} confirmed of {} tickets at {}",
                self.held, self.confirmed, self.capacity, entry.commit_seq
            ));
        }
        Ok(())
    }

    /// Whether the ledger's counters are what the log says.
    ///
    /// # Errors
    /// They are not.
    pub fn compare(&self, sale: &Sale) -> Result<(), String> {
        let own = (self.capacity, self.held, self.confirmed, self.version);
        let theirs = (sale.capacity, sale.held, sale.confirmed, sale.version);
        if own == theirs && self.commit_seq == sale.commit_seq && Some(sale.state) == self.state {
            return Ok(());
        }
        Err(format!(
            "capacity, held, confirmed, version are {theirs:?} in the ledger and {own:?} in its log"
        ))
    }

    /// Whether all that the ledger has is what the log says.
    ///
    /// # Errors
    /// It is not.
    pub fn compare_all(&self, sale: &Sale) -> Result<(), String> {
        self.compare(sale)?;
        match self.rebuild() {
            Some(rebuilt) if rebuilt == *sale => Ok(()),
            _ => Err("the log replays to other orders than the ledger has".into()),
        }
    }

    /// The sale that a ledger has which reads this log; `None` for an empty log.
    #[must_use]
    pub fn rebuild(&self) -> Option<Sale> {
        let count = self.book.count();
        Some(Sale {
            capacity: self.capacity,
            held: self.held,
            confirmed: self.confirmed,
            version: self.version,
            commit_seq: self.commit_seq,
            state: self.state?,
            terms: self.terms,
            orders: self.book.whole().map(|(id, order)| (id.clone(), order.clone())).collect(),
            buyers: count.buyers.into_iter().collect(),
            ended: count.ended.into_iter().collect(),
            cancelled_early: count.cancelled_early,
            hold_times: self.hold_times.clone(),
        })
    }

    /// The order with this id.
    #[must_use]
    pub fn order(&self, id: &OrderId) -> Option<&Order> {
        self.book.get(id)
    }

    /// All orders.
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
