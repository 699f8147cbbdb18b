//! What happens beside a crowd: a script sees how far the sale is, and acts when it is time.

use super::tally::LoadTally;
use std::cell::{Cell, RefCell};
use tokio::sync::Notify;

/// How far the crowd is, for a script that runs beside it on the same thread.
#[derive(Debug, Default)]
pub struct LoadStage {
    granted: Cell<u64>,
    refused: Cell<u64>,
    granted_at: RefCell<Vec<u64>>,
    changed: Notify,
}

impl LoadStage {
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
