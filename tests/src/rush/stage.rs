//! What happens beside a crowd: a script sees how far the sale is, and acts when it is time.

use std::cell::Cell;
use tokio::sync::Notify;

/// How far the crowd is, for a script that runs beside it on the same thread.
#[derive(Debug, Default)]
pub struct Stage {
    granted: Cell<u64>,
    refused: Cell<u64>,
    changed: Notify,
}

impl Stage {
    /// Tickets that buyers were told they have.
    #[must_use]
    pub const fn granted(&self) -> u64 {
        self.granted.get()
    }

    /// Buyers who were refused for good.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused.get()
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

    pub(super) fn note(&self, granted: u64, refused: u64) {
        self.granted.set(granted);
        self.refused.set(refused);
        self.changed.notify_waiters();
    }
}
