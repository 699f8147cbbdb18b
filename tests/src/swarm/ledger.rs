//! The ledger: the rules of the model, one call at a time, each taking its time.

use shared::domain::order::{Reserve, Verdict};
use shared::ledger_model::{ModelCommand, ModelReply, Sale};
use shared::{
    BuyerId, Capacity, OrderId, Quantity, Refusal, SaleState, Snapshot, Terms, UnixMillis,
};

/// What one call takes in Redis, in microseconds: the call and its write to the log ...
const CALL_US: u64 = 400;
/// ... and each order.
const ORDER_US: u64 = 12;

/// The ledger of one sale.
#[derive(Debug)]
pub struct ScaleLedger {
    sale: Sale,
    /// Until when it is at work, in microseconds.
    busy_until: u64,
    /// Orders that it granted and that were not given back.
    granted: Vec<OrderId>,
    /// Calls of the reserve script.
    pub round_trips: u64,
}

impl ScaleLedger {
    /// A ledger with one sale; `opens_at` 0 = it is open.
    #[must_use]
    pub fn new(tickets: u32, opens_at: UnixMillis, now: UnixMillis) -> Self {
        let terms = Terms { opens_at, ..Terms::default() };
        let capacity = Capacity::new(u64::from(tickets)).expect("a capacity");
        let (sale, _) = Sale::create(capacity, terms, opens_at.0 == 0, now);
        Self { sale, busy_until: 0, granted: Vec::new(), round_trips: 0 }
    }

    /// When a call of `orders` orders that comes at `now` is done, in microseconds.
    pub fn done_at(&mut self, now: u64, orders: usize) -> u64 {
        self.busy_until = self.busy_until.max(now) + CALL_US + ORDER_US * orders as u64;
        self.busy_until
    }

    /// Tickets free; 0 while the sale is not open.
    #[must_use]
    pub fn free(&self) -> u32 {
        if self.sale.state == SaleState::Open {
            self.sale.capacity - self.sale.held - self.sale.confirmed
        } else {
            0
        }
    }

    /// The sale's version.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.sale.version
    }

    /// Tickets sold and not given back.
    #[must_use]
    pub const fn taken(&self) -> u32 {
        self.sale.held + self.sale.confirmed
    }

    /// Hears the sale; its own clock may open it.
    pub fn poll(&mut self, now: UnixMillis) -> Snapshot {
        self.sale.apply(&ModelCommand::Sweep, now);
        self.sale.snapshot(now)
    }

    /// One batch, each order for one ticket; `None` = granted.
    pub fn reserve(&mut self, buyers: &[u32], now: UnixMillis) -> (Snapshot, Vec<Option<Refusal>>) {
        self.round_trips += 1;
        let batch = buyers
            .iter()
            .map(|buyer| Reserve {
                id: OrderId::parse(&format!("order-of-buyer-{buyer:08}")).expect("an order id"),
                buyer: BuyerId::parse(&format!("buyer-{buyer}")).expect("a buyer id"),
                quantity: Quantity::ONE,
            })
            .collect::<Vec<_>>();
        let ids: Vec<OrderId> = batch.iter().map(|order| order.id.clone()).collect();
        let (answer, _) = self.sale.apply(&ModelCommand::Reserve(batch), now);
        let ModelReply::Orders(verdicts) = answer else {
            unreachable!("a batch is answered by verdicts")
        };
        let heard = verdicts
            .into_iter()
            .zip(ids)
            .map(|(verdict, id)| match verdict {
                Verdict::Granted { .. } => {
                    self.granted.push(id);
                    None
                }
                Verdict::Refused(refusal) => Some(refusal),
            })
            .collect();
        (self.sale.snapshot(now), heard)
    }

    /// Gives back the last `tickets` that were granted.
    pub fn give_back(&mut self, tickets: u32, now: UnixMillis) -> Snapshot {
        for _ in 0..tickets {
            if let Some(id) = self.granted.pop() {
                self.sale.apply(&ModelCommand::Cancel(id), now);
            }
        }
        self.sale.snapshot(now)
    }

    /// Lets the capacity grow.
    pub fn restock(&mut self, tickets: u32, now: UnixMillis) -> Snapshot {
        let capacity = Capacity::new(u64::from(self.sale.capacity + tickets)).expect("a capacity");
        self.sale.apply(&ModelCommand::Restock(capacity, None), now);
        self.sale.snapshot(now)
    }
}
