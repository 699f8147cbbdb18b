//! Stop signal of a relay: checked between two steps, never during a delivery.

use std::time::Duration;
use tokio::sync::watch;

/// Where a relay receives the signal to stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A shutdown signal, and where to send it.
    #[must_use]
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (send, receive) = watch::channel(false);
        (send, Self(receive))
    }

    /// Whether it has come.
    pub(crate) fn has_come(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for it.
    pub(super) async fn came(&mut self) {
        // A dropped sender also means shut down.
        drop(self.0.wait_for(|signal| *signal).await);
    }

    /// Waits, but not longer than until the signal; whether it came.
    pub(crate) async fn sleep(&mut self, pause: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(pause) => false,
            () = self.came() => true,
        }
    }
}
