//! What a node has acknowledged: its journal in a file, which a kill of the node leaves as it is.

use shared::{Order, OrderId, OrderState, Snapshot};
use std::collections::BTreeMap;

/// An order as it was acknowledged, and the number of the log that came with it.
pub type SimulatedAck = (u64, Order);

#[derive(Clone, Debug, Default)]
pub struct SimulatedJournal {
    /// The last word on each order.
    pub orders: BTreeMap<OrderId, SimulatedAck>,
    /// The newest snapshot that was received; of what was only received a kill leaves nothing.
    pub last: Option<Snapshot>,
    /// The newest one that is in the file.
    noted: Option<Snapshot>,
    /// How often it was read: an answer to a call that was sent before is not acknowledged.
    pub readings: u64,
    pub entries: u64,
}

impl SimulatedJournal {
    /// Takes in how the sale stands.
    pub fn receive(&mut self, snapshot: &Snapshot) {
        newer(&mut self.last, snapshot);
    }

    /// The highest number that was received.
    pub fn received(&self) -> u64 {
        self.last.map_or(0, |last| last.commit_seq)
    }

    /// Notes an order before its buyer is answered.
    pub fn note(&mut self, id: &OrderId, order: &Order, snapshot: &Snapshot) {
        let told = (snapshot.commit_seq, order.clone());
        if self.orders.get(id).is_none_or(|old| old.0 <= told.0) {
            self.orders.insert(id.clone(), told);
        }
        self.entries += 1;
        newer(&mut self.noted, snapshot);
    }

    pub const fn kill(&mut self) {
        self.last = self.noted;
        self.readings += 1;
    }
}

/// Whether an answer with this order acknowledges anything: that a hold ended promises nothing.
pub fn acknowledges(order: &Order) -> bool {
    order.refused_late || order.state != OrderState::Expired
}

fn newer(last: &mut Option<Snapshot>, snapshot: &Snapshot) {
    if last.is_none_or(|old| old.commit_seq < snapshot.commit_seq) {
        *last = Some(*snapshot);
    }
}
