//! Token budget: how many of something may be done a second, whoever asks.
//!
//! As the buckets of [`super::rate_limit`], for a single one.

use crate::domain::time::UnixMillis;

/// Microseconds of a millisecond.
const US: u64 = 1_000;
/// Microseconds of a second.
const SECOND_US: u64 = 1_000_000;
/// A full budget lasts for so many seconds of its rate.
pub const BURST_SECONDS: u64 = 2;

/// A token bucket as one number: when it is full again, in Unix microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenBudget(u64);

impl TokenBudget {
    /// Takes `count` calls out of a bucket that fills with `rate` a second, if at least `left` of
    /// them stay in it.
    pub fn take(&mut self, rate: u32, count: u32, left: u64, now: UnixMillis) -> bool {
        let cost = SECOND_US / u64::from(rate.max(1));
        let now = now.0.saturating_mul(US);
        let depth = SECOND_US.saturating_mul(BURST_SECONDS);
        // A clock that was set back must not lock anybody out.
        let full_at = self.0.clamp(now, now.saturating_add(depth));
        let after = full_at.saturating_add(cost.saturating_mul(count.into()));
        let least = cost.saturating_mul(left);
        let has_room = after.saturating_sub(now).saturating_add(least) <= depth;
        if has_room {
            self.0 = after;
        }
        has_room
    }

    /// Whether nothing was taken lately.
    #[must_use]
    pub const fn is_full(self, now: UnixMillis) -> bool {
        self.0 <= now.0.saturating_mul(US)
    }
}
