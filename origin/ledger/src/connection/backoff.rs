//! Backoff between two connection attempts.

use std::time::Duration;

/// The first wait, in milliseconds, and the longest.
const FIRST_MS: u64 = 20;
const LONGEST_MS: u64 = 500;

/// Waits that double, each shortened by chance to at least its half, so that the nodes do not come
/// together.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failed: u32,
}

impl Backoff {
    /// The wait after one more failure.
    pub(super) fn next(&mut self) -> Duration {
        let whole = FIRST_MS.saturating_mul(1 << self.failed.min(10));
        self.failed = self.failed.saturating_add(1);
        let part = 0.5 + fastrand::f64() / 2.0;
        Duration::from_millis(whole.min(LONGEST_MS)).mul_f64(part)
    }

    /// All is well again.
    pub(super) fn reset(&mut self) {
        self.failed = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_half_a_second_and_differ() {
        let mut backoff = Backoff::default();
        let waits: Vec<Duration> = (0..50).map(|_| backoff.next()).collect();
        assert!(waits[0] >= Duration::from_millis(10) && waits[0] <= Duration::from_millis(20));
        let late = &waits[6..];
        assert!(late.iter().all(|w| (250..=500).contains(&(w.as_millis() as u64))));
        assert!(late.iter().any(|w| *w != late[0]));
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(20));
    }
}
