//! The buyers who wait to ask again, bounded.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// Buyers who may wait at the same time. When they are so many, no new buyer comes until one of
/// them had a turn: the generator's memory is bounded, and so is how long a buyer waits for a
/// connection.
const WAITING_MAX: usize = 100_000;

/// A buyer's turn to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WaitingTurn {
    pub(super) buyer: u32,
    /// How often the buyer asked before.
    pub(super) attempts: u32,
    /// Whether an answer to an earlier attempt was lost.
    pub(super) repeated: bool,
    /// When the buyer asked first.
    pub(super) came: Instant,
}

/// Those who wait, the first one due on top.
#[derive(Debug, Default)]
pub(super) struct WaitingRequests(BinaryHeap<Reverse<(Instant, WaitingTurn)>>);

impl WaitingRequests {
    pub(super) fn push(&mut self, until: Instant, turn: WaitingTurn) {
        self.0.push(Reverse((until, turn)));
    }

    /// The next one who has waited long enough.
    pub(super) fn due(&mut self, now: Instant) -> Option<WaitingTurn> {
        self.next_at().filter(|at| *at <= now)?;
        self.0.pop().map(|Reverse((_, turn))| turn)
    }

    /// When the next one is due.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((until, _))| *until)
    }

    /// Whether no new buyer should come.
    pub(super) fn is_full(&self) -> bool {
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
