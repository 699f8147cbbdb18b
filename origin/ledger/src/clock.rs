//! Clocks: the wall clock of this machine and the estimated clock of the ledger.

use shared::UnixMillis;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// This machine's clock.
#[must_use]
pub fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The ledger's clock, estimated from its last reply, so that all nodes agree on windows and
/// deadlines.
#[derive(Debug, Default)]
pub struct LedgerClock {
    ahead_ms: AtomicI64,
}

impl LedgerClock {
    /// Updates the estimate from a time that the ledger returned just now.
    pub fn observe(&self, ledger: UnixMillis) {
        let ahead = i64::try_from(ledger.0).unwrap_or(0) - i64::try_from(now().0).unwrap_or(0);
        self.ahead_ms.store(ahead, Ordering::Relaxed);
    }

    /// The ledger's clock, estimated.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        UnixMillis(now().0.saturating_add_signed(self.ahead_ms.load(Ordering::Relaxed)))
    }
}
