//! What happens beside a crowd: a script sees how far the sale is, and acts when it is time.

use super::tally::LoadTally;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use tokio::sync::Notify;

/// How far the crowd is, for a script that runs beside it on the same thread.
#[derive(Debug, Default)]
pub struct LoadStage {
    granted: Cell<u64>,
    refused: Cell<u64>,
    granted_at: RefCell<Vec<u64>>,
    /// Buyers who were told that they have a ticket.
    told: RefCell<BTreeSet<u32>>,
    /// Buyers who were refused for good, where a script asks who they are.
    refused_buyers: Option<RefCell<BTreeSet<u32>>>,
    changed: Notify,
}

impl LoadStage {
    /// One that names the buyers who were refused for good, for crowds that are not large.
    pub fn naming_refused() -> Self {
        Self { refused_buyers: Some(RefCell::default()), ..Self::default() }
    }

    /// Tickets that buyers were told they have.
    pub const fn granted(&self) -> u64 {
        self.granted.get()
    }

    /// Buyers who were refused for good.
    pub const fn refused(&self) -> u64 {
        self.refused.get()
    }

    /// Tickets that each door gave.
    pub fn granted_at(&self) -> Vec<u64> {
        self.granted_at.borrow().clone()
    }

    /// The buyers who were told that they have a ticket.
    pub fn granted_buyers(&self) -> BTreeSet<u32> {
        self.told.borrow().clone()
    }

    /// The buyers who were refused for good, where that is asked for.
    pub fn refused_buyers(&self) -> BTreeSet<u32> {
        self.refused_buyers.as_ref().map_or_else(BTreeSet::new, |buyers| buyers.borrow().clone())
    }

    pub(super) fn report_refused(&self, buyer: u32) {
        if let Some(buyers) = &self.refused_buyers {
            buyers.borrow_mut().insert(buyer);
        }
    }

    pub(super) fn report_granted(&self, buyer: u32) {
        self.told.borrow_mut().insert(buyer);
    }

    /// Waits until so many tickets are sold.
    pub async fn sold(&self, tickets: u64) {
        loop {
            let changed = self.changed.notified();
            if self.granted() >= tickets {
                return;
            }
            changed.await;
        }
    }

    pub(super) fn note(&self, tally: &LoadTally) {
        self.granted.set(tally.granted);
        self.refused.set(tally.refused_final);
        self.granted_at.borrow_mut().clone_from(&tally.granted_at);
        self.changed.notify_waiters();
    }
}
