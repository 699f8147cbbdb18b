//! The buyers who wait to ask again, bounded.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Instant;

/// Buyers who may wait at the same time. When they are so many, no new buyer comes until one of
/// them had a turn: the generator's memory is bounded, and so is how long a buyer waits for a
/// connection.
pub const WAITING_MAX: usize = 100_000;

/// A buyer's turn to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingTurn {
    /// Whose it is.
    pub buyer: u32,
    /// How often the buyer asked before.
    pub attempts: u32,
    /// Whether an answer to an earlier attempt was lost.
    pub repeated: bool,
    /// When the buyer asked first.
    pub came: Instant,
}

#[derive(Debug, PartialEq, Eq)]
struct Waits {
    until: Instant,
    turn: WaitingTurn,
}

impl Ord for Waits {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.until, self.turn.buyer).cmp(&(other.until, other.turn.buyer))
    }
}

impl PartialOrd for Waits {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Those who wait, the first one due on top.
#[derive(Debug, Default)]
pub struct WaitingRequests(BinaryHeap<Reverse<Waits>>);

impl WaitingRequests {
    /// Lets a buyer wait.
    pub fn push(&mut self, until: Instant, turn: WaitingTurn) {
        self.0.push(Reverse(Waits { until, turn }));
    }

    /// The next one who has waited long enough.
    pub fn due(&mut self, now: Instant) -> Option<WaitingTurn> {
        if self.next_at()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(waits)| waits.turn)
    }

    /// When the next one is due.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse(waits)| waits.until)
    }

    /// Whether no new buyer should come.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.len() >= WAITING_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn whoever_is_due_first_goes_first_and_nobody_goes_early() {
        let now = Instant::now();
        let after = |ms| now + Duration::from_millis(ms);
        let turn = |buyer| WaitingTurn { buyer, attempts: 1, repeated: false, came: now };
        let mut waiting = WaitingRequests::default();
        waiting.push(after(20), turn(1));
        waiting.push(after(10), turn(2));
        assert_eq!(waiting.due(after(9)), None);
        assert_eq!(waiting.next_at(), Some(after(10)));
        assert_eq!(waiting.due(after(30)), Some(turn(2)));
        assert_eq!(waiting.due(after(30)), Some(turn(1)));
        assert_eq!(waiting.due(after(30)), None);
    }
}
