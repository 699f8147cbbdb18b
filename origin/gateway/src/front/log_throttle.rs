//! Throttle of log lines that a client could cause at will.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Time between two lines.
const EVERY: Duration = Duration::from_secs(10);

/// Lets one line pass in each while, on whatever thread it comes.
#[derive(Debug)]
pub(super) struct LogThrottle {
    started: Instant,
    /// When the next line may pass, in milliseconds since the start.
    next_ms: AtomicU64,
}

impl Default for LogThrottle {
    fn default() -> Self {
        Self { started: Instant::now(), next_ms: AtomicU64::new(0) }
    }
}

impl LogThrottle {
    /// Whether a line may be written now.
    pub(super) fn passes(&self) -> bool {
        self.passes_at(self.started.elapsed())
    }

    fn passes_at(&self, since: Duration) -> bool {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (now, next) = (ms(since), self.next_ms.load(Ordering::Relaxed));
        let after = ms(since.saturating_add(EVERY));
        now >= next
            && self
                .next_ms
                .compare_exchange(next, after, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_passes_in_ten_seconds() {
        let throttle = LogThrottle::default();
        let at = |s| throttle.passes_at(Duration::from_secs(s));
        assert_eq!([0, 1, 9, 10, 11, 25].map(at), [true, false, false, true, false, true]);
    }
}
