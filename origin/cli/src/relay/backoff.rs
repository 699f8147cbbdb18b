//! Backoff between two delivery attempts.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);

/// Pauses that double from 100 ms to 30 s, each shortened at random by up to half, so that many
/// relays whose receivers fail together do not come back together.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    pause: Duration,
    longest: Duration,
}

impl Backoff {
    pub(super) const fn new() -> Self {
        Self::up_to(LONGEST)
    }

    /// The same up to another longest pause.
    pub(super) const fn up_to(longest: Duration) -> Self {
        Self { pause: FIRST, longest }
    }

    /// The next pause; `chance` is at least 0 and below 1.
    pub(super) fn next(&mut self, chance: f64) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(self.longest);
        pause.mul_f64(1.0 - chance / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::new();
        let pauses: Vec<u128> = (0..11).map(|_| backoff.next(0.0).as_millis()).collect();
        let doubled = [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000];
        assert_eq!(pauses, doubled);
    }

    #[test]
    fn chance_shortens_a_pause_by_at_most_half() {
        let pause = |chance| Backoff::new().next(chance).as_millis();
        assert_eq!(pause(0.5), 75);
        assert!((50..=51).contains(&pause(0.999)));
    }
}
