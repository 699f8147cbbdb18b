//! Pause of an accept loop after an error: file descriptors may run out, and come back.

use std::io;
use std::time::Duration;
use tracing::warn;

/// First and longest pause after a failed accept.
const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);

/// How long an accept loop waits after its next error.
#[derive(Debug)]
pub(crate) struct AcceptPause(Duration);

impl Default for AcceptPause {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl AcceptPause {
    /// A connection was accepted: the next error is the first one again.
    pub(crate) const fn reset(&mut self) {
        self.0 = FIRST;
    }

    /// Waits after `error`, each time longer, and logs why. An error that only says that one
    /// waiting connection is gone is no reason to wait.
    pub(crate) async fn after(&mut self, error: &io::Error) {
        if is_about_one_connection(error) {
            return;
        }
        let pause = self.0;
        warn!("cannot accept connections: {error}; trying again in {pause:?}");
        tokio::time::sleep(pause).await;
        self.0 = (pause * 2).min(LONGEST);
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    /// The waits after so many errors of this kind in a row, in milliseconds.
    async fn waits(pause: &mut AcceptPause, kind: io::ErrorKind, errors: usize) -> Vec<u128> {
        let mut waited = Vec::new();
        for _ in 0..errors {
            let begun = Instant::now();
            pause.after(&kind.into()).await;
            waited.push(begun.elapsed().as_millis());
        }
        waited
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_up_to_a_second_and_a_connection_makes_them_short_again() {
        let mut pause = AcceptPause::default();
        let failed = io::ErrorKind::Other;
        assert_eq!(waits(&mut pause, failed, 8).await, [20, 40, 80, 160, 320, 640, 1_000, 1_000]);
        pause.reset();
        assert_eq!(waits(&mut pause, failed, 1).await, [20]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_gone_already_costs_no_pause() {
        let mut pause = AcceptPause::default();
        assert_eq!(waits(&mut pause, io::ErrorKind::ConnectionAborted, 2).await, [0, 0]);
    }
}
