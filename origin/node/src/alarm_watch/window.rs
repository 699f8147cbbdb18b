//! Window: how much a total has grown within the last minutes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Samples of one window.
const SAMPLES: u32 = 60;

/// Samples of one total, a sixtieth of the window apart: at most 62 of 24 bytes.
#[derive(Debug, Default)]
pub(super) struct Window(VecDeque<(Instant, u64)>);

impl Window {
    /// What `total` has gained within `span`, `total` being what it is at `now`. A total that fell,
    /// because what counts it began anew, has gained all that it is.
    pub(super) fn gained(&mut self, total: u64, span: Duration, now: Instant) -> u64 {
        self.keep(total, span, now);
        let Some((_, first)) = self.0.front() else { return 0 };
        if total < *first {
            self.0.clear();
            self.0.push_back((now, 0));
            return total;
        }
        total - first
    }

    /// What `value` grows a second, over `span`; `None` before it was seen for `least`.
    pub(super) fn growth(
        &mut self,
        value: u64,
        span: Duration,
        least: Duration,
        now: Instant,
    ) -> Option<f64> {
        self.keep(value, span, now);
        let (begun, first) = self.0.front()?;
        let seen = now.duration_since(*begun);
        (seen >= least).then(|| (value as f64 - *first as f64) / seen.as_secs_f64())
    }

    /// Keeps the newest sample that is as old as `span`, and those after it.
    fn keep(&mut self, value: u64, span: Duration, now: Instant) {
        while self.0.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= span) {
            self.0.pop_front();
        }
        let last = self.0.back().map(|(at, _)| now.duration_since(*at));
        if last.is_none_or(|last| last >= span / SAMPLES) {
            self.0.push_back((now, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(60);

    #[test]
    fn what_was_gained_is_forgotten_after_the_window() {
        let (mut window, begun) = (Window::default(), Instant::now());
        let mut at =
            |second, total| window.gained(total, SPAN, begun + Duration::from_secs(second));
        assert_eq!(at(0, 7), 0, "what came before it was watched is not of now");
        assert_eq!(at(1, 9), 2);
        for second in 2..=60 {
            assert_eq!(at(second, 9), 2);
        }
        assert_eq!(at(61, 9), 0);
        assert_eq!(at(62, 10), 1);
    }

    #[test]
    fn a_total_that_begins_anew_has_gained_what_it_is() {
        let (mut window, begun) = (Window::default(), Instant::now());
        assert_eq!(window.gained(100, SPAN, begun), 0);
        let later = begun + Duration::from_secs(1);
        assert_eq!(window.gained(3, SPAN, later), 3);
        assert_eq!(window.gained(4, SPAN, later + Duration::from_secs(1)), 4);
    }

    #[test]
    fn growth_needs_some_time_and_samples_are_bounded() {
        let (mut window, begun) = (Window::default(), Instant::now());
        let mut growth = |second: u64| {
            let now = begun + Duration::from_secs(second);
            window.growth(1_000 + 5 * second, SPAN, Duration::from_secs(20), now)
        };
        assert_eq!(growth(0), None);
        assert_eq!(growth(19), None);
        assert_eq!(growth(20), Some(5.0));
        for second in 21..1_000 {
            assert_eq!(growth(second), Some(5.0));
        }
        assert!(window.0.len() <= SAMPLES as usize + 2, "{}", window.0.len());
    }
}
