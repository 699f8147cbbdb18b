//! One origin node: its real outlook and stock; its queue, its one batch at the ledger and the time
//! that each request takes are modelled.

use fastrand::Rng;
use shared::admission::sale_hint::{Admission, NodeLoad, SaleHint, retry_after_ms};
use shared::domain::order::KeySource;
use shared::limits::{BATCH_MAX, QUEUE_MAX};
use shared::{EdgeId, Grant, NodeBudget, Quantity, Refusal, Snapshot, UnixMillis};
use std::collections::VecDeque;

/// An order at a node: the number of its request and where its id comes from.
#[derive(Clone, Copy, Debug)]
pub struct QueuedBuyer {
    /// The request.
    pub request: u32,
    /// Where the order id comes from.
    pub key: KeySource,
}

/// What a node sends to the ledger.
#[derive(Debug, Default)]
pub struct ScaleRound {
    /// Orders of the batch; a poll when there are none.
    pub batch: Vec<QueuedBuyer>,
    /// Orders refused from memory while the batch was formed.
    pub refused: Vec<(u32, Refusal)>,
}

/// One node.
#[derive(Debug)]
pub struct ScaleNode {
    weight: u32,
    live_weight: u32,
    hint: SaleHint,
    stock: NodeBudget,
    queue: VecDeque<QueuedBuyer>,
    poll: bool,
    /// Whether a batch or a poll is at the ledger.
    at_ledger: bool,
    /// Until when its processor is at work, in microseconds.
    busy_until: u64,
    /// Requests that it served.
    pub served: u64,
}

impl ScaleNode {
    /// A node that has just heard of the sale.
    #[must_use]
    pub fn new(weight: u32, live_weight: u32, snapshot: Snapshot) -> Self {
        Self {
            weight,
            live_weight,
            hint: SaleHint::new(snapshot),
            stock: NodeBudget::of(snapshot.free(), weight, live_weight),
            queue: VecDeque::new(),
            poll: false,
            at_ledger: false,
            busy_until: 0,
            served: 0,
        }
    }

    /// When a request that arrives at `now` has been read, in microseconds.
    pub fn read_at(&mut self, now: u64, service_us: u64) -> u64 {
        self.busy_until = self.busy_until.max(now) + service_us;
        self.served += 1;
        self.busy_until
    }

    /// Takes in an order: a "no" at once, or it waits.
    pub fn receive(
        &mut self,
        order: QueuedBuyer,
        now: UnixMillis,
        rng: &mut Rng,
    ) -> Option<Refusal> {
        let received = self.hint.receive(order.key, false, now, rng.f64());
        self.poll |= received.poll;
        if received.refusal.is_some() {
            return received.refusal;
        }
        if self.queue.len() >= QUEUE_MAX {
            return Some(Refusal::Busy(retry_after_ms(rng.f64())));
        }
        self.queue.push_back(order);
        None
    }

    /// The next round to the ledger, if there is one to be made now.
    pub fn next_round(&mut self, now: UnixMillis) -> Option<ScaleRound> {
        if self.at_ledger || (self.queue.is_empty() && !self.poll) {
            return None;
        }
        let mut round = ScaleRound::default();
        while round.batch.len() < BATCH_MAX
            && let Some(order) = self.queue.pop_front()
        {
            let first = round.batch.is_empty();
            match self.hint.admit(&mut self.stock, order.key, Quantity::ONE, first, now) {
                Admission::Send => round.batch.push(order),
                Admission::Refuse(refusal) => round.refused.push((order.request, refusal)),
                Admission::Later => {
                    self.queue.push_front(order);
                    break;
                }
            }
        }
        self.at_ledger = self.poll || !round.batch.is_empty();
        self.poll = false;
        Some(round)
    }

    /// The ledger's answer to the round.
    pub fn observe(&mut self, snapshot: &Snapshot) {
        self.at_ledger = false;
        self.hint.observe(snapshot);
        self.stock = NodeBudget::of(snapshot.free(), self.weight, self.live_weight);
    }

    /// An operator's change went through this node.
    pub fn hear_change(&mut self, snapshot: &Snapshot) {
        self.hint.observe(snapshot);
    }

    /// Whether it waits for the ledger.
    #[must_use]
    pub const fn is_at_ledger(&self) -> bool {
        self.at_ledger
    }

    /// What goes back to the edge with an answer.
    pub fn grant(&mut self, edge: &EdgeId, now: UnixMillis, rng: &mut Rng) -> Grant {
        let load = NodeLoad {
            waiting: self.queue.len(),
            room: QUEUE_MAX - self.queue.len(),
            weight: self.weight,
            live_weight: self.live_weight,
        };
        self.hint.grant(edge, load, now, rng.f64())
    }
}
